"""Ratios: is the candidate's mean cost at most a given share of the baseline's?  And rates.

Reads: costs [n] of two arms on the same samples, or (part, whole) counts.
Gives: RatioOfMeans (an Effect on candidate / baseline), and MeanEffects of rates.
Depends on: hall, unseen, mean, special, roots, inference.  Needs no random numbers.
Sources: Fieller (1954); Hall (1992) for skewness; Deng, Knoblich & Lu (2018) for the delta method.

A ratio r is judged by the mean of candidate - r * baseline, which is zero at the truth.  That keeps
the pairing and needs no logarithms of noisy means.  As in `mean`, the most cautious of t, Hall's t
and the unseen decides: a candidate that stalls on 2 % of its calls shows no stall in one of three
samples of 50, and then no interval of the data alone knows.  Where the most that a unit can take is
declared (`most`: a deadline, a limit of tokens), an unseen unit takes that; where it is not, it is
taken to cost UNSEEN_FACTOR times the mean, for seconds UNSEEN_STALL times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.hall import hall_t
from evalharness.stats.inference import Interval, check_alpha, require, two_sided
from evalharness.stats.mean import MeanEffect, cluster_penalty, mean_effect
from evalharness.stats.moments import (
    Array,
    Codes,
    as_rows,
    as_values,
    cluster_sums,
    clusters_are_copies,
)
from evalharness.stats.roots import find_crossing
from evalharness.stats.special import t_cdf
from evalharness.stats.unseen import unseen_p

UNSEEN_FACTOR: Final = 10.0
"""What one unseen unit may cost, in means: an answer that runs on to its token limit."""
UNSEEN_STALL: Final = 20.0
"""How long one unseen call may take, in means: a stall.  Longer stalls than that may go unseen (of
30 means in up to 10 % of the cases at a nominal 5): declare the most that a call can take."""


@dataclass(frozen=True, slots=True)
class RatioOfMeans:
    """Mean of the candidate / mean of the baseline; build it with `ratio_effect`.

    means, second, third: moments of the cluster totals of (candidate, baseline): the two means,
    (var c, cov, var b), and the third central moments (ccc, ccb, cbb, bbb).
    extremes: what a unit that was not seen may take, of the candidate and of the baseline, in
    their own units.
    """

    means: tuple[float, float]
    second: tuple[float, float, float]
    third: tuple[float, float, float, float]
    n: int
    n_clusters: int
    clustered: bool
    extremes: tuple[float, float]

    @property
    def value(self) -> float:
        """Candidate / baseline."""
        return self.means[0] / self.means[1]

    @property
    def method(self) -> str:
        """Fieller's interval, skewness-corrected."""
        return "fieller-skew"

    @property
    def refusal(self) -> str | None:
        """Never: small samples are held back by the unseen."""
        return None

    def bounds(self, alpha: float) -> Interval:
        """Ratios that are not refuted; raises TooFewSamples where no upper bound exists."""
        check_alpha(alpha)
        value = self.value
        lower = upper = value
        if value > 0.0:
            if self.p_greater(0.0) >= alpha:
                lower = 0.0
            else:
                share = find_crossing(lambda u: self.p_greater(u * value) - alpha, 0.0, 1.0)
                lower = value * share
        factor = self._refuted_factor(alpha)
        if factor > 1.0:
            share = find_crossing(lambda u: self.p_less(u * value) - alpha, 1.0, factor)
            upper = value * share
        return Interval(lower, max(upper, value), 1.0 - 2.0 * alpha, self.method)

    def _refuted_factor(self, alpha: float) -> float:
        """A multiple of value that is too high at alpha; 1 where every higher one is."""
        value = self.value
        if value == 0.0:
            if self._p_spread(1.0)[1] < alpha:
                return 1.0
        else:
            factor = 1.0 + 1e-9
            while factor < 1e9:
                if self.p_less(factor * value) < alpha:
                    return factor
                factor = 1.0 + 4.0 * (factor - 1.0)
        raise TooFewSamples(
            "the baseline's mean is too uncertain to bound a ratio to it", mend="add samples"
        )

    def p_greater(self, theta: float) -> float:
        """P-value of `ratio <= theta`; 1 from the estimate on upwards."""
        if theta < 0.0:
            return 0.0
        p = self._p_spread(theta)[0]
        if theta > 0.0 and self.value > 0.0:
            inverse, most = 1.0 / self.value, self.extremes[1] / self.means[0]
            p = max(p, unseen_p(inverse, 1.0 / theta, most, n=self.n_clusters))
        return min(1.0, self._penalty * p) if theta < self.value else 1.0

    def p_less(self, theta: float) -> float:
        """P-value of `ratio >= theta`; 1 from the estimate on downwards."""
        if theta <= self.value:
            return 1.0
        p = self._p_spread(theta)[1]
        if self.value > 0.0:
            most = self.extremes[0] / self.means[1]
            p = max(p, unseen_p(self.value, theta, most, n=self.n_clusters))
        return min(1.0, self._penalty * p)

    def p_different(self, theta: float) -> float:
        """Two-sided p of `ratio == theta`."""
        greater, less = self._p_spread(theta)
        return two_sided(min(1.0, greater * self._penalty), min(1.0, less * self._penalty))

    @property
    def _penalty(self) -> float:
        return cluster_penalty(self.n_clusters) if self.clustered else 1.0

    def _p_spread(self, r: float) -> tuple[float, float]:
        """P-values of (ratio <= r, ratio >= r) from the mean of candidate - r baseline."""
        (c, b), (cc, cb, bb), (ccc, ccb, cbb, bbb) = self.means, self.second, self.third
        mean = c - r * b
        variance = cc - 2.0 * r * cb + r * r * bb
        if variance <= 1e-13 * (cc + r * r * bb) or variance <= 1e-26 * (c * c + r * r * b * b):
            if abs(mean) <= 1e-12 * (abs(c) + abs(r * b)):
                return 1.0, 1.0
            return (0.0, 1.0) if mean > 0.0 else (1.0, 0.0)
        third = ccc - 3.0 * r * ccb + 3.0 * r * r * cbb - r**3 * bbb
        count = self.n_clusters
        t = mean / math.sqrt(variance / count)
        population = variance * (count - 1.0) / count
        corrected = hall_t(t, third / population**1.5 / math.sqrt(count))
        df = count - 1.0
        return (
            max(t_cdf(-t, df), t_cdf(-corrected, df)),
            max(t_cdf(t, df), t_cdf(corrected, df)),
        )


