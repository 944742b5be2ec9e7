"""Bradley-Terry: one strength an arm from who beat whom; P(i beats j) = logistic(s_i - s_j).

Reads: wins [s, k, k] by sample.  Gives: Ratings with intervals from resampled samples.
Depends on: resample, inference.
Sources: Bradley & Terry (1952); Hunter (2004) for the MM iteration; Ford (1957) for when the
maximum exists; a tie is half a win for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import check_level, require
from evalharness.stats.resample import Generator, resample_sums

if TYPE_CHECKING:
    from evalharness.stats.moments import Array

ELO_PER_LOGIT: Final = 400.0 / np.log(10.0)
"""Elo points of one unit of log-odds."""
STEPS: Final = 10_000
TOLERANCE: Final = 1e-12
DRAWS: Final = 400
PSEUDO_WINS: Final = 0.01
"""Added to every pair that met, in resamples only: a resample in which an arm always wins has no
finite rating, and leaving it out would cut the interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """Strengths in log-odds, centred at 0, with bounds, [k] each.  level: two-sided.

    n: samples.
    """

    strength_k: Array
    lower_k: Array
    upper_k: Array
    level: float
    n: int

    def chance(self, one: int, other: int) -> float:
        """P(one beats the other)."""
        return float(1.0 / (1.0 + np.exp(self.strength_k[other] - self.strength_k[one])))

    @property
    def elo_k(self) -> Array:
        """Strengths as Elo points around 1000."""
        elo: Array = 1000.0 + ELO_PER_LOGIT * self.strength_k
        return elo


def bradley_terry(wins_kk: Array) -> Array:
    """The most likely strengths [k], mean 0. wins_kk[i, j]: how often i beat j, ties as halves.

    Raises TooFewSamples where no finite answer exists: some arms never lost to, or never met, the
    others.

    >>> bradley_terry(np.array([[0.0, 3.0], [1.0, 0.0]])).round(4).tolist()
    [0.5493, -0.5493]
    """
    wins = np.asarray(wins_kk, dtype=np.float64)
    require(len(wins), 2, what="a rating", unit="arms")
    _require_connected(wins)
    strength: Array = _fit(wins[None])[0]
    return strength


def rate_arms(
    wins_skk: Array, *, rng: Generator, level: float = 0.95, draws: int = DRAWS
) -> Ratings:
    """Ratings with intervals; samples are resampled whole, with all that was judged of them.

    wins_skk: [s, k, k], each sample's wins of row over column.  Raises TooFewSamples.
    """
    check_level(level)
    n, k = len(wins_skk), wins_skk.shape[1]
    require(n, 2, what="an interval of a rating")
    total_kk = wins_skk.sum(axis=0)
    strength_k = bradley_terry(total_kk)
    sums_bkk = resample_sums(wins_skk.reshape(n, k * k), draws=draws, rng=rng).reshape(-1, k, k)
    met_kk = (total_kk + total_kk.T) > 0
    strength_bk = _fit(sums_bkk + PSEUDO_WINS * met_kk)
    tail = (1.0 - level) / 2.0
    lower_k, upper_k = np.quantile(strength_bk, [tail, 1.0 - tail], axis=0)
    return Ratings(
        strength_k, np.minimum(lower_k, strength_k), np.maximum(upper_k, strength_k), level, n
    )


def _fit(wins_bkk: Array) -> Array:
    """Hunter's MM iteration on every table of wins at once; log-strengths [b, k], mean 0."""
    met_bkk = wins_bkk + wins_bkk.swapaxes(1, 2)
    won_bk = wins_bkk.sum(axis=2)
    strength_bk = np.ones(won_bk.shape)
    for _ in range(STEPS):
        pairs_bkk = strength_bk[:, :, None] + strength_bk[:, None, :]
        better_bk = won_bk / (met_bkk / pairs_bkk).sum(axis=2)
        better_bk /= np.exp(np.log(better_bk).mean(axis=1, keepdims=True))
        moved = np.abs(np.log(better_bk / strength_bk)).max(initial=0.0)
        strength_bk = better_bk
        if moved < TOLERANCE:
            break
    logs: Array = np.log(strength_bk)
    return logs


def _require_connected(wins_kk: Array) -> None:
    """Ford's condition: from every arm a chain of wins leads to every other."""
    reached = (wins_kk > 0) | np.eye(len(wins_kk), dtype=np.bool_)
    for _ in range(len(wins_kk)):
        reached = (reached.astype(np.int64) @ reached.astype(np.int64)) > 0
    if not reached.all():
        arms = ", ".join(str(arm) for arm in np.flatnonzero(~reached.all(axis=0)))
        raise TooFewSamples(
            f"no finite rating: some arms never lost to the others, or never met them ({arms})",
            mend="judge more pairs, or compare by win rate",
        )
