"""self_test: a baseline against itself by the policy, to see that READY is not for the asking.

Reads: one run of the baseline; its repeats are split into two arms.  Gives: `SelfTest`s.
Depends on: blessed (which executes), verdict, planning (for the error rates of equal arms).
Both arms are the same model, so a superiority gate that passes is a false alarm, and so is a gate
that fails.  One split says little; the shares over many random swaps of the two arms, sample by
sample, are held against alpha.  A model that can be asked is asked twice at least; a recording of
one repeat is held against itself, where nothing varies.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from evalharness.records import Record, VerdictState
from evalharness.results import GateRow, Invalid
from evalharness.spec.suite import Suite
from evalharness.stages.arms import Arm
from evalharness.stages.blessed import execute_with_blessed, resolve_baseline
from evalharness.stages.deciding.simulate import describe, shape_of, simulate
from evalharness.stages.deciding.verdict import judge, verdict
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.pairing import pair
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MarkHeader, MarkLine, iterate_marks, read_marks

DRAWS = 400
"""Swaps of the arms: a share of 0.05 is known to 1.1 points."""


class EqualGate(Record, frozen=True, kw_only=True):
    """One gate on two arms that are the same: on the split itself, and its shares over swaps."""

    row: GateRow
    passes: float | None
    fails: float | None

    @property
    def alarm(self) -> bool:
        """Whether the split itself shows a difference that cannot be."""
        return self.row.outcome == "FAIL" or (
            self.row.test == "superiority" and self.row.outcome == "PASS"
        )


class SelfTest(Record, frozen=True, kw_only=True):
    """A baseline against itself on one suite.

    repeats: in each arm.  same: both arms are the very same answers (one repeat only).
    ready, not_ready: shares of the verdicts over `draws` swaps.
    """

    suite: str
    baseline: str
    n: int
    repeats: int
    same: bool
    state: VerdictState
    alpha: float
    gates: tuple[EqualGate, ...]
    invalid: tuple[Invalid, ...]
    ready: float | None
    not_ready: float | None
    draws: int


def self_tests(
    suites: tuple[Suite, ...],
    references: tuple[str, ...],
    options: RunOptions,
    report: Report,
) -> list[SelfTest]:
    """Every baseline against itself on every suite. Raises as `execute`."""
    return [
        _self_test(suite, reference, options, report)
        for suite in suites
        for reference in references
    ]


def _self_test(suite: Suite, reference: str, options: RunOptions, report: Report) -> SelfTest:
    arm = _twice(suite, resolve_baseline(reference, suite=suite.name, out=options.out))
    (folder,) = execute_with_blessed(_asking(suite, arm), [arm], options, report)
    seed = options.seed if options.seed is not None else (suite.generation.seed or 0)
    names = (arm.name, f"{arm.name} again")
    with tempfile.TemporaryDirectory() as apart:
        halves, repeats = split_marks(folder.marks_path, Path(apart))
        pairing = pair(*(read_marks(path) for path in halves))
    rows, invalid = judge(pairing, suite=suite, names=names, seed=seed)
    passes: dict[str, tuple[float, float]] = {}
    ready = not_ready = None
    if rows and not invalid and repeats:
        import numpy as np

        shape = shape_of(pairing, suite.policy)
        rng = np.random.default_rng(derive_seed(seed, "a-a", suite.name, arm.name))
        found = simulate(shape, {}, draws=DRAWS, rng=rng)
        ready, not_ready = found.ready, found.states.get("NOT_READY", 0.0)
        shares = zip(found.passes, found.fails, strict=True)
        passes = {describe(one): share for one, share in zip(shape.gates, shares, strict=True)}
    return SelfTest(
        suite=suite.name,
        baseline=arm.name,
        n=max((row.n for row in rows), default=len(pairing)),
        repeats=max(1, repeats),
        same=not repeats,
        state=verdict(rows, invalid, alpha=suite.policy.alpha, n_paired=len(pairing)).state,
        alpha=suite.policy.alpha,
        gates=tuple(_equal(row, passes) for row in rows),
        invalid=tuple(invalid),
        ready=ready,
        not_ready=not_ready,
        draws=DRAWS if passes else 0,
    )


def _equal(row: GateRow, passes: dict[str, tuple[float, float]]) -> EqualGate:
    """The gate with its shares; diagnostics are not simulated."""
    within = f" in {row.slice}" if row.slice else ""
    told = f"{row.metric}{within} {row.test} "
    share = next((found for name, found in passes.items() if name.startswith(told)), None)
    deciding = share is not None and row.role != "diagnostic"
    return EqualGate(
        row=row,
        passes=share[0] if share and deciding else None,
        fails=share[1] if share and deciding else None,
    )


def _twice(suite: Suite, arm: Arm) -> Arm:
    """The arm with at least two repeats, where it can still be asked."""
    if arm.run is not None or arm.recorded:
        return arm
    own = arm.generation or suite.generation
    more = msgspec.structs.replace(own, repeats=max(2, own.repeats))
    return replace(arm, generation=more)


def _asking(suite: Suite, arm: Arm) -> Suite:
    """The suite with the arm's repeats, so that every one of them is scored."""
    return msgspec.structs.replace(suite, generation=arm.generation or suite.generation)


def split_marks(path: Path, folder: Path) -> tuple[tuple[Path, Path], int]:
    """The first half of the repeats and the second, as two files of marks; repeats in each.

    0 repeats where there is only one: both files are the whole.  The last of an odd number is left
    out, and so are metrics whose row belongs to all repeats of a sample together.
    """
    half = (1 + max((line.repeat for line in _lines(path)), default=0)) // 2
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    encoder = msgspec.json.Encoder()
    header = next(iterate_marks(path))
    grouped = {
        metric.label
        for metric in (header.metrics if isinstance(header, MarkHeader) else ())
        if half and metric.sees == "groups"
    }
    with first.open("wb") as one, second.open("wb") as two:
        for file in (one, two):
            file.write(encoder.encode(header) + b"\n")
        for line in _lines(path):
            own = {label: row for label, row in line.rows.items() if label not in grouped}
            kept = msgspec.structs.replace(line, rows=own)
            if not half or line.repeat < half:
                one.write(encoder.encode(kept) + b"\n")
            if not half or half <= line.repeat < 2 * half:
                again = msgspec.structs.replace(kept, repeat=line.repeat - half)
                two.write(encoder.encode(again) + b"\n")
    return (first, second), half


def _lines(path: Path) -> Iterator[MarkLine]:
    return (line for line in iterate_marks(path) if isinstance(line, MarkLine))
