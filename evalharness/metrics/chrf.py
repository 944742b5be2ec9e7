"""chrF and chrF++: F score over character n-grams, sacrebleu's statistics and score.

Reads: answers and references.  Gives: rows of 3 counts an order (answer, reference, match).
Depends on: corpus; sacrebleu.  Sources: Popović (2015, 2017); sacrebleu 2.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalharness.metrics.base import yes_no
from evalharness.metrics.corpus import SacrebleuRows

if TYPE_CHECKING:
    from evalharness.contracts import Array

_NOTHING = 1e-16  # sacrebleu's stand-in for a precision of 0 of 0


class Chrf(SacrebleuRows):
    """Corpus chrF, 0..100; of several references, the one with the best segment score counts.

    char_order: longest character n-gram (6).  word_order: 2 makes it chrF++ (0).  beta: weight of
    recall (2).  lowercase, whitespace (count spaces too), eps_smoothing (as chrF++.py).
    Raises ValueError for an order or beta that is no whole number in range.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(Chrf(), ["the cat sat on the mat"], [["the cat is on the mat"]]), 4)
    64.5779
    """

    name = "chrf"

    def __init__(
        self,
        *,
        char_order: int = 6,
        word_order: int = 0,
        beta: int = 2,
        lowercase: bool = False,
        whitespace: bool = False,
        eps_smoothing: bool = False,
    ) -> None:
        from sacrebleu.metrics.chrf import CHRF

        self.char_order = _whole("char_order", char_order, 1)
        self.word_order = _whole("word_order", word_order, 0)
        self.beta = _whole("beta", beta, 1)
        self.eps_smoothing = yes_no("eps_smoothing", eps_smoothing)
        orders = [f"char_{order}" for order in range(1, self.char_order + 1)]
        orders += [f"word_{order}" for order in range(1, self.word_order + 1)]
        self.columns = tuple(
            f"{order}_{part}" for order in orders for part in ("answer", "reference", "match")
        )
        super().__init__(
            CHRF(
                char_order=self.char_order,
                word_order=self.word_order,
                beta=self.beta,
                lowercase=yes_no("lowercase", lowercase),
                whitespace=yes_no("whitespace", whitespace),
                eps_smoothing=self.eps_smoothing,
            )
        )
        if self.beta != 2:  # sacrebleu's signature leaves it out
            self.signature = self.signature.replace("|version:", f"|beta:{self.beta}|version:")

    def reduce(self, sums: Array) -> Array:
        """ChrF [...] of summed statistics [..., 3 orders]; sacrebleu's operations in its order."""
        factor = self.beta**2
        order_count = self.char_order + self.word_order
        shape = sums.shape[:-1]
        smoothed, precision, recall = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        effective = np.zeros(shape)
        for order in range(order_count):
            answer, reference, match = (sums[..., 3 * order + part] for part in range(3))
            one_precision = _share(match, answer)
            one_recall = _share(match, reference)
            below = factor * one_precision + one_recall
            smoothed += np.divide(
                (1 + factor) * one_precision * one_recall,
                below,
                out=np.full(shape, _NOTHING),
                where=below > 0,
            )
            both = (answer > 0) & (reference > 0)
            precision += np.where(both, one_precision, 0.0)
            recall += np.where(both, one_recall, 0.0)
            effective += both
        if self.eps_smoothing:
            return np.asarray(100 * smoothed / order_count)
        precision /= np.maximum(effective, 1)
        recall /= np.maximum(effective, 1)
        above = (1 + factor) * precision * recall
        below = factor * precision + recall
        score = np.divide(above, below, out=np.zeros(shape), where=below > 0)
        return np.asarray(100 * score)


def _share(part: Array, whole: Array) -> Array:
    """Part / whole, or next to nothing where whole is 0."""
    share: Array = np.divide(part, whole, out=np.full(np.shape(part), _NOTHING), where=whole > 0)
    return share


def _whole(option: str, value: object, least: int) -> int:
    """An option that must be a whole number of at least `least`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 20:
        raise ValueError(f"{option} must be a whole number from {least} to 20; got {value!r}")
    return value
