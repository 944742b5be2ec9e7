"""Cells of the calibration table: a stated truth at a gate's boundary, and how often READY comes.

Reads: nothing.  Gives: `PARTS`, each a function `draws -> cells`.
Depends on: evalharness.stats only; the gates' own p-values over many data sets at once.
Every cell has a generator of its own, seeded by SEED and the CRC-32 of its name.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evalharness.stats.exact_power import corrected_z_grid, power_tango
from evalharness.stats.quantile import order_statistic_ranks
from evalharness.stats.ratio import UNSEEN_STALL
from evalharness.stats.simulate import (
    ClusterSums,
    p_cluster_means_above,
    p_means_above,
    p_ratios_below,
    resampled_p,
    share_p,
)

SEED = 20261123
ALPHA = 0.05
SIZES = (10, 20, 50, 100, 200, 500, 2000)
BLOCK = 1_000_000
"""Values drawn at once."""

Array = NDArray[np.float64]
Ready = NDArray[np.bool_]


@dataclass(frozen=True)
class Cell:
    """How often READY came under one truth.

    draws: 0 where the rate was added up exactly.  limit: what the rate must not exceed (`most`), or
    must reach (`least`).
    """

    row: str
    column: str
    rate: float
    draws: int
    limit: float
    side: str = "most"

    def p(self) -> float:
        """P of a rate this far beyond its limit, if the limit were the truth."""
        beyond = self.rate - self.limit if self.side == "most" else self.limit - self.rate
        if not self.draws:
            return 0.0 if beyond > 1e-9 else 1.0
        hits = round(self.rate * self.draws)
        if self.side == "most":
            return share_p(hits, self.draws, self.limit)
        return share_p(self.draws - hits, self.draws, 1.0 - self.limit)


def generator(part: str, row: str, column: str) -> np.random.Generator:
    """The cell's own random numbers."""
    return np.random.default_rng([SEED, crc32(f"{part}/{row}/{column}".encode())])


