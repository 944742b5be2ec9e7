"""Cells of the calibration table for several arms at once, and for planned sizes.

Reads: nothing.  Gives: `PARTS`: ranking, front, planned power.
Depends on: rule_cells, evalharness.stats.
The tests are those of `evalharness/stages/standings/ranking.py`: p-values of every pair, Holm.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations
from math import ceil, sqrt

import numpy as np
from rule_cells import (
    ALPHA,
    SHAPES,
    Array,
    Cell,
    Part,
    Ready,
    clustered,
    generator,
    policy,
    share,
    two_arms,
)
from scipy import special

from evalharness.stats.exact_power import corrected_z_grid, n_tango, power_tango
from evalharness.stats.power import Clustering, n_bounded_mean, n_ratio
from evalharness.stats.ratio import UNSEEN_FACTOR, UNSEEN_STALL
from evalharness.stats.simulate import p_cluster_means_above, p_means_above, p_ratios_below

POWER = 0.8


def answers(rng: np.random.Generator, r: int, n: int, rates: tuple[float, ...]) -> Array:
    """Right/wrong [arms, r, n] of arms whose answers go together (latent correlation 0.5)."""
    shared = sqrt(0.5) * rng.normal(size=(r, n))
    return np.stack(
        [
            (shared + sqrt(0.5) * rng.normal(size=(r, n)) < special.ndtri(rate)).astype(float)
            for rate in rates
        ]
    )


def p_marks(first: Array, second: Array, margin: float) -> Array:
    """P of "first is worse than second by the margin or more" [r]; 1 where it is not above it."""
    n = first.shape[1]
    gain, loss = (first > second).sum(axis=1), (first < second).sum(axis=1)
    z = corrected_z_grid(gain.astype(float), loss.astype(float), n, -margin)
    return np.where(z > 0.0, special.ndtr(-z), 1.0)


def told(p_rm: Array) -> Ready:
    """Which of m hypotheses Holm rejects at ALPHA, in each of r sets of p-values [r, m]."""
    order = np.argsort(p_rm, axis=1)
    scaled = np.take_along_axis(p_rm, order, axis=1) * np.arange(p_rm.shape[1], 0, -1)
    kept = np.maximum.accumulate(scaled, axis=1) < ALPHA
    rejected = np.zeros(p_rm.shape, dtype=bool)
    np.put_along_axis(rejected, order, kept, axis=1)
    return rejected


def wrongly_placed(arms: Array, truths: tuple[float, ...], scores: bool) -> Ready:  # noqa: FBT001
    """Whether any two equal arms are told apart, or any two stand in the wrong order [r]."""
    two_sided, wrong_side = [], []
    for one, other in combinations(range(len(arms)), 2):
        if scores:
            gains = arms[one] - arms[other]
            above, below = (p_means_above(sign * gains, 0.0, low=-1.0) for sign in (1.0, -1.0))
        else:
            above, below = (
                p_marks(arms[one], arms[other], 0.0),
                p_marks(arms[other], arms[one], 0.0),
            )
        two_sided.append(np.minimum(1.0, 2.0 * np.minimum(above, below)))
        said_better = above < below
        if truths[one] == truths[other]:
            wrong_side.append(np.ones(len(said_better), dtype=bool))
        else:
            wrong_side.append(said_better != (truths[one] > truths[other]))
    apart = told(np.column_stack(two_sided))
    return (apart & np.column_stack(wrong_side)).any(axis=1)


RANKED = {
    "3 arms, all right in 80%": (0.8,) * 3,
    "5 arms, all right in 80%": (0.8,) * 5,
    "5 arms, all right in 98%": (0.98,) * 5,
    "8 arms, all right in 80%": (0.8,) * 8,
    "5 arms: 80, 80, 75, 75, 70%": (0.8, 0.8, 0.75, 0.75, 0.7),
}


def ranking(draws: int) -> Iterator[Cell]:
    """Two arms that are equal are told apart, or two are ordered against the truth."""
    for row, rates in RANKED.items():
        for n in (50, 200, 500):

            def wrong(rng, r, rates=rates, n=n):
                return wrongly_placed(answers(rng, r, n, rates), rates, scores=False)

            rate = share(generator("ranking", row, f"{n}"), draws, n * len(rates), wrong)
            yield Cell(row, f"n={n}", rate, draws, 1.1 * ALPHA)
    row = "5 arms of equal F1, 40% of it exact"
    for n in (50, 200, 500):

        def wrong_scores(rng, r, n=n):
            shared = rng.random((r, n)) < 0.4
            arms = np.stack([np.where(shared, 1.0, rng.beta(0.6, 0.4, (r, n))) for _ in range(5)])
            return wrongly_placed(arms, (0.0,) * 5, scores=True)

        rate = share(generator("ranking", row, f"{n}"), draws, n * 5, wrong_scores)
        yield Cell(row, f"n={n}", rate, draws, 1.1 * ALPHA)


FRONTS = {
    "4 equal arms": ((0.8, 1.0),) * 4,
    "2 of 4 arms worse by the margin at half the price": ((0.8, 1.0),) * 2 + ((0.77, 0.5),) * 2,
    "2 of 4 arms equal at half the price": ((0.8, 1.0),) * 2 + ((0.8, 0.5),) * 2,
    "dearer and better by five points": ((0.8, 1.0), (0.85, 1.1), (0.8, 1.0), (0.85, 1.1)),
}
FRONT_MARGIN = 0.03


def wrong_front(
    rng: np.random.Generator, r: int, n: int, arms: tuple[tuple[float, float], ...]
) -> Ready:
    """Whether any arm is said to be dominated by one that does not dominate it [r]."""
    marks = answers(rng, r, n, tuple(quality for quality, _ in arms))
    shared = rng.normal(0.0, 0.4, (r, n))
    costs = [price * np.exp(shared + rng.normal(0.0, 0.2, (r, n))) for _, price in arms]
    p_values, untrue = [], []
    for one, other in permutations(range(len(arms)), 2):
        cheaper = p_ratios_below(costs[one], costs[other], 1.0, unseen=UNSEEN_FACTOR)
        better = np.minimum(cheaper, p_marks(marks[one], marks[other], 0.0))
        no_worse = np.maximum(cheaper, p_marks(marks[one], marks[other], FRONT_MARGIN))
        p_values.append(np.maximum(no_worse, np.minimum(1.0, 2.0 * better)))
        (quality, price), (its_quality, its_price) = arms[one], arms[other]
        untrue.append(not (quality > its_quality - FRONT_MARGIN + 1e-9 and price < its_price))
    return (told(np.column_stack(p_values)) & np.array(untrue)).any(axis=1)


def front(draws: int) -> Iterator[Cell]:
    """An untrue "dominated by"."""
    for row, arms in FRONTS.items():
        for n in (50, 200, 500):

            def wrong(rng, r, arms=arms, n=n):
                return wrong_front(rng, r, n, arms)

            rate = share(generator("front", row, f"{n}"), draws, n * len(arms), wrong)
            yield Cell(row, f"n={n}", rate, draws, 1.1 * ALPHA)


# --- planned power ---------------------------------------------------------------------------


def planned(draws: int) -> Iterator[Cell]:
    """READY of equal arms at the n that the plan's formulas ask for a power of 80 %."""
    for margin, discordance in ((0.02, 0.05), (0.03, 0.1), (0.05, 0.05), (0.05, 0.2), (0.1, 0.3)):
        n = n_tango(margin, discordance, power=POWER)
        rate = power_tango(n, discordance / 2, discordance / 2, margin)
        row = f"right/wrong, margin {margin:g}, {discordance:.0%} differ"
        yield Cell(row, f"n={n}", rate, 0, POWER, "least")
    for name in ("token F1, 55% ties", "judge of five points"):
        draw, _ = SHAPES[name]
        spread = float(draw(generator("planned", name, "sd"), 1, 2_000_000).std())
        for margin in (0.05, 0.03):
            n = ceil(n_bounded_mean(margin, spread, power=POWER))

            def shown(rng, r, draw=draw, n=n, margin=margin):
                return p_means_above(draw(rng, r, n), -margin, low=-1.0) < ALPHA

            row = f"{name}, margin {margin:g}"
            rate = share(generator("planned", row, ""), draws, n, shown)
            yield Cell(row, f"n={n}", rate, draws, POWER, "least")
    yield from planned_clusters(draws)
    yield from planned_ratios(draws)
    yield from planned_policy(draws)


