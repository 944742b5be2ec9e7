"""Which of two arms' answers is preferred: win rate, how order sways the judge, and length.

Reads: Judgement evidence of a pair, under JUDGE/first (the candidate's answer was shown first),
JUDGE/second (repeats behind @1, @2 ...), and JUDGE/human/ANNOTATOR; "score" is the candidate's
share of the win in all of them.
Gives: rows of the candidate; the baseline against itself wins half of the time.
Depends on: base, judged.
Sources: Zheng et al. (2023), arXiv:2306.05685 (both orders); Li et al. (2023), AlpacaEval, for the
win rate; Dubois et al. (2024), arXiv:2404.04475, for the length-controlled one.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from evalharness.contracts import MetricKind, Need, Rows, Scale
from evalharness.metrics.base import ItemMetric, Judged
from evalharness.metrics.judged import Voice, human_scores
from evalharness.records import Item, Sample, Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array

ORDERS: Final = ("first", "second")
NEWTON_STEPS: Final = 60
TOLERANCE: Final = 1e-9
MOST_LOGIT: Final = 30.0
RIDGE: Final = 1.0
"""Penalty on the slope of length, in units of one answer: finite even where length decides all."""


def shares(item: Item, voice: Voice) -> tuple[float, float] | Unscored:
    """The candidate's share of the win in both orders, or why it is not known."""
    found: list[float] = []
    for order in ORDERS:
        share = voice.score(item, f"/{order}")
        if isinstance(share, Unscored):
            return share
        found.append(share)
    return found[0], found[1]


class _Pairwise(ItemMetric):
    """What a judge of two brings; its options are those of `judge`."""

    needs: frozenset[Need] = frozenset({"judgement"})

    def __init__(
        self,
        *,
        judge: str = "judgement",
        by: str = "",
        asked: str = "",
        combine: str = "",
    ) -> None:
        self.judge, self.people = judge, by == "people"
        self.voice = Voice.of(judge, combine)
        said = [f"by:{by}"] * bool(by) + [f"asked:{asked}"] * bool(asked)
        super().__init__(judge, *said, *self.voice.said)

    def share(self, item: Item) -> Judged:
        """The candidate's share of the win: the mean of both orders, or of the people's votes."""
        if self.people:
            votes = human_scores(item, self.judge)
            return fmean(votes.values()) if votes else Unscored(reason="nobody has compared these")
        found = shares(item, self.voice)
        return found if isinstance(found, Unscored) else fmean(found)


class WinRate(_Pairwise):
    """The share of pairs in which the candidate's answer is preferred; a tie is half a win.

    judge: its name in the suite's `judges`.  by, asked: who was asked what, for the signature.
    combine: as for `judge`.
    """

    name = "win_rate"

    def value(self, item: Item) -> Judged:
        """0..1; both orders must be judged."""
        return self.share(item)


class FlipRate(_Pairwise):
    """The share of pairs in which the judge prefers the other arm once the order is turned round.

    judge: its name in the suite's `judges`.  by, asked: who was asked what, for the signature.
    combine: as for `judge`.
    """

    name = "flip_rate"
    direction: Literal["higher", "lower"] = "lower"

    def value(self, item: Item) -> Judged:
        """1 where the two orders name opposite winners."""
        found = shares(item, self.voice)
        if isinstance(found, Unscored):
            return found
        return float((found[0] - 0.5) * (found[1] - 0.5) < 0.0)

    def bounds(self, samples: Sequence[Sample]) -> None:  # noqa: ARG002  (the contract's signature)
        """None: a pair that was not judged says nothing of the judge."""
        return


