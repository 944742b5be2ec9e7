"""Numbers in prose: where they stand and what they are worth, exactly.

Reads: texts.  Gives: fractions.
Depends on: the standard library.  Knows nothing of metrics.

Understood: signs (also the minus sign U+2212), thousands separated by commas, decimals, exponents,
a/b, a percent sign, a currency sign before.  A hyphen after a word or number is no sign: 10-20
holds 10 and 20.  Decimal commas are not understood: 1,5 holds 1 and 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

_NUMBER: Final = re.compile(
    r"""
    (?P<sign>(?<![\w)\]%])[-+\u2212]\s?)?
    (?:[$€£¥₹]\s?(?P<inner>[-+\u2212])?)?
    (?P<whole>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<!\d)\.\d+)
    (?:[eE](?P<power>[-+]?\d{1,4})(?!\w))?
    (?:\s?/\s?(?P<below>\d+(?:\.\d+)?))?
    (?P<percent>\s?%)?
    """,
    re.VERBOSE,
)
_MOST_DIGITS: Final = 1000


@dataclass(frozen=True, slots=True)
class Number:
    """A number found in a text: what stands there, where it starts, what it is worth.

    value: without regard to a percent sign.  percent: whether one follows.
    """

    text: str
    start: int
    value: Fraction
    percent: bool


def numbers_in(text: str) -> list[Number]:
    """Every number of a text, in order; runs of more than 1,000 digits are left out.

    >>> [str(number.value) for number in numbers_in("He pays $1,200.50 for 3/4 of 10-20.")]
    ['2401/2', '3/4', '10', '20']
    """
    numbers = []
    for match in _NUMBER.finditer(text):
        value = _value(match)
        if value is not None:
            numbers.append(
                Number(match.group().strip(), match.start(), value, bool(match["percent"]))
            )
    return numbers


def _value(match: re.Match[str]) -> Fraction | None:
    """What a match is worth, or None for a division by zero or too many digits."""
    if match.end() - match.start() > _MOST_DIGITS:
        return None
    try:
        value = Fraction(Decimal(match["whole"].replace(",", "")))
        if match["power"]:
            value *= Fraction(10) ** int(match["power"])
        if match["below"]:
            value /= Fraction(Decimal(match["below"]))
    except (InvalidOperation, ZeroDivisionError):
        return None
    signs = (match["sign"] or "") + (match["inner"] or "")
    negative = sum(sign in "-\u2212" for sign in signs) % 2 == 1
    return -value if negative else value
