"""Does READY mean what it says?  False-READY rates of every gate at its own boundary.

The short form runs always; the long one (`-m slow`) has 20,000 runs a cell and every n.  All cells
of a table are judged together: `simulate.simultaneous_limit` at 1.1 alpha.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalharness.stats import simulate
from evalharness.stats.binary import PairedBinary, tango_z
from evalharness.stats.corpus import paired_corpus_effect
from evalharness.stats.exact_power import power_tango, worst_size
from evalharness.stats.mean import mean_effect
from evalharness.stats.quantile import quantile_ratio_effect
from evalharness.stats.ratio import UNSEEN_STALL, ratio_effect
from evalharness.stats.special import normal_quantile
from evalharness.stats.twosample import UnpairedBinary

ALPHA = 0.05
SEED = 20260214


# --- truths: each gives r samples of n differences in [-1, 1], and their true mean ------------


def f1_like(rng, r, n):
    values = np.clip(rng.normal(0.0, 0.45, (r, n)), -1.0, 1.0)
    values[rng.random((r, n)) < 0.55] = 0.0
    return values


def f1_wide(rng, r, n):
    both = rng.beta(0.6, 0.4, (r, n)) - rng.beta(0.6, 0.4, (r, n))
    return np.where(rng.random((r, n)) < 0.5, 0.0, both)


def judge(rng, r, n):
    return rng.choice([-0.5, -0.25, 0.0, 0.25, 0.5], p=[0.08, 0.2, 0.44, 0.2, 0.08], size=(r, n))


def rouge_like(rng, r, n):
    return np.clip(rng.normal(0.0, 0.12, (r, n)), -1.0, 1.0)


def repeated(rng, r, n):
    rate = rng.beta(0.5, 0.5, (r, n))
    return (rng.binomial(3, rate) - rng.binomial(3, rate)) / 3.0


def rare_losses(share, least, most, gain=0.04):
    """Many tiny gains and a few large losses: how fine-tuned models really fail."""

    def draw(rng, r, n):
        values = rng.random((r, n)) * gain
        lost = rng.random((r, n)) < share
        values[lost] = -rng.uniform(least, most, int(lost.sum()))
        return values

    return draw, (1.0 - share) * gain / 2.0 - share * (least + most) / 2.0


def two_kinds_of_loss(rng, r, n):
    u, values = rng.random((r, n)), rng.normal(0.0, 0.1, (r, n))
    values[u < 0.1] = -0.3
    values[u < 0.02] = -1.0
    return np.clip(values, -1.0, 1.0)


SHAPES = {
    "f1": (f1_like, 0.0),
    "f1 wide": (f1_wide, 0.0),
    "judge": (judge, 0.0),
    "rouge": (rouge_like, 0.0),
    "3 repeats": (repeated, 0.0),
    "losses 1%": rare_losses(0.01, 0.6, 1.0),
    "losses 2%": rare_losses(0.02, 0.6, 1.0),
    "losses 4%": rare_losses(0.04, 0.6, 1.0),
    "losses 8%": rare_losses(0.08, 0.6, 1.0),
    "losses of 1": rare_losses(0.04, 1.0, 1.0, gain=0.0),
    "losses of half": rare_losses(0.1, 0.5, 0.5, gain=0.2),
    "two kinds": (two_kinds_of_loss, -0.044),
}


def false_ready_of_means(name, n, runs):
    draw, mean = SHAPES[name]
    rng = np.random.default_rng([SEED, n, sorted(SHAPES).index(name)])
    hits = done = 0
    while done < runs:
        r = min(runs - done, max(1, 1_000_000 // n))
        hits += int((simulate.p_means_above(draw(rng, r, n), mean, low=-1.0) < ALPHA).sum())
        done += r
    return hits / runs


def check_means(sizes, runs):
    cells = [(name, n) for name in SHAPES for n in sizes]
    limit = simulate.simultaneous_limit(1.1 * ALPHA, runs, cells=len(cells))
    rates = {cell: false_ready_of_means(*cell, runs) for cell in cells}
    assert {cell: rate for cell, rate in rates.items() if rate > limit} == {}


def test_score_gates_hold_on_every_shape_short():
    check_means([10, 20, 50, 100, 200], 2000)


@pytest.mark.slow
def test_score_gates_hold_on_every_shape_long():
    check_means([10, 20, 50, 100, 200, 500, 2000], 20_000)


def test_a_plain_t_gate_does_not_hold_which_is_why_ours_asks_three():
    draw, mean = SHAPES["losses 4%"]
    values = draw(np.random.default_rng(SEED), 2000, 50)
    error = values.std(axis=1, ddof=1) / np.sqrt(50)
    plain = values.mean(axis=1) - 1.677 * error > mean
    assert plain.mean() > 0.1
    assert (simulate.p_means_above(values, mean, low=-1.0) < ALPHA).mean() <= 0.05


@pytest.mark.parametrize("name", ["f1", "losses 4%", "losses of 1", "judge"])
@pytest.mark.parametrize("n", [10, 60, 200])
def test_the_fast_simulation_is_the_gate_itself(name, n):
    draw, mean = SHAPES[name]
    values = draw(np.random.default_rng([SEED, n]), 60, n)
    values[0] = values[0, 0]
    for theta in (mean, mean - 0.05):
        fast = simulate.p_means_above(values, theta, low=-1.0)
        gate = [mean_effect(row, low=-1.0, high=1.0).p_greater(theta) for row in values]
        assert fast == pytest.approx(gate, abs=1e-9)


@pytest.mark.parametrize(("groups", "kind"), [(4, "marks"), (12, "score"), (25, "marks")])
def test_the_fast_simulation_of_clusters_is_the_gate_itself(groups, kind):
    rng = np.random.default_rng([SEED, groups])
    effects, sums, sizes, squares = [], [], [], []
    for number in range(40):
        codes = np.repeat(np.arange(groups), rng.integers(1, 7, groups))
        latent = rng.normal(size=groups)[codes] + rng.normal(size=len(codes))
        values = np.clip(0.2 * latent, -1, 1) if kind == "score" else -(latent > 2.0).astype(float)
        values = values if number else np.zeros(len(codes))
        effects.append(mean_effect(values, low=-1.0, high=1.0, clusters=codes))
        sums.append(np.bincount(codes, weights=values))
        sizes.append(np.bincount(codes).astype(float))
        squares.append(float((values**2).sum()))
    drawn = simulate.ClusterSums(np.array(sums), np.array(sizes), np.array(squares))
    for theta in (-0.3, -0.05, 0.02):
        gate = [effect.p_greater(theta) for effect in effects]
        assert simulate.p_cluster_means_above(drawn, theta, low=-1.0) == pytest.approx(
            gate, abs=1e-9
        )


@pytest.mark.parametrize("most", [None, 40.0])
def test_the_fast_simulation_of_ratios_is_the_gate_itself(most):
    rng = np.random.default_rng(SEED)
    candidate, baseline = np.exp(rng.normal(0.0, 0.5, (2, 60, 40)))
    candidate[rng.random(candidate.shape) < 0.02] = 30.0
    for theta in (1.0, 1.3, 2.0):
        fast = simulate.p_ratios_below(candidate, baseline, theta, unseen=20.0, most=most)
        gate = [
            ratio_effect(c, b, unseen=20.0, most=most).p_less(theta)
            for c, b in zip(candidate, baseline, strict=True)
        ]
        assert fast == pytest.approx(gate, abs=1e-9)


def test_a_bootstrap_p_is_resolved_only_as_far_as_its_decision_takes():
    rng = np.random.default_rng(SEED)
    asked = []

    def holds(draws):
        asked.append(draws)
        return rng.random(draws) < asked_rate

    for asked_rate, most in ((0.5, 100), (0.05, 3200)):
        asked.clear()
        assert simulate.resampled_p(holds, alpha=ALPHA) == pytest.approx(asked_rate, abs=0.1)
        assert sum(asked) <= most


def test_the_p_of_a_share_is_the_binomials():
    assert simulate.share_p(1100, 20_000, 0.05) == pytest.approx(
        scipy_stats.binom.sf(1099, 20_000, 0.05), rel=1e-9
    )
    assert simulate.share_p(0, 100, 0.05) == 1.0


# --- right/wrong marks: exact, no simulation -------------------------------------------------


def false_ready_of_marks(n, base, margin, extra):
    """Exact size where the baseline is right with rate `base` and `extra` is the gain rate."""
    gain = min(extra, 1.0 - base)
    return power_tango(n, gain, gain + margin, margin, alpha=ALPHA)


@pytest.mark.parametrize("n", [10, 20, 50, 100, 200, 500, 2000])
def test_mark_gates_hold_near_the_ceiling_and_away_from_it(n):
    rates = {
        (base, margin, extra): false_ready_of_marks(n, base, margin, extra)
        for base in (0.5, 0.8, 0.95, 0.99, 1.0)
        for margin in (0.01, 0.02, 0.05)
        for extra in (0.005, 0.03, 0.1, 0.2)
        if extra <= 0.2 and margin + extra < base
    }
    assert max(rates.values()) <= 1.1 * ALPHA


def worst_over_discordances(n, margin, alpha, steps):
    psis = np.unique(
        np.concatenate(
            [margin * np.array([1.0, 1.1, 1.5, 2.0, 4.0]), np.linspace(margin, 1, steps)]
        )
    )
    return worst_size(n, margin, psis[psis <= 1.0], alpha=alpha)


@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.01])
@pytest.mark.parametrize("n", [5, 10, 15, 20, 30, 50, 100])
def test_no_boundary_of_marks_exceeds_its_alpha_by_a_tenth_short(n, alpha):
    worst = max(
        worst_over_discordances(n, margin, alpha, 12) for margin in (0.0, 0.01, 0.02, 0.05, 0.15)
    )
    assert worst <= 1.1 * alpha


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.0125, 0.01])
@pytest.mark.parametrize("n", [*range(5, 61), 80, 100, 130, 200, 300, 500, 1000, 2000])
def test_no_boundary_of_marks_exceeds_its_alpha_by_a_tenth_long(n, alpha):
    margins = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3)
    rates = {m: worst_over_discordances(n, m, alpha, 30) for m in margins}
    assert max(rates[m] for m in margins if m < 0.3) <= 1.1 * alpha
    # At margins of 30 points the tail of few pairs is coarser than a tenth of alpha.
    assert rates[0.3] <= (1.1 if alpha >= 0.025 else 1.15) * alpha


def test_tangos_score_alone_exceeds_it_which_is_why_ours_is_corrected():
    n, z = 25, normal_quantile(0.95)
    plain = [
        (gain, loss)
        for gain in range(n + 1)
        for loss in range(n + 1 - gain)
        if tango_z(gain, loss, n, -0.1) > z
    ]
    chance = sum(
        scipy_stats.multinomial.pmf([gain, loss, n - gain - loss], n, [0.0, 0.1, 0.9])
        for gain, loss in plain
    )
    assert chance > 0.07
    assert power_tango(n, 0.0, 0.1, 0.1) <= 1.1 * ALPHA


def test_a_guardrail_at_99_percent_is_safe_where_walds_gate_is_not():
    rng = np.random.default_rng(SEED)
    n, margin, runs = 50, 0.02, 4000
    losses = rng.binomial(n, 0.03, runs)
    gains = rng.binomial(n - losses, 0.01)
    difference = (gains - losses) / n
    error = np.sqrt((gains + losses) / n - difference**2) / np.sqrt(n)
    assert (difference - 1.645 * error > -margin).mean() > 0.2
    ours = [
        PairedBinary(int(g), int(s), n).p_greater(-margin) < ALPHA
        for g, s in zip(gains[:1000], losses[:1000], strict=True)
    ]
    assert np.mean(ours) <= ALPHA


# --- clusters, ratios, tails, corpora, unmatched arms ----------------------------------------


def clustered(correlation, groups, mean_size, kind):
    """Cluster sizes vary 0.3 to 1.7 times their mean, as in the design study."""

    def draw(rng):
        sizes = np.maximum(1, np.round(mean_size * rng.uniform(0.3, 1.7, groups)).astype(int))
        codes = np.repeat(np.arange(groups), sizes)
        latent = rng.normal(size=groups)[codes] * np.sqrt(correlation)
        latent = latent + rng.normal(size=len(codes)) * np.sqrt(1.0 - correlation)
        if kind == "score":
            values = np.clip(0.2 * latent, -1.0, 1.0)
        else:
            values = np.where(latent > 1.7507, 1.0, np.where(latent < -1.4051, -1.0, 0.0))
        return mean_effect(values, low=-1.0, high=1.0, clusters=codes)

    return draw, 0.0 if kind == "score" else -0.04


CLUSTERS = [
    (correlation, groups, size, kind)
    for correlation in (0.05, 0.3)
    for groups, size in ((5, 20), (10, 10), (20, 10), (50, 10))
    for kind in ("score", "marks")
]


def check_clusters(cells, runs):
    limit = simulate.simultaneous_limit(1.1 * ALPHA, runs, cells=len(cells))
    found = {}
    for index, cell in enumerate(cells):
        draw, mean = clustered(*cell)
        rng = np.random.default_rng([SEED, index])
        rates = simulate.operating_rates(draw, theta=mean, alpha=ALPHA, runs=runs, rng=rng)
        found[cell] = rates.passes
    assert {cell: rate for cell, rate in found.items() if rate > limit} == {}


def test_clustered_gates_hold_short():
    check_clusters(CLUSTERS[4:12], 250)


@pytest.mark.slow
def test_clustered_gates_hold_long():
    check_clusters(CLUSTERS, 5000)


def stalled_latencies(ratio, n, stalls):
    def draw_arms(rng):
        shared = rng.normal(0.0, 0.4, n)
        arms = []
        for factor in (ratio, 1.0):
            times = factor * np.exp(shared + rng.normal(0.0, 0.4, n))
            times[rng.random(n) < stalls] *= 5.0
            arms.append(times)
        return arms

    return draw_arms


@pytest.mark.parametrize(("n", "stalls"), [(20, 0.0), (50, 0.02), (200, 0.02)])
def test_ratio_gates_hold(n, stalls):
    arms = stalled_latencies(1.2, n, stalls)
    rates = simulate.operating_rates(
        lambda rng: ratio_effect(*arms(rng)),
        theta=1.2,
        alpha=ALPHA,
        runs=1500,
        rng=np.random.default_rng([SEED, n]),
    )
    assert rates.fails <= simulate.simultaneous_limit(1.1 * ALPHA, 1500, cells=6)
    assert rates.passes <= simulate.simultaneous_limit(1.1 * ALPHA, 1500, cells=6)


def stalls_of_the_candidate(share, times, n):
    """Only the candidate stalls: in (1 - share)^n of the samples nothing of it is seen."""

    def draw_arms(rng):
        shared = rng.normal(0.0, 0.4, n)
        arms = [np.exp(shared + rng.normal(0.0, 0.2, n)) for _ in range(2)]
        arms[0][rng.random(n) < share] *= times
        return arms

    return draw_arms, 1.0 + share * (times - 1.0)


def check_stalls(cells, sizes, runs):
    limit = simulate.simultaneous_limit(1.1 * ALPHA, runs, cells=len(cells) * len(sizes))
    found = {}
    for share, times in cells:
        for n in sizes:
            arms, truth = stalls_of_the_candidate(share, times, n)
            rates = simulate.operating_rates(
                lambda rng, arms=arms: ratio_effect(*arms(rng), unseen=UNSEEN_STALL),
                theta=truth,
                alpha=ALPHA,
                runs=runs,
                rng=np.random.default_rng([SEED, n, int(1000 * share)]),
            )
            found[share, times, n] = rates.fails
    assert {cell: rate for cell, rate in found.items() if rate > limit} == {}


def test_a_candidate_that_alone_stalls_gets_no_ready_short():
    check_stalls([(0.02, 20), (0.04, 10)], [50, 200], 200)


@pytest.mark.slow
def test_a_candidate_that_alone_stalls_gets_no_ready_long():
    cells = [(0.01, 10), (0.02, 5), (0.02, 10), (0.02, 20), (0.04, 10), (0.1, 5)]
    check_stalls(cells, [20, 50, 100, 200, 500], 2000)


def check_tail_gates(n, runs, draws):
    arms = stalled_latencies(1.2, n, 0.02)
    rates = simulate.operating_rates(
        lambda rng: quantile_ratio_effect(*arms(rng), 0.95, rng=rng, draws=draws),
        theta=1.2,
        alpha=ALPHA,
        runs=runs,
        rng=np.random.default_rng([SEED, n]),
    )
    assert rates.fails <= simulate.simultaneous_limit(1.1 * ALPHA, runs, cells=4)


def test_p95_gates_hold_short():
    check_tail_gates(200, 120, 400)


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 500, 2000])
def test_p95_gates_hold_long(n):
    check_tail_gates(n, 1500, 1000)


def corpus_pair(n):
    """An F1 of the whole corpus: a function of summed hits and lengths; candidate 4 points worse."""

    def draw(rng):
        lengths = rng.integers(5, 40, n)
        hits = [rng.binomial(lengths, rate) for rate in (0.56, 0.6)]
        rows = [np.column_stack([h, lengths]).astype(float) for h in hits]
        return paired_corpus_effect(
            rows[0],
            rows[1],
            lambda sums: 2.0 * sums[..., 0] / (sums[..., 1] + sums[..., 0]),
            rng=rng,
            value_range=(0.0, 1.0),
        )

    truth = 2 * 0.56 / 1.56 - 2 * 0.6 / 1.6
    return draw, truth


@pytest.mark.parametrize(
    "runs", [40, pytest.param(1500, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_corpus_gates_hold(runs):
    draw, truth = corpus_pair(120)
    rates = simulate.operating_rates(
        draw, theta=truth, alpha=ALPHA, runs=runs, rng=np.random.default_rng(SEED)
    )
    assert rates.refused == 0.0
    assert rates.passes <= simulate.simultaneous_limit(1.2 * ALPHA, runs, cells=1)


def test_online_gates_on_rare_events_hold():
    def draw(rng):
        return UnpairedBinary(
            (int(rng.binomial(400, 0.015)), 400), (int(rng.binomial(3600, 0.01)), 3600)
        )

    rates = simulate.operating_rates(
        draw, theta=0.005, alpha=ALPHA, runs=3000, rng=np.random.default_rng(SEED)
    )
    assert rates.fails <= simulate.simultaneous_limit(1.1 * ALPHA, 3000, cells=2)


def test_refusals_are_counted_apart():
    rates = simulate.operating_rates(
        lambda rng: mean_effect(rng.random(1)),
        theta=0.0,
        alpha=ALPHA,
        runs=20,
        rng=np.random.default_rng(SEED),
    )
    assert rates == (0.0, 0.0, 1.0, 20)
    assert rates.error(0.05) == pytest.approx(0.0500, abs=0.005)


# --- a whole policy --------------------------------------------------------------------------


def policy_passes(rng, n, quality_drop):
    """Five gates on one sample: quality, format, errors, latency, cost."""
    losses = rng.binomial(n, 0.1 + quality_drop)
    gains = rng.binomial(n - losses, 0.1)
    quality = PairedBinary(int(gains), int(losses), n).p_greater(-0.03)
    format_lost = int(rng.binomial(n, 0.01))
    format_gained = int(rng.binomial(n - format_lost, 0.01))
    formatted = PairedBinary(format_gained, format_lost, n).p_greater(-0.02)
    failed = int(rng.binomial(n, 0.005))
    errors = PairedBinary(0, failed, n).p_greater(-0.02)
    shared = rng.normal(0.0, 0.4, n)
    times = [np.exp(shared + rng.normal(0.0, 0.3, n)) for _ in range(2)]
    latency = ratio_effect(*times).p_less(1.2)
    cost = ratio_effect(0.1 * times[1], times[0]).p_less(0.125)
    return all(p < ALPHA for p in (quality, formatted, errors, latency, cost))


def test_a_policy_of_five_gates_needs_no_correction_for_ready():
    rng = np.random.default_rng(SEED)
    at_boundary = np.mean([policy_passes(rng, 800, 0.03) for _ in range(400)])
    assert at_boundary <= simulate.simultaneous_limit(1.1 * ALPHA, 400, cells=1)
    equal = np.mean([policy_passes(rng, 3000, 0.0) for _ in range(150)])
    assert equal > 0.6
