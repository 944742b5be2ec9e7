"""What the HTML page shows, section by section, ready for the template.

Reads: Facts.  Gives: `Page`, made of words and pictures; the template only lays them out.
Depends on: wording, arms, numbers, clean, diff and the pictures.  Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.report import clean, numbers
from evalharness.report.arms import COUNTED, kind_meaning, spent_line
from evalharness.report.curves import render_balance, render_gains, render_power
from evalharness.report.diff import Piece, word_diff
from evalharness.report.exhibits import (
    Panel,
    Scoreboard,
    SpreadView,
    fronts,
    inks,
    panels,
    scoreboards,
    spreads,
)
from evalharness.report.explorer import Explorer, build_explorer
from evalharness.report.forest import render_forest_row
from evalharness.report.numbers import Medium
from evalharness.report.online_words import (
    GATE_HEADER,
    LOOK_HEADER,
    alarm_words,
    gate_rows,
    look_rows,
    online_sentence,
)
from evalharness.report.reasons import against, why
from evalharness.report.reliability import render_reliability
from evalharness.report.standing_words import standing_lines
from evalharness.report.wording import (
    STATE_SENTENCE,
    Reading,
    answered_line,
    headline,
    invalid_line,
    pairings,
    read_comparison,
    read_gate,
    state_words,
)
from evalharness.results import (
    ArmFacts,
    ComparisonRow,
    Facts,
    Flip,
    GateRow,
    PowerCurve,
    Reliability,
)

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
    p_pass: str
    p_fail: str
    against: str
    answered: str


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison: its words, who won how often, and how it was tested."""

    row: ComparisonRow
    reading: Reading
    level: str
    p: str
    how: str
    picture: str


@dataclass(frozen=True, slots=True)
class Group:
    """The gates and comparisons of one candidate against one baseline on one suite."""

    title: str
    suite: str
    candidate: str
    baseline: str
    gates: tuple[GateView, ...]
    comparisons: tuple[ComparisonView, ...]

    @property
    def passed(self) -> str:
        """How many of the deciding gates pass."""
        deciding = [gate.row.outcome for gate in self.gates if gate.row.role != "diagnostic"]
        return f"{deciding.count('PASS')} of {len(deciding)} pass"

    @property
    def missed(self) -> bool:
        """Whether a deciding gate does not pass."""
        return any(
            gate.row.outcome != "PASS" for gate in self.gates if gate.row.role != "diagnostic"
        )

    def outcomes(self, label: str) -> tuple[str, ...]:
        """The outcomes of the gates of that label, for the overview's cell."""
        return tuple(gate.row.outcome for gate in self.gates if gate.reading.label == label)

    @property
    def tables(self) -> tuple[tuple[str, tuple[ComparisonView, ...]], ...]:
        """The comparisons over everything, then those by slice, each under its heading."""
        whole = tuple(view for view in self.comparisons if view.row.slice is None)
        parts = tuple(view for view in self.comparisons if view.row.slice is not None)
        named = (("", whole), (f"By slice ({len(parts)})", parts))
        return tuple((name, views) for name, views in named if views)


@dataclass(frozen=True, slots=True)
class ArmView:
    """An arm: who it is, what failed, what it took."""

    arm: ArmFacts
    ink: str
    model: tuple[tuple[str, str], ...]
    asked: str
    failed: str
    counted: str
    kinds: tuple[tuple[str, str, str], ...]
    spent: str
    hashes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FlipView:
    """One sample on which two arms differ, with both answers word by word."""

    flip: Flip
    metric: str
    against: str
    winner: str
    values: str
    input: str
    targets: tuple[str, ...]
    candidate: tuple[Piece, ...]
    baseline: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class OnlineView:
    """The plan of the A/B test: a sentence, tables of (header, rows), and its alarms."""

    sentence: str
    tables: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]
    alarms: tuple[str, ...]


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
    standings: tuple[tuple[str, str], ...]
    online: OnlineView | None
    scoreboards: tuple[Scoreboard, ...]
    fronts: tuple[tuple[str, str], ...]
    panels: tuple[Panel, ...]
    spreads: tuple[SpreadView, ...]
    arms: tuple[ArmView, ...]
    flips: tuple[FlipView, ...]
    flip_metrics: tuple[str, ...]
    flip_pairs: tuple[str, ...]
    power: tuple[tuple[str, str], ...]
    reliability: tuple[tuple[str, str], ...]
    explorer: Explorer | None
    hashes: tuple[tuple[str, str], ...]

    @property
    def gate_labels(self) -> tuple[str, ...]:
        """The columns of the overview over several pairings: every gate once."""
        labels = (gate.reading.label for group in self.groups for gate in group.gates)
        return tuple(dict.fromkeys(labels))

    @property
    def several_suites(self) -> bool:
        """Whether headings must name the suite."""
        return len({view.arm.summary.suite for view in self.arms}) > 1


