"""False READY and power of five gate rules on paired right/wrong answers: the table of the docs.

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


def main() -> None:
    rng = np.random.default_rng(20261122)
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
    print(f"worst false READY of ours: {worst:.2f} %", file=sys.stderr)


if __name__ == "__main__":
    main()
