"""False READY of gate rules, ours and peers', and of ours over a grid: the tables of the docs.

`python benchmarks/simulate_rules.py > docs/rules.md` writes docs/rules.md.
Truth: baseline right in `base` of the samples, candidate `base - margin` (the boundary, where READY
must be rare) or equal; correctness of the two arms correlated with phi.  20,000 draws a cell.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from math import sqrt

import numpy as np

from evalharness.stats.binary import PairedBinary, mcnemar_exact
from evalharness.stats.exact_power import power_tango
from evalharness.stats.ratio import UNSEEN_STALL, ratio_effect
from evalharness.stats.simulate import means_above, simultaneous_limit

ALPHA, DRAWS = 0.05, 20_000
CELLS = ((0.75, 0.05, 0.5), (0.95, 0.03, 0.5), (0.99, 0.02, 0.5))
SIZES = (20, 50, 100, 200, 500, 2000)


def cell_probabilities(base: float, candidate: float, phi: float) -> list[float]:
    """P(both right), P(gain), P(loss), P(both wrong) for two correlated coins."""
    spread = phi * sqrt(base * (1 - base) * candidate * (1 - candidate))
    both = min(base * candidate + spread, base, candidate)
    return [both, candidate - both, base - both, 1 - base - candidate + both]


def rules(gain: int, loss: int, n: int, margin: float) -> dict[str, bool]:
    """Whether each rule says READY."""
    difference = (gain - loss) / n
    spread = sqrt(max(0.0, (gain + loss) / n - difference**2) / max(1, n - 1))
    return {
        "mean above baseline": difference > 0,
        "mean within the margin": difference >= -margin,
        "no significant regression": not (
            loss > gain and mcnemar_exact(gain, loss).p_value < ALPHA
        ),
        "paired t interval": difference - 1.645 * spread > -margin,
        "evalharness": PairedBinary(gain=gain, loss=loss, n=n).bounds(ALPHA).lower > -margin,
    }


def shares(
    probabilities: list[float], n: int, margin: float, rng: np.random.Generator
) -> list[float]:
    """READY in per cent, one number a rule."""
    judged = lru_cache(maxsize=None)(
        lambda gain, loss: tuple(rules(gain, loss, n, margin).values())
    )
    drawn = rng.multinomial(n, probabilities, size=DRAWS)
    hits = np.zeros(5)
    for gain, loss in drawn[:, 1:3].tolist():
        hits += judged(gain, loss)
    return list(100.0 * hits / DRAWS)


SEED = 20261122
GRID_SIZES = (10, 20, 50, 100, 200, 500, 2000)
STALL_DRAWS = 1000


def grid_of_marks() -> list[tuple[str, list[float]]]:
    """Exact sizes: every base rate, with few and with many samples on which the arms differ."""
    rows = []
    for base in (0.5, 0.8, 0.95, 0.99, 1.0):
        for gains in (0.0, 0.005, 0.1):
            margin = 0.02 if base >= 0.95 else 0.05
            if gains > 1.0 - base or base - gains < margin:
                continue
            sizes = [power_tango(n, gains, gains + margin, margin) for n in GRID_SIZES]
            rows.append((f"right {base:.0%}, margin {margin:g}, gains {gains:g}", sizes))
    return rows


def grid_of_scores() -> list[tuple[str, list[float]]]:
    """Many tiny gains and a few large losses: how tuned models fail; a lower limit of -1."""
    rows = []
    for share, least in ((0.0, 0.0), (0.01, 0.6), (0.04, 0.6), (0.08, 0.6), (0.04, 1.0)):
        truth = (1.0 - share) * 0.02 - share * (least + 1.0) / 2.0
        found = []
        for n in GRID_SIZES:
            rng = np.random.default_rng([SEED, n, int(1000 * share)])
            hits = done = 0
            while done < DRAWS:
                r = min(DRAWS - done, max(1, 500_000 // n))
                values = rng.random((r, n)) * 0.04
                lost = rng.random((r, n)) < share
                values[lost] = -rng.uniform(least, 1.0, int(lost.sum()))
                hits += int(means_above(values, truth, alpha=ALPHA, low=-1.0).sum())
                done += r
            found.append(hits / DRAWS)
        rows.append((f"scores, {share:.0%} losses of {least:g} to 1", found))
    return rows


def grid_of_stalls() -> list[tuple[str, list[float]]]:
    """Mean latency where the candidate alone stalls, against a margin at the true ratio."""
    rows = []
    for share, times in ((0.02, 5), (0.02, 20), (0.1, 5)):
        found = []
        for n in GRID_SIZES[:-1]:
            rng = np.random.default_rng([SEED, n, times])
            hits = 0
            for _ in range(STALL_DRAWS):
                shared = rng.normal(0.0, 0.4, n)
                arms = [np.exp(shared + rng.normal(0.0, 0.2, n)) for _ in range(2)]
                arms[0][rng.random(n) < share] *= times
                effect = ratio_effect(arms[0], arms[1], unseen=UNSEEN_STALL)
                hits += effect.p_less(1.0 + share * (times - 1)) < ALPHA
            found.append(hits / STALL_DRAWS)
        rows.append((f"latency, {share:.0%} stalls of {times} times", found))
    return rows


def print_grid() -> None:
    """Our own false READY over the grid, judged over all cells at once."""
    parts = (
        ("Right/wrong, added up exactly", grid_of_marks(), 0),
        (f"Scores, {DRAWS:,} draws a cell", grid_of_scores(), DRAWS),
        (f"Mean latency, {STALL_DRAWS:,} draws a cell", grid_of_stalls(), STALL_DRAWS),
    )
    print("\n## Our gates over a grid\n")
    print(f"False READY in per cent at the boundary, alpha 5 %, seed {SEED}.\n")
    for title, rows, draws in parts:
        print(f"### {title}\n")
        print("| truth | " + " | ".join(f"n={n}" for n in GRID_SIZES[: len(rows[0][1])]) + " |")
        print("|---|" + "---|" * len(rows[0][1]))
        for name, found in rows:
            print(f"| {name} | " + " | ".join(f"{100 * rate:.1f}" for rate in found) + " |")
        rates = [rate for _, found in rows for rate in found]
        limit = 1.1 * ALPHA
        if draws:
            limit = simultaneous_limit(limit, draws, cells=len(rates))
        over = sum(rate > limit for rate in rates)
        print(
            f"\nWorst {100 * max(rates):.2f} %; {over} of {len(rates)} cells beyond "
            f"{100 * limit:.2f} %, the limit of 1.1 alpha for all of them at once.\n"
        )


def main() -> None:
    rng = np.random.default_rng(SEED)
    names = list(rules(0, 0, 10, 0.05))
    print("# Gate rules, simulated\n")
    print(
        f"READY in per cent, {DRAWS:,} draws a cell; made by `python benchmarks/simulate_rules.py`."
    )
    print(
        "At the boundary the candidate is worse by the whole margin: READY should be at most 5.\n"
    )
    worst = 0.0
    for base, margin, phi in CELLS:
        print(f"## Baseline {base:.0%}, margin {100 * margin:.0f} points, phi {phi:g}\n")
        print("| rule | " + " | ".join(f"n={n}" for n in SIZES) + " |")
        print("|---|" + "---|" * len(SIZES))
        columns = [
            (
                shares(cell_probabilities(base, base - margin, phi), n, margin, rng),
                shares(cell_probabilities(base, base, phi), n, margin, rng),
            )
            for n in SIZES
        ]
        for number, name in enumerate(names):
            cells = [f"{bad[number]:.1f} / {good[number]:.0f}" for bad, good in columns]
            print(f"| {name} | " + " | ".join(cells) + " |")
        print("\nFalse READY at the boundary / READY when equal.\n")
        worst = max(worst, *(bad[-1] for bad, _ in columns))
    print(f"Worst false READY of evalharness over all cells: {worst:.2f} %.")
    print_grid()
    print(f"worst false READY of ours: {worst:.2f} %", file=sys.stderr)


if __name__ == "__main__":
    main()