def ratio_effect(
    candidate: Sequence[float] | Array,
    baseline: Sequence[float] | Array,
    *,
    clusters: Codes | None = None,
    unseen: float = UNSEEN_FACTOR,
    most: float | None = None,
) -> RatioOfMeans:
    """Mean(candidate) / mean(baseline) over the same samples, as an Effect.

    candidate, baseline: costs, seconds or tokens [n], not negative.
    clusters: codes 0..G-1 [n] of samples that are not independent.
    most: the most that one unit can take (a deadline, a token limit), where that is known; else
    unseen: what a unit that was not seen may cost, in means; UNSEEN_STALL for seconds.
    Raises TooFewSamples below 2 pairs, on negative values, and where the baseline is all 0;
    ValueError for a value above `most`.

    >>> ratio_effect([1.0] * 200, [10.0] * 200).bounds(0.05).rounded(4)
    (0.0882, 0.1134)
    >>> ratio_effect([1.0] * 200, [10.0] * 200, most=20.0).bounds(0.05).rounded(4)
    (0.0985, 0.1282)
    """
    pair = np.column_stack(
        [as_values(candidate, what="candidate"), as_values(baseline, what="baseline")]
    )
    if (pair < 0.0).any():
        raise TooFewSamples("a ratio of means needs values of at least 0, and some are negative")
    if most is not None and (pair > most).any():
        raise ValueError(f"values of at most {most:g} were declared, got {pair.max():g}")
    n = len(pair)
    if clusters is not None and clusters_are_copies(pair, clusters):
        pair, clusters = pair[np.unique(clusters, return_index=True)[1]], None
    totals = cluster_sums(pair, clusters)
    require(len(totals), 2, what="a ratio of means", unit="independent pairs")
    c, b = (float(mean) for mean in totals.mean(axis=0))
    if b <= 0.0:
        raise TooFewSamples("the baseline's mean is 0: no ratio to it exists")
    dc, db = totals[:, 0] - c, totals[:, 1] - b
    df, size = len(totals) - 1.0, len(pair) / len(totals)
    return RatioOfMeans(
        means=(c, b),
        second=(float(dc @ dc) / df, float(dc @ db) / df, float(db @ db) / df),
        third=(
            float((dc**3).mean()),
            float((dc * dc * db).mean()),
            float((dc * db * db).mean()),
            float((db**3).mean()),
        ),
        n=n,
        n_clusters=len(totals),
        clustered=clusters is not None,
        extremes=(unseen * c, unseen * b) if most is None else (most * size, most * size),
    )


# --- rates: ratios of sums within one arm ----------------------------------------------------


def rate_effect(
    rows_n2: Array,
    *,
    limits: tuple[float | None, float | None] = (0.0, 1.0),
    clusters: Codes | None = None,
) -> MeanEffect:
    """Sum of parts / sum of wholes, by the delta method. rows_n2: (part, whole) [n, 2].

    limits: the least and the greatest rate.  Raises TooFewSamples where the wholes sum to 0.
    """
    value, influence = _influence(rows_n2)
    return mean_effect(value + influence, low=limits[0], high=limits[1], clusters=clusters)


def rate_difference_effect(
    candidate_n2: Array,
    baseline_n2: Array,
    *,
    limits: tuple[float | None, float | None] = (0.0, 1.0),
    clusters: Codes | None = None,
) -> MeanEffect:
    """Candidate's rate - baseline's over the same samples, by the delta method.

    rows are (part, whole) [n, 2] each; limits: the least and the greatest rate of one arm.
    """
    value_c, influence_c = _influence(candidate_n2)
    value_b, influence_b = _influence(baseline_n2)
    low, high = limits
    width = None if low is None or high is None else high - low
    return mean_effect(
        value_c - value_b + influence_c - influence_b,
        low=None if width is None else -width,
        high=width,
        clusters=clusters,
    )


def _influence(rows_n2: Array) -> tuple[float, Array]:
    """The rate, and how far each sample pulls it (mean 0)."""
    rows = as_rows(rows_n2)
    if rows.shape[1] != 2:
        raise ValueError(f"a rate needs (part, whole) rows, got {rows.shape[1]} columns")
    part, whole = rows[:, 0], rows[:, 1]
    total = float(whole.sum())
    if total <= 0.0:
        raise TooFewSamples("the rate is 0 of 0", mend="add samples")
    value = float(part.sum()) / total
    return value, (part - value * whole) * (len(rows) / total)
