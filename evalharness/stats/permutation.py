"""Permutation tests for paired data: flip signs, or swap the two arms.

Reads: differences [n], or rows [n, k] of two arms and a function of their sums.
Gives: Tails (both one-sided p-values and the two-sided one).
Depends on: resample, moments, inference.
Sources: Fisher (1935); Noreen (1989) and Riezler & Maxwell (2005) for approximate randomisation;
Phipson & Smyth (2010) for (hits + 1) / (draws + 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.stats.inference import require
from evalharness.stats.moments import Array, Codes, as_rows, as_values, cluster_sums
from evalharness.stats.resample import DRAWS, Generator, chunk_generators

Reduce: TypeAlias = Callable[[Array], Array]
"""Values [...] from sums [..., k], vectorised over the leading axes."""

_CHUNK: Final = 10_000
_EXACT_UNITS: Final = 18
"""Up to this many units that differ, all 2^n sign patterns are counted."""


class Tails(NamedTuple):
    """P-values: of `effect <= theta`, of `effect >= theta`, of `effect == theta`.

    observed: the statistic as seen.  draws: patterns looked at; exact: all of them.
    """

    greater: float
    less: float
    two_sided: float
    observed: float
    draws: int
    exact: bool


def sign_flip_test(
    differences: Sequence[float] | Array,
    *,
    rng: Generator,
    theta: float = 0.0,
    draws: int = DRAWS,
    clusters: Codes | None = None,
) -> Tails:
    """Is the mean difference theta?  Signs of (difference - theta) are flipped.

    Exact where at most 18 units differ from theta, else `draws` random patterns.
    clusters: flipped as a whole.  At theta != 0 it assumes a symmetric distribution about theta.
    Raises TooFewSamples on no differences.
    """
    values = as_values(differences, what="differences")
    require(len(values), 1, what="a sign-flip test")
    shifted = cluster_sums((values - theta)[:, None], clusters)[:, 0]
    moving = shifted[shifted != 0.0]
    observed = float(moving.sum())
    slack = 1e-12 * float(np.abs(moving).sum())
    if len(moving) <= _EXACT_UNITS:
        sums = np.zeros(1)
        for value in moving:
            sums = np.concatenate([sums + value, sums - value])
        return _tails(sums, observed, slack, scale=len(values), exact=True)
    parts = [
        2.0 * _random_subset_sums(moving[:, None], size, child)[:, 0] - observed
        for size, child in chunk_generators(draws, rng, chunk=_CHUNK)
    ]
    return _tails(np.concatenate(parts), observed, slack, scale=len(values), exact=False)


def approximate_randomisation(
    candidate_nk: Array,
    baseline_nk: Array,
    reduce: Reduce,
    *,
    rng: Generator,
    draws: int = DRAWS,
    clusters: Codes | None = None,
) -> Tails:
    """Is reduce(sum of candidate rows) - reduce(sum of baseline rows) zero?  Arms are swapped.

    candidate_nk, baseline_nk: rows of the same units, [n, k] each.
    clusters: swapped as a whole.  A swap whose value is undetermined (NaN) counts as extreme.
    Raises TooFewSamples on no units or where the observed value is undetermined.
    """
    candidate, baseline = cluster_sums(candidate_nk, clusters), cluster_sums(baseline_nk, clusters)
    if candidate.shape != baseline.shape:
        raise ValueError(f"arms differ in shape: {candidate.shape} and {baseline.shape}")
    require(len(candidate), 1, what="approximate randomisation", unit="units")
    totals = candidate.sum(axis=0), baseline.sum(axis=0)
    observed = float(reduce(totals[0]) - reduce(totals[1]))
    require(int(np.isfinite(observed)), 1, what="a corpus value", unit="defined value")
    parts = []
    for size, child in chunk_generators(draws, rng, chunk=_CHUNK):
        moved = _random_subset_sums(candidate - baseline, size, child)
        parts.append(reduce(totals[0] - moved) - reduce(totals[1] + moved))
    return _tails(np.concatenate(parts), observed, 1e-12 * abs(observed), scale=1, exact=False)


def randomisation_tails(values_b: Array, observed: float) -> Tails:
    """Tails from values under swaps that the caller drew himself."""
    return _tails(as_values(values_b), observed, 1e-12 * abs(observed), scale=1, exact=False)


def _random_subset_sums(rows_nk: Array, draws: int, rng: Generator) -> Array:
    """Sums over a random half of the rows, [draws, k]: every row is in or out with chance 1/2.

    Eight rows share a random byte, which looks their partial sum up in a table of 256.
    """
    rows = as_rows(rows_nk)
    n, k = rows.shape
    padded = np.zeros((-(-n // 8) * 8, k))
    padded[:n] = rows
    in_or_out = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.float64)
    tables = np.einsum("pb,jbk->jkp", in_or_out, padded.reshape(-1, 8, k))
    sums = np.zeros((k, draws))
    for table in tables:
        raw = rng.bit_generator.random_raw((draws + 7) // 8).view(np.uint8)[:draws]
        for column in range(k):
            sums[column] += table[column][raw]
    return sums.T


def _tails(values: Array, observed: float, slack: float, *, scale: int, exact: bool) -> Tails:
    """Shares of draws at least as extreme as observed; undefined draws count as extreme."""
    extra = 0 if exact else 1
    total = len(values) + extra

    def share(fewer: NDArray[np.bool_]) -> float:
        """Share of draws that are not among these."""
        return float((len(values) - np.count_nonzero(fewer) + extra) / total)

    return Tails(
        greater=share(values < observed - slack),
        less=share(values > observed + slack),
        two_sided=share(np.abs(values) < abs(observed) - slack),
        observed=observed / scale,
        draws=len(values),
        exact=exact,
    )
