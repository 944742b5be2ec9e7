"""power_curves: how likely each deciding gate was to pass, had the arms been equal, by samples.

Reads: judged gates and comparisons.  Gives: PowerCurves.
Depends on: results, stats.exact_power, stats.special.
For the reader of an open verdict: the curve rests on the spread that was seen, at its upper 80 %
bound for right/wrong, and on equal arms; never on the observed effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from evalharness.results import ComparisonRow, GateRow, PowerCurve
from evalharness.stats.intervals import wilson_interval
from evalharness.stats.special import normal_cdf, normal_quantile

MULTIPLES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
EXACT_UNITS: Final = 2000
"""Right/wrong gates beyond this are drawn by the normal approximation."""


def power_curves(
    gates: Sequence[GateRow], comparisons: Sequence[ComparisonRow]
) -> tuple[PowerCurve, ...]:
    """One curve a deciding gate that equal arms can pass and that is no absolute bar."""
    found = []
    for row in gates:
        distance = _distance(row)
        if row.role == "diagnostic" or distance is None or row.n < 2:
            continue
        discordance = _discordance(row, comparisons)
        spread = _spread(row)
        if discordance is None and spread is None:
            continue
        sizes = sorted({max(2, math.ceil(row.n * multiple)) for multiple in MULTIPLES})
        chances = [_chance(row, size, distance, discordance, spread or 0.0) for size in sizes]
        found.append(
            PowerCurve(
                suite=row.suite,
                baseline=row.baseline,
                metric=row.metric,
                slice=row.slice,
                n=row.n,
                ns=tuple(sizes),
                chances=tuple(chances),
            )
        )
    return tuple(found)


def _distance(row: GateRow) -> float | None:
    """From equal arms to the threshold; None where equal arms do not pass."""
    if row.test in ("non_inferiority", "equivalence") and row.threshold:
        return abs(row.threshold)
    inside = (row.test == "max_ratio" and row.threshold > 1.0) or (
        row.test == "min_ratio" and 0.0 < row.threshold < 1.0
    )
    return abs(math.log(row.threshold)) if inside else None


def _discordance(row: GateRow, comparisons: Sequence[ComparisonRow]) -> float | None:
    """Upper 80 % bound of the share of pairs that differ, for right/wrong gates."""
    if not row.method.startswith("tango"):
        return None
    key = (row.suite, row.baseline, row.candidate_arm, row.metric, row.slice)
    for one in comparisons:
        if (one.suite, one.baseline, one.candidate_arm, one.metric, one.slice) == key:
            if one.wins is None or one.losses is None or not one.n:
                return None
            rows = one.wins + one.losses + (one.ties or 0)  # copies in a cluster count once in n
            differing = round(one.n * (one.wins + one.losses) / max(1, rows))
            return wilson_interval(differing, one.n, level=0.6).upper
    return None


def _spread(row: GateRow) -> float | None:
    """Standard deviation of one unit, read off the width of the interval."""
    if row.lower is None or row.upper is None:
        return None
    low, high = row.lower, row.upper
    if row.test in ("max_ratio", "min_ratio"):
        if low <= 0.0:
            return None
        low, high = math.log(low), math.log(high)
    return (high - low) / (2.0 * normal_quantile(1.0 - row.alpha)) * math.sqrt(row.n)


def _chance(
    row: GateRow, n: int, distance: float, discordance: float | None, spread: float
) -> float:
    """P(PASS) of equal arms with n units; of both sides for an equivalence."""
    if discordance is not None and n <= EXACT_UNITS:
        from evalharness.stats.exact_power import power_tango

        half = discordance / 2.0
        one = power_tango(n, half, half, distance, alpha=row.alpha)
    else:
        unit = math.sqrt(discordance) if discordance is not None else spread
        away = distance * math.sqrt(n) / unit if unit > 0.0 else math.inf
        one = normal_cdf(min(away, 40.0) - normal_quantile(1.0 - row.alpha))
    return max(0.0, 2.0 * one - 1.0) if row.test == "equivalence" else min(1.0, one)
