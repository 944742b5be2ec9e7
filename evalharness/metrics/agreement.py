"""A judge and people on the same answers: the corrected score, and how far they agree.

Reads: Judgement evidence of items: the judge's, and people's under JUDGE/human/ANNOTATOR.
Gives: rows of sums, so that intervals come from resampling whole samples.
Depends on: base, judged, preference, stats.ppi.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalharness.contracts import MetricKind, Need, Rows, Scale
from evalharness.metrics.base import Judged, RowMetric
from evalharness.metrics.judged import Voice, human_scores, said_of, scale_of
from evalharness.metrics.preference import shares
from evalharness.records import Item, Sample, Unscored
from evalharness.stats.ppi import SUMS, corrected_mean

if TYPE_CHECKING:
    from evalharness.contracts import Array

UNLABELLED: Final = Unscored(reason="nobody has rated this answer")


class JudgeCorrected(RowMetric):
    """The mean score that people would give, from a judge on all answers and people on some.

    judge, low, high, by, asked, combine: as for `judge`.
    Raises ValueError unless low < high.
    """

    name = "judge_corrected"
    kind: MetricKind = "corpus"
    needs: frozenset[Need] = frozenset({"judgement"})
    columns: tuple[str, ...] = ("known", *SUMS, "known_n")

    def __init__(
        self,
        *,
        judge: str = "judgement",
        low: float = 0.0,
        high: float = 1.0,
        by: str = "",
        asked: str = "",
        combine: str = "",
    ) -> None:
        self.judge = judge
        self.voice = Voice.of(judge, combine)
        self.range, self.scale = scale_of(low, high)
        self.low, self.high = self.range
        super().__init__(judge, *said_of(low, high, by, asked), *self.voice.said, "ppi++")

    def by_model(self, item: Item) -> Judged:
        """What the judge says."""
        return self.voice.score(item)

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows [n, 9]: what the judge and people said, or, labelled or not, nothing."""
        rows_nk = np.zeros((len(items), len(self.columns)))
        scored_n = np.zeros(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for place, item in enumerate(items):
            judged = self.by_model(item)
            if isinstance(judged, Unscored):
                reasons[place] = judged.reason
                continue
            labels = human_scores(item, self.judge)
            scored_n[place] = True
            if labels:
                label = fmean(labels.values())
                rows_nk[place, 3:8] = (1.0, label, judged, label * judged, judged * judged)
            else:
                rows_nk[place, 1:3] = (1.0, judged)
                rows_nk[place, 7] = judged * judged
        return Rows(rows_nk, scored_n, reasons)

    def reduce(self, sums: Array) -> Array:
        """Corrected means [...] from sums [..., 9]; failed answers stand in with what is known."""
        sums = np.asarray(sums, dtype=np.float64)
        known_n, judged_n = sums[..., 8], sums[..., 1] + sums[..., 3]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.clip(corrected_mean(sums[..., 1:8]), self.low, self.high)
            weighed = np.where(judged_n > 0, judged_n * mean, 0.0)
            value: Array = (sums[..., 0] + weighed) / (known_n + judged_n)
        return value

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array]:
        """A failed answer's score is known: the least for the candidate."""
        return _known(len(samples), self.low), _known(len(samples), self.high)


class WinRateCorrected(JudgeCorrected):
    """The win rate that people would give, from a judge of all pairs and people's votes on some.

    judge, by, asked, combine: as for `win_rate`.
    """

    name = "win_rate_corrected"

    def __init__(
        self,
        *,
        judge: str = "judgement",
        by: str = "",
        asked: str = "",
        combine: str = "",
    ) -> None:
        super().__init__(judge=judge, by=by, asked=asked, combine=combine)

    def by_model(self, item: Item) -> Judged:
        """The candidate's share of the win, both orders."""
        found = shares(item, self.voice)
        return found if isinstance(found, Unscored) else fmean(found)


class JudgeAgreement(RowMetric):
    """Krippendorff's alpha (interval level) of the judge and the mean of the people.

    judge: its name in the suite's `judges`; a judge of pairs is compared by the share of the win.
    combine: as for `judge`.
    """

    name = "judge_agreement"
    kind: MetricKind = "corpus"
    range: tuple[float | None, float | None] = (-1.0, 1.0)
    scale: Scale = "plain"
    needs: frozenset[Need] = frozenset({"judgement"})
    columns: tuple[str, ...] = ("n", "label", "judged", "squares", "missed")

    def __init__(self, *, judge: str = "judgement", combine: str = "") -> None:
        self.judge = judge
        self.voice = Voice.of(judge, combine)
        super().__init__(judge, *self.voice.said, "alpha:interval")

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows [n, 5] of answers that both the judge and a person have seen; zeros for others."""
        rows_nk = np.zeros((len(items), 5))
        scored_n = np.ones(len(items), dtype=np.bool_)
        for place, item in enumerate(items):
            judged = self.voice.score(item)
            if isinstance(judged, Unscored):
                both = shares(item, self.voice)
                judged = both if isinstance(both, Unscored) else fmean(both)
            labels = human_scores(item, self.judge)
            if labels and not isinstance(judged, Unscored):
                label = fmean(labels.values())
                squares = label * label + judged * judged
                rows_nk[place] = (1.0, label, judged, squares, (label - judged) ** 2)
        return Rows(rows_nk, scored_n)

    def reduce(self, sums: Array) -> Array:
        """Alphas [...] from sums [..., 5]; NaN where both saw nothing, or nothing varies."""
        n, label, judged, squares, missed = (np.asarray(sums)[..., place] for place in range(5))
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = 2.0 * (squares - (label + judged) ** 2 / (2.0 * n)) / (2.0 * n - 1.0)
            value = 1.0 - (missed / n) / expected
        known = (n > 0) & (expected > 1e-12)
        return np.where(known, np.clip(np.where(known, value, 0.0), -1.0, 1.0), np.nan)

    def bounds(self, samples: Sequence[Sample]) -> None:  # noqa: ARG002  (the contract's signature)
        """None: an answer that is not there was seen by nobody."""
        return


def _known(n: int, value: float) -> Array:
    """Rows of answers whose score is known, [n, 9]."""
    rows_nk = np.zeros((n, 9))
    rows_nk[:, 0], rows_nk[:, 8] = value, 1.0
    return rows_nk
