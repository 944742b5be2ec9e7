"""Exact match: is the answer one of the references?

Reads: answers and references.  Gives: rows (0 or 1, 1).
Depends on: base, timed_regex, text.normalize.  Sources: the options and their order are those of
Hugging Face evaluate's exact_match (regexes first, then case, punctuation, numbers); the
normalisation `squad` is that of the SQuAD scripts.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from evalharness.contracts import MetricKind
from evalharness.metrics.base import NO_TARGET, Judged, MeanMetric, choice, flag, yes_no
from evalharness.metrics.timed_regex import TimedPattern, too_slow
from evalharness.records import Unscored
from evalharness.text.normalize import squad_normalize

_NORMALIZE: Final[dict[str, Callable[[str], str] | None]] = {
    "none": None,
    "strip": str.strip,
    "squad": squad_normalize,
}
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_NUMBERS: Final = str.maketrans("", "", string.digits)


class ExactMatch(MeanMetric):
    """1 where the answer equals a reference.

    normalize: `strip` (default) ignores white space at the ends, `none` nothing, `squad` also
    case, punctuation and articles.  ignore_case, ignore_punctuation, ignore_numbers: both sides
    are changed in this order, before the normalisation.  regexes_to_ignore: what matches is
    deleted first.
    Raises ValueError for an unknown value or a pattern that is no regular expression.

    >>> from evalharness.testing import score_texts
    >>> score_texts(ExactMatch(ignore_case=True), ["Paris ", "Rome"], [["paris"], ["Oslo"]])
    0.5
    """

    name = "exact_match"
    kind: MetricKind = "binary"

    def __init__(
        self,
        *,
        normalize: str = "strip",
        ignore_case: bool = False,
        ignore_punctuation: bool = False,
        ignore_numbers: bool = False,
        regexes_to_ignore: Sequence[str] = (),
    ) -> None:
        self.normalize = choice("normalize", normalize, tuple(_NORMALIZE))
        self.ignore_case = yes_no("ignore_case", ignore_case)
        self.ignore_punctuation = yes_no("ignore_punctuation", ignore_punctuation)
        self.ignore_numbers = yes_no("ignore_numbers", ignore_numbers)
        self.regexes_to_ignore = tuple(regexes_to_ignore)
        self._patterns = [TimedPattern(pattern) for pattern in self.regexes_to_ignore]
        super().__init__(
            f"norm:{self.normalize}",
            f"case:{'lc' if self.ignore_case else 'mixed'}",
            *([f"punct:{flag(False)}"] if self.ignore_punctuation else []),
            *([f"numbers:{flag(False)}"] if self.ignore_numbers else []),
            *(f"drop:{pattern}" for pattern in self.regexes_to_ignore),
        )

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """1 or 0 an answer."""
        change = self._change()
        if change is None:
            return [
                NO_TARGET
                if not item.sample.targets
                else 1.0
                if item.text in item.sample.targets
                else 0.0
                for item in items
            ]
        judged: list[Judged] = []
        for item in items:
            targets = item.sample.targets
            if not targets:
                judged.append(NO_TARGET)
                continue
            try:
                text = change(item.text)
                judged.append(1.0 if any(text == change(target) for target in targets) else 0.0)
            except TimeoutError:
                patterns = " or ".join(self.regexes_to_ignore)
                judged.append(Unscored(reason=too_slow(patterns)))
        return judged

    def _deleting(self) -> list[Callable[[str], str]]:
        """A function for each pattern that deletes what it matches."""
        return [pattern.delete for pattern in self._patterns]

    def _change(self) -> Callable[[str], str] | None:
        """What both sides go through before they are compared, or None for nothing."""
        steps = self._deleting()
        if self.ignore_case:
            steps.append(str.lower)
        if self.ignore_punctuation:
            steps.append(_translator(_PUNCTUATION))
        if self.ignore_numbers:
            steps.append(_translator(_NUMBERS))
        normalize = _NORMALIZE[self.normalize]
        if normalize is not None:
            steps.append(normalize)
        if len(steps) <= 1:
            return steps[0] if steps else None
        return _chain(steps)


class ReferenceExactMatch(ExactMatch):
    """Exact match as evaluate's exact_match compares: in numpy arrays, which drop NULs at the end.

    regexes_to_ignore: patterns of the standard library, which knows no time limit.
    evaluate's wheel holds no modules; `evaluate:./exact_match` runs a copy of its module itself.
    """

    implementation = ("impl:reference",)

    def _deleting(self) -> list[Callable[[str], str]]:
        """A function for each pattern that deletes what it matches."""
        return [partial(re.compile(pattern).sub, "") for pattern in self.regexes_to_ignore]

    def _change(self) -> Callable[[str], str]:
        """What both sides go through before they are compared."""
        change = super()._change()
        return _chain([change, _as_numpy_holds_it]) if change else _as_numpy_holds_it


def _chain(steps: Sequence[Callable[[str], str]]) -> Callable[[str], str]:
    """One function that applies several in order."""

    def change(text: str) -> str:
        """Apply the steps in order."""
        for step in steps:
            text = step(text)
        return text

    return change


def _translator(table: dict[int, int | None]) -> Callable[[str], str]:
    return lambda text: text.translate(table)


def _as_numpy_holds_it(text: str) -> str:
    """A text as an element of numpy's string array."""
    return str(np.asarray([text])[0])
