"""DROP: exact match and F1 over sets of spans, numbers compared as numbers.

Reads: answers and references.  Gives: rows (score, 1).
Depends on: base; scipy for the alignment of several spans.  Source: Dua et al. (2019), with the
rules of the official script as lm-evaluation-harness has them: words are split at spaces and
hyphens, numbers normalised (5.0 is 5), F1 over sets of words, spans aligned one to one, a
reference with a number needs that number, F1 rounded to two decimals; the best reference.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Final

import numpy as np

from evalharness.contracts import MetricKind
from evalharness.metrics.base import ItemMetric, Judged
from evalharness.records import Item, Unscored

_ARTICLE: Final = re.compile(r"\b(a|an|the)\b")
_DELETE: Final = str.maketrans("", "", string.punctuation)
_BLANK: Final = Unscored(reason="every reference answer is blank")
_MOST_SPANS: Final = 200


class _DropMetric(ItemMetric):
    """separator: what parts the spans of an answer or reference; none by default (one span)."""

    def __init__(self, *, separator: str | None = None) -> None:
        if separator is not None and (not isinstance(separator, str) or not separator):
            raise ValueError(f"separator must be a non-empty text; got {separator!r}")
        self.separator = separator
        super().__init__(f"spans:{'one' if separator is None else repr(separator)}")

    def spans(self, text: str) -> list[str]:
        """The normalised spans of a text; at most 200."""
        parts = [text] if self.separator is None else text.split(self.separator)
        return [drop_normalize(part) for part in parts[:_MOST_SPANS]]

    def score(self, given: Sequence[str], wanted: Sequence[str]) -> float:
        """The score of spans against one reference's."""
        raise NotImplementedError

    def value(self, item: Item) -> Judged:
        """0..1: the best over the references that are not blank."""
        given = self.spans(item.text)
        targets = [target for target in item.sample.targets if target.strip()]
        if not targets:
            return _BLANK
        return max(self.score(given, self.spans(target)) for target in targets)


class DropExactMatch(_DropMetric):
    """1 where the spans are the reference's, in any order.

    >>> from evalharness.testing import score_texts
    >>> score_texts(DropExactMatch(), ["5.0", "well-known"], [["5"], ["well known"]])
    1.0
    """

    name = "drop_em"
    kind: MetricKind = "binary"

    def score(self, given: Sequence[str], wanted: Sequence[str]) -> float:
        """1 or 0."""
        return float(set(given) == set(wanted) and len(given) == len(wanted))


class DropF1(_DropMetric):
    """Mean F1 of aligned spans, rounded to two decimals as the official script does.

    >>> from evalharness.testing import score_texts
    >>> score_texts(DropF1(), ["5 yards"], [["5"]])
    0.67
    """

    name = "drop_f1"

    def score(self, given: Sequence[str], wanted: Sequence[str]) -> float:
        """0..1."""
        given_bags = [set(span.split()) for span in given]
        wanted_bags = [set(span.split()) for span in wanted]
        f1 = np.array([[_bag_f1(one, bag) for one in given_bags] for bag in wanted_bags])
        if f1.size == 1:
            total = float(f1[0, 0])
        else:
            from scipy.optimize import linear_sum_assignment

            total = float(f1[linear_sum_assignment(-f1)].sum())
        return round(total / max(len(given), len(wanted)), 2)


def drop_normalize(text: str) -> str:
    """A span as DROP compares it.

    >>> drop_normalize("The well-known 5,000.0")
    'well known 50000.0'
    """
    words = (_normal_word(word) for word in re.split(" |-", text))
    return " ".join(word for word in words if word)


def _normal_word(word: str) -> str:
    """One word: case, punctuation (not of numbers), number form, articles, white space."""
    word = word.lower()
    if not _is_number(word):
        word = word.translate(_DELETE)
    if _is_number(word):
        word = str(float(word))
    return " ".join(_ARTICLE.sub(" ", word).split())


def _is_number(word: str) -> bool:
    """Whether Python reads a word as a float."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _bag_f1(given: set[str], wanted: set[str]) -> float:
    """F1 of two sets of words; 0 where the wanted numbers are not among the given ones."""
    numbers = {word for word in wanted if _is_number(word)}
    if numbers and not numbers & given:
        return 0.0
    shared = len(given & wanted)
    precision = shared / len(given) if given else 1.0
    recall = shared / len(wanted) if wanted else 1.0
    return 2 * precision * recall / (precision + recall) if precision or recall else 0.0
