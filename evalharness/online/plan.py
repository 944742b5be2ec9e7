"""plan: gates that passed offline -> the A/B test that would confirm them on traffic.

Reads: judged gates and both arms' marks.  Gives: OnlineGates, an OnlinePlan.
Depends on: stages.deciding.effects (one arm's spread), stats.power, stats.sequential.
Traffic is not paired: each unit sees one arm, so the variances of both add up, and the smaller arm
decides.  n = (z_alpha + z_beta)^2 (v_c / f + v_b / (1 - f)) / delta^2, times what the looks cost.
A margin is planned for equal arms; a gain or a ratio that equal arms cannot show is planned at the
cautious bound that the offline verdict reached, never at the point estimate.
Sources: Farrington & Manning (1990); Lan & DeMets (1983); O'Brien & Fleming (1979); Pocock (1977);
Fabijan et al. (2019) and Lindon & Malek (2022) for the split.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.errors import TooFewSamples
from evalharness.handover import OnlineGate, OnlineLook, OnlinePlan
from evalharness.results import GateRow
from evalharness.spec.suite import Policy
from evalharness.stages.deciding.effects import Measured, absolute_effect
from evalharness.stats.sequential import inflation, lan_demets
from evalharness.stats.special import normal_quantile
from evalharness.store.marks import MarkTable

SHARE: Final = 0.1
LOOKS: Final = 4
SRM_ALARM: Final = 0.01
"""Of the e-process that is read at every look: it false-alarms in 0.3 % of 28 daily peeks."""
SRM_FINAL: Final = 0.001
"""Of one chi-squared test at the end, the usual alarm level."""
LEAST_DAYS: Final = 7
MOST_UNITS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Arms:
    """The marks of the control (the first baseline) and of the candidate, on one suite."""

    control: MarkTable
    candidate: MarkTable


def online_gates(
    gates: Sequence[GateRow], arms: Arms, policy: Policy, *, seed: int
) -> list[OnlineGate]:
    """Every deciding gate of one suite against the control, sized for one look."""
    return [_online_gate(row, arms, policy, seed) for row in gates if row.role != "diagnostic"]


def online_plan(
    gates: Sequence[OnlineGate], names: tuple[str, str], policy: Policy
) -> OnlinePlan | None:
    """The plan of all suites' gates; names: (control, candidate).  None where none has a size."""
    information = [(look + 1) / LOOKS for look in range(LOOKS)]
    factor = inflation(information, alpha=policy.alpha, power=policy.power)
    sized = [_inflated(gate, factor) for gate in gates]
    known = [(gate.n_total, gate) for gate in sized if gate.n_total is not None]
    if not known:
        return None
    n_total, binding = max(known, key=lambda pair: pair[0])
    return OnlinePlan(
        candidate=names[1],
        control=names[0],
        share=SHARE,
        alpha=policy.alpha,
        power=policy.power,
        spending="obrien_fleming",
        harm_spending="pocock",
        inflation=factor,
        n_total=n_total,
        n_candidate=math.ceil(n_total * SHARE),
        binding=f"{binding.metric} {binding.test}",
        gates=tuple(sized),
        looks=tuple(looks_of(n_total, information, alpha=policy.alpha)),
        srm_alarm=SRM_ALARM,
        srm_final=SRM_FINAL,
        least_days=LEAST_DAYS,
    )


def looks_of(n_total: int, information: Sequence[float], *, alpha: float) -> list[OnlineLook]:
    """Two separate budgets of alpha: to ship, spent late; to roll back, spent early."""
    ship = lan_demets(information, alpha=alpha, spending="obrien_fleming")
    harm = lan_demets(information, alpha=alpha, spending="pocock")
    return [
        OnlineLook(
            information=good.information,
            n_total=math.ceil(n_total * good.information),
            n_candidate=math.ceil(n_total * good.information * SHARE),
            ship_z=good.critical_z,
            ship_alpha=good.nominal_alpha,
            alpha_spent=good.spent,
            harm_z=bad.critical_z,
            harm_spent=bad.spent,
        )
        for good, bad in zip(ship, harm, strict=True)
    ]


