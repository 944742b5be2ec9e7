"""Two independent samples: rates and means of arms that did not answer the same questions.

Reads: counts, or values, of candidate and baseline.  Gives: UnpairedBinary (an Effect), intervals.
Depends on: special, roots, intervals, mean, inference.
Sources: Farrington & Manning (1990); Miettinen & Nurminen (1985); Mee (1984); Newcombe (1998),
Stat. Med. 17:873, method 10; Welch (1947).

The variance is taken under the hypothesis, not from the data: an arm without any event would have
no variance otherwise, and rare-event gates would pass for lack of evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.stats.inference import (
    Interval,
    Significance,
    check_alpha,
    check_counts,
    check_level,
    require,
    two_sided,
)
from evalharness.stats.intervals import wilson_interval
from evalharness.stats.mean import MeanEffect
from evalharness.stats.moments import Array, as_values, skewness, variance
from evalharness.stats.roots import find_crossing
from evalharness.stats.special import chi2_sf, normal_quantile, normal_sf
from evalharness.stats.ttests import welch_from_moments


def _null_rates(k1: float, n1: float, k2: float, n2: float, theta: float) -> tuple[float, float]:
    """Maximum-likelihood rates under p1 - p2 = theta (Farrington & Manning 1990, appendix)."""
    ratio = n2 / n1
    p1, p2 = k1 / n1, k2 / n2
    a = 1.0 + ratio
    b = -(1.0 + ratio + p1 + ratio * p2 + theta * (ratio + 2.0))
    c = theta**2 + theta * (2.0 * p1 + ratio + 1.0) + p1 + ratio * p2
    d = -p1 * theta * (1.0 + theta)
    v = b**3 / (3.0 * a) ** 3 - b * c / (6.0 * a**2) + d / (2.0 * a)
    u = math.copysign(math.sqrt(max(0.0, (b / (3.0 * a)) ** 2 - c / (3.0 * a))), v or 1.0)
    angle = 0.0
    if u != 0.0:
        angle = (math.pi + math.acos(max(-1.0, min(1.0, v / u**3)))) / 3.0
    low, high = max(0.0, theta), min(1.0, 1.0 + theta)
    rate1 = min(max(2.0 * u * math.cos(angle) - b / (3.0 * a), low), high)
    return rate1, min(max(rate1 - theta, 0.0), 1.0)


def score_z(k1: float, n1: float, k2: float, n2: float, theta: float) -> float:
    """Farrington & Manning's score for p1 - p2 = theta; positive where the data lie above.

    At theta = 0 its square is Pearson's chi-squared.
    """
    distance = k1 / n1 - k2 / n2 - theta
    rate1, rate2 = _null_rates(k1, n1, k2, n2, theta)
    spread = rate1 * (1.0 - rate1) / n1 + rate2 * (1.0 - rate2) / n2
    if spread <= 1e-30:
        return 0.0 if abs(distance) < 1e-15 else math.copysign(1e9, distance)
    return distance / math.sqrt(spread)


def _score_interval(
    first: tuple[int, int], second: tuple[int, int], z: float
) -> tuple[float, float]:
    """Both differences at which the score reaches z."""
    check_counts(*first)
    check_counts(*second)
    return -_score_upper(second, first, z), _score_upper(first, second, z)


def _score_upper(first: tuple[int, int], second: tuple[int, int], z: float) -> float:
    """The p1 - p2 above the estimate at which the score falls to -z."""

    def excess(theta: float) -> float:
        """How far the score lies beyond z."""
        return -score_z(*first, *second, theta) - z

    value = first[0] / first[1] - second[0] / second[1]
    top = 1.0 - 1e-12
    if value >= top or excess(top) <= 0.0:
        return 1.0
    return find_crossing(excess, value, top)


def score_interval(
    first: tuple[int, int], second: tuple[int, int], *, level: float = 0.95
) -> Interval:
    """Score interval for p1 - p2 (Mee 1984; no small-sample factor).

    first, second: (successes, n).

    >>> score_interval((56, 70), (48, 80)).rounded(4)
    (0.0533, 0.3377)
    """
    check_level(level)
    z = normal_quantile(0.5 + level / 2.0)
    return Interval(*_score_interval(first, second, z), level, "score")


def miettinen_nurminen_interval(
    first: tuple[int, int], second: tuple[int, int], *, level: float = 0.95
) -> Interval:
    """The score interval with Miettinen & Nurminen's factor N / (N - 1) on the variance."""
    check_level(level)
    total = first[1] + second[1]
    require(total, 2, what="a difference of rates")
    z = normal_quantile(0.5 + level / 2.0) * math.sqrt(total / (total - 1.0))
    pair = _score_interval(first, second, z)
    return Interval(*pair, level, "miettinen-nurminen")


