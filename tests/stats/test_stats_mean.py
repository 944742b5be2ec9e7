"""Means and mean differences: t, skewness, clusters, and what cannot have been seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as scipy_stats

from evalharness.errors import TooFewSamples
from evalharness.stats import clusters, intervals, ttests
from evalharness.stats.hall import hall_t, hall_t_inverse
from evalharness.stats.mean import mean_effect
from evalharness.stats.moments import cluster_codes, clusters_are_copies, skewness
from evalharness.stats.unseen import unseen_bound, unseen_p, unseen_share

differences = hnp.arrays(
    np.float64,
    st.integers(2, 60),
    elements=st.floats(-1.0, 1.0).map(lambda x: round(x, 3)),
)
alphas = st.sampled_from([0.01, 0.05, 0.2])


def bounded(values, **kwargs):
    return mean_effect(values, low=-1.0, high=1.0, **kwargs)


@given(differences, alphas)
@settings(max_examples=60, deadline=None)
def test_no_bound_lies_inside_students(values, alpha):
    ours = bounded(values).bounds(alpha)
    student = intervals.t_interval(values, level=1.0 - 2.0 * alpha)
    assert ours.lower <= max(-1.0, student.lower) + 1e-9
    assert ours.upper >= min(1.0, student.upper) - 1e-9


@given(differences, alphas)
@settings(max_examples=60, deadline=None)
def test_no_bound_lies_inside_what_may_be_unseen(values, alpha):
    bounds = bounded(values).bounds(alpha)
    share = unseen_share(len(values), alpha)
    mean = float(values.mean())
    assert bounds.lower <= mean - share * (mean + 1.0) + 1e-12
    assert bounds.upper >= mean + share * (1.0 - mean) - 1e-12


@given(st.integers(2, 5000), alphas)
@settings(max_examples=50, deadline=None)
def test_ties_have_the_exact_interval_of_zero_events(n, alpha):
    bounds = bounded(np.zeros(n)).bounds(alpha)
    exact = intervals.clopper_pearson_interval(0, n, level=1.0 - 2.0 * alpha)
    assert bounds.upper == pytest.approx(exact.upper, rel=1e-12)
    assert bounds.lower == pytest.approx(-exact.upper, rel=1e-12)


@given(differences, st.floats(-0.9, 0.9), alphas)
@settings(max_examples=60, deadline=None)
def test_p_values_and_bounds_of_a_mean_agree(values, theta, alpha):
    effect = bounded(values)
    bounds = effect.bounds(alpha)
    if abs(bounds.lower - theta) > 1e-9 and abs(effect.value - theta) > 1e-9:
        assert (bounds.lower > theta) == (effect.p_greater(theta) < alpha)
    if abs(bounds.upper - theta) > 1e-9 and abs(effect.value - theta) > 1e-9:
        assert (bounds.upper < theta) == (effect.p_less(theta) < alpha)


@given(differences)
@settings(max_examples=50, deadline=None)
def test_swapping_the_arms_mirrors_the_bounds(values):
    ours, theirs = bounded(values).bounds(0.05), bounded(-values).bounds(0.05)
    assert ours.lower == pytest.approx(-theirs.upper, abs=1e-12)
    assert ours.upper == pytest.approx(-theirs.lower, abs=1e-12)
    assert bounded(values).p_greater(-0.1) == pytest.approx(bounded(-values).p_less(0.1), abs=1e-9)


@given(differences, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_samples_does_not_matter(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    ours, theirs = bounded(values).bounds(0.05), bounded(shuffled).bounds(0.05)
    assert ours.lower == pytest.approx(theirs.lower, abs=1e-12)
    assert ours.upper == pytest.approx(theirs.upper, abs=1e-12)


@given(differences, st.floats(-0.99, 0.99), st.floats(-0.99, 0.99))
@settings(max_examples=50, deadline=None)
def test_evidence_falls_as_the_bar_rises(values, one, other):
    low, high = sorted((one, other))
    effect = bounded(values)
    assert effect.p_greater(low) <= effect.p_greater(high) + 1e-9
    assert effect.p_less(low) >= effect.p_less(high) - 1e-9


@given(differences, st.integers(2, 4))
@settings(max_examples=50, deadline=None)
def test_copies_in_clusters_change_nothing(values, copies):
    codes = np.repeat(np.arange(len(values)), copies)
    many = bounded(np.repeat(values, copies), clusters=codes)
    assert many.bounds(0.05) == bounded(values).bounds(0.05)
    assert many.n == copies * len(values)
    assert many.n_clusters == len(values)


@given(differences)
@settings(max_examples=50, deadline=None)
def test_clusters_of_one_are_no_clusters(values):
    alone = bounded(values, clusters=np.arange(len(values)))
    assert alone.bounds(0.05) == bounded(values).bounds(0.05)
    assert alone.method == "t-skew"


@given(st.integers(10, 40), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_clustered_errors_equal_the_jackknife_and_g_minus_one(groups, seed):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), 3)
    values = rng.uniform(-0.5, 0.5, groups)[codes] + rng.uniform(-0.4, 0.4, 3 * groups)
    effect = bounded(values, clusters=codes)
    assert effect.se_jackknife == pytest.approx(clusters.se_jackknife(values, codes), rel=1e-12)
    assert effect.df == pytest.approx(groups - 1.0)
    means = values.reshape(groups, 3).mean(axis=1)
    assert effect.se == pytest.approx(float(scipy_stats.sem(means)), rel=1e-9)


def test_unequal_clusters_count_for_fewer():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(12), [40] + [2] * 11)
    effect = bounded(rng.uniform(-1, 1, len(codes)), clusters=codes)
    assert effect.df < 2.0


def test_few_clusters_must_hold_at_half_alpha():
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(9), 20)
    values = rng.uniform(-0.3, 0.3, 180)
    effect = bounded(values, clusters=codes)
    inner = effect.value - ttests.t_quantile(0.95, effect.df) * effect.se_jackknife
    outer = effect.value - ttests.t_quantile(0.975, effect.df) * effect.se_jackknife
    assert effect.bounds(0.05).lower <= outer < inner


def test_clusters_widen_what_naive_intervals_narrow():
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(20), 10)
    values = rng.normal(0, 0.2, 20)[codes] + rng.normal(0, 0.02, 200)
    assert (
        bounded(values, clusters=codes).bounds(0.05).width > 2 * bounded(values).bounds(0.05).width
    )
    assert bounded(values, clusters=codes).n_effective < 30


@pytest.mark.parametrize("values", [[], [0.3]])
def test_below_two_values_nothing_is_said(values):
    with pytest.raises(TooFewSamples):
        bounded(values)


def test_one_cluster_says_nothing():
    with pytest.raises(TooFewSamples):
        bounded([0.1, 0.2, 0.3], clusters=np.zeros(3, dtype=np.intp))
    with pytest.raises(TooFewSamples):
        bounded([0.1, 0.1, 0.1], clusters=np.zeros(3, dtype=np.intp))


def test_values_that_do_not_vary_need_a_range():
    with pytest.raises(TooFewSamples, match="range"):
        mean_effect([2.0] * 50)
    assert mean_effect([0.5] * 50, low=0.0, high=1.0).bounds(0.05).width > 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="NaN or infinity"):
        bounded([0.1, value, 0.3])


def test_a_small_skewed_sample_of_unknown_range_may_not_decide():
    values = np.exp(np.random.default_rng(3).normal(0, 1.2, 60))
    assert "skewness" in (mean_effect(values).refusal or "")
    assert mean_effect(values, low=0.0, high=100.0).refusal is None
    assert mean_effect(np.tile(values, 2)).refusal is None
    assert mean_effect([1.0, 2.0, 3.0]).refusal is not None


def test_a_hundred_values_of_unknown_range_may_decide_and_99_may_not():
    values = np.exp(np.random.default_rng(3).normal(0, 1.2, 100))
    assert mean_effect(values).refusal is None
    assert mean_effect(values[:99]).refusal is not None


def test_every_item_lower_by_a_little_is_not_ready():
    values = np.random.default_rng(4).normal(-0.06, 0.02, 200)
    effect = bounded(values)
    assert effect.bounds(0.05).upper < 0.0
    assert effect.p_less(0.0) < 1e-4


def test_values_that_never_vary_have_the_p_of_a_sign_test():
    effect = bounded([-0.06] * 12)
    assert effect.p_different(0.0) == pytest.approx(2.0 / 2**12)
    assert effect.p_different(-0.06) == 1.0


@given(differences)
@settings(max_examples=50, deadline=None)
def test_without_skew_and_range_it_is_students_test(values):
    symmetric = np.concatenate([values, -values]) + 0.05
    assume(np.ptp(symmetric) > 1e-3)
    expected = scipy_stats.ttest_1samp(symmetric, 0.0).pvalue
    assert mean_effect(symmetric).p_different(0.0) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(st.floats(-8.0, 8.0), st.floats(-1.0, 1.0))
@settings(max_examples=50, deadline=None)
def test_halls_transformation_is_inverted(t, skew_term):
    assert hall_t_inverse(hall_t(t, skew_term), skew_term) == pytest.approx(t, abs=1e-6)


@given(st.floats(-8.0, 8.0), st.floats(-8.0, 8.0), st.floats(-1.0, 1.0))
@settings(max_examples=50, deadline=None)
def test_halls_transformation_never_turns_back(one, other, skew_term):
    low, high = sorted((one, other))
    assert hall_t(low, skew_term) <= hall_t(high, skew_term) + 1e-9


def test_hall_agrees_with_the_bootstrap_t_on_a_skewed_sample():
    from evalharness.stats.bootstrap import bootstrap_t_interval

    values = np.random.default_rng(5).gamma(2.0, size=300) / 20.0
    se = values.std(ddof=1) / math.sqrt(300)
    corrected = [
        values.mean() - hall_t_inverse(z, skewness(values) / math.sqrt(300)) * se
        for z in (ttests.t_quantile(0.95, 299.0), ttests.t_quantile(0.05, 299.0))
    ]
    drawn = bootstrap_t_interval(values, rng=np.random.default_rng(6), level=0.9, draws=40_000)
    assert corrected[0] == pytest.approx(drawn.lower, abs=0.03 * se)
    assert corrected[1] == pytest.approx(drawn.upper, abs=0.03 * se)


@given(st.floats(-0.99, 0.99), st.integers(1, 5000), alphas)
@settings(max_examples=50, deadline=None)
def test_the_unseen_bound_is_where_its_p_is_alpha(value, n, alpha):
    bound = unseen_bound(value, -1.0, n=n, alpha=alpha)
    assert unseen_p(value, bound, -1.0, n=n) == pytest.approx(alpha, rel=1e-6)
    assert unseen_p(value, value + 0.001, -1.0, n=n) == 1.0
    assert unseen_p(value, -1.0, -1.0, n=n) == 0.0


def test_cluster_codes_number_labels_by_first_appearance():
    assert cluster_codes(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_copies_are_told_from_clusters_that_differ():
    codes = np.array([0, 0, 1, 1])
    assert clusters_are_copies(np.array([1.0, 1.0, 2.0, 2.0]), codes)
    assert not clusters_are_copies(np.array([1.0, 1.5, 2.0, 2.0]), codes)
    assert not clusters_are_copies(np.array([1.0, 1.0, 2.0]), np.array([0, 0, 1]))


def test_cluster_codes_must_fit_the_rows():
    with pytest.raises(ValueError, match="codes"):
        bounded([0.1, 0.2, 0.3], clusters=np.array([0, 1]))
    with pytest.raises(ValueError, match="left out"):
        clusters.se_cr0([0.1, 0.2, 0.3], np.array([0, 2, 2]))


def test_clustered_errors_equal_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(7)
    codes = np.repeat(np.arange(15), rng.integers(2, 8, 15))
    values = rng.normal(size=15)[codes] + rng.normal(size=len(codes))
    model = sm.OLS(values, np.ones(len(values)))
    for ours, corrected in ((clusters.se_cr0, False), (clusters.se_cr1, True)):
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": corrected})
        assert ours(values, codes) == pytest.approx(fit.bse[0], rel=1e-9)


def test_t_tests_equal_scipys():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=20), rng.normal(0.3, 2.0, size=20)
    paired, welch = ttests.paired_t(x, y), ttests.welch_t(x, y)
    assert paired.test().p_value == pytest.approx(scipy_stats.ttest_rel(x, y).pvalue, rel=1e-10)
    expected = scipy_stats.ttest_ind(x, y, equal_var=False)
    assert welch.test().p_value == pytest.approx(expected.pvalue, rel=1e-10)
    low, high = expected.confidence_interval(0.9)
    assert welch.interval(level=0.9).lower == pytest.approx(low)
    assert welch.interval(level=0.9).upper == pytest.approx(high)


def test_equivalence_equals_statsmodels():
    from statsmodels.stats.weightstats import ttost_paired

    rng = np.random.default_rng(9)
    x = rng.normal(size=40)
    y = x + rng.normal(0.02, 0.3, size=40)
    expected = ttost_paired(x, y, -0.2, 0.2)[0]
    assert ttests.paired_t(x, y).equivalence(0.2).p_value == pytest.approx(expected, rel=1e-9)


def test_t_tests_refuse_what_does_not_vary():
    with pytest.raises(TooFewSamples):
        ttests.paired_t([1.0, 2.0], [0.0, 1.0]).test()
    with pytest.raises(TooFewSamples):
        ttests.paired_t([1.0], [0.0])
    with pytest.raises(ValueError, match="equal lengths"):
        ttests.paired_t([1.0], [0.0, 1.0])
