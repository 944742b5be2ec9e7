"""How several arms stand to each other: joint claims, rankings with ties, fronts, the ladder.

Reads: nothing.  Gives: the records that a comparison of more than two arms adds to its facts.
Depends on: records.  Knows nothing of how they came about or how they are shown.
"""

from __future__ import annotations

from typing import Literal

from evalharness.records import GateOutcome, GateTest, Record


class ClaimPart(Record, frozen=True, kw_only=True):
    """One side of a joint claim: what the policy asks, and the bound that was reached.

    threshold and bound are in the gate's own units: a difference, or candidate / baseline.
    bound: the one-sided bound on the side that the policy asks about; None where undetermined.
    """

    metric: str
    test: GateTest
    threshold: float
    bound: float | None
    outcome: GateOutcome
    scale: str = "plain"
    direction: Literal["higher", "lower"] = "higher"
    slice: str | None = None


class JointClaim(Record, frozen=True, kw_only=True):
    """Quality no worse AND so much cheaper, as one test: every part at alpha, together at alpha.

    p_value: the largest of the parts' (an intersection-union test); None where one is unknown.
    """

    suite: str
    baseline: str
    candidate_arm: str
    alpha: float
    outcome: GateOutcome
    p_value: float | None
    parts: tuple[ClaimPart, ...]


class PairRow(Record, frozen=True, kw_only=True):
    """Two arms on one metric: first - second (first / second where `ratio`).

    lower, upper: hold for all pairs of the ranking at once (Bonferroni).  p_value: two-sided,
    after Holm over the pairs.
    """

    first: str
    second: str
    difference: float
    lower: float
    upper: float
    p_value: float


class RankedArm(Record, frozen=True, kw_only=True):
    """One arm's place: between best_rank and worst_rank, whatever the noise.

    letters: arms that share one cannot be told apart.
    """

    arm: str
    value: float | None
    best_rank: int
    worst_rank: int
    letters: str


class Ranking(Record, frozen=True, kw_only=True):
    """The arms of a suite on one metric, best first, with ties where nothing tells them apart.

    alpha: chance that any two arms are told apart wrongly.  ratio: pairs are quotients.
    """

    suite: str
    metric: str
    scale: str
    direction: Literal["higher", "lower"]
    alpha: float
    n: int
    ratio: bool
    arms: tuple[RankedArm, ...]
    pairs: tuple[PairRow, ...]


class FrontArm(Record, frozen=True, kw_only=True):
    """An arm and those that are shown to beat it: no worse on every axis, better on one."""

    arm: str
    dominated_by: tuple[str, ...] = ()


class Front(Record, frozen=True, kw_only=True):
    """Quality against cost and waiting; who is dominated only where the intervals say so.

    axes: metrics.  margins: what counts as no worse, by axis (0 for a difference and 1 for a
    ratio where the policy names none).  alpha: chance that any arm is called dominated wrongly.
    """

    suite: str
    axes: tuple[str, ...]
    margins: tuple[float, ...]
    alpha: float
    arms: tuple[FrontArm, ...]


class Rung(Record, frozen=True, kw_only=True):
    """One arm on the ladder, judged by the policy against the reference.

    outcome: PASS after Holm over the rungs, FAIL as the verdict's rule has it.
    p_value: of "some gate is not kept", after Holm over the rungs.
    price_usd: mean cost of an answer, summed over the suites; None where unknown.
    """

    arm: str
    role: Literal["candidate", "baseline", "arm"]
    outcome: GateOutcome
    p_value: float | None
    price_usd: float | None


class Ladder(Record, frozen=True, kw_only=True):
    """Which rung is the cheapest that passes the policy; the cheapest first, unknown prices last.

    answer: that rung; None where none passes, or where several do and a price of theirs is unknown.
    """

    reference: str
    alpha: float
    rungs: tuple[Rung, ...]
    answer: str | None


class BreakEvenRow(Record, frozen=True, kw_only=True):
    """From how many requests an hour a machine by the hour is cheaper than a baseline by token.

    usd_per_hour: of the candidate's machine.  usd_per_request: the baseline's mean cost.
    lower_per_hour, upper_per_hour: where the bounds of that mean put it; None where it has none,
    the upper one where a request may cost nothing.  level: of both together.
    """

    suite: str
    baseline: str
    candidate_arm: str
    usd_per_hour: float
    usd_per_request: float
    requests_per_hour: float
    lower_per_hour: float | None
    upper_per_hour: float | None
    level: float | None


class Standings(Record, frozen=True, kw_only=True):
    """All of them; empty where two arms alone were compared and the policy makes no joint claim."""

    claims: tuple[JointClaim, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    fronts: tuple[Front, ...] = ()
    ladder: Ladder | None = None
    break_evens: tuple[BreakEvenRow, ...] = ()