def newcombe_interval(
    first: tuple[int, int], second: tuple[int, int], *, level: float = 0.95
) -> Interval:
    """Newcombe's square-and-add interval from two Wilson intervals; for display."""
    a, b = wilson_interval(*first, level=level), wilson_interval(*second, level=level)
    p1, p2 = first[0] / first[1], second[0] / second[1]
    return Interval(
        p1 - p2 - math.hypot(p1 - a.lower, b.upper - p2),
        p1 - p2 + math.hypot(a.upper - p1, p2 - b.lower),
        level,
        "newcombe",
    )


def two_proportion_chi2(first: tuple[int, int], second: tuple[int, int]) -> Significance:
    """Pearson's chi-squared test of p1 = p2 without continuity correction."""
    z = score_z(*first, *second, 0.0)
    return Significance(chi2_sf(z * z, 1.0), z * z, "chi2")


def two_proportion_chi2_corrected(first: tuple[int, int], second: tuple[int, int]) -> Significance:
    """Pearson's chi-squared test of p1 = p2 with Yates' correction (R's default)."""
    (k1, n1), (k2, n2) = first, second
    total, hits = n1 + n2, k1 + k2
    if hits in (0, total):
        return Significance(1.0, 0.0, "chi2-corrected")
    gap = abs(k1 * n2 - k2 * n1)
    shift = min(0.5, gap / total) * total
    statistic = total * (gap - shift) ** 2 / (n1 * n2 * hits * (total - hits))
    return Significance(chi2_sf(statistic, 1.0), statistic, "chi2-corrected")


@dataclass(frozen=True, slots=True)
class UnpairedBinary:
    """Candidate rate - baseline rate of two independent samples, by the score test.

    candidate, baseline: (successes, n).  Raises TooFewSamples where either has no units.
    """

    candidate: tuple[int, int]
    baseline: tuple[int, int]

    def __post_init__(self) -> None:
        check_counts(*self.candidate)
        check_counts(*self.baseline)

    @property
    def value(self) -> float:
        """The difference of the rates."""
        return self.candidate[0] / self.candidate[1] - self.baseline[0] / self.baseline[1]

    @property
    def method(self) -> str:
        """Farrington and Manning's score."""
        return "farrington-manning"

    @property
    def n(self) -> int:
        """Units of both arms."""
        return self.candidate[1] + self.baseline[1]

    @property
    def n_clusters(self) -> int:
        """Every unit stands alone."""
        return self.n

    @property
    def refusal(self) -> str | None:
        """Never: the variance under the hypothesis keeps small samples honest."""
        return None

    def bounds(self, alpha: float) -> Interval:
        """The score interval at level 1 - 2 alpha."""
        check_alpha(alpha)
        z = normal_quantile(1.0 - alpha)
        pair = _score_interval(self.candidate, self.baseline, z)
        return Interval(*pair, 1.0 - 2.0 * alpha, self.method)

    def p_greater(self, theta: float) -> float:
        """P of a score at least this high if the difference were theta."""
        if abs(theta) >= 1.0:
            return 0.0 if theta < -1.0 or (theta == -1.0 and self.value > theta) else 1.0
        return normal_sf(score_z(*self.candidate, *self.baseline, theta))

    def p_less(self, theta: float) -> float:
        """P of a score at most this high if the difference were theta."""
        return UnpairedBinary(self.baseline, self.candidate).p_greater(-theta)

    def p_different(self, theta: float) -> float:
        """Two-sided score test."""
        return two_sided(self.p_greater(theta), self.p_less(theta))


def unpaired_mean_effect(
    candidate: Sequence[float] | Array,
    baseline: Sequence[float] | Array,
    *,
    low: float | None = None,
    high: float | None = None,
) -> MeanEffect:
    """Mean(candidate) - mean(baseline) of independent samples: Welch, skewness, and the unseen.

    low, high: the least and greatest value one unit can have.
    Raises TooFewSamples below 2 values in either arm.
    """
    c, b = as_values(candidate, what="candidate"), as_values(baseline, what="baseline")
    welch = welch_from_moments(
        (float(c.mean()) if len(c) else 0.0, variance(c) / len(c), len(c)),
        (float(b.mean()) if len(b) else 0.0, variance(b) / len(b), len(b)),
    )
    third = skewness(c) * variance(c) ** 1.5 / len(c) ** 2
    third -= skewness(b) * variance(b) ** 1.5 / len(b) ** 2
    if welch.se == 0.0 and (low is None or high is None):
        require(0, 1, what="values that do not vary and have no known range", unit="range")
    smaller = min(len(c), len(b))
    return MeanEffect(
        value=welch.value,
        se=welch.se,
        se_jackknife=welch.se,
        df=welch.df,
        skew_term=third / welch.se**3 if welch.se else 0.0,
        n=len(c) + len(b),
        n_clusters=len(c) + len(b),
        n_effective=smaller,
        low=None if low is None else low - float(b.mean()),
        high=None if high is None else high - float(b.mean()),
        clustered=False,
        refusal=None if None not in (low, high) or smaller >= 100 else "range unknown and n < 100",
    )
