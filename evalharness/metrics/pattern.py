"""Contains and regex: does the answer hold a text, or match a pattern?

Reads: answers, and references or the values of an option.  Gives: rows (0 or 1, 1).
Depends on: base, timed_regex.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from evalharness.contracts import MetricKind, Need
from evalharness.metrics.base import ItemMetric, Judged, choice, flag, yes_no
from evalharness.metrics.timed_regex import TimedPattern, too_slow
from evalharness.records import Item, Unscored

_QUANTIFIERS: Final[dict[str, Callable[[Sequence[bool]], bool]]] = {"any": any, "all": all}


class Contains(ItemMetric):
    """1 where the answer holds the references (any of them, or all).

    values: these texts instead of the references.  mode: `any` (default) or `all`.
    ignore_case: true by default.  words: a found text must not be part of a longer word.
    Raises ValueError for an unknown value.

    >>> from evalharness.testing import score_texts
    >>> score_texts(Contains(), ["It is Paris.", "Rome"], [["paris"], ["Oslo"]])
    0.5
    """

    name = "contains"
    kind: MetricKind = "binary"

    def __init__(
        self,
        *,
        values: Sequence[str] = (),
        mode: str = "any",
        ignore_case: bool = True,
        words: bool = False,
    ) -> None:
        if isinstance(values, str):
            raise ValueError("values must be a list of texts")  # noqa: TRY004
        self.values_wanted = tuple(values)
        self.mode = choice("mode", mode, tuple(_QUANTIFIERS))
        self.ignore_case = yes_no("ignore_case", ignore_case)
        self.words = yes_no("words", words)
        self.needs: frozenset[Need] = frozenset() if self.values_wanted else frozenset({"targets"})
        super().__init__(
            f"mode:{self.mode}",
            f"case:{'lc' if self.ignore_case else 'mixed'}",
            *([f"words:{flag(True)}"] if self.words else []),
            *(f"value:{value}" for value in self.values_wanted),
        )

    def value(self, item: Item) -> Judged:
        """1 or 0."""
        wanted = self.values_wanted or item.sample.targets
        text = item.text
        if self.ignore_case:
            text, wanted = text.lower(), tuple(one.lower() for one in wanted)
        found = [_stands_in(one, text) if self.words else one in text for one in wanted]
        return 1.0 if _QUANTIFIERS[self.mode](found) else 0.0


def _stands_in(wanted: str, text: str) -> bool:
    """Whether `wanted` stands in the text with no letter or digit right beside it."""
    start = text.find(wanted)
    while start >= 0:
        before, after = text[:start][-1:], text[start + len(wanted) :][:1]
        if not (before.isalnum() or after.isalnum()):
            return True
        start = text.find(wanted, start + 1)
    return False


class RegexMatch(ItemMetric):
    """1 where the answer matches a pattern.

    pattern: a regular expression (flags inline, e.g. `(?i)`); without it, each reference is one
    and any of them may match.  mode: `search` (default), `fullmatch`, or `absent` (1 where nothing
    matches).  An answer on which a pattern takes over a second is unscored.
    Raises ValueError for a pattern that is no regular expression.

    >>> from evalharness.testing import score_texts
    >>> score_texts(RegexMatch(pattern="^[A-Z]"), ["Yes", "no"], [[], []])
    0.5
    """

    name = "regex"
    kind: MetricKind = "binary"

    def __init__(self, *, pattern: str | None = None, mode: str = "search") -> None:
        self.pattern = None if pattern is None else TimedPattern(pattern)
        self.mode = choice("mode", mode, ("search", "fullmatch", "absent"))
        self.needs: frozenset[Need] = frozenset() if self.pattern else frozenset({"targets"})
        source = "targets" if pattern is None else pattern
        super().__init__(f"pattern:{source}", f"mode:{self.mode}")

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where a pattern is too slow or a reference is no pattern."""
        try:
            patterns = (
                [self.pattern]
                if self.pattern
                else [TimedPattern(target) for target in item.sample.targets]
            )
        except ValueError as error:
            return Unscored(reason=f"the reference {error}")
        for pattern in patterns:
            try:
                found = (
                    pattern.fullmatch(item.text)
                    if self.mode == "fullmatch"
                    else pattern.search(item.text)
                )
            except TimeoutError:
                return Unscored(reason=too_slow(pattern.pattern))
            if found is not None:
                return 0.0 if self.mode == "absent" else 1.0
        return 1.0 if self.mode == "absent" else 0.0
