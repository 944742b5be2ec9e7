"""Paired right/wrong marks: McNemar, Tango, and the effect that gates ask."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalharness.errors import TooFewSamples
from evalharness.stats import binary
from evalharness.stats.exact_power import (
    corrected_z_grid,
    n_tango,
    power_tango,
    tango_z_grid,
    worst_size,
)
from evalharness.stats.special import normal_quantile


@st.composite
def tables(draw, largest=300):
    gain, loss = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    ties = draw(st.integers(0 if gain + loss else 1, 3 * largest))
    return gain, loss, gain + loss + ties


alphas = st.sampled_from([0.005, 0.025, 0.05, 0.1, 0.2])


@given(tables())
@settings(max_examples=50, deadline=None)
def test_exact_mcnemar_is_a_binomial_test(table):
    gain, loss, _ = table
    if gain + loss == 0:
        assert binary.mcnemar_exact(gain, loss).p_value == 1.0
        return
    expected = scipy_stats.binomtest(gain, gain + loss).pvalue
    assert binary.mcnemar_exact(gain, loss).p_value == pytest.approx(expected, rel=1e-9)


@given(tables())
@settings(max_examples=50, deadline=None)
def test_mcnemar_equals_statsmodels(table):
    from statsmodels.stats.contingency_tables import mcnemar

    gain, loss, _ = table
    if gain + loss == 0:
        return
    square = [[0, gain], [loss, 0]]
    for ours, corrected in ((binary.mcnemar_chi2, False), (binary.mcnemar_chi2_corrected, True)):
        expected = mcnemar(square, exact=False, correction=corrected)
        if corrected and gain == loss:
            continue  # statsmodels lets (|0| - 1)^2 be 1; the correction may not pass zero
        assert ours(gain, loss).p_value == pytest.approx(expected.pvalue, rel=1e-9)


@given(tables())
@settings(max_examples=50, deadline=None)
def test_mid_p_lies_below_the_exact_p(table):
    gain, loss, _ = table
    mid = binary.mcnemar_mid_p(gain, loss).p_value
    assert 0.0 <= mid <= binary.mcnemar_exact(gain, loss).p_value


def test_mcnemar_without_discordance_says_nothing():
    for test in (
        binary.mcnemar_exact,
        binary.mcnemar_mid_p,
        binary.mcnemar_chi2,
        binary.mcnemar_chi2_corrected,
    ):
        assert test(0, 0).p_value == 1.0


@given(tables(), alphas)
@settings(max_examples=80, deadline=None)
def test_tango_bounds_are_where_the_score_reaches_z(table, alpha):
    gain, loss, n = table
    z = normal_quantile(1.0 - alpha)
    interval = binary.tango_interval(gain, loss, n, level=1.0 - 2.0 * alpha)
    assert -1.0 <= interval.lower <= (gain - loss) / n <= interval.upper <= 1.0
    if interval.lower > -0.999 and gain < n:
        assert binary.tango_z(gain, loss, n, interval.lower) == pytest.approx(z, abs=1e-6)
    if interval.upper < 0.999 and loss < n:
        assert binary.tango_z(gain, loss, n, interval.upper) == pytest.approx(-z, abs=1e-6)


@given(st.integers(1, 100_000), alphas)
@settings(max_examples=50, deadline=None)
def test_tango_without_discordance_is_z2_over_n_plus_z2(n, alpha):
    z2 = normal_quantile(1.0 - alpha) ** 2
    interval = binary.tango_interval(0, 0, n, level=1.0 - 2.0 * alpha)
    assert interval.lower == pytest.approx(-z2 / (n + z2), rel=1e-12)
    assert interval.upper == pytest.approx(z2 / (n + z2), rel=1e-12)


@given(tables(), st.integers(0, 5000), alphas)
@settings(max_examples=50, deadline=None)
def test_adding_ties_never_narrows_below_what_ties_alone_can_show(table, ties, alpha):
    gain, loss, n = table
    z2 = normal_quantile(1.0 - alpha) ** 2
    interval = binary.tango_interval(gain, loss, n + ties, level=1.0 - 2.0 * alpha)
    assert interval.width >= z2 / (n + ties + z2)


@given(tables(), alphas)
@settings(max_examples=50, deadline=None)
def test_swapping_the_arms_mirrors_the_interval(table, alpha):
    gain, loss, n = table
    ours = binary.tango_interval(gain, loss, n, level=1.0 - 2.0 * alpha)
    theirs = binary.tango_interval(loss, gain, n, level=1.0 - 2.0 * alpha)
    assert ours.lower == pytest.approx(-theirs.upper, abs=1e-11)
    assert ours.upper == pytest.approx(-theirs.lower, abs=1e-11)


@given(tables(), st.floats(-0.99, 0.99), st.floats(-0.99, 0.99))
@settings(max_examples=50, deadline=None)
def test_the_score_falls_as_the_margin_rises(table, one, other):
    gain, loss, n = table
    low, high = sorted((one, other))
    assert binary.tango_z(gain, loss, n, low) >= binary.tango_z(gain, loss, n, high) - 1e-7


@given(tables())
@settings(max_examples=50, deadline=None)
def test_tangos_square_at_zero_is_mcnemars_chi2(table):
    gain, loss, n = table
    z = binary.tango_z(gain, loss, n, 0.0)
    assert z * z == pytest.approx(binary.mcnemar_chi2(gain, loss).statistic, rel=1e-9)


@given(tables(largest=60), st.floats(-0.9, 0.9))
@settings(max_examples=50, deadline=None)
def test_the_grid_of_scores_equals_the_scalar_score(table, theta):
    gain, loss, n = table
    grid = tango_z_grid(np.array([float(gain)]), np.array([float(loss)]), n, theta)
    assert grid[0] == pytest.approx(binary.tango_z(gain, loss, n, theta), rel=1e-9, abs=1e-9)
    grid = corrected_z_grid(np.array([float(gain)]), np.array([float(loss)]), n, theta)
    assert grid[0] == pytest.approx(binary.corrected_z(gain, loss, n, theta), rel=1e-9, abs=1e-9)


@given(tables(largest=400), st.floats(-0.99, 0.98), st.floats(0.0, 0.5))
@settings(max_examples=200, deadline=None)
def test_the_corrected_score_falls_as_the_claim_grows(table, theta, step):
    gain, loss, n = table
    higher = min(0.99, theta + step)
    before = max(0.0, binary.corrected_z(gain, loss, n, theta))  # below 0 nothing is shown
    assert before >= binary.corrected_z(gain, loss, n, higher) - 1e-7


@given(tables(largest=400), alphas)
@settings(max_examples=100, deadline=None)
def test_the_corrected_interval_holds_tangos(table, alpha):
    ours = binary.PairedBinary(*table).bounds(alpha)
    plain = binary.tango_interval(*table, level=1.0 - 2.0 * alpha)
    assert ours.lower <= plain.lower + 1e-9
    assert ours.upper >= plain.upper - 1e-9


@pytest.mark.parametrize(("gain", "loss", "n"), [(10, 0, 10), (0, 10, 10), (1, 0, 1), (0, 1, 1)])
def test_tango_holds_at_the_corners(gain, loss, n):
    interval = binary.tango_interval(gain, loss, n)
    assert -1.0 <= interval.lower < interval.upper <= 1.0
    assert (interval.upper == 1.0) == (gain == n)
    assert (interval.lower == -1.0) == (loss == n)


def test_ten_ties_do_not_pass_a_margin_of_two_points():
    effect = binary.PairedBinary(0, 0, 10)
    assert effect.bounds(0.05).lower < -0.2
    assert effect.p_greater(-0.02) > 0.05


@given(tables(largest=60), st.floats(-0.5, 0.5), alphas)
@settings(max_examples=80, deadline=None)
def test_p_values_and_bounds_of_a_pair_agree(table, theta, alpha):
    effect = binary.PairedBinary(*table)
    bounds = effect.bounds(alpha)
    if abs(bounds.lower - theta) > 1e-9:
        assert (bounds.lower > theta) == (effect.p_greater(theta) < alpha)
    if abs(bounds.upper - theta) > 1e-9:
        assert (bounds.upper < theta) == (effect.p_less(theta) < alpha)


def test_certainties_have_certain_p_values():
    effect = binary.PairedBinary(2, 3, 10)
    assert effect.p_greater(-1.5) == 0.0
    assert effect.p_greater(1.0) == 1.0
    assert effect.p_less(1.5) == 0.0
    assert binary.PairedBinary(0, 5, 5).p_greater(-1.0) == 1.0


def test_no_difference_is_judged_by_mid_p():
    effect = binary.PairedBinary(10, 3, 40)
    assert effect.p_different(0.0) == binary.mcnemar_mid_p(10, 3).p_value
    assert effect.p_different(0.1) == pytest.approx(
        2 * min(effect.p_greater(0.1), effect.p_less(0.1))
    )


@pytest.mark.parametrize("table", [(0, 0, 0)])
def test_no_pairs_are_refused(table):
    with pytest.raises(TooFewSamples):
        binary.PairedBinary(*table)
    with pytest.raises(TooFewSamples):
        binary.tango_interval(*table)


@pytest.mark.parametrize("table", [(-1, 0, 5), (3, 3, 5)])
def test_impossible_tables_are_refused(table):
    with pytest.raises(ValueError, match="gain"):
        binary.PairedBinary(*table)


def test_pairs_are_counted_by_who_was_right():
    table = binary.paired_table([1, 1, 0, 0, 1], [1, 0, 1, 0, 0])
    assert table == (1, 2, 1, 1)
    assert table.n == 5


@pytest.mark.parametrize(("candidate", "baseline"), [([1.0, 0.5], [1.0, 0.0]), ([1.0], [1.0, 0.0])])
def test_marks_that_are_no_pairs_of_zeros_and_ones_are_refused(candidate, baseline):
    with pytest.raises(ValueError, match=r"0 or 1|equal lengths"):
        binary.paired_table(candidate, baseline)


def test_newcombes_paired_interval_matches_its_published_example():
    # Newcombe (1998), Stat. Med. 17:2635, table II, method 10 (recalled, not re-read).
    interval = binary.newcombe_paired_interval(binary.PairedTable(36, 12, 2, 0))
    assert interval.rounded(4) == (0.0569, 0.3404)


@given(tables(largest=60))
@settings(max_examples=50, deadline=None)
def test_newcombes_interval_holds_the_estimate(table):
    gain, loss, n = table
    both = (n - gain - loss) // 2
    interval = binary.newcombe_paired_interval(
        binary.PairedTable(both, gain, loss, n - gain - loss - both)
    )
    assert interval.lower <= (gain - loss) / n <= interval.upper


def test_walds_interval_vanishes_without_discordance_which_is_why_no_gate_asks_it():
    assert binary.wald_paired_interval(0, 0, 50).width == 0.0


def test_exact_power_equals_the_sum_over_all_tables():
    n, gain_rate, loss_rate, margin = 12, 0.1, 0.2, 0.3
    total = 0.0
    for gain in range(n + 1):
        for loss in range(n + 1 - gain):
            if binary.PairedBinary(gain, loss, n).p_greater(-margin) < 0.05:
                total += scipy_stats.multinomial.pmf(
                    [gain, loss, n - gain - loss], n, [gain_rate, loss_rate, 0.7]
                )
    assert power_tango(n, gain_rate, loss_rate, margin) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "margin", "limit"),
    [
        (10, 0.05, 0.055),
        (50, 0.02, 0.055),
        (100, 0.02, 0.055),
        (500, 0.02, 0.052),
        (2000, 0.01, 0.052),
    ],
)
def test_false_ready_at_the_margin_is_near_alpha_in_the_worst_case(n, margin, limit):
    psis = np.concatenate([[margin], np.linspace(margin + 0.01, 0.6, 25)])
    assert worst_size(n, margin, psis) <= limit


@pytest.mark.parametrize(("margin", "discordance"), [(0.05, 0.1), (0.05, 0.05), (0.1, 0.02)])
def test_the_planned_n_reaches_its_power_exactly(margin, discordance):
    n = n_tango(margin, discordance)
    rate = discordance / 2.0
    assert power_tango(n, rate, rate, margin) >= 0.8
    assert math.isfinite(n)


def test_power_refuses_rates_that_are_no_distribution():
    with pytest.raises(ValueError, match="at most 1"):
        power_tango(10, 0.7, 0.6, 0.1)
