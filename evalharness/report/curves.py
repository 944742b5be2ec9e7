"""Curves of spreads: how long answers took, and on which samples an arm gained or lost.

Reads: quantiles.  Gives: pictures.  Depends on: svg, front (its axis), numbers.
`render_arrivals` shows the share of answers that had arrived after so many seconds, with the 50th,
95th and 99th percentile marked: an average alone hides the waiting.  `render_gains` lays the
samples out by how much they gained: what lies below zero was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.report import numbers, svg
from evalharness.report.front import axis_below
from evalharness.report.intervals import round_ticks, tick_places
from evalharness.report.numbers import Medium
from evalharness.report.svg import Axis

WIDTH: Final = 480.0
HEIGHT: Final = 300.0
LEFT: Final = 52.0
RIGHT: Final = 18.0
TOP: Final = 26.0
BOTTOM: Final = 46.0
MARKED: Final = (0.5, 0.95, 0.99)
GAINS_LEFT: Final = 40.0
GAINS_WIDTH: Final = 240.0
GAINS_HEIGHT: Final = 110.0


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm's quantiles at evenly spaced shares, rising; at least two of them."""

    name: str
    quantiles: tuple[float, ...]
    ink: str

    def at(self, share: float) -> float:
        """The quantile at a share, by straight lines between the known ones."""
        place = share * (len(self.quantiles) - 1)
        index = min(int(place), len(self.quantiles) - 2)
        low, high = self.quantiles[index], self.quantiles[index + 1]
        return low + (high - low) * (place - index)


