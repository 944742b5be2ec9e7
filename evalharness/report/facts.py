"""facts: a run or gate folder on disk -> the one record that every renderer shows.

Reads: run.json, summary.json, marks.jsonl, outcomes.jsonl, gate.json, the held-out data.
Gives: `build_facts`.
Depends on: store, results, data (for the texts of flipped samples).  Never models or metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from evalharness.data.sources import open_source
from evalharness.errors import HarnessError
from evalharness.records import Answered, Sample
from evalharness.results import ArmFacts, ComparisonRow, Facts, Flip, GateFile
from evalharness.store.journal import JournalReader, OutcomeEntry
from evalharness.store.marks import MarkLine, iterate_marks
from evalharness.store.runs import RunFolder, is_run, read_json

FLIPS_EACH_WAY = 10
"""Samples shown a metric and direction: enough to read, few enough to be read."""

MANY = 1000
"""Differences of a metric that are held before all but the most extreme are given up."""

CONTENT_KINDS = frozenset({"binary", "continuous"})

Unit: TypeAlias = tuple[str, int]
"""A sample's id and a repeat."""
Values: TypeAlias = dict[str, float]
"""By metric."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a unit is worth to both arms, by one metric."""

    sample_id: str
    repeat: int
    candidate: float
    baseline: float

    @property
    def size(self) -> float:
        """Candidate minus baseline, in the units of the metric."""
        return self.candidate - self.baseline


def build_facts(folder: Path, *, out: Path) -> Facts:
    """The facts of a run folder, or of a gate or comparison folder.

    out: the folder that holds the runs which gate.json names.
    Raises StoreError for a damaged or incomplete folder.
    """
    if is_run(folder):
        return _run_facts(RunFolder(folder))
    gate = read_json(folder / "gate.json", GateFile)
    arms = tuple(
        ArmFacts(
            name=arm.name,
            role=arm.role,
            summary=RunFolder(out / arm.run).summary(),
            rung=RunFolder(out / arm.run).manifest().rung,
        )
        for arm in gate.arms
    )
    return Facts(
        kind=gate.kind,
        title=_title(gate),
        verdict=gate.verdict,
        arms=arms,
        gates=gate.gates,
        comparisons=gate.comparisons,
        standings=gate.standings,
        online=gate.online,
        power=gate.power,
        flips=tuple(_all_flips(gate, out)),
        invalid=gate.invalid,
        warnings=tuple(dict.fromkeys([*gate.warnings, *_warnings(arms)])),
        reproduce=gate.reproduce,
        hashes=gate.hashes,
        volatile=gate.volatile,
    )


def _run_facts(run: RunFolder) -> Facts:
    summary, manifest = run.summary(), run.manifest()
    return Facts(
        kind="run",
        title=f"{summary.suite}: {summary.arm}",
        verdict=None,
        arms=(ArmFacts(name=summary.arm, role="arm", summary=summary, rung=manifest.rung),),
        warnings=summary.warnings,
        reproduce=f"evalharness run {summary.suite} --model {manifest.reference}",
        hashes=summary.fingerprints,
        volatile=summary.volatile,
    )


def _title(gate: GateFile) -> str:
    suites = ", ".join(dict.fromkeys(arm.suite for arm in gate.arms))
    candidates = ", ".join(dict.fromkeys(a.name for a in gate.arms if a.role == "candidate"))
    baselines = ", ".join(dict.fromkeys(a.name for a in gate.arms if a.role == "baseline"))
    return f"{suites}: {candidates} vs {baselines}"


def _warnings(arms: Sequence[ArmFacts]) -> Iterator[str]:
    for arm in arms:
        for warning in arm.summary.warnings:
            yield f"{arm.name}: {warning}"


def _all_flips(gate: GateFile, out: Path) -> Iterator[Flip]:
    """For each compared pair and metric, the samples that changed most, both ways."""
    rows = [row for row in gate.comparisons if row.slice is None]
    runs = {(arm.suite, arm.name): RunFolder(out / arm.run) for arm in gate.arms}
    for suite, baseline, candidate in dict.fromkeys(
        (row.suite, row.baseline, row.candidate_arm) for row in rows
    ):
        wanted = [
            row
            for row in rows
            if (row.suite, row.baseline, row.candidate_arm) == (suite, baseline, candidate)
        ]
        yield from _pair_flips(wanted, runs[suite, baseline], runs[suite, candidate])