def build_page(facts: Facts) -> Page:
    """The page of these facts."""
    verdict = facts.verdict
    groups = tuple(_group(facts, pairing) for pairing in pairings(facts))
    flips = tuple(_flip(flip) for flip in fairly(facts.flips, MOST_FLIPS))
    ink = inks(facts)
    return Page(
        facts=facts,
        title=headline(facts),
        state=verdict.state if verdict else "",
        state_text=state_words(verdict.state).capitalize() if verdict else "",
        sentence=STATE_SENTENCE[verdict.state] if verdict else "",
        why=why(facts, Medium.PAGE),
        invalid=tuple(invalid_line(invalid) for invalid in facts.invalid),
        tiles=_tiles(groups),
        groups=groups,
        level=numbers.level(verdict.alpha) if verdict else "",
        answered=answered_line(facts),
        standings=tuple(standing_lines(facts, Medium.PAGE)),
        online=_online(facts),
        scoreboards=scoreboards(facts),
        fronts=fronts(facts),
        panels=panels(facts),
        spreads=spreads(facts),
        arms=tuple(_arm(arm, ink[arm.name]) for arm in facts.arms),
        flips=flips,
        flip_metrics=tuple(dict.fromkeys(view.metric for view in flips)),
        flip_pairs=tuple(dict.fromkeys(view.against for view in flips)),
        power=tuple(_power(curve) for curve in facts.power if len(curve.ns) >= 2),
        reliability=tuple(_reliability(one) for one in facts.reliability),
        explorer=build_explorer(facts),
        hashes=tuple(sorted(facts.hashes.items())),
    )


def _tiles(groups: Sequence[Group]) -> tuple[GateView, ...]:
    """The figures seen first: every gate of one pairing, or of several each gate at its worst.

    Diagnostic gates are left out; so are slices that pass.
    """
    rank = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    worst: dict[tuple[str, str, str, str | None], GateView] = {}
    for group in groups:
        for gate in group.gates:
            row = gate.row
            if row.role == "diagnostic" or (row.slice is not None and row.outcome == "PASS"):
                continue
            key = (row.suite, row.metric, row.test, row.slice)
            held = worst.get(key)
            if held is None or rank[row.outcome] < rank[held.row.outcome]:
                worst[key] = gate
    return tuple(worst.values())[:MOST_TILES]


def fairly(flips: Sequence[Flip], most: int) -> list[Flip]:
    """At most so many flips, taken in turn from every pairing, metric and direction."""
    queues: dict[tuple[str, str, str, str, bool], list[Flip]] = {}
    for flip in flips:
        gained = flip.candidate_value > flip.baseline_value
        key = (flip.suite, flip.candidate_arm, flip.baseline, flip.metric, gained)
        queues.setdefault(key, []).append(flip)
    kept: set[int] = set()
    depth = 0
    while len(kept) < most and any(len(queue) > depth for queue in queues.values()):
        kept |= {id(queue[depth]) for queue in queues.values() if len(queue) > depth}
        depth += 1
    return [flip for flip in flips if id(flip) in kept][:most]