def planned_clusters(draws: int) -> Iterator[Cell]:
    """Clusters of ten, whose spread is told by many of them."""
    for kind, correlation, margin in (
        ("equal marks", 0.1, 0.05),
        ("equal marks", 0.3, 0.1),
        ("scores", 0.3, 0.05),
    ):
        shape = (kind, correlation, "equal")
        sums, _, squares = clustered(generator("planned", kind, "sd"), 1, 100_000, shape)
        spread = sqrt(float(sums.var() / 10.0))
        design = float(sums.var() * sums.size / squares.sum())
        n = n_bounded_mean(margin, spread, power=POWER, clusters=Clustering(10.0, design))
        groups = ceil(n / 10.0)

        def shown(rng, r, groups=groups, shape=shape, margin=margin):
            return (
                p_cluster_means_above(clustered(rng, r, groups, shape), -margin, low=-1.0) < ALPHA
            )

        row = f"clusters of ten, {kind}, correlation {correlation:g}, margin {margin:g}"
        rate = share(generator("planned", row, ""), draws, 10 * groups, shown)
        yield Cell(row, f"G={groups}", rate, draws, POWER, "least")


def planned_ratios(draws: int) -> Iterator[Cell]:
    """Mean seconds of equal arms within 1.2, with a declared maximum and without one."""
    first, second = two_arms(generator("planned", "seconds", "sd"), 1, 1_000_000)
    spread = float((first - second).std())
    for most in (None, 5.0, 10.0):
        n = ceil(n_ratio(1.2, spread, extreme=UNSEEN_STALL if most is None else most, power=POWER))

        def shown(rng, r, n=n, most=most):
            arms = [arm if most is None else np.minimum(arm, most) for arm in two_arms(rng, r, n)]
            return p_ratios_below(*arms, 1.2, unseen=UNSEEN_STALL, most=most) < ALPHA

        row = "mean seconds within 1.2" + ("" if most is None else f", `most`: {most:g} means")
        rate = share(generator("planned", row, ""), draws, n, shown)
        yield Cell(row, f"n={n}", rate, draws, POWER, "least")


