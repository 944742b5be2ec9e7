"""Bounds on a mean of bounded values that hold at every n and for every shape.

Reads: values [n] and their range.  Gives: Interval, p-values.
Depends on: roots, moments, inference, numpy.
Source: Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting",
JRSS B 86:1, the predictable plug-in bets for a fixed n.

One bets against "the mean is m": the wealth prod(1 + lambda_i (x_i - m)) cannot be expected to
grow if the mean is at most m, so 1 / (its highest value) is a p-value without any assumption.
Costly: its bounds lie 1.3 (n = 500) to 1.8 times (n = 20) as far out as those of
`mean.MeanEffect`.  Use it where a proof is wanted; `mean` holds its error in simulation only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from evalharness.stats.inference import Interval, check_alpha, require
from evalharness.stats.moments import Array, as_values
from evalharness.stats.roots import find_crossing

_CAUTION: Final = 0.5
"""The largest share of its wealth a bet may lose."""


def _bets(unit: Array, alpha: float) -> Array:
    """Bets on values in [0, 1], each from the values before it (WSR 2024, eq. 15-16)."""
    n = len(unit)
    seen = np.arange(1, n + 1)
    mean = (0.5 + np.cumsum(unit)) / (seen + 1.0)
    spread = (0.25 + np.cumsum((unit - mean) ** 2)) / (seen + 1.0)
    before = np.concatenate([[0.25], spread[:-1]])
    bets: Array = np.sqrt(2.0 * math.log(1.0 / alpha) / (n * before))
    return bets


def _log_wealth(unit: Array, bets: Array, m: float) -> float:
    """The highest log wealth ever reached by betting that the mean exceeds m."""
    stakes = np.minimum(bets, _CAUTION / max(m, 1e-12))
    return float(np.max(np.cumsum(np.log1p(stakes * (unit - m)))))


def betting_p_greater(
    values: Sequence[float] | Array, theta: float, *, low: float, high: float, alpha: float = 0.05
) -> float:
    """P-value of `mean <= theta`, valid for any distribution on [low, high].

    alpha: where the bets are strongest.  Depends on the order of the values, which must not have
    been chosen by their size.
    """
    unit = _to_unit(values, low, high)
    if theta < low:
        return 0.0
    if theta >= high:
        return 1.0
    m = (theta - low) / (high - low)
    return min(1.0, math.exp(-_log_wealth(unit, _bets(unit, alpha), m)))


def betting_bounds(
    values: Sequence[float] | Array, *, low: float, high: float, alpha: float = 0.05
) -> Interval:
    """A lower and an upper bound of the mean, each valid at one-sided alpha.

    Raises TooFewSamples on no values, ValueError where a value leaves [low, high].
    """
    check_alpha(alpha)
    unit = _to_unit(values, low, high)
    below = _lower(unit, alpha)
    above = 1.0 - _lower(1.0 - unit, alpha)
    width = high - low
    return Interval(low + width * below, low + width * above, 1.0 - 2.0 * alpha, "betting")


def _lower(unit: Array, alpha: float) -> float:
    """The smallest mean in [0, 1] that the bets do not refute."""
    bets = _bets(unit, alpha)
    need = math.log(1.0 / alpha)
    if _log_wealth(unit, bets, 0.0) < need:
        return 0.0
    centre = float(unit.mean())
    if _log_wealth(unit, bets, centre) >= need:  # an unlucky order refutes the mean itself
        return centre
    return find_crossing(lambda m: need - _log_wealth(unit, bets, m), 0.0, centre, tolerance=1e-9)


def _to_unit(values: Sequence[float] | Array, low: float, high: float) -> Array:
    array = as_values(values)
    require(len(array), 1, what="a bound on a mean")
    if not low < high:
        raise ValueError(f"need low < high, got {low} and {high}")
    if array.min() < low or array.max() > high:
        raise ValueError(f"values leave their range [{low}, {high}]")
    return (array - low) / (high - low)
