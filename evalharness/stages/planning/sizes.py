"""sizes: what each gate takes on its own for equal arms, and what the samples at hand could decide.

Reads: a pilot's pairs, the policy.  Gives: a `GateSize` a deciding gate.
Depends on: effects, claims, needed (the formulas that an open verdict uses too).
A gate's spread comes from the pilot, at its upper 80 % bound; the observed effect is not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

from evalharness.errors import TooFewSamples
from evalharness.records import Record
from evalharness.spec.gates import TEST_KEYS
from evalharness.spec.suite import GateSpec, Policy
from evalharness.stages.deciding.claims import claims_of
from evalharness.stages.deciding.effects import Measured, bounded, gate_effect
from evalharness.stages.deciding.needed import repeats_instead, units_in_all
from evalharness.stages.pairing import Pairing

SEARCH_STEPS: Final = 12
"""Halvings of the interval that holds a threshold: to 1 part in 4,000 of it."""
MOST_RATIO: Final = 10.0
"""No wider ratio than this is suggested."""


class GateSize(Record, frozen=True, kw_only=True):
    """What one deciding gate takes for equal arms.

    n_needed, n_together: samples in all for the policy's power on its own, and for the power that
    it must have so that all gates together have the policy's; None where `why` says that no number
    would do.
    decides: the number under the gate's own key (`margin`, `ratio`, `value`) that the samples at
    hand decide with that power; of a superiority gate the true gain that they show.  None if none.
    instead: repeats that would do instead of samples, in words; None where the pilot has none.
    """

    n_needed: int | None
    n_together: int | None
    why: str | None
    decides: float | None
    instead: str | None = None


def gate_size(
    pairing: Pairing, gate: GateSpec, policy: Policy, *, n: int, together: float, seed: int
) -> GateSize:
    """One gate's size, with n samples at hand.

    together: the chance to pass that it must have among the policy's gates.
    """
    alpha = gate.alpha or policy.alpha
    measured = bounded(gate_effect(pairing, gate, "against_candidate", seed), alpha)
    if isinstance(measured, TooFewSamples):
        return GateSize(n_needed=None, n_together=None, why=measured.message, decides=None)
    direction = pairing.candidate.metrics[gate.metric].columns.direction
    a_unit = samples_of(pairing) / measured.effect.n

    def samples(one: GateSpec, power: float, gain: float = 0.0) -> tuple[int | None, str | None]:
        """Samples of the gate with another number, or for a better candidate."""
        claims = claims_of(one, direction)
        units, why = units_in_all(measured, one, claims, alpha=alpha, power=power, gain=gain)
        return (None if units is None else math.ceil(units * a_unit)), why

    def enough(one: GateSpec, gain: float) -> bool:
        """Whether the samples at hand do."""
        needed, _ = samples(one, together, gain)
        return needed is not None and needed <= n

    alone, why = samples(gate, policy.power)
    return GateSize(
        n_needed=alone,
        n_together=samples(gate, together)[0],
        why=why,
        decides=_decides(gate, measured, enough),
        instead=repeats_instead(pairing, gate, alpha=alpha, power=policy.power),
    )


def samples_of(pairing: Pairing) -> int:
    """Samples behind the pairs: repeats of one sample count once."""
    import numpy as np

    return len(np.unique(pairing.candidate.sample_n[pairing.candidate_p]))


def _decides(
    gate: GateSpec, measured: Measured, enough: Callable[[GateSpec, float], bool]
) -> float | None:
    """The strictest number that is decided; see `GateSize.decides`."""
    widest = measured.bounded if measured.bounded is not None else abs(measured.baseline or 0.0)
    if gate.test == "superiority":
        return _least(lambda gain: enough(gate, gain), 0.0, widest)
    key, _ = TEST_KEYS[gate.test]

    def holds(number: float) -> bool:
        """Whether the gate with this number is decided."""
        return enough(msgspec.structs.replace(gate, **{key: number}), 0.0)

    if gate.test in ("non_inferiority", "equivalence"):
        return _least(holds, 0.0, widest)
    if gate.test == "max_ratio":
        return _least(holds, 1.0, MOST_RATIO)
    if gate.test == "min_ratio":
        return _least(holds, 1.0, 1.0 / MOST_RATIO)
    best = measured.best
    if best is None or measured.bounded is None:
        return None
    away = measured.bounded if gate.test == "at_most" else -measured.bounded
    return _least(holds, best, best + away)


def _least(holds: Callable[[float], bool], strict: float, lax: float) -> float | None:
    """The number nearest to `strict` that holds, rounded to two digits away from it; None if none.

    holds: false near `strict`, true from some number on towards `lax`.
    """
    if lax == strict or not holds(lax):
        return None
    near, far = strict, lax
    for _ in range(SEARCH_STEPS):
        middle = (near + far) / 2.0
        near, far = (near, middle) if holds(middle) else (middle, far)
    return _rounded(strict, far)


def _rounded(strict: float, number: float) -> float:
    """`number` with two digits of its distance from `strict`, never nearer to it."""
    distance = abs(number - strict)
    step = 10.0 ** (math.floor(math.log10(distance)) - 1)
    steps = math.ceil(distance / step - 1e-9)
    return round(strict + math.copysign(steps * step, number - strict), 12)