def planned_policy(draws: int) -> Iterator[Cell]:
    """The five gates of `policies`, each planned to miss only its share (Bonferroni)."""
    each = 1.0 - (1.0 - POWER) / 5.0
    first, second = two_arms(generator("planned", "seconds", "sd"), 1, 1_000_000)
    seconds = float((first - second).std())
    n = max(
        n_tango(0.03, 0.2, power=each),
        n_tango(0.02, 0.02, power=each),
        n_tango(0.02, 0.01, power=each),
        ceil(n_ratio(1.2, seconds, extreme=UNSEEN_STALL, power=each)),
        ceil(n_ratio(1.25, 0.35, extreme=UNSEEN_FACTOR, power=each)),
    )
    rate = share(
        generator("planned", "policy", ""), draws, n, lambda rng, r: policy(rng, r, n, at="none")
    )
    yield Cell("five gates, planned together", f"n={n}", rate, draws, POWER, "least")


PARTS = {
    "ranking": Part(
        "Ranking of several arms",
        "All pairs on the same samples, two-sided, Holm over the pairs. The rate: any two equal "
        "arms told apart, or any two ordered against the truth.",
        ranking,
    ),
    "front": Part(
        "Front of quality and cost",
        "An arm is called dominated where another is no worse on both (quality within 3 points) "
        "and better on one, Holm over all ordered pairs. The rate: any untrue statement.",
        front,
    ),
    "planned": Part(
        "Planned power",
        "READY of equal arms at the n that `plan` asks for 80 %: here the limit is a least one.",
        planned,
    ),
}
