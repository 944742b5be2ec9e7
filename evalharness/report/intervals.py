"""Intervals side by side: one metric, several arms or slices, one shared scale.

Reads: values with bounds.  Gives: one small picture a row, and one with the scale under them, for
the cells of a table; the words stand in the table's other cells.
Depends on: svg, numbers.  Knows nothing of facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.report import numbers, svg
from evalharness.report.numbers import Medium
from evalharness.report.svg import Axis

WIDTH: Final = 260.0
HEIGHT: Final = 22.0
EDGE: Final = 8.0


@dataclass(frozen=True, slots=True)
class Whisker:
    """A value with its bounds, in the metric's own unit; `ink` is a class of the style sheet."""

    name: str
    value: float
    lower: float
    upper: float
    ink: str


def shared_axis(whiskers: Sequence[Whisker], scale: str) -> Axis:
    """A scale on which all of them fit; fractions end at 0 and 1, nothing else is cut.

    whiskers: at least one.
    """
    ends = [end for whisker in whiskers for end in (whisker.lower, whisker.upper)]
    low, high = svg.padded([*ends, *(whisker.value for whisker in whiskers)])
    if scale == "fraction":
        low, high = max(0.0, low), min(1.0, high)
    elif min(ends) >= 0:
        low = max(0.0, low)
    return Axis(low, high, EDGE, WIDTH - EDGE)


def render_whisker(whisker: Whisker, axis: Axis, told: str, *, reference: float | None) -> str:
    """One row. told: the row in words, for screen readers.  reference: a value to compare with."""
    middle = HEIGHT / 2
    left, right = axis.at(whisker.lower), axis.at(whisker.upper)
    parts = [svg.line(EDGE, middle, WIDTH - EDGE, middle, "rail")]
    if reference is not None:
        x = axis.at(reference)
        parts.append(svg.line(x, 0, x, HEIGHT, "reference"))
    parts += [
        svg.line(left, middle, right, middle, f"whisker {whisker.ink}"),
        svg.dot(axis.at(whisker.value), middle, 4.5, f"spot {whisker.ink}"),
    ]
    return svg.picture(WIDTH, HEIGHT, told, *parts)


def render_scale(axis: Axis, scale: str) -> str:
    """The scale under the rows, in round numbers."""
    ticks = round_ticks(axis, scale, 3)
    places = tick_places(ticks, scale)
    parts = []
    for tick in ticks:
        x = axis.at(tick)
        parts.append(svg.line(x, 0, x, 4, "tick"))
        text = numbers.value(tick, scale, Medium.PAGE, places=places)
        anchor = "start" if x < 24 else "end" if x > WIDTH - 24 else "middle"
        parts.append(svg.label(x, 16, text, classes="soft small", anchor=anchor))
    return svg.picture(WIDTH, 20, "scale", *parts, classes="chart scale")


def round_ticks(axis: Axis, scale: str, count: int) -> list[float]:
    """Ticks that are round in the unit that is shown (percent, dollars per 1,000)."""
    factor = numbers.shown(1.0, scale, Medium.PAGE)
    shown = Axis(axis.low * factor, axis.high * factor, axis.start, axis.end, axis.log)
    return [tick / factor for tick in shown.ticks(count)]


def tick_places(ticks: Sequence[float], scale: str) -> int:
    """The least decimals at which the ticks, in shown units, are told exactly."""
    shown = [numbers.shown(tick, scale, Medium.PAGE) for tick in ticks]
    for places in range(numbers.MOST_DECIMALS):
        if all(abs(round(tick, places) - tick) <= 1e-9 * max(1.0, abs(tick)) for tick in shown):
            return places
    return numbers.MOST_DECIMALS
