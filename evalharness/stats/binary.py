"""Paired right/wrong outcomes: is the candidate right more often on the same samples?

Reads: counts of a paired 2 x 2 table.  Gives: PairedBinary (an Effect), McNemar's tests, intervals.
Depends on: special, roots, intervals, inference.  Knows nothing of clusters (see `mean`).
Sources: McNemar (1947); Tango (1998), Stat. Med. 17:891; Fagerland, Lydersen & Laake (2013) for the
mid-p test; Newcombe (1998), Stat. Med. 17:2635, method 10.

gain: candidate right and baseline wrong.  loss: the reverse.  n: all pairs, ties included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalharness.stats.inference import Interval, Significance, check_alpha, require, two_sided
from evalharness.stats.intervals import wilson_interval
from evalharness.stats.moments import Array, as_values
from evalharness.stats.roots import find_crossing
from evalharness.stats.special import (
    binomial_cdf,
    binomial_pmf,
    chi2_sf,
    normal_quantile,
    normal_sf,
)


class PairedTable(NamedTuple):
    """Counts of samples by who was right: both, candidate only, baseline only, neither."""

    both: int
    gain: int
    loss: int
    neither: int

    @property
    def n(self) -> int:
        """All pairs."""
        return self.both + self.gain + self.loss + self.neither


def paired_table(
    candidate: Sequence[float] | Array, baseline: Sequence[float] | Array
) -> PairedTable:
    """Count paired 0/1 outcomes; raises ValueError on other values or unequal lengths."""
    c, b = as_values(candidate, what="candidate"), as_values(baseline, what="baseline")
    if len(c) != len(b):
        raise ValueError(f"pairs need equal lengths, got {len(c)} and {len(b)}")
    if not (np.isin(c, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all()):
        raise ValueError("binary outcomes must be 0 or 1")
    both = int((c * b).sum())
    gain, loss = int(c.sum()) - both, int(b.sum()) - both
    return PairedTable(both, gain, loss, len(c) - both - gain - loss)


# --- McNemar ---------------------------------------------------------------------------------


def mcnemar_exact(gain: int, loss: int) -> Significance:
    """Exact two-sided McNemar test: binomial with rate 1/2 on the discordant pairs.

    >>> round(mcnemar_exact(7, 1).p_value, 9)
    0.0703125
    """
    discordant = gain + loss
    p = min(1.0, 2.0 * binomial_cdf(min(gain, loss), discordant, 0.5)) if discordant else 1.0
    return Significance(p, float(gain - loss), "mcnemar-exact")


def mcnemar_mid_p(gain: int, loss: int) -> Significance:
    """Mid-p McNemar test: the exact one less half the probability of what was seen.

    Nearly as safe as the exact test and as strong as the asymptotic one (Fagerland et al. 2013).
    """
    discordant, fewer = gain + loss, min(gain, loss)
    if not discordant:
        return Significance(1.0, 0.0, "mcnemar-mid-p")
    p = 2.0 * binomial_cdf(fewer, discordant, 0.5) - binomial_pmf(fewer, discordant, 0.5)
    if gain == loss:
        p = 1.0
    return Significance(min(1.0, p), float(gain - loss), "mcnemar-mid-p")


def mcnemar_chi2(gain: int, loss: int) -> Significance:
    """McNemar's chi-squared test without continuity correction."""
    if gain + loss == 0:
        return Significance(1.0, 0.0, "mcnemar-chi2")
    statistic = (gain - loss) ** 2 / (gain + loss)
    return Significance(chi2_sf(statistic, 1.0), statistic, "mcnemar-chi2")


def mcnemar_chi2_corrected(gain: int, loss: int) -> Significance:
    """McNemar's chi-squared test with Edwards' continuity correction (R's default)."""
    if gain + loss == 0:
        return Significance(1.0, 0.0, "mcnemar-chi2-corrected")
    statistic = max(0.0, abs(gain - loss) - 1.0) ** 2 / (gain + loss)
    return Significance(chi2_sf(statistic, 1.0), statistic, "mcnemar-chi2-corrected")


# --- intervals for the difference ------------------------------------------------------------


def _score_parts(gain: float, loss: float, n: float, theta: float) -> tuple[float, float]:
    """Numerator and null variance of Tango's score at difference theta.

    The variance uses the maximum-likelihood loss rate under p_gain - p_loss = theta.
    """
    theta = 0.0 if abs(theta) < 1e-15 else theta  # its square must not underflow
    loss_rate = _loss_rate(gain, loss, n, theta)
    variance = n * (2.0 * loss_rate + theta * (1.0 - theta))
    return gain - loss - n * theta, max(0.0, variance)


