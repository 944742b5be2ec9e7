"""Prediction-powered inference: a mean that people labelled in part and a judge scored throughout.

Reads: people's labels and the judge's scores of the same answers, the judge's scores of the rest.
Gives: PpiMean; and the same estimate from sums, for resampling.
Depends on: inference, special.
Source: Angelopoulos, Duchi & Zrnic (2023), "PPI++", arXiv:2311.01453; equal to ppi-python 0.2.3.

The judge's mean is moved by how far it misses where people looked; `power` says how much of the
judge is used: 1 all, 0 none (then it is the mean of the labels alone).  It holds if the labelled
answers are a random part of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from evalharness.stats.inference import Interval, check_alpha, require
from evalharness.stats.special import normal_quantile

if TYPE_CHECKING:
    from evalharness.stats.moments import Array

SUMS: Final = ("rest_n", "rest", "labelled_n", "label", "judged", "product", "judged_squared")
"""Columns from which the estimate can be told; the last one runs over the labelled and the rest."""


@dataclass(frozen=True, slots=True)
class PpiMean:
    """The corrected mean, its standard error, and how much of the judge was used (0..1)."""

    value: float
    se: float
    power: float

    def bounds(self, alpha: float) -> Interval:
        """Normal bounds, each one-sided at alpha."""
        check_alpha(alpha)
        reach = normal_quantile(1.0 - alpha) * self.se
        return Interval(self.value - reach, self.value + reach, 1.0 - 2.0 * alpha, "ppi")


def ppi_mean(labels: Sequence[float], judged: Sequence[float], rest: Sequence[float]) -> PpiMean:
    """The corrected mean with a normal standard error.

    labels, judged: people's labels and the judge's scores of the same answers [n].
    rest: the judge's scores of the answers that nobody labelled [m].
    Raises TooFewSamples below 2 of either, ValueError where labels and judged differ in length.

    >>> ppi_mean([1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]).value.__round__(4)
    0.6667
    """
    y, f, u = (np.asarray(values, dtype=np.float64) for values in (labels, judged, rest))
    if len(y) != len(f):
        raise ValueError(f"{len(y)} labels of {len(f)} judged answers")
    require(len(y), 2, what="a correction by people", unit="labelled answers")
    require(len(u), 2, what="a correction by people", unit="answers without a label")
    sums = np.array(
        [len(u), u.sum(), len(y), y.sum(), f.sum(), (y * f).sum(), (f * f).sum() + (u * u).sum()]
    )
    power = float(_power(sums))
    se = math.sqrt((power * u).var() / len(u) + (y - power * f).var() / len(y))
    return PpiMean(float(corrected_mean(sums)), se, power)


def corrected_mean(sums: Array) -> Array:
    """Corrected means [...] from sums [..., 7], see SUMS; NaN where nothing is labelled.

    Without a rest it is the mean of the labels.
    """
    rest_n, rest, n, label, judged = (sums[..., place] for place in range(5))
    power = _power(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.where(rest_n > 0, power * (rest / np.maximum(rest_n, 1.0) - judged / n), 0.0)
        value: Array = np.where(n > 0, label / n + moved, np.nan)
    return value


def _power(sums: Array) -> Array:
    """How much of the judge is used: PPI++'s lambda, within 0..1."""
    rest_n, rest, n, label, judged, product, squared = (sums[..., place] for place in range(7))
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = product / n - (label / n) * (judged / n)
        total = rest_n + n
        variance = (squared - (rest + judged) ** 2 / total) / (total - 1.0)
        power = covariance / ((1.0 + n / rest_n) * variance)
    known = (rest_n > 0) & (n > 0) & (variance > 1e-15)
    used: Array = np.clip(np.where(known, power, 0.0), 0.0, 1.0)
    return used
