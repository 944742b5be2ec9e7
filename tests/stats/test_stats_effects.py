"""What every effect must keep: agreement, symmetry, order, finiteness, ties, copies, extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import TooFewSamples
from evalharness.stats import marks
from evalharness.stats.binary import PairedBinary
from evalharness.stats.corpus import paired_corpus_effect
from evalharness.stats.intervals import Proportion
from evalharness.stats.mean import mean_effect
from evalharness.stats.quantile import quantile_effect, quantile_ratio_effect
from evalharness.stats.ratio import rate_difference_effect, rate_effect, ratio_effect
from evalharness.stats.twosample import UnpairedBinary, unpaired_mean_effect


def generator(seed=0):
    return np.random.default_rng(seed)


def sum_ratio(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


def unit_rows(values):
    return np.column_stack([values, np.ones(len(values))])


# name -> (build from two arms in [0, 1], whether it is a difference that mirrors)
EFFECTS = {
    "marks": lambda c, b: marks.paired_marks_effect(np.round(c), np.round(b)),
    "mean": lambda c, b: mean_effect(c - b, low=-1.0, high=1.0),
    "rate": lambda c, b: rate_difference_effect(unit_rows(c), unit_rows(b)),
    "unpaired marks": lambda c, b: UnpairedBinary(
        (int(np.round(c).sum()), len(c)), (int(np.round(b).sum()), len(b))
    ),
    "unpaired mean": lambda c, b: unpaired_mean_effect(c, b, low=0.0, high=1.0),
    "corpus": lambda c, b: paired_corpus_effect(
        unit_rows(c), unit_rows(b), sum_ratio, rng=generator(), value_range=(0.0, 1.0)
    ),
}
RATIOS = {
    "ratio of means": lambda c, b: ratio_effect(c + 0.1, b + 0.1),
    "ratio of medians": lambda c, b: quantile_ratio_effect(
        c + 0.1, b + 0.1, 0.5, rng=generator(), draws=2000
    ),
}
ALL = EFFECTS | RATIOS


@st.composite
def two_arms(draw, least=30, most=60):
    n = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shared = rng.random(n)
    noise = draw(st.sampled_from([0.0, 0.1, 0.5]))
    arms = [np.clip(shared + noise * rng.normal(size=n), 0.0, 1.0) for _ in range(2)]
    return arms[0], arms[1]


@pytest.mark.parametrize("name", ALL)
@given(arms=two_arms(), alpha=st.sampled_from([0.01, 0.05, 0.25]))
@settings(max_examples=12, deadline=None)
def test_bounds_are_finite_ordered_and_hold_the_estimate(name, arms, alpha):
    effect = ALL[name](*arms)
    bounds = effect.bounds(alpha)
    assert math.isfinite(bounds.lower)
    assert math.isfinite(bounds.upper)
    assert bounds.lower <= effect.value <= bounds.upper
    assert bounds.level == pytest.approx(1.0 - 2.0 * alpha)
    assert bounds.method == effect.method
    assert effect.n_clusters <= effect.n


@pytest.mark.parametrize("name", ALL)
@given(arms=two_arms(), theta=st.floats(-0.6, 1.6))
@settings(max_examples=12, deadline=None)
def test_every_p_is_a_probability_and_agrees_with_the_bounds(name, arms, theta):
    effect = ALL[name](*arms)
    bounds = effect.bounds(0.05)
    ps = effect.p_greater(theta), effect.p_less(theta), effect.p_different(theta)
    assert all(0.0 <= p <= 1.0 for p in ps)
    if min(abs(bounds.lower - theta), abs(bounds.upper - theta), abs(effect.value - theta)) > 1e-6:
        assert (ps[0] < 0.05) == (bounds.lower > theta)
        assert (ps[1] < 0.05) == (bounds.upper < theta)


@pytest.mark.parametrize("name", ALL)
@given(arms=two_arms())
@settings(max_examples=10, deadline=None)
def test_a_smaller_alpha_never_narrows(name, arms):
    effect = ALL[name](*arms)
    wide, narrow = effect.bounds(0.01), effect.bounds(0.1)
    assert wide.lower <= narrow.lower + 1e-12
    assert wide.upper >= narrow.upper - 1e-12


@pytest.mark.parametrize("name", ALL)
@given(arms=two_arms(), one=st.floats(-0.9, 2.0), other=st.floats(-0.9, 2.0))
@settings(max_examples=10, deadline=None)
def test_a_larger_margin_never_makes_it_harder(name, arms, one, other):
    low, high = sorted((one, other))
    effect = ALL[name](*arms)
    assert effect.p_greater(low) <= effect.p_greater(high) + 1e-9
    assert effect.p_less(low) >= effect.p_less(high) - 1e-9


@pytest.mark.parametrize("name", [name for name in EFFECTS if name != "corpus"])
@given(arms=two_arms())
@settings(max_examples=10, deadline=None)
def test_swapped_arms_mirror_exactly(name, arms):
    ours, theirs = EFFECTS[name](*arms).bounds(0.05), EFFECTS[name](*arms[::-1]).bounds(0.05)
    if name == "unpaired mean":  # its limits lean on the baseline's mean: mirrored in the spread
        assert ours.width == pytest.approx(theirs.width, rel=0.5)
        return
    assert ours.lower == pytest.approx(-theirs.upper, abs=1e-9)
    assert ours.upper == pytest.approx(-theirs.lower, abs=1e-9)


@pytest.mark.parametrize(
    "name", [name for name in ALL if name not in ("corpus", "ratio of medians")]
)
@given(arms=two_arms(), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_samples_in_another_order_are_the_same_samples(name, arms, seed):
    order = np.random.default_rng(seed).permutation(len(arms[0]))
    ours = ALL[name](*arms).bounds(0.05)
    theirs = ALL[name](arms[0][order], arms[1][order]).bounds(0.05)
    assert ours.lower == pytest.approx(theirs.lower, abs=1e-9)
    assert ours.upper == pytest.approx(theirs.upper, abs=1e-9)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_and_all_wrong_keep_an_interval_that_shrinks_with_n(name, value):
    widths = []
    for n in (10, 100, 1000):
        arm = np.full(n, value)
        bounds = EFFECTS[name](arm, arm).bounds(0.05)
        widths.append(bounds.width)
    # at one end the corpus value can only leave in one direction
    assert min(widths) > 0.0
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("name", ["marks", "mean", "rate"])
def test_ties_alone_never_pass_a_margin_they_cannot_show(name):
    z2 = 1.6448536269514722**2
    for n in (5, 20, 100, 500):
        ties = EFFECTS[name](np.ones(n), np.ones(n))
        assert -ties.bounds(0.05).lower >= z2 / (n + z2) - 1e-12
        assert ties.p_greater(-0.9 * z2 / (n + z2)) > 0.05


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_are_refused_or_wide(name, n):
    arm = np.full(n, 0.7)
    try:
        effect = ALL[name](arm, arm)
    except TooFewSamples:
        return
    bounds = effect.bounds(0.05)  # a single pair of marks has an honest, useless interval
    assert bounds.width > 1.4


# --- marks -----------------------------------------------------------------------------------


@given(two_arms(), st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_marks_written_down_twice_are_the_same_evidence(arms, copies):
    candidate, baseline = np.round(arms[0]), np.round(arms[1])
    codes = np.repeat(np.arange(len(candidate)), copies)
    once = marks.paired_marks_effect(candidate, baseline)
    many = marks.paired_marks_effect(
        np.repeat(candidate, copies), np.repeat(baseline, copies), clusters=codes
    )
    assert once == many
    assert isinstance(many, PairedBinary)
    alone = marks.marks_effect(np.repeat(candidate, copies), clusters=codes)
    assert alone == marks.marks_effect(candidate)
    assert isinstance(alone, Proportion)


def test_marks_that_differ_within_clusters_are_a_clustered_mean():
    codes = np.repeat(np.arange(20), 3)
    rng = generator(3)
    candidate, baseline = (rng.integers(0, 2, 60).astype(float) for _ in range(2))
    effect = marks.paired_marks_effect(candidate, baseline, clusters=codes)
    assert effect.method == "cluster-jackknife-t"
    assert effect.value == pytest.approx((candidate - baseline).mean())
    assert marks.marks_effect(candidate, clusters=codes).n_clusters == 20


def test_two_clusters_of_copies_are_two_marks():
    codes = np.array([0, 0, 1, 1])
    assert marks.marks_effect(np.array([1.0, 1.0, 0.0, 0.0]), clusters=codes) == Proportion(1, 2)


def test_a_clustered_rate_stays_within_zero_and_one():
    codes = np.repeat(np.arange(12), 2)
    outcomes = np.ones(24)
    outcomes[0] = 0.0
    bounds = marks.marks_effect(outcomes, clusters=codes).bounds(0.05)
    assert 0.0 <= bounds.lower < bounds.upper <= 1.0
    bounds = marks.marks_effect(1.0 - outcomes, clusters=codes).bounds(0.05)
    assert 0.0 <= bounds.lower < bounds.upper <= 1.0


def test_repeats_of_a_sample_are_no_independent_samples():
    rng = generator(4)
    rates = rng.beta(0.3, 0.3, 50)
    codes = np.repeat(np.arange(50), 4)
    arms = [rng.binomial(1, rates[codes]).astype(float) for _ in range(2)]
    alone = marks.marks_effect(arms[0])
    clustered = marks.marks_effect(arms[0], clusters=codes)
    assert clustered.bounds(0.05).width > 1.3 * alone.bounds(0.05).width


@pytest.mark.parametrize("clusters", [None, np.array([0, 0, 1, 1])])
def test_what_is_no_mark_is_refused(clusters):
    values = np.array([0.5, 1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="0 or 1"):
        marks.marks_effect(values, clusters=clusters)
    with pytest.raises(ValueError, match="0 or 1"):
        marks.paired_marks_effect(values, np.zeros(4), clusters=clusters)


def test_one_cluster_of_marks_says_nothing():
    codes = np.zeros(4, dtype=np.intp)
    with pytest.raises(TooFewSamples):
        marks.paired_marks_effect([1, 0, 1, 1], [0, 0, 1, 1], clusters=codes)
    with pytest.raises(TooFewSamples):
        marks.paired_marks_effect(np.ones(4), np.ones(4), clusters=codes)
    with pytest.raises(TooFewSamples):
        marks.marks_effect(np.ones(4), clusters=codes)


@pytest.mark.parametrize(
    "effect",
    [
        rate_effect(unit_rows(np.ones(30))),
        quantile_effect(generator(5).random(300), 0.9, rng=generator()),
        Proportion(3, 10),
    ],
)
def test_one_arm_against_a_bar_agrees_with_its_bounds(effect):
    bounds = effect.bounds(0.05)
    for theta in np.linspace(0.01, 0.99, 41):
        if min(abs(theta - bounds.lower), abs(theta - bounds.upper)) > 1e-9:
            assert (effect.p_greater(theta) < 0.05) == (bounds.lower > theta)
            assert (effect.p_less(theta) < 0.05) == (bounds.upper < theta)
