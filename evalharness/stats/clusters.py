"""Standard errors of a mean whose units come in clusters.

Reads: values [n] and cluster codes.  Gives: standard errors.
Depends on: moments, inference.
Sources: Liang & Zeger (1986) for CR0; CR1 is Stata's and statsmodels' factor; Miller (2024),
arXiv:2411.00640, appendix; the jackknife is "CR3" (MacKinnon, Nielsen & Webb 2023).

CR0 and CR1 are for display beside other tools: with few clusters they are too small (at 5 clusters
10-13 % errors at 5 %).  Gates use the jackknife with G - 1 degrees of freedom, in `mean`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.stats.inference import require
from evalharness.stats.moments import Array, Codes, as_values, cluster_sums


def _residuals(values: Sequence[float] | Array, clusters: Codes) -> tuple[Array, Array]:
    """Cluster sums of (value - mean), and cluster sizes."""
    array = as_values(values)
    sums = cluster_sums(np.column_stack([array, np.ones(len(array))]), clusters)
    require(len(sums), 2, what="a clustered standard error", unit="clusters")
    mean = float(array.mean())
    return sums[:, 0] - mean * sums[:, 1], sums[:, 1]


def se_cr0(values: Sequence[float] | Array, clusters: Codes) -> float:
    """The sandwich standard error without correction. Raises TooFewSamples below 2 clusters."""
    residuals, sizes = _residuals(values, clusters)
    return math.sqrt(float((residuals**2).sum())) / float(sizes.sum())


def se_cr1(values: Sequence[float] | Array, clusters: Codes) -> float:
    """CR0 times sqrt(G / (G - 1)); statsmodels' default for a mean."""
    groups = int(clusters.max()) + 1
    return se_cr0(values, clusters) * math.sqrt(groups / (groups - 1.0))


def se_jackknife(values: Sequence[float] | Array, clusters: Codes) -> float:
    """Leaving one cluster out at a time; needs no model and errs on the safe side."""
    residuals, sizes = _residuals(values, clusters)
    shifts = residuals / (sizes.sum() - sizes)
    return math.sqrt((len(sizes) - 1.0) / len(sizes) * float((shifts**2).sum()))
