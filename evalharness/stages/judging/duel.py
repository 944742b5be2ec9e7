"""duel: pairs of answers of two runs -> which is preferred, as rows of the candidate.

Reads: both runs' outcomes.jsonl, marks.jsonl, files of human preferences.
Writes: pairs/<runs>/evidence.jsonl beside the runs.  Gives: MarkTables with the pair's metrics.
Depends on: judge (asks), heard, pairing's rules, catalog (metrics), data.preferences.
A pair is asked about in both orders; equal answers are a tie and nobody is asked.  The baseline
against itself wins half of the time, so that superiority over it means a win rate above one half.
A failed answer of either arm counts against the candidate (DESIGN 2.5); an answer from which
`extract` took nothing loses.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalharness.catalog import make_metric
from evalharness.clients.stack import Shared
from evalharness.contracts import Metric, Source
from evalharness.data.preferences import Preference, read_preferences
from evalharness.errors import StoreError
from evalharness.prompts.judging import Judged, JudgeProgram
from evalharness.records import Completion, Evidence, Item, Judgement, Sample
from evalharness.spec.judges import pair_metrics
from evalharness.spec.suite import JudgeSpec, MetricSpec, Suite
from evalharness.stages.judging.bench import (
    Bench,
    judge_place,
    open_bench,
    refuse_self_judging,
)
from evalharness.stages.judging.heard import (
    answer_sha256,
    human_judgement,
    judgement_key,
    labels_path,
    repeat_name,
)
from evalharness.stages.judging.judge import Answers, Pending, ask_bench, question, unsaid_keys
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.score import NamedMetric, columns_of
from evalharness.store.journal import EvidenceEntry, JournalReader
from evalharness.store.keys import unit_hash
from evalharness.store.marks import MarkTable, MetricTable
from evalharness.store.runs import RunFolder

if TYPE_CHECKING:
    import numpy as np

    from evalharness.contracts import Array, Mask

CHUNK = 500
ORDERS = ("first", "second")
"""Where the candidate's answer is shown."""
OF_JUDGES = frozenset({"judge_agreement", "judge_noise", "judge_self_agreement"})
"""Metrics of the judge, that say nothing of an arm against itself."""
ALIKE_AT_MOST = 0.2
"""A larger share of equal answers within one arm is told: a constant answer can win by itself."""
MANY_FLIPS = 0.3


@dataclass(frozen=True, slots=True)
class Duel:
    """Two runs over the same data: both arms' answers, and where the judges' words are kept."""

    suite: Suite
    baseline: Answers
    candidate: Answers
    path: Path

    def close(self) -> None:
        """Close both journals."""
        self.baseline.close()
        self.candidate.close()


@dataclass(frozen=True, slots=True)
class Pair:
    """One unit with both answers, None where there is none."""

    sample: Sample
    repeat: int
    candidate: str | None
    baseline: str | None


def has_preferences(suite: Suite) -> bool:
    """Whether the suite compares pairs of answers."""
    return any(judge.kind == "preference" for judge in suite.judges)


def with_preferences(
    tables: tuple[MarkTable, MarkTable],
    duel: Duel,
    options: RunOptions,
    report: Report,
    *,
    shared: Shared,
) -> tuple[tuple[MarkTable, MarkTable], list[str]]:
    """Both tables (baseline, candidate) with the pair's metrics, and warnings.

    Asks the judges what they have not said yet, unless `options.judging` is `stored`.
    Raises as `gather_judgements` does.
    """
    refuse_self_judging(
        duel.suite, [side.manifest.identity for side in (duel.baseline, duel.candidate)]
    )
    baseline, candidate = dict(tables[0].metrics), dict(tables[1].metrics)
    warnings: list[str] = []
    for judge in duel.suite.judges:
        if judge.kind != "preference":
            continue
        if judge.model is not None and options.judging == "ask":
            _ask(judge, duel, options, report, shared=shared)
        for spec in pair_metrics(judge):
            candidate[spec.key], baseline[spec.key] = _measured(judge, spec, duel, tables)
        warnings += _warnings(judge, candidate, duel)
    return (replace(tables[0], metrics=baseline), replace(tables[1], metrics=candidate)), warnings


def open_duel(suite: Suite, source: Source, runs: tuple[RunFolder, RunFolder], out: Path) -> Duel:
    """The pair (baseline, candidate) of runs; their journal is the same in either direction.

    Raises StoreError for a run without its answers.
    """
    for run in runs:
        if not run.outcomes_path.exists():
            raise StoreError(
                f"run '{run.path.name}' was kept without its answers, so no pair can be judged",
                where=str(run.path),
                mend="bless it again with its answers, or compare with the run itself",
            )
    answers = (Answers(suite, source, runs[0]), Answers(suite, source, runs[1]))
    return Duel(suite, *answers, journal_of(runs, out))


def journal_of(runs: Sequence[RunFolder], out: Path) -> Path:
    """Where the judgements of a pair of runs are kept; the same whichever way round."""
    names = sorted(run.path.name for run in runs)
    return out / "pairs" / "--".join(names) / "evidence.jsonl"


