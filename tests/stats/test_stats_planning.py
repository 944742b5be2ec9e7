"""Power, multiplicity, sequential looks, online sums, splits, programs, betting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalharness.errors import TooFewSamples
from evalharness.stats import (
    arms,
    betting,
    binary,
    confidence_sequences,
    multiplicity,
    passk,
    power,
    sequential,
    srm,
)
from evalharness.stats.special import normal_quantile

p_values = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20)


# --- multiplicity ----------------------------------------------------------------------------


@given(p_values)
@settings(max_examples=40, deadline=None)
def test_adjustments_equal_statsmodels(values):
    from statsmodels.stats.multitest import multipletests

    for ours, name in (
        (multiplicity.holm, "holm"),
        (multiplicity.bonferroni, "bonferroni"),
        (multiplicity.benjamini_hochberg, "fdr_bh"),
        (multiplicity.benjamini_yekutieli, "fdr_by"),
    ):
        assert ours(values) == pytest.approx(multipletests(values, method=name)[1], abs=1e-12)


@given(p_values, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_adjusted_values_follow_their_own_and_only_rise(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    for adjust in (multiplicity.holm, multiplicity.benjamini_hochberg):
        plain, shuffled = adjust(values), adjust([values[i] for i in order])
        assert shuffled == [plain[i] for i in order]
        assert all(a >= p - 1e-15 for a, p in zip(plain, values, strict=True))


def test_no_p_values_adjust_to_none():
    assert multiplicity.holm([]) == multiplicity.benjamini_yekutieli([]) == []


@pytest.mark.parametrize("bad", [[1.1], [-0.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(bad):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        multiplicity.holm(bad)


# --- power -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("discordance", "margin", "expected"),
    [(0.05, 0.01, 3092), (0.10, 0.02, 1546), (0.20, 0.03, 1374), (0.30, 0.05, 742)],
)
def test_planned_pairs_are_those_of_the_table(discordance, margin, expected):
    assert math.ceil(power.n_paired_binary(margin, discordance)) == expected


@pytest.mark.parametrize(
    ("rate", "margin", "expected"),
    [(0.02, 0.005, 53_856), (0.05, 0.01, 32_630), (0.10, 0.02, 15_456), (0.30, 0.03, 16_028)],
)
def test_a_tenth_of_the_traffic_costs_what_the_table_says(rate, margin, expected):
    total = power.n_split_traffic(margin, rate * (1.0 - rate))
    assert total == pytest.approx(expected, abs=1.0)
    even = power.n_split_traffic(margin, rate * (1.0 - rate), share=0.5)
    assert total / even == pytest.approx(2.7778, abs=1e-3)


@given(st.floats(0.005, 0.2), st.floats(0.01, 0.5), st.floats(0.5, 0.95))
@settings(max_examples=40, deadline=None)
def test_n_and_power_are_inverse(margin, discordance, target):
    n = power.n_paired_binary(margin, discordance, power=target)
    reached = power.power_paired_binary(n, margin, discordance)
    assert reached >= target - 1e-9
    assert power.mde_paired_binary(n, discordance, power=target) <= margin * (1 + 1e-9)


@pytest.mark.parametrize(("effect", "discordance"), [(-0.03, 0.1), (0.2, 0.1)])
def test_effects_that_no_n_can_show_are_refused(effect, discordance):
    with pytest.raises(ValueError, match=r"no n would do|exceeds"):
        power.n_paired_binary(0.02, discordance, effect=effect)
    with pytest.raises(ValueError, match="no n would do"):
        power.n_paired_mean(0.02, 0.1, effect=-0.03)


def test_t_powers_equal_statsmodels():
    from statsmodels.stats.power import TTestIndPower, TTestPower

    paired = TTestPower().solve_power(0.3, power=0.8, alpha=0.05, alternative="larger")
    assert power.n_paired_t(0.3, 1.0) == pytest.approx(paired, abs=1e-4)
    two = TTestIndPower().solve_power(0.5, power=0.9, alpha=0.025, alternative="larger")
    assert power.n_two_sample_t(0.5, 1.0, alpha=0.025, power=0.9) == pytest.approx(two, abs=1e-4)
    assert power.power_paired_t(50, 0.3, 1.0) == pytest.approx(
        TTestPower().power(0.3, 50, 0.05, alternative="larger"), abs=1e-9
    )


def test_unequal_arms_equal_statsmodels():
    from statsmodels.stats.power import NormalIndPower

    sd = math.sqrt(0.75 * 0.25)
    expected = NormalIndPower().solve_power(
        0.05 / sd, power=0.8, alpha=0.05, ratio=3.0, alternative="larger"
    )
    assert power.n_unpaired_proportions(0.05, 0.75, ratio=3.0) == pytest.approx(expected, rel=1e-6)


def test_repeats_shrink_the_noise_within_items_only():
    one = power.n_with_repeats(0.03, 0.2, (0.3, 0.3), (1, 1))
    many = power.n_with_repeats(0.03, 0.2, (0.3, 0.3), (1000, 1000))
    assert many == pytest.approx(power.n_paired_mean(0.03, 0.2), rel=0.01)
    assert one == pytest.approx(power.n_paired_mean(0.03, math.sqrt(0.04 + 0.18)))


def test_with_little_spread_the_unseen_sets_the_n():
    assert power.n_bounded_mean(0.02, 0.05) > 1.9 * power.n_paired_mean(0.02, 0.05)
    assert power.n_bounded_mean(0.03, 0.4) == pytest.approx(
        power.n_paired_mean(0.03, 0.4), rel=0.01
    )
    n = power.n_bounded_mean(0.02, 0.05)
    assert power.power_bounded_mean(n, 0.02, 0.05) == pytest.approx(0.8, abs=1e-4)


def test_the_n_for_bounded_means_reaches_its_power_in_the_gate_itself():
    from evalharness.stats.mean import mean_effect

    rng = np.random.default_rng(0)
    n = math.ceil(power.n_bounded_mean(0.02, 0.12))
    passed = [
        mean_effect(np.clip(rng.normal(0, 0.12, n), -1, 1), low=-1, high=1).p_greater(-0.02) < 0.05
        for _ in range(1500)
    ]
    assert np.mean(passed) > 0.8 - 3 * math.sqrt(0.16 / 1500)


def test_pilots_are_read_with_caution():
    assert power.discordance_upper(5, 5, 100) > 0.1
    assert power.discordance_upper(0, 0, 100) > 0.0
    assert power.sd_upper(0.3, 50) > 0.3
    assert power.sd_upper(0.3, 5000) < 0.305


def test_joint_power_names_the_gate_that_binds():
    passes = np.array([[True, True], [True, False], [True, False], [False, True]])
    assert power.joint_power(passes) == (0.25, 1)


def test_no_power_without_a_sensible_question():
    with pytest.raises(ValueError, match="power"):
        power.n_paired_mean(0.1, 0.2, power=1.0)
    with pytest.raises(ValueError, match="alpha"):
        power.n_paired_mean(0.1, 0.2, alpha=0.7)
    with pytest.raises(ValueError, match="share"):
        power.n_split_traffic(0.1, 0.2, share=1.0)


# --- looking more than once ------------------------------------------------------------------

looks = st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
    lambda steps: [float(x) for x in np.cumsum(steps) / sum(steps)]
)


@given(looks, st.sampled_from([0.01, 0.05, 0.1]), st.sampled_from(["obrien_fleming", "pocock"]))
@settings(max_examples=15, deadline=None)
def test_alpha_is_spent_exactly_as_planned(information, alpha, spending):
    plan = sequential.lan_demets(information, alpha=alpha, spending=spending)
    crossed = sequential.crossing_probabilities(information, [look.critical_z for look in plan])
    spent = np.cumsum(crossed)
    expected = [look.spent for look in plan]
    assert spent == pytest.approx(expected, abs=2e-7)
    assert expected[-1] == pytest.approx(alpha)


def test_one_look_is_the_fixed_test():
    (look,) = sequential.lan_demets([1.0], alpha=0.05)
    assert look.critical_z == pytest.approx(normal_quantile(0.95))
    assert look.nominal_alpha == pytest.approx(0.05)
    assert sequential.inflation([1.0]) == pytest.approx(1.0, abs=1e-9)


def test_looks_cross_as_often_as_simulated():
    information = [0.3, 0.6, 1.0]
    critical = [look.critical_z for look in sequential.lan_demets(information, alpha=0.05)]
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(200_000, 3)) * np.sqrt(np.diff([0.0, *information]))
    drift = 2.0
    z = (np.cumsum(steps, axis=1) + drift * np.array(information)) / np.sqrt(information)
    first = np.where((z >= critical).any(axis=1), (z >= critical).argmax(axis=1), 3)
    expected = sequential.crossing_probabilities(information, critical, drift=drift)
    for look, probability in enumerate(expected):
        assert (first == look).mean() == pytest.approx(probability, abs=0.004)


def test_pocock_is_flat_and_obrien_fleming_falls():
    flat = sequential.pocock(5)
    assert flat == pytest.approx([2.41317] * 5, abs=1e-4)  # Jennison & Turnbull (2000), table 2.1
    falling = sequential.obrien_fleming(4)
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize(
    ("looks", "of", "pocock"), [(4, 1.029, 1.204), (7, 1.043, 1.242), (10, 1.050, 1.259)]
)
def test_looks_inflate_the_sample_as_rpact_says(looks, of, pocock):
    information = [(k + 1) / looks for k in range(looks)]
    assert sequential.inflation(information) == pytest.approx(of, abs=6e-4)
    assert sequential.inflation(information, spending="pocock") == pytest.approx(pocock, abs=6e-4)


def test_stopping_early_saves_samples_under_the_alternative():
    information = [0.25, 0.5, 0.75, 1.0]
    critical = [look.critical_z for look in sequential.lan_demets(information)]
    drift = normal_quantile(0.95) + normal_quantile(0.8)
    used = sequential.expected_information(information, critical, drift=drift)
    assert 0.7 < used < 0.9


def test_alpha_is_not_spent_before_information_nor_after_all_of_it():
    assert sequential.spent_alpha("pocock", 0.05, 0.0) == 0.0
    assert sequential.spent_alpha("obrien_fleming", 0.05, 1.3) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="unknown"):
        sequential.spent_alpha("hwang", 0.05, 0.5)


@pytest.mark.parametrize("bad", [[], [0.5, 0.5], [0.0, 1.0], [0.5, 1.2], [0.8, 0.4]])
def test_information_must_grow_to_one_at_most(bad):
    with pytest.raises(ValueError, match="increase"):
        sequential.lan_demets(bad)


def test_tiny_first_looks_cannot_be_crossed():
    plan = sequential.lan_demets([0.001, 1.0])
    assert plan[0].critical_z >= 8.0
    assert plan[1].critical_z == pytest.approx(normal_quantile(0.95), abs=1e-6)


# --- peeks -----------------------------------------------------------------------------------


def test_a_confidence_sequence_and_its_p_agree():
    at = confidence_sequences.Peek(0.02, 0.0001, 5000)
    for alpha in (0.01, 0.05, 0.2):
        interval = confidence_sequences.sequence_interval(at, alpha=alpha)
        for theta in (interval.lower, interval.upper):
            p = confidence_sequences.sequence_p(at, theta=theta, alpha=alpha)
            assert p == pytest.approx(alpha, rel=1e-9)


def test_one_sided_sequences_are_inside_two_sided_ones():
    at = confidence_sequences.Peek(0.02, 0.0001, 5000)
    both = confidence_sequences.sequence_interval(at, alpha=0.05)
    one = confidence_sequences.sequence_bounds(at, alpha=0.05)
    assert both.lower < one.lower < 0.02 < one.upper < both.upper


def test_peeking_a_hundred_times_keeps_the_level():
    rng = np.random.default_rng(2)
    runs, steps, batch = 400, 100, 50
    sums = np.cumsum(rng.normal(size=(runs, steps)) * math.sqrt(batch), axis=1)
    n = batch * np.arange(1, steps + 1)
    fired = np.zeros(runs, dtype=bool)
    for k in range(4, steps):
        half = confidence_sequences.sequence_interval(
            confidence_sequences.Peek(0.0, 1.0 / n[k], int(n[k])), alpha=0.05
        ).upper
        fired |= np.abs(sums[:, k] / n[k]) > half
    assert fired.mean() < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_peek_without_variance_says_nothing():
    assert confidence_sequences.sequence_p(confidence_sequences.Peek(0.1, 0.0, 10)) == 1.0
    with pytest.raises(ValueError, match="alpha"):
        confidence_sequences.sequence_interval(confidence_sequences.Peek(0.0, 1.0, 10), alpha=1.0)


# --- the split -------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=4).filter(lambda c: sum(c) > 0))
@settings(max_examples=40, deadline=None)
def test_the_split_test_equals_scipys(counts):
    weights = list(range(1, len(counts) + 1))
    expected = sum(counts) * np.array(weights) / sum(weights)
    ours = srm.srm_test(counts, weights)
    assert ours.p_value == pytest.approx(scipy_stats.chisquare(counts, expected).pvalue, rel=1e-8)


def test_e_values_average_to_one_under_the_plan():
    rng = np.random.default_rng(3)
    e = [
        math.exp(srm.srm_log_e([int(c), 500 - int(c)], [0.9, 0.1]))
        for c in rng.binomial(500, 0.9, 4000)
    ]
    assert np.mean(e) == pytest.approx(1.0, abs=0.05)


def test_a_broken_split_is_found_at_any_peek():
    assert srm.srm_sequential([8850, 1150], [0.9, 0.1]).p_value < 0.01
    assert srm.srm_sequential([9000, 1000], [0.9, 0.1]).p_value == 1.0


def test_a_split_of_nothing_is_refused():
    with pytest.raises(TooFewSamples):
        srm.srm_test([0, 0], [0.5, 0.5])
    with pytest.raises(ValueError, match="weight"):
        srm.srm_test([1, 2], [0.5])
    with pytest.raises(ValueError, match="negative"):
        srm.srm_test([1, -2], [0.5, 0.5])


# --- online sums -----------------------------------------------------------------------------


def test_arms_from_sums_equal_arms_from_values():
    rng = np.random.default_rng(4)
    post = rng.gamma(2.0, size=400)
    pre = post + rng.normal(size=400)
    arm = arms.mean_arm(400, arms.Sums(post.sum(), (post**2).sum()))
    assert arm.mean == pytest.approx(post.mean())
    assert arm.variance_of_mean == pytest.approx(post.var(ddof=1) / 400)
    ratio = arms.ratio_arm(
        400,
        arms.Sums(post.sum(), (post**2).sum()),
        arms.Sums(pre.sum(), (pre**2).sum()),
        float(post @ pre),
    )
    linear = (post - ratio.mean * pre) / pre.mean()
    assert ratio.variance_of_mean == pytest.approx(linear.var(ddof=1) / 400, rel=1e-9)


def test_a_covariate_removes_what_it_explains():
    rng = np.random.default_rng(5)

    def regressed(shift):
        pre = rng.normal(size=2000)
        post = pre + 0.3 * rng.normal(size=2000) + shift
        return arms.Regressed(
            2000,
            arms.Sums(pre.sum(), (pre**2).sum()),
            arms.Sums(post.sum(), (post**2).sum()),
            float(pre @ post),
        )

    first, second = arms.cuped_arms(regressed(0.05), regressed(0.0))
    adjusted = arms.difference(first, second)
    assert adjusted.se < 0.35 * math.sqrt(2 * 1.09 / 2000)
    assert adjusted.value == pytest.approx(0.05, abs=4 * adjusted.se)


def test_a_covariate_that_does_not_vary_changes_nothing():
    flat = arms.Regressed(50, arms.Sums(50.0, 50.0), arms.Sums(20.0, 30.0), 20.0)
    adjusted, _ = arms.cuped_arms(flat, flat)
    assert adjusted == arms.mean_arm(50, flat.post)


def test_lift_is_the_relative_difference():
    candidate, baseline = arms.ArmMean(1.1, 1e-4, 500), arms.ArmMean(1.0, 1e-4, 500)
    lift = arms.lift(candidate, baseline)
    assert lift.value == pytest.approx(0.1)
    assert lift.se == pytest.approx(math.sqrt(1e-4 + 1e-4 * 1.21))


def test_sums_that_say_nothing_are_refused():
    with pytest.raises(TooFewSamples):
        arms.mean_arm(1, arms.Sums(1.0, 1.0))
    with pytest.raises(TooFewSamples):
        arms.ratio_arm(5, arms.Sums(1.0, 1.0), arms.Sums(0.0, 0.0), 0.0)
    with pytest.raises(TooFewSamples):
        arms.lift(arms.ArmMean(1.0, 0.1, 5), arms.ArmMean(0.0, 0.1, 5))
    with pytest.raises(TooFewSamples):
        arms.proportion_arm(0, 0)


# --- programs --------------------------------------------------------------------------------


@given(st.integers(1, 200), st.data())
@settings(max_examples=40, deadline=None)
def test_pass_at_k_is_the_exact_share_of_draws(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    exact = 1.0 - math.comb(n - c, k) / math.comb(n, k)
    assert passk.pass_at_k(n, c, k) == pytest.approx(exact, abs=1e-13)
    assert passk.pass_hat_k(n, c, k) == pytest.approx(math.comb(c, k) / math.comb(n, k), rel=1e-11)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 6), (5, 6, 1), (5, -1, 1), (5, 1, 0)])
def test_pass_at_k_needs_k_samples(n, c, k):
    for estimate in (passk.pass_at_k, passk.pass_hat_k):
        with pytest.raises(ValueError, match="got"):
            estimate(n, c, k)


# --- betting ---------------------------------------------------------------------------------


def skewed(rng, n):
    values = rng.random(n) * 0.04
    losses = rng.random(n) < 0.04
    values[losses] = -rng.uniform(0.6, 1.0, int(losses.sum()))
    return values


@pytest.mark.parametrize("n", [20, 100])
def test_betting_bounds_hold_on_rare_large_losses(n):
    rng = np.random.default_rng(6)
    mean = 0.96 * 0.02 - 0.04 * 0.8
    missed = [
        betting.betting_bounds(skewed(rng, n), low=-1, high=1).lower > mean for _ in range(300)
    ]
    assert np.mean(missed) <= 0.05


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=40), st.sampled_from([0.01, 0.05]))
@settings(max_examples=40, deadline=None)
def test_betting_bounds_hold_the_mean_and_mirror(values, alpha):
    array = np.array(values)
    bounds = betting.betting_bounds(array, low=-1.0, high=1.0, alpha=alpha)
    mirrored = betting.betting_bounds(-array, low=-1.0, high=1.0, alpha=alpha)
    assert -1.0 <= bounds.lower <= array.mean() + 1e-9
    assert array.mean() - 1e-9 <= bounds.upper <= 1.0
    assert bounds.lower == pytest.approx(-mirrored.upper, abs=1e-6)


def test_betting_p_and_bound_agree():
    values = np.random.default_rng(7).uniform(-0.2, 0.4, 200)
    bound = betting.betting_bounds(values, low=-1.0, high=1.0).lower
    p = betting.betting_p_greater(values, bound, low=-1.0, high=1.0)
    assert p == pytest.approx(0.05, abs=1e-3)
    assert betting.betting_p_greater(values, -1.5, low=-1.0, high=1.0) == 0.0
    assert betting.betting_p_greater(values, 1.0, low=-1.0, high=1.0) == 1.0


def test_bets_need_values_within_their_range():
    with pytest.raises(ValueError, match="leave"):
        betting.betting_bounds([2.0], low=-1.0, high=1.0)
    with pytest.raises(ValueError, match="low < high"):
        betting.betting_bounds([0.5], low=1.0, high=1.0)
    with pytest.raises(TooFewSamples):
        betting.betting_bounds([], low=-1.0, high=1.0)


def test_re_testing_without_spending_alpha_is_what_inflates_false_ready():
    rng = np.random.default_rng(8)
    runs, sizes = 4000, [200, 400, 600, 800, 1000]
    outcomes = rng.choice([1, -1, 0], p=[0.075, 0.125, 0.8], size=(runs, 1000))
    plan = sequential.lan_demets([n / 1000 for n in sizes], alpha=0.05)
    naive, spent = np.zeros(runs, bool), np.zeros(runs, bool)
    for n, look in zip(sizes, plan, strict=True):
        gain, loss = (outcomes[:, :n] == 1).sum(1), (outcomes[:, :n] == -1).sum(1)
        z = np.array([binary.tango_z(g, s, n, -0.05) for g, s in zip(gain, loss, strict=True)])
        naive |= z > normal_quantile(0.95)
        spent |= z > look.critical_z
    assert naive.mean() > 0.1
    assert spent.mean() < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
