"""BLEU: sacrebleu's statistics a segment, sacrebleu's score of their sum, to the last bit.

Reads: answers and references.  Gives: rows of 10 counts (lengths, matches and totals of 4 orders).
Depends on: corpus; sacrebleu.  Sources: Papineni et al. (2002); Post (2018), A call for clarity in
reporting BLEU scores; Chen & Cherry (2014) for the smoothing methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalharness.contracts import Scale
from evalharness.errors import MissingExtra
from evalharness.metrics.base import Judged, MeanMetric, choice, yes_no
from evalharness.metrics.corpus import SacrebleuRows, elementwise
from evalharness.records import Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array

_SMOOTHING: Final = ("exp", "floor", "add-k", "none")
_TOKENIZERS: Final = (
    "13a",
    "intl",
    "zh",
    "ja-mecab",
    "ko-mecab",
    "char",
    "none",
    "flores101",
    "flores200",
    "spm",
    "spBLEU-1K",
)
_ORDERS: Final = 4
_TINY_LOG: Final = -9999999999.0  # what sacrebleu takes for the logarithm of 0

_exp = elementwise(math.exp)
_log = elementwise(lambda value: math.log(value) if value else _TINY_LOG)


class Bleu(SacrebleuRows):
    """Corpus BLEU, 0..100.

    tokenize: sacrebleu's tokeniser: 13a (default), intl, zh, ja-mecab, ko-mecab, char, none,
    flores101, flores200, spm.  smooth: exp (default), floor, add-k, none; smooth_value for floor
    and add-k.  lowercase; effective_order: leave out the orders that a short corpus has not.
    Raises ValueError for an unknown option value, MissingExtra for a tokeniser whose package is
    not installed: it is never replaced by another one.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(Bleu(), ["the cat sat on the mat"], [["the cat is on the mat"]]), 4)
    37.9918
    """

    name = "bleu"
    columns: tuple[str, ...] = (
        "answer_length",
        "reference_length",
        *(f"match_{order}" for order in range(1, _ORDERS + 1)),
        *(f"total_{order}" for order in range(1, _ORDERS + 1)),
    )

    def __init__(
        self,
        *,
        tokenize: str = "13a",
        smooth: str = "exp",
        smooth_value: float | None = None,
        lowercase: bool = False,
        effective_order: bool = False,
    ) -> None:
        from sacrebleu.metrics.bleu import BLEU

        self.tokenize = choice("tokenize", tokenize, _TOKENIZERS)
        self.smooth = choice("smooth", smooth, _SMOOTHING)
        if smooth_value is not None and not 0 <= float(smooth_value) < math.inf:
            raise ValueError(f"smooth_value must be a number >= 0; got {smooth_value!r}")
        self.smooth_value = {"floor": 0.1, "add-k": 1.0}.get(self.smooth, 0.0)
        if smooth_value is not None:
            self.smooth_value = float(smooth_value)
        self.effective_order = yes_no("effective_order", effective_order)
        try:
            engine = BLEU(
                lowercase=yes_no("lowercase", lowercase),
                force=True,
                tokenize=self.tokenize,
                smooth_method=self.smooth,
                smooth_value=smooth_value,
                effective_order=self.effective_order,
            )
        except (RuntimeError, ImportError) as error:
            language = {"ja-mecab": "ja", "ko-mecab": "ko"}.get(self.tokenize, "spm")
            raise MissingExtra(
                f"sacrebleu[{language}]",
                extra=f"bleu-{language}",
                needed_for=f"bleu with tokenize: {self.tokenize}",
            ) from error
        super().__init__(engine)

    def reduce(self, sums: Array) -> Array:
        """BLEU [...] of summed statistics [..., 10]; the operations are sacrebleu's, in its order.

        0 where nothing matches.
        """
        answer, reference = sums[..., 0], sums[..., 1]
        match, total = sums[..., 2:6], sums[..., 6:10]
        precisions, orders = self._precisions(match, total)
        logs = np.where(np.arange(_ORDERS) < orders[..., None], _log(precisions), 0.0)
        summed = ((logs[..., 0] + logs[..., 1]) + logs[..., 2]) + logs[..., 3]
        lacking = (answer < reference) & (answer > 0)
        penalty = np.where(answer > 0, 1.0, np.where(reference > 0, 0.0, 1.0))
        safe = np.where(lacking, answer, 1.0)
        penalty = np.where(lacking, _exp(np.where(lacking, 1 - reference / safe, 0.0)), penalty)
        return np.where(match.any(axis=-1), penalty * _exp(summed / orders), 0.0)

    def _precisions(self, match: Array, total: Array) -> tuple[Array, Array]:
        """Smoothed n-gram precisions [..., 4] in percent, and how many orders count [...]."""
        add = self.smooth_value if self.smooth == "add-k" else 0.0
        added = np.array([0.0, add, add, add])
        match, total = match + added, total + added
        alive = np.cumprod(total != 0, axis=-1).astype(bool)  # later orders are not looked at
        empty = alive & (match == 0)
        safe = np.where(alive, total, 1.0)
        precisions = np.where(alive, 100.0 * match / safe, 0.0)
        if self.smooth == "exp":
            halvings = 2.0 ** np.cumsum(empty, axis=-1)
            precisions = np.where(empty, 100.0 / (halvings * safe), precisions)
        elif self.smooth == "floor":
            precisions = np.where(empty, 100.0 * self.smooth_value / safe, precisions)
        orders = alive.sum(axis=-1) if self.effective_order else np.full(match.shape[:-1], _ORDERS)
        return precisions, np.maximum(orders, 1).astype(np.float64)


class SentenceBleu(MeanMetric):
    """The mean of each answer's own BLEU, 0..100; not corpus BLEU, and not comparable to it.

    The options of `bleu`; effective_order is true by default, as sacrebleu advises for sentences.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(SentenceBleu(), ["happy"], [["happy"]]), 9)
    100.0
    """

    name = "sentence_bleu"
    scale: Scale = "points"
    range: tuple[float | None, float | None] = (0.0, 100.0)

    def __init__(
        self,
        *,
        tokenize: str = "13a",
        smooth: str = "exp",
        smooth_value: float | None = None,
        lowercase: bool = False,
        effective_order: bool = True,
    ) -> None:
        self.corpus = Bleu(
            tokenize=tokenize,
            smooth=smooth,
            smooth_value=smooth_value,
            lowercase=lowercase,
            effective_order=effective_order,
        )
        options = self.corpus.signature.removeprefix("bleu|").rpartition("|v")[0]
        super().__init__(options)

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One BLEU an answer, at most 100 (sacrebleu's 100.00000000000004 is cut)."""
        rows = self.corpus.measure(items)
        scores = np.minimum(self.corpus.reduce(rows.rows_nk), 100.0).tolist()
        reasons = rows.reasons
        return [
            Unscored(reason=reasons[index]) if index in reasons else score
            for index, score in enumerate(scores)
        ]
