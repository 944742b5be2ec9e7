"""spending: how much alpha this judgement may use, so that re-running until READY does not work.

Reads: the suite's ledger.  Gives: `Allowance`; after the verdict, writes the judgement down.
Depends on: store.ledger, stats.sequential.
The policy declares slots: `candidates` models may be tried, each at up to `looks` looks.  alpha is
shared equally over candidates (Bonferroni) and over one candidate's looks by O'Brien-Fleming or
Pocock spending.  The same evidence judged again is free.
Sources: Lan & DeMets (1983); O'Brien & Fleming (1979); Pocock (1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalharness.results import Invalid
from evalharness.spec.read import digest
from evalharness.spec.suite import LooksSpec, Suite
from evalharness.stats.sequential import lan_demets
from evalharness.store.keys import sha256_of
from evalharness.store.ledger import LedgerEntry, append_entry, read_ledger
from evalharness.store.marks import MarkTable
from evalharness.store.runs import Manifest

UNACCOUNTED = "SINGLE LOOK, UNACCOUNTED"
"""The stamp of a verdict whose policy declares no slots."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is judged: the candidate and the marks of both arms."""

    candidate: str
    name: str
    marks: str
    data: str
    n: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one judgement may spend, and where it stands in the ledger.

    known: this very evidence was judged before; nothing is written.
    refused: why nothing is left to spend, None otherwise.
    """

    alpha: float
    slot: int
    look: int
    known: bool
    refused: Invalid | None = None


def ledger_path(suite: Suite) -> Path:
    """Where a suite's ledger lies: below the working folder, to be committed with the project."""
    return Path("ledger") / f"{suite.name}.jsonl"


def evidence_of(suite: Suite, manifest: Manifest, tables: Sequence[MarkTable]) -> Evidence:
    """What is judged, by content. tables: of every baseline, then the candidate's."""
    return Evidence(
        candidate=sha256_of((manifest.fingerprints["client"], manifest.fingerprints["prompt"])),
        name=manifest.arm,
        marks=marks_hash(tables) if suite.policy.ledger is not None else "",
        data=manifest.fingerprints["data"],
        n=len(tables[-1]),
    )


def marks_hash(tables: Sequence[MarkTable]) -> str:
    """sha256 of every unit's rows in every table, whatever their order."""
    return sha256_of(
        [sorted(zip(table.unit_n.tolist(), _row_hashes(table), strict=True)) for table in tables]
    )


def _row_hashes(table: MarkTable) -> list[str]:
    """One text a unit that changes with any of its rows."""
    columns = [metric.rows_nk for _, metric in sorted(table.metrics.items())]
    return [
        "|".join(",".join(map(repr, column[number].tolist())) for column in columns)
        for number in range(len(table))
    ]


def allowance(suite: Suite, evidence: Evidence, entries: list[LedgerEntry]) -> Allowance:
    """What this judgement may spend under the suite's slots; all of alpha where it has none."""
    slots = suite.policy.ledger
    if slots is None:
        return Allowance(suite.policy.alpha, 0, 0, known=True)
    policy = digest(suite.policy)
    mine = [entry for entry in entries if entry.suite == suite.name]
    for entry in mine:
        if entry.evidence != evidence.marks or entry.data != evidence.data:
            continue
        if entry.policy == policy:
            return Allowance(entry.alpha, entry.slot, entry.look, known=True)
        edited = f"the policy of {suite.name} was edited after {evidence.name} was judged by it"
        return _refused(suite, evidence, "policy", edited)
    candidates = list(dict.fromkeys(entry.candidate for entry in mine))
    looks = [entry for entry in mine if entry.candidate == evidence.candidate]
    slot = 1 + (candidates.index(evidence.candidate) if looks else len(candidates))
    look = len(looks) + 1
    if slot > slots.candidates:
        spent = (
            f"all {slots.candidates} candidate slots of {suite.name} are spent: collect fresh "
            "held-out samples, or declare more slots for the next set"
        )
        return _refused(suite, evidence, "ledger", spent)
    if look > slots.looks:
        seen = f"{evidence.name} has had its {slots.looks} looks at {suite.name}"
        return _refused(suite, evidence, "ledger", seen)
    return Allowance(look_alpha(slots, suite.policy.alpha, look), slot, look, known=False)


def look_alpha(slots: LooksSpec, alpha: float, look: int) -> float:
    """The one-sided level of one look.

    >>> look_alpha(LooksSpec(candidates=5), 0.05, 1)
    0.01
    """
    share = alpha / slots.candidates
    if slots.looks == 1:
        return share
    planned = [(number + 1) / slots.looks for number in range(slots.looks)]
    return lan_demets(planned, alpha=share, spending=slots.spending)[look - 1].nominal_alpha


def _refused(suite: Suite, evidence: Evidence, code: str, message: str) -> Allowance:
    reason = Invalid(code=code, message=message, suite=suite.name, arm=evidence.name)
    return Allowance(suite.policy.alpha, 0, 0, known=True, refused=reason)


def write_down(
    suite: Suite, evidence: Evidence, allowed: Allowance, verdict: str, *, now: float
) -> None:
    """Add a judgement to the suite's ledger, unless it stands there already."""
    if allowed.known or suite.policy.ledger is None:
        return
    append_entry(
        ledger_path(suite),
        LedgerEntry(
            suite=suite.name,
            candidate=evidence.candidate,
            name=evidence.name,
            evidence=evidence.marks,
            data=evidence.data,
            policy=digest(suite.policy),
            n=evidence.n,
            slot=allowed.slot,
            look=allowed.look,
            alpha=allowed.alpha,
            verdict=verdict,
            at=datetime.fromtimestamp(now, tz=UTC).isoformat(timespec="seconds"),
        ),
    )


def entries_of(suite: Suite) -> list[LedgerEntry]:
    """The suite's ledger; empty where the policy declares no slots."""
    return read_ledger(ledger_path(suite)) if suite.policy.ledger is not None else []
