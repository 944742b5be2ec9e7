"""Sums: means, variances, skewness, and rows summed by cluster.

Reads: arrays.  Gives: moments as floats, cluster codes and cluster sums as arrays.
Depends on: inference, numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.stats.inference import require

Array: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.intp]
Term: TypeAlias = Callable[..., Array]

PIECE: Final = 1 << 14
"""Terms of a sum that are held at once: 128 kB, which a processor's cache holds too."""


def as_values(values: Sequence[float] | Array, *, what: str = "values") -> Array:
    """A float64 vector [n]; raises ValueError on NaN, infinities or another shape."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} hold NaN or infinity")
    return array


def as_rows(rows_nk: Array, *, what: str = "rows") -> Array:
    """A float64 matrix [n, k]; a vector becomes one column. Raises ValueError as `as_values`."""
    array = np.asarray(rows_nk, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{what} must be [n, k], got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} hold NaN or infinity")
    return array


def variance(values: Array) -> float:
    """The unbiased variance of [n] values; raises TooFewSamples below 2."""
    require(len(values), 2, what="a variance")
    return float(values.var(ddof=1))


def skewness(values: Array) -> float:
    """The third standardised moment of [n] values; 0 where they are all equal."""
    return skewness_of(lambda some: some, values)


def skewness_of(term: Term, *arrays: Array) -> float:
    """The skewness of term(*arrays) [n], which is computed by pieces and never held whole."""
    n = len(arrays[0])
    if n == 0:
        return 0.0
    mean = sum_of(term, *arrays) / n
    scale = max(
        float(np.abs(term(*(array[start : start + PIECE] for array in arrays))).max())
        for start in range(0, n, PIECE)
    )
    second = sum_of(lambda *some: (term(*some) - mean) ** 2, *arrays) / n
    if second <= (1e-12 * scale) ** 2:
        return 0.0
    third = sum_of(lambda *some: (term(*some) - mean) ** 3, *arrays) / n
    return float(third / second**1.5)


def sum_of_squares(term: Term, *arrays: Array) -> float:
    """The sum of term(*arrays) ** 2 [n], by pieces as `sum_of`."""
    return sum_of(lambda *some: term(*some) ** 2, *arrays)


def sum_of(term: Term, *arrays: Array) -> float:
    """The sum of term(*arrays) [n], by pieces: no array of n terms is made.

    term: elementwise.  Adds in the order of numpy's own pairwise summation, which halves an array
    at a multiple of 8: equal to `term(*arrays).sum()` to the last bit.

    >>> values = np.linspace(0.0, 1.0, 100_000)
    >>> bool(sum_of(np.square, values) == np.square(values).sum())
    True
    """
    n = len(arrays[0])
    if n <= PIECE:
        return float(term(*arrays).sum())
    half = n // 2 - n // 2 % 8
    left, right = [array[:half] for array in arrays], [array[half:] for array in arrays]
    return sum_of(term, *left) + sum_of(term, *right)


def cluster_codes(labels: Sequence[object] | NDArray[np.generic]) -> Codes:
    """Codes 0..G-1 [n] for cluster labels, numbered by first appearance.

    >>> cluster_codes(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    known: dict[object, int] = {}
    return np.fromiter(
        (known.setdefault(label, len(known)) for label in labels), np.intp, len(labels)
    )


def cluster_sums(rows_nk: Array, codes: Codes | None) -> Array:
    """Rows summed by cluster, [G, k]; the rows themselves where there are no clusters."""
    rows = as_rows(rows_nk)
    if codes is None:
        return rows
    if len(codes) != len(rows):
        raise ValueError(f"{len(rows)} rows but {len(codes)} cluster codes")
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    sums = np.empty((n_clusters, rows.shape[1]))
    for column in range(rows.shape[1]):
        sums[:, column] = np.bincount(codes, weights=rows[:, column], minlength=n_clusters)
    if (np.bincount(codes, minlength=n_clusters) == 0).any():
        raise ValueError("cluster codes must be 0..G-1 with none left out")
    return sums


def clusters_are_copies(rows_nk: Array, codes: Codes) -> bool:
    """Whether every cluster has the same size and holds copies of one row only."""
    rows = as_rows(rows_nk)
    if len(codes) != len(rows):
        raise ValueError(f"{len(rows)} rows but {len(codes)} cluster codes")
    if len(codes) == 0:
        return True
    sizes = np.bincount(codes)
    if (sizes != sizes[0]).any():
        return False
    first = np.zeros(len(sizes), dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return bool((rows == rows[first[codes]]).all())
