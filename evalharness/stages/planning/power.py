"""power: how likely a whole policy is to say READY, and what that takes; what the policy is worth.

Reads: a suite, a pilot's pairs.  Gives: `PlanFacts`, `CalibrationRow`s.
Depends on: simulate, sizes, pilot.
Power is that of the whole policy: P(READY | equal arms), which gate binds, and how many samples
would bring it to the policy's power; never taken from an observed effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from evalharness.errors import UsageError
from evalharness.spec.read import digest
from evalharness.spec.suite import Policy, Suite
from evalharness.stages.deciding.simulate import (
    GateShape,
    Shape,
    Simulated,
    boundary,
    describe,
    shape_of,
    simulate,
)
from evalharness.stages.deciding.spending import look_alpha
from evalharness.stages.pairing import Pairing
from evalharness.stages.planning.facts import ArmPlan, CalibrationRow, GatePlan, PlanFacts
from evalharness.stages.planning.pilot import Pilot
from evalharness.stages.planning.sizes import GateSize, gate_size, samples_of

if TYPE_CHECKING:
    import numpy as np

DRAWS: Final = 400
"""Simulated data sets a figure: a share of 0.8 is known to 2 points."""
SEARCH_DRAWS: Final = 200
"""Simulated data sets a size while the needed number is looked for."""
STEP: Final = 1.1
"""Sizes nearer than this are not told apart."""
MOST_PAIRS: Final = 20_000
"""Sizes beyond this are not simulated; there the gates' own formulas speak, by Bonferroni."""


def plan_power(
    suite: Suite,
    pilot: Pilot,
    arms: Sequence[ArmPlan],
    *,
    n: int,
    better_by: float,
    rng: np.random.Generator,
) -> PlanFacts:
    """The power of a suite's whole policy at n samples, by simulation on a pilot's shape."""
    policy = spendable(suite.policy)
    shape = shape_of(pilot.pairing, policy)
    if not shape.gates:
        raise UsageError(
            f"the pilot carries none of the metrics that the gates of '{suite.name}' judge",
            mend="score the pilot with this suite first",
        )
    each = shape.n / samples_of(pilot.pairing)
    pairs = round(n * each)
    equal = simulate(shape, {}, n=pairs, draws=DRAWS, rng=rng)
    better = simulate(shape, improved(shape, better_by), n=pairs, draws=DRAWS, rng=rng)
    together = 1.0 - (1.0 - policy.power) / len(shape.gates)
    seed = int(rng.integers(1 << 31))
    sizes = [
        gate_size(pilot.pairing, one.gate, policy, n=n, together=together, seed=seed)
        for one in shape.gates
    ]

    search_error = math.sqrt(policy.power * (1.0 - policy.power) / SEARCH_DRAWS)

    def ready(size: int) -> bool:
        """Whether so many samples reach the policy's power, a standard error of the draws above."""
        found = simulate(shape, {}, n=round(size * each), draws=SEARCH_DRAWS, rng=rng)
        return found.ready >= policy.power + search_error

    rows = zip(shape.gates, sizes, equal.passes, strict=True)
    binding = min(range(len(shape.gates)), key=lambda number: equal.passes[number])
    return PlanFacts(
        suite=suite.name,
        n=n,
        arms=tuple(arms),
        basis=pilot.basis,
        alpha=policy.alpha,
        power=policy.power,
        ready_if_equal=equal.ready,
        ready_if_better=better.ready,
        better_by=better_by,
        gates=tuple(_gate_plan(one, size, share) for one, size, share in rows),
        binding=describe(shape.gates[binding]),
        n_needed=n
        if equal.ready >= policy.power
        else samples_needed(sizes, ready, n=n, most=int(MOST_PAIRS / each)),
        hashes={"suite": suite.sha256, "policy": digest(suite.policy)},
    )


def spendable(policy: Policy) -> Policy:
    """The policy with the alpha of one candidate's last look, where its ledger shares alpha out."""
    slots = policy.ledger
    if slots is None:
        return policy
    return msgspec.structs.replace(policy, alpha=look_alpha(slots, policy.alpha, slots.looks))


def _gate_plan(one: GateShape, size: GateSize, share: float) -> GatePlan:
    return GatePlan(
        gate=describe(one),
        passes_if_equal=share,
        n_needed=size.n_needed,
        why=size.why,
        decides=size.decides,
        instead=size.instead,
    )


def improved(shape: Shape, gain: float) -> Mapping[int, float]:
    """Truths of a candidate that is better by `gain` on every difference gate."""
    truths: dict[int, float] = {}
    for number, one in enumerate(shape.gates):
        if one.gate.test in ("non_inferiority", "superiority"):
            truths[number] = gain if one.columns.direction == "higher" else -gain
    return truths


def samples_needed(
    sizes: Sequence[GateSize], ready: Callable[[int], bool], *, n: int, most: int
) -> int | None:
    """Samples in all for the policy's power, at least n; None where no number would do.

    It lies between what the neediest gate takes on its own and what every gate takes if each may
    miss only its share (Bonferroni); between these, simulation tells.
    ready: whether a size is enough.  most: the largest size that it may be asked about.
    """
    alone = [size.n_needed for size in sizes if size.n_needed is not None]
    surely = [size.n_together for size in sizes if size.n_together is not None]
    if len(alone) < len(sizes) or len(surely) < len(sizes):
        return None
    low, high = max(n, *alone), max(surely)
    if len(sizes) == 1:
        return low
    if n < low <= most and ready(low):
        return low
    while high <= low:  # the simulation is less hopeful than the formulas
        high = 2 * low
        if high > most:
            return None
        low = low if ready(high) else high
    while high > STEP * low and math.isqrt(low * high) <= most:
        middle = math.isqrt(low * high)
        low, high = (low, middle) if ready(middle) else (middle, high)
    return high


def calibrate(
    pairing: Pairing, policy: Policy, *, draws: int, rng: np.random.Generator
) -> list[CalibrationRow]:
    """How often this policy errs on data of this very shape.

    One row for equal arms, one for each deciding gate with the truth at its boundary: the share of
    READY there is the realised false-READY rate, to be held against alpha.
    """
    shape = shape_of(pairing, policy)
    rows = [_row("equal arms", simulate(shape, {}, draws=draws, rng=rng))]
    for number, one in enumerate(shape.gates):
        truth = boundary(one.gate, one.columns)
        if one.gate.test in ("at_most", "at_least") and one.columns.kind != "binary":
            continue
        found = simulate(shape, {number: truth}, draws=draws, rng=rng)
        rows.append(_row(f"{describe(one)}: just not fulfilled", found))
    return rows


def _row(truth: str, found: Simulated) -> CalibrationRow:
    return CalibrationRow(
        truth=truth,
        ready=found.ready,
        not_ready=found.states.get("NOT_READY", 0.0),
        inconclusive=found.states.get("INCONCLUSIVE", 0.0),
        draws=found.draws,
    )
