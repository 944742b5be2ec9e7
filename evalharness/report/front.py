"""Quality against price, or against waiting: which arms are worth their cost.

Reads: points with bounds on both axes.  Gives: one picture with the front, the line of arms that
no other arm beats on both.  Depends on: svg, intervals (ticks), numbers.  Knows nothing of facts.
The front is drawn through point values and decides nothing; the whiskers say how sure they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.report import numbers, svg
from evalharness.report.intervals import round_ticks, tick_places
from evalharness.report.numbers import Medium
from evalharness.report.svg import Axis

WIDTH: Final = 480.0
HEIGHT: Final = 330.0
LEFT: Final = 58.0
RIGHT: Final = 18.0
TOP: Final = 26.0
BOTTOM: Final = 46.0
LINE: Final = 15.0
"""Height of a label's line: labels nearer than this are pushed apart."""


@dataclass(frozen=True, slots=True)
class Point:
    """An arm on two scales: (lower, value, upper) each, in the metrics' own units."""

    name: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    ink: str


@dataclass(frozen=True, slots=True)
class Scales:
    """The names and scales of both axes; quality is up, and what costs is to the right."""

    suite: str
    x_name: str
    x_scale: str
    y_name: str
    y_scale: str


def front_of(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats on both axes, from cheap to dear.

    One beats another if it costs no more and is no worse, and is not equal on both.
    """
    ordered = sorted(points, key=lambda point: (point.x[1], -point.y[1]))
    front: list[Point] = []
    for point in ordered:
        if not front or point.y[1] > front[-1].y[1]:
            front.append(point)
    return front


def render_front(points: Sequence[Point], scales: Scales) -> str:
    """The picture; at least one point. The cost axis is logarithmic where it spans 5 times."""
    x_axis, y_axis = _x_axis(points), _y_axis(points, scales.y_scale)
    front = front_of(points)
    told = ", ".join(
        f"{point.name}: {numbers.value(point.y[1], scales.y_scale, Medium.PAGE)} at "
        f"{numbers.value(point.x[1], scales.x_scale, Medium.PAGE)}"
        for point in points
    )
    parts = [*_frame(x_axis, y_axis, scales), _front_line(front, x_axis, y_axis)]
    for point in points:
        parts += _cross(point, x_axis, y_axis)
    parts += _labels(points, x_axis, y_axis)
    title = f"{scales.y_name} against {scales.x_name}. {told}"
    return svg.picture(WIDTH, HEIGHT, title, *parts, classes="chart plot")


def _x_axis(points: Sequence[Point]) -> Axis:
    ends = [end for point in points for end in point.x]
    low, high = min(ends), max(ends)
    if low > 0 and high / low >= 5:
        return Axis(low / 1.5, high * 1.5, LEFT, WIDTH - RIGHT, log=True)
    low, high = svg.padded(ends, 0.15)
    return Axis(max(0.0, low) if min(ends) >= 0 else low, high, LEFT, WIDTH - RIGHT)


def _y_axis(points: Sequence[Point], scale: str) -> Axis:
    low, high = svg.padded([end for point in points for end in point.y], 0.12)
    if scale == "fraction":
        low, high = max(0.0, low), min(1.0, high)
    return Axis(low, high, HEIGHT - BOTTOM, TOP)


def _frame(x_axis: Axis, y_axis: Axis, scales: Scales) -> list[str]:
    floor = HEIGHT - BOTTOM
    parts = [svg.line(LEFT, floor, WIDTH - RIGHT, floor, "frame")]
    parts += axis_below(x_axis, scales.x_scale, floor)
    ticks = round_ticks(y_axis, scales.y_scale, 6)
    places = tick_places(ticks, scales.y_scale)
    for tick in ticks:
        y = y_axis.at(tick)
        text = numbers.value(tick, scales.y_scale, Medium.PAGE, places=places)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        parts.append(svg.label(LEFT - 8, y + 4, text, classes="soft small", anchor="end"))
    parts.append(svg.label(LEFT, 14, f"\u2191 {scales.y_name}", classes="soft small"))
    below = f"{scales.x_name} \u2192"
    parts.append(svg.label(WIDTH - RIGHT, HEIGHT - 6, below, classes="soft small", anchor="end"))
    return parts


def axis_below(axis: Axis, scale: str, floor: float) -> list[str]:
    """Ticks and their numbers along the bottom; of crowded ones only some are told."""
    ticks = round_ticks(axis, scale, 5)
    places = tick_places(ticks, scale)
    parts: list[str] = []
    last = -1e9
    for tick in ticks:
        x = axis.at(tick)
        parts.append(svg.line(x, floor, x, floor + 4, "tick"))
        text = numbers.value(tick, scale, Medium.PAGE, places=_own_places(tick, scale, places))
        if x - last >= 7.5 * len(text):
            parts.append(svg.label(x, floor + 18, text, classes="soft small", anchor="middle"))
            last = x
    return parts


def _own_places(tick: float, scale: str, shared: int) -> int:
    """On a logarithmic axis each tick has decimals of its own: 0.1, 1, 10."""
    return min(shared, tick_places([tick], scale))


def _front_line(front: Sequence[Point], x_axis: Axis, y_axis: Axis) -> str:
    """Steps: up to the next arm's quality only where its price is paid."""
    corners: list[tuple[float, float]] = []
    for point in front:
        x, y = x_axis.at(point.x[1]), y_axis.at(point.y[1])
        corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
    corners.append((WIDTH - RIGHT, corners[-1][1]))
    return svg.path(corners, "front")


def _cross(point: Point, x_axis: Axis, y_axis: Axis) -> list[str]:
    x, y = x_axis.at(point.x[1]), y_axis.at(point.y[1])
    return [
        svg.line(x_axis.at(point.x[0]), y, x_axis.at(point.x[2]), y, f"thin {point.ink}"),
        svg.line(x, y_axis.at(point.y[0]), x, y_axis.at(point.y[2]), f"thin {point.ink}"),
        svg.dot(x, y, 5.5, f"spot {point.ink}", title=point.name),
    ]


def _labels(points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> list[str]:
    """Names beside their points, pushed apart where they would touch."""
    parts = []
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: y_axis.at(point.y[1])):
        x, y = x_axis.at(point.x[1]), y_axis.at(point.y[1]) - 9
        right = x > (LEFT + WIDTH - RIGHT) * 0.6
        while any(abs(y - other) < LINE and abs(x - place) < 150 for place, other in taken):
            y += LINE
        taken.append((x, y))
        parts.append(
            svg.label(
                x - 10 if right else x + 10,
                y,
                point.name,
                classes="small name",
                anchor="end" if right else "start",
            )
        )
    return parts
