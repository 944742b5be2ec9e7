"""What the page shows of the arms: scoreboard, metric panels, fronts, spreads.

Reads: Facts.  Gives: views made of words and pictures.
Depends on: wording, arms, numbers and the pictures.  Computes no statistic: it picks and places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.records import Estimate
from evalharness.report import clean, numbers
from evalharness.report.arms import (
    answered_words,
    gated_metrics,
    in_order,
    read_metric,
    spent_line,
)
from evalharness.report.curves import Curve, render_arrivals
from evalharness.report.front import Point, Scales, render_front
from evalharness.report.intervals import Whisker, render_scale, render_whisker, shared_axis
from evalharness.report.numbers import Medium
from evalharness.report.wording import Reading, name_of
from evalharness.results import ArmFacts, Facts, MetricSummary, Spread

PAGE: Final = Medium.PAGE
INKS: Final = 10
"""Colours of arms in the style sheet; the eleventh arm starts anew and is told by its name."""

MOST_COLUMNS: Final = 6
PERCENTILES: Final = (50, 90, 95, 99)
SPREAD_NAMES: Final = {
    "latency_s": "seconds to the whole answer",
    "ttft_s": "seconds to the first token",
    "completion_tokens": "tokens of the answer",
    "prompt_tokens": "tokens of the prompt",
    "cost_usd": "dollars per 1,000 answers",
}


@dataclass(frozen=True, slots=True)
class PanelRow:
    """One arm in a panel of one metric."""

    arm: ArmFacts
    ink: str
    reading: Reading
    answered: str
    signature: str
    picture: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One metric over all arms of a suite, and the same by slice."""

    suite: str
    label: str
    better: str
    rows: tuple[PanelRow, ...]
    scale: str
    slices: tuple[tuple[str, tuple[PanelRow, ...], str], ...]
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One arm's line of the scoreboard: cells are (value, interval)."""

    arm: ArmFacts
    ink: str
    cells: tuple[tuple[str, str], ...]
    failed: str
    gates: str
    spent: str


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Every arm of a suite beside the others."""

    suite: str
    priced: bool
    columns: tuple[str, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class SpreadView:
    """How a quantity is spread: a picture, and percentiles by arm."""

    suite: str
    name: str
    picture: str
    rows: tuple[tuple[str, str, str, tuple[str, ...]], ...]


def inks(facts: Facts) -> dict[str, str]:
    """Arm name -> class of its colour, the same in every picture of the page."""
    candidates_first = sorted(facts.arms, key=lambda arm: arm.role != "candidate")
    names = dict.fromkeys(arm.name for arm in candidates_first)
    return {name: f"arm-{index % INKS}" for index, name in enumerate(names)}


def by_suite(facts: Facts) -> dict[str, list[ArmFacts]]:
    """The arms of each suite, candidates first, else in order of appearance."""
    suites: dict[str, list[ArmFacts]] = {}
    for arm in sorted(facts.arms, key=lambda arm: arm.role != "candidate"):
        suites.setdefault(arm.summary.suite, []).append(arm)
    return suites


# --- panels ----------------------------------------------------------------------------------


def panels(facts: Facts) -> tuple[Panel, ...]:
    """One panel a metric and suite, in the suite's order."""
    ink = inks(facts)
    return tuple(
        _panel(suite, name, arms, ink)
        for suite, arms in by_suite(facts).items()
        for name in _names(facts, arms)
    )


def _names(facts: Facts, arms: Sequence[ArmFacts]) -> list[str]:
    """Every metric of these arms, as people ask for them."""
    known: dict[str, MetricSummary] = {}
    for arm in arms:
        known = arm.summary.metrics | known
    return in_order(known, gated_metrics(facts))


def _panel(suite: str, name: str, arms: Sequence[ArmFacts], ink: Mapping[str, str]) -> Panel:
    whole = {arm.name: arm.summary.metrics[name] for arm in arms if name in arm.summary.metrics}
    first = next(iter(whole.values()))
    rows, scale = _rows(name, arms, whole, ink)
    slices = []
    for slice_ in sorted({key for arm in arms for key in arm.summary.slices}):
        part = {
            arm.name: arm.summary.slices[slice_][name]
            for arm in arms
            if name in arm.summary.slices.get(slice_, {})
        }
        if part:
            slices.append((clean.one_line(slice_), *_rows(name, arms, part, ink)))
    return Panel(
        suite=suite,
        label=name_of(name, first.scale, None),
        better="higher is better" if first.direction == "higher" else "lower is better",
        rows=rows,
        scale=scale,
        slices=tuple(slices),
        signatures=tuple(dict.fromkeys(metric.signature for metric in whole.values())),
    )


