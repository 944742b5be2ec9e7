"""selfcheck: a suite must be able to score full marks before a model is blamed.

Reads: the suite, its held-out data.  Gives: findings (a bad metric name, a template that fails,
references that do not score full marks).
Depends on: score, prompts, data.checks' Finding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from evalharness.data.findings import Finding, Severity
from evalharness.errors import HarnessError, SandboxError
from evalharness.prompts.build import build_program
from evalharness.prompts.leak import excerpt
from evalharness.records import Answered, Completion, Sample
from evalharness.sandbox.jobs import Mode
from evalharness.spec.suite import CodeSpec, Suite
from evalharness.stages.acquaint import acquaint
from evalharness.stages.evidence import limits_of, needs_execution, program_job
from evalharness.stages.extraction import Extractor, build_extractor
from evalharness.stages.options import RunOptions
from evalharness.stages.plan import heldout
from evalharness.stages.score import NamedMetric, Unit, measure_units, suite_metrics

CHECKED: Final = 200
"""Samples whose references are scored: enough to notice a broken suite, soon done."""

CHECKED_AT_RUN: Final = 20
"""The same before each run's summary: a broken suite misses them all."""

REFERENCES: Final = 5
"""References of one sample that are scored, each as the answer and alone as the reference: a rule
like CoQA's, which leaves one of several out, gives no answer full marks against all of them."""

PROGRAMS: Final = 40
"""Canonical solutions that are run: some sets test each for seconds."""


def check_suite(suite: Suite, data: Path | None) -> list[Finding]:
    """Everything that would go wrong before, or silently after, a run of this suite."""
    place = suite.place
    try:
        metrics = suite_metrics(suite)
        extract = build_extractor(suite.extract, where=place)
        source = heldout(suite, RunOptions(out=Path("runs"), data=data))
        program = build_program(suite.prompt, base=Path(suite.base), where=place, heldout=source)
        samples = list(itertools.islice(source, CHECKED))
        for sample in samples:
            program.render(sample)
    except HarnessError as error:
        return [_finding("error", "suite", error.message, error.where or place, error.mend)]
    units = [unit for sample in samples for unit in _answered_by_references(sample)]
    found = list(_slice_findings(suite, samples, place))
    _extract_all(units, extract)
    acquaint([named.metric for named in metrics], samples)
    for named in metrics:
        found += _check_metric(named, units, place)
    if needs_execution(suite):
        found += _check_canonical(suite, samples, place)
    return found


def broken_references(suite: Suite, source: Iterable[Sample]) -> tuple[str, ...]:
    """Metrics by which none of the first references is right: what every run warns of.

    Raises DataError for a sample that cannot be read.
    """
    samples = list(itertools.islice(source, CHECKED_AT_RUN))
    units = [unit for sample in samples for unit in _answered_by_references(sample)]
    place = suite.place
    _extract_all(units, build_extractor(suite.extract, where=place))
    metrics = suite_metrics(suite)
    acquaint([named.metric for named in metrics], samples)
    found = [one for named in metrics for one in _check_metric(named, units, place)]
    return tuple(one.message for one in found if one.severity == "error")


def _extract_all(units: list[Unit], extract: Extractor | None) -> None:
    """What is scored of each reference; all of it where references are what is extracted."""
    taken = [extract(unit.text or "") if extract else unit.text for unit in units]
    if any(text is not None for text in taken):
        for unit, text in zip(units, taken, strict=True):
            unit.text = text


def _answered_by_references(sample: Sample) -> Iterator[Unit]:
    """Units whose answer is a reference of the sample, which is asked for nothing else."""
    for number, target in enumerate(sample.targets[:REFERENCES]):
        alone = msgspec.structs.replace(sample, targets=(target,))
        completion = Completion(text=target, finish="stop")
        yield Unit(alone, number, Answered(completion=completion), text=target)


def _check_metric(named: NamedMetric, units: list[Unit], place: str) -> Iterator[Finding]:
    """Whether the references reach the metric's best value."""
    metric = named.metric
    if metric.sees != "answers" or metric.needs - {"targets"} or not units:
        return
    bounds = metric.bounds([unit.sample for unit in units])
    if bounds is None:
        return
    measure_units(named, units)
    wrong = [
        (unit.sample.id, unit.sample.targets[0])
        for unit, best in zip(units, bounds[1].tolist(), strict=True)
        if named.label in unit.rows and not _as_good(unit.rows[named.label], best)
    ]
    if wrong:
        severity: Severity = "error" if len(wrong) == len(units) else "warning"
        first, text = wrong[0]
        yield _finding(
            severity,
            "self_check",
            f"{named.label}: the reference answers themselves miss full marks, {len(wrong)} of "
            f"{len(units)} (first: sample '{first}', {excerpt(text)})",
            place,
            "check the metric's options, `extract` and the references: no model could do better",
        )


def _check_canonical(suite: Suite, samples: list[Sample], place: str) -> list[Finding]:
    """Whether the canonical solutions pass their own tests, in the sandbox that judges models."""
    from evalharness.sandbox import Sandbox

    spec = suite.data.code or CodeSpec()
    mode = Mode.IN_PROCESS if spec.inprocess else Mode.SPLIT
    solved = [(one, one.code.canonical) for one in samples if one.code and one.code.canonical]
    solved = solved[:PROGRAMS]
    jobs = [job for one, answer in solved if (job := program_job(one, answer or "", mode))]
    if not jobs:
        return []
    try:
        with Sandbox(limits=limits_of(spec)) as box:
            ran = list(box.run_many(jobs))
    except SandboxError as error:
        return [_finding("warning", "sandbox", error.message, place, error.mend)]
    broken = [one for one in ran if one.status != "passed"]
    if not broken:
        return []
    first = broken[0]
    late = all(one.status.startswith("timeout") for one in broken)  # a busy machine, perhaps
    return [
        _finding(
            "warning" if late else "error",
            "self_check",
            f"{len(broken)} of {len(ran)} canonical solutions fail their own tests (first: "
            f"'{first.task}', {first.status} {first.detail[:80]})",
            place,
            "mend the tests, the limits (data.code.timeout_s) or data.code.preload before a model "
            "is blamed",
        )
    ]


def _as_good(row: tuple[float, ...], best: list[float]) -> bool:
    return all(abs(a - b) <= 1e-9 * max(1.0, abs(b)) for a, b in zip(row, best, strict=True))


def _slice_findings(suite: Suite, samples: list[Sample], place: str) -> Iterator[Finding]:
    known = {f"{name}={value}" for sample in samples for name, value in sample.slices.items()}
    names = {name.partition("=")[0] for name in known}
    for number, gate in enumerate(suite.policy.gates):
        if gate.slice is not None and gate.slice.partition("=")[0] not in names:
            yield _finding(
                "error",
                "slice",
                f"no sample has a slice '{gate.slice.partition('=')[0]}'",
                f"{place}, policy.gates[{number}].slice",
                f"slices here: {', '.join(sorted(names)) or 'none; name them in data.slices'}",
            )


def _finding(severity: Severity, code: str, message: str, where: str, mend: str | None) -> Finding:
    return Finding(severity=severity, code=code, message=message, where=where, mend=mend)