def _inflated(gate: OnlineGate, factor: float) -> OnlineGate:
    import msgspec

    if gate.n_total is None:
        return gate
    return msgspec.structs.replace(gate, n_total=math.ceil(gate.n_total * factor))


def _online_gate(row: GateRow, arms: Arms, policy: Policy, seed: int) -> OnlineGate:
    columns = arms.candidate.metrics[row.metric].columns
    total, planned, note = _size(row, arms, policy, seed)
    return OnlineGate(
        suite=row.suite,
        metric=row.metric,
        role=row.role,
        test=row.test,
        threshold=row.threshold,
        seen="logs" if columns.sees == "outcomes" else "labels",
        n_total=total,
        planned=planned,
        note=note,
        scale=row.scale,
        slice=row.slice,
    )


def _size(row: GateRow, arms: Arms, policy: Policy, seed: int) -> tuple[int | None, str, str]:
    """(units of both arms for one look, the planned truth in words, why there is no number)."""
    try:
        control = _measured(arms.control, row, seed)
        candidate = _measured(arms.candidate, row, seed)
    except TooFewSamples as error:
        return None, "", error.message
    binary = arms.candidate.metrics[row.metric].columns.kind == "binary"
    z = normal_quantile(1.0 - row.alpha) + normal_quantile(policy.power)
    if row.test in ("at_most", "at_least"):
        best = candidate.best if candidate.best is not None else 0.0
        distance, planned = abs(row.threshold - best) / 2.0, "half way from the bar to the best"
        aim = (row.threshold + best) / 2.0
        variance = aim * (1.0 - aim) if binary else candidate.unit_variance
        spread = None if variance is None else variance / SHARE
    else:
        distance, planned = _distance(row)
        spread = _both(row, control, candidate, binary=binary)
    if distance <= 0.0 or spread is None:
        return None, planned, "the held-out data do not say how this varies"
    total = z * z * spread / (distance * distance)
    if not total < MOST_UNITS:
        return None, planned, "no amount of traffic would show it"
    return max(1, math.ceil(total)), planned, ""


def _measured(table: MarkTable, row: GateRow, seed: int) -> Measured:
    return absolute_effect(
        table, row.metric, slice_name=row.slice, failures="against_candidate", seed=seed
    )


def _distance(row: GateRow) -> tuple[float, str]:
    """How far the planned truth lies from the threshold, in the units that are sized."""
    ratio = row.test in ("max_ratio", "min_ratio")
    equal = {"non_inferiority", "equivalence"}
    if row.test in equal:
        return abs(row.threshold), "equal arms"
    inside = row.threshold > 1.0 if row.test == "max_ratio" else row.threshold < 1.0
    if ratio and inside:
        return abs(math.log(row.threshold)), "equal arms"
    bound = row.upper if row.test == "max_ratio" or row.direction == "lower" else row.lower
    if row.test == "min_ratio":
        bound = row.lower
    if bound is None or (ratio and bound <= 0.0):
        return 0.0, "the offline bound"
    if ratio:
        return abs(math.log(row.threshold / bound)), "the offline bound"
    return abs(bound - row.threshold), "the offline bound"


def _both(row: GateRow, control: Measured, candidate: Measured, *, binary: bool) -> float | None:
    """Variance of the unpaired effect times the units of both arms.

    Arms are planned equal, so the wider of both spreads is taken for both; a rate's is that of the
    null hypothesis, a margin nearer to 1/2, as the score test has it: no arm without events is
    without variance.
    """
    ratio = row.test in ("max_ratio", "min_ratio")
    variances = []
    for measured in (candidate, control):
        variance, value = measured.unit_variance, measured.candidate
        if value is None or variance is None or (ratio and value <= 0.0):
            return None
        if ratio:
            variance /= value * value
        elif binary:
            near = min(0.5, min(value, 1.0 - value) + abs(row.threshold))
            variance = max(variance, near * (1.0 - near))
        variances.append(variance)
    return max(variances) * (1.0 / SHARE + 1.0 / (1.0 - SHARE))
