"""verdict: paired runs and a policy -> gates, judged; gates -> one of four states.

Reads: a Pairing, the suite's policy.  Gives: GateRows, reasons of invalidity, VerdictFacts.
Depends on: effects, claims, integrity, stats.multiplicity, stats.power.
READY needs every primary and guardrail gate to PASS against every baseline: an intersection-union
test, which needs no correction.  NOT_READY needs a FAIL that survives Holm over the gates.
Sources: Berger (1982), "Multiparameter hypothesis testing"; Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.errors import TooFewSamples
from evalharness.records import EXIT_CODES, GateOutcome, VerdictState
from evalharness.results import GateRow, Invalid, VerdictFacts
from evalharness.spec.gates import RELATIVE_TESTS, threshold
from evalharness.spec.suite import GateSpec, Suite
from evalharness.stages.deciding.claims import Claim, claims_of, decide_claims
from evalharness.stages.deciding.effects import bounded, gate_effect, points
from evalharness.stages.deciding.integrity import check_gate_data, check_pairing, same_sitting
from evalharness.stages.deciding.needed import advice, further_units
from evalharness.stages.pairing import Pairing
from evalharness.stats.multiplicity import holm
from evalharness.store.marks import MetricColumns

FORBIDDING = frozenset({"EXPLORATORY", "UNSAFE", "FORGEABLE"})
"""Stamps with which a verdict is never READY."""
SITTING_SCALES = frozenset({"seconds", "usd"})
"""Scales whose numbers are comparable only within one sitting."""


def judge(
    pairing: Pairing, *, suite: Suite, names: tuple[str, str], seed: int
) -> tuple[list[GateRow], list[Invalid]]:
    """Every gate of a suite's policy on one pair of runs (baseline, candidate).

    names: (baseline, candidate).  Gates that cannot be judged at all are reasons of invalidity.
    """
    invalid = check_pairing(pairing, suite=suite, names=names)
    rows: list[GateRow] = []
    for gate in suite.policy.gates:
        refused = check_gate_data(pairing, gate, suite=suite, names=names)
        if refused is not None:
            invalid.append(refused)
        else:
            rows.append(_judge_gate(pairing, gate, suite=suite, names=names, seed=seed))
    return rows, invalid


def _judge_gate(
    pairing: Pairing, gate: GateSpec, *, suite: Suite, names: tuple[str, str], seed: int
) -> GateRow:
    columns = pairing.candidate.metrics[gate.metric].columns
    alpha = gate.alpha or suite.policy.alpha
    claims = claims_of(gate, columns.direction)
    counted = bounded(gate_effect(pairing, gate, "against_candidate", seed), alpha)
    if isinstance(counted, TooFewSamples):
        return _undetermined(pairing, gate, columns, suite=suite, names=names, error=counted)
    effect = counted.effect
    decision = decide_claims(effect, claims, alpha)
    outcome, reason = decision.outcome, effect.refusal
    if columns.scale in SITTING_SCALES and gate.recorded == "refused":
        apart = same_sitting(pairing, relative=gate.test in RELATIVE_TESTS)
        if apart is not None:
            outcome, reason = "INCONCLUSIVE", apart
    n_more = None
    advised: tuple[str, ...] = ()
    if outcome == "INCONCLUSIVE":
        power = suite.policy.power
        n_more, why = further_units(counted, gate, claims, alpha=alpha, power=power)
        reason = reason or why
        if n_more is not None:
            advised = advice(pairing, gate, n_more, alpha=alpha, power=power)
    bounds = effect.bounds(alpha)
    return GateRow(
        suite=suite.name,
        baseline=names[0],
        candidate_arm=names[1],
        metric=gate.metric,
        slice=gate.slice,
        role=gate.role,
        test=gate.test,
        outcome=outcome,
        candidate=counted.candidate,
        baseline_value=counted.baseline,
        difference=effect.value,
        lower=bounds.lower,
        upper=bounds.upper,
        threshold=shown_threshold(gate, claims),
        alpha=alpha,
        p_value=decision.p_pass,
        p_fail=decision.p_fail,
        method=effect.method,
        n=effect.n,
        n_clusters=effect.n_clusters,
        n_more=n_more,
        advice=advised,
        outcome_answered=_outcome_answered(pairing, gate, claims, alpha, seed),
        scale=columns.scale,
        direction=columns.direction,
        signature=columns.signature,
        reason=reason,
    )


def _outcome_answered(
    pairing: Pairing, gate: GateSpec, claims: tuple[Claim, ...], alpha: float, seed: int
) -> GateOutcome | None:
    """What the gate would say with failures left out; None where there were none."""
    if not pairing.baseline.failed_n.any() and not pairing.candidate.failed_n.any():
        return None
    measured = bounded(gate_effect(pairing, gate, "left_out", seed), alpha)
    if isinstance(measured, TooFewSamples):
        return None
    return decide_claims(measured.effect, claims, alpha).outcome


def _undetermined(
    pairing: Pairing,
    gate: GateSpec,
    columns: MetricColumns,
    *,
    suite: Suite,
    names: tuple[str, str],
    error: TooFewSamples,
) -> GateRow:
    """A gate on which the statistics refuse: INCONCLUSIVE, with what is missing.

    Its values are told, without an interval.
    """
    candidate, baseline, difference = points(pairing, gate, "against_candidate")
    return GateRow(
        suite=suite.name,
        baseline=names[0],
        candidate_arm=names[1],
        metric=gate.metric,
        slice=gate.slice,
        role=gate.role,
        test=gate.test,
        outcome="INCONCLUSIVE",
        candidate=candidate,
        baseline_value=baseline,
        difference=difference,
        lower=None,
        upper=None,
        threshold=shown_threshold(gate, claims_of(gate, columns.direction)),
        alpha=gate.alpha or suite.policy.alpha,
        p_value=None,
        p_fail=None,
        method="none",
        n=len(pairing),
        n_clusters=0,
        n_more=None,
        scale=columns.scale,
        direction=columns.direction,
        signature=columns.signature,
        reason=f"{error.message}{'; ' + error.mend if error.mend else ''}",
    )


def shown_threshold(gate: GateSpec, claims: tuple[Claim, ...]) -> float:
    """The number that the bounds are held against, in their own units."""
    return claims[0].theta if len(claims) == 1 else threshold(gate)


def verdict(
    gates: Sequence[GateRow],
    invalid: Sequence[Invalid],
    *,
    alpha: float,
    n_paired: int,
    stamps: tuple[str, ...] = (),
) -> VerdictFacts:
    """The state that gates and integrity allow.

    stamps: what the verdict rests on; those in FORBIDDING allow no READY.
    """
    deciding = [gate for gate in gates if gate.role != "diagnostic"]
    state: VerdictState
    if invalid or not deciding:
        state, why = "INVALID", _why_invalid(invalid)
    else:
        failed = surviving_failures(deciding, alpha)
        if failed:
            state, why = "NOT_READY", [_why_failed(gate) for gate in failed]
        elif all(gate.outcome == "PASS" for gate in deciding):
            state, why = "READY", [_why_ready(deciding)]
        else:
            state, why = "INCONCLUSIVE", _why_open(deciding)
    forbidding = [stamp for stamp in stamps if stamp in FORBIDDING]
    if state == "READY" and forbidding:
        state = "INCONCLUSIVE"
        why = [f"every gate passes, but a verdict stamped {', '.join(forbidding)} is never READY"]
    return VerdictFacts(
        state=state,
        exit_code=EXIT_CODES[state],
        alpha=alpha,
        n_paired=n_paired,
        why=tuple(why),
        stamps=stamps,
    )


def surviving_failures(gates: Sequence[GateRow], alpha: float) -> list[GateRow]:
    """Gates that FAIL and whose failure survives Holm over all gates, the surest first.

    A gate with an alpha of its own is held against that alpha's share.
    """
    tested = [gate for gate in gates if gate.p_fail is not None]
    if not tested:
        return []
    scaled = [min(1.0, (gate.p_fail or 0.0) * alpha / gate.alpha) for gate in tested]
    adjusted = holm(scaled)
    failed = [
        (p, gate)
        for p, gate in zip(adjusted, tested, strict=True)
        if gate.outcome == "FAIL" and p < alpha
    ]
    return [gate for _, gate in sorted(failed, key=lambda pair: pair[0])]


def _name(gate: GateRow) -> str:
    within = f" in {gate.slice}" if gate.slice else ""
    return f"{gate.metric}{within} against {gate.baseline}"


def _why_invalid(invalid: Sequence[Invalid]) -> list[str]:
    messages = list(dict.fromkeys(reason.message for reason in invalid))
    return messages or ["no gate could be judged"]


def _why_failed(gate: GateRow) -> str:
    bound = gate.upper if _passes_above(gate) else gate.lower
    side = "at most" if _passes_above(gate) else "at least"
    return (
        f"{_name(gate)} fails: it is {side} {bound:.4g}, "
        f"and {gate.test} asks for {'more' if _passes_above(gate) else 'less'} than "
        f"{gate.threshold:.4g}"
    )


def _passes_above(gate: GateRow) -> bool:
    if gate.test in ("max_ratio", "at_most"):
        return False
    if gate.test in ("min_ratio", "at_least"):
        return True
    if gate.test == "equivalence":
        return gate.upper is not None and gate.upper < gate.threshold
    return gate.direction == "higher"


def _why_ready(gates: Sequence[GateRow]) -> str:
    baselines = ", ".join(dict.fromkeys(gate.baseline for gate in gates))
    words = {1: "the gate passes", 2: "both gates pass"}
    return f"{words.get(len(gates), f'all {len(gates)} gates pass')} against {baselines}"


def _why_open(gates: Sequence[GateRow]) -> list[str]:
    lines = []
    for gate in gates:
        if gate.outcome == "PASS":
            continue
        if gate.outcome == "FAIL":
            lines.append(f"{_name(gate)} fails on its own, but not after Holm over all gates")
            continue
        line = f"{_name(gate)} is undecided"
        if gate.n_more is not None:
            line += f": {gate.n_more} more samples would decide it if the arms are equal"
        elif gate.reason:
            line += f": {gate.reason}"
        lines.append(line)
    return lines
