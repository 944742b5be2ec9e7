"""The calibration table: false READY of our gates in every cell, and of rules that peers use.

    python benchmarks/simulate_rules.py > docs/rules.md

Reads: nothing.  Gives: docs/rules.md on stdout, a line a part on stderr.
Depends on: rule_cells and rule_arms (the cells), evalharness.stats.
`--only marks,scores` makes some parts; `--keep FOLDER` keeps each part as JSON and takes it from
there the next time, if it was made with the same seed and draws.  20,000 draws a cell; about a
quarter of an hour of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from math import sqrt
from pathlib import Path

import numpy as np
import rule_arms
import rule_cells
from rule_cells import ALPHA, SEED, Cell, Part

from evalharness.stats.binary import PairedBinary, mcnemar_exact
from evalharness.stats.multiplicity import holm

DRAWS = 20_000
PARTS: dict[str, Part] = {**rule_cells.PARTS, **rule_arms.PARTS}
JUDGED_AT = 0.05
"""All cells are judged together: Holm's correction over them at this level."""

# --- rules that peers use --------------------------------------------------------------------

TRUTHS = ((0.75, 0.05, 0.5), (0.95, 0.03, 0.5), (0.99, 0.02, 0.5))
PEER_SIZES = (20, 50, 100, 200, 500, 2000)


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


def peers_share(
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


def print_peers() -> None:
    """Rules of peers beside ours, on right/wrong marks: at the boundary, and for equal arms."""
    rng = rule_cells.generator("peers", "", "")
    print("## Rules that peers use\n")
    print(
        "READY in per cent where the candidate is worse by the whole margin (at most 5, by rights) "
        f"/ where the arms are equal. {DRAWS:,} draws a cell.\n"
    )
    for base, margin, phi in TRUTHS:
        print(f"### Baseline {base:.0%}, margin {100 * margin:.0f} points, phi {phi:g}\n")
        print("| rule | " + " | ".join(f"n={n}" for n in PEER_SIZES) + " |")
        print("|---" * (1 + len(PEER_SIZES)) + "|")
        columns = [
            [
                peers_share(cell_probabilities(base, truth, phi), n, margin, rng)
                for truth in (base - margin, base)
            ]
            for n in PEER_SIZES
        ]
        for number, name in enumerate(rules(0, 0, 10, 0.05)):
            shown = [f"{bad[number]:.1f} / {good[number]:.0f}" for bad, good in columns]
            print(f"| {name} | " + " | ".join(shown) + " |")
        print()


# --- our cells -------------------------------------------------------------------------------


def cells_of(key: str, draws: int, keep: Path | None) -> list[Cell]:
    """A part's cells, from `keep` where they lie there already."""
    file = None if keep is None else keep / f"{key}.json"
    if file is not None and file.is_file():
        kept = json.loads(file.read_text())
        if (kept["seed"], kept["draws"]) == (SEED, draws):
            return [Cell(**cell) for cell in kept["cells"]]
    started = time.process_time()
    cells = list(PARTS[key].cells(draws))
    took = time.process_time() - started
    print(f"{key}: {len(cells)} cells, {took:.0f} s of CPU", file=sys.stderr, flush=True)
    if file is not None:
        told = {"seed": SEED, "draws": draws, "cells": [asdict(cell) for cell in cells]}
        file.write_text(json.dumps(told))
    return cells


def exceeding(cells: Sequence[Cell]) -> list[tuple[float, Cell]]:
    """Cells that break their limit, after Holm over all of them: (adjusted p, cell)."""
    adjusted = holm([cell.p() for cell in cells])
    return [(p, cell) for p, cell in zip(adjusted, cells, strict=True) if p < JUDGED_AT]


def print_part(part: Part, cells: Sequence[Cell]) -> None:
    """One table."""
    print(f"### {part.title}\n\n{part.method}\n")
    planned = cells[0].side == "least"
    columns = list(dict.fromkeys(cell.column for cell in cells))
    if planned:
        print("| truth | samples | READY |\n|---|---|---|")
        for cell in cells:
            print(f"| {cell.row} | {cell.column} | {100 * cell.rate:.1f} |")
    else:
        print("| truth | " + " | ".join(columns) + " |")
        print("|---" * (1 + len(columns)) + "|")
        for row in dict.fromkeys(cell.row for cell in cells):
            of_row = {cell.column: f"{100 * cell.rate:.1f}" for cell in cells if cell.row == row}
            print(f"| {row} | " + " | ".join(of_row.get(column, "") for column in columns) + " |")
    far = (min if planned else max)(cells, key=lambda cell: cell.rate - cell.limit)
    word = "Lowest" if planned else "Highest"
    print(
        f"\n{word} of {len(cells)} cells, against a limit of {100 * far.limit:.1f} %: "
        f"{100 * far.rate:.2f} % ({far.row}, {far.column}).\n"
    )


def print_verdict(found: dict[str, list[Cell]], draws: int) -> None:
    """Which of all cells break their limit, judged together."""
    cells = [cell for part in found.values() for cell in part]
    broken = exceeding(cells)
    above = sum(
        cell.rate > cell.limit if cell.side == "most" else cell.rate < cell.limit for cell in cells
    )
    print(
        f"**{len(broken)} of {len(cells)} cells break their limit**, judged together: an exact "
        f'binomial test of each cell ("the rate is within its limit"), Holm\'s correction over '
        f"all {len(cells)} at {100 * JUDGED_AT:.0f} %. The limit: 1.1 alpha = {110 * ALPHA:.1f} % "
        f"for approximate methods, alpha = {100 * ALPHA:.0f} % for exact ones, 80 % at least for "
        f"planned power. Without the allowance for chance {above} cells lie beyond their limit.\n"
    )
    for p, cell in broken:
        print(f"- {cell.row}, {cell.column}: {100 * cell.rate:.2f} % (p = {p:.2g})")
    print(
        f"{draws:,} draws a cell, or added up exactly. Seed {SEED}, mixed with the CRC-32 of each "
        "cell's name.\n"
    )


def main() -> None:
    """Make the parts asked for and print them."""
    asked = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    asked.add_argument("--only", default=",".join(PARTS), help="parts, by commas")
    asked.add_argument("--keep", type=Path, help="folder of finished parts")
    asked.add_argument("--draws", type=int, default=DRAWS)
    options = asked.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    found = {key: cells_of(key, options.draws, options.keep) for key in options.only.split(",")}
    print("# Gate rules, simulated\n")
    print(
        "Made by `python benchmarks/simulate_rules.py`; the rules: [statistics](statistics.md).\n"
    )
    print("## False READY of every gate at its boundary\n")
    print_verdict(found, options.draws)
    print("The truth lies exactly on the gate's margin; READY in per cent, alpha 5 %.\n")
    for key, cells in found.items():
        print_part(PARTS[key], cells)
    print_peers()


if __name__ == "__main__":
    main()
