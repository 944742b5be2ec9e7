"""joint: judged gates -> claims that hold together, "no worse AND an eighth of the cost".

Reads: GateRows of one pair.  Gives: JointClaims.
Depends on: results, standings.
Both parts must be shown at alpha; then the whole is shown at alpha without correction, since it is
false as soon as one part is: an intersection-union test.
Source: Berger (1982), "Multiparameter hypothesis testing and acceptance sampling".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evalharness.records import GateOutcome
from evalharness.results import GateRow
from evalharness.standings import ClaimPart, JointClaim

QUALITY_TESTS: Final = frozenset({"non_inferiority", "superiority", "equivalence"})
PRICE_SCALES: Final = frozenset({"usd", "tokens", "seconds"})


def joint_claims(gates: Sequence[GateRow], alpha: float) -> tuple[JointClaim, ...]:
    """One claim a pair: its primary quality gates and its ratios of cost, tokens or seconds.

    Pairs whose policy asks only one of both make no joint claim; diagnostics take no part.
    """
    pairs = dict.fromkeys((row.suite, row.baseline, row.candidate_arm) for row in gates)
    found = []
    for pair in pairs:
        rows = [
            row
            for row in gates
            if (row.suite, row.baseline, row.candidate_arm) == pair and row.role != "diagnostic"
        ]
        quality = [row for row in rows if row.role == "primary" and row.test in QUALITY_TESTS]
        price = [row for row in rows if row.test == "max_ratio" and row.scale in PRICE_SCALES]
        if quality and price:
            found.append(_claim(pair, [*quality, *price], alpha))
    return tuple(found)


def _claim(pair: tuple[str, str, str], rows: Sequence[GateRow], alpha: float) -> JointClaim:
    known = [row.p_value for row in rows if row.p_value is not None]
    return JointClaim(
        suite=pair[0],
        baseline=pair[1],
        candidate_arm=pair[2],
        alpha=alpha,
        outcome=_together([row.outcome for row in rows]),
        p_value=max(known) if len(known) == len(rows) else None,
        parts=tuple(_part(row) for row in rows),
    )


def _together(outcomes: Sequence[GateOutcome]) -> GateOutcome:
    """The conjunction: shown if every part is, refuted if one is."""
    if "FAIL" in outcomes:
        return "FAIL"
    return "PASS" if set(outcomes) == {"PASS"} else "INCONCLUSIVE"


def _part(row: GateRow) -> ClaimPart:
    asks_below = row.test == "max_ratio" or (row.direction == "lower" and row.test != "equivalence")
    bound = row.upper if asks_below else row.lower
    if row.test == "equivalence" and row.lower is not None and row.upper is not None:
        bound = max(row.lower, row.upper, key=abs)
    return ClaimPart(
        metric=row.metric,
        test=row.test,
        threshold=row.threshold,
        bound=bound,
        outcome=row.outcome,
        scale=row.scale,
        direction=row.direction,
        slice=row.slice,
    )
