"""Values that are functions of sums (BLEU, F1 of a corpus): intervals by the paired bootstrap.

Reads: rows [n, k] of one or two arms and a function of their sums; or values under resamples.
Gives: BootstrapEffect (an Effect).
Depends on: resample, unseen, inference.
Sources: Koehn (2004) for the paired bootstrap; Efron & Tibshirani (1993), ch. 13 and 16.

Never gate on sacrebleu's `--paired-bs` p: it takes |difference| before centring, which makes the
test one-sided in a direction chosen from the data (11.5 % errors at 5 %).  Here the bootstrap
values are centred first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import Interval, check_alpha, require
from evalharness.stats.moments import Array, Codes, cluster_sums
from evalharness.stats.permutation import Reduce
from evalharness.stats.resample import DRAWS, Generator, Table, resample_tables
from evalharness.stats.unseen import unseen_bound, unseen_p

CORPUS_UNITS: Final = 100
"""Fewer units than this can be looked at but must not decide a gate."""


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapEffect:
    """A value with its percentile-bootstrap distribution; build it with `bootstrap_effect`.

    sorted_b: values under the resamples, ascending, undefined ones left out; n_undefined: how many.
    low, high: the least and the greatest value there can be, None where unknown: with them no
    bound is narrower than what n units may have missed.
    """

    value: float
    sorted_b: Array
    n_undefined: int
    n: int
    n_clusters: int
    method: str
    low: float | None
    high: float | None
    refusal: str | None

    @property
    def draws(self) -> int:
        """Resamples, undefined ones included."""
        return len(self.sorted_b) + self.n_undefined

    def bounds(self, alpha: float) -> Interval:
        """The percentile interval; raises TooFewSamples where too many resamples are undefined."""
        check_alpha(alpha)
        rank = allowed_hits(self.draws, alpha) - self.n_undefined
        if rank < 0:
            raise TooFewSamples(
                f"{self.draws} resamples, {self.n_undefined} of them undefined, cannot place a "
                f"bound at alpha {alpha:g}",
                mend="add samples or resamples",
            )
        lower, upper = float(self.sorted_b[rank]), float(self.sorted_b[-1 - rank])
        if self.low is not None:
            lower = min(lower, unseen_bound(self.value, self.low, n=self.n_clusters, alpha=alpha))
        if self.high is not None:
            upper = max(upper, unseen_bound(self.value, self.high, n=self.n_clusters, alpha=alpha))
        return Interval(
            min(lower, self.value), max(upper, self.value), 1.0 - 2.0 * alpha, self.method
        )

    def p_greater(self, theta: float) -> float:
        """Share of resamples at or below theta (plus one), at least what may go unseen."""
        hits = int(np.searchsorted(self.sorted_b, theta, side="right")) + self.n_undefined
        p = max((hits + 1.0) / (self.draws + 1.0), 0.5 if theta >= self.value else 0.0)
        if self.low is not None:
            p = max(p, unseen_p(self.value, theta, self.low, n=self.n_clusters))
        return p

    def p_less(self, theta: float) -> float:
        """Share of resamples at or above theta (plus one), at least what may go unseen."""
        hits = self.draws - int(np.searchsorted(self.sorted_b, theta, side="left"))
        p = max((hits + 1.0) / (self.draws + 1.0), 0.5 if theta <= self.value else 0.0)
        if self.high is not None:
            p = max(p, unseen_p(self.value, theta, self.high, n=self.n_clusters))
        return p

    def p_different(self, theta: float) -> float:
        """Centred two-sided p: how often a resample strays from value as far as theta is."""
        distance = abs(self.value - theta)
        near = np.abs(self.sorted_b - self.value) < distance * (1.0 - 1e-12)
        hits = self.draws - int(np.count_nonzero(near))
        return min(1.0, (hits + 1.0) / (self.draws + 1.0))

    def monte_carlo_error(self, p: float) -> float:
        """Standard error of a p-value near p with this many resamples."""
        return math.sqrt(max(p * (1.0 - p), 1.0 / self.draws) / self.draws)


def allowed_hits(draws: int, alpha: float) -> int:
    """The most hits h with (h + 1) / (draws + 1) < alpha; -1 where there is none."""
    most = math.ceil(alpha * (draws + 1) - 1.0) - 1
    return max(-1, most)


def bootstrap_effect(
    value: float,
    values_b: Array,
    *,
    n: tuple[int, int],
    limits: tuple[float | None, float | None] = (None, None),
    method: str = "bootstrap",
) -> BootstrapEffect:
    """An Effect from a value and its values under resamples [b]; NaN marks an undefined one.

    n: units and independent groups among them.  limits: the least and greatest value there can be.
    Raises TooFewSamples where value is undefined, there are fewer than 2 groups, or nothing varies
    and no limits are known.
    """
    n_clusters = n[1]
    require(n_clusters, 2, what="a bootstrap interval", unit="independent units")
    if not math.isfinite(value):
        raise TooFewSamples("the value is not determined by these samples (0 of 0)")
    finite = np.sort(values_b[np.isfinite(values_b)])
    require(len(finite), 1, what="a bootstrap interval", unit="defined resamples")
    if finite[0] == finite[-1] and None in limits:
        raise TooFewSamples(
            "the value is the same in every resample and its range is unknown: "
            "nothing bounds the unseen",
            mend="declare the metric's range, or add samples until they vary",
        )
    refusal = None
    if n_clusters < CORPUS_UNITS:
        refusal = f"a corpus value of {n_clusters} units: at least {CORPUS_UNITS} are needed"
    return BootstrapEffect(
        value=value,
        sorted_b=finite,
        n_undefined=len(values_b) - len(finite),
        n=n[0],
        n_clusters=n_clusters,
        method=method,
        low=limits[0],
        high=limits[1],
        refusal=refusal,
    )


def corpus_effect(
    rows_nk: Array,
    reduce: Reduce,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    value_range: tuple[float | None, float | None] = (None, None),
    draws: int = DRAWS,
) -> BootstrapEffect:
    """One arm's corpus value. value_range: the metric's own, None where unbounded."""
    rows = cluster_sums(rows_nk, clusters)
    require(len(rows), 2, what="a bootstrap interval", unit="independent units")
    (sums,) = resample_tables([Table(rows)], n_units=len(rows), draws=draws, rng=rng)
    return bootstrap_effect(
        float(reduce(rows.sum(axis=0))),
        reduce(sums),
        n=(len(rows_nk), len(rows)),
        limits=value_range,
    )


def paired_corpus_effect(
    candidate_nk: Array,
    baseline_nk: Array,
    reduce: Reduce,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    value_range: tuple[float | None, float | None] = (None, None),
) -> BootstrapEffect:
    """Candidate's corpus value - baseline's, both on the same resamples.

    candidate_nk, baseline_nk: rows of the same units, [n, k] each.
    value_range: the metric's own range, e.g. (0, 100) for BLEU, None where unbounded.
    """
    candidate, baseline = cluster_sums(candidate_nk, clusters), cluster_sums(baseline_nk, clusters)
    if candidate.shape != baseline.shape:
        raise ValueError(f"arms differ in shape: {candidate.shape} and {baseline.shape}")
    require(len(candidate), 2, what="a paired bootstrap", unit="independent units")
    sums_c, sums_b = resample_tables(
        [Table(candidate), Table(baseline)], n_units=len(candidate), draws=DRAWS, rng=rng
    )
    value_c = float(reduce(candidate.sum(axis=0)))
    value_b = float(reduce(baseline.sum(axis=0)))
    return bootstrap_effect(
        value_c - value_b,
        reduce(sums_c) - reduce(sums_b),
        n=(len(candidate_nk), len(candidate)),
        limits=difference_limits(value_range, value_c, value_b),
        method="paired-bootstrap",
    )


def difference_limits(
    value_range: tuple[float | None, float | None], candidate: float, baseline: float
) -> tuple[float | None, float | None]:
    """The least and greatest candidate - baseline that the unseen is allowed to be.

    One arm lies at an end of the metric's range and the other is what it is, whichever is further
    from what was seen: so swapping the arms mirrors the limits.  None where the range has no end.
    """
    low, high = value_range
    if low is None or high is None:
        return None, None
    worse, better = max(candidate - low, high - baseline), max(high - candidate, baseline - low)
    return candidate - baseline - worse, candidate - baseline + better