def share(rng: np.random.Generator, draws: int, values: int, ready: Callable[..., Ready]) -> float:
    """The share of `draws` data sets of so many values for which `ready(rng, r)` holds."""
    hits = done = 0
    while done < draws:
        r = min(draws - done, max(1, BLOCK // values))
        hits += int(ready(rng, r).sum())
        done += r
    return hits / draws


# --- right/wrong -----------------------------------------------------------------------------


def marks(_draws: int) -> Iterator[Cell]:
    """Every base rate with few and with many samples on which the arms differ, exactly."""
    for base in (0.5, 0.8, 0.95, 0.99, 1.0):
        margin = 0.02 if base >= 0.95 else 0.05
        for gains in (0.0, 0.005, 0.1):
            if gains > 1.0 - base or base - gains < margin:
                continue
            for n in SIZES:
                size = power_tango(n, gains, gains + margin, margin, alpha=ALPHA)
                row = f"right {base:.0%}, margin {margin:g}, gains {gains:g}"
                yield Cell(row, f"n={n}", size, 0, 1.1 * ALPHA)


def exact_methods(_draws: int) -> Iterator[Cell]:
    """One arm against a bar: Clopper-Pearson, and order statistics of a p95; by their own sums."""
    for bar in (0.5, 0.8, 0.95, 0.99):
        for n in SIZES:
            right = np.arange(n + 1)
            p = special.bdtrc(right - 1, n, bar)
            p[0] = 1.0
            mass = special.bdtr(right, n, bar) - np.append(0.0, special.bdtr(right[:-1], n, bar))
            yield Cell(f"share at least {bar:g}", f"n={n}", float(mass[p < ALPHA].sum()), 0, ALPHA)
    for n in (200, 500, 2000):
        _, upper = order_statistic_ranks(n, 0.95, level=1.0 - 2.0 * ALPHA)
        # READY where the (upper + 1)-th value lies below the bar: more than `upper` lie below it.
        yield Cell("p95 at most a bar", f"n={n}", float(special.bdtrc(upper, n, 0.95)), 0, ALPHA)


# --- scores ----------------------------------------------------------------------------------


def rare_losses(share_lost: float, least: float) -> tuple[Callable[..., Array], float]:
    """Many tiny gains and a few large losses: how fine-tuned models really fail."""

    def draw(rng: np.random.Generator, r: int, n: int) -> Array:
        values = rng.random((r, n)) * 0.04
        lost = rng.random((r, n)) < share_lost
        values[lost] = -rng.uniform(least, 1.0, int(lost.sum()))
        return values

    return draw, (1.0 - share_lost) * 0.02 - share_lost * (least + 1.0) / 2.0


def f1_like(rng: np.random.Generator, r: int, n: int) -> Array:
    """Token F1: 55 % exact ties."""
    values = np.clip(rng.normal(0.0, 0.45, (r, n)), -1.0, 1.0)
    values[rng.random((r, n)) < 0.55] = 0.0
    return values


def judged(rng: np.random.Generator, r: int, n: int) -> Array:
    """A judge's five points."""
    return rng.choice([-0.5, -0.25, 0.0, 0.25, 0.5], p=[0.08, 0.2, 0.44, 0.2, 0.08], size=(r, n))


def repeated(rng: np.random.Generator, r: int, n: int) -> Array:
    """Three repeats of right/wrong, averaged a sample."""
    rate = rng.beta(0.5, 0.5, (r, n))
    return (rng.binomial(3, rate) - rng.binomial(3, rate)) / 3.0


SHAPES = {
    "token F1, 55% ties": (f1_like, 0.0),
    "judge of five points": (judged, 0.0),
    "three repeats": (repeated, 0.0),
    "1% losses of 0.6 to 1": rare_losses(0.01, 0.6),
    "2% losses of 0.6 to 1": rare_losses(0.02, 0.6),
    "4% losses of 0.6 to 1": rare_losses(0.04, 0.6),
    "8% losses of 0.6 to 1": rare_losses(0.08, 0.6),
    "4% losses of 1": rare_losses(0.04, 1.0),
}


def scores(draws: int) -> Iterator[Cell]:
    """Mean differences of bounded scores, at the true mean."""
    for row, (draw, truth) in SHAPES.items():
        for n in SIZES:

            def ready(rng, r, draw=draw, truth=truth, n=n):
                return p_means_above(draw(rng, r, n), truth, low=-1.0) < ALPHA

            rate = share(generator("scores", row, f"{n}"), draws, n, ready)
            yield Cell(row, f"n={n}", rate, draws, 1.1 * ALPHA)


# --- clusters --------------------------------------------------------------------------------

CLUSTER_COUNTS = (3, 5, 8, 10, 15, 20, 50, 100)
CLUSTER_ROWS = [
    (kind, correlation, sizes)
    for kind in ("marks", "scores", "rare losses")
    for correlation in (0.05, 0.3, 0.8)
    for sizes in ("equal", "0.3 to 1.7 times", "one holds half")
    if sizes != "one holds half" or (kind, correlation) == ("marks", 0.3)
]


def cluster_sizes(rng: np.random.Generator, r: int, groups: int, how: str) -> Array:
    """Sizes [r, G] around ten."""
    if how == "equal":
        return np.full((r, groups), 10.0)
    if how == "one holds half":
        sizes = np.full((r, groups), 6.0)
        sizes[:, 0] = 6.0 * (groups - 1)
        return sizes
    return np.maximum(1.0, np.round(10.0 * rng.uniform(0.3, 1.7, (r, groups))))


def clustered(
    rng: np.random.Generator, r: int, groups: int, row: tuple[str, float, str]
) -> ClusterSums:
    """Differences in [-1, 1] from a normal that clusters share in part."""
    kind, correlation, how = row
    sizes = cluster_sizes(rng, r, groups, how)
    longest = int(sizes.max())
    latent = sqrt(correlation) * rng.normal(size=(r, groups, 1))
    latent = latent + sqrt(1.0 - correlation) * rng.normal(size=(r, groups, longest))
    if kind == "scores":
        values = np.clip(0.2 * latent, -1.0, 1.0)
    elif kind == "marks":
        values = (latent > 1.7507).astype(float) - (latent < -1.4051)
    elif kind == "equal marks":
        values = (latent > 1.6449).astype(float) - (latent < -1.6449)
    else:
        values = np.where(latent < -1.6449, -0.8, 0.02)
    values = np.where(np.arange(longest) < sizes[:, :, None], values, 0.0)
    return ClusterSums(values.sum(axis=2), sizes, (values**2).sum(axis=(1, 2)))


def cluster_truth(kind: str) -> float:
    """The true mean."""
    return {"scores": 0.0, "marks": -0.04, "rare losses": 0.95 * 0.02 - 0.05 * 0.8}[kind]


def cluster_name(row: tuple[str, float, str]) -> str:
    """A row of clusters in words."""
    return f"{row[0]}, correlation {row[1]:g}, sizes {row[2]}"


def clusters(draws: int) -> Iterator[Cell]:
    """Mean differences over stories, templates or users, at the true mean."""
    for row in CLUSTER_ROWS:
        for groups in CLUSTER_COUNTS:

            def ready(rng, r, row=row, groups=groups):
                drawn = clustered(rng, r, groups, row)
                return p_cluster_means_above(drawn, cluster_truth(row[0]), low=-1.0) < ALPHA

            name = cluster_name(row)
            values = 17 * groups if row[2] != "one holds half" else 6 * groups * groups
            rate = share(generator("clusters", name, f"{groups}"), draws, values, ready)
            yield Cell(name, f"G={groups}", rate, draws, 1.1 * ALPHA)


# --- means of seconds and tokens -------------------------------------------------------------

STALLS = [
    (label, times, declared)
    for times, declared in ((5, False), (20, False), (30, True), (100, True))
    for label in ("one in n", "3.2 in n", "10 in n", "2%")
]


def stall_rate(label: str, n: int) -> float:
    """The chance that a call of the candidate stalls."""
    return 0.02 if label == "2%" else {"one in n": 1.0, "3.2 in n": 3.2, "10 in n": 10.0}[label] / n


def two_arms(rng: np.random.Generator, r: int, n: int) -> tuple[Array, Array]:
    """Seconds of two equal arms, correlated over samples; their mean is 1."""
    shared = rng.normal(0.0, 0.4, (r, n))
    first, second = (np.exp(shared + rng.normal(0.0, 0.2, (r, n)) - 0.1) for _ in range(2))
    return first, second


def stalls(draws: int) -> Iterator[Cell]:
    """Mean seconds where the candidate alone stalls, the gate's ratio at the true one."""
    for label, times, declared in STALLS:
        row = f"{label} takes {times} means" + (f", `most: {times}`" if declared else "")
        for n in SIZES:
            rate = min(0.5, stall_rate(label, n))
            truth = 1.0 + rate * (times - 1.0)

            def ready(rng, r, n=n, stall=(rate, times, declared), truth=truth):
                rate, times, declared = stall
                candidate, baseline = two_arms(rng, r, n)
                candidate[rng.random((r, n)) < rate] = times
                if declared:
                    candidate, baseline = np.minimum(candidate, times), np.minimum(baseline, times)
                    return p_ratios_below(candidate, baseline, truth, most=times) < ALPHA
                return p_ratios_below(candidate, baseline, truth, unseen=UNSEEN_STALL) < ALPHA

            found = share(generator("stalls", row, f"{n}"), draws, n, ready)
            yield Cell(row, f"n={n}", found, draws, 1.1 * ALPHA)


def run_on(rng: np.random.Generator, r: int, n: int, rate: float, most: int) -> Array:
    """Tokens of answers, 40 on average, of which a share runs on to the limit."""
    tokens = np.minimum(5.0 + rng.poisson(35.0, (r, n)), most)
    tokens[rng.random((r, n)) < rate] = most
    return tokens


def tokens(draws: int) -> Iterator[Cell]:
    """Mean tokens where the candidate alone runs on to `max_tokens`."""
    for most in (64, 256, 1024):
        for label in ("one in n", "3.2 in n", "10 in n", "2%"):
            row = f"{label} runs on to `most: {most}`, the others take 40"
            for n in SIZES:
                rate = min(0.5, stall_rate(label, n))
                truth = 1.0 + rate * (most - 40.0) / 40.0

                def ready(rng, r, n=n, rate=rate, most=most, truth=truth):
                    arms = run_on(rng, r, n, rate, most), run_on(rng, r, n, 0.0, most)
                    return p_ratios_below(*arms, truth, most=float(most)) < ALPHA

                found = share(generator("tokens", row, f"{n}"), draws, n, ready)
                yield Cell(row, f"n={n}", found, draws, 1.1 * ALPHA)


# --- percentiles and corpora: the bootstrap --------------------------------------------------


def p95_of(rng: np.random.Generator, candidate: Array, baseline: Array, theta: float) -> float:
    """The bootstrap p of "p95 of candidate / baseline >= theta", resolved as far as it decides.

    Only the top values can reach the quantile: resamples are drawn of them alone, out of a binomial
    number that falls on them.
    """
    n = len(candidate)
    beyond = 0.05 * n
    reach = min(n, int(beyond + 8.0 * sqrt(beyond) + 16.0))
    tops = [np.argsort(arm)[::-1][:reach] for arm in (candidate, baseline)]
    pool, places = np.unique(np.concatenate(tops), return_inverse=True)
    room = n - (ceil(0.95 * n - 1e-9) - 1) - 1 + 1e-9

    def holds(draws: int) -> Ready:
        counts = rng.binomial(n, len(pool) / n, draws)
        owner = np.repeat(np.arange(draws), counts)
        flat = owner * len(pool) + rng.integers(0, len(pool), int(counts.sum()))
        weights = np.bincount(flat, minlength=draws * len(pool)).reshape(draws, len(pool))
        found = []
        for arm, top, place in zip((candidate, baseline), tops, np.split(places, 2), strict=True):
            above = np.cumsum(weights[:, place], axis=1)
            found.append(arm[top[np.argmax(above > room, axis=1)]])
        return found[0] >= theta * found[1]

    return resampled_p(holds, alpha=ALPHA)


def p95_truth(stalled: float, times: float) -> float:
    """The p95 of seconds exp(N(0, 0.4^2 + 0.4^2)) of which a share takes `times` as long."""
    low, high = 0.0, 1000.0
    for _ in range(200):
        middle = (low + high) / 2.0
        below = (1.0 - stalled) * special.ndtr(np.log(middle) / sqrt(0.32))
        below += stalled * special.ndtr(np.log(middle / times) / sqrt(0.32))
        low, high = (middle, high) if below < 0.95 else (low, middle)
    return low


def percentiles(draws: int) -> Iterator[Cell]:
    """The p95 of seconds: a slower candidate, and one that alone stalls."""
    for row, factor, (of_c, of_b) in (
        ("1.2 times as slow, 2% of both stall 5 times", 1.2, (0.02, 0.02)),
        ("6% of the candidate and 2% of the baseline stall 5 times", 1.0, (0.06, 0.02)),
    ):
        theta = factor * p95_truth(of_c, 5.0) / p95_truth(of_b, 5.0)
        for n in (200, 500, 2000):
            rng = generator("percentiles", row, f"{n}")
            hits = 0
            for _ in range(draws):
                common = rng.normal(0.0, 0.4, n)
                arms = [np.exp(common + rng.normal(0.0, 0.4, n)) for _ in range(2)]
                for arm, stalled in zip(arms, (of_c, of_b), strict=True):
                    arm[rng.random(n) < stalled] *= 5.0
                hits += p95_of(rng, factor * arms[0], arms[1], theta) < ALPHA
            yield Cell(row, f"n={n}", hits / draws, draws, 1.1 * ALPHA)


def corpora(draws: int) -> Iterator[Cell]:
    """An F1 of the whole corpus, a function of summed hits and lengths; 4 points worse."""
    truth = 2 * 0.56 / 1.56 - 2 * 0.6 / 1.6

    def value(sums: Array) -> Array:
        first = 2.0 * sums[..., 0] / (sums[..., 2] + sums[..., 0])
        return np.asarray(first - 2.0 * sums[..., 1] / (sums[..., 2] + sums[..., 1]))

    for n in (100, 200, 500):
        rng = generator("corpora", "F1", f"{n}")
        hits = 0
        for _ in range(draws):
            lengths = rng.integers(5, 40, n)
            drawn = [rng.binomial(lengths, rate) for rate in (0.56, 0.6)]
            rows = np.column_stack([*drawn, lengths]).astype(float)

            def holds(b, rows=rows, n=n, rng=rng):
                flat = rng.integers(0, n, (b, n)) + n * np.arange(b)[:, None]
                weights = np.bincount(flat.ravel(), minlength=b * n).reshape(b, n)
                return value(weights @ rows) <= truth

            hits += resampled_p(holds, alpha=ALPHA) < ALPHA
        yield Cell("corpus F1 of summed tokens", f"n={n}", hits / draws, draws, 1.1 * ALPHA)


# --- a whole policy --------------------------------------------------------------------------

GATES = ("quality", "format", "errors", "seconds", "cost")


def passes_marks(gain: NDArray[np.int64], loss: NDArray[np.int64], n: int, margin: float) -> Ready:
    """Right/wrong gates over arrays of counts."""
    z = corrected_z_grid(gain.astype(float), loss.astype(float), n, -margin)
    return np.asarray(z > special.ndtri(1.0 - ALPHA))


def paired_counts(rng: np.random.Generator, r: int, n: int, rates: tuple[float, float]) -> list:
    """Gains and losses [r] of so many pairs."""
    loss = rng.binomial(n, rates[1], r)
    return [rng.binomial(n - loss, rates[0] / (1.0 - rates[1])), loss]


def policy(rng: np.random.Generator, r: int, n: int, *, at: str) -> Ready:
    """READY of five gates on one sample; `at`: the gate whose truth is its margin, the rest equal.

    quality within 3 points (20 % of the pairs differ), format within 2 of 98 %, errors within 2
    points, mean seconds within 1.2, cost at most an eighth (a tenth where it is not at its margin).
    """
    quality = paired_counts(rng, r, n, (0.1, 0.13 if at == "quality" else 0.1))
    formatted = paired_counts(rng, r, n, (0.01, 0.03 if at == "format" else 0.01))
    errors = paired_counts(rng, r, n, (0.005, 0.025 if at == "errors" else 0.005))
    first, second = two_arms(rng, r, n)
    slower = 1.2 if at == "seconds" else 1.0
    price = 0.125 if at == "cost" else 0.1
    spent = price * first * np.exp(rng.normal(0.0, 0.1, (r, n)) - 0.005)
    return (
        passes_marks(*quality, n, 0.03)
        & passes_marks(*formatted, n, 0.02)
        & passes_marks(*errors, n, 0.02)
        & (p_ratios_below(slower * first, second, 1.2, unseen=UNSEEN_STALL) < ALPHA)
        & (p_ratios_below(spent, second, 0.125) < ALPHA)
    )


def policies(draws: int) -> Iterator[Cell]:
    """READY of five gates, one of them at its margin."""
    for gate in GATES:
        row = f"{gate} at its margin, four gates equal"
        for n in SIZES:
            ready = partial(policy, n=n, at=gate)
            rate = share(generator("policies", row, f"{n}"), draws, n, ready)
            yield Cell(row, f"n={n}", rate, draws, 1.1 * ALPHA)


@dataclass(frozen=True)
class Part:
    """A table: its title, how the gate decides, and what makes its cells."""

    title: str
    method: str
    cells: Callable[[int], Iterator[Cell]]


PARTS = {
    "marks": Part(
        "Right/wrong",
        "Tango's paired score interval, corrected for the lattice; added up exactly.",
        marks,
    ),
    "exact": Part(
        "One arm against a bar",
        "Clopper-Pearson; order statistics. Exact methods: the limit is alpha itself.",
        exact_methods,
    ),
    "scores": Part(
        "Scores",
        "The most cautious of Student's t, Hall's skewness-corrected t, and what n samples may "
        "have missed between the mean and -1.",
        scores,
    ),
    "clusters": Part(
        "Clusters",
        "The delete-one-cluster jackknife (CR3) with t of the effective clusters less one, Hall's "
        "t of the cluster sums, and the unseen; at alpha / (1 + 15 / G), half of alpha from 15 "
        "downwards.",
        clusters,
    ),
    "stalls": Part(
        "Mean seconds, the candidate alone stalls",
        "Fieller by t and Hall's t, and what n samples may have missed: a call of `most` where "
        "that is declared, else of 20 means.",
        stalls,
    ),
    "tokens": Part(
        "Mean tokens, the candidate alone runs on to its limit",
        "As for seconds, with the declared limit of tokens.",
        tokens,
    ),
    "percentiles": Part(
        "p95 of seconds",
        "Paired bootstrap of the ratio, percentile interval; 200 samples are the least.",
        percentiles,
    ),
    "corpora": Part(
        "Corpus metrics",
        "Paired bootstrap of sufficient statistics, percentile interval; at least 100 samples.",
        corpora,
    ),
    "policies": Part(
        "A policy of five gates",
        "READY where every gate passes at alpha: an intersection-union test, uncorrected.",
        policies,
    ),
}
