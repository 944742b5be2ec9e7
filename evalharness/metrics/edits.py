"""Edit distances: similarity, distance, character and word error rates.

Reads: answers and references.  Gives: rows (value, 1), or (edits, reference length).
Depends on: base; rapidfuzz when measuring.  Source: Levenshtein (1966); insertions, deletions and
substitutions cost 1 each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evalharness.contracts import MetricKind, Rows, Scale
from evalharness.metrics.base import NO_TARGET, ItemMetric, Judged, RowMetric, ratio, yes_no
from evalharness.records import Item, Sample
from evalharness.text.codes import CodeTable, TooManyTokens
from evalharness.text.tokenize import spaced_words

if TYPE_CHECKING:
    from evalharness.contracts import Array


class EditSimilarity(ItemMetric):
    """1 - edits / length of the longer text, by characters; the best over the references.

    Two empty texts are equal: 1.  ignore_case: false by default.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(EditSimilarity(), ["kitten"], [["sitting"]]), 4)
    0.5714
    """

    name = "edit_similarity"

    def __init__(self, *, ignore_case: bool = False) -> None:
        self.ignore_case = yes_no("ignore_case", ignore_case)
        super().__init__("unit:character", f"case:{'lc' if self.ignore_case else 'mixed'}")

    def value(self, item: Item) -> Judged:
        """0..1."""
        from rapidfuzz.distance import Levenshtein

        text, targets = item.text, item.sample.targets
        if self.ignore_case:
            text, targets = text.lower(), tuple(target.lower() for target in targets)
        return max(Levenshtein.normalized_similarity(text, target) for target in targets)


class EditDistance(ItemMetric):
    """Mean number of character edits to the nearest reference; lower is better.

    >>> from evalharness.testing import score_texts
    >>> score_texts(EditDistance(), ["kitten"], [["sitting"]])
    3.0
    """

    name = "edit_distance"
    direction: Literal["higher", "lower"] = "lower"
    range: tuple[float | None, float | None] = (0.0, None)
    scale: Scale = "count"

    def __init__(self) -> None:
        super().__init__("unit:character")

    def value(self, item: Item) -> Judged:
        """Edits."""
        from rapidfuzz.distance import Levenshtein

        return float(min(Levenshtein.distance(item.text, one) for one in item.sample.targets))


class _ErrorRate(RowMetric):
    """Edits over reference length, summed over samples; the reference with the fewest edits."""

    direction: Literal["higher", "lower"] = "lower"
    range: tuple[float | None, float | None] = (0.0, None)
    kind: MetricKind = "count"
    columns: tuple[str, ...] = ("edits", "reference_length")
    unit: str = ""

    def __init__(self) -> None:
        super().__init__(f"unit:{self.unit}")

    def encoded(self, text: str, table: CodeTable) -> str:
        """A text as a string with one character a unit."""
        raise NotImplementedError

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows (edits, length of the nearest reference), [n, 2]."""
        from rapidfuzz.distance import Levenshtein

        table = CodeTable(spaced_words)
        rows_nk = np.zeros((len(items), 2))
        reasons: dict[int, str] = {}
        for index, item in enumerate(items):
            if not item.sample.targets:
                reasons[index] = NO_TARGET.reason
                continue
            table.begin()
            try:
                answer = self.encoded(item.text, table)
                references = [self.encoded(target, table) for target in item.sample.targets]
            except TooManyTokens as error:
                reasons[index] = str(error)
                continue
            rows_nk[index] = min(
                (Levenshtein.distance(answer, one), len(one)) for one in references
            )
        scored_n = np.ones(len(items), dtype=np.bool_)
        scored_n[list(reasons)] = False
        return Rows(rows_nk, scored_n, reasons)

    def reduce(self, sums: Array) -> Array:
        """Edits over reference length [...]; NaN where all references are empty."""
        return ratio(sums[..., 0], sums[..., 1])

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Weighted rates [b]."""
        return self.reduce(weights_bn @ rows_nk)

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:
        """Worst: an empty answer, every unit of the first reference missing. Best: no edit."""
        table = CodeTable(spaced_words)
        best_nk = np.zeros((len(samples), 2))
        for index, sample in enumerate(samples):
            table.begin()
            best_nk[index, 1] = len(self.encoded(sample.targets[0], table)) if sample.targets else 0
        worst_nk = best_nk.copy()
        worst_nk[:, 0] = best_nk[:, 1]
        return worst_nk, best_nk


class CharacterErrorRate(_ErrorRate):
    """CER: character edits over characters of the references; 0 is best, above 1 is possible.

    >>> from evalharness.testing import score_texts
    >>> score_texts(CharacterErrorRate(), ["abxd", "a"], [["abcd"], ["ab"]])
    0.3333333333333333
    """

    name = "cer"
    unit = "character"

    def encoded(self, text: str, table: CodeTable) -> str:  # noqa: ARG002  (characters need none)
        """The text itself."""
        return text


class WordErrorRate(_ErrorRate):
    """WER: word edits over words of the references, words as the texts space them.

    >>> from evalharness.testing import score_texts
    >>> score_texts(WordErrorRate(), ["the cat sat"], [["the cat sat down"]])
    0.25
    """

    name = "wer"
    unit = "word"

    def encoded(self, text: str, table: CodeTable) -> str:
        """One code a word."""
        return table.encode(text)
