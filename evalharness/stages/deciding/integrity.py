"""Integrity: whether the evidence can be used at all.

Reads: a Pairing, the policy.  Gives: reasons of invalidity, each with a stable code.
Depends on: pairing.
"""

from __future__ import annotations

from evalharness.records import Execution
from evalharness.results import Invalid
from evalharness.spec.gates import RELATIVE_TESTS
from evalharness.spec.suite import GateSpec, Suite
from evalharness.stages.pairing import Pairing, paired_rows
from evalharness.store.journal import EvidenceEntry, read_entries
from evalharness.store.runs import RunFolder


def check_pairing(pairing: Pairing, *, suite: Suite, names: tuple[str, str]) -> list[Invalid]:
    """Reasons why two runs cannot be judged together: nothing shared, other content, gaps."""
    baseline, candidate = names

    def refuse(code: str, message: str, arm: str = "") -> Invalid:
        """A reason that names the suite."""
        return Invalid(code=code, message=message, suite=suite.name, arm=arm)

    if not len(pairing):
        return [refuse("no_pairs", f"{baseline} and {candidate} share no sample")]
    reasons: list[Invalid] = []
    if pairing.changed:
        reasons.append(
            refuse(
                "content",
                f"{pairing.changed} of {len(pairing)} samples have other content in {baseline} "
                f"than in {candidate}: they answered different questions",
            )
        )
    least = suite.policy.min_coverage
    for name, share in (
        (baseline, pairing.coverage("baseline")),
        (candidate, pairing.coverage("candidate")),
    ):
        if share < least:
            reasons.append(
                refuse(
                    "coverage",
                    f"{name} answered {share:.1%} of the samples, the policy asks for {least:.1%}",
                    name,
                )
            )
    return reasons


def check_gate_data(
    pairing: Pairing, gate: GateSpec, *, suite: Suite, names: tuple[str, str]
) -> Invalid | None:
    """Why a gate's metric cannot be compared; None if it can."""

    def refuse(code: str, message: str) -> Invalid:
        """A reason that names the suite and the second arm."""
        return Invalid(code=code, message=message, suite=suite.name, arm=names[1])

    left = pairing.baseline.metrics.get(gate.metric)
    right = pairing.candidate.metrics.get(gate.metric)
    if left is None or right is None:
        arm = names[0] if left is None else names[1]
        return refuse("metric", f"{arm} was not scored with {gate.metric}: score it again")
    if left.columns.signature != right.columns.signature and gate.test in RELATIVE_TESTS:
        return refuse(
            "signature",
            two_ways(gate.metric, (left.columns.signature, right.columns.signature), names),
        )
    if gate.slice is not None and gate.slice not in pairing.candidate.slices:
        known = ", ".join(pairing.candidate.slices) or "none"
        return refuse("slice", f"no sample is in the slice {gate.slice}; slices: {known}")
    if right.columns.sees == "outcomes" or not len(pairing):
        return None
    rows = paired_rows(pairing, gate.metric, slice_name=gate.slice, failures="against_candidate")
    share = 1.0 - rows.left_out / rows.wanted if rows.wanted else 0.0
    if share < suite.policy.min_coverage:
        reasons = {**left.reasons, **right.reasons}
        why = max(reasons, key=lambda reason: reasons[reason], default="no reason recorded")
        return refuse(
            "unscored",
            f"{gate.metric} could judge {share:.1%} of the pairs, the policy asks for "
            f"{suite.policy.min_coverage:.1%} ({why})",
        )
    return None


def two_ways(metric: str, signatures: tuple[str, str], names: tuple[str, str]) -> str:
    """Why a metric of two signatures cannot be compared: the parts that differ, whose they are.

    >>> two_ways("kind", ("judge|kind|by:m|asked:1a|v1", "judge|kind|by:m|asked:2b|v1"), ("a", "b"))
    "kind was judged in two ways: asked:1a for a, asked:2b for b; the judge's words, model or \
parameters have changed: judge both with one suite (bless a blessed baseline again)"
    """
    parts = [signature.split("|") for signature in signatures]
    judged = all(any(part.startswith("asked:") for part in each) for each in parts)
    if not judged:
        first, second = signatures
        return f"{metric} was computed in two ways: {first} for {names[0]}, {second} for {names[1]}"
    told = [
        f"{', '.join(part for part in one if part not in other) or 'plain'} for {name}"
        for one, other, name in zip(parts, reversed(parts), names, strict=True)
    ]
    return (
        f"{metric} was judged in two ways: {', '.join(told)}; the judge's words, model or "
        "parameters have changed: judge both with one suite (bless a blessed baseline again)"
    )


def same_sitting(pairing: Pairing, *, relative: bool) -> str | None:
    """Why times and prices of the arms are not comparable; None if they are.

    relative: the gate compares both arms; an absolute bar looks at the candidate alone.
    """
    tables = [pairing.candidate, *([pairing.baseline] if relative else [])]
    if not all(table.live_n.all() for table in tables):
        return "the answers were recorded or cached, not taken in this sitting (recorded: allowed)"
    sessions = {session for table in tables for session in table.sessions if session}
    if len(sessions) > 1:
        return "the arms were asked in different sittings (recorded: allowed)"
    return None


def sandbox_stamps(folder: RunFolder) -> tuple[str, ...]:
    """What a run's program executions forbid: no sandbox at all, or tests beside the program."""
    if not folder.evidence_path.exists():
        return ()
    stamps: dict[str, None] = {}
    for entry in read_entries(folder.evidence_path, EvidenceEntry):
        found = entry.evidence
        if isinstance(found, Execution):
            if found.backend == "unsafe":
                stamps["UNSAFE"] = None
            elif found.forgeable:
                stamps["FORGEABLE"] = None
    return tuple(stamps)
