"""score: outcomes and evidence -> marks; calls no model and runs no program.

Reads: the held-out data, outcomes.jsonl, evidence.jsonl.  Writes: marks.jsonl.
Depends on: catalog (metrics by name), data (through a Source), store.
Streams: a few hundred units at a time are in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from evalharness.catalog import make_metric
from evalharness.contracts import ItemGroup, Metric, Rows, Source
from evalharness.records import Answered, Asked, Evidence, Failed, Item, Outcome, Sample
from evalharness.spec.judges import completed, judge_metrics, pair_labels
from evalharness.spec.suite import MetricSpec, Suite
from evalharness.stages.acquaint import acquaint, signature_over
from evalharness.stages.continuations import check_ask, repeats_of
from evalharness.stages.extraction import Extractor, build_extractor
from evalharness.stages.judging.heard import Hearing
from evalharness.stages.options import Progress, Report
from evalharness.store.files import writing
from evalharness.store.journal import EvidenceEntry, JournalReader, OutcomeEntry, read_entries
from evalharness.store.marks import MarkHeader, MarkLine, MetricColumns
from evalharness.store.runs import RunFolder
from evalharness.text.codes import forget_tables

CHUNK = 500
"""Units measured together; changes no result."""
OBSERVED_AT_MOST = 1000
"""Outcomes looked at for the first answer."""

ALWAYS = ("error_rate",)
OBSERVED = {
    "latency_s": ("latency_mean_s", "latency_p50_s", "latency_p95_s", "latency_p99_s"),
    "ttft_s": ("ttft_p50_s", "ttft_p95_s"),
    "usage": ("prompt_tokens", "completion_tokens"),
    "cost_usd": ("cost_usd",),
}
"""Outcome metrics that are scored without being asked for, where the answers carry the numbers."""


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric under the name that results call it by."""

    spec: MetricSpec
    metric: Metric

    @property
    def label(self) -> str:
        """The name in results."""
        return self.spec.key


class Unit(msgspec.Struct, gc=False):
    """One (sample, repeat) while it is scored."""

    sample: Sample
    repeat: int
    outcome: Outcome
    text: str | None = None
    evidence: dict[str, Evidence] = {}
    rows: dict[str, tuple[float, ...]] = {}
    best: dict[str, tuple[float, ...]] = {}
    reasons: dict[str, str] = {}
    seen: Item | None = None
    seen_asked: Asked | None = None

    def item(self) -> Item:
        """What an answer metric sees; made once for all of them."""
        if self.seen is None:
            if not isinstance(self.outcome, Answered):
                raise TypeError("only an answered unit is an item")
            self.seen = Item(
                sample=self.sample,
                completion=self.outcome.completion,
                text=self.text or "",
                repeat=self.repeat,
                evidence=self.evidence,
            )
        return self.seen

    def asked(self) -> Asked:
        """What an outcome metric sees; made once for all of them."""
        if self.seen_asked is None:
            self.seen_asked = Asked(
                sample=self.sample,
                outcome=self.outcome,
                repeat=self.repeat,
                unparsed=self.unparsed,
            )
        return self.seen_asked

    @property
    def unparsed(self) -> bool:
        """Answered, but `extract` found nothing in the answer."""
        return self.text is None and isinstance(self.outcome, Answered)


def suite_metrics(suite: Suite, folder: RunFolder | None = None) -> list[NamedMetric]:
    """The suite's metrics, those its gates need, and outcome metrics that the answers allow.

    Raises SpecError for an unknown metric or option.
    """
    place = suite.place
    specs = [completed(spec, suite) for spec in suite.metrics]
    specs += judge_metrics(suite)
    labels = {spec.key for spec in specs} | pair_labels(suite)
    gated = [gate.metric for gate in suite.policy.gates]
    extra = [*ALWAYS, *(("unparsed_rate",) if suite.extract else ()), *observed(folder)]
    for name in [*gated, *extra]:
        if name not in labels:
            labels.add(name)
            specs.append(MetricSpec(name=name))
    named = [
        NamedMetric(spec, make_metric(spec.name, spec.options, where=f"{place}, metrics[{number}]"))
        for number, spec in enumerate(specs)
    ]
    check_ask(suite, ((one.label, one.metric) for one in named))
    return named


