"""What metrics share: the row shapes, their reduction, their bounds.

Reads: items.  Gives: bases, so that a new metric is one short file.
Depends on: contracts, records.  Knows nothing of any metric.

    RowMetric          attributes and signature
      MeanMetric       rows (value, 1), the mean; `values` judges a batch
        ItemMetric     `value` judges one item
      QuantileMetric   rows (value, 1), a quantile; no function of sums

A judge gives a number or `Unscored(reason)`; there is no third thing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from evalharness.contracts import MetricKind, Need, Rows, Scale
from evalharness.records import Asked, Item, Sample, Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array

Judged: TypeAlias = float | Unscored
"""What a judge says of one item."""

NO_TARGET: Final = Unscored(reason="the sample has no reference answer")

_BLOCK: Final = 4_000_000  # numbers in one block of weights: 32 MB


class RowMetric:
    """The attributes that every metric has, with the commonest values; see contracts.Metric.

    options: the parts of the signature that say what moves the numbers, e.g. "tok:ascii".
    implementation: the same, of a reference implementation whose rows are not ours to the last bit.
    """

    name: str = ""
    implementation: tuple[str, ...] = ()
    version: str = "1"
    sees: Literal["answers", "groups", "outcomes"] = "answers"
    direction: Literal["higher", "lower"] = "higher"
    range: tuple[float | None, float | None] = (0.0, 1.0)
    kind: MetricKind = "continuous"
    scale: Scale = "fraction"
    columns: tuple[str, ...] = ("value", "n")
    needs: frozenset[Need] = frozenset({"targets"})

    def __init__(self, *options: str) -> None:
        self.signature = "|".join((self.name, *options, *self.implementation, f"v{self.version}"))

    def advice(self, _samples: Sequence[Sample], /) -> tuple[str, ...]:
        """What a user should know before trusting this metric on these samples; often nothing."""
        return ()


class MeanMetric(RowMetric):
    """A mean over items: rows are (value, 1)."""

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: what the metric `sees`
        """One judgement an item, in order."""
        raise NotImplementedError

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: what the metric `sees`
        """Rows (value, 1), [n, 2]."""
        return mean_rows(self.values(items))

    def reduce(self, sums: Array) -> Array:
        """Means [...] from sums [..., 2]; NaN where nothing was counted."""
        return ratio(sums[..., 0], sums[..., 1])

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Weighted means [b]."""
        return self.reduce(weights_bn @ rows_nk)

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:
        """The ends of the range for every sample, worst first; None where there is no range."""
        low, high = self.range
        if low is None or high is None:
            return None
        worst, best = (low, high) if self.direction == "higher" else (high, low)
        return constant_rows(len(samples), worst), constant_rows(len(samples), best)


