"""One proportion, two samples, and one arm's estimates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalharness.errors import TooFewSamples
from evalharness.stats import estimate, inference, intervals, twosample


@st.composite
def counts(draw, largest=500):
    n = draw(st.integers(1, largest))
    return draw(st.integers(0, n)), n


levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.999])


@given(counts(), levels)
@settings(max_examples=50, deadline=None)
def test_intervals_of_a_rate_equal_statsmodels(pair, level):
    from statsmodels.stats.proportion import proportion_confint

    k, n = pair
    for ours, name in (
        (intervals.wilson_interval, "wilson"),
        (intervals.clopper_pearson_interval, "beta"),
        (intervals.agresti_coull_interval, "agresti_coull"),
    ):
        interval = ours(k, n, level=level)
        expected = proportion_confint(k, n, alpha=1.0 - level, method=name)
        got = (interval.lower, interval.upper)
        assert got == pytest.approx(np.clip(expected, 0.0, 1.0), abs=1e-9)


@given(counts(), levels)
@settings(max_examples=50, deadline=None)
def test_jeffreys_interval_is_the_posteriors(pair, level):
    k, n = pair
    interval = intervals.jeffreys_interval(k, n, level=level)
    tail = (1.0 - level) / 2.0
    posterior = scipy_stats.beta(k + 0.5, n - k + 0.5)
    assert interval.lower == pytest.approx(0.0 if k == 0 else posterior.ppf(tail), abs=1e-9)
    assert interval.upper == pytest.approx(1.0 if k == n else posterior.ppf(1 - tail), abs=1e-9)


@given(counts(), levels)
@settings(max_examples=50, deadline=None)
def test_no_interval_of_a_rate_is_empty_and_all_hold_the_rate(pair, level):
    k, n = pair
    for ours in (
        intervals.wilson_interval,
        intervals.clopper_pearson_interval,
        intervals.agresti_coull_interval,
        intervals.jeffreys_interval,
    ):
        interval = ours(k, n, level=level)
        assert interval.width > 0.0
        assert 0.0 <= interval.lower <= interval.upper <= 1.0
        assert interval.lower <= k / n <= interval.upper or ours is intervals.agresti_coull_interval


@given(counts(80), st.floats(0.0, 1.0), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=50, deadline=None)
def test_an_absolute_bar_is_judged_exactly(pair, theta, alpha):
    effect = intervals.Proportion(*pair)
    bounds = effect.bounds(alpha)
    if abs(bounds.lower - theta) > 1e-9:
        assert (bounds.lower > theta) == (effect.p_greater(theta) < alpha)
    if abs(bounds.upper - theta) > 1e-9:
        assert (bounds.upper < theta) == (effect.p_less(theta) < alpha)


def test_bars_outside_of_zero_and_one_are_certain():
    effect = intervals.Proportion(0, 10)
    assert effect.p_greater(-0.1) == 0.0
    assert effect.p_less(1.1) == 0.0
    assert effect.p_greater(0.0) == 1.0
    assert effect.p_different(0.5) == pytest.approx(2 * 0.5**10)


def test_marks_are_counted_and_others_refused():
    assert intervals.proportion_of([1, 0, 1]) == intervals.Proportion(2, 3)
    with pytest.raises(ValueError, match="0 or 1"):
        intervals.proportion_of([0.5, 1.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: intervals.wilson_interval(0, 0),
        lambda: intervals.clopper_pearson_interval(0, 0),
        lambda: intervals.Proportion(0, 0),
        lambda: intervals.t_interval([1.0]),
        lambda: estimate.estimate_proportion([]),
        lambda: estimate.estimate_mean([]),
        lambda: estimate.estimate_proportion([1.0, 1.0], clusters=np.zeros(2, dtype=np.intp)),
        lambda: twosample.UnpairedBinary((0, 0), (1, 2)),
        lambda: twosample.unpaired_mean_effect([1.0], [1.0, 2.0]),
        lambda: twosample.unpaired_mean_effect([1.0, 1.0], [1.0, 1.0]),
    ],
)
def test_too_little_is_refused(call):
    with pytest.raises(TooFewSamples):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: intervals.wilson_interval(5, 4),
        lambda: intervals.wilson_interval(-1, 4),
        lambda: intervals.wilson_interval(1, 4, level=1.0),
        lambda: intervals.Proportion(1, 2).bounds(0.5),
        lambda: inference.Interval(1.0, 0.0, 0.9, "x"),
        lambda: inference.Interval(float("nan"), 0.0, 0.9, "x"),
        lambda: inference.Significance(1.5, 0.0, "x"),
        lambda: inference.Significance(float("nan"), 0.0, "x"),
        lambda: inference.Estimated(float("inf"), 0, 0, 0.9, "x", 1, 1),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError, match=r"got|finite|lower|must"):
        call()


# --- two samples -----------------------------------------------------------------------------


@given(counts(200), counts(200), st.floats(-0.8, 0.8))
@settings(max_examples=50, deadline=None)
def test_the_score_uses_the_most_likely_rates(first, second, theta):
    rate1, rate2 = twosample._null_rates(*first, *second, theta)
    assert rate1 - rate2 == pytest.approx(theta, abs=1e-9)

    def log_likelihood(rate):
        total = 0.0
        for k, n, p in ((*first, rate), (*second, rate - theta)):
            total += k * np.log(max(p, 1e-300)) + (n - k) * np.log(max(1.0 - p, 1e-300))
        return total

    best = log_likelihood(rate1)
    low, high = max(0.0, theta), min(1.0, 1.0 + theta)
    assert all(log_likelihood(rate) <= best + 1e-4 for rate in np.linspace(low, high, 41))


@given(counts(200), counts(200))
@settings(max_examples=50, deadline=None)
def test_at_zero_the_score_is_pearsons(first, second):
    hits, total = first[0] + second[0], first[1] + second[1]
    ours = twosample.two_proportion_chi2(first, second)
    if hits in (0, total):
        assert ours.p_value == 1.0
        return
    table = [[k, n - k] for k, n in (first, second)]
    assert ours.p_value == pytest.approx(
        scipy_stats.chi2_contingency(table, correction=False).pvalue, rel=1e-8
    )
    assert twosample.two_proportion_chi2_corrected(first, second).p_value == pytest.approx(
        scipy_stats.chi2_contingency(table, correction=True).pvalue, rel=1e-8
    )


@given(counts(150), counts(150), st.floats(-0.7, 0.7), st.sampled_from([0.025, 0.05, 0.2]))
@settings(max_examples=50, deadline=None)
def test_p_values_and_bounds_of_two_rates_agree(first, second, theta, alpha):
    effect = twosample.UnpairedBinary(first, second)
    bounds = effect.bounds(alpha)
    assert bounds.lower <= effect.value <= bounds.upper
    if abs(bounds.lower - theta) > 1e-7:
        assert (bounds.lower > theta) == (effect.p_greater(theta) < alpha)
    if abs(bounds.upper - theta) > 1e-7:
        assert (bounds.upper < theta) == (effect.p_less(theta) < alpha)


@given(counts(150), counts(150))
@settings(max_examples=50, deadline=None)
def test_swapping_unpaired_arms_mirrors_the_bounds(first, second):
    ours = twosample.UnpairedBinary(first, second).bounds(0.05)
    theirs = twosample.UnpairedBinary(second, first).bounds(0.05)
    assert ours.lower == pytest.approx(-theirs.upper, abs=1e-10)
    wider = twosample.miettinen_nurminen_interval(first, second, level=0.9)
    assert wider.lower <= ours.lower + 1e-9
    assert wider.upper >= ours.upper - 1e-9


def test_newcombes_example_of_two_rates():
    # Newcombe (1998), Stat. Med. 17:873, table II, 56/70 and 48/80 (recalled, not re-read):
    # method 5 (Mee) 0.0533 to 0.3377, method 6 (Miettinen-Nurminen) 0.0528 to 0.3382.
    first, second = (56, 70), (48, 80)
    assert twosample.score_interval(first, second).rounded(4) == (0.0533, 0.3377)
    assert twosample.miettinen_nurminen_interval(first, second).rounded(4) == (0.0528, 0.3382)
    assert twosample.newcombe_interval(first, second).rounded(4) == (0.0524, 0.3339)


def test_an_arm_without_events_does_not_pass_for_lack_of_evidence():
    effect = twosample.UnpairedBinary((0, 40), (0, 360))
    assert effect.bounds(0.05).upper > 0.05
    assert effect.p_less(0.01) > 0.05


def test_unpaired_means_are_welchs_and_never_vanish():
    rng = np.random.default_rng(0)
    x, y = rng.random(150), rng.random(90)
    effect = twosample.unpaired_mean_effect(x, y, low=0.0, high=1.0)
    expected = scipy_stats.ttest_ind(x, y, equal_var=False).pvalue
    assert effect.p_different(0.0) == pytest.approx(expected, rel=0.05)
    ties = twosample.unpaired_mean_effect(np.ones(50), np.ones(70), low=0.0, high=1.0)
    assert ties.bounds(0.05).lower == pytest.approx(-(1.0 - 0.05 ** (1 / 50)))


# --- one arm ---------------------------------------------------------------------------------


def test_a_rate_has_wilsons_interval():
    got = estimate.estimate_proportion([1.0] * 15 + [0.0] * 133)
    assert (got.lower, got.upper) == pytest.approx((0.0623863995307, 0.1604872417233), abs=1e-10)
    assert (got.n, got.n_clusters, got.method) == (148, 148, "wilson")


def test_a_clustered_rate_has_the_jackknifes():
    codes = np.repeat(np.arange(30), 5)
    marks = (np.random.default_rng(1).random(30)[codes] < 0.5).astype(float)
    marks[0] = 1.0 - marks[0]
    got = estimate.estimate_proportion(marks, clusters=codes)
    assert got.method == "cluster-jackknife-t"
    assert got.n_clusters == 30
    assert got.upper - got.lower > 0.25


def test_copies_of_marks_count_once():
    marks = np.array([1.0, 0.0, 1.0])
    codes = np.repeat(np.arange(3), 4)
    many = estimate.estimate_proportion(np.repeat(marks, 4), clusters=codes)
    few = estimate.estimate_proportion(marks)
    assert (many.lower, many.upper) == (few.lower, few.upper)
    assert (many.n, many.n_clusters) == (12, 3)


def test_every_kind_of_estimate_holds_its_value():
    rng = np.random.default_rng(2)
    values = rng.random(250)
    rows = np.column_stack([values, np.ones(250)])
    for got in (
        estimate.estimate_mean(values, value_range=(0.0, 1.0)),
        estimate.estimate_rate(rows),
        estimate.estimate_corpus(rows, lambda sums: sums[..., 0] / sums[..., 1], rng=rng),
        estimate.estimate_quantile(values, 0.95, rng=rng),
    ):
        assert got.lower < got.value < got.upper
        assert got.level == 0.95
        assert got.n == 250
