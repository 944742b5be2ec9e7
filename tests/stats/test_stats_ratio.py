"""Ratios of means, rates and quantiles: cost, tokens and latency gates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalharness.errors import TooFewSamples
from evalharness.stats import intervals, quantile, ratio
from evalharness.stats.mean import mean_effect
from evalharness.stats.unseen import unseen_share


def generator(seed=7):
    return np.random.default_rng(seed)


def costs(n, seed, factor=1.0, spread=0.5):
    rng = generator(seed)
    shared = rng.normal(0.0, spread, n)
    candidate = factor * np.exp(shared + rng.normal(0.0, 0.2, n))
    return candidate, np.exp(shared + rng.normal(0.0, 0.2, n))


seeds = st.integers(0, 1000)


@given(seeds, st.integers(10, 200), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=25, deadline=None)
def test_the_bounds_of_a_ratio_are_where_its_p_is_alpha(seed, n, alpha):
    effect = ratio.ratio_effect(*costs(n, seed, 0.3))
    bounds = effect.bounds(alpha)
    assert 0.0 <= bounds.lower < effect.value < bounds.upper
    assert effect.p_less(bounds.upper) == pytest.approx(alpha, abs=1e-6)
    if bounds.lower > 0.0:
        assert effect.p_greater(bounds.lower) == pytest.approx(alpha, abs=1e-6)


@given(seeds, st.floats(0.01, 100.0), st.floats(0.01, 100.0))
@settings(max_examples=25, deadline=None)
def test_units_of_money_do_not_matter(seed, one, other):
    candidate, baseline = costs(80, seed)
    plain = ratio.ratio_effect(candidate, baseline).bounds(0.05)
    scaled = ratio.ratio_effect(candidate * one, baseline * other).bounds(0.05)
    assert scaled.lower == pytest.approx(plain.lower * one / other, rel=1e-6)
    assert scaled.upper == pytest.approx(plain.upper * one / other, rel=1e-6)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_swapping_the_arms_inverts_the_bounds(seed):
    candidate, baseline = costs(150, seed, 0.5)
    ours = ratio.ratio_effect(candidate, baseline).bounds(0.05)
    theirs = ratio.ratio_effect(baseline, candidate).bounds(0.05)
    assert ours.lower == pytest.approx(1.0 / theirs.upper, rel=1e-6)
    assert ours.upper == pytest.approx(1.0 / theirs.lower, rel=1e-6)


@given(seeds, st.floats(0.05, 3.0), st.floats(0.05, 3.0))
@settings(max_examples=25, deadline=None)
def test_evidence_for_a_smaller_ratio_grows_with_the_bar(seed, one, other):
    low, high = sorted((one, other))
    effect = ratio.ratio_effect(*costs(60, seed))
    assert effect.p_less(low) >= effect.p_less(high) - 1e-9
    assert effect.p_greater(low) <= effect.p_greater(high) + 1e-9


@given(seeds, st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_copies_in_clusters_change_nothing(seed, copies):
    candidate, baseline = costs(50, seed)
    codes = np.repeat(np.arange(50), copies)
    many = ratio.ratio_effect(
        np.repeat(candidate, copies), np.repeat(baseline, copies), clusters=codes
    )
    assert many.bounds(0.05) == ratio.ratio_effect(candidate, baseline).bounds(0.05)


def test_without_skew_it_is_fiellers_interval():
    rng = generator(3)
    candidate, baseline = rng.normal(5.0, 1.0, 400), rng.normal(10.0, 1.0, 400)
    ours = ratio.ratio_effect(candidate, baseline).bounds(0.025)
    c, b = candidate.mean(), baseline.mean()
    t = scipy_stats.t.ppf(0.975, 399)
    covariance = np.cov(candidate, baseline) / 400
    roots = np.roots(
        [
            b * b - t * t * covariance[1, 1],
            -2.0 * (b * c - t * t * covariance[0, 1]),
            c * c - t * t * covariance[0, 0],
        ]
    )
    # The unseen asks for more than Fieller here: compare the spread alone.
    spread = [effect_bound(ratio.ratio_effect(candidate, baseline), r) for r in sorted(roots.real)]
    assert spread == pytest.approx([0.025, 0.025], abs=0.002)
    assert ours.lower <= min(roots.real) + 1e-3
    assert ours.upper >= max(roots.real) - 1e-3


def effect_bound(effect, r):
    return min(effect._p_spread(r))


def test_an_eightfold_saving_is_shown():
    candidate, baseline = costs(300, 5, 0.1)
    effect = ratio.ratio_effect(candidate, baseline)
    assert effect.bounds(0.05).upper < 0.125
    assert effect.p_less(0.125) < 0.05


def test_costs_that_never_vary_keep_an_interval_that_shrinks_with_n():
    widths = [
        ratio.ratio_effect([1.0] * n, [10.0] * n).bounds(0.05).width for n in (5, 50, 500, 5000)
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 0.0
    assert ratio.ratio_effect([1.0] * 5, [10.0] * 5).p_less(0.11) > 0.05


def test_equal_arms_keep_an_interval_around_one():
    candidate, _ = costs(200, 6)
    bounds = ratio.ratio_effect(candidate, candidate).bounds(0.05)
    assert bounds.lower < 1.0 < bounds.upper


def test_a_free_candidate_costs_nothing():
    effect = ratio.ratio_effect([0.0] * 30, costs(30, 7)[1])
    assert effect.value == 0.0
    assert effect.bounds(0.05).upper == 0.0
    assert effect.p_less(0.125) < 0.05


@pytest.mark.parametrize(
    ("candidate", "baseline"),
    [([], []), ([1.0], [2.0]), ([1.0, 2.0], [0.0, 0.0]), ([1.0, -2.0], [1.0, 1.0])],
)
def test_what_gives_no_ratio_is_refused(candidate, baseline):
    with pytest.raises(TooFewSamples):
        ratio.ratio_effect(candidate, baseline)


def test_a_baseline_lost_in_noise_bounds_nothing():
    effect = ratio.ratio_effect([1.0, 1.1, 0.9, 1.0], [0.0, 0.0, 0.0, 5.0])
    with pytest.raises(TooFewSamples, match="uncertain"):
        effect.bounds(0.05)


def test_two_sided_p_of_a_ratio_is_fiellers():
    candidate, baseline = costs(100, 8, 1.3)
    effect = ratio.ratio_effect(candidate, baseline)
    assert effect.p_different(effect.value) == 1.0
    assert effect.p_different(1.0) < 0.01


# --- rates -----------------------------------------------------------------------------------


def test_a_rate_of_ones_is_a_mean():
    values = generator(9).integers(0, 2, 80).astype(float)
    rows = np.column_stack([values, np.ones(80)])
    assert ratio.rate_effect(rows).bounds(0.05).lower == pytest.approx(
        mean_effect(values, low=0.0, high=1.0).bounds(0.05).lower
    )


def test_the_rate_is_the_ratio_of_sums_and_its_error_the_delta_methods():
    rng = generator(10)
    whole = rng.integers(1, 20, 500).astype(float)
    part = rng.binomial(whole.astype(int), 0.3).astype(float)
    effect = ratio.rate_effect(np.column_stack([part, whole]))
    value = part.sum() / whole.sum()
    residual = part - value * whole
    assert effect.value == pytest.approx(value)
    assert effect.se == pytest.approx(residual.std(ddof=1) / math.sqrt(500) / whole.mean())


def test_equal_rates_have_no_difference_but_an_interval():
    rows = np.column_stack([np.ones(40), np.full(40, 2.0)])
    effect = ratio.rate_difference_effect(rows, rows)
    assert effect.value == 0.0
    assert effect.bounds(0.05).width > 0.05


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(TooFewSamples):
        ratio.rate_effect(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="columns"):
        ratio.rate_effect(np.ones((5, 3)))


# --- quantiles -------------------------------------------------------------------------------


@given(seeds, st.integers(200, 400), st.sampled_from([0.5, 0.9, 0.95]))
@settings(max_examples=25, deadline=None)
def test_order_statistics_bound_a_quantile_as_the_binomial_says(seed, n, q):
    values = costs(n, seed)[0]
    effect = quantile.quantile_effect(values, q, rng=generator())
    bounds = effect.bounds(0.05)
    ordered = np.sort(values)
    low = int(np.searchsorted(ordered, bounds.lower)) + 1
    high = int(np.searchsorted(ordered, bounds.upper)) + 1
    assert low == int(scipy_stats.binom.ppf(0.05, n, q))
    assert high == int(scipy_stats.binom.ppf(0.95, n, q)) + 1
    assert bounds.lower <= effect.value <= bounds.upper


@given(seeds, st.floats(0.2, 6.0))
@settings(max_examples=25, deadline=None)
def test_p_values_and_bounds_of_a_quantile_agree(seed, theta):
    effect = quantile.quantile_effect(costs(250, seed)[0], 0.95, rng=generator())
    bounds = effect.bounds(0.05)
    assert (bounds.lower > theta) == (effect.p_greater(theta) < 0.05)
    assert (bounds.upper < theta) == (effect.p_less(theta) < 0.05)


def test_a_quantile_equals_numpys_inverted_cdf():
    values = costs(137, 11)[0]
    for q in (0.05, 0.5, 0.9, 0.99):
        assert quantile.quantile_value(values, q) == np.quantile(values, q, method="inverted_cdf")


@given(seeds, st.integers(1, 60), st.sampled_from([0.05, 0.5, 0.9, 0.95]))
@settings(max_examples=25, deadline=None)
def test_weighted_quantiles_equal_those_of_copied_values(seed, n, q):
    rng = generator(seed)
    values = np.round(rng.random(n), 1)
    weights = rng.multinomial(n, np.ones(n) / n, size=5).astype(float)
    ours = quantile.weighted_quantiles(values, weights, q)
    copied = [quantile.quantile_value(np.repeat(values, row.astype(int)), q) for row in weights]
    assert ours.tolist() == copied


def test_a_ratio_of_quantiles_is_near_the_plain_bootstraps():
    candidate, baseline = costs(300, 12, 1.1)
    effect = quantile.quantile_ratio_effect(candidate, baseline, 0.9, rng=generator())
    index = generator(13).integers(0, 300, size=(4000, 300))
    tops = np.quantile(candidate[index], 0.9, axis=1, method="inverted_cdf")
    bottoms = np.quantile(baseline[index], 0.9, axis=1, method="inverted_cdf")
    low, high = np.quantile(tops / bottoms, [0.05, 0.95])
    bounds = effect.bounds(0.05)
    assert (bounds.lower, bounds.upper) == pytest.approx((low, high), abs=0.02)


@pytest.mark.parametrize(("n", "q"), [(199, 0.95), (999, 0.99), (19, 0.5), (99, 0.1)])
def test_a_tail_of_fewer_than_ten_values_is_refused(n, q):
    values = costs(n, 14)
    with pytest.raises(TooFewSamples, match=f"got {n}"):
        quantile.quantile_effect(values[0], q, rng=generator())
    with pytest.raises(TooFewSamples, match="percentile"):
        quantile.quantile_ratio_effect(*values, q, rng=generator())
    quantile.require_tail(n + 1, q)


@pytest.mark.parametrize(("n", "draws"), [(300, 10_000), (40_000, 5000), (1_000_000, 2000)])
def test_large_samples_take_fewer_resamples(n, draws):
    assert quantile._enough_draws(n) == draws


def test_clustered_quantiles_are_wider():
    codes = np.repeat(np.arange(40), 10)
    values = np.exp(generator(15).normal(0, 1, 40))[codes]
    clustered = quantile.quantile_effect(values, 0.5, rng=generator(), clusters=codes)
    alone = quantile.quantile_effect(values, 0.5, rng=generator())
    assert clustered.bounds(0.05).width > 2.0 * alone.bounds(0.05).width


def test_latencies_of_zero_have_no_ratio():
    with pytest.raises(TooFewSamples, match="positive"):
        quantile.quantile_ratio_effect(np.zeros(200), np.ones(200), 0.95, rng=generator())
    with pytest.raises(ValueError, match="equal lengths"):
        quantile.quantile_ratio_effect(np.ones(200), np.ones(201), 0.95, rng=generator())


def test_equal_latencies_have_a_ratio_of_one():
    effect = quantile.quantile_ratio_effect(
        np.full(300, 0.5), np.full(300, 0.5), 0.95, rng=generator()
    )
    assert effect.bounds(0.05) == intervals.Interval(1.0, 1.0, 0.9, effect.method)
    assert effect.p_less(1.2) < 0.05
    assert effect.p_less(1.0) > 0.4


def test_a_quantile_needs_a_share_between_zero_and_one():
    with pytest.raises(ValueError, match="0 < q < 1"):
        quantile.quantile_value([1.0, 2.0], 1.0)
    with pytest.raises(TooFewSamples):
        quantile.quantile_value([], 0.5)


def test_a_declared_most_bounds_what_was_not_seen():
    tight = ratio.ratio_effect([1.0] * 200, [10.0] * 200, most=11.0).bounds(0.05)
    loose = ratio.ratio_effect([1.0] * 200, [10.0] * 200, most=110.0).bounds(0.05)
    share = unseen_share(200, 0.05)
    assert tight.upper == pytest.approx(0.1 + share * 1.0)
    assert loose.upper == pytest.approx(0.1 + share * 10.9)
    assert 1.0 / tight.lower == pytest.approx(10.0 + share * 1.0)  # the baseline's mean is 10 of 11


def test_a_value_above_the_declared_most_is_refused():
    with pytest.raises(ValueError, match="at most 5 were declared, got 6"):
        ratio.ratio_effect([6.0, 1.0], [1.0, 1.0], most=5.0)


@given(st.integers(2, 60), st.integers(0, 1000))
def test_swapping_the_arms_mirrors_a_ratio_with_a_declared_most(n, seed):
    first, second = np.random.default_rng(seed).uniform(0.5, 4.0, (2, n))
    ours = ratio.ratio_effect(first, second, most=5.0)
    theirs = ratio.ratio_effect(second, first, most=5.0)
    for theta in (0.3, 0.9, 1.4, 3.0):
        assert ours.p_less(theta) == pytest.approx(theirs.p_greater(1.0 / theta), abs=1e-9)
