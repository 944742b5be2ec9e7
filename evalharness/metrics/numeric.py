"""Numeric match: is the number in the answer the number in the reference?

Reads: answers and references.  Gives: rows (0 or 1, 1).
Depends on: base, text.numbers.  Numbers are exact fractions: 0.1 + 0.2 is 0.3 here, 42.0 is 42,
1,200 is 1200 and 3/4 is 0.75.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from evalharness.contracts import MetricKind
from evalharness.metrics.base import ItemMetric, Judged, choice
from evalharness.records import Item, Unscored
from evalharness.text.numbers import Number, numbers_in

_NO_NUMBER: Final = Unscored(reason="no reference answer holds a number")


class NumericMatch(ItemMetric):
    """1 where the answer's number is within tolerance of a reference's.

    take: which number of a text counts, the `last` (default) or the `first`.
    abs_tol, rel_tol: |answer - reference| may be at most the larger of abs_tol and
    rel_tol * |reference|; 0 by default.
    percent: `ignore` reads 50% as 50 (default), `fraction` as 0.5.
    An answer without a number scores 0.  Raises ValueError for a negative tolerance.

    >>> from evalharness.testing import score_texts
    >>> score_texts(NumericMatch(), ["So she pays $1,200.00.", "x = 5"], [["1200"], ["6"]])
    0.5
    """

    name = "numeric_match"
    kind: MetricKind = "binary"

    def __init__(
        self,
        *,
        take: str = "last",
        abs_tol: float = 0.0,
        rel_tol: float = 0.0,
        percent: str = "ignore",
    ) -> None:
        self.take = choice("take", take, ("last", "first"))
        self.percent = choice("percent", percent, ("ignore", "fraction"))
        self.abs_tol = _tolerance("abs_tol", abs_tol)
        self.rel_tol = _tolerance("rel_tol", rel_tol)
        super().__init__(
            f"take:{self.take}",
            f"abs:{float(self.abs_tol):g}",
            f"rel:{float(self.rel_tol):g}",
            f"percent:{self.percent}",
        )

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where no reference holds a number."""
        wanted = [
            number for target in item.sample.targets if (number := self._number(target)) is not None
        ]
        if not wanted:
            return _NO_NUMBER
        given = self._number(item.text)
        if given is None:
            return 0.0
        return 1.0 if any(self._equal(given, number) for number in wanted) else 0.0

    def _number(self, text: str) -> Fraction | None:
        """The number of a text that counts, or None."""
        numbers = numbers_in(text)
        if not numbers:
            return None
        number: Number = numbers[-1 if self.take == "last" else 0]
        if number.percent and self.percent == "fraction":
            return number.value / 100
        return number.value

    def _equal(self, given: Fraction, wanted: Fraction) -> bool:
        """Whether two numbers are within tolerance."""
        return abs(given - wanted) <= max(self.abs_tol, self.rel_tol * abs(wanted))


def _tolerance(option: str, value: object) -> Fraction:
    """A tolerance as written, exactly. Raises ValueError for anything but a number >= 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
        raise ValueError(f"{option} must be a number >= 0; got {value!r}")
    return Fraction(str(value))
