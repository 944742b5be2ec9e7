"""What a gate says in words."""

from __future__ import annotations

import handmade_facts as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.numbers import Medium
from evalharness.report.wording import more_is_better, pairings, read_comparison, read_gate

TERMINAL = Medium.TERMINAL


def test_an_eightfold_saving_reads_the_way_people_say_it():
    reading = read_gate(made.cost_gate(), TERMINAL)
    assert reading.label == "cost_usd/1k"
    assert reading.values == "$0.21 vs $1.74"
    assert reading.effect == "8.3x cheaper [8.1x, 8.6x]"
    assert reading.requirement == "at least 8x"


def test_a_ratio_above_one_is_a_multiple_of_the_baseline():
    reading = read_gate(made.latency_gate(), TERMINAL)
    assert reading.effect == "0.46x [0.41x, 0.52x]"
    assert reading.requirement == "at most 1.2x"


def test_a_dearer_candidate_is_never_called_cheaper():
    row = made.gate(
        "cost_usd",
        "FAIL",
        test="max_ratio",
        candidate=0.003,
        baseline_value=0.002,
        difference=1.5,
        lower=1.4,
        upper=1.6,
        threshold=0.125,
        scale="usd",
        direction="lower",
    )
    reading = read_gate(row, TERMINAL)
    assert "cheaper" not in reading.effect
    assert reading.requirement == "at most 0.125x"


@pytest.mark.parametrize(
    ("test", "direction", "threshold", "told"),
    [
        ("non_inferiority", "higher", -0.01, "may lose at most 0.010"),
        ("non_inferiority", "lower", 0.01, "may rise by at most 0.010"),
        ("superiority", "higher", 0.0, "must be higher"),
        ("superiority", "lower", 0.0, "must be lower"),
        ("superiority", "higher", 0.02, "must gain more than 0.020"),
        ("equivalence", "higher", 0.02, "must stay within ±0.020"),
        ("at_most", "lower", 0.02, "at most 0.020"),
        ("at_least", "higher", 0.8, "at least 0.800"),
        ("min_ratio", "higher", 1.5, "at least 1.5x"),
        ("max_ratio", "higher", 1.5, "at most 1.5x"),
    ],
)
def test_every_test_says_what_it_asks(test, direction, threshold, told):
    row = made.gate(
        "m", "PASS", test=test, direction=direction, threshold=threshold, scale="fraction"
    )
    assert read_gate(row, TERMINAL).requirement == told


def test_a_margin_is_as_precise_as_the_policy_wrote_it():
    row = made.gate("m", "PASS", threshold=-0.0125)
    assert read_gate(row, TERMINAL).requirement == "may lose at most 0.0125"


def test_the_page_speaks_percent():
    reading = read_gate(made.format_gate(), Medium.PAGE)
    assert reading.values == "93.1 % vs 95.5 %"
    assert reading.effect == "-2.4 pp [-3.6 pp, -1.2 pp]"
    assert reading.requirement == "may lose at most 1.0 pp"


def test_an_absolute_bar_needs_no_baseline():
    reading = read_gate(made.errors_gate(), Medium.PAGE)
    assert reading.values == "0.4 %"
    assert "vs" not in reading.values


def test_a_missing_bound_reads_as_unbounded():
    row = made.gate("m", "INCONCLUSIVE", lower=None)
    assert read_gate(row, TERMINAL).interval == "[unbounded, +0.025]"


def test_a_slice_stands_in_the_label():
    assert read_gate(made.slice_gate(), TERMINAL).label == "rouge_l [lang=de]"


def test_a_comparison_gives_its_p_value_and_no_outcome():
    reading = read_comparison(made.comparison(), TERMINAL)
    assert reading.outcome == ""
    assert reading.requirement == "p 0.031"


def test_pairings_keep_the_order_of_the_rows():
    assert pairings(made.ready()) == ((made.SUITE, "ft-3b", "prompted-70b"),)


@pytest.mark.parametrize(
    ("test", "direction", "more"),
    [
        ("non_inferiority", "higher", True),
        ("non_inferiority", "lower", False),
        ("max_ratio", "higher", False),
        ("min_ratio", "lower", True),
        ("at_most", "lower", False),
        ("at_least", "higher", True),
    ],
)
def test_the_good_side_of_a_threshold_follows_the_test(test, direction, more):
    assert more_is_better(made.gate("m", "PASS", test=test, direction=direction)) is more


numbers = st.floats(0.001, 1.0)


@given(numbers, st.floats(-0.2, 0.2), st.floats(0.0001, 0.2), st.floats(0.0001, 0.2))
def test_a_bound_that_differs_from_the_threshold_reads_differently(base, point, below, margin):
    lower = point - below
    row = made.gate(
        "m",
        "PASS",
        candidate=base,
        baseline_value=base,
        difference=point,
        lower=lower,
        upper=point + below,
        threshold=-margin,
    )
    reading = read_gate(row, TERMINAL)
    bound = reading.interval.split(",")[0].strip("[")
    told = float(reading.requirement.rsplit(" ", 1)[1])
    if abs(lower + margin) > 1e-6:
        assert float(bound) != -told


@given(st.floats(0.01, 10), st.floats(1.001, 3), st.floats(0.05, 5))
def test_a_ratio_bound_that_misses_the_threshold_reads_differently(point, width, threshold):
    row = made.gate(
        "m",
        "PASS",
        test="max_ratio",
        difference=point,
        lower=point / width,
        upper=point * width,
        threshold=threshold,
        scale="usd",
        direction="lower",
    )
    reading = read_gate(row, TERMINAL)
    if abs(point * width / threshold - 1) > 1e-4:
        worst = reading.interval.strip("[]").split(", ")[0 if "cheaper" in reading.point else 1]
        asked = reading.requirement.rsplit(" ", 1)[1]
        assert float(worst.strip("x").replace(",", "")) != float(asked.strip("x"))
