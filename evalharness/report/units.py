"""Unit by unit: spreads, paired differences and every answer, for reports that show them.

Reads: marks.jsonl and outcomes.jsonl of the runs of a folder, the held-out data for the questions.
Gives: the same facts with `spreads`, `differences` and `samples` filled.
Depends on: store, stages.pairing, data (for the texts).  Never models or metrics.
It costs a second reading of the runs, so only reports that show units ask for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from evalharness.data.sources import open_source
from evalharness.errors import HarnessError
from evalharness.records import Answered, Completion, Failed, Sample
from evalharness.report.facts import question
from evalharness.report.reliability import reliability_of
from evalharness.results import (
    AnswerFacts,
    ArmFacts,
    ComparisonRow,
    Facts,
    GateFile,
    PairedSpread,
    SampleFacts,
    Spread,
)
from evalharness.stages.pairing import Pairing, pair, paired_rows
from evalharness.store.journal import OutcomeEntry, read_entries
from evalharness.store.keys import unit_hash
from evalharness.store.marks import MarkHeader, MarkLine, MarkTable, iterate_marks, read_marks
from evalharness.store.runs import RunFolder, is_run, read_json

if TYPE_CHECKING:
    from evalharness.contracts import Array

MOST_SAMPLES: Final = 10_000
"""Units of a suite that a report lists; of more, those with the least hash, so that every arm and
every report lists the same ones."""

QUANTILES: Final = 101
UNIT_KINDS: Final = frozenset({"binary", "continuous"})
SCALES: Final = {
    "latency_s": "seconds",
    "ttft_s": "seconds",
    "completion_tokens": "tokens",
    "cost_usd": "usd",
}

Unit = tuple[str, int]
Runs = Mapping[tuple[str, str], RunFolder]


def add_units(facts: Facts, folder: Path, *, out: Path) -> Facts:
    """The facts of a run, comparison or gate folder, with what its runs hold unit by unit.

    out: the folder that holds the runs which gate.json names.
    Raises StoreError for a damaged run.
    """
    return with_units(facts, runs_of(facts, folder, out))


def with_units(facts: Facts, runs: Runs) -> Facts:
    """The facts with what these runs hold unit by unit; runs: (suite, arm) -> run folder."""
    samples: list[SampleFacts] = []
    answers: dict[tuple[str, str], _Arm] = {}
    total = 0
    for suite in dict.fromkeys(suite for suite, _ in runs):
        members = {name: run for (of, name), run in runs.items() if of == suite}
        kept, n_units = kept_units(members.values())
        total += n_units
        arms = {name: _read_arm(run, kept) for name, run in members.items()}
        answers |= {(suite, name): arm for name, arm in arms.items()}
        samples += _samples(suite, members, arms, kept)
    return msgspec.structs.replace(
        facts,
        arms=tuple(_with_spreads(arm, answers) for arm in facts.arms),
        differences=tuple(_differences(facts.comparisons, runs)),
        samples=tuple(samples),
        n_samples=total,
        reliability=tuple(
            one for (suite, arm), run in runs.items() for one in reliability_of(suite, arm, run)
        ),
    )


def runs_of(facts: Facts, folder: Path, out: Path) -> dict[tuple[str, str], RunFolder]:
    """(suite, arm) -> run folder, of a run folder or of a gate's."""
    if is_run(folder):
        arm = facts.arms[0]
        return {(arm.summary.suite, arm.name): RunFolder(folder)}
    gate = read_json(folder / "gate.json", GateFile)
    return {(arm.suite, arm.name): RunFolder(out / arm.run) for arm in gate.arms}


def kept_units(runs: Iterable[RunFolder], most: int = MOST_SAMPLES) -> tuple[set[Unit], int]:
    """The units that are listed, and how many there are over all runs of a suite."""
    units: dict[Unit, None] = {}
    for run in runs:
        for line in mark_lines(run):
            units[line.id, line.repeat] = None
    if len(units) <= most:
        return set(units), len(units)
    ordered = sorted(units, key=lambda unit: (unit_hash(*unit), unit))
    return set(ordered[:most]), len(units)


def mark_lines(run: RunFolder) -> Iterator[MarkLine]:
    """Every unit of a run, without the header."""
    return (line for line in iterate_marks(run.marks_path) if isinstance(line, MarkLine))


# --- one arm ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Arm:
    """What one arm answered: spreads over everything, answers of the units that are listed."""

    spreads: tuple[Spread, ...] = ()
    answers: dict[Unit, AnswerFacts] = field(default_factory=dict)
    slices: dict[Unit, dict[str, str]] = field(default_factory=dict)


def _read_arm(run: RunFolder, kept: set[Unit]) -> _Arm:
    arm = _Arm()
    gathered = {name: array("d") for name in SCALES}
    texts: dict[Unit, AnswerFacts] = {}
    for entry in read_entries(run.outcomes_path, OutcomeEntry):
        unit = (entry.id, entry.repeat)
        if isinstance(entry.outcome, Answered):
            _gather(gathered, entry.outcome.completion)
        if unit in kept:
            texts[unit] = _answer(entry.outcome)
    names = _unit_metrics(run)
    for line in mark_lines(run):
        unit = (line.id, line.repeat)
        if unit in kept:
            answer = texts.get(unit, AnswerFacts(failed="missing"))
            arm.answers[unit] = msgspec.structs.replace(
                answer, values=_values(line, names), unparsed=line.unparsed
            )
            arm.slices[unit] = line.slices
    arm.spreads = tuple(
        Spread(name=name, scale=SCALES[name], n=len(values), quantiles=quantiles_of(values))
        for name, values in gathered.items()
        if len(values) > 1
    )
    return arm


