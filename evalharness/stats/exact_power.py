"""Exact error rates and powers of the paired binary gate, by adding up every possible table.

Reads: n, true gain and loss rates, a margin.  Gives: probabilities, and the n that a power needs.
Depends on: special, power, moments, numpy.
Source: Tango (1998) for the score; the sum over the trinomial distribution is exact up to 1e-12.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.stats.inference import check_alpha, require
from evalharness.stats.moments import Array
from evalharness.stats.power import n_paired_binary
from evalharness.stats.special import normal_quantile

Grid: TypeAlias = NDArray[np.float64]


def tango_z_grid(gain: Grid, loss: Grid, n: int, theta: float) -> Grid:
    """`binary.tango_z` over arrays of counts."""
    numerator, variance, _ = _score_grid(gain, loss, n, theta)
    return _standardised(numerator, variance)


def corrected_z_grid(gain: Grid, loss: Grid, n: int, theta: float) -> Grid:
    """`binary.corrected_z`, the gate's own score, over arrays of counts."""
    numerator, variance, loss_rate = _score_grid(gain, loss, n, theta)
    gains = np.maximum(0.0, n * (loss_rate + theta))
    ties = np.maximum(0.0, n * (1.0 - 2.0 * loss_rate - theta))
    return _standardised(numerator - (0.15 + 0.2 / (1.0 + gains) + 0.8 / (1.0 + ties)), variance)


def _score_grid(gain: Grid, loss: Grid, n: int, theta: float) -> tuple[Grid, Grid, Grid]:
    """Numerator, null variance and null loss rate of the score."""
    theta = 0.0 if abs(theta) < 1e-15 else theta
    b = -gain - loss + (2.0 * n - gain + loss) * theta
    c = -loss * theta * (1.0 - theta)
    loss_rate = (np.sqrt(np.maximum(0.0, b * b - 8.0 * n * c)) - b) / (4.0 * n)
    variance = n * (2.0 * loss_rate + theta * (1.0 - theta))
    return gain - loss - n * theta, variance, loss_rate


def _standardised(numerator: Grid, variance: Grid) -> Grid:
    """Numerator over its spread; far out where nothing can vary."""
    still = np.where(np.abs(numerator) < 1e-12, 0.0, np.copysign(1e9, numerator))
    moving = variance > 0.0
    return np.where(moving, numerator / np.sqrt(np.where(moving, variance, 1.0)), still)


def power_tango(
    n: int, gain_rate: float, loss_rate: float, margin: float, *, alpha: float = 0.05
) -> float:
    """P(the gate's lower bound > -margin) with n pairs; its size at gain - loss rate = -margin.

    gain_rate, loss_rate: the true chances that only the candidate, or only the baseline, is right.

    >>> round(power_tango(100, 0.05, 0.05, 0.1), 3)
    0.88
    """
    require(n, 1, what="a power", unit="pairs")
    check_alpha(alpha)
    if min(gain_rate, loss_rate) < 0.0 or gain_rate + loss_rate > 1.0:
        raise ValueError(f"need rates that sum to at most 1, got {gain_rate} and {loss_rate}")
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, n + 1.0)))])
    gain, loss = _plausible(n, gain_rate)[:, None], _plausible(n, loss_rate)[None, :]
    rest = n - gain - loss
    possible = rest >= 0
    rest = np.maximum(rest, 0)
    log_p = log_factorial[n] - log_factorial[gain] - log_factorial[loss] - log_factorial[rest]
    for count, rate in ((gain, gain_rate), (loss, loss_rate), (rest, 1 - gain_rate - loss_rate)):
        if rate > 0.0:
            log_p = log_p + count * math.log(rate)
        else:
            possible = possible & (count == 0)
    z = corrected_z_grid(gain.astype(np.float64), loss.astype(np.float64), n, -margin)
    passes = possible & (z > normal_quantile(1.0 - alpha))
    return float(np.exp(log_p[passes]).sum())


def _plausible(n: int, rate: float) -> NDArray[np.intp]:
    """Counts that a binomial gives with all but about 1e-13 of its probability."""
    reach = 8.0 * math.sqrt(n * rate * (1.0 - rate)) + 20.0 * min(1.0, n * rate)
    low, high = max(0, math.floor(n * rate - reach)), min(n, math.ceil(n * rate + reach))
    return np.arange(low, high + 1)


def n_tango(margin: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """The n at which equal arms reach `power`, exactly; then larger n do too, give or take 0.5 %.

    Starts at `power.n_paired_binary` and steps up by half a percent; the exact power moves in
    small saw-teeth, so two steps in a row must reach it.
    """
    n = max(1, math.ceil(n_paired_binary(margin, discordance, alpha=alpha, power=power)))
    reached = 0
    while True:
        rate = discordance / 2.0
        reached = reached + 1 if power_tango(n, rate, rate, margin, alpha=alpha) >= power else 0
        if reached == 2:
            return n
        n += max(1, n // 200)


def worst_size(n: int, margin: float, discordances: Array, *, alpha: float = 0.05) -> float:
    """The largest chance of a false READY at the margin over these discordances."""
    return max(
        power_tango(n, (psi - margin) / 2.0, (psi + margin) / 2.0, margin, alpha=alpha)
        for psi in discordances
        if psi >= margin
    )
