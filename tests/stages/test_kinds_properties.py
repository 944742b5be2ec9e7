"""Properties that every gate's evidence keeps, whatever the metric: mirrors, margins, ties, no NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import TooFewSamples
from evalharness.stages.deciding.claims import Claim, decide_claims
from evalharness.stages.deciding.kinds import difference, ratio
from evalharness.stages.pairing import PairedRows
from evalharness.stats.corpus import paired_corpus_effect
from evalharness.stats.quantile import quantile_ratio_effect
from evalharness.store.marks import MetricColumns

KINDS = {
    "exact_match": ("binary", "fraction", 0.0, 1.0),
    "f1": ("continuous", "fraction", 0.0, 1.0),
    "cost_usd": ("continuous", "usd", 0.0, None),
    "completion_tokens": ("continuous", "tokens", 0.0, 40.0),
}
RATIOS = {"cost_usd", "completion_tokens"}


def columns(name):
    kind, scale, low, high = KINDS[name]
    return MetricColumns(
        label=name, name=name, version="1", signature=name, direction="higher", kind=kind,
        scale=scale, sees="answers", low=low, high=high, columns=("value", "weight"),
    )  # fmt: skip


def rows(first, second, clusters):
    def stacked(values):
        return np.column_stack([np.asarray(values, float), np.ones(len(values))])

    return PairedRows(
        baseline_pk=stacked(second),
        candidate_pk=stacked(first),
        cluster_p=np.asarray(clusters, dtype=np.uint64),
        clustered=len(set(clusters)) < len(clusters),
        repeated=False,
        left_out=0,
        wanted=len(first),
    )


@st.composite
def samples(draw):
    name = draw(st.sampled_from(sorted(KINDS)))
    n = draw(st.integers(4, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    if name == "exact_match":
        first, second = rng.integers(0, 2, (2, n))
    elif name == "f1":
        first, second = np.round(rng.random((2, n)), draw(st.integers(0, 2)))
    else:
        first, second = np.minimum(40.0, np.exp(rng.normal(0, 0.5, (2, n))))
    groups = draw(st.sampled_from([n, max(2, n // 3)]))
    return name, first, second, [k % groups for k in range(n)]


def both(name, first, second, clusters):
    make = ratio if name in RATIOS else difference
    return make(columns(name), rows(first, second, clusters), 0)


@given(samples(), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=120)
def test_swapping_the_arms_mirrors_the_bounds(sample, alpha):
    name, first, second, clusters = sample
    try:
        ours = both(name, first, second, clusters).bounds(alpha)
        theirs = both(name, second, first, clusters).bounds(alpha)
    except TooFewSamples:
        return
    if name in RATIOS:
        if min(ours.lower, theirs.lower) > 0:
            assert ours.lower == pytest.approx(1 / theirs.upper, rel=1e-5)
            assert ours.upper == pytest.approx(1 / theirs.lower, rel=1e-5)
        return
    assert ours.lower == pytest.approx(-theirs.upper, abs=1e-9)
    assert ours.upper == pytest.approx(-theirs.lower, abs=1e-9)


@given(samples(), st.floats(0, 0.3), st.floats(0, 0.3))
@settings(max_examples=120)
def test_a_wider_margin_never_turns_a_pass_away(sample, margin, more):
    name, first, second, clusters = sample
    try:
        effect = both(name, first, second, clusters)
        base = 1.0 if name in RATIOS else 0.0
        narrow = decide_claims(effect, (Claim("above", base - margin),), 0.05)
        wide = decide_claims(effect, (Claim("above", base - margin - more),), 0.05)
    except TooFewSamples:
        return
    if narrow.outcome == "PASS":
        assert wide.outcome == "PASS"
    if wide.outcome == "FAIL":
        assert narrow.outcome == "FAIL"
    assert wide.p_pass <= narrow.p_pass + 1e-9


@given(samples(), st.floats(-1, 1))
@settings(max_examples=120)
def test_no_number_is_nan(sample, theta):
    name, first, second, clusters = sample
    try:
        effect = both(name, first, second, clusters)
        bounds = effect.bounds(0.05)
    except TooFewSamples:
        return
    told = (effect.value, bounds.lower, bounds.upper, effect.p_greater(theta),
            effect.p_less(theta), effect.p_different(theta))  # fmt: skip
    assert all(math.isfinite(number) for number in told)
    assert bounds.lower <= effect.value <= bounds.upper
    assert all(0.0 <= p <= 1.0 for p in told[3:])


@given(samples(), st.integers(1, 400))
@settings(max_examples=80)
def test_ties_never_make_an_interval_vanish(sample, ties):
    name, first, second, _ = sample
    if name in RATIOS:
        return
    n = len(first) + ties
    effect = both(name, [*first, *[1.0] * ties], [*second, *[1.0] * ties], range(n))
    assert effect.bounds(0.05).upper - effect.bounds(0.05).lower > 1.0 / n


@given(samples(), st.integers(2, 4))
@settings(max_examples=60)
def test_copies_in_a_cluster_change_no_bound(sample, copies):
    name, first, second, _ = sample
    n = len(first)
    try:
        once = both(name, first, second, range(n)).bounds(0.05)
    except TooFewSamples:
        return
    clusters = [k // copies for k in range(n * copies)]
    many = both(name, np.repeat(first, copies), np.repeat(second, copies), clusters).bounds(0.05)
    assert (once.lower, once.upper) == pytest.approx((many.lower, many.upper), abs=1e-9)


# --- kinds that are resampled: corpora and percentiles ---------------------------------------


def corpus(first, second, clusters=None, limits=(0.0, 1.0)):
    """An F1 of summed (hits, lengths), as BLEU and macro F1 are functions of sums."""
    return paired_corpus_effect(
        first,
        second,
        lambda sums: 2.0 * sums[..., 0] / (sums[..., 1] + sums[..., 0]),
        rng=np.random.default_rng(1),
        clusters=clusters,
        value_range=limits,
    )


def percentile(first, second, clusters=None):
    return quantile_ratio_effect(
        first, second, 0.95, rng=np.random.default_rng(1), clusters=clusters, draws=1000
    )


def drawn(kind, seed):
    rng = np.random.default_rng(seed)
    if kind == "percentile":
        return percentile, *np.exp(rng.normal(0, 0.5, (2, 200)))
    lengths = rng.integers(5, 40, 40)
    arms = [np.column_stack([rng.binomial(lengths, 0.6), lengths]).astype(float) for _ in "ab"]
    return corpus, *arms


resampled = given(st.sampled_from(["corpus", "percentile"]), st.integers(0, 10**6))


@given(st.integers(0, 10**6))
@settings(max_examples=8)
def test_swapping_the_arms_mirrors_a_percentiles_bounds(seed):
    make, first, second = drawn("percentile", seed)
    ours, theirs = make(first, second).bounds(0.05), make(second, first).bounds(0.05)
    assert (ours.lower, ours.upper) == pytest.approx((1 / theirs.upper, 1 / theirs.lower), rel=1e-9)


@given(st.integers(0, 10**6), st.sampled_from([(0.0, 1.0), (0.0, 100.0), (0.0, None)]))
@settings(max_examples=12)
def test_swapping_the_arms_mirrors_a_corpus_bounds(seed, limits):
    make, first, second = drawn("corpus", seed)
    ours = make(first, second, limits=limits).bounds(0.05)
    theirs = make(second, first, limits=limits).bounds(0.05)
    assert (ours.lower, ours.upper) == pytest.approx((-theirs.upper, -theirs.lower), rel=1e-9)


@resampled
@settings(max_examples=12)
def test_resampled_gates_are_finite_and_monotone_in_the_margin(kind, seed):
    make, first, second = drawn(kind, seed)
    effect = make(first, second)
    bounds = effect.bounds(0.05)
    assert bounds.lower <= effect.value <= bounds.upper
    base = 1.0 if kind == "percentile" else 0.0
    ps = [effect.p_greater(base - margin) for margin in np.linspace(-0.3, 0.3, 13)]
    assert all(math.isfinite(p) and 0.0 <= p <= 1.0 for p in ps)
    assert ps == sorted(ps, reverse=True)


@resampled
@settings(max_examples=12)
def test_copies_in_a_cluster_change_no_resampled_bound(kind, seed):
    make, first, second = drawn(kind, seed)
    once = make(first, second).bounds(0.05)
    twice = [np.repeat(arm, 2, axis=0) for arm in (first, second)]
    many = make(*twice, np.repeat(np.arange(len(first)), 2)).bounds(0.05)
    assert (once.lower, once.upper) == pytest.approx((many.lower, many.upper), abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 300))
@settings(max_examples=8)
def test_ties_never_make_a_corpus_interval_vanish(seed, ties):
    make, first, second = drawn("corpus", seed)
    tied = np.tile([10.0, 10.0], (ties, 1))
    bounds = make(np.vstack([first, tied]), np.vstack([second, tied])).bounds(0.05)
    assert bounds.upper - bounds.lower > 1.0 / (len(first) + ties)
