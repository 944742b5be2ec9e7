"""How many samples are needed, and what a given number can show.

Reads: margins, spreads, rates, alpha, power.  Gives: numbers of samples, powers, effects.
Depends on: special, roots, unseen, mean.  Never looks at an observed effect: that is assumed.
Sources: Connor (1987) for paired proportions; Miller (2024), arXiv:2411.00640, for repeats;
Cohen (1988) for h; R's power.t.test(strict=FALSE), power.prop.test and pwr.2p.test are the oracles.

alpha is one-sided throughout; give alpha / 2 for a two-sided test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from evalharness.stats.inference import check_alpha
from evalharness.stats.mean import cautious_design, cluster_penalty
from evalharness.stats.roots import find_crossing
from evalharness.stats.special import (
    normal_cdf,
    normal_quantile,
    t_quantile,
    t_sf_noncentral,
)
from evalharness.stats.unseen import unseen_share

BEYOND: Final = 1e12
"""No search for a number of samples goes further."""


def _z_sum(alpha: float, power: float) -> float:
    """z_alpha + z_power."""
    check_alpha(alpha)
    if not 0.0 < power < 1.0:
        raise ValueError(f"power must lie in (0, 1), got {power}")
    return normal_quantile(1.0 - alpha) + normal_quantile(power)


# --- paired ----------------------------------------------------------------------------------


def n_paired_binary(
    margin: float,
    discordance: float,
    *,
    effect: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Pairs needed to show candidate - baseline > -margin for right/wrong marks.

    discordance: the share of samples on which exactly one arm is right.  effect: the true
    difference that is planned for.  Returns a float; round up.  For superiority give -min_gain.
    Raises ValueError where effect <= -margin (no n would do) or |effect| > discordance.

    >>> math.ceil(n_paired_binary(0.01, 0.05))
    3092
    """
    if effect <= -margin:
        raise ValueError(f"effect {effect} does not lie above -margin {-margin}: no n would do")
    if abs(effect) > discordance:
        raise ValueError(f"|effect| {abs(effect)} exceeds discordance {discordance}")
    needed = (_z_sum(alpha, power) / (effect + margin)) ** 2 * (discordance - effect**2)
    # No discordance at all still leaves the unseen: Tango's bound -z^2 / (n + z^2).
    z2 = normal_quantile(1.0 - alpha) ** 2
    return max(needed, z2 * (1.0 - margin) / margin if margin > 0.0 else 1.0)


def power_paired_binary(
    n: float, margin: float, discordance: float, *, effect: float = 0.0, alpha: float = 0.05
) -> float:
    """The chance that n pairs show candidate - baseline > -margin (normal approximation)."""
    check_alpha(alpha)
    spread = math.sqrt(max(discordance - effect**2, 1e-12))
    return normal_cdf(math.sqrt(n) * (effect + margin) / spread - normal_quantile(1.0 - alpha))


