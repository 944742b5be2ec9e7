"""How steady a judge is: the same judgement asked for several times.

Reads: Judgement evidence of items, every repeat of it.  Gives: rows of sums.
Depends on: base, judged, preference.
A score that is the mean of k repeats varies between answers because the answers differ, and because
the judge would say something else if it were asked again.  Repeats tell the two apart (a one-way
analysis of variance); the interval of the judge's metric holds both.
Sources: Krippendorff (2004), ch. 11 (alpha, interval level, k values a unit); Shrout & Fleiss
(1979): the noise is 1 - ICC(1, k).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evalharness.contracts import MetricKind, Need, Rows, Scale
from evalharness.metrics.base import RowMetric
from evalharness.metrics.judged import Voice
from evalharness.metrics.preference import ORDERS
from evalharness.records import Item, Sample, Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array


class _OfRepeats(RowMetric):
    """What repeats say of the judge; a judge of pairs repeats itself in both orders."""

    kind: MetricKind = "corpus"
    needs: frozenset[Need] = frozenset({"judgement"})
    columns: tuple[str, ...] = (
        "n", "score", "score_squared", "noise", "units", "sum", "squares", "within",
    )  # fmt: skip

    def __init__(self, *, judge: str = "judgement", combine: str = "mean of 2") -> None:
        self.judge = judge
        self.voice = Voice.of(judge, combine)
        super().__init__(judge, *self.voice.said)

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows [n, 8]; unscored as the judge's own metric is, and where it was asked once."""
        rows_nk = np.zeros((len(items), len(self.columns)))
        scored_n = np.zeros(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for place, item in enumerate(items):
            told = self._told(item)
            if isinstance(told, Unscored):
                reasons[place] = told.reason
                continue
            score = fmean(map(fmean, told))
            within = sum(map(variance, told))
            values = [value for repeats in told for value in repeats]
            noise = within / self.voice.repeats / len(told) ** 2
            squares = sum(value * value for value in values)
            rows_nk[place] = (
                1.0, score, score * score, noise, len(told), sum(values), squares, within,
            )  # fmt: skip
            scored_n[place] = True
        return Rows(rows_nk, scored_n, reasons)

    def _told(self, item: Item) -> list[list[float]] | Unscored:
        """The repeats of every question about this item: one, or one an order."""
        if self.voice.repeats < 2:
            return Unscored(reason=f"'{self.judge}' was asked once")
        alone = self.voice.scores(item)
        if not isinstance(alone, Unscored):
            return [alone]
        pair = [self.voice.scores(item, f"/{order}") for order in ORDERS]
        told = [scores for scores in pair if not isinstance(scores, Unscored)]
        return told if len(told) == len(pair) else alone

    def bounds(self, samples: Sequence[Sample]) -> None:  # noqa: ARG002  (the contract's signature)
        """None: an answer that is not there says nothing of the judge."""
        return


class JudgeNoise(_OfRepeats):
    """The share of the variance of a judge's scores that is its own noise, 0..1.

    The score is the mean of the repeats: twice as many halve its noise.
    judge: its name in the suite's `judges`.  combine: as for `judge`.
    """

    name = "judge_noise"
    direction: Literal["higher", "lower"] = "lower"

    def reduce(self, sums: Array) -> Array:
        """Shares [...] from sums [..., 8]; NaN where no score differs from another."""
        n, score, squared, noise = (np.asarray(sums)[..., place] for place in range(4))
        with np.errstate(invalid="ignore", divide="ignore"):
            total = (squared - score * score / n) / (n - 1.0)
            share = (noise / n) / total
        known = (n > 1) & (total > 1e-12)
        return np.where(known, np.clip(np.where(known, share, 0.0), 0.0, 1.0), np.nan)


class JudgeSelfAgreement(_OfRepeats):
    """How far a judge agrees with itself: Krippendorff's alpha (interval level) of its repeats.

    judge: its name in the suite's `judges`.  combine: as for `judge`.
    """

    name = "judge_self_agreement"
    range: tuple[float | None, float | None] = (-1.0, 1.0)
    scale: Scale = "plain"

    def reduce(self, sums: Array) -> Array:
        """Alphas [...] from sums [..., 8]; NaN where every judgement says the same."""
        units, total, squares, within = (np.asarray(sums)[..., place] for place in range(4, 8))
        values = units * self.voice.repeats
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = (squares - total * total / values) / (values - 1.0)
            alpha = 1.0 - (within / units) / expected
        known = (units > 1) & (expected > 1e-12)
        return np.where(known, np.clip(np.where(known, alpha, 0.0), -1.0, 1.0), np.nan)