def _group(facts: Facts, pairing: tuple[str, str, str]) -> Group:
    suite, candidate, baseline = pairing
    told = f"{candidate} against {baseline}" if baseline else candidate
    return Group(
        title=clean.one_line(f"{suite}: {told}"),
        suite=clean.one_line(suite),
        candidate=clean.one_line(candidate),
        baseline=clean.one_line(baseline),
        gates=tuple(
            _gate(row)
            for row in facts.gates
            if (row.suite, row.candidate_arm, row.baseline) == pairing
        ),
        comparisons=tuple(
            _comparison(row, facts)
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
        p_pass=numbers.p_value(row.p_value),
        p_fail=numbers.p_value(row.p_fail),
        against=against(row),
        answered=f"failures left out: {row.outcome_answered}" if moved else "",
    )


def _comparison(row: ComparisonRow, facts: Facts) -> ComparisonView:
    clusters = f", {row.n_clusters:,} groups" if row.n_clusters != row.n else ""
    return ComparisonView(
        row=row,
        reading=read_comparison(row, Medium.PAGE),
        level=f"{numbers.exact(round(100 * row.level, 4))} %",
        p=numbers.p_value(row.p_value),
        how=clean.one_line(f"{row.method}, {row.n:,} pairs{clusters}"),
        picture=_difference_picture(row, facts),
    )


def _difference_picture(row: ComparisonRow, facts: Facts) -> str:
    """Gains and losses sample by sample; where only wins and losses are known, those."""
    if row.slice is None:
        for found in facts.differences:
            key = (found.suite, found.baseline, found.candidate_arm, found.spread.name)
            wanted = (row.suite, row.baseline, row.candidate_arm, row.metric)
            quantiles = found.spread.quantiles
            if key == wanted and len(quantiles) >= 2 and len(set(quantiles)) > 3:
                told = f"{row.metric}: gains and losses over {found.spread.n:,} samples"
                return render_gains(quantiles, row.scale, told, better=row.direction)
    if row.wins is None or row.losses is None or row.ties is None:
        return ""
    return render_balance(row.wins, row.losses, row.ties)


def _arm(arm: ArmFacts, ink: str) -> ArmView:
    summary = arm.summary
    kinds = sorted(summary.failures.items(), key=lambda pair: (-pair[1], pair[0]))
    return ArmView(
        arm=arm,
        ink=ink,
        model=tuple(
            (key, clean.one_line(text)) for key, text in sorted(summary.model.items()) if text
        ),
        asked=numbers.count(summary.n),
        failed=numbers.share(summary.n_failed, summary.n),
        counted=COUNTED[arm.role],
        kinds=tuple((kind, numbers.count(number), kind_meaning(kind)) for kind, number in kinds),
        spent=spent_line(arm),
        hashes=tuple(sorted(summary.fingerprints.items())),
    )


def _online(facts: Facts) -> OnlineView | None:
    plan = facts.online
    if plan is None:
        return None
    return OnlineView(
        sentence=online_sentence(plan),
        tables=(
            (LOOK_HEADER, tuple(look_rows(plan))),
            (GATE_HEADER, tuple(gate_rows(plan))),
        ),
        alarms=tuple(alarm_words(plan)),
    )


def _power(curve: PowerCurve) -> tuple[str, str]:
    name = clean.one_line(f"{curve.metric} [{curve.slice}]" if curve.slice else curve.metric)
    against = clean.one_line(f"{curve.suite}, against {curve.baseline}")
    return f"{name}: {against}", render_power(curve.ns, curve.chances, curve.n, name)


def _reliability(found: Reliability) -> tuple[str, str]:
    name = clean.one_line(f"{found.metric} of {found.arm}, {found.suite}")
    return name, render_reliability(found)


def _flip(flip: Flip) -> FlipView:
    candidate, baseline = (shown_text(text) for text in (flip.candidate_text, flip.baseline_text))
    theirs, ours = word_diff(baseline, candidate)
    values = f"{flip.candidate_value:.3g} against {flip.baseline_value:.3g}"
    return FlipView(
        flip=flip,
        metric=clean.one_line(flip.metric),
        against=clean.one_line(f"{flip.candidate_arm} against {flip.baseline}"),
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
