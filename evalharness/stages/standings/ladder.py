"""ladder: which rung is the cheapest that passes the policy against the reference?

Reads: the gates of every arm against the first baseline, by suite.  Gives: a Ladder.
Depends on: verdict's Holm rule, stats.multiplicity.
The rungs are all arms but the reference (prompt, examples, passages, tuned ...).  An arm passes if
every deciding gate of every suite is kept: an intersection-union test.  Naming the cheapest of
several that pass is a choice among tests, so their p-values take Holm's correction over the rungs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalharness.records import Estimate, GateOutcome
from evalharness.results import GateRow, RunSummary
from evalharness.stages.deciding.verdict import surviving_failures
from evalharness.standings import Ladder, Rung
from evalharness.stats.multiplicity import holm


@dataclass(frozen=True, slots=True)
class Climbed:
    """One arm against the reference: its gates over all suites, and its runs.

    valid: whether the evidence could be used at all.
    """

    arm: str
    role: Literal["candidate", "baseline", "arm"]
    gates: Sequence[GateRow]
    summaries: Sequence[RunSummary]
    valid: bool


def climb(reference: str, arms: Sequence[Climbed], *, alpha: float) -> Ladder | None:
    """The ladder of these arms; None below two rungs, where the verdict says it all."""
    if len(arms) < 2:
        return None
    adjusted = holm([_p_kept(arm, alpha) for arm in arms])
    rungs = [
        Rung(
            arm=arm.arm,
            role=arm.role,
            outcome=_outcome(arm, p, alpha),
            p_value=p,
            price_usd=_price(arm.summaries),
        )
        for arm, p in zip(arms, adjusted, strict=True)
    ]
    rungs.sort(key=lambda rung: math.inf if rung.price_usd is None else rung.price_usd)
    passing = [rung for rung in rungs if rung.outcome == "PASS"]
    known = len(passing) == 1 or all(rung.price_usd is not None for rung in passing)
    return Ladder(
        reference=reference,
        alpha=alpha,
        rungs=tuple(rungs),
        answer=passing[0].arm if passing and known else None,
    )


def _deciding(arm: Climbed) -> list[GateRow]:
    return [row for row in arm.gates if row.role != "diagnostic"]


def _p_kept(arm: Climbed, alpha: float) -> float:
    """P of "some gate is not kept"; each gate is held against its own alpha's share."""
    rows = _deciding(arm)
    if not arm.valid or not rows or any(row.outcome != "PASS" for row in rows):
        return 1.0
    return max(min(1.0, (row.p_value or 0.0) * alpha / row.alpha) for row in rows)


def _outcome(arm: Climbed, p_value: float, alpha: float) -> GateOutcome:
    if p_value < alpha:
        return "PASS"
    return "FAIL" if arm.valid and surviving_failures(_deciding(arm), alpha) else "INCONCLUSIVE"


def _price(summaries: Sequence[RunSummary]) -> float | None:
    """Mean cost of an answer, summed over the suites; None where one does not know it."""
    total = 0.0
    for summary in summaries:
        metric = summary.metrics.get("cost_usd")
        if metric is None or not isinstance(metric.estimate, Estimate):
            return None
        total += metric.estimate.value
    return total if summaries else None


def by_arm(rows: Sequence[GateRow], reference: str) -> Mapping[str, list[GateRow]]:
    """The gates against the reference, by the arm that was judged."""
    found: dict[str, list[GateRow]] = {}
    for row in rows:
        if row.baseline == reference:
            found.setdefault(row.candidate_arm, []).append(row)
    return found
