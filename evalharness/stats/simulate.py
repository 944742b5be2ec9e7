"""What a rule does when the truth is known: how often it passes, fails, or says nothing.

Reads: a truth to draw from, and the rule.  Gives: Rates with their Monte-Carlo error.
Depends on: mean, ratio, special, inference, numpy; scipy.special for t tails in bulk.
The gates' own p-values over thousands of data sets at once (`p_means_above`, ...) equal the gates'
one by one (`tests/stats/test_stats_calibration.py`).
Sources: the operating characteristics of a test are its only honest description; see
docs/statistics.md for the tables that this makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import Effect
from evalharness.stats.mean import PENALTY_CLUSTERS, UNSURE_CLUSTERS
from evalharness.stats.moments import Array
from evalharness.stats.ratio import UNSEEN_FACTOR
from evalharness.stats.resample import Generator
from evalharness.stats.special import binomial_sf, normal_quantile

Draw: TypeAlias = Callable[[Generator], Effect]
"""One data set from the truth, as the effect that a gate would ask."""


class Rates(NamedTuple):
    """Shares of the runs: bound above the bar, below it, or no bound at all."""

    passes: float
    fails: float
    refused: float
    runs: int

    def error(self, rate: float) -> float:
        """Monte-Carlo standard error of a rate near this one."""
        return math.sqrt(max(rate * (1.0 - rate), 1.0 / self.runs) / self.runs)


def operating_rates(draw: Draw, *, theta: float, alpha: float, runs: int, rng: Generator) -> Rates:
    """How often a gate at theta passes and fails over `runs` data sets.

    A data set that gives TooFewSamples, or an effect that refuses to decide, counts as refused.
    """
    passes = fails = refused = 0
    for child in rng.spawn(runs):
        try:
            effect = draw(child)
            decides = effect.refusal is None
            passed = decides and effect.p_greater(theta) < alpha
            failed = decides and effect.p_less(theta) < alpha
        except TooFewSamples:
            decides = passed = failed = False
        passes, fails, refused = passes + passed, fails + failed, refused + (not decides)
    return Rates(passes / runs, fails / runs, refused / runs, runs)


class ClusterSums(NamedTuple):
    """r data sets of G clusters: sums and sizes [r, G], and each data set's sum of squares [r]."""

    sums_rg: Array
    sizes_rg: Array
    squares_r: Array


def p_means_above(values_rn: Array, theta: float, *, low: float) -> Array:
    """`mean_effect(values, low=low, ...).p_greater(theta)` for each of r samples [r, n]."""
    n = values_rn.shape[1]
    mean = values_rn.mean(axis=1)
    centred = values_rn - mean[:, None]
    second, third = (centred**2).mean(axis=1), (centred**3).mean(axis=1)
    moves = second > 1e-24
    t, skew = _studentised(mean - theta, second, third, n)
    p = np.where(moves, _cautious(t, skew, n - 1.0), (mean <= theta).astype(float))
    return _or_unseen(p, mean, theta, low, n)


def p_cluster_means_above(drawn: ClusterSums, theta: float, *, low: float) -> Array:
    """`mean_effect(values, low=low, clusters=codes, ...).p_greater(theta)` for each data set.

    Not for clusters that are copies of one unit each: those are taken apart first.
    """
    sums, sizes, squares = drawn
    count = sums.shape[1]
    size = sizes.sum(axis=1)
    mean = sums.sum(axis=1) / size
    residuals = sums - mean[:, None] * sizes
    spread = (residuals**2).sum(axis=1)
    moves = spread > 1e-24 * (sums**2).sum(axis=1)
    spread = np.where(moves, spread, 1.0)
    third = (residuals**3).mean(axis=1)
    skew = third / (spread / count) ** 1.5 / math.sqrt(count)
    t = (mean - theta) * size / np.sqrt(spread * count / (count - 1.0))
    left_out = residuals / (size[:, None] - sizes)
    jackknife = np.sqrt((count - 1.0) / count * (left_out**2).sum(axis=1))
    plain = (mean - theta) / np.where(moves, jackknife, 1.0)
    equal = (sizes**2).sum(axis=1) ** 2 / (sizes**4).sum(axis=1)
    df = np.maximum(1.0, equal - 1.0)
    p = np.maximum(_t_sf(plain, df), _t_sf(_hall(t, skew), df))
    p = np.where(moves, p, (mean <= theta).astype(float))
    independent = squares - size * mean**2
    varied = moves & (independent > 1e-12)
    design = np.where(varied, spread / np.where(varied, independent, 1.0), size / count)
    design = np.maximum(1.0, design)
    unsure = np.minimum(1.0, UNSURE_CLUSTERS / (df + 1.0))
    design = (1.0 - unsure) * design + unsure * np.maximum(design, size / count)
    p = _or_unseen(p, mean, theta, low, size / design)
    penalty = np.minimum(2.0, 1.0 + PENALTY_CLUSTERS / (df + 1.0))
    return np.asarray(np.minimum(1.0, penalty * p), dtype=np.float64)


