"""difficulty: win rates at equal length in a tournament, questions' difficulty told apart.

Reads: the tables of the pairs that met.  Gives: rates with bounds, by pair.
Depends on: stats.difficulty, store.marks.
All arms that met one arm share how hard each question is against it, so every arm in turn is the
opponent of a fit of its own; a pair takes the fit of its baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MarkTable, MetricTable

if TYPE_CHECKING:
    from evalharness.contracts import Array

Met = Mapping[tuple[int, int], MarkTable]
"""(candidate, baseline) -> the candidate's table with the metrics of the pair."""


class Rate(NamedTuple):
    """A win rate at equal length and difficulty, with 95 % bounds."""

    value: float
    lower: float
    upper: float


def at_equal_difficulty(judge: str, met: Met, seed: int) -> dict[tuple[int, int], Rate]:
    """Rates by pair; nothing for two arms, with whom nobody shares the difficulty."""
    arms = sorted({arm for pair in met for arm in pair})
    found: dict[tuple[int, int], Rate] = {}
    if len(arms) < 3:
        return found
    for baseline in arms:
        if any(other == baseline for _, other in met):
            found.update(_against(baseline, judge, met, seed))
    return found


def _against(baseline: int, judge: str, met: Met, seed: int) -> dict[tuple[int, int], Rate]:
    """The pairs of one baseline, by one fit over everybody who met it, from either side."""
    from evalharness.stats.difficulty import share_difficulty

    pairs = [pair for pair in met if baseline in pair]
    tables = [met[pair] for pair in pairs]
    units = np.unique(np.concatenate([table.unit_n for table in tables]))
    share_mn = np.full((len(pairs), len(units)), np.nan)
    longer_mn = np.zeros(share_mn.shape)
    clusters = np.zeros(len(units), dtype=np.uint64)
    for row, (pair, table) in enumerate(zip(pairs, tables, strict=True)):
        place = np.searchsorted(units, table.unit_n)
        clusters[place] = table.cluster_n
        metric = table.metrics[f"{judge}_length_controlled"]
        share_n, longer_n = _sides(metric, turned=-1.0 if pair[0] == baseline else 1.0)
        share_mn[row, place[metric.answered_n]] = share_n
        longer_mn[row, place[metric.answered_n]] = longer_n
    rng = np.random.default_rng(derive_seed(seed, "difficulty", judge, str(baseline)))
    codes = np.unique(clusters, return_inverse=True)[1]
    try:
        fit = share_difficulty(share_mn, longer_mn, rng=rng, clusters=codes)
    except TooFewSamples:
        return {}
    return {
        pair: Rate(float(fit.rate_m[row]), float(fit.lower_m[row]), float(fit.upper_m[row]))
        for row, pair in enumerate(pairs)
        if pair[1] == baseline
    }


def _sides(metric: MetricTable, *, turned: float) -> tuple[Array, Array]:
    """Shares and lengths from the side of who met the baseline; turned is -1 from the other."""
    rows_nk = metric.rows_nk[metric.answered_n]
    return 0.5 + turned * (rows_nk[:, 0] - 0.5), turned * rows_nk[:, 1]
