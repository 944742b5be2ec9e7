"""Means of a score, and mean differences of two arms: paired, repeated, clustered, bounded.

Reads: values [n] (for two arms: candidate - baseline on the same samples).  Gives: MeanEffect.
Depends on: hall, unseen, special, moments, inference.  Needs no random numbers.
Sources: Student (1908); Hall (1992) for skewness; the delete-one-cluster jackknife with G - 1
degrees of freedom (MacKinnon, Nielsen & Webb 2023, "CR3"), G counted in clusters of equal size
(Carter, Schnepel & Steigerwald 2017).

Each bound is the most cautious of three:
1. Student's t (holds on ties and small symmetric samples),
2. Hall's skewness-corrected t (holds on skew; equals the bootstrap-t, see `hall`),
3. what n units may have missed (`unseen`), where the range of the score is known.
The third closes the hole that every data-only interval has: scores that do not vary, or a rare
catastrophe that was not seen, would otherwise give a bound of no width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.hall import hall_t, hall_t_inverse
from evalharness.stats.inference import Interval, check_alpha, require, two_sided
from evalharness.stats.moments import (
    Array,
    Codes,
    as_values,
    cluster_sums,
    clusters_are_copies,
    skewness_of,
    sum_of_squares,
)
from evalharness.stats.special import t_cdf, t_quantile, t_sf
from evalharness.stats.unseen import unseen_bound, unseen_p

FEW_CLUSTERS: Final = 10.0
"""With fewer values of unknown range than this nothing is decided."""
PENALTY_CLUSTERS: Final = 15.0
"""G clusters (of equal size) must hold at alpha / (1 + 15 / G), at half of it from 15 downwards.
Where whole clusters fail together the jackknife alone errs in up to 7.2 % of the cases at ten to 20
clusters, where alpha is 5 %."""
UNSURE_CLUSTERS: Final = 2.0
"""What G clusters say of how alike their units are is believed but for a share 2 / G: see
`cautious_design`."""
SMALL_N = 100
"""Below this, a skewed score of unknown range cannot decide a gate."""


@dataclass(frozen=True, slots=True)
class MeanEffect:
    """A mean with bounds, see the module's header; build it with `mean_effect`.

    value: the mean.  se: standard error of the linear statistic; se_jackknife: by leaving one
    cluster out (equal to se without clusters).  df: clusters of equal size - 1.  skew_term:
    skewness of the units over the root of their number.  n_effective: independent units that the
    clusters are worth.  low, high: the least and the greatest mean there can be, None where
    unknown.
    """

    value: float
    se: float
    se_jackknife: float
    df: float
    skew_term: float
    n: int
    n_clusters: int
    n_effective: float
    low: float | None
    high: float | None
    clustered: bool
    refusal: str | None

    @property
    def method(self) -> str:
        """How the bounds came about."""
        return "cluster-jackknife-t" if self.clustered else "t-skew"

    @property
    def _penalty(self) -> float:
        """Factor on p-values where there are clusters."""
        return cluster_penalty(self.df + 1.0) if self.clustered else 1.0

    def bounds(self, alpha: float) -> Interval:
        """The most cautious lower and upper bound, each one-sided at alpha."""
        check_alpha(alpha)
        tail = alpha / self._penalty
        t = t_quantile(1.0 - tail, self.df)
        lower = min(
            self.value - t * self.se_jackknife,
            self.value - hall_t_inverse(t, self.skew_term) * self.se,
        )
        upper = max(
            self.value + t * self.se_jackknife,
            self.value - hall_t_inverse(-t, self.skew_term) * self.se,
        )
        if self.low is not None:
            seen = unseen_bound(self.value, self.low, n=self.n_effective, alpha=tail)
            lower = max(self.low, min(lower, seen))
        if self.high is not None:
            seen = unseen_bound(self.value, self.high, n=self.n_effective, alpha=tail)
            upper = min(self.high, max(upper, seen))
        return Interval(
            min(lower, self.value), max(upper, self.value), 1.0 - 2.0 * alpha, self.method
        )

    def p_greater(self, theta: float) -> float:
        """The largest of the three p-values of `mean <= theta`; 1 from the estimate upwards."""
        if self.low is not None and theta < self.low:
            return 0.0
        p = self._p_spread(theta)[0]
        if self.low is not None:
            p = max(p, unseen_p(self.value, theta, self.low, n=self.n_effective))
        return min(1.0, self._penalty * p)

    def p_less(self, theta: float) -> float:
        """The largest of the three p-values of `mean >= theta`; 1 from the estimate downwards."""
        if self.high is not None and theta > self.high:
            return 0.0
        p = self._p_spread(theta)[1]
        if self.high is not None:
            p = max(p, unseen_p(self.value, theta, self.high, n=self.n_effective))
        return min(1.0, self._penalty * p)

    def p_different(self, theta: float) -> float:
        """Two-sided p of `mean == theta` by the two t statistics alone.

        Where the values do not vary it is the sign test's: 2 / 2^n, or 1 if they equal theta.
        """
        if self.se == 0.0:
            return 1.0 if self.value == theta else min(1.0, 2.0 * 0.5**self.n_effective)
        greater, less = self._p_spread(theta)
        return two_sided(min(1.0, self._penalty * greater), min(1.0, self._penalty * less))

    def _p_spread(self, theta: float) -> tuple[float, float]:
        """P-values from the spread of the data: (of mean <= theta, of mean >= theta)."""
        distance = self.value - theta
        if self.se == 0.0:
            return (0.0 if distance > 0.0 else 1.0), (0.0 if distance < 0.0 else 1.0)
        plain = distance / self.se_jackknife
        corrected = hall_t(distance / self.se, self.skew_term)
        return (
            max(t_sf(plain, self.df), t_sf(corrected, self.df)),
            max(t_cdf(plain, self.df), t_cdf(corrected, self.df)),
        )


def cluster_penalty(n_clusters: float) -> float:
    """The factor by which a p-value from so many clusters grows: 1 for many, at most 2.

    >>> cluster_penalty(5), cluster_penalty(20), cluster_penalty(150)
    (2.0, 1.75, 1.1)
    """
    return min(2.0, 1.0 + PENALTY_CLUSTERS / n_clusters)


def cautious_design(design: float, size: float, n_clusters: float) -> float:
    """Units that are worth one independent one: as estimated, pulled towards a whole cluster.

    design: as estimated, at least 1.  size: units a cluster.  Where clusters fail as a whole but
    few have failed yet, the estimate sees what varies within clusters only.

    >>> cautious_design(1.0, 10.0, 20.0)
    1.9
    """
    unsure = min(1.0, UNSURE_CLUSTERS / n_clusters)
    return (1.0 - unsure) * design + unsure * max(design, size)


def mean_effect(
    values: Sequence[float] | Array,
    *,
    low: float | None = None,
    high: float | None = None,
    clusters: Codes | None = None,
) -> MeanEffect:
    """A mean of [n] values as an Effect; for two arms give candidate - baseline.

    low, high: the least and greatest value one unit can have (for differences of a 0..1 score:
    -1 and 1); without them a sample that does not vary is refused.
    clusters: codes 0..G-1 [n] of units that are not independent (a story, a user, repeats of one
    sample); copies of one unit inside equal clusters count once.
    Raises TooFewSamples below 2 values or 2 clusters, and where the values do not vary and no
    range is known.

    >>> mean_effect([0.0] * 100, low=-1.0, high=1.0).bounds(0.05).rounded(4)
    (-0.0295, 0.0295)
    """
    array = as_values(values)
    require(len(array), 2, what="a mean with an interval")
    n = len(array)
    if clusters is not None and clusters_are_copies(array[:, None], clusters):
        first = np.unique(clusters, return_index=True)[1]
        array, clusters = array[first], None
        require(len(array), 2, what="a mean with an interval", unit="clusters")
    return _ratio_of_sums(array, n=n, clusters=clusters, limits=(low, high))


def _ratio_of_sums(
    values: Array, *, n: int, clusters: Codes | None, limits: tuple[float | None, float | None]
) -> MeanEffect:
    """The mean as (sum of cluster sums) / (sum of cluster sizes), with its errors."""
    total, sizes = _summed(values, clusters)
    count = len(total)
    require(count, 2, what="a mean with an interval", unit="clusters")
    size = float(len(values))
    value = float(total.sum()) / size if np.ptp(values) > 0.0 else float(values[0])

    def residuals(total: Array, sizes: Array) -> Array:
        """What each cluster's sum has beyond its share of the mean."""
        return total - value * sizes

    def shifts(total: Array, sizes: Array) -> Array:
        """The mean minus the mean without each cluster."""
        return residuals(total, sizes) / (size - sizes)

    spread = sum_of_squares(residuals, total, sizes)
    if spread <= 1e-24 * float((total**2).sum()):
        spread = 0.0
    se = float(np.sqrt(spread * count / (count - 1.0))) / size
    squares = sum_of_squares(shifts, total, sizes) if spread else 0.0
    se_jackknife = float(np.sqrt((count - 1.0) / count * squares))
    low, high = limits
    skew = skewness_of(residuals, total, sizes) if spread else 0.0
    if spread == 0.0 and (low is None or high is None):
        raise TooFewSamples(
            f"all {n} values are equal and their range is unknown: nothing bounds the unseen",
            mend="declare the metric's range, or add samples until they vary",
        )
    independent = sum_of_squares(lambda some: some - value, values)
    design = spread / independent if independent > 0.0 and spread else size / count
    df = max(1.0, (count if clusters is None else _effective_clusters(sizes)) - 1.0)
    if clusters is not None:
        design = cautious_design(max(1.0, design), size / count, df + 1.0)
    return MeanEffect(
        value=value,
        se=se,
        se_jackknife=se_jackknife,
        df=df,
        skew_term=skew / float(np.sqrt(count)),
        n=n,
        n_clusters=count,
        n_effective=len(values) / max(1.0, design),
        low=low,
        high=high,
        clustered=clusters is not None,
        refusal=_refusal(count, skew, limits),
    )


def _summed(values: Array, clusters: Codes | None) -> tuple[Array, Array]:
    """Sums and sizes of clusters [G]; without clusters the values, and ones that take no memory."""
    if clusters is None:
        return values, np.broadcast_to(np.float64(1.0), values.shape)
    sums = cluster_sums(np.column_stack([values, np.ones(len(values))]), clusters)
    return sums[:, 0], sums[:, 1]


def _effective_clusters(sizes: Array) -> float:
    """How many equal clusters these are worth; their number where they are equal.

    (sum n^2)^2 / sum n^4: Carter, Schnepel & Steigerwald (2017) at full intra-cluster correlation.
    """
    squares = sizes**2
    return float(squares.sum() ** 2 / (squares**2).sum())


def _refusal(count: int, skew: float, limits: tuple[float | None, float | None]) -> str | None:
    """Why a mean of unknown range must not decide: too few units to see its tail."""
    if None not in limits or count >= SMALL_N:
        return None
    if abs(skew) > 1.0:
        return (
            f"{count} values with skewness {skew:.1f} and no known range: "
            f"rare large ones may be unseen; at least {SMALL_N} are needed"
        )
    return None if count >= FEW_CLUSTERS else f"{count} values of unknown range are too few"
