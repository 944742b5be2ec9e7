"""The resampling kernel: bootstrap sums of rows, for every metric and slice in one pass.

Reads: rows [n, k] (or several tables of rows over the same n units).  Gives: sums [draws, k].
Depends on: moments, numpy.  Knows nothing of what the sums mean.
Sources: Efron & Tibshirani (1993); Hanley & MacGibbon (2006) for Poisson weights.

How it is fast: indices become counts (`bincount`) and one matrix product serves all columns; rows
of a cluster are summed first, so n becomes the number of clusters; where few distinct rows exist
(right/wrong marks), one multinomial draw over them is the same distribution at a fraction of the
cost.  Memory is held to one block.
How it is reproducible: draws come in chunks of CHUNK, each with a generator of its own spawned
from the caller's, so a chunk gives the same sums wherever and in whatever order it is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.stats.inference import require
from evalharness.stats.moments import Array, Codes, as_rows, cluster_sums

Generator: TypeAlias = np.random.Generator

CHUNK: Final = 500
"""Draws that share one generator; part of what a seed means."""
BLOCK_BYTES: Final = 4 << 20
"""Memory of one block of counts."""
DRAWS: Final = 10_000
"""Resamples unless told otherwise: 5 % tails are known to 0.2 points."""
_MOST_DISTINCT: Final = 4096
_MOST_COLUMNS: Final = 32
_CACHED: Final = 65_536
_THIN: Final = 12
_ONE_THREAD: Final = 4 * 65_536  # OpenBLAS: GEMM_MULTITHREAD_THRESHOLD * SMP_THRESHOLD_MIN


class Table(NamedTuple):
    """Rows of some of the units: rows_mk [m, k] and the m units' numbers (None: all, in order)."""

    rows_mk: Array
    units: NDArray[np.intp] | None = None


def resample_sums(
    rows_nk: Array, *, draws: int, rng: Generator, clusters: Codes | None = None
) -> Array:
    """Sums of rows drawn with replacement, [draws, k].

    rows_nk: [n, k].  clusters: codes 0..G-1 [n]; whole clusters are drawn then.
    Exact multinomial resampling (index probabilities are equal to 2^-32 n).
    Raises TooFewSamples on no rows.
    """
    rows = cluster_sums(rows_nk, clusters)
    return resample_tables([Table(rows)], n_units=len(rows), draws=draws, rng=rng)[0]


def resample_tables(
    tables: Sequence[Table], *, n_units: int, draws: int, rng: Generator
) -> list[Array]:
    """Sums of every table under one shared stream of resamples, [draws, k] each.

    n_units: units to draw from (clusters already summed, see `moments.cluster_sums`).
    A slice is a table of its own: the rows of its units and their numbers.
    """
    require(n_units, 1, what="a bootstrap", unit="units")
    if not tables:
        return []
    chunks = chunk_generators(draws, rng)
    distinct = _distinct_rows(tables, n_units)
    if distinct is not None:
        rows, counts = distinct
        parts = [_multinomial_sums(rows, counts, size, child) for size, child in chunks]
        return _split_columns(np.concatenate(parts), tables)
    tables = [Table(as_rows(table.rows_mk), table.units) for table in tables]
    sums = [np.empty((draws, table.rows_mk.shape[1])) for table in tables]
    done = 0
    for size, child in chunks:
        _count_sums(tables, n_units, child, [block[done : done + size] for block in sums])
        done += size
    return sums


