"""What the HTML page shows, section by section, ready for the template.

Reads: Facts.  Gives: `Page`, made of words and pictures; the template only lays them out.
Depends on: wording, arms, numbers, clean, diff and the pictures.  Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.report import clean, numbers
from evalharness.report.arms import (
    COUNTED,
    answered_words,
    by_slice,
    kind_meaning,
    read_metric,
    spent_line,
)
from evalharness.report.diff import Piece, word_diff
from evalharness.report.forest import render_forest_row
from evalharness.report.numbers import Medium
from evalharness.report.wording import (
    STATE_SENTENCE,
    Reading,
    answered_line,
    invalid_line,
    pairings,
    read_comparison,
    read_gate,
    state_words,
)
from evalharness.results import ArmFacts, ComparisonRow, Facts, Flip, GateRow

MOST_FLIPS: Final = 60
MOST_TILES: Final = 6
MOST_TEXT: Final = 8000


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate: its words, its picture, and how it was judged."""

    row: GateRow
    reading: Reading
    picture: str
    how: str
    answered: str


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison: its words, who won how often, and how it was tested."""

    row: ComparisonRow
    reading: Reading
    level: str
    p: str
    how: str


@dataclass(frozen=True, slots=True)
class Group:
    """The gates and comparisons of one candidate against one baseline on one suite."""

    title: str
    gates: tuple[GateView, ...]
    comparisons: tuple[ComparisonView, ...]


@dataclass(frozen=True, slots=True)
class MetricView:
    """A metric of an arm; `slice` is empty over everything."""

    slice: str
    reading: Reading
    answered: str
    n: str
    signature: str


@dataclass(frozen=True, slots=True)
class ArmView:
    """An arm: who it is, what it scored, what failed, what it took."""

    arm: ArmFacts
    model: tuple[tuple[str, str], ...]
    metrics: tuple[MetricView, ...]
    failed: str
    counted: str
    kinds: tuple[tuple[str, str, str], ...]
    spent: str
    hashes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FlipView:
    """One sample on which two arms differ, with both answers word by word."""

    flip: Flip
    winner: str
    values: str
    input: str
    targets: tuple[str, ...]
    candidate: tuple[Piece, ...]
    baseline: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template needs; every string is plain text but the pictures."""

    facts: Facts
    title: str
    state: str
    state_text: str
    sentence: str
    why: tuple[str, ...]
    invalid: tuple[str, ...]
    tiles: tuple[GateView, ...]
    groups: tuple[Group, ...]
    level: str
    answered: str
    arms: tuple[ArmView, ...]
    flips: tuple[FlipView, ...]
    hashes: tuple[tuple[str, str], ...]


def build_page(facts: Facts) -> Page:
    """The page of these facts."""
    verdict = facts.verdict
    groups = tuple(_group(facts, pairing) for pairing in pairings(facts))
    tiles = [gate for group in groups for gate in group.gates if gate.row.slice is None]
    return Page(
        facts=facts,
        title=clean.one_line(facts.title),
        state=verdict.state if verdict else "",
        state_text=state_words(verdict.state).capitalize() if verdict else "",
        sentence=STATE_SENTENCE[verdict.state] if verdict else "",
        why=tuple(clean.one_line(reason) for reason in (verdict.why if verdict else ())),
        invalid=tuple(invalid_line(invalid) for invalid in facts.invalid),
        tiles=tuple(tiles[:MOST_TILES]),
        groups=groups,
        level=numbers.level(verdict.alpha) if verdict else "",
        answered=answered_line(facts),
        arms=tuple(_arm(arm) for arm in facts.arms),
        flips=tuple(_flip(flip) for flip in facts.flips[:MOST_FLIPS]),
        hashes=tuple(sorted(facts.hashes.items())),
    )


def _group(facts: Facts, pairing: tuple[str, str, str]) -> Group:
    suite, candidate, baseline = pairing
    told = f"{candidate} against {baseline}" if baseline else candidate
    return Group(
        title=clean.one_line(f"{suite}: {told}"),
        gates=tuple(
            _gate(row)
            for row in facts.gates
            if (row.suite, row.candidate_arm, row.baseline) == pairing
        ),
        comparisons=tuple(
            _comparison(row)
            for row in facts.comparisons
            if (row.suite, row.candidate_arm, row.baseline) == pairing
        ),
    )


def _gate(row: GateRow) -> GateView:
    clusters = f" in {row.n_clusters:,} independent groups" if row.n_clusters != row.n else ""
    how = f"{row.method}, {row.n:,} pairs{clusters}, alpha {numbers.exact(row.alpha)}"
    moved = row.outcome_answered is not None and row.outcome_answered != row.outcome
    return GateView(
        row=row,
        reading=read_gate(row, Medium.PAGE),
        picture=render_forest_row(row),
        how=clean.one_line(how),
        answered=f"failures left out: {row.outcome_answered}" if moved else "",
    )


def _comparison(row: ComparisonRow) -> ComparisonView:
    clusters = f", {row.n_clusters:,} groups" if row.n_clusters != row.n else ""
    return ComparisonView(
        row=row,
        reading=read_comparison(row, Medium.PAGE),
        level=f"{numbers.exact(round(100 * row.level, 4))} %",
        p=numbers.p_value(row.p_value),
        how=clean.one_line(f"{row.method}, {row.n:,} pairs{clusters}"),
    )


def _arm(arm: ArmFacts) -> ArmView:
    summary = arm.summary
    metrics = [
        MetricView(
            slice=clean.one_line(slice_ or ""),
            reading=read_metric(name, metric, None, Medium.PAGE),
            answered=answered_words(metric, Medium.PAGE),
            n=numbers.count(metric.n),
            signature=clean.one_line(metric.signature),
        )
        for slice_, group in by_slice(arm)
        for name, metric in group.items()
    ]
    kinds = sorted(summary.failures.items(), key=lambda pair: (-pair[1], pair[0]))
    return ArmView(
        arm=arm,
        model=tuple(
            (key, clean.one_line(text)) for key, text in sorted(summary.model.items()) if text
        ),
        metrics=tuple(metrics),
        failed=numbers.share(summary.n_failed, summary.n),
        counted=COUNTED[arm.role],
        kinds=tuple((kind, numbers.count(number), kind_meaning(kind)) for kind, number in kinds),
        spent=spent_line(arm),
        hashes=tuple(sorted(summary.fingerprints.items())),
    )


def _flip(flip: Flip) -> FlipView:
    candidate, baseline = (shown_text(text) for text in (flip.candidate_text, flip.baseline_text))
    theirs, ours = word_diff(baseline, candidate)
    values = f"{flip.candidate_value:.3g} against {flip.baseline_value:.3g}"
    return FlipView(
        flip=flip,
        winner="candidate" if flip.candidate_value > flip.baseline_value else "baseline",
        values=values,
        input=shown_text(flip.input),
        targets=tuple(shown_text(target) for target in flip.targets),
        candidate=tuple(ours),
        baseline=tuple(theirs),
    )


def shown_text(text: str) -> str:
    """Model text as the page shows it: visible, and cut where it is very long."""
    return clean.visible(clean.cut(text, MOST_TEXT))


def slices_of(metrics: Sequence[MetricView]) -> tuple[str, ...]:
    """The slices that metrics are seen on, in order, without the whole."""
    return tuple(dict.fromkeys(metric.slice for metric in metrics if metric.slice))