class ItemMetric(MeanMetric):
    """A mean whose judge looks at one answer at a time."""

    def value(self, item: Item) -> Judged:
        """The judgement of one answer; called only if the item has the targets that it needs."""
        raise NotImplementedError

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One judgement an item; an item without the targets that it needs is unscored."""
        if "targets" in self.needs:
            return [self.value(item) if item.sample.targets else NO_TARGET for item in items]
        return [self.value(item) for item in items]


class OutcomeMetric(MeanMetric):
    """A mean over outcomes, failures included."""

    sees: Literal["answers", "groups", "outcomes"] = "outcomes"
    direction: Literal["higher", "lower"] = "lower"
    needs: frozenset[Need] = frozenset()

    def value(self, asked: Asked) -> Judged:
        """The judgement of one outcome."""
        raise NotImplementedError

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Asked
        """One judgement an outcome."""
        return [self.value(asked) for asked in items]


class QuantileMetric(RowMetric):
    """A quantile over outcomes: rows are (value, 1), judged as by OutcomeMetric.

    quantile: 0..1.  The value at weights w is numpy's `quantile` (linear) of the sample in which
    each row stands w times: Hyndman & Fan (1996), type 7.
    """

    sees: Literal["answers", "groups", "outcomes"] = "outcomes"
    direction: Literal["higher", "lower"] = "lower"
    range: tuple[float | None, float | None] = (0.0, None)
    kind: MetricKind = "ordered"
    needs: frozenset[Need] = frozenset()
    quantile: float = 0.5

    def value(self, asked: Asked) -> Judged:
        """The judgement of one outcome."""
        raise NotImplementedError

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Asked
        """Rows (value, 1), [n, 2]."""
        return mean_rows([self.value(asked) for asked in items])

    def reduce(self, sums: Array) -> Array:  # noqa: ARG002  (the contract's signature)
        """Refused: a quantile is no function of sums. Raises TypeError."""
        raise TypeError(f"{self.name} is no function of sums; use reduce_weighted")

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Quantiles [b] under weights [b, n]; a row with n = 0 weighs nothing. NaN without rows."""
        if len(weights_bn) == 1 and (weights_bn == 1.0).all() and (rows_nk[:, 1] == 1.0).all():
            return _plain_quantile(np.sort(rows_nk[:, 0]), self.quantile)
        order = np.argsort(rows_nk[:, 0], kind="stable")
        ordered_n = rows_nk[order, 0]
        counted_n = rows_nk[order, 1]
        step = max(1, _BLOCK // max(1, len(order)))
        blocks = [
            _weighted_quantiles(
                ordered_n, weights_bn[start : start + step][:, order] * counted_n, self.quantile
            )
            for start in range(0, len(weights_bn), step)
        ]
        return np.concatenate(blocks) if blocks else np.empty(0)

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:  # noqa: ARG002
        """None: there is no worst latency."""
        return None


def _plain_quantile(ordered_n: Array, quantile: float) -> Array:
    """`_weighted_quantiles` [1] where every row stands once: without arrays of weights."""
    if len(ordered_n) == 0:
        return np.full(1, np.nan)
    place = (len(ordered_n) - 1) * quantile
    below = math.floor(place)
    low, high = ordered_n[below], ordered_n[min(below + 1, len(ordered_n) - 1)]
    return np.array([low + (place - below) * (high - low)])


def _weighted_quantiles(ordered_n: Array, weights_bn: Array, quantile: float) -> Array:
    """Type-7 quantiles of sorted values, each standing as often as its weight says."""
    if len(ordered_n) == 0:
        return np.full(len(weights_bn), np.nan)
    cumulative_bn = np.cumsum(weights_bn, axis=1)
    total_b = cumulative_bn[:, -1]
    place_b = np.maximum(total_b - 1, 0) * quantile
    below_b = np.floor(place_b)
    last = len(ordered_n) - 1
    low_b = np.minimum((cumulative_bn <= below_b[:, None]).sum(axis=1), last)
    high_b = np.minimum((cumulative_bn <= below_b[:, None] + 1).sum(axis=1), last)
    high_b = np.where(below_b + 1 >= total_b, low_b, high_b)
    low, high = ordered_n[low_b], ordered_n[high_b]
    return np.where(total_b > 0, low + (place_b - below_b) * (high - low), np.nan)


def mean_rows(values: Sequence[Judged]) -> Rows:
    """Rows (value, 1) from judgements; zeros and a reason where there is no number."""
    rows_nk = np.ones((len(values), 2))
    try:
        rows_nk[:, 0] = np.array(values, dtype=np.float64)
        return Rows(rows_nk, np.ones(len(values), dtype=np.bool_))
    except TypeError:  # a reason is no number
        reasons = {
            index: value.reason for index, value in enumerate(values) if isinstance(value, Unscored)
        }
    scored_n = np.ones(len(values), dtype=np.bool_)
    scored_n[list(reasons)] = False
    rows_nk[:, 0] = [0.0 if isinstance(value, Unscored) else value for value in values]
    rows_nk[~scored_n] = 0.0
    return Rows(rows_nk, scored_n, reasons)


def constant_rows(n: int, value: float) -> Array:
    """Rows (value, 1), [n, 2]."""
    rows_nk = np.ones((n, 2))
    rows_nk[:, 0] = value
    return rows_nk


def ratio(part: Array, whole: Array) -> Array:
    """Part / whole, NaN where whole is 0, without a warning."""
    value: Array = np.divide(
        part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0
    )
    return value


def choice(option: str, value: object, allowed: Sequence[str]) -> str:
    """An option that must be one of a few words. Raises ValueError naming them."""
    if value not in allowed:
        raise ValueError(f"{option} must be one of {', '.join(allowed)}; got {value!r}")
    return str(value)


def yes_no(option: str, value: object) -> bool:
    """An option that must be true or false. Raises ValueError for anything else."""
    if not isinstance(value, bool):
        raise ValueError(f"{option} must be true or false; got {value!r}")  # noqa: TRY004
    return value


def flag(value: bool) -> str:  # noqa: FBT001  (a word for a signature)
    """How a signature writes a yes-or-no option."""
    return "yes" if value else "no"
