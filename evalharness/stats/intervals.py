"""Intervals of one proportion or one mean.

Reads: counts or values.  Gives: Interval; and `Proportion`, one rate as an Effect (exact).
Depends on: special, moments, inference.
Sources: Wilson (1927); Clopper & Pearson (1934); Brown, Cai & DasGupta (2001) for Jeffreys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.stats.inference import (
    Interval,
    check_alpha,
    check_counts,
    check_level,
    two_sided,
)
from evalharness.stats.moments import Array, as_values, variance
from evalharness.stats.special import (
    beta_quantile,
    binomial_cdf,
    binomial_sf,
    normal_quantile,
    t_quantile,
)


def wilson_interval(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Two-sided Wilson score interval for a proportion.

    successes, n: counts, 0 <= successes <= n (effective counts may be fractional).
    Returns fractions in [0, 1]; never empty, also at 0 and n successes.
    Raises TooFewSamples if n == 0.
    Source: Wilson (1927); agrees with R prop.test(correct=FALSE) to 1e-12.

    >>> wilson_interval(0, 500).rounded(4)
    (0.0, 0.0076)
    """
    check_counts(successes, n)
    check_level(level)
    z2 = normal_quantile(0.5 + level / 2.0) ** 2
    rate = successes / n
    centre = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = math.sqrt(z2 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n))) / (1.0 + z2 / n)
    lower = 0.0 if successes == 0 else max(0.0, centre - half)
    upper = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(lower, upper, level, "wilson")


def agresti_coull_interval(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Wald's interval around Wilson's centre; for display beside other tools."""
    check_counts(successes, n)
    check_level(level)
    z = normal_quantile(0.5 + level / 2.0)
    n_adjusted = n + z * z
    rate = (successes + z * z / 2.0) / n_adjusted
    half = z * math.sqrt(rate * (1.0 - rate) / n_adjusted)
    return Interval(max(0.0, rate - half), min(1.0, rate + half), level, "agresti-coull")


def clopper_pearson_interval(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """The exact interval for a proportion: each bound errs at most (1 - level) / 2.

    >>> clopper_pearson_interval(0, 100, level=0.9).rounded(6)
    (0.0, 0.029513)
    """
    check_counts(successes, n)
    check_level(level)
    alpha = (1.0 - level) / 2.0
    lower = 0.0 if successes == 0 else beta_quantile(alpha, successes, n - successes + 1.0)
    upper = 1.0 if successes == n else beta_quantile(1.0 - alpha, successes + 1.0, n - successes)
    return Interval(lower, upper, level, "clopper-pearson")


def jeffreys_interval(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Equal-tailed posterior interval under Beta(1/2, 1/2); 0 and 1 at the ends, as is usual."""
    check_counts(successes, n)
    check_level(level)
    alpha = (1.0 - level) / 2.0
    a, b = successes + 0.5, n - successes + 0.5
    lower = 0.0 if successes == 0 else beta_quantile(alpha, a, b)
    upper = 1.0 if successes == n else beta_quantile(1.0 - alpha, a, b)
    return Interval(lower, upper, level, "jeffreys")


def t_interval(values: Sequence[float] | Array, *, level: float = 0.95) -> Interval:
    """Student's interval for a mean; zero width where all values are equal (see `mean.MeanEffect`).

    Raises TooFewSamples below 2 values.
    """
    check_level(level)
    array = as_values(values)
    half = math.sqrt(variance(array) / len(array)) * t_quantile(0.5 + level / 2.0, len(array) - 1)
    centre = float(array.mean())
    return Interval(centre - half, centre + half, level, "t")


@dataclass(frozen=True, slots=True)
class Proportion:
    """One arm's rate against an absolute bar: exact binomial bounds and tails.

    successes of n; raises TooFewSamples if n == 0.
    """

    successes: int
    n: int

    def __post_init__(self) -> None:
        check_counts(self.successes, self.n)

    @property
    def value(self) -> float:
        """The rate, 0..1."""
        return self.successes / self.n

    @property
    def method(self) -> str:
        """Clopper-Pearson."""
        return "clopper-pearson"

    @property
    def n_clusters(self) -> int:
        """Every unit stands alone."""
        return self.n

    @property
    def refusal(self) -> str | None:
        """Never: exact at every n."""
        return None

    def bounds(self, alpha: float) -> Interval:
        """Exact bounds, each at one-sided alpha."""
        check_alpha(alpha)
        return clopper_pearson_interval(self.successes, self.n, level=1.0 - 2.0 * alpha)

    def p_greater(self, theta: float) -> float:
        """P(at least this many | rate = theta)."""
        return 0.0 if theta < 0.0 else binomial_sf(self.successes - 1, self.n, min(theta, 1.0))

    def p_less(self, theta: float) -> float:
        """P(at most this many | rate = theta)."""
        return 0.0 if theta > 1.0 else binomial_cdf(self.successes, self.n, max(theta, 0.0))

    def p_different(self, theta: float) -> float:
        """Twice the smaller tail."""
        return two_sided(self.p_greater(theta), self.p_less(theta))


def proportion_of(outcomes: Sequence[float] | Array) -> Proportion:
    """`Proportion` of 0/1 outcomes [n]; raises ValueError on anything else."""
    array = as_values(outcomes, what="outcomes")
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError("binary outcomes must be 0 or 1")
    return Proportion(int(array.sum()), len(array))