def render_arrivals(curves: Sequence[Curve], name: str, scale: str) -> str:
    """Share of answers against the quantity (seconds, tokens, money); at least one curve."""
    axis = _spread_axis(curves)
    rise = Axis(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    floor = HEIGHT - BOTTOM
    parts = [svg.line(LEFT, floor, WIDTH - RIGHT, floor, "frame"), *axis_below(axis, scale, floor)]
    for share in (0.25, 0.5, 0.75, 0.95, 1.0):
        y = rise.at(share)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        if share != 1.0:
            text = f"{100 * share:.0f} %"
            parts.append(svg.label(LEFT - 8, y + 4, text, classes="soft small", anchor="end"))
    parts.append(svg.label(LEFT, 14, "\u2191 share of answers within", classes="soft small"))
    parts.append(
        svg.label(WIDTH - RIGHT, HEIGHT - 6, f"{name} \u2192", classes="soft small", anchor="end")
    )
    for curve in curves:
        parts += _arrival(curve, axis, rise)
    return svg.picture(WIDTH, HEIGHT, _told(curves, name, scale), *parts, classes="chart plot")


def _spread_axis(curves: Sequence[Curve]) -> Axis:
    """From the fastest to just past p99: one straggler must not flatten the rest."""
    low = min(curve.quantiles[0] for curve in curves)
    high = max(curve.at(0.99) for curve in curves)
    high = high if high > low else low + (abs(low) or 1.0)
    if low > 0 and high / low > 30:
        return Axis(low, high * 1.2, LEFT, WIDTH - RIGHT, log=True)
    start = 0.0 if low >= 0 and low < 0.5 * high else low
    return Axis(start, high + 0.05 * (high - start), LEFT, WIDTH - RIGHT)


def _arrival(curve: Curve, axis: Axis, rise: Axis) -> list[str]:
    last = len(curve.quantiles) - 1
    points = [(axis.at(value), rise.at(i / last)) for i, value in enumerate(curve.quantiles)]
    parts = [svg.path(points, f"curve {curve.ink}")]
    for share in MARKED:
        x, y = axis.at(curve.at(share)), rise.at(share)
        parts.append(
            svg.dot(x, y, 3.5, f"spot {curve.ink}", title=f"{curve.name} p{share * 100:g}")
        )
    return parts


def _told(curves: Sequence[Curve], name: str, scale: str) -> str:
    each = "; ".join(
        f"{curve.name}: "
        + ", ".join(
            f"p{100 * share:g} {numbers.value(curve.at(share), scale, Medium.PAGE)}"
            for share in MARKED
        )
        for curve in curves
    )
    return f"Share of answers by {name}. {each}"


def render_gains(quantiles: Sequence[float], scale: str, told: str, *, better: str) -> str:
    """Paired differences, from the most lost to the most gained; at least two quantiles.

    better: "higher" or "lower", the metric's good direction; for "lower" a fall is a gain.
    """
    gains = list(quantiles) if better == "higher" else [-value for value in reversed(quantiles)]
    low, high = svg.padded([0.0, *gains], 0.04)
    rise = Axis(low, high, GAINS_HEIGHT - 18, 6)
    run = Axis(0.0, 1.0, GAINS_LEFT, GAINS_WIDTH - 2)
    zero = rise.at(0.0)
    points = [(run.at(i / (len(gains) - 1)), rise.at(gain)) for i, gain in enumerate(gains)]
    parts = [
        _area([(x, max(y, zero)) for x, y in points], zero, "area-worse"),
        _area([(x, min(y, zero)) for x, y in points], zero, "area-better"),
        svg.line(GAINS_LEFT, zero, GAINS_WIDTH - 2, zero, "frame"),
        svg.path(points, "curve plain-ink"),
    ]
    parts += _gain_scale(rise, scale)
    parts.append(
        svg.label(GAINS_LEFT, GAINS_HEIGHT - 4, "samples, most lost first", classes="soft small")
    )
    return svg.picture(GAINS_WIDTH, GAINS_HEIGHT, told, *parts, classes="chart gains")


def _gain_scale(rise: Axis, scale: str) -> list[str]:
    ticks = round_ticks(rise, scale, 3)
    places = tick_places(ticks, scale)
    return [
        svg.label(
            GAINS_LEFT - 6,
            rise.at(tick) + 4,
            numbers.change(tick, scale, Medium.PAGE, places=places).split(" ")[0] if tick else "0",
            classes="soft small",
            anchor="end",
        )
        for tick in ticks
    ]


def _area(points: Sequence[tuple[float, float]], floor: float, classes: str) -> str:
    outline = [(points[0][0], floor), *points, (points[-1][0], floor)]
    steps = " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in outline)
    return svg.tag("polygon", {"points": steps, "class": classes})


def render_balance(wins: int, losses: int, ties: int) -> str:
    """How many samples were better, the same and worse, as one bar of parts."""
    whole = max(1, wins + losses + ties)
    width, height = GAINS_WIDTH, 26.0
    told = f"candidate better on {wins:,}, the same on {ties:,}, worse on {losses:,}"
    parts = []
    x = 0.0
    for number, classes in ((losses, "area-worse"), (ties, "area-same"), (wins, "area-better")):
        length = width * number / whole
        parts.append(svg.rectangle(x, 4, length, 18, classes))
        if length > 34:
            text = f"{number:,}"
            parts.append(svg.label(x + length / 2, 17, text, classes="small", anchor="middle"))
        x += length
    return svg.picture(width, height, told, *parts, classes="chart balance")


def render_power(ns: Sequence[int], chances: Sequence[float], n: int, name: str) -> str:
    """P(PASS) against the number of samples, with today's number marked; at least two points."""
    axis = Axis(float(min(ns)), float(max(ns)), LEFT, WIDTH - RIGHT, log=ns[-1] > 20 * ns[0])
    rise = Axis(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    floor = HEIGHT - BOTTOM
    points = [(axis.at(x), rise.at(y)) for x, y in zip(ns, chances, strict=True)]
    parts = [
        svg.line(LEFT, floor, WIDTH - RIGHT, floor, "frame"),
        *axis_below(axis, "count", floor),
    ]
    for share in (0.0, 0.5, 0.8, 1.0):
        y = rise.at(share)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        text = f"{100 * share:.0f} %"
        parts.append(svg.label(LEFT - 8, y + 4, text, classes="soft small", anchor="end"))
    parts.append(svg.label(LEFT, 14, "\u2191 chance to pass if equal", classes="soft small"))
    parts.append(
        svg.label(WIDTH - RIGHT, HEIGHT - 6, "samples \u2192", classes="soft small", anchor="end")
    )
    parts.append(svg.path(points, "curve arm-0"))
    if ns[0] <= n <= ns[-1]:
        x = axis.at(float(n))
        parts.append(svg.line(x, TOP, x, floor, "reference"))
        parts.append(svg.label(x + 5, TOP + 10, f"now: {n:,}", classes="small"))
    told = ", ".join(f"{y:.0%} at {x:,}" for x, y in zip(ns, chances, strict=True))
    return svg.picture(
        WIDTH, HEIGHT, f"{name}: chance to pass: {told}", *parts, classes="chart plot"
    )
