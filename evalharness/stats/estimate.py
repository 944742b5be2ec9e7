"""One arm's numbers: a point estimate with a two-sided interval, by kind of metric.

Reads: rows or values of one arm.  Gives: Estimated.
Depends on: intervals, mean, ratio, corpus, quantile, inference.

A single cluster or a single value is TooFewSamples, never an interval of no width.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.stats.corpus import corpus_effect
from evalharness.stats.inference import Effect, Estimated, check_level, require
from evalharness.stats.intervals import wilson_interval
from evalharness.stats.mean import mean_effect
from evalharness.stats.moments import Array, Codes, as_values, clusters_are_copies
from evalharness.stats.permutation import Reduce
from evalharness.stats.quantile import quantile_effect
from evalharness.stats.ratio import rate_effect
from evalharness.stats.resample import Generator

Range = tuple[float | None, float | None]


def estimated(effect: Effect, *, level: float = 0.95) -> Estimated:
    """Any effect as an estimate with its two-sided interval.

    Raises TooFewSamples where the effect has no bounds at this level.
    """
    check_level(level)
    interval = effect.bounds((1.0 - level) / 2.0)
    return Estimated(
        value=effect.value,
        lower=interval.lower,
        upper=interval.upper,
        level=level,
        method=interval.method,
        n=effect.n,
        n_clusters=effect.n_clusters,
    )


def estimate_proportion(
    outcomes: Sequence[float] | Array, *, clusters: Codes | None = None, level: float = 0.95
) -> Estimated:
    """A rate of 0/1 outcomes [n]: Wilson, or the cluster jackknife where clusters are given.

    Raises TooFewSamples on no outcomes or one cluster.
    """
    array = as_values(outcomes, what="outcomes")
    require(len(array), 1, what="a rate")
    if clusters is not None and not _all_alone(clusters):
        if not clusters_are_copies(array[:, None], clusters):
            return estimate_mean(array, value_range=(0.0, 1.0), clusters=clusters, level=level)
        require(int(clusters.max()) + 1, 2, what="a rate with clusters", unit="clusters")
        n = int(clusters.max()) + 1
    else:
        n = len(array)
    value = float(array.mean())
    interval = wilson_interval(round(value * n), n, level=level)
    return Estimated(value, interval.lower, interval.upper, level, "wilson", len(array), n)


def estimate_mean(
    values: Sequence[float] | Array,
    *,
    value_range: Range = (None, None),
    clusters: Codes | None = None,
    level: float = 0.95,
) -> Estimated:
    """A mean of [n] values; value_range: of one value, None where unbounded."""
    effect = mean_effect(values, low=value_range[0], high=value_range[1], clusters=clusters)
    return estimated(effect, level=level)


def estimate_rate(
    rows_n2: Array,
    *,
    value_range: Range = (0.0, 1.0),
    clusters: Codes | None = None,
    level: float = 0.95,
) -> Estimated:
    """Sum of parts / sum of wholes over (part, whole) rows [n, 2]."""
    return estimated(rate_effect(rows_n2, limits=value_range, clusters=clusters), level=level)


def estimate_corpus(
    rows_nk: Array,
    reduce: Reduce,
    *,
    rng: Generator,
    value_range: Range = (None, None),
    clusters: Codes | None = None,
    level: float = 0.95,
) -> Estimated:
    """A function of the sums of rows [n, k], by the percentile bootstrap."""
    effect = corpus_effect(rows_nk, reduce, rng=rng, clusters=clusters, value_range=value_range)
    return estimated(effect, level=level)


def estimate_quantile(
    values: Sequence[float] | Array,
    q: float,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    level: float = 0.95,
) -> Estimated:
    """The q-quantile of [n] values, by order statistics (by bootstrap where clusters are given)."""
    return estimated(quantile_effect(values, q, rng=rng, clusters=clusters), level=level)


def _all_alone(clusters: Codes) -> bool:
    """Whether every unit is its own cluster."""
    return len(clusters) == 0 or int(clusters.max()) + 1 == len(clusters)