def _loss_rate(gain: float, loss: float, n: float, theta: float) -> float:
    """The maximum-likelihood rate of losses under p_gain - p_loss = theta."""
    b = -gain - loss + (2.0 * n - gain + loss) * theta
    c = -loss * theta * (1.0 - theta)
    return (math.sqrt(max(0.0, b * b - 8.0 * n * c)) - b) / (4.0 * n)


def lattice_correction(gains: float, ties: float) -> float:
    """Pairs that the score must go beyond its critical value, for the coarseness of counts.

    gains, ties: how many of each are expected at the boundary.  Where both are many, the score
    takes finely spaced values and a small part of a pair is enough; where gains are rare it moves
    in whole pairs, where ties are rare in steps of two.  The three constants were chosen by adding
    up every table (`tests/stats/test_stats_calibration.py`): see `PairedBinary` for what is left.

    >>> lattice_correction(0.0, 100.0) < lattice_correction(0.0, 0.0)
    True
    """
    return 0.15 + 0.2 / (1.0 + gains) + 0.8 / (1.0 + ties)


def _corrected_parts(gain: float, loss: float, n: float, theta: float) -> tuple[float, float]:
    """Numerator, less the lattice correction, and null variance of the score at theta."""
    numerator, variance = _score_parts(gain, loss, n, theta)
    loss_rate = _loss_rate(gain, loss, n, theta)
    gains = max(0.0, n * (loss_rate + theta))
    ties = max(0.0, n * (1.0 - 2.0 * loss_rate - theta))
    return numerator - lattice_correction(gains, ties), variance


def tango_z(gain: float, loss: float, n: float, theta: float) -> float:
    """Tango's score statistic for p_gain - p_loss = theta; positive where the data lie above.

    At theta = 0 its square is McNemar's chi-squared. Where nothing can vary it is 0.
    """
    numerator, variance = _score_parts(gain, loss, n, theta)
    if variance <= 0.0:
        return 0.0 if numerator == 0.0 else math.copysign(1e9, numerator)
    return numerator / math.sqrt(variance)


def tango_interval(gain: float, loss: float, n: float, *, level: float = 0.95) -> Interval:
    """Tango's score interval for the difference of paired proportions.

    gain, loss, n: counts (effective counts may be fractional).  Never has zero width: without
    discordant pairs it is +-z^2 / (n + z^2).  Raises TooFewSamples if n == 0.
    Agrees with R ratesci::scorepairci(skew=FALSE, bcf=FALSE) to 1e-10.

    >>> tango_interval(1, 7, 21).rounded(3)
    (-0.517, -0.026)
    """
    if n == 0:
        require(0, 1, what="a paired difference", unit="pairs")
    if gain < 0 or loss < 0 or gain + loss > n * (1.0 + 1e-12):
        raise ValueError(f"need 0 <= gain + loss <= n, got {gain} + {loss} of {n}")
    z = normal_quantile(0.5 + level / 2.0)
    value = (gain - loss) / n
    upper = -_tango_lower(loss, gain, n, z)
    return Interval(min(_tango_lower(gain, loss, n, z), value), max(upper, value), level, "tango")


def corrected_z(gain: int, loss: int, n: int, theta: float) -> float:
    """Tango's score less its lattice correction: what a gate asks of `difference > theta`."""
    numerator, variance = _corrected_parts(gain, loss, n, theta)
    if variance <= 0.0:
        return math.copysign(1e9, numerator)
    return numerator / math.sqrt(variance)


def corrected_lower(gain: int, loss: int, n: int, z: float) -> float:
    """The theta below the estimate at which the corrected score reaches z; at least -1."""

    def excess(theta: float) -> float:
        """Corrected score times its own spread, less z of it: zero at the bound."""
        numerator, variance = _corrected_parts(gain, loss, n, theta)
        return numerator - z * math.sqrt(variance)

    near_end = -1.0 + 1e-15
    value = (gain - loss) / n
    if value <= near_end or excess(near_end) <= 0.0:
        return -1.0
    return find_crossing(excess, near_end, value)


def _tango_lower(gain: float, loss: float, n: float, z: float) -> float:
    """The theta below the estimate at which the score reaches z."""

    def excess(theta: float) -> float:
        """Score times its own spread, less z of it: zero at the bound."""
        numerator, variance = _score_parts(gain, loss, n, theta)
        return numerator - z * math.sqrt(variance)

    value = (gain - loss) / n
    if value <= -1.0:
        return -1.0
    near_end = -1.0 + 1e-15
    if excess(near_end) <= 0.0:
        return -1.0
    if gain + loss == 0.0:
        return -z * z / (n + z * z)
    if excess(value) >= 0.0:  # all gains: the variance vanishes at the estimate itself
        value -= 1e-9
    return find_crossing(excess, near_end, value)