def _gather(gathered: Mapping[str, array[float]], completion: Completion) -> None:
    tokens = completion.usage.completion_tokens if completion.usage else None
    known = {
        "latency_s": completion.latency_s,
        "ttft_s": completion.ttft_s,
        "completion_tokens": tokens,
        "cost_usd": completion.cost_usd,
    }
    for name, value in known.items():
        if value is not None:
            gathered[name].append(value)


def quantiles_of(values: Sequence[float] | Array) -> tuple[float, ...]:
    """101 linear (type 7) quantiles, as `latency_p95_s` takes them, to six digits."""
    import numpy as np

    found = np.quantile(np.asarray(values, dtype=np.float64), np.linspace(0.0, 1.0, QUANTILES))
    return tuple(float(f"{value:.6g}") for value in found.tolist())


def _answer(outcome: Answered | Failed) -> AnswerFacts:
    if isinstance(outcome, Failed):
        return AnswerFacts(failed=outcome.kind)
    completion = outcome.completion
    return AnswerFacts(
        text=completion.text,
        finish=completion.finish,
        latency_s=completion.latency_s,
        cost_usd=completion.cost_usd,
    )


def _unit_metrics(run: RunFolder) -> frozenset[str]:
    """Metrics of answers whose rows are (value, weight): a unit has a value of its own."""
    header = next(iterate_marks(run.marks_path), None)
    if not isinstance(header, MarkHeader):
        return frozenset()
    return frozenset(
        metric.label
        for metric in header.metrics
        if metric.kind in UNIT_KINDS and metric.sees != "outcomes" and len(metric.columns) == 2
    )


def _values(line: MarkLine, names: frozenset[str]) -> dict[str, float]:
    return {
        name: row[0] / row[1]
        for name, row in line.rows.items()
        if name in names and row[1] and line.failed is None
    }


def _with_spreads(arm: ArmFacts, read: Mapping[tuple[str, str], _Arm]) -> ArmFacts:
    found = read.get((arm.summary.suite, arm.name))
    return msgspec.structs.replace(arm, spreads=found.spreads) if found else arm


# --- all arms --------------------------------------------------------------------------------


def _samples(
    suite: str, runs: Mapping[str, RunFolder], arms: Mapping[str, _Arm], kept: set[Unit]
) -> Iterator[SampleFacts]:
    """The listed units in the order of the data; units that the data lacks come last."""
    repeats: dict[str, list[int]] = {}
    for sample_id, repeat in sorted(kept):
        repeats.setdefault(sample_id, []).append(repeat)
    for sample in _heldout(next(iter(runs.values())), set(repeats)):
        for repeat in repeats.pop(sample.id, ()):
            asked = (question(sample), sample.targets)
            yield _sample(suite, (sample.id, repeat), asked, arms)
    for sample_id, numbers in repeats.items():
        for repeat in numbers:
            yield _sample(suite, (sample_id, repeat), ("", ()), arms)


def _sample(
    suite: str, unit: Unit, asked: tuple[str, tuple[str, ...]], arms: Mapping[str, _Arm]
) -> SampleFacts:
    return SampleFacts(
        id=unit[0],
        repeat=unit[1],
        suite=suite,
        input=asked[0],
        targets=asked[1],
        slices=next((arm.slices[unit] for arm in arms.values() if unit in arm.slices), {}),
        answers={name: arm.answers[unit] for name, arm in arms.items() if unit in arm.answers},
    )


def _heldout(run: RunFolder, ids: set[str]) -> Iterator[Sample]:
    """The held-out samples of these ids, in the order of the data; none where it is gone."""
    manifest = run.manifest()
    path = Path(manifest.data)
    try:
        source = open_source(
            manifest.suite.data,
            base=Path(manifest.suite.base),
            override=path if path.is_file() else None,
        )
        for sample in source:
            if sample.id in ids:
                yield sample
    except HarnessError:
        return  # the answers are shown without the questions


def _differences(rows: Sequence[ComparisonRow], runs: Runs) -> Iterator[PairedSpread]:
    """Candidate - baseline over the pairs, for every compared metric with a value a unit."""
    whole = [row for row in rows if row.slice is None]
    tables: dict[tuple[str, str], MarkTable] = {}
    for suite, baseline, candidate in dict.fromkeys(
        (row.suite, row.baseline, row.candidate_arm) for row in whole
    ):
        for name in (baseline, candidate):
            if (suite, name) not in tables:
                tables[suite, name] = read_marks(runs[suite, name].marks_path)
        pairing = pair(tables[suite, baseline], tables[suite, candidate])
        for row in whole:
            if (row.suite, row.baseline, row.candidate_arm) == (suite, baseline, candidate):
                spread = _paired_spread(pairing, row)
                if spread is not None:
                    yield PairedSpread(
                        suite=suite, baseline=baseline, candidate_arm=candidate, spread=spread
                    )


def _paired_spread(pairing: Pairing, row: ComparisonRow) -> Spread | None:
    """None where the metric has no value a unit, or fewer than two pairs have one."""
    metric = pairing.candidate.metrics.get(row.metric)
    other = pairing.baseline.metrics.get(row.metric)
    if metric is None or other is None or metric.columns.kind not in UNIT_KINDS:
        return None
    found = paired_rows(pairing, row.metric, slice_name=None, failures="against_candidate")
    weighed = (found.candidate_pk[:, -1] > 0) & (found.baseline_pk[:, -1] > 0)
    if found.candidate_pk.shape[1] != 2 or weighed.sum() < 2:
        return None
    candidate, baseline = found.candidate_pk[weighed], found.baseline_pk[weighed]
    difference = candidate[:, 0] / candidate[:, 1] - baseline[:, 0] / baseline[:, 1]
    return Spread(
        name=row.metric,
        scale=row.scale,
        n=len(difference),
        quantiles=quantiles_of(difference),
    )
