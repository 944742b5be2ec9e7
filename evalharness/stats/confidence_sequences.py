"""Bounds that hold at every peek: asymptotic confidence sequences for a difference of means.

Reads: a difference with its standard error, and the units so far.  Gives: Interval, p-values.
Depends on: inference, arms.
Sources: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), arXiv:2103.06476; the two forms
that GrowthBook's gbstats uses, whose numbers these reproduce.

For unplanned peeks only, and for roll-backs: with a Wald variance on rare events even these fire
10 % instead of 5 % (simulated); planned looks use `sequential` with score tests.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from evalharness.stats.inference import Interval, check_alpha
from evalharness.stats.ttests import TTest


class Peek(NamedTuple):
    """What a peek sees: the difference, its squared standard error, the units of both arms."""

    value: float
    variance: float
    n: int


def peek(test: TTest, n: int) -> Peek:
    """A peek from a Welch comparison (`arms.difference` or `arms.lift`) over n units in all."""
    return Peek(test.value, test.se**2, n)


def _rho(alpha: float, tuning: float) -> float:
    """The mixing width that makes the sequence tightest at `tuning` units."""
    return math.sqrt((-2.0 * math.log(alpha) + math.log(1.0 - 2.0 * math.log(alpha))) / tuning)


def sequence_interval(at: Peek, *, alpha: float = 0.05, tuning: float = 5000.0) -> Interval:
    """Two-sided bounds that hold at all peeks together with probability 1 - alpha.

    alpha: two-sided here.  tuning: the number of units where the sequence is tightest.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie in (0, 1), got {alpha}")
    rho = _rho(alpha, tuning)
    grown = at.n * rho * rho + 1.0
    half = math.sqrt(
        at.variance * at.n * 2.0 * grown * math.log(math.sqrt(grown) / alpha) / (at.n * rho) ** 2
    )
    return Interval(at.value - half, at.value + half, 1.0 - alpha, "asymptotic-cs")


def sequence_p(
    at: Peek, *, theta: float = 0.0, alpha: float = 0.05, tuning: float = 5000.0
) -> float:
    """The p-value that may be read at every peek; alpha only sets where it is strongest."""
    if at.variance <= 0.0:
        return 1.0
    rho = _rho(alpha, tuning)
    grown = at.n * rho * rho + 1.0
    z2 = (at.value - theta) ** 2 / at.variance
    log_e = rho * rho * at.n * z2 / (2.0 * grown) - 0.5 * math.log(grown)
    return min(1.0, math.exp(-log_e))


def sequence_bounds(at: Peek, *, alpha: float = 0.05, tuning: float = 5000.0) -> Interval:
    """One-sided bounds, each holding at all peeks with probability 1 - alpha."""
    check_alpha(alpha)
    rho = _rho(2.0 * alpha, tuning)
    grown = at.n * rho * rho + 1.0
    half = math.sqrt(
        at.variance
        * at.n
        * 2.0
        * grown
        * math.log1p(math.sqrt(grown) / (2.0 * alpha))
        / (at.n * rho) ** 2
    )
    return Interval(at.value - half, at.value + half, 1.0 - 2.0 * alpha, "asymptotic-cs-one-sided")
