"""How many samples are needed, and what a given number can show.

Reads: margins, spreads, rates, alpha, power.  Gives: numbers of samples, powers, effects.
Depends on: special, roots, unseen.  Never looks at an observed effect: the effect is an assumption.
Sources: Connor (1987) for paired proportions; Miller (2024), arXiv:2411.00640, for repeats;
Cohen (1988) for h; R's power.t.test(strict=FALSE), power.prop.test and pwr.2p.test are the oracles.

alpha is one-sided throughout; give alpha / 2 for a two-sided test.
"""

from __future__ import annotations

import math

import numpy as np

from evalharness.stats.inference import check_alpha
from evalharness.stats.roots import find_crossing
from evalharness.stats.special import (
    normal_cdf,
    normal_quantile,
    t_quantile,
    t_sf_noncentral,
)
from evalharness.stats.unseen import unseen_share


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


def power_bounded_mean(
    n: float, margin: float, sd: float, *, low: float = -1.0, alpha: float = 0.05
) -> float:
    """The chance that n pairs of equal arms show a mean above -margin by `mean.MeanEffect`.

    low: the least difference one pair can have.  Counts both the spread (normal approximation) and
    what n pairs may have missed (`unseen`): with little spread the second one decides.
    """
    check_alpha(alpha)
    se = sd / math.sqrt(n)
    share = unseen_share(n, alpha)
    by_spread = -margin + normal_quantile(1.0 - alpha) * se
    by_unseen = (-margin - share * low) / (1.0 - share)
    return normal_cdf(-max(by_spread, by_unseen) / se) if se > 0.0 else float(by_unseen < 0.0)


def n_bounded_mean(
    margin: float, sd: float, *, low: float = -1.0, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Pairs of equal arms needed for a mean above -margin where differences have a least value."""
    start = max(2.0, n_paired_mean(margin, sd, alpha=alpha, power=power))
    if power_bounded_mean(start, margin, sd, low=low, alpha=alpha) >= power:
        return start
    top = start
    while power_bounded_mean(top, margin, sd, low=low, alpha=alpha) < power:
        top *= 2.0
    return find_crossing(
        lambda n: power_bounded_mean(n, margin, sd, low=low, alpha=alpha) - power,
        start,
        top,
        tolerance=1e-6,
    )


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