def wald_paired_interval(gain: int, loss: int, n: int, *, level: float = 0.95) -> Interval:
    """The textbook interval; zero width without discordance, so for display only, never a gate."""
    require(n, 1, what="a paired difference", unit="pairs")
    value = (gain - loss) / n
    half = normal_quantile(0.5 + level / 2.0) * math.sqrt((gain + loss) / n - value**2)
    half /= math.sqrt(n)
    return Interval(value - half, value + half, level, "wald-paired")


def newcombe_paired_interval(table: PairedTable, *, level: float = 0.95) -> Interval:
    """Newcombe's square-and-add interval for paired proportions (method 10); for display."""
    both, gain, loss, neither = table
    n = table.n
    require(n, 1, what="a paired difference", unit="pairs")
    p1, p2 = (both + gain) / n, (both + loss) / n
    first, second = (wilson_interval(k, n, level=level) for k in (both + gain, both + loss))
    margins = (both + gain) * (loss + neither) * (both + loss) * (gain + neither)
    product = float(both * neither - gain * loss)
    if product > 0.0:
        product = max(product - n / 2.0, 0.0)
    phi = product / math.sqrt(margins) if margins else 0.0

    def side(near: float, far: float) -> float:
        """How far one bound lies from the estimate."""
        return math.sqrt(max(0.0, near * near - 2.0 * phi * near * far + far * far))

    value = p1 - p2
    lower = value - side(p1 - first.lower, second.upper - p2)
    upper = value + side(first.upper - p1, p2 - second.lower)
    return Interval(max(-1.0, lower), min(1.0, upper), level, "newcombe-paired")


# --- the effect ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairedBinary:
    """Candidate rate - baseline rate on the same n independent samples, by a corrected score.

    Tango's score alone exceeds its alpha where few pairs can vary: up to 7.7 % at n = 10..30 where
    alpha is 5 %.  Less its `lattice_correction` the worst false READY over n >= 5, margins 0..0.3
    and all discordances is 1.1 alpha at alpha = 0.05 and 0.025, 1.15 alpha at 0.0125 and 0.01,
    added up exactly (`tests/stats/test_stats_calibration.py`), for 2.8 points of power on average.
    """

    gain: int
    loss: int
    n: int

    def __post_init__(self) -> None:
        require(self.n, 1, what="a paired difference", unit="pairs")
        if min(self.gain, self.loss) < 0 or self.gain + self.loss > self.n:
            raise ValueError(f"need 0 <= gain + loss <= n, got {self.gain}, {self.loss}, {self.n}")

    @property
    def value(self) -> float:
        """The difference of the two rates, -1..1."""
        return (self.gain - self.loss) / self.n

    @property
    def method(self) -> str:
        """Tango's score interval with its lattice correction."""
        return "tango-corrected"

    @property
    def n_clusters(self) -> int:
        """Every pair stands alone."""
        return self.n

    @property
    def refusal(self) -> str | None:
        """Never: the interval is honest at every n."""
        return None

    def bounds(self, alpha: float) -> Interval:
        """Where the corrected score reaches its critical value, on either side."""
        check_alpha(alpha)
        z = normal_quantile(1.0 - alpha)
        lower = corrected_lower(self.gain, self.loss, self.n, z)
        upper = -corrected_lower(self.loss, self.gain, self.n, z)
        return Interval(lower, upper, 1.0 - 2.0 * alpha, self.method)

    def p_greater(self, theta: float) -> float:
        """P of a score at least this high if the difference were theta."""
        if abs(theta) >= 1.0:
            return 0.0 if theta < -1.0 or (theta == -1.0 and self.value > theta) else 1.0
        z = corrected_z(self.gain, self.loss, self.n, theta)
        if z > 0.0:
            return normal_sf(z)
        return max(0.5, normal_sf(tango_z(self.gain, self.loss, self.n, theta)))

    def p_less(self, theta: float) -> float:
        """P of a score at most this high if the difference were theta."""
        return PairedBinary(self.loss, self.gain, self.n).p_greater(-theta)

    def p_different(self, theta: float) -> float:
        """Two-sided: mid-p McNemar at theta = 0, the score test elsewhere."""
        if theta == 0.0:
            return mcnemar_mid_p(self.gain, self.loss).p_value
        return two_sided(self.p_greater(theta), self.p_less(theta))
