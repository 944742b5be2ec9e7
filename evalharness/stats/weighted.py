"""Values that are no function of sums (AUROC, a median difference): bootstrap by weights.

Reads: rows [n, k] of one or two arms, a function of rows and weights.  Gives: BootstrapEffect.
Depends on: resample, corpus.
Also here: the ratio of two corpus values, whose bootstrap needs only their sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from evalharness.stats.corpus import BootstrapEffect, bootstrap_effect
from evalharness.stats.inference import require
from evalharness.stats.moments import Array, Codes, cluster_sums
from evalharness.stats.permutation import Reduce
from evalharness.stats.resample import DRAWS, Generator, Table, resample_tables, resample_weights

ReduceWeighted: TypeAlias = Callable[[Array, Array], Array]
"""(rows [n, k], weights [b, n]) -> values [b]."""
Form: TypeAlias = Literal["difference", "ratio"]
Limits: TypeAlias = tuple[float | None, float | None]


def weighted_effect(
    rows_nk: Array,
    reduce_weighted: ReduceWeighted,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    value_range: Limits = (None, None),
) -> BootstrapEffect:
    """One arm's value with its bootstrap distribution.

    value_range: the least and greatest value there can be.
    Raises TooFewSamples below 2 independent units.
    """
    n_clusters = _independent(len(rows_nk), clusters)
    value = float(reduce_weighted(rows_nk, np.ones((1, len(rows_nk))))[0])
    values = [
        reduce_weighted(rows_nk, weights)
        for weights in resample_weights(len(rows_nk), clusters=clusters, draws=DRAWS, rng=rng)
    ]
    return bootstrap_effect(
        value,
        np.concatenate(values),
        n=(len(rows_nk), n_clusters),
        limits=value_range,
    )


def paired_weighted_effect(
    candidate_nk: Array,
    baseline_nk: Array,
    reduce_weighted: ReduceWeighted,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    form: Form = "difference",
) -> BootstrapEffect:
    """Candidate - baseline, or candidate / baseline, both on the same resamples."""
    n_clusters = _independent(len(candidate_nk), clusters)
    once = np.ones((1, len(candidate_nk)))
    value_c = float(reduce_weighted(candidate_nk, once)[0])
    value_b = float(reduce_weighted(baseline_nk, once)[0])
    values: list[Array] = []
    for weights in resample_weights(len(candidate_nk), clusters=clusters, draws=DRAWS, rng=rng):
        drawn_c = reduce_weighted(candidate_nk, weights)
        drawn_b = reduce_weighted(baseline_nk, weights)
        values.append(_combine(drawn_c, drawn_b, form))
    return bootstrap_effect(
        float(_combine(np.array([value_c]), np.array([value_b]), form)[0]),
        np.concatenate(values),
        n=(len(candidate_nk), n_clusters),
        limits=(None, None) if form == "difference" else (0.0, None),
        method="paired-bootstrap",
    )


def corpus_ratio_effect(
    candidate_nk: Array,
    baseline_nk: Array,
    reduce: Reduce,
    *,
    rng: Generator,
    clusters: Codes | None = None,
) -> BootstrapEffect:
    """Candidate's corpus value / baseline's, both on the same resamples."""
    candidate, baseline = cluster_sums(candidate_nk, clusters), cluster_sums(baseline_nk, clusters)
    require(len(candidate), 2, what="a paired bootstrap", unit="independent units")
    sums_c, sums_b = resample_tables(
        [Table(candidate), Table(baseline)], n_units=len(candidate), draws=DRAWS, rng=rng
    )
    whole_c, whole_b = reduce(candidate.sum(axis=0)), reduce(baseline.sum(axis=0))
    value = _combine(np.atleast_1d(whole_c), np.atleast_1d(whole_b), "ratio")
    return bootstrap_effect(
        float(value[0]),
        _combine(reduce(sums_c), reduce(sums_b), "ratio"),
        n=(len(candidate_nk), len(candidate)),
        limits=(0.0, None),
        method="paired-bootstrap",
    )


def _combine(candidate: Array, baseline: Array, form: Form) -> Array:
    """Difference, or ratio where the baseline is not 0 (NaN there: an undefined resample)."""
    if form == "difference":
        return candidate - baseline
    defined = baseline != 0.0
    ratio = np.full(candidate.shape, np.nan)
    np.divide(candidate, baseline, out=ratio, where=defined)
    return ratio


def _independent(n: int, clusters: Codes | None) -> int:
    count = n if clusters is None else int(clusters.max(initial=-1)) + 1
    require(count, 2, what="a bootstrap interval", unit="independent units")
    return count
