"""Numbers as people read them: by scale and by medium, with no digit that was not measured.

Reads: floats and scales ("fraction", "points", "seconds", "usd", "tokens", "count", "plain").
Gives: str.  Depends on: the standard library.  Knows nothing of gates or layouts.

Rules:
- A fraction reads 0.412 in a terminal and 41.2 % on a page.  Money is per 1,000 units (`/1k`).
- Digits follow the uncertainty: an interval as wide as 0.2 takes two decimals, not three.
- Two numbers that differ never print alike where a decision lies between them (`apart`).
- None prints as "undetermined"; there is no number for "could not".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import Final

UNDETERMINED: Final = "undetermined"
MOST_DECIMALS: Final = 7
PER: Final = 1000.0
"""Money is shown per so many units: one answer costs too little to read."""


class Medium(Enum):
    """Where a number is read: fractions are 0.412 in a terminal and 41.2 % on a page."""

    TERMINAL = "terminal"
    PAGE = "page"


def shown(value: float, scale: str, medium: Medium) -> float:
    """The value in the unit that it is shown in: percent, or dollars per 1,000."""
    if scale == "usd":
        return value * PER
    if scale == "fraction" and medium is Medium.PAGE:
        return value * 100.0
    return value


def unit_label(name: str, scale: str) -> str:
    """The metric's name with the unit that its numbers are shown in.

    >>> unit_label("cost_usd", "usd")
    'cost_usd/1k'
    """
    return f"{name}/1k" if scale == "usd" else name


def decimals(
    numbers: Iterable[float | None], scale: str, medium: Medium, *, half_width: float | None = None
) -> int:
    """How many decimals these numbers of one row share, all in shown units.

    half_width: half the interval, in the value's own unit; a wide one takes a digit away, and a
    narrow one gives up to two more, so that its bounds differ.
    """
    places = _usual_decimals(numbers, scale, medium, half_width)
    if not half_width or scale in {"fraction", "points"}:
        return places
    needed = -math.floor(math.log10(abs(shown(half_width, scale, medium)) or 1.0))
    return max(places, min(needed, places + 2))


def _usual_decimals(
    numbers: Iterable[float | None], scale: str, medium: Medium, half_width: float | None
) -> int:
    known = [abs(shown(number, scale, medium)) for number in numbers if number is not None]
    least = min((number for number in known if number > 0), default=0.0)
    most = max(known, default=0.0)
    if scale == "fraction":
        wide = half_width is not None and half_width >= 0.1
        return (2 if medium is Medium.TERMINAL else 0) + (0 if wide else 1)
    if scale == "points":
        return 0 if half_width is not None and half_width >= 10 else 1
    if scale == "usd":
        return 0 if least >= 1000 else max(2, _significant(least, 2))
    if scale in {"tokens", "count"}:
        return 0 if most >= 100 or all(number.is_integer() for number in known) else 1
    return _significant(most, 3)


def _significant(number: float, digits: int) -> int:
    if number <= 0 or not math.isfinite(number):
        return digits - 1
    return min(MOST_DECIMALS, max(0, digits - 1 - math.floor(math.log10(number))))


def apart(first: float | None, second: float, scale: str, medium: Medium, *, least: int) -> int:
    """Decimals, `least` or more, at which two different numbers print differently.

    A bound of -0.0299 against a margin of 0.03 must not read as "-0.030 > -0.030".
    """
    if first is None or first == second:
        return least
    one, two = shown(first, scale, medium), shown(second, scale, medium)
    for places in range(least, MOST_DECIMALS):
        if f"{one:.{places}f}" != f"{two:.{places}f}":
            return places
    return MOST_DECIMALS


def _affix(digits: str, scale: str, medium: Medium) -> str:
    if scale == "usd":
        sign = digits[0] if digits[0] in "+-" else ""
        return f"{sign}${digits[len(sign) :]}"
    if scale == "seconds":
        return f"{digits} s"
    return f"{digits} %" if scale == "fraction" and medium is Medium.PAGE else digits


def value(number: float | None, scale: str, medium: Medium, *, places: int | None = None) -> str:
    """One value with its unit.

    A fraction that is nearly, but not quite, 0 or 1 never prints as 0 or 1.

    >>> value(0.412, "fraction", Medium.PAGE), value(0.00021, "usd", Medium.TERMINAL)
    ('41.2 %', '$0.21')
    """
    if number is None:
        return UNDETERMINED
    taken = decimals([number], scale, medium) if places is None else places
    if scale == "fraction":
        for edge in (0.0, 1.0):
            taken = apart(number, edge, scale, medium, least=taken)
    return _affix(f"{shown(number, scale, medium):,.{taken}f}", scale, medium)


def change(number: float | None, scale: str, medium: Medium, *, places: int | None = None) -> str:
    """A signed difference with its unit; percent become percentage points (pp).

    >>> change(0.014, "fraction", Medium.PAGE), change(-0.5, "seconds", Medium.TERMINAL)
    ('+1.4 pp', '-0.500 s')
    """
    if number is None:
        return UNDETERMINED
    taken = decimals([number], scale, medium) if places is None else places
    digits = f"{shown(number, scale, medium):+,.{taken}f}"
    if float(digits.replace(",", "")) == 0:
        digits = digits.replace("-", "+")
    if scale == "fraction" and medium is Medium.PAGE:
        return f"{digits} pp"
    return _affix(digits, scale, medium)


def times(ratio: float | None, *, digits: int = 2) -> str:
    """A ratio as a multiple: two significant digits, more near 1 where they matter.

    >>> times(8.31), times(1.04), times(12.6), times(0.12)
    ('8.3x', '1.04x', '13x', '0.12x')
    """
    if ratio is None:
        return UNDETERMINED
    places = max(digits, 2) if 0.5 <= ratio < 2 else _significant(ratio, digits)
    return f"{ratio:,.{places}f}x"


def exact(number: float) -> str:
    """A number as somebody typed it: no padding, no exponent.

    >>> exact(0.03), exact(8.0), exact(0.00001)
    ('0.03', '8', '0.00001')
    """
    text = f"{number:.10f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def count(number: int) -> str:
    """A count with thousands parted.

    >>> count(12345)
    '12,345'
    """
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """A part of a whole in words: "3 of 812 (0.4 %)".

    >>> share(3, 812), share(0, 0)
    ('3 of 812 (0.4 %)', '0 of 0')
    """
    if not whole:
        return f"{part:,} of {whole:,}"
    return f"{part:,} of {whole:,} ({value(part / whole, 'fraction', Medium.PAGE)})"


def p_value(number: float | None) -> str:
    """A p-value: three decimals, and never a bare zero.

    >>> p_value(0.0312), p_value(1e-9), p_value(None)
    ('0.031', '<0.001', 'undetermined')
    """
    if number is None:
        return UNDETERMINED
    return "<0.001" if number < 0.001 else f"{number:.3f}"


def money(dollars: float | None) -> str:
    """A sum of money as it was spent, not per 1,000.

    >>> money(0.0042), money(1234.5), money(None)
    ('$0.0042', '$1,234.50', 'unknown')
    """
    if dollars is None:
        return "unknown"
    return f"${dollars:,.{max(2, _significant(abs(dollars), 2)) if dollars else 2}f}"


def money_range(low: float, high: float | None) -> str:
    """What was spent, as a range where it is unknown whether an attempt was billed.

    >>> money_range(0.1701, 0.1712), money_range(0.17, 0.17)
    ('$0.170 to $0.171', '$0.17')
    """
    if high is None or high == low:
        return money(low)
    for places in range(2, MOST_DECIMALS):
        first, second = f"${low:,.{places}f}", f"${high:,.{places}f}"
        if first != second:
            return f"{first} to {second}"
    return money(low)


def level(alpha: float) -> str:
    """The two-sided level of bounds that are one-sided at alpha each.

    >>> level(0.05), level(0.0125)
    ('90 %', '97.5 %')
    """
    return f"{exact(round(100 * (1 - 2 * alpha), 6))} %"
