"""P(READY | equal): how often a policy says READY when both arms are equally good.

Reads: nothing.  Gives: `p_ready`, from a suite's size, margins and assumed discordance.
Depends on: the standard library, so that it stands apart from what it checks.
Source: the paired sample-size formula n = (z_alpha + z_power)^2 psi / margin^2, solved for the
power; clusters of m samples with intra-cluster correlation r divide n by 1 + (m - 1) r (Kish).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True)
class Assumed:
    """One primary gate: its margin and the spread of the paired difference it is held against.

    variance: of the per-sample difference; of a binary metric it is the discordance psi, the
    fraction of samples that one arm has right and the other wrong.
    """

    metric: str
    margin: float
    variance: float


def p_pass(gate: Assumed, n_effective: float, alpha: float) -> float:
    """The chance that the lower bound lies above -margin when the true difference is 0."""
    normal = NormalDist()
    reach = gate.margin * sqrt(n_effective / gate.variance)
    return normal.cdf(reach - normal.inv_cdf(1 - alpha))


def p_ready(gates: Sequence[Assumed], cluster_sizes: Sequence[int], icc: float) -> float:
    """A lower bound of P(every gate passes), by Bonferroni; alpha is 0.05, one-sided.

    icc: intra-cluster correlation of the differences.
    """
    n = sum(cluster_sizes)
    mean_size = sum(size * size for size in cluster_sizes) / n
    n_effective = n / (1 + (mean_size - 1) * icc)
    return 1 - sum(1 - p_pass(gate, n_effective, 0.05) for gate in gates)
