"""SVG as text: elements, numbers and scales for the report's own pictures.

Reads: numbers and strings.  Gives: SVG fragments in which every string is escaped.
Depends on: clean.  Knows nothing of facts.  Colours come from the page's style sheet by class, so
that light, dark and print need one picture; no fragment carries an inline style (the page's
Content-Security-Policy refuses them).
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.report import clean

Attributes = Mapping[str, str | float]


def number(value: float) -> str:
    """A coordinate with at most two decimals and no negative zero.

    >>> number(12.0), number(0.333), number(-0.001)
    ('12', '0.33', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def tag(name: str, attributes: Attributes, *children: str) -> str:
    """One element; attribute values are escaped, children are fragments already."""
    told = "".join(
        f' {key}="{number(value) if isinstance(value, int | float) else html.escape(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{told}>{''.join(children)}</{name}>" if children else f"<{name}{told}/>"


def words(text: str) -> str:
    """Text as a fragment: visible, on one line, escaped."""
    return html.escape(clean.one_line(text), quote=False)


def label(x: float, y: float, text: str, *, classes: str = "", anchor: str = "start") -> str:
    """A piece of text at a point; anchor: start, middle or end."""
    attributes: dict[str, str | float] = {"x": x, "y": y, "text-anchor": anchor}
    attributes["class"] = f"t {classes}".strip()
    return tag("text", attributes, words(text))


def line(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    """A straight line."""
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": classes})


def rectangle(x: float, y: float, width: float, height: float, classes: str) -> str:
    """A rectangle; a negative width is none."""
    size = {"width": max(0.0, width), "height": max(0.0, height)}
    return tag("rect", {"x": x, "y": y, **size, "class": classes})


def dot(x: float, y: float, radius: float, classes: str, *, title: str = "") -> str:
    """A disc; `title` is what a pointer resting on it shows."""
    inner = (tag("title", {}, words(title)),) if title else ()
    return tag("circle", {"cx": x, "cy": y, "r": radius, "class": classes}, *inner)


def path(points: Sequence[tuple[float, float]], classes: str) -> str:
    """An open line through points."""
    steps = " ".join(
        f"{'M' if index == 0 else 'L'}{number(x)} {number(y)}"
        for index, (x, y) in enumerate(points)
    )
    return tag("path", {"d": steps, "class": classes, "fill": "none"})


def picture(width: float, height: float, title: str, *parts: str, classes: str = "chart") -> str:
    """A whole picture, named for screen readers, that scales with its column."""
    attributes: dict[str, str | float] = {
        "viewBox": f"0 0 {number(width)} {number(height)}",
        "width": width,
        "height": height,
        "class": classes,
        "role": "img",
        "aria-label": clean.one_line(title),
        "xmlns": "http://www.w3.org/2000/svg",
    }
    return tag("svg", attributes, *parts)


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to coordinates; `log` scales need positive values."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The coordinate of a value, held inside the axis."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(max(value, 1e-300))
        share = 0.5 if high == low else (here - low) / (high - low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values inside the axis, about `count` of them."""
        return nice_log(self.low, self.high) if self.log else nice(self.low, self.high, count)


def nice(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from low to high in steps of 1, 2 or 5 times a power of ten.

    >>> nice(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high - low > 1e-290:  # a range of subnormal width has no round steps
        return [low]
    raw = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def nice_log(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from low to high; powers alone over three of them.

    >>> nice_log(0.2, 30.0)
    [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if math.log10(high / low) <= 2.5 else (1,)
    every = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in factors]
    return [tick for tick in every if low * 0.999 <= tick <= high * 1.001]


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """The range of values with some room on both sides; never empty."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room
