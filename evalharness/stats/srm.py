"""Sample-ratio mismatch: did the traffic split as planned?

Reads: counts by arm and the planned shares.  Gives: Significance, e-values.
Depends on: special, inference.
Sources: Fabijan et al. (2019); Lindon & Malek (2022), arXiv:2011.03567, for the e-process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalharness.stats.inference import Significance, require
from evalharness.stats.special import chi2_sf


def _shares(counts: Sequence[int], weights: Sequence[float]) -> list[float]:
    if len(counts) != len(weights) or len(counts) < 2:
        raise ValueError(f"need a weight for each of 2 or more arms, got {len(weights)} weights")
    if min(counts) < 0 or min(weights) <= 0.0:
        raise ValueError("counts must not be negative and weights must be positive")
    require(sum(counts), 1, what="a check of the split", unit="units")
    return [w / sum(weights) for w in weights]


def srm_test(counts: Sequence[int], weights: Sequence[float]) -> Significance:
    """Chi-squared test of the split, for one look (use alpha 0.001 at the end).

    >>> round(srm_test([9100, 1080], [0.9, 0.1]).p_value, 6)
    0.040529
    """
    shares, total = _shares(counts, weights), sum(counts)
    statistic = sum((c - total * s) ** 2 / (total * s) for c, s in zip(counts, shares, strict=True))
    return Significance(chi2_sf(statistic, len(counts) - 1.0), statistic, "srm-chi2")


def srm_log_e(
    counts: Sequence[int], weights: Sequence[float], *, strength: float = 1000.0
) -> float:
    """Log of the e-value of the counts so far; alarm at log_e >= log(1 / alpha), at any peek.

    A Dirichlet prior of `strength` around the planned shares is the alternative:
    log e = lnB(a + counts) - lnB(a) - sum counts ln share.
    """
    shares = _shares(counts, weights)
    total, log_e = sum(counts), 0.0
    for count, share in zip(counts, shares, strict=True):
        a = strength * share
        log_e += math.lgamma(a + count) - math.lgamma(a) - count * math.log(share)
    return log_e + math.lgamma(strength) - math.lgamma(strength + total)


def srm_sequential(
    counts: Sequence[int], weights: Sequence[float], *, strength: float = 1000.0
) -> Significance:
    """The e-value as a p-value (1 / e, at most 1) that may be read at every peek."""
    log_e = srm_log_e(counts, weights, strength=strength)
    return Significance(min(1.0, math.exp(-log_e)), log_e, "srm-e-process")
