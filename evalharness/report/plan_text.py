"""A plan and a calibration as text.

Reads: PlanFacts or CalibrationRows, by their fields.  Gives: text that stands alone.
Depends on: nothing; the records come from the stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalharness.stages.planning.facts import ArmPlan, CalibrationRow, JudgePlan, PlanFacts


def render_plan(facts: PlanFacts, *, sealed: Path | None = None) -> str:
    """The plan, its answer first: how likely equal arms are to get READY, and what is missing.

    sealed: the file that it was written to.
    """
    lines = [
        (
            f"P(READY | equal arms) = {facts.ready_if_equal:.0%} with {facts.n:,} samples"
            f" of {facts.suite}; the policy asks for {facts.power:.0%}"
        ),
        f"P(READY | better by {facts.better_by:g}) = {facts.ready_if_better:.0%}",
        f"  basis    {facts.basis}",
        *_gates(facts),
        f"  needed   {_needed(facts)}",
    ]
    lines += [f"  ask      {arm.arm}: {_takes(arm)}{_lasts(arm)}" for arm in facts.arms]
    if not facts.arms:
        lines.append("  ask      nothing: every answer is recorded")
    lines += [f"  judge    {one.judge}, by {one.by}: {_takes(one)}" for one in facts.judges]
    if facts.judges:
        lines.append(f"  in all   {_in_all(facts)}")
    if not all(one.bounded for one in facts.judges):
        lines.append("           nothing limits a judge's replies: a usual length stands for the")
        lines.append(
            "           greatest (`generation: {max_tokens: 300}` of the judge limits them)"
        )
    if sealed is not None:
        lines.append(f"  sealed   {sealed}")
    return "\n".join(lines)


def _in_all(facts: PlanFacts) -> str:
    """What is known of the price of everything, and whose is not."""
    prices = [(arm.arm, arm.price_usd) for arm in facts.arms]
    prices += [(one.judge, one.price_usd) for one in facts.judges]
    unknown = [name for name, price in prices if price is None]
    told = f"at most ${sum(price for _, price in prices if price is not None):.4f}"
    if unknown:
        told += f", and what {', '.join(unknown)} costs"
    return f"{told}; --max-cost counts answers and judgements together"


def _gates(facts: PlanFacts) -> list[str]:
    """A row a gate: its chance, what it takes on its own, what the samples at hand decide."""
    width = max(len("gate"), *(len(gate.gate) for gate in facts.gates))
    at_hand = f"{facts.n:,} decide"
    lines = [f"  {'gate':<{width}}  passes  needs       {at_hand}"]
    for gate in facts.gates:
        needs = "-" if gate.n_needed is None else f"{gate.n_needed:,}"
        decides = "nothing" if gate.decides is None else f"{gate.decides:g}"
        binds = "   <- binds" if gate.gate == facts.binding and len(facts.gates) > 1 else ""
        lines.append(
            f"  {gate.gate:<{width}}  {gate.passes_if_equal:>6.0%}  {needs:<10}  {decides}{binds}"
        )
        if gate.n_needed is None or gate.n_needed > facts.n:
            lines += [f"      {said}" for said in (gate.why, gate.instead) if said]
    return lines


def _needed(facts: PlanFacts) -> str:
    """Samples in all, or what else would do."""
    if facts.n_needed is None:
        return "no number of samples reaches the power with equal arms; see the gates above"
    more = facts.n_needed - facts.n
    if more <= 0:
        return "nothing more"
    open_ = [gate for gate in facts.gates if (gate.n_needed or 0) > facts.n]
    told = f"about {facts.n_needed:,} samples in all ({more:,} more)"
    if open_ and all(gate.decides is not None for gate in open_):
        told += f"; or the numbers that {facts.n:,} decide, should they be good enough for you"
    return told


def _lasts(arm: ArmPlan) -> str:
    """Time on the clock, where an earlier run tells it."""
    if arm.seconds is None:
        return ""
    if arm.seconds < 120:
        return f", about {max(1, round(arm.seconds))} s"
    return f", about {arm.seconds / 60:.0f} min"


def _takes(asked: ArmPlan | JudgePlan) -> str:
    """Requests, tokens and the most that they cost."""
    price = "price unknown" if asked.price_usd is None else f"at most ${asked.price_usd:.4f}"
    return (
        f"{asked.requests} requests, about {asked.prompt_tokens} prompt tokens, at most "
        f"{asked.answer_tokens_at_most} answer tokens, {price}"
    )


def render_calibration(rows: Sequence[CalibrationRow], alpha: float) -> str:
    """Realised error rates: READY where a gate is just not fulfilled, NOT_READY of equal arms."""
    if not rows:
        return "nothing to calibrate"
    width = max(len(row.truth) for row in rows)
    lines = [f"on data of this shape, {rows[0].draws} draws; READY must be rare (alpha {alpha:g}):"]
    lines += [
        f"  {row.truth:<{width}}  READY {row.ready:6.1%}  NOT_READY {row.not_ready:6.1%}"
        f"  INCONCLUSIVE {row.inconclusive:6.1%}"
        for row in rows
    ]
    return "\n".join(lines)