def p_ratios_below(
    candidate_rn: Array,
    baseline_rn: Array,
    theta: float,
    *,
    unseen: float = UNSEEN_FACTOR,
    most: float | None = None,
) -> Array:
    """`ratio_effect(candidate, baseline, ...).p_less(theta)` for each of r samples of n pairs."""
    n = candidate_rn.shape[1]
    of_c, of_b = candidate_rn.mean(axis=1), baseline_rn.mean(axis=1)
    value = of_c / of_b
    off = candidate_rn - theta * baseline_rn
    mean = off.mean(axis=1)
    centred = off - mean[:, None]
    square = centred * centred
    second, third = square.mean(axis=1), (square * centred).mean(axis=1)
    t, skew = _studentised(mean, second, third, n)
    p = _cautious(-t, -skew, n - 1.0)
    extreme = unseen * value if most is None else most / of_b
    room = np.where(extreme > value, extreme - value, 1e-300)
    share = np.clip((theta - value) / room, 0.0, 1.0)
    p = np.maximum(p, (1.0 - share) ** n)
    return np.where(theta > value, p, 1.0)


def _studentised(distance: Array, second: Array, third: Array, n: int) -> tuple[Array, Array]:
    """Each t statistic and its skewness term, from central moments [r]."""
    spread = np.where(second > 1e-24, second, 1.0)
    return distance / np.sqrt(spread / (n - 1.0)), third / spread**1.5 / math.sqrt(n)


def _hall(t: Array, skew: Array) -> Array:
    """`hall.hall_t` over arrays."""
    return t + skew * t**2 / 3.0 + skew**2 * t**3 / 27.0 + skew / 6.0


def _t_sf(t: Array, df: Array | float) -> Array:
    """`special.t_sf` over arrays."""
    from scipy.special import stdtr

    return np.asarray(stdtr(df, -t), dtype=np.float64)


def _cautious(t: Array, skew: Array, df: float) -> Array:
    """The larger p of Student's and Hall's t."""
    return np.maximum(_t_sf(t, df), _t_sf(_hall(t, skew), df))


def _or_unseen(p: Array, mean: Array, theta: float, low: float, n: Array | float) -> Array:
    """At least the chance that what n units at `low` would change goes unseen (`unseen_p`)."""
    room = np.where(mean > low, mean - low, 1.0)
    share = np.clip((mean - theta) / room, 0.0, 1.0)
    return np.where(mean > theta, np.maximum(p, (1.0 - share) ** n), 1.0)


def resampled_p(
    holds: Callable[[int], NDArray[np.bool_]], *, alpha: float, most: int = 3200
) -> float:
    """A bootstrap p that is made only as exact as its comparison with alpha takes.

    holds: gives b more resamples' answers to "does the null hypothesis hold?".  Resampling ends at
    `most` draws, or once p lies four standard errors from alpha.
    """
    hits = draws = 0
    step = 100
    while draws < most:
        hits += int(holds(step).sum())
        draws += step
        p = (hits + 1.0) / (draws + 1.0)
        if abs(p - alpha) > 4.0 * math.sqrt(alpha * (1.0 - alpha) / draws):
            break
        step = min(draws, most - draws)
    return p


def share_p(hits: int, runs: int, rate: float) -> float:
    """P of at least so many hits in so many runs if each has chance `rate` (exact binomial)."""
    return binomial_sf(hits - 1, runs, rate)


def simultaneous_limit(rate: float, runs: int, *, cells: int, level: float = 0.01) -> float:
    """The highest share that `cells` simulations of `runs` each may show if all truths are `rate`.

    Exceeded by any of them with probability `level` (Bonferroni over the cells).
    """
    z = normal_quantile(1.0 - level / cells)
    return rate + z * math.sqrt(rate * (1.0 - rate) / runs)