def chunk_generators(
    draws: int, rng: Generator, *, chunk: int = CHUNK
) -> list[tuple[int, Generator]]:
    """The draws cut into chunks, each with its own generator spawned from rng."""
    sizes = [chunk] * (draws // chunk) + ([draws % chunk] if draws % chunk else [])
    return list(zip(sizes, rng.spawn(len(sizes)), strict=True))


def resample_counts(n_units: int, *, draws: int, rng: Generator) -> Iterator[Array]:
    """Counts of each unit in each resample, in blocks [b, n_units]; every row sums to n_units."""
    for size, child in chunk_generators(draws, rng):
        for block in _count_blocks(n_units, size, child):
            yield block.copy()


def resample_weights(
    n: int, *, draws: int, rng: Generator, clusters: Codes | None = None
) -> Iterator[Array]:
    """Weights of each of n rows in each resample, in blocks [b, n].

    For statistics that are no function of sums (quantiles, AUROC): all rows of a cluster carry
    their cluster's count.
    """
    if clusters is None:
        yield from resample_counts(n, draws=draws, rng=rng)
        return
    rows = max(1, BLOCK_BYTES // (8 * max(1, n)))
    for counts in resample_counts(int(clusters.max()) + 1, draws=draws, rng=rng):
        for top in range(0, len(counts), rows):
            yield counts[top : top + rows, clusters]


def poisson_sums(rows_nk: Array, *, draws: int, rng: Generator) -> Array:
    """Sums under independent Poisson(1) weights, [draws, k + 1]; the last column sums the weights.

    For shards and streams: every shard draws for its own rows (with a generator of its own), and
    the shards' results are added.  Divide by the last column: means then differ from the
    multinomial bootstrap's by O(1/n); use it from n = 1,000 on.
    """
    rows = as_rows(rows_nk)
    columns = np.column_stack([rows, np.ones(len(rows))])
    sums = np.zeros((draws, columns.shape[1]))
    table = _poisson_table()
    done = 0
    for size, child in chunk_generators(draws, rng):
        step = max(1, BLOCK_BYTES // (8 * max(1, len(rows))))
        for start in range(0, size, step):
            b = min(step, size - start)
            raw = child.bit_generator.random_raw((b * len(rows) + 3) // 4).view(np.uint16)
            weights = table[raw[: b * len(rows)]].reshape(b, len(rows))
            sums[done : done + b] = weights @ columns
            done += b
    return sums


def _poisson_table() -> Array:
    """Poisson(1) quantiles at the 65,536 midpoints of 16 random bits."""
    levels = (np.arange(65_536) + 0.5) / 65_536
    weights = np.exp(-1.0) / np.cumprod(np.concatenate([[1.0], np.arange(1.0, 12.0)]))
    return np.searchsorted(np.cumsum(weights), levels).astype(np.float64)


# --- the two ways to draw --------------------------------------------------------------------


def _count_blocks(n_units: int, draws: int, rng: Generator) -> Iterator[Array]:
    """Blocks of multinomial counts by drawing indices; a block is overwritten by the next.

    The stream does not depend on the size of a block.
    """
    step = min(draws, max(1, BLOCK_BYTES // (8 * n_units)))
    together = max(1, _CACHED // n_units)
    half = (n_units + 1) // 2
    block = np.empty((step, n_units))
    for start in range(0, draws, step):
        counts = block[: min(step, draws - start)]
        for top in range(0, len(counts), together):
            rows = counts[top : top + together]
            raw = rng.bit_generator.random_raw(len(rows) * half).view(np.uint32)
            scaled = raw.reshape(len(rows), -1)[:, :n_units] * np.uint64(n_units)
            np.right_shift(scaled, np.uint64(32), out=scaled)
            index = scaled.view(np.int64)
            if together > 1:
                index += np.arange(len(rows))[:, None] * n_units
            drawn = np.bincount(index.ravel(), minlength=rows.size)
            rows[:] = drawn.reshape(rows.shape)
        yield counts


def _count_sums(
    tables: Sequence[Table], n_units: int, rng: Generator, sums: Sequence[Array]
) -> None:
    """Fill the sums of each table for one chunk, by counts times rows."""
    done = 0
    for counts in _count_blocks(n_units, len(sums[0]), rng):
        for table, out in zip(tables, sums, strict=True):
            part = counts if table.units is None else counts[:, table.units]
            _product(part, table.rows_mk, out[done : done + len(counts)])
        done += len(counts)


def _product(weights_bn: Array, rows_nk: Array, out: Array) -> None:
    """Write weights @ rows into out; where k is small, in tiles that BLAS keeps on one thread.

    Thin products spread over threads cost more processor time in waiting than in work.
    """
    (b, n), k = weights_bn.shape, rows_nk.shape[1]
    if k > _THIN:
        np.matmul(weights_bn, rows_nk, out=out)
        return
    out[:] = 0.0
    deep = min(n, 4096)
    high = max(1, _ONE_THREAD // (deep * k))
    for left in range(0, n, deep):
        part = rows_nk[left : left + deep]
        for top in range(0, b, high):
            out[top : top + high] += weights_bn[top : top + high, left : left + deep] @ part


def _multinomial_sums(rows_dk: Array, counts_d: Array, draws: int, rng: Generator) -> Array:
    """The same sums from the distinct rows and how often each occurs."""
    total = int(counts_d.sum())
    drawn = rng.multinomial(total, counts_d / total, size=draws)
    return np.asarray(drawn @ rows_dk, dtype=np.float64)


def _distinct_rows(tables: Sequence[Table], n_units: int) -> tuple[Array, Array] | None:
    """The distinct rows over all tables and their counts, where that is worth it.

    Worth it: few columns, and at most an eighth as many distinct rows as units.
    """
    columns = sum(as_rows(table.rows_mk).shape[1] for table in tables)
    most = min(_MOST_DISTINCT, n_units // 8)
    if columns > _MOST_COLUMNS or most < 1:
        return None
    dense = np.zeros((n_units, columns))
    start = 0
    for table in tables:
        rows = as_rows(table.rows_mk)
        units = slice(None) if table.units is None else table.units
        dense[units, start : start + rows.shape[1]] = rows
        start += rows.shape[1]
    sample = dense[:: max(1, n_units // 512)]
    if len(sample) >= 256 and len({row.tobytes() for row in sample}) > len(sample) // 2:
        return None
    codes = np.zeros(n_units, dtype=np.intp)
    for column in dense.T:
        values, inverse = np.unique(column, return_inverse=True)
        if len(values) > most:
            return None
        if len(values) > 1:
            kinds, codes = np.unique(codes * len(values) + inverse, return_inverse=True)
            if len(kinds) > most:
                return None
    first = np.unique(codes, return_index=True)[1]
    return dense[first], np.bincount(codes).astype(np.float64)


def _split_columns(sums_bk: Array, tables: Sequence[Table]) -> list[Array]:
    """The columns of each table."""
    widths = [as_rows(table.rows_mk).shape[1] for table in tables]
    return np.split(sums_bk, np.cumsum(widths)[:-1], axis=1)
