"""short_sentences: the share of answers in which no sentence is too long."""

from __future__ import annotations

import re

from evalharness.metrics.base import ItemMetric
from evalharness.records import Item


class ShortSentences(ItemMetric):
    """1 where every sentence has at most `words` words, else 0.

    The contract is `evalharness.contracts.Metric`; ItemMetric keeps it for a mean over answers, so
    only `value` is left to write.  Options are keyword arguments and stand in the signature.
    """

    name = "short_sentences"
    version = "1"
    kind = "binary"
    needs = frozenset()

    def __init__(self, *, words: int = 20) -> None:
        if words < 1:
            raise ValueError(f"words must be at least 1; got {words!r}")
        self.words = words
        super().__init__(f"words:{words}")

    def value(self, item: Item) -> float:
        """1 or 0; `Unscored(reason)` is for what cannot be judged."""
        sentences = re.split(r"[.!?]+", item.text)
        return float(all(len(sentence.split()) <= self.words for sentence in sentences))
