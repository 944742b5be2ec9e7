"""Bootstrap effects beyond sums and differences: weighted statistics, and ratios of two arms.

Reads: rows [n, k] of one or two arms, and a function of the rows under weights (or of their sums).
Gives: BootstrapEffect (an Effect).
Depends on: resample, corpus, moments, inference.
Sources: Efron & Tibshirani (1993), ch. 13; weights instead of copies: Rubin (1981).

A statistic that is no function of sums (a median, AUROC, an idf-weighted score) is computed from
the rows and a weight for each: a unit that was drawn twice weighs 2.  No rows are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.corpus import BootstrapEffect, bootstrap_effect
from evalharness.stats.inference import require
from evalharness.stats.moments import Array, Codes, as_rows, cluster_sums
from evalharness.stats.permutation import Reduce
from evalharness.stats.resample import DRAWS, Generator, Table, resample_tables, resample_weights

ReduceWeighted: TypeAlias = Callable[[Array, Array], Array]
"""Values [b] from rows [n, k] under b weightings [b, n]."""
Range: TypeAlias = tuple[float | None, float | None]


def weighted_effect(
    rows_nk: Array,
    reduce_weighted: ReduceWeighted,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    value_range: Range = (None, None),
) -> BootstrapEffect:
    """One arm's statistic. value_range: the metric's own, None where unbounded.

    Raises TooFewSamples below 2 independent units.
    """
    rows = as_rows(rows_nk)
    groups = _groups(rows, clusters)
    blocks = resample_weights(len(rows), draws=DRAWS, rng=rng, clusters=clusters)
    return bootstrap_effect(
        _at_equal_weights(rows, reduce_weighted),
        np.concatenate([reduce_weighted(rows, weights) for weights in blocks]),
        n=(len(rows), groups),
        limits=value_range,
    )


def paired_weighted_effect(
    candidate_nk: Array,
    baseline_nk: Array,
    reduce_weighted: ReduceWeighted,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    form: Literal["difference", "ratio"] = "difference",
) -> BootstrapEffect:
    """Candidate's statistic minus the baseline's (or over it), both under the same weights.

    candidate_nk, baseline_nk: rows of the same units, [n, k] each.
    Raises TooFewSamples below 2 independent units, or for a ratio to 0.
    """
    candidate, baseline = as_rows(candidate_nk), as_rows(baseline_nk)
    if len(candidate) != len(baseline):
        raise ValueError(f"pairs need equal lengths, got {len(candidate)} and {len(baseline)}")
    groups = _groups(candidate, clusters)
    join = _difference if form == "difference" else _quotient
    values = [
        join(reduce_weighted(candidate, weights), reduce_weighted(baseline, weights))
        for weights in resample_weights(len(candidate), draws=DRAWS, rng=rng, clusters=clusters)
    ]
    value_c = np.asarray(_at_equal_weights(candidate, reduce_weighted))
    value_b = np.asarray(_at_equal_weights(baseline, reduce_weighted))
    return bootstrap_effect(
        float(join(value_c, value_b)),
        np.concatenate(values),
        n=(len(candidate), groups),
        method=f"paired-bootstrap-{form}",
    )


def corpus_ratio_effect(
    candidate_nk: Array,
    baseline_nk: Array,
    reduce: Reduce,
    *,
    rng: Generator,
    clusters: Codes | None = None,
) -> BootstrapEffect:
    """Candidate's corpus value / baseline's, both on the same resamples.

    candidate_nk, baseline_nk: rows of the same units, [n, k] each.
    Raises TooFewSamples below 2 independent units, or where the baseline's value is 0.
    """
    candidate, baseline = cluster_sums(candidate_nk, clusters), cluster_sums(baseline_nk, clusters)
    require(len(candidate), 2, what="a paired bootstrap", unit="independent units")
    sums_c, sums_b = resample_tables(
        [Table(candidate), Table(baseline)], n_units=len(candidate), draws=DRAWS, rng=rng
    )
    value = _quotient(reduce(candidate.sum(axis=0)), reduce(baseline.sum(axis=0)))
    return bootstrap_effect(
        float(value),
        _quotient(reduce(sums_c), reduce(sums_b)),
        n=(len(candidate_nk), len(candidate)),
        method="paired-bootstrap-ratio",
    )


def _groups(rows_nk: Array, clusters: Codes | None) -> int:
    """Independent units; raises TooFewSamples below 2."""
    groups = len(rows_nk) if clusters is None else len(set(clusters.tolist()))
    require(groups, 2, what="a bootstrap interval", unit="independent units")
    return groups


def _at_equal_weights(rows_nk: Array, reduce_weighted: ReduceWeighted) -> float:
    """The statistic of the sample itself."""
    return float(reduce_weighted(rows_nk, np.ones((1, len(rows_nk))))[0])


def _difference(candidate: Array, baseline: Array) -> Array:
    return np.asarray(candidate - baseline, dtype=np.float64)


def _quotient(candidate: Array, baseline: Array) -> Array:
    """Candidate / baseline; NaN (undetermined) where the baseline is not positive."""
    top, bottom = np.asarray(candidate, np.float64), np.asarray(baseline, np.float64)
    if bottom.ndim == 0 and not float(bottom) > 0.0:
        raise TooFewSamples(f"a ratio needs a positive baseline value, got {float(bottom):g}")
    quotient = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom > 0.0)
    return quotient
