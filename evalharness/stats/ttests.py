"""Student's and Welch's t tests and the two one-sided tests, as textbooks give them.

Reads: values of two arms.  Gives: Significance and Interval.
Depends on: special, moments, inference.
Sources: Student (1908); Welch (1947); Schuirmann (1987).

For display and for checking against other tools: where values do not vary these have no width.
Gates ask `mean.MeanEffect`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from evalharness.errors import TooFewSamples
from evalharness.stats.inference import Interval, Significance, check_level
from evalharness.stats.moments import Array, as_values, variance
from evalharness.stats.special import t_cdf, t_quantile, t_sf


class TTest(NamedTuple):
    """Estimate of the difference, its standard error and degrees of freedom."""

    value: float
    se: float
    df: float
    method: str

    def interval(self, *, level: float = 0.95) -> Interval:
        """The two-sided t interval."""
        check_level(level)
        half = t_quantile(0.5 + level / 2.0, self.df) * self.se
        return Interval(self.value - half, self.value + half, level, self.method)

    def test(self, theta: float = 0.0) -> Significance:
        """Two-sided test of `difference == theta`."""
        t = self._t(theta)
        return Significance(2.0 * t_sf(abs(t), self.df), t, self.method)

    def equivalence(self, margin: float) -> Significance:
        """The two one-sided tests of |difference| < margin; the larger of the two p-values."""
        above, below = self._t(-margin), self._t(margin)
        p = max(t_sf(above, self.df), t_cdf(below, self.df))
        return Significance(p, above if abs(above) < abs(below) else below, f"tost-{self.method}")

    def _t(self, theta: float) -> float:
        if self.se == 0.0:
            raise TooFewSamples("the values do not vary: a t test says nothing")
        return (self.value - theta) / self.se


def paired_t(candidate: Sequence[float] | Array, baseline: Sequence[float] | Array) -> TTest:
    """Candidate - baseline on the same samples. Raises TooFewSamples below 2 pairs.

    >>> paired_t([2.0, 4.0, 7.0], [1.0, 2.0, 3.0]).interval(level=0.9).rounded(3)
    (-0.242, 4.909)
    """
    c, b = as_values(candidate, what="candidate"), as_values(baseline, what="baseline")
    if len(c) != len(b):
        raise ValueError(f"pairs need equal lengths, got {len(c)} and {len(b)}")
    d = c - b
    return TTest(float(d.mean()), math.sqrt(variance(d) / len(d)), len(d) - 1.0, "paired-t")


def welch_t(x: Sequence[float] | Array, y: Sequence[float] | Array) -> TTest:
    """Mean(x) - mean(y) of independent samples. Raises TooFewSamples below 2 values in either."""
    first, second = as_values(x), as_values(y)
    return welch_from_moments(
        (float(first.mean()), variance(first) / len(first), len(first)),
        (float(second.mean()), variance(second) / len(second), len(second)),
    )


def welch_from_moments(x: tuple[float, float, int], y: tuple[float, float, int]) -> TTest:
    """Welch's t from (mean, squared standard error, n) of each arm: x - y."""
    total = x[1] + y[1]
    df = x[2] + y[2] - 2.0
    if total > 0.0:
        df = total**2 / (x[1] ** 2 / (x[2] - 1.0) + y[1] ** 2 / (y[2] - 1.0))
    return TTest(x[0] - y[0], math.sqrt(total), df, "welch-t")