def mde_paired_binary(
    n: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest margin (or gain) that n pairs can show if the arms are equal."""
    return _z_sum(alpha, power) * math.sqrt(discordance / n)


def n_paired_mean(
    margin: float, sd: float, *, effect: float = 0.0, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Pairs needed for a mean difference above -margin; sd: of the paired differences.

    The normal formula (z_a + z_b)^2 sd^2 / (effect + margin)^2; `n_paired_t` is exact for t.
    """
    if effect <= -margin:
        raise ValueError(f"effect {effect} does not lie above -margin {-margin}: no n would do")
    return (_z_sum(alpha, power) * sd / (effect + margin)) ** 2


class Clustering(NamedTuple):
    """Units in clusters: units a cluster, and how many units are worth one independent one."""

    units: float
    design: float


def power_bounded_mean(
    n: float,
    margin: float,
    sd: float,
    *,
    low: float = -1.0,
    alpha: float = 0.05,
    clusters: Clustering | None = None,
) -> float:
    """The chance that n pairs of equal arms show a mean above -margin by `mean.MeanEffect`.

    sd: of the mean times the root of n (clusters included).  low: the least difference one pair can
    have.  Counts both the spread (t, errors taken as normal) and what n pairs may have missed
    (`unseen`): with little spread the second one decides.
    """
    tail, se, units = _evidence(n, sd, alpha, clusters)
    share = unseen_share(units, tail)
    by_unseen = (-margin - share * low) / (1.0 - share)
    if se == 0.0:
        return float(by_unseen < 0.0)
    by_spread = normal_cdf(_beyond_t(margin / se, tail, _df(n, clusters)))
    seen = normal_cdf(-by_unseen / se)
    # The clusters' likeness, and so what they may have missed, is estimated apart from the mean.
    return min(by_spread, seen) if clusters is None else by_spread * seen


def n_bounded_mean(
    margin: float,
    sd: float,
    *,
    low: float = -1.0,
    alpha: float = 0.05,
    power: float = 0.8,
    clusters: Clustering | None = None,
) -> float:
    """Pairs of equal arms needed for a mean above -margin where differences have a least value."""
    _z_sum(alpha, power)
    return _least_n(
        lambda n: power_bounded_mean(n, margin, sd, low=low, alpha=alpha, clusters=clusters),
        power,
        clusters,
    )


def power_ratio(
    n: float,
    ratio: float,
    sd: float,
    *,
    extreme: float,
    alpha: float = 0.05,
    clusters: Clustering | None = None,
) -> float:
    """The chance that n pairs of equal arms show a ratio below `ratio` > 1 by `ratio.RatioOfMeans`.

    sd: of the logarithm of the ratio times the root of n.  extreme: what an unseen unit takes, in
    means.
    """
    tail, se, _ = _evidence(n, sd, alpha, clusters)
    units = n if clusters is None else n / clusters.units
    reach = math.log1p(unseen_share(units, tail) * (extreme - 1.0))
    distance = math.log(ratio)
    if se == 0.0:
        return float(distance > reach)
    by_spread = _beyond_t(distance / se, tail, _df(n, clusters))
    return normal_cdf(min(by_spread, (distance - reach) / se))


def n_ratio(
    ratio: float,
    sd: float,
    *,
    extreme: float,
    alpha: float = 0.05,
    power: float = 0.8,
    clusters: Clustering | None = None,
) -> float:
    """Pairs of equal arms needed for a ratio of means below `ratio` > 1; see `power_ratio`."""
    _z_sum(alpha, power)
    return _least_n(
        lambda n: power_ratio(n, ratio, sd, extreme=extreme, alpha=alpha, clusters=clusters),
        power,
        clusters,
    )


def _beyond_t(shift: float, tail: float, df: float) -> float:
    """The normal score of a t test's power at `tail` where its statistic is shifted by so much.

    The non-central t is nearly normal with variance 1 + t^2 / (2 df): Johnson & Welch (1940).
    """
    critical = t_quantile(1.0 - tail, df)
    return (shift - critical) / math.sqrt(1.0 + critical * critical / (2.0 * df))


def _df(n: float, clusters: Clustering | None) -> float:
    """Degrees of freedom of n units."""
    return max(1.0, n / (1.0 if clusters is None else clusters.units) - 1.0)


def _evidence(
    n: float, sd: float, alpha: float, clusters: Clustering | None
) -> tuple[float, float, float]:
    """(the alpha that is left, standard error, independent units) of n units."""
    check_alpha(alpha)
    if clusters is None:
        return alpha, sd / math.sqrt(n), n
    groups = n / clusters.units
    unsure = 1.0 + normal_quantile(0.8) * math.sqrt(2.0 / groups)
    design = unsure * cautious_design(max(1.0, clusters.design), clusters.units, groups)
    return alpha / cluster_penalty(groups), sd / math.sqrt(n), n / design


def _least_n(reached: Callable[[float], float], power: float, clusters: Clustering | None) -> float:
    """The least n, of two clusters or more, from which on a rising power reaches what is asked."""
    start = 2.0 * (1.0 if clusters is None else clusters.units)
    if reached(start) >= power:
        return start
    top = 2.0 * start
    while reached(top) < power:
        top *= 2.0
        if top > BEYOND:
            return top
    return find_crossing(lambda n: reached(n) - power, top / 2.0, top, tolerance=1e-6)


def n_paired_t(delta: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Pairs for a one-sided paired t test to find delta, exactly (non-central t)."""
    _z_sum(alpha, power)
    start = n_paired_mean(delta, sd, alpha=alpha, power=power)
    return find_crossing(
        lambda n: power_paired_t(n, delta, sd, alpha=alpha) - power,
        max(2.0, start),
        2.0 * start + 50.0,
        tolerance=1e-9,
    )


def power_paired_t(n: float, delta: float, sd: float, *, alpha: float = 0.05) -> float:
    """Power of the one-sided paired t test with n pairs (real n allowed)."""
    check_alpha(alpha)
    critical = t_quantile(1.0 - alpha, n - 1.0)
    return t_sf_noncentral(critical, n - 1.0, math.sqrt(n) * delta / sd)


def n_two_sample_t(delta: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Samples per arm for a one-sided two-sample t test to find delta, exactly."""
    start = max(2.0, 2.0 * n_paired_mean(delta, sd, alpha=alpha, power=power))

    def reached(n: float) -> float:
        """Power at n, less the power asked for."""
        df = 2.0 * n - 2.0
        shift = math.sqrt(n / 2.0) * delta / sd
        return t_sf_noncentral(t_quantile(1.0 - alpha, df), df, shift) - power

    return find_crossing(reached, max(2.0, 0.9 * start), 2.0 * start + 50.0, tolerance=1e-9)


# --- repeats ---------------------------------------------------------------------------------


def n_with_repeats(
    margin: float,
    between_sd: float,
    within: tuple[float, float],
    repeats: tuple[int, int],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Items needed when each arm answers every item several times (Miller 2024, eq. 9).

    between_sd: sd of the true paired differences between items.  within: sd of repeated answers to
    one item, (candidate, baseline).  repeats: how many each arm gives.
    """
    variance = between_sd**2 + sum(sd**2 / k for sd, k in zip(within, repeats, strict=True))
    return n_paired_mean(margin, math.sqrt(variance), alpha=alpha, power=power)


# --- two independent arms --------------------------------------------------------------------


def n_two_proportions(p1: float, p2: float, *, alpha: float = 0.025, power: float = 0.8) -> float:
    """Samples per arm to tell two rates apart (pooled null variance, as R's power.prop.test)."""
    _z_sum(alpha, power)
    pooled = math.sqrt((p1 + p2) * (1.0 - (p1 + p2) / 2.0))
    apart = math.sqrt(p1 * (1.0 - p1) + p2 * (1.0 - p2))
    z_a, z_b = normal_quantile(1.0 - alpha), normal_quantile(power)
    return ((z_a * pooled + z_b * apart) / (p1 - p2)) ** 2


def power_two_proportions(p1: float, p2: float, n: float, *, alpha: float = 0.025) -> float:
    """Power with n samples per arm, as R's power.prop.test(strict=FALSE)."""
    check_alpha(alpha)
    pooled = math.sqrt((p1 + p2) * (1.0 - (p1 + p2) / 2.0))
    apart = math.sqrt(p1 * (1.0 - p1) + p2 * (1.0 - p2))
    distance = math.sqrt(n) * abs(p1 - p2) - normal_quantile(1.0 - alpha) * pooled
    return normal_cdf(distance / apart)


def n_split_traffic(
    margin: float,
    variance: float,
    *,
    share: float = 0.1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Total units of an A/B test that sends `share` of the traffic to the candidate.

    variance: of one unit's metric (p (1 - p) for a rate).  A tenth costs 2.78 times an even split.

    >>> round(n_split_traffic(0.01, 0.05 * 0.95), -1)
    32630.0
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must lie in (0, 1), got {share}")
    return (_z_sum(alpha, power) / margin) ** 2 * variance * (1.0 / share + 1.0 / (1.0 - share))


def n_unpaired_proportions(
    margin: float, rate: float, *, ratio: float = 1.0, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Candidate samples for non-inferiority of two independent rates; baseline has ratio times."""
    return (_z_sum(alpha, power) / margin) ** 2 * rate * (1.0 - rate) * (1.0 + 1.0 / ratio)


def cohen_h(p1: float, p2: float) -> float:
    """The difference of two rates on the arcsine scale."""
    return 2.0 * math.asin(math.sqrt(p1)) - 2.0 * math.asin(math.sqrt(p2))


def n_arcsine(h: float, *, alpha: float = 0.025, power: float = 0.8) -> float:
    """Samples per arm for effect size h, two-sided, both tails counted (as R's pwr.2p.test)."""
    _z_sum(alpha, power)
    z = normal_quantile(1.0 - alpha)

    def reached(n: float) -> float:
        """Power at n, less the power asked for."""
        shift = abs(h) * math.sqrt(n / 2.0)
        return normal_cdf(shift - z) + normal_cdf(-shift - z) - power

    top = 4.0 * (_z_sum(alpha, power) / h) ** 2 + 10.0
    return find_crossing(reached, 1e-6, top, tolerance=1e-9)


# --- planning from a pilot -------------------------------------------------------------------


def discordance_upper(gain: int, loss: int, n: int, *, confidence: float = 0.8) -> float:
    """The one-sided upper Wilson bound of the discordance seen in a pilot, for planning."""
    z2 = normal_quantile(confidence) ** 2
    rate = (gain + loss) / n
    centre = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = math.sqrt(z2 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n))) / (1.0 + z2 / n)
    return min(1.0, centre + half)


def sd_upper(sd: float, n: int, *, confidence: float = 0.8) -> float:
    """An upper bound of a standard deviation seen on n pilot values (normal approximation)."""
    return sd * (1.0 + normal_quantile(confidence) / math.sqrt(2.0 * max(1, n - 1)))


def joint_power(passes_rg: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> tuple[float, int]:
    """P(all gates pass) over simulated runs, and the gate that binds.

    passes_rg: [runs, gates], whether each gate passed in each run.
    """
    ready = passes_rg.all(axis=1)
    return float(ready.mean()), int(np.argmin(passes_rg.mean(axis=0)))