def _rows(
    name: str,
    arms: Sequence[ArmFacts],
    metrics: Mapping[str, MetricSummary],
    ink: Mapping[str, str],
) -> tuple[tuple[PanelRow, ...], str]:
    """The rows of one scale, and the picture of that scale ("" where nothing was determined)."""
    whiskers = {
        arm: Whisker(arm, found.value, found.lower, found.upper, ink[arm])
        for arm, metric in metrics.items()
        if isinstance(found := metric.estimate, Estimate)
    }
    unit = next(iter(metrics.values())).scale
    axis = shared_axis(list(whiskers.values()), unit) if whiskers else None
    baseline = next((arm.name for arm in arms if arm.role == "baseline"), None)
    reference = whiskers[baseline].value if baseline in whiskers else None
    rows = []
    for arm in arms:
        if arm.name not in metrics:
            continue
        metric = metrics[arm.name]
        reading = read_metric(name, metric, None, PAGE)
        whisker = whiskers.get(arm.name)
        told = f"{arm.name}: {reading.values} {reading.point}"
        picture = (
            render_whisker(whisker, axis, told, reference=reference) if whisker and axis else ""
        )
        answered = answered_words(metric, PAGE)
        rows.append(PanelRow(arm, ink[arm.name], reading, answered, metric.signature, picture))
    return tuple(rows), render_scale(axis, unit) if axis else ""


# --- scoreboard ------------------------------------------------------------------------------


def scoreboards(facts: Facts) -> tuple[Scoreboard, ...]:
    """Arms side by side, cheapest first where prices are known; only where there are several."""
    ink = inks(facts)
    boards = []
    for suite, arms in by_suite(facts).items():
        if len(arms) < 2:
            continue
        chosen = _names(facts, arms)[:MOST_COLUMNS]
        scores = [_score(facts, arm, chosen, ink) for arm in _cheapest_first(arms)]
        labels = tuple(name_of(name, _scale_of(arms, name), None) for name in chosen)
        priced = _first_metric(arms, {"usd"}, "lower") is not None
        boards.append(Scoreboard(suite, priced, labels, tuple(scores)))
    return tuple(boards)


def _scale_of(arms: Iterable[ArmFacts], name: str) -> str:
    found = (arm.summary.metrics[name].scale for arm in arms if name in arm.summary.metrics)
    return next(found, "plain")


def _cheapest_first(arms: Sequence[ArmFacts]) -> list[ArmFacts]:
    name = _first_metric(arms, {"usd"}, "lower")
    if name is None:
        return list(arms)

    def price(arm: ArmFacts) -> tuple[bool, float]:
        """Sort key: arms with a known value first, the lowest first."""
        metric = arm.summary.metrics.get(name)
        found = metric.estimate if metric else None
        return (False, found.value) if isinstance(found, Estimate) else (True, 0.0)

    return sorted(arms, key=price)


def _score(facts: Facts, arm: ArmFacts, columns: Sequence[str], ink: Mapping[str, str]) -> Score:
    cells = []
    for name in columns:
        metric = arm.summary.metrics.get(name)
        if metric is None:
            cells.append(("\u2013", ""))
            continue
        reading = read_metric(name, metric, None, PAGE)
        known = isinstance(metric.estimate, Estimate)
        cells.append((reading.values, reading.point if known else answered_words(metric, PAGE)))
    return Score(
        arm=arm,
        ink=ink[arm.name],
        cells=tuple(cells),
        failed=numbers.share(arm.summary.n_failed, arm.summary.n),
        gates=_gates_words(facts, arm),
        spent=spent_line(arm),
    )


