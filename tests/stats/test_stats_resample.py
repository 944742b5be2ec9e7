"""The resampling kernel, and what is built on it: bootstraps, permutations, corpus values."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalharness.errors import TooFewSamples
from evalharness.stats import bootstrap, corpus, permutation, resample, resolve, weighted
from evalharness.stats.moments import cluster_sums


def generator(seed=7):
    return np.random.default_rng(seed)


def first_over_second(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


def real_rows(n=400, k=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, k))


# --- the kernel ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 8, 50, 513])
def test_every_resample_draws_n_units(n):
    blocks = list(resample.resample_counts(n, draws=700, rng=generator()))
    counts = np.concatenate(blocks)
    assert counts.shape == (700, n)
    assert (counts.sum(axis=1) == n).all()
    assert (counts >= 0).all()


def test_counts_are_multinomial():
    counts = np.concatenate(list(resample.resample_counts(20, draws=20_000, rng=generator())))
    assert counts.mean(axis=0) == pytest.approx(np.ones(20), abs=0.03)
    covariance = np.cov(counts.T)
    expected = np.eye(20) - 1.0 / 20.0
    assert np.abs(covariance - expected).max() < 0.05


def test_sums_are_counts_times_rows():
    rows = real_rows(60, 2)
    sums = resample.resample_sums(rows, draws=900, rng=generator())
    counts = np.concatenate(list(resample.resample_counts(60, draws=900, rng=generator())))
    assert np.allclose(sums, counts @ rows)


def test_the_same_seed_gives_the_same_sums_and_another_seed_others():
    rows = real_rows()
    once = resample.resample_sums(rows, draws=600, rng=generator(1))
    assert np.array_equal(once, resample.resample_sums(rows, draws=600, rng=generator(1)))
    assert not np.array_equal(once, resample.resample_sums(rows, draws=600, rng=generator(2)))


def test_chunks_may_be_run_anywhere_in_any_order():
    rows = real_rows(90, 2)
    whole = resample.resample_sums(rows, draws=1700, rng=generator())
    chunks = resample.chunk_generators(1700, generator())
    parts = {}
    for index in reversed(range(len(chunks))):
        size, child = chunks[index]
        parts[index] = np.empty((size, 2))
        resample._count_sums([resample.Table(rows)], 90, child, [parts[index]])
    assert np.array_equal(whole, np.concatenate([parts[i] for i in range(len(chunks))]))


def test_no_tables_give_no_sums():
    assert resample.resample_tables([], n_units=5, draws=10, rng=generator()) == []


def test_slices_share_the_stream_of_the_whole():
    rows = real_rows(200, 2)
    units = np.arange(0, 200, 3)
    masked = np.zeros_like(rows)
    masked[units] = rows[units]
    tables = [resample.Table(rows), resample.Table(rows[units], units)]
    whole, part = resample.resample_tables(tables, n_units=200, draws=600, rng=generator())
    again = resample.resample_sums(np.hstack([rows, masked]), draws=600, rng=generator())
    assert np.allclose(np.hstack([whole, part]), again)


def test_few_distinct_rows_collapse_to_the_same_distribution():
    rng = np.random.default_rng(3)
    marks = (rng.random((3000, 2)) < [0.7, 0.2]).astype(float)
    assert resample._distinct_rows([resample.Table(marks)], 3000) is not None
    fast = resample.resample_sums(marks, draws=8000, rng=generator())
    slow = np.concatenate(
        [counts @ marks for counts in resample.resample_counts(3000, draws=2000, rng=generator())]
    )
    assert fast.mean(axis=0) == pytest.approx(slow.mean(axis=0), rel=0.003)
    assert np.cov(fast.T) == pytest.approx(np.cov(slow.T), rel=0.15, abs=30.0)
    assert scipy_stats.ks_2samp(fast[:, 0], slow[:, 0]).pvalue > 1e-4


def test_collapse_counts_every_row_once():
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]] * 100)
    distinct, counts = resample._distinct_rows([resample.Table(rows)], 300)
    assert sorted(zip(distinct.tolist(), counts.tolist(), strict=True)) == [
        ([0.0, 2.0], 100.0),
        ([1.0, 0.0], 200.0),
    ]


def test_slices_collapse_too():
    marks = (np.random.default_rng(4).random((4000, 1)) < 0.5).astype(float)
    units = np.arange(0, 4000, 4)
    tables = [resample.Table(marks), resample.Table(marks[units], units)]
    assert resample._distinct_rows(tables, 4000) is not None
    whole, part = resample.resample_tables(tables, n_units=4000, draws=500, rng=generator())
    assert part.mean() == pytest.approx(marks[units].sum(), rel=0.02)
    assert (whole >= part).all()


def test_clusters_are_drawn_whole():
    codes = np.repeat(np.arange(30), 5)
    rows = np.ones((150, 1))
    rows[:, 0] = codes
    sums = resample.resample_sums(rows, draws=400, rng=generator(), clusters=codes)
    direct = resample.resample_sums(cluster_sums(rows, codes), draws=400, rng=generator())
    assert np.array_equal(sums, direct)
    weights = next(resample.resample_weights(150, draws=10, rng=generator(), clusters=codes))
    assert (weights.reshape(10, 30, 5) == weights.reshape(10, 30, 5)[:, :, :1]).all()


def test_weights_of_few_large_clusters_come_in_small_blocks():
    codes = np.arange(100_000) % 4
    blocks = resample.resample_weights(100_000, draws=20, rng=generator(), clusters=codes)
    sizes = [block.nbytes for block in blocks]
    assert max(sizes) <= resample.BLOCK_BYTES
    assert sum(sizes) == 20 * 100_000 * 8


def test_a_bootstrap_of_nothing_is_refused():
    with pytest.raises(TooFewSamples):
        resample.resample_sums(np.zeros((0, 2)), draws=10, rng=generator())


def test_poisson_weights_add_up_over_shards():
    rows = np.random.default_rng(5).gamma(2.0, size=(6000, 1))
    shards = [
        resample.poisson_sums(part, draws=3000, rng=child)
        for part, child in zip(np.split(rows, 3), generator().spawn(3), strict=True)
    ]
    merged = sum(shards)
    means = merged[:, 0] / merged[:, 1]
    assert means.mean() == pytest.approx(rows.mean(), rel=0.002)
    assert means.std() == pytest.approx(rows.std() / math.sqrt(6000), rel=0.06)


def test_the_poisson_table_has_poissons_shares():
    table = resample._poisson_table()
    for count in range(6):
        share = np.count_nonzero(table == count) / 65_536
        assert share == pytest.approx(scipy_stats.poisson.pmf(count, 1.0), abs=2e-5)


def test_memory_stays_within_a_few_blocks():
    rows = np.random.default_rng(6).normal(size=(50_000, 2))
    tracemalloc.start()
    resample.resample_sums(rows, draws=1000, rng=generator())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


# --- intervals by name -----------------------------------------------------------------------


def test_bca_is_near_scipys():
    values = np.random.default_rng(8).gamma(1.0, size=80)
    ours = bootstrap.bca_interval(
        values[:, None], lambda sums: sums[..., 0] / 80.0, rng=generator(), level=0.9, draws=40_000
    )
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, confidence_level=0.9, rng=generator(), method="BCa"
    ).confidence_interval
    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_percentile_is_near_scipys():
    values = np.random.default_rng(9).gamma(1.0, size=80)
    ours = bootstrap.percentile_interval(
        values[:, None], lambda sums: sums[..., 0] / 80.0, rng=generator(), draws=40_000
    )
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, rng=generator(), method="percentile"
    ).confidence_interval
    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_intervals_that_nothing_supports_are_refused():
    flat = np.ones((30, 1))
    with pytest.raises(TooFewSamples):
        bootstrap.bca_interval(flat, lambda sums: sums[..., 0], rng=generator())
    with pytest.raises(TooFewSamples):
        bootstrap.bootstrap_t_interval(np.ones(30), rng=generator())
    with pytest.raises(TooFewSamples):
        bootstrap.bootstrap_t_interval([0.0, 1.0, 0.0], rng=generator())
    with pytest.raises(TooFewSamples):
        bootstrap.percentile_interval(np.ones((1, 1)), lambda sums: sums[..., 0], rng=generator())


# --- permutations ----------------------------------------------------------------------------


@given(st.lists(st.floats(-1.0, 1.0).map(lambda x: round(x, 2)), min_size=2, max_size=9))
@settings(max_examples=50, deadline=None)
def test_exact_sign_flips_equal_scipys(values):
    array = np.array(values)
    ours = permutation.sign_flip_test(array, rng=generator())
    theirs = scipy_stats.permutation_test(
        (array,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert ours.exact
    if (
        abs(array.sum()) > 1e-9
    ):  # scipy doubles the smaller tail, we count |sums|: equal by symmetry
        assert ours.two_sided == pytest.approx(theirs, rel=1e-9)
    assert ours.greater + ours.less >= 1.0


def test_random_sign_flips_are_near_the_exact_ones():
    values = np.random.default_rng(10).normal(0.15, 1.0, 18)
    exact = permutation.sign_flip_test(values, rng=generator())
    more = np.concatenate([values, [1e-9, -1e-9, 1e-9]])  # 21 units that move: drawn at random
    drawn = permutation.sign_flip_test(more, rng=generator(), draws=40_000)
    assert not drawn.exact
    assert drawn.two_sided == pytest.approx(exact.two_sided, abs=0.012)
    assert drawn.greater == pytest.approx(exact.greater, abs=0.012)


def test_sign_flips_have_the_variance_of_the_sum():
    rows = np.random.default_rng(11).normal(size=(333, 2))
    sums = 2.0 * permutation._random_subset_sums(rows, 20_000, generator()) - rows.sum(axis=0)
    assert sums.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.6)
    assert sums.var(axis=0) == pytest.approx((rows**2).sum(axis=0), rel=0.04)


def test_a_shifted_sign_flip_tests_the_margin():
    values = np.random.default_rng(12).normal(-0.02, 0.2, 400)
    tails = permutation.sign_flip_test(values, rng=generator(), theta=-0.06)
    assert tails.greater < 0.01
    assert permutation.sign_flip_test(values, rng=generator(), theta=0.0).greater > 0.5


def test_clusters_flip_whole():
    codes = np.repeat(np.arange(6), 20)
    values = np.random.default_rng(13).normal(0, 1, 6)[codes]
    tails = permutation.sign_flip_test(values, rng=generator(), clusters=codes)
    assert tails.exact
    assert tails.draws == 64


def test_all_ties_are_no_evidence():
    tails = permutation.sign_flip_test(np.zeros(30), rng=generator())
    assert (tails.greater, tails.less, tails.two_sided) == (1.0, 1.0, 1.0)


def test_swapping_arms_finds_a_difference_and_none_where_there_is_none():
    rng = np.random.default_rng(14)
    base = np.column_stack([rng.binomial(10, 0.5, 300), np.full(300, 10.0)]).astype(float)
    better = base.copy()
    better[:, 0] = np.minimum(10, better[:, 0] + (rng.random(300) < 0.3))
    found = permutation.approximate_randomisation(better, base, first_over_second, rng=generator())
    assert found.two_sided < 0.001
    same = permutation.approximate_randomisation(base, base, first_over_second, rng=generator())
    assert same.two_sided == 1.0


def test_swapped_arms_mirror_their_tails():
    rng = np.random.default_rng(15)
    a, b = (np.column_stack([rng.random(50), np.ones(50)]) for _ in range(2))
    ours = permutation.approximate_randomisation(a, b, first_over_second, rng=generator())
    theirs = permutation.approximate_randomisation(b, a, first_over_second, rng=generator())
    assert ours.greater == pytest.approx(theirs.less, abs=0.03)
    assert ours.observed == -theirs.observed


def test_arms_of_other_shape_are_refused():
    with pytest.raises(ValueError, match="shape"):
        permutation.approximate_randomisation(
            np.ones((3, 2)), np.ones((4, 2)), first_over_second, rng=generator()
        )


def test_an_undetermined_value_is_refused():
    with pytest.raises(TooFewSamples):
        permutation.approximate_randomisation(
            np.zeros((3, 2)), np.ones((3, 2)), first_over_second, rng=generator()
        )


def test_approximate_randomisation_holds_its_level():
    rng = np.random.default_rng(16)
    hits = 0
    for _ in range(300):
        shared = rng.random(60)
        a, b = (
            np.column_stack([(shared + 0.5 * rng.random(60) > 0.8).astype(float), np.ones(60)])
            for _ in range(2)
        )
        tails = permutation.approximate_randomisation(a, b, first_over_second, rng=rng, draws=400)
        hits += tails.two_sided < 0.05
    assert hits / 300 < 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 300)


# --- corpus values ---------------------------------------------------------------------------


def two_arms(n=300, seed=20, lift=0.1):
    rng = np.random.default_rng(seed)
    whole = rng.integers(5, 15, n).astype(float)
    base = np.column_stack([rng.binomial(whole.astype(int), 0.5), whole]).astype(float)
    better = np.column_stack([rng.binomial(whole.astype(int), 0.5 + lift), whole]).astype(float)
    return better, base


def test_the_paired_bootstrap_is_near_the_delta_method():
    from evalharness.stats.ratio import rate_difference_effect

    candidate, baseline = two_arms()
    drawn = corpus.paired_corpus_effect(candidate, baseline, first_over_second, rng=generator())
    closed = rate_difference_effect(candidate, baseline)
    assert drawn.value == pytest.approx(closed.value)
    assert drawn.bounds(0.05).lower == pytest.approx(closed.bounds(0.05).lower, abs=0.003)
    assert drawn.bounds(0.05).upper == pytest.approx(closed.bounds(0.05).upper, abs=0.003)
    assert drawn.refusal is None


@given(st.floats(-0.2, 0.4), st.sampled_from([0.001, 0.05, 0.2]))
@settings(max_examples=100, deadline=None)
def test_p_values_and_bounds_of_a_bootstrap_agree(theta, alpha):
    effect = SHARED_EFFECT
    bounds = effect.bounds(alpha)
    assert (bounds.lower > theta) == (effect.p_greater(theta) < alpha)
    assert (bounds.upper < theta) == (effect.p_less(theta) < alpha)


SHARED_EFFECT = corpus.paired_corpus_effect(
    *two_arms(), first_over_second, rng=generator(), value_range=(0.0, 1.0)
)


def test_identical_arms_keep_an_interval():
    _, same = two_arms()
    effect = corpus.paired_corpus_effect(
        same, same, first_over_second, rng=generator(), value_range=(0.0, 1.0)
    )
    share = 1.0 - 0.05 ** (1.0 / 300.0)
    value = same[:, 0].sum() / same[:, 1].sum()
    furthest = max(value, 1.0 - value)  # one arm at an end of the range, the other as it is
    assert effect.value == 0.0
    assert effect.bounds(0.05).lower == pytest.approx(-share * furthest)
    assert effect.bounds(0.05).upper == pytest.approx(share * furthest)
    assert effect.p_greater(-0.0001) > 0.05
    assert effect.p_different(0.0) == 1.0


def test_identical_arms_without_a_range_are_refused():
    _, same = two_arms()
    with pytest.raises(TooFewSamples, match="range"):
        corpus.paired_corpus_effect(same, same, first_over_second, rng=generator())


def test_few_segments_may_be_seen_but_not_decide():
    effect = corpus.corpus_effect(two_arms(50)[0], first_over_second, rng=generator())
    assert "100" in (effect.refusal or "")
    assert effect.bounds(0.05).lower < effect.value < effect.bounds(0.05).upper


def test_undefined_resamples_count_against():
    rows = np.zeros((30, 2))
    rows[0] = [1.0, 1.0]  # in a third of all resamples the ratio is 0 of 0
    rows[1] = [0.0, 1.0]
    effect = corpus.corpus_effect(rows, first_over_second, rng=generator())
    assert effect.n_undefined > 1000
    with pytest.raises(TooFewSamples, match="undefined"):
        effect.bounds(0.05)
    assert effect.p_greater(0.01) > 0.1


def test_a_value_that_is_undefined_is_refused():
    with pytest.raises(TooFewSamples):
        corpus.corpus_effect(np.zeros((30, 2)), first_over_second, rng=generator())


@pytest.mark.parametrize("rows", [np.zeros((0, 2)), np.ones((1, 2))])
def test_one_unit_is_no_corpus(rows):
    with pytest.raises(TooFewSamples):
        corpus.corpus_effect(rows, first_over_second, rng=generator())


@pytest.mark.parametrize(
    ("draws", "alpha"), [(99, 0.05), (10_000, 0.05), (10_000, 0.0001), (19, 0.05)]
)
def test_allowed_hits_are_the_most_that_keep_p_below_alpha(draws, alpha):
    most = corpus.allowed_hits(draws, alpha)
    assert most < 0 or (most + 1) / (draws + 1) < alpha
    assert (most + 2) / (draws + 1) >= alpha


def test_the_centred_p_does_not_share_sacrebleus_flaw():
    rng = np.random.default_rng(21)
    hits = 0
    for _ in range(200):
        whole = np.full(60, 10.0)
        a, b = (np.column_stack([rng.binomial(10, 0.6, 60), whole]) for _ in range(2))
        sums = resample.resample_sums(np.hstack([a, b]).astype(float), draws=400, rng=rng)
        values = first_over_second(sums[:, :2]) - first_over_second(sums[:, 2:])
        observed = float(first_over_second(a.sum(0)) - first_over_second(b.sum(0)))
        effect = corpus.bootstrap_effect(observed, values, n=(60, 60))
        hits += effect.p_different(0.0) < 0.05
    assert hits / 200 < 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 200)


# --- weights and ratios ----------------------------------------------------------------------


def weighted_mean(rows, weights):
    return weights @ rows[:, 0] / weights.sum(axis=1)


def test_weights_and_sums_tell_the_same_story():
    rows = np.column_stack([np.random.default_rng(22).random(150), np.ones(150)])
    by_weights = weighted.weighted_effect(rows, weighted_mean, rng=generator())
    by_sums = corpus.corpus_effect(rows, first_over_second, rng=generator())
    assert by_weights.value == pytest.approx(by_sums.value)
    assert by_weights.bounds(0.05).lower == pytest.approx(by_sums.bounds(0.05).lower, abs=1e-12)


def noisy_pair():
    rng = np.random.default_rng(23)
    base = np.column_stack([rng.random(120) + 0.5, np.ones(120)])
    candidate = base.copy()
    candidate[:, 0] *= rng.uniform(0.5, 0.7, 120)
    return candidate, base


@pytest.mark.parametrize("form", ["difference", "ratio"])
def test_pairs_share_their_weights(form):
    candidate, base = noisy_pair()
    effect = weighted.paired_weighted_effect(
        candidate, base, weighted_mean, rng=generator(), form=form
    )
    means = candidate[:, 0].mean(), base[:, 0].mean()
    expected = means[0] - means[1] if form == "difference" else means[0] / means[1]
    assert effect.value == pytest.approx(expected)
    assert effect.bounds(0.05).width < 0.1 * abs(expected)  # unpaired it would be twice that
    assert effect.method == f"paired-bootstrap-{form}"


def test_pairs_of_unequal_length_are_refused():
    candidate, base = noisy_pair()
    with pytest.raises(ValueError, match="equal lengths"):
        weighted.paired_weighted_effect(candidate, base[1:], weighted_mean, rng=generator())


def test_a_corpus_ratio_is_the_quotient_of_the_values():
    candidate, baseline = two_arms()
    effect = weighted.corpus_ratio_effect(candidate, baseline, first_over_second, rng=generator())
    bounds = effect.bounds(0.05)
    assert bounds.lower < effect.value < bounds.upper
    assert effect.value == pytest.approx(
        float(first_over_second(candidate.sum(0)) / first_over_second(baseline.sum(0)))
    )


def test_a_ratio_to_nothing_is_refused():
    candidate, baseline = two_arms()
    baseline[:, 0] = 0.0
    with pytest.raises(TooFewSamples, match="positive"):
        weighted.corpus_ratio_effect(candidate, baseline, first_over_second, rng=generator())


# --- just enough draws -----------------------------------------------------------------------


def drawn_effect(draws, seed=30):
    candidate, baseline = two_arms(lift=0.02)

    def values(count, child):
        sums = resample.resample_sums(np.hstack([candidate, baseline]), draws=count, rng=child)
        return first_over_second(sums[:, :2]) - first_over_second(sums[:, 2:])

    streams = iter(generator(seed).spawn(50))
    value = float(first_over_second(candidate.sum(0)) - first_over_second(baseline.sum(0)))
    effect = corpus.bootstrap_effect(value, values(draws, next(streams)), n=(300, 300))
    return effect, lambda count: values(count, next(streams))


def test_a_clear_decision_takes_no_more_draws():
    effect, more = drawn_effect(500)
    settled = resolve.until_resolved(effect, more, theta=-0.5, alpha=0.05)
    assert settled.draws == 500


def test_a_close_decision_takes_more_draws_until_settled_or_spent():
    effect, more = drawn_effect(500)
    close = effect.bounds(0.05).lower
    settled = resolve.until_resolved(effect, more, theta=close, alpha=0.05, most=8000)
    assert settled.draws > 500
    assert resolve.is_resolved(settled, close, 0.05) or settled.draws == 8000
