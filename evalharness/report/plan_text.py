"""A plan and a calibration as text.

Reads: PlanFacts or CalibrationRows, by their fields.  Gives: text that stands alone.
Depends on: nothing; the records come from the stages.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.stages.planning.power import ArmPlan, CalibrationRow, JudgePlan, PlanFacts


def render_plan(facts: PlanFacts) -> str:
    """The plan, its answer first: how likely equal arms are to get READY, and what is missing."""
    lines = [
        (
            f"P(READY | equal arms) = {facts.ready_if_equal:.0%} with {facts.n} samples"
            f" of {facts.suite}; the policy asks for {facts.power:.0%}"
        ),
        f"P(READY | better by {facts.better_by:g}) = {facts.ready_if_better:.0%}",
        f"  basis    {facts.basis}",
        f"  binding  {facts.binding}",
    ]
    lines += [f"  passes   {gate.passes_if_equal:>5.0%}  {gate.gate}" for gate in facts.gates]
    if facts.n_needed is None:
        lines.append("  needed   no multiple of these samples reaches the power: widen a margin")
    elif facts.n_needed > facts.n:
        lines.append(f"  needed   about {facts.n_needed} samples ({facts.n_needed - facts.n} more)")
    else:
        lines.append("  needed   nothing more")
    lines += [f"  ask      {arm.arm}: {_takes(arm)}" for arm in facts.arms]
    if not facts.arms:
        lines.append("  ask      nothing: every answer is recorded")
    lines += [f"  judge    {one.judge}, by {one.by}: {_takes(one)}" for one in facts.judges]
    if facts.judges:
        total = "price unknown" if facts.price_usd is None else f"at most ${facts.price_usd:.4f}"
        lines.append(f"  in all   {total}; --max-cost counts answers and judgements together")
    return "\n".join(lines)


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
