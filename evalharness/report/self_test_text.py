"""A baseline against itself, as text: what a gate says where there is nothing to find.

Reads: SelfTests, by their fields.  Gives: text that stands alone.
Depends on: numbers, wording, clean.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.report.clean import one_line
from evalharness.report.numbers import Medium
from evalharness.report.wording import invalid_line, read_gate
from evalharness.stages.deciding.self_test import EqualGate, SelfTest


def render_self_tests(tests: Sequence[SelfTest]) -> str:
    """One block a baseline and suite: its answer first, then gate by gate."""
    return "\n".join(line for test in tests for line in _block(test))


def _block(test: SelfTest) -> list[str]:
    alarms = [gate for gate in test.gates if gate.alarm]
    lead = "A/A" if not alarms else "A/A ALARM"
    split = "one repeat" if test.same else f"{test.repeats} + {test.repeats} repeats"
    about = f"{one_line(test.suite)}: {one_line(test.baseline)} against itself"
    lines = [f"{lead}  {about}, {test.n:,} pairs ({split}): {test.state}"]
    lines += [f"  invalid: {invalid_line(reason)}" for reason in test.invalid]
    lines += [f"  {_line(gate)}" for gate in test.gates]
    return [*lines, f"  shows: {_shows(test, alarms)}"]


def _line(gate: EqualGate) -> str:
    reading = read_gate(gate.row, Medium.TERMINAL)
    shares = ""
    if gate.passes is not None and gate.fails is not None:
        shares = f"   over swaps: PASS {gate.passes:.1%}, FAIL {gate.fails:.1%}"
    mark = "   <- cannot be" if gate.alarm else ""
    return f"{reading.label}  {gate.row.test}  {reading.effect}  {gate.row.outcome}{shares}{mark}"


def _shows(test: SelfTest, alarms: Sequence[EqualGate]) -> str:
    alpha = f"{100 * test.alpha:g} %"
    if test.same:
        return (
            "nothing varies: one repeat cannot show what chance does; "
            "set generation.repeats to 2 or more and ask again"
        )
    told = (
        f"{len(alarms)} gates see a difference that cannot be; each does by chance in {alpha}"
        if alarms
        else "no gate sees a difference where there is none"
    )
    if test.ready is None or test.not_ready is None:
        return told
    better = [gate.passes for gate in test.gates if gate.row.test == "superiority" and gate.passes]
    worst = f"; superiority passes in {max(better):.1%} at most, allowed {alpha}" if better else ""
    return (
        f"{told}; over {test.draws} swaps equal arms are READY in {test.ready:.1%} and "
        f"NOT_READY in {test.not_ready:.1%}{worst}"
    )
