"""Why the verdict is what it is, in sentences that need no statistics to read.

Reads: the verdict and its gates.  Gives: sentences, the decisive one first, in one medium.
Depends on: wording, clean.  Decides nothing: it tells the bound that decided a gate, and what the
policy allows.  Where the gates do not explain a verdict (invalid evidence, a stamp), the verdict's
own reasons are given.
"""

from __future__ import annotations

from typing import Final

from evalharness.report.clean import one_line
from evalharness.report.numbers import Medium
from evalharness.report.wording import BARS, RATIOS, more_is_better, read_gate, reads_upwards
from evalharness.results import Facts, GateRow

MOST: Final = 4
"""Reasons that are told one by one; the table of gates holds them all."""


def why(facts: Facts, medium: Medium) -> tuple[str, ...]:
    """The reasons of a verdict, one sentence each; none where nothing was judged.

    What the list of invalid evidence says already is not said twice.
    """
    verdict = facts.verdict
    if verdict is None:
        return ()
    missed = [row for row in facts.gates if row.role != "diagnostic" and row.outcome != "PASS"]
    if verdict.state == "NOT_READY":
        failed = [row for row in missed if row.outcome == "FAIL"]
        surest = sorted(failed, key=lambda row: 1.0 if row.p_fail is None else row.p_fail)
        told = _first([_whose(row, facts) + failure(row, medium) for row in surest])
    elif verdict.state == "INCONCLUSIVE" and not verdict.stamps:
        told = _first([_whose(row, facts) + _open(row, medium) for row in missed])
    else:
        told = ()
    said = {one_line(invalid.message) for invalid in facts.invalid}
    given = (one_line(reason) for reason in verdict.why)
    return told or tuple(reason for reason in given if reason not in said)


def _whose(row: GateRow, facts: Facts) -> str:
    """The suite and the candidate that a reason is about, where there are several."""
    suites = {gate.suite for gate in facts.gates}
    candidates = {gate.candidate_arm for gate in facts.gates}
    about = [row.suite] if len(suites) > 1 else []
    about += [row.candidate_arm] if len(candidates) > 1 else []
    return f"{one_line(', '.join(about))}: " if about else ""


def _first(reasons: list[str]) -> tuple[str, ...]:
    if len(reasons) <= MOST + 1:
        return tuple(reasons)
    return (*reasons[:MOST], f"and {len(reasons) - MOST} more gates")


def failure(row: GateRow, medium: Medium) -> str:
    """By how much a failed gate misses at least, and what the policy asks."""
    reading = read_gate(row, medium)
    subject = f"{reading.label}{against(row)}"
    if not reading.better or row.lower is None or row.upper is None:
        return f"{subject} fails: {reading.requirement}"
    if row.test in RATIOS | BARS:
        side = "at most" if reads_upwards(row) else "at least"
        word = reading.point.partition("x ")[2]
        best = f"{reading.better} {word}".strip()
        return f"{subject} is {side} {best}; the policy asks for {reading.requirement}"
    if row.test == "equivalence":
        return f"{subject} differs by {reading.effect}; it {reading.requirement}"
    word, size = _way(row, row.upper if more_is_better(row) else row.lower, reading.better)
    limit = "at most" if word == "better" else "at least"
    return f"{subject} is {word} by {limit} {size}; it {reading.requirement}"


def _open(row: GateRow, medium: Medium) -> str:
    if row.outcome == "FAIL":
        return f"{failure(row, medium)}; among so many gates that alone is no proof"
    return undecided(row, medium)


def undecided(row: GateRow, medium: Medium) -> str:
    """How bad an undecided gate may still be, and what would decide it."""
    reading = read_gate(row, medium)
    subject = f"{reading.label}{against(row)} is undecided"
    if row.lower is None or row.upper is None or not reading.worse:
        told = subject
    elif row.test in RATIOS | BARS:
        told = (
            f"{subject}: it may be {reading.worse}, and the policy asks for {reading.requirement}"
        )
    elif row.test == "equivalence":
        told = f"{subject}: it may differ by {reading.interval}, and {reading.requirement}"
    else:
        word, size = _way(row, row.lower if more_is_better(row) else row.upper, reading.worse)
        limit = "as little as" if word == "better" else "as much as"
        told = f"{subject}: it may be {word} by {limit} {size}, and {reading.requirement}"
    return f"{told}; {reading.note}" if reading.note else told


def _way(row: GateRow, bound: float, told: str) -> tuple[str, str]:
    """(better, lower or higher; how much) of a difference, as people say it."""
    size = told.replace("+", "").replace("-", "")
    if bound == 0 or (bound > 0) == more_is_better(row):
        return "better", size
    return ("lower" if more_is_better(row) else "higher"), size


def against(row: GateRow) -> str:
    """The baseline as a phrase; nothing for an absolute bar, which knows none."""
    return f" against {one_line(row.baseline)}" if row.baseline and row.test not in BARS else ""
