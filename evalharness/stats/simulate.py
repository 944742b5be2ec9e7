"""What a rule does when the truth is known: how often it passes, fails, or says nothing.

Reads: a truth to draw from, and the rule.  Gives: Rates with their Monte-Carlo error.
Depends on: hall, special, unseen, inference, numpy.
Sources: the operating characteristics of a test are its only honest description; see
docs/statistics.md for the tables that this makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import Effect
from evalharness.stats.moments import Array
from evalharness.stats.resample import Generator
from evalharness.stats.special import normal_quantile, t_quantile
from evalharness.stats.unseen import unseen_share

Draw: TypeAlias = Callable[[Generator], Effect]
"""One data set from the truth, as the effect that a gate would ask."""


class Rates(NamedTuple):
    """Shares of the runs: bound above the bar, below it, or no bound at all."""

    passes: float
    fails: float
    refused: float
    runs: int

    def error(self, rate: float) -> float:
        """Monte-Carlo standard error of a rate near this one."""
        return math.sqrt(max(rate * (1.0 - rate), 1.0 / self.runs) / self.runs)


def operating_rates(draw: Draw, *, theta: float, alpha: float, runs: int, rng: Generator) -> Rates:
    """How often a gate at theta passes and fails over `runs` data sets.

    A data set that gives TooFewSamples, or an effect that refuses to decide, counts as refused.
    """
    passes = fails = refused = 0
    for child in rng.spawn(runs):
        try:
            effect = draw(child)
            decides = effect.refusal is None
            passed = decides and effect.p_greater(theta) < alpha
            failed = decides and effect.p_less(theta) < alpha
        except TooFewSamples:
            decides = passed = failed = False
        passes, fails, refused = passes + passed, fails + failed, refused + (not decides)
    return Rates(passes / runs, fails / runs, refused / runs, runs)


def means_above(
    values_rn: Array, theta: float, *, alpha: float, low: float | None
) -> NDArray[np.bool_]:
    """`mean_effect(values, low=low).p_greater(theta) < alpha` for each of r samples [r, n]."""
    n = values_rn.shape[1]
    mean = values_rn.mean(axis=1)
    centred = values_rn - mean[:, None]
    second = (centred**2).mean(axis=1)
    critical = t_quantile(1.0 - alpha, n - 1.0)
    moves = second > 1e-24
    spread = np.where(moves, second, 1.0)
    skew_term = (centred**3).mean(axis=1) / spread**1.5 / math.sqrt(n)
    t = (mean - theta) / np.sqrt(spread / (n - 1.0))
    corrected = t + skew_term * t**2 / 3.0 + skew_term**2 * t**3 / 27.0 + skew_term / 6.0
    above: NDArray[np.bool_] = np.where(
        moves, (t > critical) & (corrected > critical), (mean > theta) & (low is not None)
    )
    if low is not None:
        share = unseen_share(n, alpha)
        above &= mean + share * (low - mean) > theta
    return above


def simultaneous_limit(rate: float, runs: int, *, cells: int, level: float = 0.01) -> float:
    """The highest share that `cells` simulations of `runs` each may show if all truths are `rate`.

    Exceeded by any of them with probability `level` (Bonferroni over the cells).
    """
    z = normal_quantile(1.0 - level / cells)
    return rate + z * math.sqrt(rate * (1.0 - rate) / runs)