def pairs(duel: Duel) -> Iterator[Pair]:
    """Every unit of the data, in order."""
    repeats = duel.candidate.manifest.suite.generation.repeats
    for sample in duel.candidate.source:
        for repeat in range(repeats):
            yield Pair(
                sample,
                repeat,
                duel.candidate.text(sample.id, repeat),
                duel.baseline.text(sample.id, repeat),
            )


def _ask(
    judge: JudgeSpec, duel: Duel, options: RunOptions, report: Report, *, shared: Shared
) -> None:
    """Ask one judge about every pair in both orders, where it has not spoken."""
    names = f"{duel.candidate.manifest.arm} against {duel.baseline.manifest.arm}"
    bench = open_bench(duel.suite, judge, options, shared, about=duel.candidate.manifest.arm)
    known = JournalReader(duel.path, EvidenceEntry, name="evidence")
    try:
        pending = unsaid_pairs(bench, pairs(duel), known)
        ask_bench(bench, pending, duel.path, report, name=f"{names}, {judge.name}")
    finally:
        known.close()


def unsaid_pairs(
    bench: Bench, wanted: Iterable[Pair], known: JournalReader[EvidenceEntry]
) -> Iterator[Pending]:
    """The questions about these pairs, in both orders, that the journal does not answer yet."""
    judge = bench.spec
    for pair in wanted:
        said = known.find(pair.sample.id, pair.repeat)
        for place, texts in enumerate(_orders(pair)):
            for again, key in unsaid_keys(bench, pair.sample, texts, said):
                judged = Judged(pair.sample, texts)
                request = question(bench, judged, 2 * pair.repeat + place, again)
                yield Pending(
                    request, pair.sample, name=judge.name, key=key, unit_repeat=pair.repeat
                )


def _orders(pair: Pair) -> tuple[tuple[str, str], ...]:
    """The two orders in which a pair is shown: the candidate's answer first, then second."""
    if pair.candidate is None or pair.baseline is None or pair.candidate == pair.baseline:
        return ()
    return (pair.candidate, pair.baseline), (pair.baseline, pair.candidate)


class _Ears:
    """What was said of pairs, from the candidate's side."""

    def __init__(self, judge: JudgeSpec, duel: Duel) -> None:
        self.judge = judge
        self._program = JudgeProgram(judge, where=judge_place(duel.suite, judge)).sha256
        self._times = range(judge.repeats)
        self._journal = JournalReader(duel.path, EvidenceEntry, name="evidence")
        self._votes: dict[tuple[str, int], list[Preference]] = {}
        if judge.human is not None:
            for vote in read_preferences(labels_path(duel.suite, judge)):
                self._votes.setdefault((vote.id, vote.repeat), []).append(vote)

    def item(self, pair: Pair) -> Item:
        """A pair whose answers both came, as the metrics see it."""
        candidate, baseline = pair.candidate or "", pair.baseline or ""
        longer = {"length_difference": float(len(candidate) - len(baseline))}
        return Item(
            sample=msgspec.structs.replace(pair.sample, metadata=longer),
            completion=Completion(text=candidate),
            text=candidate,
            repeat=pair.repeat,
            evidence=self._evidence(pair, candidate, baseline),
        )

    def _evidence(self, pair: Pair, candidate: str, baseline: str) -> dict[str, Evidence]:
        evidence: dict[str, Evidence] = {}
        if candidate == baseline:
            tie = human_judgement(0.5, "nobody: the answers are equal")
            places = [repeat_name(order, again) for order in ORDERS for again in self._times]
            return {f"{self.judge.name}/{place}": tie for place in (*places, "human/-")}
        said = self._journal.find(pair.sample.id, pair.repeat)
        for place, texts in zip(ORDERS, _orders(pair), strict=True):
            about = (self.judge, self._program, pair.sample)
            names = {
                judgement_key(*about, *texts, again=again): repeat_name(place, again)
                for again in self._times
            }
            for entry in said:
                if entry.key in names and isinstance(entry.evidence, Judgement):
                    heard = entry.evidence if place == ORDERS[0] else _turned(entry.evidence)
                    evidence[f"{self.judge.name}/{names[entry.key]}"] = heard
        hashes = (answer_sha256(candidate), answer_sha256(baseline))
        for vote in self._votes.get((pair.sample.id, pair.repeat), ()):
            share = vote.share(*hashes)
            if share is not None:
                name = f"{self.judge.name}/human/{vote.annotator}"
                evidence[name] = human_judgement(share, vote.annotator, vote.reason)
        return evidence

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def _turned(judgement: Judgement) -> Judgement:
    """A judgement from the side of the answer that was shown second."""
    if judgement.parsed is None:
        return judgement
    parsed = {**judgement.parsed, "score": 1.0 - float(judgement.parsed["score"])}
    return msgspec.structs.replace(judgement, parsed=parsed)