def observed(folder: RunFolder | None) -> list[str]:
    """Outcome metrics for which the first answer of a run carries a number."""
    if folder is None or not folder.outcomes_path.exists():
        return []
    for entry in itertools.islice(
        read_entries(folder.outcomes_path, OutcomeEntry), OBSERVED_AT_MOST
    ):
        if isinstance(entry.outcome, Answered):
            completion = entry.outcome.completion
            return [
                name
                for attribute, names in OBSERVED.items()
                if getattr(completion, attribute) is not None
                for name in names
            ]
    return []


def score(suite: Suite, source: Source, folder: RunFolder, report: Report, *, asked: Suite) -> None:
    """Write marks.jsonl anew. Raises DataError, SpecError, StoreError, WriteError.

    asked: the suite as the run was asked, which says how often each sample was.
    """
    metrics = suite_metrics(suite, folder)
    extract = build_extractor(suite.extract, where=suite.place)
    arm = folder.manifest().arm
    hearing = Hearing(suite, arm) if suite.judges else None
    outcomes = JournalReader(folder.outcomes_path, OutcomeEntry, name="outcomes")
    evidence = JournalReader(folder.evidence_path, EvidenceEntry, name="evidence")
    part = folder.marks_path.with_suffix(".part")
    encoder = msgspec.json.Encoder()
    done = 0
    try:
        with writing(part), part.open("wb") as file:
            header = MarkHeader(
                advice=acquaint([named.metric for named in metrics], source),
                metrics=tuple(
                    msgspec.structs.replace(
                        columns_of(named), signature=signature_over(named.metric, source)
                    )
                    for named in metrics
                ),
                suite=suite.name,
                arm=arm,
            )
            file.write(encoder.encode(header) + b"\n")
            reading = _Reading(outcomes, evidence, extract, hearing)
            for units in _chunks(source, reading, asked):
                for named in metrics:
                    measure_units(named, units)
                file.write(encoder.encode_lines([_line(unit) for unit in units]))
                done += len(units)
                report(Progress(stage="score", arm=arm, done=done))
        with writing(folder.marks_path):
            part.replace(folder.marks_path)
    finally:
        outcomes.close()
        evidence.close()
        part.unlink(missing_ok=True)
        forget_tables()


