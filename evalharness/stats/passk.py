"""Programs sampled several times: pass@k and pass^k.

Reads: samples and successes of each problem.  Gives: unbiased estimates in [0, 1].
Depends on: the standard library.
Sources: Chen et al. (2021), arXiv:2107.03374, eq. 1; Yao et al. (2024), arXiv:2406.12045 (pass^k).

Samples of different problems are never pooled: average the problems' estimates, and compare
problems (`mean.mean_effect` on their differences).
"""

from __future__ import annotations


def _check(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n:
        raise ValueError(f"need 0 <= c <= n, got c={c} of n={n}")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {k} samples a problem, got {n}")


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k samples passes, from c passes in n samples.

    1 - C(n - c, k) / C(n, k), as a product that neither overflows nor cancels.
    Raises ValueError where k > n.

    >>> pass_at_k(20, 1, 10)
    0.5
    """
    _check(n, c, k)
    if n - c < k:
        return 1.0
    missed = 1.0
    for i in range(min(c, k)):  # the shorter of the two equal products
        missed *= (n - max(c, k) - i) / (n - i)
    return 1.0 - missed


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that all of k samples pass: C(c, k) / C(n, k).

    >>> pass_hat_k(4, 3, 2)
    0.5
    """
    _check(n, c, k)
    all_pass = 1.0
    for i in range(k):
        all_pass *= max(0, c - i) / (n - i)
    return all_pass
