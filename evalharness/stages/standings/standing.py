"""standing: the arms of every suite -> how they stand to each other, beside the verdict.

Reads: marks and summaries of all arms, the judged gates.  Gives: Standings; decides no verdict.
Depends on: joint, ranking, ladder, economy, verdict.
The first baseline is the reference of the ladder: every other arm, further baselines included, is
judged against it by the policy, so that "few-shot would have been enough" can be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalharness.errors import StoreError
from evalharness.results import GateRow, Invalid, RunSummary
from evalharness.spec.suite import PriceSpec, Suite
from evalharness.stages.deciding.joint import joint_claims
from evalharness.stages.deciding.verdict import judge
from evalharness.stages.pairing import pair
from evalharness.stages.standings.economy import COST, break_even
from evalharness.stages.standings.ladder import Climbed, by_arm, climb
from evalharness.stages.standings.ranking import MOST_ARMS, stand
from evalharness.standings import BreakEvenRow, Front, Ranking, Standings
from evalharness.store.marks import MarkTable
from evalharness.store.runs import RunFolder


@dataclass(frozen=True, slots=True)
class Placed:
    """One arm of one suite: its part, its marks, its run."""

    name: str
    role: Literal["candidate", "baseline", "arm"]
    table: MarkTable
    folder: RunFolder


@dataclass(frozen=True, slots=True)
class SuiteStanding:
    """One suite's part: rankings, front, every rung's gates and runs, and which are invalid."""

    rankings: tuple[Ranking, ...]
    front: Front | None
    gates: Mapping[str, Sequence[GateRow]]
    summaries: Mapping[str, RunSummary]
    roles: Mapping[str, Literal["candidate", "baseline", "arm"]]
    invalid: frozenset[str]
    reference: str
    break_evens: tuple[BreakEvenRow, ...] = ()


def stand_suite(
    suite: Suite,
    arms: Sequence[Placed],
    gates: Sequence[GateRow],
    invalid: Sequence[Invalid],
    *,
    seed: int,
) -> SuiteStanding:
    """One suite's arms beside each other; the first of them is the reference.

    gates, invalid: what the verdict found on this suite; further baselines are judged here.
    """
    reference, *others = arms
    found = {arm: list(rows) for arm, rows in by_arm(gates, reference.name).items()}
    broken = {reason.arm for reason in invalid}
    for arm in others if 2 <= len(others) < MOST_ARMS else ():
        if arm.name not in found and arm.role == "baseline":
            names = (reference.name, arm.name)
            rows, refused = judge(
                pair(reference.table, arm.table), suite=suite, names=names, seed=seed
            )
            found[arm.name] = rows
            broken |= {arm.name} if refused else set()
    comparable = all(not pair(reference.table, arm.table).changed for arm in others)
    ranked, front = stand(
        suite.name,
        {arm.name: arm.table for arm in arms} if comparable else {},
        suite.policy,
        alpha=suite.policy.alpha,
        seed=seed,
    )
    summaries = {arm.name: summary for arm in arms if (summary := _summary(arm)) is not None}
    return SuiteStanding(
        rankings=ranked,
        front=front,
        gates=found,
        summaries=summaries,
        roles={arm.name: arm.role for arm in others},
        invalid=frozenset(broken),
        reference=reference.name,
        break_evens=tuple(_break_evens(suite.name, arms, summaries)),
    )


def standings(
    parts: Sequence[SuiteStanding], gates: Sequence[GateRow], *, alpha: float
) -> Standings:
    """All suites together. alpha: of the joint claims and of the ladder."""
    shared = [arm for arm in parts[0].roles if all(arm in part.roles for part in parts)]
    rungs = [
        Climbed(
            arm=arm,
            role=parts[0].roles[arm],
            gates=[row for part in parts for row in part.gates.get(arm, ())],
            summaries=[part.summaries[arm] for part in parts if arm in part.summaries],
            valid=all(
                arm not in part.invalid and part.reference not in part.invalid for part in parts
            ),
        )
        for arm in shared
    ]
    return Standings(
        claims=joint_claims(gates, alpha),
        rankings=tuple(ranking for part in parts for ranking in part.rankings),
        fronts=tuple(part.front for part in parts if part.front is not None),
        break_evens=tuple(row for part in parts for row in part.break_evens),
        ladder=climb(parts[0].reference, rungs, alpha=alpha) if len(shared) < MOST_ARMS else None,
    )


def _break_evens(
    suite: str, arms: Sequence[Placed], summaries: Mapping[str, RunSummary]
) -> Iterator[BreakEvenRow]:
    """Every arm by the hour against every baseline by token; in a comparison, the first arm."""
    baselines = [arm for arm in arms if arm.role == "baseline"] or list(arms[:1])
    names = {arm.name for arm in baselines}
    for arm in arms:
        price = _price(arm) if arm.name not in names else None
        for baseline in baselines if price is not None else ():
            summary = summaries.get(baseline.name)
            cost = summary.metrics.get(COST) if summary is not None else None
            row = break_even(suite, (baseline.name, arm.name), cost, price)
            if row is not None:
                yield row


def _price(arm: Placed) -> PriceSpec | None:
    """What the run's model costs; None where its run.json cannot be read."""
    try:
        return arm.folder.manifest().price
    except StoreError:
        return None


def _summary(arm: Placed) -> RunSummary | None:
    """The run's summary; None where it cannot be read (the price is unknown then)."""
    try:
        return arm.folder.summary()
    except StoreError:
        return None
