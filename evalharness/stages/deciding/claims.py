"""What a gate claims, as one-sided statements about one number.

Reads: nothing.  Gives: `claims_of`, `decide_claims`.
Depends on: spec.gates, stats.inference (as a protocol).
A gate PASSes when every claim is shown at alpha, FAILs when one is refuted at alpha; both are read
off the same bounds, so a point estimate decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalharness.records import GateOutcome
from evalharness.spec.gates import threshold
from evalharness.spec.suite import GateSpec

if TYPE_CHECKING:
    from evalharness.stats.inference import Effect


@dataclass(frozen=True, slots=True)
class Claim:
    """The truth lies above, or below, a number."""

    side: Literal["above", "below"]
    theta: float


def claims_of(gate: GateSpec, direction: Literal["higher", "lower"]) -> tuple[Claim, ...]:
    """What must be shown, in the effect's own units.

    Differences are candidate - baseline in the metric's units: for a metric where lower is better
    a margin bounds the difference from above.  Ratios are candidate / baseline; absolute bars
    speak of the candidate's value.
    """
    number = threshold(gate)
    better: Literal["above", "below"] = "above" if direction == "higher" else "below"
    sign = 1.0 if direction == "higher" else -1.0
    if gate.test == "non_inferiority":
        return (Claim(better, -sign * number),)
    if gate.test == "superiority":
        return (Claim(better, sign * number),)
    if gate.test == "equivalence":
        return (Claim("above", -number), Claim("below", number))
    below = gate.test in ("max_ratio", "at_most")
    return (Claim("below" if below else "above", number),)


@dataclass(frozen=True, slots=True)
class Decision:
    """A gate's outcome on one effect.

    p_pass: of "some claim is false"; the gate PASSes when it is below alpha.
    p_fail: of "every claim is true"; for Holm's correction over the gates.
    """

    outcome: GateOutcome
    p_pass: float
    p_fail: float


def decide_claims(effect: Effect, claims: tuple[Claim, ...], alpha: float) -> Decision:
    """Hold an effect's bounds against the claims at one-sided alpha."""
    bounds = effect.bounds(alpha)
    shown = [
        bounds.lower > claim.theta if claim.side == "above" else bounds.upper < claim.theta
        for claim in claims
    ]
    refuted = [
        bounds.upper < claim.theta if claim.side == "above" else bounds.lower > claim.theta
        for claim in claims
    ]
    p_shown = [
        effect.p_greater(claim.theta) if claim.side == "above" else effect.p_less(claim.theta)
        for claim in claims
    ]
    p_refuted = [
        effect.p_less(claim.theta) if claim.side == "above" else effect.p_greater(claim.theta)
        for claim in claims
    ]
    outcome: GateOutcome = "INCONCLUSIVE"
    if all(shown) and effect.refusal is None:
        outcome = "PASS"
    elif any(refuted) and effect.refusal is None:
        outcome = "FAIL"
    return Decision(outcome, max(p_shown), min(1.0, len(claims) * min(p_refuted)))