def columns_of(named: NamedMetric) -> MetricColumns:
    """What marks.jsonl says of a metric."""
    metric = named.metric
    return MetricColumns(
        label=named.label,
        name=named.spec.name,
        options=dict(named.spec.options),
        version=metric.version,
        signature=metric.signature,
        direction=metric.direction,
        kind=metric.kind,
        scale=metric.scale,
        sees=metric.sees,
        low=metric.range[0],
        high=metric.range[1],
        columns=metric.columns,
        independent=getattr(metric, "independent", False),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where a unit's answer and evidence are found."""

    outcomes: JournalReader[OutcomeEntry]
    evidence: JournalReader[EvidenceEntry]
    extract: Extractor | None
    hearing: Hearing | None

    def unit(self, sample: Sample, repeat: int) -> Unit:
        """One unit, ready to be measured."""
        found = self.outcomes.find(sample.id, repeat)
        outcome: Outcome = found[-1].outcome if found else Failed(kind="missing")
        unit = Unit(sample, repeat, outcome)
        if isinstance(outcome, Answered):
            text = outcome.completion.text
            unit.text = self.extract(text) if self.extract else text
            gathered = self.evidence.find(sample.id, repeat) if len(self.evidence) else []
            if self.hearing is not None and unit.text is not None:
                unit.evidence = self.hearing.of(sample, repeat, unit.text, gathered)
            elif gathered:
                unit.evidence = {entry.name: entry.evidence for entry in gathered}
        return unit


def _chunks(source: Source, reading: _Reading, asked: Suite) -> Iterator[list[Unit]]:
    """Units in the order of the data, all repeats of a sample in one chunk."""
    samples = iter(source)
    while batch := list(itertools.islice(samples, max(1, CHUNK // asked.generation.repeats))):
        yield [
            reading.unit(sample, repeat)
            for sample in batch
            for repeat in range(repeats_of(asked, sample))
        ]


def measure_units(named: NamedMetric, units: Sequence[Unit]) -> None:
    """Fill in one metric's rows, by what the metric sees."""
    metric, label = named.metric, named.label
    if metric.sees == "outcomes":
        _keep(label, units, metric.measure([unit.asked() for unit in units]))
        return
    if metric.sees == "groups":
        _measure_groups(named, units)
        return
    parsed = [unit for unit in units if unit.text is not None]
    if parsed:
        _keep(label, parsed, metric.measure([unit.item() for unit in parsed]))
    _bound(label, metric, [unit for unit in units if unit.text is None])


def _measure_groups(named: NamedMetric, units: Sequence[Unit]) -> None:
    """One row a sample, on the line of its first repeat."""
    groups: list[ItemGroup] = []
    firsts: list[Unit] = []
    for _, repeats in itertools.groupby(units, key=lambda unit: unit.sample.id):
        members = list(repeats)
        items = tuple(unit.item() for unit in members if unit.text is not None)
        firsts.append(members[0])
        groups.append(
            ItemGroup(sample=members[0].sample, items=items, n_failed=len(members) - len(items))
        )
        for unit in members[1:]:
            unit.reasons[named.label] = "counted with the sample's first repeat"
    _keep(named.label, firsts, named.metric.measure(groups))


def _keep(label: str, units: Sequence[Unit], rows: Rows) -> None:
    """Put a metric's rows, or its reasons, on their units."""
    as_tuples = map(tuple, rows.rows_nk.tolist())
    if rows.scored_n.all():
        for unit, row in zip(units, as_tuples, strict=True):
            unit.rows[label] = row
        return
    scored = enumerate(rows.scored_n.tolist())
    for unit, row, (number, is_scored) in zip(units, as_tuples, scored, strict=True):
        if is_scored:
            unit.rows[label] = row
        else:
            unit.reasons[label] = rows.reasons.get(number, "not scored")


def _bound(label: str, metric: Metric, units: Sequence[Unit]) -> None:
    """Failed units get the worst and the best row; unparsed answers the worst; see DESIGN 2.5."""
    if not units:
        return
    bounds = metric.bounds([unit.sample for unit in units])
    if bounds is None:
        for unit in units:
            unit.reasons[label] = "unparsed" if unit.unparsed else "failed"
        return
    worst, best = bounds[0].tolist(), bounds[1].tolist()
    for unit, low, high in zip(units, worst, best, strict=True):
        unit.rows[label] = tuple(low)
        if not unit.unparsed:
            unit.best[label] = tuple(high)


def _line(unit: Unit) -> MarkLine:
    outcome = unit.outcome
    provenance = outcome.completion.provenance if isinstance(outcome, Answered) else None
    return MarkLine(
        id=unit.sample.id,
        repeat=unit.repeat,
        sha=unit.sample.content_sha256[:16],
        cluster=unit.sample.cluster,
        slices=unit.sample.slices,
        failed=outcome.kind if isinstance(outcome, Failed) else None,
        unparsed=unit.unparsed,
        live=provenance is None or provenance.source == "live",
        session=provenance.session if provenance else "",
        rows=unit.rows,
        best=unit.best,
        reasons=unit.reasons,
    )
