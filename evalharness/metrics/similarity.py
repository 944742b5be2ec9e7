"""Embedding similarity: the cosine of two texts' mean token vectors.

Reads: answers and references; an encoder that is handed in.  Gives: rows (cosine, 1).
Depends on: base, bertscore (the encoder's protocol), numpy.
Source: Reimers & Gurevych (2019), "Sentence-BERT", EMNLP, section 3: mean pooling over all tokens,
special ones included.  It shares the encoder, its vectors and its cache with BERTScore.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalharness.metrics.base import NO_TARGET, Judged, MeanMetric
from evalharness.metrics.bertscore import Pair, TextEncoder, blocks
from evalharness.records import Unscored

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KIND: Final = "mean cosine 1"
_NOT_FINITE: Final = "the encoder's vectors are not finite numbers"


class EmbeddingSimilarity(MeanMetric):
    """The greatest cosine of the answer with a reference, -1 to 1.

    encoder: gives the vectors.  An empty text is like another empty one (1) and unlike any other
    (0).  It says what a text is about, not whether it is right: a negation scores high.
    """

    name = "embedding_similarity"
    range: tuple[float | None, float | None] = (-1.0, 1.0)

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        super().__init__(encoder.signature, "pool:mean")

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One cosine an answer."""
        pairs = dict.fromkeys((item.text, one) for item in items for one in item.sample.targets)
        cosines = self.pair_cosines(pairs)
        return [
            max(cosines[item.text, one] for one in item.sample.targets)
            if item.sample.targets
            and all((item.text, one) in cosines for one in item.sample.targets)
            else Unscored(reason=_NOT_FINITE)
            if item.sample.targets
            else NO_TARGET
            for item in items
        ]

    def pair_cosines(self, pairs: Iterable[Pair]) -> dict[Pair, float]:
        """The cosine of each (answer, reference); left out where vectors are not finite."""
        wanted = list(pairs)
        known = self.encoder.remembered(_KIND, wanted)
        cosines = {pair: one[0] for pair, one in known.items()}
        missing = [pair for pair in wanted if pair not in cosines]
        tokens = self.encoder.tokens(text for pair in missing for text in pair)
        for block in blocks(missing, tokens):
            fresh = self._block_cosines(
                block, {text: tokens[text] for pair in block for text in pair}
            )
            cosines.update(fresh)
            self.encoder.remember(_KIND, {pair: (one,) for pair, one in fresh.items()})
        return cosines

    def _block_cosines(
        self, block: Sequence[Pair], tokens: dict[str, tuple[int, ...]]
    ) -> dict[Pair, float]:
        """Cosines of pairs whose vectors fit into memory together."""
        empty = self.encoder.n_special()
        full = {text: ids for text, ids in tokens.items() if len(ids) > empty}
        vectors = self.encoder.vectors(full, keep={reference for _, reference in block})
        means = {text: vectors[text].mean(axis=0, dtype=np.float64) for text in full}
        cosines = {}
        for answer, reference in block:
            if answer in full and reference in full:
                value = cosine(means[answer], means[reference])
            else:
                value = float(answer not in full and reference not in full)
            if np.isfinite(value):
                cosines[answer, reference] = value
        return cosines


def cosine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The cosine of two vectors, from -1 to 1."""
    value = float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
    return min(1.0, max(-1.0, value))