def _gates_words(facts: Facts, arm: ArmFacts) -> str:
    """How many deciding gates an arm passes, or a candidate passes against it."""
    rows = [
        row
        for row in facts.gates
        if row.suite == arm.summary.suite
        and row.role != "diagnostic"
        and arm.name == (row.candidate_arm if arm.role == "candidate" else row.baseline)
    ]
    told = []
    for candidate in dict.fromkeys(row.candidate_arm for row in rows):
        outcomes = [row.outcome for row in rows if row.candidate_arm == candidate]
        count = f"{outcomes.count('PASS')} of {len(outcomes)}"
        if arm.role == "candidate":
            told.append(f"{count} pass")
        else:
            told.append(f"{clean.one_line(candidate)} passes {count}")
    return "; ".join(told)


# --- fronts ----------------------------------------------------------------------------------


def fronts(facts: Facts) -> tuple[tuple[str, str], ...]:
    """(suite, picture) of quality against cost and against latency, where two arms have both."""
    return tuple(
        (scales.suite, render_front(points, scales)) for scales, points in front_points(facts)
    )


def front_points(facts: Facts) -> list[tuple[Scales, list[Point]]]:
    """What the fronts show: the axes and the arms that are known on both."""
    ink = inks(facts)
    found = []
    for suite, arms in by_suite(facts).items():
        quality = _quality(facts, suite, arms)
        if quality is None:
            continue
        for scale in ("usd", "seconds"):
            price = _first_metric(arms, {scale}, "lower", prefer="p95")
            points = _points(arms, quality, price, ink) if price else []
            if price and len(points) >= 2:
                unit = _scale_of(arms, quality)
                scales = Scales(
                    suite=suite,
                    x_name=name_of(price, scale, None),
                    x_scale=scale,
                    y_name=name_of(quality, unit, None),
                    y_scale=unit,
                )
                found.append((scales, points))
    return found


def _quality(facts: Facts, suite: str, arms: Sequence[ArmFacts]) -> str | None:
    """The metric that stands for quality: the first primary gate's, else the first of its kind."""
    for row in facts.gates:
        good = row.direction == "higher" and row.role == "primary" and row.slice is None
        if row.suite == suite and good:
            return row.metric
    return _first_metric(arms, {"fraction", "points", "plain"}, "higher")


def _first_metric(
    arms: Iterable[ArmFacts], scales: set[str], direction: str, *, prefer: str = ""
) -> str | None:
    found = [
        name
        for arm in arms
        for name, metric in arm.summary.metrics.items()
        if metric.scale in scales and metric.direction == direction
    ]
    return next((name for name in found if prefer and prefer in name), next(iter(found), None))


def _points(
    arms: Sequence[ArmFacts], quality: str, price: str, ink: Mapping[str, str]
) -> list[Point]:
    points = []
    for arm in arms:
        pair = [arm.summary.metrics.get(name) for name in (price, quality)]
        found = [metric.estimate if metric else None for metric in pair]
        x, y = found
        if isinstance(x, Estimate) and isinstance(y, Estimate):
            name = clean.clip(clean.one_line(arm.name), 28)
            points.append(
                Point(name, (x.lower, x.value, x.upper), (y.lower, y.value, y.upper), ink[arm.name])
            )
    return points


# --- spreads ---------------------------------------------------------------------------------


def spreads(facts: Facts) -> tuple[SpreadView, ...]:
    """How latency, tokens and cost are spread, with percentiles, by suite."""
    ink = inks(facts)
    views = []
    for suite, arms in by_suite(facts).items():
        names = dict.fromkeys(spread.name for arm in arms for spread in arm.spreads)
        for name in names:
            found = [
                (arm, spread)
                for arm in arms
                for spread in arm.spreads
                if spread.name == name and len(spread.quantiles) >= 2
            ]
            if found:
                views.append(_spread(suite, name, found, ink))
    return tuple(views)


def _spread(
    suite: str, name: str, found: Sequence[tuple[ArmFacts, Spread]], ink: Mapping[str, str]
) -> SpreadView:
    curves = [Curve(arm.name, spread.quantiles, ink[arm.name]) for arm, spread in found]
    told = SPREAD_NAMES.get(name, clean.one_line(name))
    rows = []
    for curve, (arm, spread) in zip(curves, found, strict=True):
        shares = [curve.at(share / 100) for share in PERCENTILES] + [spread.quantiles[-1]]
        cells = tuple(numbers.value(number, spread.scale, PAGE) for number in shares)
        rows.append((clean.one_line(arm.name), ink[arm.name], numbers.count(spread.n), cells))
    picture = render_arrivals(curves, told, found[0][1].scale)
    return SpreadView(suite, told, picture, tuple(rows))