def _measured(
    judge: JudgeSpec, spec: MetricSpec, duel: Duel, tables: tuple[MarkTable, MarkTable]
) -> tuple[MetricTable, MetricTable]:
    """One metric's rows of the candidate, and the baseline's against itself."""
    metric = make_metric(spec.name, spec.options)
    rows = _Rows(tables[1], metric, spec)
    ears = _Ears(judge, duel)
    units = pairs(duel)
    try:
        while chunk := list(itertools.islice(units, CHUNK)):
            rows.add(chunk, ears)
    finally:
        ears.close()
    return rows.table(), rows.indifferent(len(tables[0]))


class _Rows:
    """Rows of a pair's metric, in the order of the candidate's table."""

    def __init__(self, table: MarkTable, metric: Metric, spec: MetricSpec) -> None:
        import numpy as np

        self.metric, self.spec = metric, spec
        self.width = len(metric.columns)
        self.places = {unit: place for place, unit in enumerate(table.unit_n.tolist())}
        self.rows_nk: Array = np.zeros((len(table), self.width))
        self.scored_n: Mask = np.zeros(len(table), dtype=np.bool_)
        self.answered_n: Mask = np.zeros(len(table), dtype=np.bool_)
        self.reasons: dict[str, int] = {}

    def add(self, chunk: Sequence[Pair], ears: _Ears) -> None:
        """Measure some pairs."""
        whole = [pair for pair in chunk if pair.candidate is not None and pair.baseline is not None]
        if whole:
            measured = self.metric.measure([ears.item(pair) for pair in whole])
            for number, pair in enumerate(whole):
                if measured.scored_n[number]:
                    self._put(pair, measured.rows_nk[number], answered=True)
                else:
                    reason = measured.reasons.get(number, "not scored")
                    self.reasons[reason] = self.reasons.get(reason, 0) + 1
        for pair in chunk:
            if pair.candidate is None or pair.baseline is None:
                bounds = self.metric.bounds([pair.sample])
                if bounds is None:
                    self.reasons["failed"] = self.reasons.get("failed", 0) + 1
                else:
                    self._put(pair, bounds[0][0], answered=False)

    def _put(self, pair: Pair, row_k: np.ndarray, *, answered: bool) -> None:
        place = self.places.get(unit_hash(pair.sample.id, pair.repeat))
        if place is not None:
            self.rows_nk[place] = row_k
            self.scored_n[place] = True
            self.answered_n[place] = answered

    def table(self) -> MetricTable:
        """The candidate's rows."""
        return MetricTable(
            columns=columns_of(NamedMetric(self.spec, self.metric)),
            stored_nj=self.rows_nk,
            best={},
            scored_n=self.scored_n,
            answered_n=self.answered_n,
            reasons=self.reasons,
        )

    def indifferent(self, n: int) -> MetricTable:
        """An arm against itself: half of the wins, no flip, no longer answer."""
        import numpy as np

        rows_nk = np.zeros((n, self.width))
        if self.metric.name not in OF_JUDGES:
            rows_nk[:, 0] = 0.0 if self.metric.name == "flip_rate" else 0.5
            rows_nk[:, -1] = 1.0
        everywhere = np.ones(n, dtype=np.bool_)
        columns = columns_of(NamedMetric(self.spec, self.metric))
        return MetricTable(columns, rows_nk, {}, everywhere, everywhere)


def _warnings(judge: JudgeSpec, metrics: dict[str, MetricTable], duel: Duel) -> Iterator[str]:
    """What a reader of a win rate should know: flips, length, equal answers."""
    import numpy as np

    rate = metrics[judge.name]
    flips = metrics.get(f"{judge.name}_flip_rate")
    if flips is not None and flips.answered_n.any():
        share = float(flips.rows_nk[flips.answered_n, 0].mean())
        if share > MANY_FLIPS:
            yield (
                f"{judge.name} changes its mind on {share:.0%} of the pairs when their order is "
                "turned round: its preferences say little"
            )
    controlled = metrics[f"{judge.name}_length_controlled"]
    seen = controlled.answered_n
    share_n, longer_n = controlled.rows_nk[seen, 0], controlled.rows_nk[seen, 1]
    decided = (share_n != 0.5) & (longer_n != 0.0)
    if decided.sum() >= 30:
        longer_wins = float(np.mean((share_n[decided] > 0.5) == (longer_n[decided] > 0.0)))
        if longer_wins > 0.7:
            yield (
                f"{judge.name} prefers the longer answer in {longer_wins:.0%} of the pairs: read "
                f"{judge.name}_length_controlled beside {judge.name}"
            )
    if rate.scored_n.any():
        for side in (duel.candidate, duel.baseline):
            alike = _commonest_share(side)
            if alike > ALIKE_AT_MOST:
                yield (
                    f"{alike:.0%} of the answers of {side.manifest.arm} are one and the same text: "
                    "a judge may be swayed by it"
                )


def _commonest_share(answers: Answers) -> float:
    """The share of the commonest answer among all of an arm's."""
    counts: dict[str, int] = {}
    for unit in answers.units():
        name = answer_sha256(unit.text)
        counts[name] = counts.get(name, 0) + 1
    total = sum(counts.values())
    return max(counts.values()) / total if total > 1 else 0.0