class LengthControlledWinRate(_Pairwise):
    """The win rate that is left when both answers are equally long.

    A logistic regression of the candidate's share of the win on tanh(difference of the lengths in
    characters / its standard deviation), read where the difference is 0.
    judge: its name in the suite's `judges`.  by, asked: who was asked what, for the signature.
    combine: as for `judge`.
    """

    name = "length_controlled_win_rate"
    kind: MetricKind = "refit"
    columns: tuple[str, ...] = ("value", "length", "n")
    scale: Scale = "fraction"

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows (share, difference of the lengths, 1), [n, 3]."""
        rows_nk = np.zeros((len(items), 3))
        scored_n = np.zeros(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for place, item in enumerate(items):
            share = self.share(item)
            longer = item.sample.metadata.get("length_difference", 0.0)
            if isinstance(share, Unscored):
                reasons[place] = share.reason
            else:
                rows_nk[place] = (share, float(longer), 1.0)
                scored_n[place] = True
        return Rows(rows_nk, scored_n, reasons)

    def reduce(self, sums: Array) -> Array:  # noqa: ARG002  (the contract's signature)
        """Refused: a regression is no function of sums. Raises TypeError."""
        raise TypeError(f"{self.name} is no function of sums; use reduce_weighted")

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Win rates at equal length [b] under weights [b, n]; NaN where nothing weighs."""
        counted_n = rows_nk[:, 2] > 0
        share_n, longer_n = rows_nk[counted_n, 0], rows_nk[counted_n, 1]
        spread = float(longer_n.std()) if len(longer_n) else 0.0
        length_n = np.tanh(longer_n / spread) if spread > 0.0 else np.zeros(len(longer_n))
        return _win_rate_at_equal_length(share_n, length_n, weights_bn[:, counted_n])

    def bounds(self, samples: Sequence[Sample]) -> None:  # noqa: ARG002  (the contract's signature)
        """None: an answer that is not there has no length."""
        return


def _win_rate_at_equal_length(share_n: Array, length_n: Array, weights_bn: Array) -> Array:
    """Newton's method for share ~ logistic(a + b length), all weightings at once; logistic(a)."""
    if len(weights_bn) > 1:  # begin where the sample itself ends: two or three steps are left
        constant, slope = _fit(share_n, length_n, np.ones((1, len(share_n))), (0.0, 0.0))
        start = (float(constant[0]), float(slope[0]))
    else:
        start = (0.0, 0.0)
    constant_b, _ = _fit(share_n, length_n, weights_bn, start)
    rate_b: Array = 1.0 / (1.0 + np.exp(-constant_b))
    return np.where(weights_bn.sum(axis=1) > 0, rate_b, np.nan)


def _fit(
    share_n: Array, length_n: Array, weights_bn: Array, start: tuple[float, float]
) -> tuple[Array, Array]:
    """The constants [b] and slopes [b] of the regression, from a common start."""
    constant_b, slope_b = (np.full(len(weights_bn), value) for value in start)
    for _ in range(NEWTON_STEPS):
        logits = constant_b[:, None] + slope_b[:, None] * length_n
        fitted = 1.0 / (1.0 + np.exp(-np.clip(logits, -MOST_LOGIT, MOST_LOGIT)))
        missed = weights_bn * (share_n - fitted)
        curve = weights_bn * np.maximum(fitted * (1.0 - fitted), 1e-9)
        g_a, g_b = missed.sum(axis=1), missed @ length_n - RIDGE * slope_b
        h_aa, h_ab = curve.sum(axis=1) + 1e-12, curve @ length_n
        h_bb = curve @ (length_n**2) + RIDGE
        determinant = np.maximum(h_aa * h_bb - h_ab**2, 1e-300)
        step_a = (h_bb * g_a - h_ab * g_b) / determinant
        step_b = (h_aa * g_b - h_ab * g_a) / determinant
        constant_b = np.clip(constant_b + np.clip(step_a, -2, 2), -MOST_LOGIT, MOST_LOGIT)
        slope_b = np.clip(slope_b + np.clip(step_b, -2, 2), -MOST_LOGIT, MOST_LOGIT)
        if max(np.abs(step_a).max(initial=0.0), np.abs(step_b).max(initial=0.0)) < TOLERANCE:
            break
    return constant_b, slope_b
