"""Bootstrap intervals by name: percentile, BCa, bootstrap-t; for display and for other tools.

Reads: rows [n, k] and a function of their sums (or values [n]).  Gives: Interval.
Depends on: resample, special, moments, inference.
Sources: Efron (1987) for BCa; Efron & Tibshirani (1993), ch. 12-14.

Gates do not ask these: for means `mean.MeanEffect` says the same without draws, for corpus values
`corpus.BootstrapEffect` answers at every alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import Interval, check_level, require
from evalharness.stats.moments import Array, as_rows, as_values
from evalharness.stats.permutation import Reduce
from evalharness.stats.resample import DRAWS, Generator, resample_sums
from evalharness.stats.special import normal_cdf, normal_quantile


def bootstrap_se(rows_nk: Array, reduce: Reduce, *, rng: Generator, draws: int = DRAWS) -> float:
    """The standard deviation of the value over resamples."""
    return float(np.std(_values(rows_nk, reduce, rng, draws), ddof=1))


def percentile_interval(
    rows_nk: Array, reduce: Reduce, *, rng: Generator, level: float = 0.95, draws: int = DRAWS
) -> Interval:
    """The middle `level` of the values over resamples."""
    check_level(level)
    alpha = (1.0 - level) / 2.0
    lower, upper = np.quantile(_values(rows_nk, reduce, rng, draws), [alpha, 1.0 - alpha])
    return Interval(float(lower), float(upper), level, "percentile")


def bca_interval(
    rows_nk: Array, reduce: Reduce, *, rng: Generator, level: float = 0.95, draws: int = DRAWS
) -> Interval:
    """Bias-corrected and accelerated; the jackknife takes rows out of the sum.

    Raises TooFewSamples below 2 rows or where nothing varies.
    """
    check_level(level)
    rows = as_rows(rows_nk)
    total = rows.sum(axis=0)
    value = float(reduce(total))
    values = np.sort(_values(rows, reduce, rng, draws))
    if values[0] == values[-1]:
        raise TooFewSamples("the value is the same in every resample")
    ties = np.count_nonzero(values == value)
    below = (np.searchsorted(values, value, side="left") + ties / 2.0) / draws
    if not 0.0 < below < 1.0:
        raise TooFewSamples("every resample lies on one side of the value: BCa has no correction")
    bias = normal_quantile(float(below))
    left_out = reduce(total[None, :] - rows)
    pulls = left_out.mean() - left_out
    spread = float((pulls**2).sum())
    acceleration = float((pulls**3).sum()) / (6.0 * spread**1.5) if spread > 0.0 else 0.0

    def level_of(z: float) -> float:
        """The corrected level of a normal quantile."""
        shifted = bias + z
        return normal_cdf(bias + shifted / (1.0 - acceleration * shifted))

    z = normal_quantile(0.5 + level / 2.0)
    lower, upper = np.quantile(values, [level_of(-z), level_of(z)])
    return Interval(float(lower), float(upper), level, "bca")


def bootstrap_t_interval(
    values: Sequence[float] | Array, *, rng: Generator, level: float = 0.95, draws: int = DRAWS
) -> Interval:
    """For a mean: quantiles of the resampled t statistic instead of Student's.

    Raises TooFewSamples where values do not vary or too many resamples do not.
    """
    check_level(level)
    array = as_values(values)
    n = len(array)
    require(n, 2, what="a bootstrap-t interval")
    mean, sd = float(array.mean()), float(array.std(ddof=1))
    if sd == 0.0:
        raise TooFewSamples("the values do not vary")
    centred = array - mean
    sums = resample_sums(np.column_stack([centred, centred**2]), draws=draws, rng=rng)
    spread = np.sqrt(np.maximum(0.0, sums[:, 1] / n - (sums[:, 0] / n) ** 2) * n / (n - 1.0))
    moves = spread > 1e-12 * sd
    t = np.where(sums[:, 0] > 0.0, math.inf, -math.inf)
    t[moves] = sums[moves, 0] / n / spread[moves] * math.sqrt(n)
    alpha = (1.0 - level) / 2.0
    low, high = np.sort(t)[[math.ceil(alpha * draws) - 1, math.ceil((1.0 - alpha) * draws) - 1]]
    if not (math.isfinite(low) and math.isfinite(high)):
        raise TooFewSamples("too little varies for a bootstrap-t interval", mend="add samples")
    se = sd / math.sqrt(n)
    return Interval(mean - float(high) * se, mean - float(low) * se, level, "bootstrap-t")


def _values(rows_nk: Array, reduce: Reduce, rng: Generator, draws: int) -> Array:
    require(len(rows_nk), 2, what="a bootstrap")
    values = reduce(resample_sums(rows_nk, draws=draws, rng=rng))
    if not np.isfinite(values).all():
        raise TooFewSamples("the value is undetermined in some resamples", mend="add samples")
    return values
