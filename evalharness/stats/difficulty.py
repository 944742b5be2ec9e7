"""Win rates at equal length, where several arms meet one opponent on the same questions.

Reads: shares of the win and differences of length, [m, n]: m arms, n questions.
Gives: `SharedDifficulty`: one rate an arm with bounds, one difficulty a question.
Depends on: resample, inference.
Sources: Dubois et al. (2024), arXiv:2404.04475: arm, length and difficulty of the instruction; here
with discrimination 1, and ridges in place of altered baselines; Rasch (1960).

share ~ logistic(a_m + b_m tanh(length / its sd) + g_i): how good the arm is, how much its length
carries, and how easy question i is against this opponent.  With one arm a_m and g_i cannot be told
apart; with several, what all of them find hard is the question's.  The rate is the mean over the
questions of logistic(a_m + g_i), at length 0.  How much questions differ (the ridge on g) is what
predicts left-out cells of the table best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from evalharness.stats.inference import check_level, require
from evalharness.stats.resample import Generator, resample_weights

if TYPE_CHECKING:
    from evalharness.stats.moments import Array, Codes

RIDGES: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Penalties on the difficulties that are tried: a standard deviation of 1.8 down to none."""
SLOPE_RIDGE: Final = 1.0
"""As for one pair alone: finite even where length decides all."""
ARM_RIDGE: Final = 1e-6
"""Finite even for an arm that always wins."""
FOLDS: Final = 5
DRAWS: Final = 100
STEPS: Final = 80
HALVINGS: Final = 20
TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class SharedDifficulty:
    """Win rates at equal length [m] with bounds; difficulty_n: log-odds, high where all do well.

    ridge: on the difficulties, as chosen.  level: two-sided.
    """

    rate_m: Array
    lower_m: Array
    upper_m: Array
    difficulty_n: Array
    ridge: float
    level: float


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """What is known, [m, n]: shares of the win, tanh of the scaled lengths, 1 where judged."""

    share_mn: Array
    length_mn: Array
    known_mn: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Constants [m], slopes of length [m], difficulties [n]."""

    constant_m: Array
    slope_m: Array
    difficulty_n: Array

    def logits(self, cells: _Cells) -> Array:
        """Log-odds of every cell."""
        longer = self.slope_m[:, None] * cells.length_mn
        return self.constant_m[:, None] + longer + self.difficulty_n

    def moved(self, step: _Fit, size: float) -> _Fit:
        """Where a part of a step leads."""
        return _Fit(
            self.constant_m + size * step.constant_m,
            self.slope_m + size * step.slope_m,
            self.difficulty_n + size * step.difficulty_n,
        )


def share_difficulty(
    share_mn: Array,
    longer_mn: Array,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    level: float = 0.95,
) -> SharedDifficulty:
    """Fit all arms at once. share_mn: 0..1, NaN where not judged.  longer_mn: in characters.

    clusters: codes of the questions [n], drawn whole for the bounds.
    Raises TooFewSamples for fewer than 2 arms (nothing is shared then), or fewer than 2 questions
    that an arm was judged on.
    """
    check_level(level)
    m, n = share_mn.shape
    require(m, 2, what="a difficulty shared between arms", unit="arms")
    judged_m = (~np.isnan(share_mn)).sum(axis=1)
    require(int(judged_m.min()), 2, what="a difficulty shared between arms")
    cells = _cells(share_mn, longer_mn)
    ridge = _best_ridge(cells, rng)
    everything_n = np.ones(n)
    fit = _fit(cells, everything_n, ridge, None)
    drawn = [
        _rates(cells, weights_n, _fit(cells, weights_n, ridge, fit))
        for block in resample_weights(n, draws=DRAWS, rng=rng, clusters=clusters)
        for weights_n in block
    ]
    tail = (1.0 - level) / 2.0
    rate_m = _rates(cells, everything_n, fit)
    lower_m, upper_m = np.nanquantile(np.array(drawn), [tail, 1.0 - tail], axis=0)
    return SharedDifficulty(
        rate_m,
        np.minimum(lower_m, rate_m),
        np.maximum(upper_m, rate_m),
        fit.difficulty_n - fit.difficulty_n.mean(),
        ridge,
        level,
    )


def _cells(share_mn: Array, longer_mn: Array) -> _Cells:
    """Lengths scaled by each arm's own spread; zeros where nothing is known."""
    known_mn = (~np.isnan(share_mn)).astype(np.float64)
    length_mn = np.zeros(share_mn.shape)
    for arm, known_n in enumerate(known_mn > 0):
        longer_n = longer_mn[arm, known_n]
        spread = float(longer_n.std()) if len(longer_n) else 0.0
        if spread > 0.0:
            length_mn[arm, known_n] = np.tanh(longer_n / spread)
    return _Cells(np.nan_to_num(share_mn), length_mn, known_mn)


