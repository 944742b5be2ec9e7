"""Classification: accuracy, macro F1, Matthews' correlation, Cohen's kappa.

Reads: answers and references as labels.  Gives: rows (0 or 1, 1), or cells of a confusion table.
Depends on: base.  Sources: the definitions of scikit-learn 1.9 (f1_score, matthews_corrcoef,
cohen_kappa_score); Gorodkin (2004) for the multi-class correlation.

Where the labels are given, a row holds 3 columns a label (hit, predicted, true) and one for the
count, and sums of rows give the value.  Where they are not, a row holds the hashes of its two
labels, the tables are made from weighted rows, and the metric is of the kind `refit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from evalharness.contracts import MetricKind, Rows, Scale
from evalharness.metrics.base import (
    NO_TARGET,
    ItemMetric,
    Judged,
    RowMetric,
    choice,
    ratio,
    yes_no,
)
from evalharness.records import Item, Sample
from evalharness.text.normalize import squeeze

if TYPE_CHECKING:
    from evalharness.contracts import Array

_HASH_BITS: Final = 52  # a hash is exact in a float64


def label_of(text: str, *, ignore_case: bool) -> str:
    """A label as it is compared: white space squeezed, case folded if asked for."""
    label = squeeze(text)
    return label.casefold() if ignore_case else label


class Accuracy(ItemMetric):
    """The share of answers whose label is a reference's.

    ignore_case: false by default.  White space at the ends and runs of it never count.

    >>> from evalharness.testing import score_texts
    >>> score_texts(Accuracy(), ["spam ", "ham"], [["spam"], ["spam"]])
    0.5
    """

    name = "accuracy"
    kind: MetricKind = "binary"

    def __init__(self, *, ignore_case: bool = False) -> None:
        self.ignore_case = yes_no("ignore_case", ignore_case)
        super().__init__(f"case:{'fold' if self.ignore_case else 'mixed'}")

    def value(self, item: Item) -> Judged:
        """1 or 0."""
        given = label_of(item.text, ignore_case=self.ignore_case)
        targets = item.sample.targets
        return float(any(given == label_of(one, ignore_case=self.ignore_case) for one in targets))


class ConfusionMetric(RowMetric):
    """A metric of the confusion table of first references (true) against answers (predicted).

    labels: all the labels there are; answers outside them are predictions of no label and count as
    wrong.  Without it the labels are those seen.  ignore_case: false by default.
    An answer that equals any reference is counted as predicted and true in that reference's label.
    Raises ValueError if labels repeat.
    by_cells: whether rows hold cells of the table where the labels are given.
    """

    kind: MetricKind = "refit"
    by_cells = True
    columns: tuple[str, ...] = ("true", "predicted", "n")

    def __init__(self, *, labels: Sequence[str] = (), ignore_case: bool = False) -> None:
        self.ignore_case = yes_no("ignore_case", ignore_case)
        if isinstance(labels, str):
            raise ValueError("labels must be a list")  # noqa: TRY004
        self.labels = tuple(label_of(str(one), ignore_case=self.ignore_case) for one in labels)
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must be different")
        self._place = {label: place for place, label in enumerate(self.labels)}
        if self.labels and self.by_cells:
            self.kind = "corpus"
            parts = ("hit", "predicted", "true")
            cells = (f"{part}:{label}" for part in parts for label in self.labels)
            self.columns = (*cells, "n")
        listed = hashlib.sha256("\n".join(self.labels).encode("utf-8", "replace")).hexdigest()[:8]
        super().__init__(
            f"labels:{f'{len(self.labels)}-{listed}' if self.labels else 'seen'}",
            f"case:{'fold' if self.ignore_case else 'mixed'}",
        )

    def table_value(self, hit: Array, predicted: Array, true: Array, total: Array) -> Array:
        """Values [...] from tables: three counts a label [..., C] and the number of items [...].

        Predictions outside the labels are in the total only.  NaN where undefined.
        """
        raise NotImplementedError

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows [n, 3C + 1] with labels, else [n, 3]."""
        rows_nk = np.zeros((len(items), len(self.columns)))
        scored_n = np.ones(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for index, item in enumerate(items):
            reason = self._fill(rows_nk[index], item)
            if reason:
                scored_n[index] = False
                reasons[index] = reason
        return Rows(rows_nk, scored_n, reasons)

    def _fill(self, row: Array, item: Item) -> str:
        """Write one item's row; gives the reason if it cannot be."""
        if not item.sample.targets:
            return NO_TARGET.reason
        given = label_of(item.text, ignore_case=self.ignore_case)
        targets = [label_of(one, ignore_case=self.ignore_case) for one in item.sample.targets]
        true = given if given in targets else targets[0]
        if self.labels and true not in self._place:
            return f"the reference '{true[:40]}' is none of the {len(self.labels)} labels"
        if self.kind == "refit":
            row[:] = self.number(true), self.number(given), 1.0
            return ""
        count = len(self.labels)
        row[2 * count + self._place[true]] = 1.0
        row[-1] = 1.0
        if given in self._place:
            row[count + self._place[given]] = 1.0
            row[self._place[given]] = float(given == true)
        return ""

    def number(self, label: str) -> float:
        """What a row without cells holds of a label: its place, -1 for a stranger, or a hash."""
        return float(self._place.get(label, -1)) if self.labels else _hash(label)

    def reduce(self, sums: Array) -> Array:
        """Values [...] from sums [..., 3C + 1]; without cells for labels a TypeError."""
        if self.kind == "refit":
            raise TypeError(f"{self.name} without labels is no function of sums")
        count = len(self.labels)
        return self.table_value(
            sums[..., :count],
            sums[..., count : 2 * count],
            sums[..., 2 * count : 3 * count],
            sums[..., -1],
        )

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] from rows [n, k] under weights [b, n]."""
        if self.kind == "corpus":
            return self.reduce(weights_bn @ rows_nk)
        seen, places = np.unique(rows_nk[:, :2], return_inverse=True)
        true_n, predicted_n = places.reshape(-1, 2).T
        hits_n = true_n == predicted_n
        values = np.empty(len(weights_bn))
        for draw, weights in enumerate(weights_bn * rows_nk[:, 2]):
            values[draw] = self.table_value(
                _sums(true_n[hits_n], weights[hits_n], len(seen)),
                _sums(predicted_n, weights, len(seen)),
                _sums(true_n, weights, len(seen)),
                weights.sum(),
            )
        return values

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:
        """Worst: an answer that is no label at all. Best: the first reference."""
        worst_nk = np.zeros((len(samples), len(self.columns)))
        best_nk = np.zeros_like(worst_nk)
        for index, sample in enumerate(samples):
            if not sample.targets:
                continue
            true = label_of(sample.targets[0], ignore_case=self.ignore_case)
            if self.labels and true not in self._place:
                continue
            if self.kind == "refit":
                worst_nk[index] = self.number(true), -1.0, 1.0
                best_nk[index] = self.number(true), self.number(true), 1.0
            else:
                count, place = len(self.labels), self._place[true]
                worst_nk[index, [2 * count + place, -1]] = 1.0
                best_nk[index, [place, count + place, 2 * count + place, -1]] = 1.0
        return worst_nk, best_nk


def _sums(places: NDArray[np.int64], weights: Array, count: int) -> Array:
    """Summed weights a place [count]."""
    return np.bincount(places, weights, count).astype(np.float64)


def _hash(label: str) -> float:
    """A label as a number that is the same on every machine."""
    digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).digest()
    return float(int.from_bytes(digest[:8], "big") >> (64 - _HASH_BITS))


class MacroF1(ConfusionMetric):
    """The mean F1 over labels that are true of at least one sample.

    classes: `true` (default): a label that is only predicted is no class of its own, it costs the
    true label its recall; `seen`: it is, with an F1 of 0, as in scikit-learn, so that a model that
    makes up labels is marked down for each.
    Raises ValueError for anything else.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(MacroF1(), ["a", "b", "a"], [["a"], ["b"], ["b"]]), 4)
    0.6667
    """

    name = "macro_f1"

    def __init__(
        self, *, labels: Sequence[str] = (), ignore_case: bool = False, classes: str = "true"
    ) -> None:
        self.classes = choice("classes", classes, ("true", "seen"))
        super().__init__(labels=labels, ignore_case=ignore_case)
        head, _, version = self.signature.rpartition("|v")
        self.signature = f"{head}|classes:{self.classes}|v{version}"

    def table_value(  # the total is not needed
        self,
        hit: Array,
        predicted: Array,
        true: Array,
        total: Array,  # noqa: ARG002
    ) -> Array:
        """Mean of 2 hit / (predicted + true) over the classes."""
        classes = (true > 0) | ((predicted > 0) & (self.classes == "seen"))
        f1 = np.where(classes, 2 * hit / np.where(classes, predicted + true, 1.0), 0.0)
        return ratio(f1.sum(axis=-1), classes.sum(axis=-1).astype(np.float64))


class MatthewsCorrelation(ConfusionMetric):
    """Matthews' correlation coefficient, multi-class (Gorodkin's R_K); 0 where either side is one.

    Predictions outside given labels are one more class.

    >>> from evalharness.testing import score_texts
    >>> score_texts(MatthewsCorrelation(), ["a", "d", "a"], [["a"], ["b"], ["a"]])
    0.5
    """

    name = "mcc"
    range = (-1.0, 1.0)
    scale: Scale = "plain"

    def table_value(self, hit: Array, predicted: Array, true: Array, total: Array) -> Array:
        """Covariance over the root of the product of variances, from counts."""
        square = total * total
        strangers = total - predicted.sum(axis=-1)
        covariance = hit.sum(axis=-1) * total - (predicted * true).sum(axis=-1)
        spread_predicted = square - (predicted * predicted).sum(axis=-1) - strangers * strangers
        spread_true = square - (true * true).sum(axis=-1)
        spread = np.sqrt(spread_predicted * spread_true)
        value = np.where(spread > 0, ratio(covariance, spread), 0.0)
        return np.where(total > 0, value, np.nan)


class CohenKappa(ConfusionMetric):
    """Cohen's kappa, unweighted: agreement beyond chance; undetermined where chance is 1.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(CohenKappa(), ["a", "d", "a"], [["a"], ["b"], ["a"]]), 4)
    0.4
    """

    name = "kappa"
    range = (-1.0, 1.0)
    scale: Scale = "plain"

    def table_value(self, hit: Array, predicted: Array, true: Array, total: Array) -> Array:
        """(observed - expected) / (1 - expected) agreement."""
        observed = ratio(hit.sum(axis=-1), total)
        expected = ratio((predicted * true).sum(axis=-1), total * total)
        return ratio(observed - expected, 1 - expected)
