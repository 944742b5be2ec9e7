"""How the arms stand to each other, in sentences: claims, ladder, break-even, ties, dominance.

Reads: the Standings of facts.  Gives: (name, sentence) pairs in one medium.
Depends on: numbers, clean.  Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from evalharness.records import GateOutcome
from evalharness.report import numbers
from evalharness.report.clean import one_line
from evalharness.report.numbers import Medium
from evalharness.results import Facts
from evalharness.standings import (
    BreakEvenRow,
    ClaimPart,
    Front,
    JointClaim,
    Ladder,
    RankedArm,
    Ranking,
)

SHOWN: Final[Mapping[GateOutcome, str]] = {
    "PASS": "shown together",
    "FAIL": "refuted",
    "INCONCLUSIVE": "not shown",
}


def standing_lines(facts: Facts, medium: Medium) -> list[tuple[str, str]]:
    """What a reader should know beside the gates, the claims first; empty for two plain arms."""
    found = facts.standings
    rungs = {arm.name: arm.rung for arm in facts.arms if arm.rung}
    lines = [("claim", claim_words(claim, medium)) for claim in found.claims]
    if found.ladder is not None and facts.gates:
        lines.append(("ladder", ladder_words(found.ladder, rungs)))
    lines += [("break-even", break_even_words(row)) for row in found.break_evens]
    several = len({ranking.suite for ranking in found.rankings}) > 1
    lines += [
        ("ranking", f"{_of(one.suite, several)}{ranking_words(one, medium)}")
        for one in found.rankings
    ]
    return lines + [
        ("front", f"{_of(one.suite, several)}{front_words(one)}") for one in found.fronts
    ]


def _of(suite: str, several: object) -> str:
    return f"{one_line(suite)}: " if several else ""


def claim_words(claim: JointClaim, medium: Medium) -> str:
    """One sentence: what is claimed, the bounds that were reached, and whether both are shown."""
    asked = " AND ".join(_part(part, medium) for part in claim.parts)
    level = numbers.exact(round(100 * (1 - claim.alpha), 4))
    return (
        f"{one_line(claim.candidate_arm)} against {one_line(claim.baseline)}: {asked}: "
        f"{SHOWN[claim.outcome]} (one-sided {level} % bounds, intersection-union)"
    )


def _part(part: ClaimPart, medium: Medium) -> str:
    name = one_line(part.metric) + (f" [{one_line(part.slice)}]" if part.slice else "")
    if part.test == "max_ratio":
        bound = numbers.UNDETERMINED if part.bound is None else numbers.times(part.bound)
        return f"{name} at most {numbers.exact(part.threshold)}x (bound {bound})"
    size = numbers.change(abs(part.threshold), part.scale, medium).replace("+", "", 1)
    bound = numbers.change(part.bound, part.scale, medium)
    if part.test == "equivalence":
        return f"{name} equal within {size} (bound {bound})"
    if part.test == "superiority":
        more = f" by more than {size}" if part.threshold else ""
        return f"{name} better{more} (bound {bound})"
    return f"{name} not worse than by {size} (bound {bound})"


def ladder_words(ladder: Ladder, rungs: Mapping[str, str]) -> str:
    """The cheapest rung that passes, and every rung's outcome."""
    told = "; ".join(
        f"{_named(rung.arm, rungs)} {rung.outcome}"
        + ("" if rung.price_usd is None else f" at {_price(rung.price_usd)}")
        for rung in ladder.rungs
    )
    against = f"against {one_line(ladder.reference)}"
    passing = [rung.arm for rung in ladder.rungs if rung.outcome == "PASS"]
    if ladder.answer is not None:
        word = "the only rung" if len(passing) == 1 else "the cheapest rung"
        lead = f"{_named(ladder.answer, rungs)} is {word} that passes {against}"
    elif passing:
        unpriced = "not all their prices are known, so none is cheapest"
        lead = f"{_listed(passing)} pass {against}; {unpriced}"
    else:
        lead = f"no rung is shown to pass {against}"
    return f"{lead} ({told}; Holm over {len(ladder.rungs)} rungs)"


def break_even_words(row: BreakEvenRow) -> str:
    """From how many requests an hour the machine pays, with what the baseline costs."""
    between = ""
    if row.lower_per_hour is not None:
        upper = "no bound" if row.upper_per_hour is None else f"{row.upper_per_hour:,.0f}"
        between = f" [{row.lower_per_hour:,.0f}, {upper}]"
    machine = f"{one_line(row.candidate_arm)} at ${numbers.exact(row.usd_per_hour)} an hour"
    return (
        f"{machine} is cheaper than {one_line(row.baseline)} at {_price(row.usd_per_request)} from "
        f"{row.requests_per_hour:,.0f}{between} requests an hour on"
    )


def _price(usd: float) -> str:
    return f"{numbers.value(usd, 'usd', Medium.PAGE)}/1k"


def _named(arm: str, rungs: Mapping[str, str]) -> str:
    return f"{one_line(arm)} [{one_line(rungs[arm])}]" if arm in rungs else one_line(arm)


def ranking_words(ranking: Ranking, medium: Medium) -> str:
    """The arms best first; who cannot be told apart is said so."""
    groups = _groups(ranking.arms)
    name = numbers.unit_label(one_line(ranking.metric), ranking.scale)
    if groups is None:
        told = ", ".join(f"{_valued(arm, ranking, medium)} ({arm.letters})" for arm in ranking.arms)
        return f"{name}: {told}; arms that share a letter cannot be told apart"
    parts = []
    for members in groups:
        told = _listed([_valued(arm, ranking, medium) for arm in members], plain=True)
        parts.append(told if len(members) == 1 else f"{told} (cannot be told apart)")
    return f"{name}: {', then '.join(parts)}"


def _groups(arms: Sequence[RankedArm]) -> list[list[RankedArm]] | None:
    """Runs of arms with the same letters; None where groups overlap."""
    if any(len(set(arm.letters)) != 1 for arm in arms):
        return None
    groups: dict[str, list[RankedArm]] = {}
    for arm in arms:
        groups.setdefault(arm.letters, []).append(arm)
    return list(groups.values())


def _valued(arm: RankedArm, ranking: Ranking, medium: Medium) -> str:
    return f"{one_line(arm.arm)} {numbers.value(arm.value, ranking.scale, medium)}"


def front_words(front: Front) -> str:
    """Who is beaten on every axis, by whom; and who is not shown to be."""
    beaten = [
        f"{one_line(arm.arm)} by {_listed(arm.dominated_by)}"
        for arm in front.arms
        if arm.dominated_by
    ]
    open_ = [arm.arm for arm in front.arms if not arm.dominated_by]
    axes = _listed(front.axes)
    if not beaten:
        return f"on {axes} no arm is shown to be dominated"
    return f"on {axes}, dominated: {'; '.join(beaten)}; not shown to be: {_listed(open_)}"


def _listed(names: Iterable[str], *, plain: object = None) -> str:
    told = list(names) if plain else [one_line(name) for name in names]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
