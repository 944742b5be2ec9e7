"""Is what a job made ready? Each of its checkpoints gated by itself, against the same baselines.

Reads: a finished job, suites, baselines.  Gives: Judged, one a checkpoint, as training went.
Depends on: recipe, stages.decide and what it stands on; clients.together_jobs for the checkpoints.
All checkpoints are asked at once, interleaved and under one budget; each gate then finds its run
complete and asks nothing.  One verdict over all of them would be READY only if even the first
checkpoint were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.clients.settings import ClientSettings
from evalharness.clients.together_jobs import STEP, job_checkpoints
from evalharness.errors import StoreError, UsageError
from evalharness.results import GateFile
from evalharness.spec.suite import Suite
from evalharness.stages.arms import distinct, resolve_all
from evalharness.stages.blessed import execute_with_blessed, resolve_baseline
from evalharness.stages.decide import GateRequest, gate
from evalharness.stages.options import Report, RunOptions
from evalharness.store.runs import RunFolder, read_json
from evalharness.tune.recipe import Judged, JudgedMetric, Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    """Who judges, and against whom. reproduce: the command that asks for it again."""

    suites: tuple[Suite, ...]
    baselines: tuple[str, ...]
    reproduce: str = ""

    def __post_init__(self) -> None:
        if self.suites and not self.baselines:
            raise UsageError(
                "--gate needs something to compare with",
                mend="--baseline M: the model that would be used otherwise",
            )


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a job, as `--candidate` takes it, and the step it is of."""

    reference: str
    step: int | None


def models_of(job: str, settings: ClientSettings) -> list[Model]:
    """A job's checkpoints in the order of training; its result last.

    The checkpoint of the last step is the result itself and is not asked twice.
    Raises ClientError where no checkpoint is registered as a model.
    """
    points = job_checkpoints(job, settings)
    last = points[-1]
    return [
        *(Model(f"together/job:{job}{STEP}{point.step}", point.step) for point in points[:-1]),
        Model(f"together/job:{job}", last.step),
    ]


def judge_models(
    models: Sequence[Model],
    court: Court,
    losses: Sequence[Loss],
    options: RunOptions,
    report: Report,
) -> list[Judged]:
    """The verdict on each model; raises as `gate` does."""
    if len(models) > 1:
        _ask_all(models, court, options, report)
    judged = []
    for model in models:
        request = GateRequest(
            suites=court.suites,
            candidates=(model.reference,),
            baselines=court.baselines,
            reproduce=court.reproduce,
        )
        folder = gate(request, options, report)
        judged.append(_judged(model, folder, losses, options.out))
    return judged


def _ask_all(models: Sequence[Model], court: Court, options: RunOptions, report: Report) -> None:
    """Every model over every suite, interleaved in time so that a drifting provider hits all."""
    references = [model.reference for model in models]
    for suite in court.suites:
        baselines = [
            resolve_baseline(name, suite=suite.name, out=options.out) for name in court.baselines
        ]
        arms = distinct([*baselines, *resolve_all(references, options, suite=suite.name)])
        execute_with_blessed(suite, arms, options, report)


def _judged(model: Model, folder: Path, losses: Sequence[Loss], out: Path) -> Judged:
    file = read_json(folder / "gate.json", GateFile)
    if file.verdict is None:
        raise StoreError("the gate has no verdict", where=str(folder))
    return Judged(
        model=model.reference,
        step=model.step,
        loss=loss_at(losses, model.step),
        verdict=file.verdict.state,
        exit_code=file.verdict.exit_code,
        gate=folder.name,
        metrics=tuple(_metrics(file, out)),
    )


def _metrics(file: GateFile, out: Path) -> Iterator[JudgedMetric]:
    """The gated metrics of the candidate, each once, with the first baseline's value."""
    seen: set[tuple[str, str]] = set()
    runs = {arm.suite: out / arm.run for arm in file.arms if arm.role == "candidate"}
    for row in file.gates:
        if row.slice is not None or (row.suite, row.metric) in seen:
            continue
        seen.add((row.suite, row.metric))
        found = RunFolder(runs[row.suite]).summary().metrics.get(row.metric)
        if found is not None:
            yield JudgedMetric(
                suite=row.suite,
                metric=row.metric,
                scale=found.scale,
                estimate=found.estimate,
                baseline_value=row.baseline_value,
            )


def loss_at(losses: Sequence[Loss], step: int | None) -> float | None:
    """The last loss recorded up to a step; of the whole training where the step is not known."""
    before = [one.loss for one in losses if step is None or one.step <= step]
    return before[-1] if before else None
