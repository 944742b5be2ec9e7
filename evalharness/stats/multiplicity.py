"""Many p-values at once: Holm, Bonferroni, Benjamini-Hochberg, Benjamini-Yekutieli.

Reads: p-values.  Gives: adjusted p-values in the same order.
Depends on: numpy.
Sources: Holm (1979); Benjamini & Hochberg (1995); Benjamini & Yekutieli (2001).

READY needs no adjustment (every gate must pass: an intersection-union test); NOT_READY takes Holm
over the gates' fail-side p-values; diagnostics and slices take Benjamini-Hochberg.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalharness.stats.moments import Array


def _checked(p_values: Sequence[float]) -> Array:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError("p-values must be a list of numbers in [0, 1]")
    return p


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Each p times their number, at most 1."""
    p = _checked(p_values)
    return [float(x) for x in np.minimum(1.0, p * len(p))]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: controls the chance of any false rejection.

    >>> holm([0.01, 0.02, 0.03, 0.04, 0.005])
    [0.04, 0.06, 0.06, 0.06, 0.025]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, stepped)
    return [float(x) for x in adjusted]


def _step_up(p: Array, factor: float) -> list[float]:
    """Benjamini's step-up adjustment with n * factor / rank."""
    order = np.argsort(p, kind="stable")[::-1]
    ranks = np.arange(len(p), 0, -1)
    stepped = np.minimum.accumulate(p[order] * len(p) * factor / ranks)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, stepped)
    return [float(x) for x in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Controls the expected share of false rejections under independence or positive dependence.

    >>> benjamini_hochberg([0.01, 0.02, 0.5])
    [0.03, 0.03, 0.5]
    """
    return _step_up(_checked(p_values), 1.0)


def benjamini_yekutieli(p_values: Sequence[float]) -> list[float]:
    """Controls the expected share of false rejections under any dependence."""
    p = _checked(p_values)
    return _step_up(p, float((1.0 / np.arange(1, len(p) + 1)).sum()) if len(p) else 1.0)