def _pair_flips(
    rows: Sequence[ComparisonRow], baseline: RunFolder, candidate: RunFolder
) -> Iterator[Flip]:
    chosen = _chosen([row.metric for row in rows], baseline, candidate)
    ids = {difference.sample_id for found in chosen.values() for difference in found}
    if not ids:
        return
    samples = {sample.id: sample for sample in _samples(candidate, ids)}
    texts = {"baseline": _Texts(baseline), "candidate": _Texts(candidate)}
    by_metric = {row.metric: row for row in rows}
    for metric, found in chosen.items():
        for difference in found:
            sample = samples.get(difference.sample_id)
            row = by_metric[metric]
            yield Flip(
                suite=row.suite,
                baseline=row.baseline,
                candidate_arm=row.candidate_arm,
                metric=metric,
                sample_id=difference.sample_id,
                repeat=difference.repeat,
                candidate_value=difference.candidate,
                baseline_value=difference.baseline,
                input=question(sample) if sample else "",
                targets=sample.targets if sample else (),
                candidate_text=texts["candidate"].find(difference),
                baseline_text=texts["baseline"].find(difference),
                slices=sample.slices if sample else {},
            )
    for text in texts.values():
        text.close()


def _chosen(
    metrics: Sequence[str], baseline: RunFolder, candidate: RunFolder
) -> dict[str, list[Difference]]:
    """The units that differ most, by metric; a few hundred differences are in memory at a time."""
    found: dict[str, list[Difference]] = {metric: [] for metric in metrics}
    for unit, theirs, ours in side_by_side(_values(metrics, baseline), _values(metrics, candidate)):
        for metric, value in ours.items():
            other = theirs.get(metric)
            if other is not None and other != value:
                found[metric].append(Difference(*unit, value, other))
                if len(found[metric]) > MANY:
                    found[metric] = extremes(found[metric])
    return {metric: most for metric in found if (most := extremes(found[metric]))}


def extremes(differences: Sequence[Difference]) -> list[Difference]:
    """The worst and the best for the candidate, the most extreme first."""
    ordered = sorted(differences, key=lambda d: (d.size, d.sample_id, d.repeat))
    worst = [d for d in ordered[:FLIPS_EACH_WAY] if d.size < 0]
    return worst + [d for d in ordered[::-1][:FLIPS_EACH_WAY] if d.size > 0]


def side_by_side(
    left: Iterable[tuple[Unit, Values]], right: Iterable[tuple[Unit, Values]]
) -> Iterator[tuple[Unit, Values, Values]]:
    """What both sides say of the same units; only units that stand elsewhere are held."""
    waiting: tuple[dict[Unit, Values], dict[Unit, Values]] = ({}, {})
    for both in zip_longest(left, right):
        if both[0] is not None and both[1] is not None and both[0][0] == both[1][0]:
            yield both[0][0], both[0][1], both[1][1]
            continue
        for side, one in enumerate(both):
            if one is not None:
                waiting[side][one[0]] = one[1]
        for unit in [one[0] for one in both if one is not None]:
            if unit in waiting[0] and unit in waiting[1]:
                yield unit, waiting[0].pop(unit), waiting[1].pop(unit)


def _values(metrics: Sequence[str], run: RunFolder) -> Iterator[tuple[Unit, Values]]:
    """Each unit's values of the metrics whose rows are (value, 1)."""
    lines = iterate_marks(run.marks_path)
    header = next(lines)
    if isinstance(header, MarkLine):
        return
    wanted = [
        column.label
        for column in header.metrics
        if column.label in metrics and column.kind in CONTENT_KINDS and column.sees != "outcomes"
    ]
    for line in lines:
        if isinstance(line, MarkLine):
            rows = ((label, line.rows[label]) for label in wanted if label in line.rows)
            weighed = ((label, row[0], row[1] if len(row) > 1 else 1.0) for label, row in rows)
            values = {label: value / weight for label, value, weight in weighed if weight}
            yield (line.id, line.repeat), values


class _Texts:
    """Answers of one run, found by sample."""

    def __init__(self, run: RunFolder) -> None:
        self._journal = JournalReader(run.outcomes_path, OutcomeEntry, name="outcomes")

    def find(self, difference: Difference) -> str:
        """The answer's text, or the failure in words."""
        found = self._journal.find(difference.sample_id, difference.repeat)
        if not found:
            return "(no answer: missing)"
        outcome = found[-1].outcome
        if isinstance(outcome, Answered):
            return outcome.completion.text
        return f"(no answer: {outcome.kind})"

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def _samples(run: RunFolder, ids: Iterable[str]) -> Iterator[Sample]:
    """The held-out samples of these ids; none where the data is no longer there."""
    wanted = set(ids)
    manifest = run.manifest()
    try:
        source = open_source(
            manifest.suite.data,
            base=Path(manifest.suite.base),
            override=Path(manifest.data) if Path(manifest.data).is_file() else None,
        )
        for sample in source:
            if sample.id in wanted:
                yield sample
                wanted.discard(sample.id)
            if not wanted:
                return
    except HarnessError:
        return  # the report shows the answers without the questions


def question(sample: Sample) -> str:
    """What was asked, as text: the input, or the conversation's turns."""
    if sample.input is not None:
        return sample.input
    return "\n".join(f"{turn.role}: {turn.content or ''}" for turn in sample.messages)
