"""The terminal's report: the answer, the evidence, where to look."""

from __future__ import annotations

import re

import handmade_facts as made
import msgspec
import pytest

from evalharness.report import clean
from evalharness.report.terminal import Style, render, render_gate

STATES = ["ready", "not_ready", "inconclusive", "invalid"]


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_the_terminal_report_is_the_golden_one(kind, golden):
    golden(
        f"terminal/{kind}.txt",
        render(made.EVERY[kind](), see=f"runs/gates/{kind}/report.html") + "\n",
    )


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_narrow_terminal_folds_rows(width, golden):
    told = render(made.inconclusive(), width=width)
    golden(f"terminal/inconclusive-{width}.txt", told + "\n")
    assert max(clean.width(line) for line in told.splitlines()) <= width


@pytest.mark.parametrize("state", STATES)
def test_the_first_word_is_the_verdict(state):
    facts = made.EVERY[state]()
    assert render(facts).split()[0] == facts.verdict.state


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_colour_is_decoration_only(kind):
    facts = made.EVERY[kind]()
    coloured = render(facts, style=Style.COLOUR)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(facts)


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_the_same_facts_give_the_same_text(kind):
    assert render(made.EVERY[kind]()) == render(made.EVERY[kind]())


def test_columns_line_up():
    lines = render(made.not_ready()).splitlines()[1:6]
    starts = {line.index("PASS") if "PASS" in line else line.index("FAIL") for line in lines}
    assert len(starts) == 1


def test_wide_letters_keep_the_columns():
    facts = made.not_ready()
    rows = [msgspec.structs.replace(facts.gates[0], metric="正確さ"), *facts.gates[1:]]
    lines = render(msgspec.structs.replace(facts, gates=tuple(rows))).splitlines()[1:6]
    starts = {
        clean.width(line[: line.index("PASS") if "PASS" in line else line.index("FAIL")])
        for line in lines
    }
    assert len(starts) == 1


def test_failures_are_counted_and_what_leaving_them_out_says_is_told():
    told = " ".join(render(made.not_ready()).split())
    assert "3 of 812 (0.4 %), counted against the candidate" in told
    assert "left out: every gate says the same" in told


def test_a_gate_that_failures_turned_is_named():
    facts = made.not_ready()
    gates = (made.format_gate(outcome_answered="PASS"), *facts.gates[2:])
    told = " ".join(render(msgspec.structs.replace(facts, gates=gates)).split())
    assert "left out: format_ok PASS (shown, never used)" in told


def test_an_undetermined_gate_says_why():
    told = " ".join(render(made.inconclusive()).split())
    assert "undetermined" in told
    assert "the answers were not taken in the same sitting" in told
    assert "about 1,240 more samples would decide" in told


def test_several_baselines_have_a_heading_each():
    facts = made.ready()
    other = tuple(msgspec.structs.replace(row, baseline="rag-8b") for row in facts.gates)
    told = render(msgspec.structs.replace(facts, gates=facts.gates + other))
    assert "contract-summary: ft-3b vs prompted-70b" in told.splitlines()[1]
    assert any("ft-3b vs rag-8b" in line for line in told.splitlines())


def test_a_stamp_stands_beside_the_verdict():
    facts = made.ready()
    stamped = made.verdict("INCONCLUSIVE", "x", stamps=("EXPLORATORY",))
    told = render_gate(msgspec.structs.replace(facts, verdict=stamped))
    assert told.splitlines()[0].endswith("[EXPLORATORY]")


def test_a_range_of_cost_shows_where_billing_is_unknown():
    assert "$0.170 to $0.171" in render(made.run())


def test_an_undetermined_metric_of_a_run_gives_its_reason():
    facts = made.run()
    arm = facts.arms[0]
    metrics = {"bleu": made.metric(None, scale="points")}
    summary = msgspec.structs.replace(arm.summary, metrics=metrics, slices={})
    told = render(
        msgspec.structs.replace(facts, arms=(msgspec.structs.replace(arm, summary=summary),))
    )
    assert "undetermined" in told
    assert "no answer was scored" in told


def test_slices_that_would_fill_a_screen_show_one_metric_and_count_the_rest():
    facts = made.run()
    arm = facts.arms[0]
    metrics = {"f1": made.metric(0.5), "exact_match": made.metric(0.4)}
    slices = {f"topic={name}": metrics for name in "abcdefghi"}
    summary = msgspec.structs.replace(arm.summary, metrics=metrics, slices=slices)
    one = msgspec.structs.replace(arm, summary=summary)
    text = render(msgspec.structs.replace(facts, arms=(one,)))
    assert text.count("[topic=") == 9
    assert "slices: 9 more figures in the report and in `export`" in text
    few = msgspec.structs.replace(summary, slices={"topic=a": metrics})
    shown = render(
        msgspec.structs.replace(facts, arms=(msgspec.structs.replace(arm, summary=few),))
    )
    assert "more figures" not in shown
    assert shown.count("[topic=a]") == 2


def test_the_reason_of_an_undetermined_value_widens_no_column():
    facts = made.run()
    arm = facts.arms[0]
    metrics = {"f1": made.metric(0.5), "latency_p99_s": made.metric(None)}
    summary = msgspec.structs.replace(arm.summary, metrics=metrics, slices={})
    one = msgspec.structs.replace(arm, summary=summary)
    lines = render(msgspec.structs.replace(facts, arms=(one,)), width=72).splitlines()
    [row] = [line for line in lines if line.startswith("  f1")]
    assert "[0.480, 0.520]" in row
