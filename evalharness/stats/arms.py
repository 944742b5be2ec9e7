"""One arm of an A/B test as sums: a million log rows are two dozen numbers.

Reads: sums over units.  Gives: ArmMean (mean and squared standard error), differences, lifts.
Depends on: ttests, inference.
Sources: Deng, Knoblich & Lu (2018) for the delta method; Deng, Xu, Kohavi & Walker (2013) for
CUPED.  Numbers agree with GrowthBook's gbstats.

A unit is what was randomised (a user, a session); requests are summed by unit first.
"""

from __future__ import annotations

from typing import NamedTuple

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import require
from evalharness.stats.ttests import TTest, welch_from_moments


class ArmMean(NamedTuple):
    """A mean per unit, its squared standard error, and the number of units."""

    mean: float
    variance_of_mean: float
    n: int


class Sums(NamedTuple):
    """Sum and sum of squares of one number a unit."""

    total: float
    squares: float


def _variance(sums: Sums, n: int) -> float:
    return max(0.0, (sums.squares - sums.total**2 / n) / (n - 1.0))


def _covariance(first: float, second: float, cross: float, n: int) -> float:
    return (cross - first * second / n) / (n - 1.0)


def mean_arm(n: int, sums: Sums) -> ArmMean:
    """The mean of one number a unit. Raises TooFewSamples below 2 units."""
    require(n, 2, what="an arm's mean", unit="units")
    return ArmMean(sums.total / n, _variance(sums, n) / n, n)


def proportion_arm(successes: int, n: int) -> ArmMean:
    """A rate with its binomial variance; for confidence sequences and display (see `twosample`)."""
    require(n, 1, what="an arm's rate", unit="units")
    rate = successes / n
    return ArmMean(rate, rate * (1.0 - rate) / n, n)


def ratio_arm(n: int, main: Sums, denominator: Sums, cross: float) -> ArmMean:
    """Sum of main / sum of denominator by the delta method (tokens a request, cost an answer).

    cross: the sum over units of main * denominator.
    Raises TooFewSamples below 2 units or where the denominator is 0.
    """
    require(n, 2, what="an arm's ratio", unit="units")
    if denominator.total == 0.0:
        raise TooFewSamples("a ratio to a sum of 0")
    m, d = main.total / n, denominator.total / n
    covariance = _covariance(main.total, denominator.total, cross, n)
    variance = (
        _variance(main, n) / d**2
        + _variance(denominator, n) * m**2 / d**4
        - 2.0 * covariance * m / d**3
    )
    return ArmMean(m / d, max(0.0, variance) / n, n)


class Regressed(NamedTuple):
    """Post-period and pre-period sums of the same units, for CUPED. cross: sum of pre * post."""

    n: int
    pre: Sums
    post: Sums
    cross: float


def cuped_arms(first: Regressed, second: Regressed) -> tuple[ArmMean, ArmMean]:
    """Both arms' means adjusted by their units' pre-period values, with one common slope.

    The slope is that of the two arms pooled; it is 0 where the pre-period does not vary.
    """
    n = first.n + second.n
    pre = Sums(first.pre.total + second.pre.total, first.pre.squares + second.pre.squares)
    post_total = first.post.total + second.post.total
    spread = _variance(pre, n)
    covariance = _covariance(pre.total, post_total, first.cross + second.cross, n)
    slope = covariance / spread if spread > 0.0 else 0.0
    return _adjusted(first, slope), _adjusted(second, slope)


def _adjusted(arm: Regressed, slope: float) -> ArmMean:
    require(arm.n, 2, what="an arm's mean", unit="units")
    covariance = _covariance(arm.pre.total, arm.post.total, arm.cross, arm.n)
    variance = (
        _variance(arm.post, arm.n) + slope**2 * _variance(arm.pre, arm.n) - 2.0 * slope * covariance
    )
    mean = (arm.post.total - slope * arm.pre.total) / arm.n
    return ArmMean(mean, max(0.0, variance) / arm.n, arm.n)


def difference(candidate: ArmMean, baseline: ArmMean) -> TTest:
    """Candidate - baseline by Welch's t."""
    return welch_from_moments(candidate, baseline)


def lift(candidate: ArmMean, baseline: ArmMean) -> TTest:
    """(candidate - baseline) / baseline, by the delta method and Welch's t.

    Raises TooFewSamples where the baseline's mean is 0.
    """
    if baseline.mean == 0.0:
        raise TooFewSamples("a lift over a mean of 0")
    scaled = (candidate.mean / baseline.mean, candidate.variance_of_mean / baseline.mean**2)
    base = baseline.variance_of_mean * candidate.mean**2 / baseline.mean**4
    test = welch_from_moments((*scaled, candidate.n), (1.0, base, baseline.n))
    return test._replace(method="lift-delta")
