"""The gates as one forest plot: every margin on the same vertical line, better to the right.

Reads: GateRow.  Gives: one small picture a row, all with the threshold at the same place, so that
a column of them is read at a glance: an interval right of the line passes, left of it fails,
across it is undecided.  Ratios are drawn on a logarithmic scale.  Each row has its own scale, since
a second and a fraction share none; the numbers stand beside it.
Depends on: svg, wording, numbers.
"""

from __future__ import annotations

import math
from typing import Final

from evalharness.report import svg
from evalharness.report.numbers import Medium
from evalharness.report.wording import BARS, RATIOS, more_is_better, read_gate
from evalharness.results import GateRow

WIDTH: Final = 300.0
HEIGHT: Final = 69.0
LINE: Final = 120.0
"""Where the threshold stands, from the left; the style sheet draws the line on through the rows."""

EDGE: Final = 6.0


def render_forest_row(row: GateRow) -> str:
    """One gate: threshold, no-difference tick, interval, point; or a note that there is none."""
    reading = read_gate(row, Medium.PAGE)
    told = f"{reading.label}: {reading.effect}, {reading.requirement}: {row.outcome}"
    middle = HEIGHT / 2
    parts = [svg.rectangle(0, 0, LINE, HEIGHT, "zone-bad near")]
    point, lower, upper = (place(row, number) for number in (row.difference, row.lower, row.upper))
    known = [number for number in (point, lower, upper) if number is not None]
    far = _far_edge(row)
    equal = equal_place(row)
    scale = _scale(known if far is None else [*known, far], equal)
    if far is not None:
        x = LINE + far * scale
        parts += [
            svg.rectangle(x, 0, WIDTH - x, HEIGHT, "zone-bad"),
            svg.line(x, 0, x, HEIGHT, "margin"),
        ]
    if equal and EDGE <= LINE + equal * scale <= WIDTH - EDGE:
        x = LINE + equal * scale
        parts.append(svg.line(x, middle - 8, x, middle + 8, "equal"))
    parts.append(svg.line(LINE, 0, LINE, HEIGHT, "margin near"))
    ink = f"ink-{row.outcome.lower()}"
    if point is None:
        parts.append(svg.label(LINE + 10, middle + 4, "undetermined", classes="soft"))
    else:
        ends = (
            (lower, upper) if more_is_better(row) or row.test == "equivalence" else (upper, lower)
        )
        parts += _whisker(ends, scale, ink)
        parts.append(svg.dot(LINE + point * scale, middle, 5, f"mark {ink}"))
    return svg.picture(WIDTH, HEIGHT, told, *parts, classes="chart forest")


def place(row: GateRow, number: float | None) -> float | None:
    """How far a value lies on the good side of the threshold, in units of its own."""
    if number is None:
        return None
    sign = 1.0 if more_is_better(row) or row.test == "equivalence" else -1.0
    if row.test in RATIOS:
        if number <= 0 or row.threshold <= 0:
            return None
        return sign * (math.log(number) - math.log(row.threshold))
    edge = -abs(row.threshold) if row.test == "equivalence" else row.threshold
    return sign * (number - edge)


def _far_edge(row: GateRow) -> float | None:
    """The second threshold of an equivalence gate."""
    return 2 * abs(row.threshold) if row.test == "equivalence" else None


def equal_place(row: GateRow) -> float | None:
    """Where both arms would be the same; an absolute bar knows no such place."""
    if row.test in BARS:
        return None
    return place(row, 1.0 if row.test in RATIOS else 0.0)


def _scale(places: list[float], equal: float | None) -> float:
    """Pixels a unit, so that every mark stays in the picture.

    Where both arms would be the same is drawn too, unless that would squeeze the interval to less
    than half its size: an eightfold saving is far from none.
    """
    tight = _fitting(places)
    loose = _fitting([*places, equal]) if equal is not None else tight
    return loose if loose >= tight / 2 else tight


def _fitting(places: list[float]) -> float:
    right = max([number for number in places if number > 0], default=0.0)
    left = -min([number for number in places if number < 0], default=0.0)
    room = [(WIDTH - LINE - 2 * EDGE) / right] if right else []
    room += [(LINE - 2 * EDGE) / left] if left else []
    return min(room, default=1.0)


def _whisker(ends: tuple[float | None, float | None], scale: float, ink: str) -> list[str]:
    """The interval, from its worse to its better end; one without a bound leaves the picture."""
    worse, better = ends
    left = EDGE if worse is None else LINE + worse * scale
    right = WIDTH - EDGE if better is None else LINE + better * scale
    middle = HEIGHT / 2
    caps = [
        svg.line(x, middle - 5, x, middle + 5, f"cap {ink}")
        for x, end in ((left, worse), (right, better))
        if end is not None
    ]
    return [svg.line(left, middle, right, middle, f"whisker {ink}"), *caps]