def _rates(cells: _Cells, weights_n: Array, fit: _Fit) -> Array:
    """Mean chance at length 0 over the questions that each arm was judged on [m]."""
    chance_mn = _logistic(fit.constant_m[:, None] + fit.difficulty_n)
    weights_mn = cells.known_mn * weights_n
    with np.errstate(invalid="ignore", divide="ignore"):
        rates: Array = (weights_mn * chance_mn).sum(axis=1) / weights_mn.sum(axis=1)
    return rates


def _best_ridge(cells: _Cells, rng: Generator) -> float:
    """The ridge that predicts left-out cells best, by their log loss."""
    fold_mn = rng.integers(0, FOLDS, size=cells.share_mn.shape)
    losses = dict.fromkeys(RIDGES, 0.0)
    ones_n = np.ones(cells.share_mn.shape[1])
    for fold in range(FOLDS):
        kept = _Cells(cells.share_mn, cells.length_mn, cells.known_mn * (fold_mn != fold))
        left_mn = cells.known_mn * (fold_mn == fold)
        fit = None
        for ridge in RIDGES:
            fit = _fit(kept, ones_n, ridge, fit)
            losses[ridge] -= float((left_mn * _gain(cells, fit)).sum())
    return min(RIDGES, key=lambda ridge: losses[ridge])


def _fit(cells: _Cells, weights_n: Array, ridge: float, start: _Fit | None) -> _Fit:
    """The penalised maximum of the likelihood, questions weighted; Newton with halved steps."""
    m, n = cells.share_mn.shape
    fit = start or _Fit(np.zeros(m), np.zeros(m), np.zeros(n))
    value = _objective(cells, weights_n, ridge, fit)
    for _ in range(STEPS):
        step, size = _newton_step(cells, weights_n, ridge, fit), 1.0
        for _ in range(HALVINGS):
            tried = fit.moved(step, size)
            reached = _objective(cells, weights_n, ridge, tried)
            if reached >= value - 1e-12:
                break
            size /= 2.0
        fit, before, value = tried, value, reached
        if abs(value - before) < TOLERANCE:
            break
    return fit


def _objective(cells: _Cells, weights_n: Array, ridge: float, fit: _Fit) -> float:
    """Log-likelihood less the penalties; a question drawn twice is two questions."""
    told = (cells.known_mn * _gain(cells, fit)).sum(axis=0) - ridge * fit.difficulty_n**2 / 2.0
    arms = SLOPE_RIDGE * (fit.slope_m**2).sum() + ARM_RIDGE * (fit.constant_m**2).sum()
    return float(weights_n @ told - arms / 2.0)


def _gain(cells: _Cells, fit: _Fit) -> Array:
    """Log-likelihood of every cell [m, n]."""
    logits = fit.logits(cells)
    gain: Array = cells.share_mn * logits - np.logaddexp(0.0, logits)
    return gain


def _newton_step(cells: _Cells, weights_n: Array, ridge: float, fit: _Fit) -> _Fit:
    """One step; the difficulties are eliminated first, so 2m equations are left to solve."""
    m = len(cells.share_mn)
    chance_mn = _logistic(fit.logits(cells))
    weights_mn = cells.known_mn * weights_n
    missed_mn = weights_mn * (cells.share_mn - chance_mn)
    curve_mn = weights_mn * chance_mn * (1.0 - chance_mn)
    penalty_n = np.maximum(ridge * weights_n, 1e-12)
    slopes = (missed_mn * cells.length_mn).sum(axis=1) - SLOPE_RIDGE * fit.slope_m
    gradient_p = np.concatenate([missed_mn.sum(axis=1) - ARM_RIDGE * fit.constant_m, slopes])
    gradient_n = missed_mn.sum(axis=0) - penalty_n * fit.difficulty_n
    diagonal_n = curve_mn.sum(axis=0) + penalty_n
    longer_mn = curve_mn * cells.length_mn
    mixed_pn = np.concatenate([curve_mn, longer_mn])
    arms = np.arange(m)
    curve_pp = np.zeros((2 * m, 2 * m))
    curve_pp[arms, arms] = curve_mn.sum(axis=1) + ARM_RIDGE
    curve_pp[m + arms, m + arms] = (longer_mn * cells.length_mn).sum(axis=1) + SLOPE_RIDGE
    curve_pp[arms, m + arms] = curve_pp[m + arms, arms] = longer_mn.sum(axis=1)
    left_pp = curve_pp - (mixed_pn / diagonal_n) @ mixed_pn.T
    step_p = np.linalg.solve(left_pp, gradient_p - (mixed_pn / diagonal_n) @ gradient_n)
    step_n = (gradient_n - mixed_pn.T @ step_p) / diagonal_n
    return _Fit(step_p[:m], step_p[m:], step_n)


def _logistic(logits: Array) -> Array:
    chance: Array = np.exp(-np.logaddexp(0.0, -logits))
    return chance
