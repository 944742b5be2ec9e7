"""needed: how many more units would decide a gate, planned for equal arms.

Reads: a measured effect, the gate.  Gives: further units, or why no number of them helps.
Depends on: effects, stats.special.  Never plans from the observed effect: an interval that is
still too wide says nothing about where the truth lies.
Source: n = (z_alpha + z_beta)^2 variance / margin^2, with the upper 80 % bound of the variance of
one unit's difference (Browne 1995 on pilot variances).
"""

from __future__ import annotations

import math

from evalharness.spec.gates import threshold
from evalharness.spec.suite import GateSpec
from evalharness.stages.claims import Claim
from evalharness.stages.effects import Measured
from evalharness.stats.special import normal_quantile

MOST_UNITS = 10_000_000
"""Beyond this a number is no advice."""


def further_units(
    measured: Measured, gate: GateSpec, claims: tuple[Claim, ...], *, alpha: float, power: float
) -> tuple[int | None, str | None]:
    """(units still needed, None), or (None, why no number of units would do).

    Planned for equal arms: a true difference of 0, a true ratio of 1; for an absolute bar the
    target is half way between the bar and the best value.
    """
    distances = [abs(claim.theta - _planned(gate, measured)) for claim in claims]
    reachable = all(_holds(claim, _planned(gate, measured)) for claim in claims)
    if not reachable or min(distances) == 0.0:
        return None, _unreachable(gate)
    if measured.unit_variance is None:
        return None, "too little data to say how many more samples are needed"
    distance = min(distances)
    if measured.form == "ratio":
        distance = abs(math.log(min(claim.theta for claim in claims)))
    z = normal_quantile(1.0 - alpha) + normal_quantile(power)
    total = math.ceil(z * z * measured.unit_variance / (distance * distance))
    total = max(total, _smallest(measured, distance, z))
    if total > MOST_UNITS:
        return None, "no data set of a sensible size would decide it; widen the margin"
    missing = total - measured.effect.n
    if missing <= 0:
        return None, (
            "there are enough samples for equal arms: the arms differ by about the margin, "
            "and only a much larger set would tell"
        )
    return missing, None


def _planned(gate: GateSpec, measured: Measured) -> float:
    """The truth that is planned for, in the effect's units."""
    if gate.test in ("max_ratio", "min_ratio"):
        return 1.0
    if gate.test in ("at_most", "at_least"):
        best = measured.best if measured.best is not None else 0.0
        return (threshold(gate) + best) / 2.0
    return 0.0


def _holds(claim: Claim, truth: float) -> bool:
    return truth > claim.theta if claim.side == "above" else truth < claim.theta


def _smallest(measured: Measured, distance: float, z: float) -> int:
    """Even without any variance, n units leave a rate of about z^2 / n unseen."""
    if measured.form == "ratio" or measured.bounded is None:
        return 0
    return math.ceil(z * z * distance / (distance * distance) * min(1.0, measured.bounded) / 2)


def _unreachable(gate: GateSpec) -> str:
    if gate.test in ("max_ratio", "min_ratio"):
        return f"equal arms never reach a ratio of {threshold(gate):g}; more samples do not help"
    if gate.test == "superiority":
        return "equal arms never pass a superiority gate; only a better candidate does"
    return "the bar is the best value there is; no sample size shows that it is kept"
