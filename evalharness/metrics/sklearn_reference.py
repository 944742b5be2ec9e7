"""Labels and probabilities by the reference library itself: `impl: reference` runs scikit-learn.

Reads: answers and references.  Gives: the metrics of classify.py and scored_label.py, whose values
are scikit-learn's, with the samples' weights as its `sample_weight`.
Depends on: base, classify, scored_label; scikit-learn (the extra `sklearn`) when they are computed.
scikit-learn needs the pairs and not their sums, so all of these are resampled (kind `refit`), and
what it calls undefined (it warns and gives NaN) is undetermined here without a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from evalharness.contracts import Rows
from evalharness.errors import MissingExtra
from evalharness.metrics.classify import (
    CohenKappa,
    ConfusionMetric,
    MacroF1,
    MatthewsCorrelation,
)
from evalharness.metrics.scored_label import (
    Auroc,
    AveragePrecision,
    Brier,
    LogLoss,
    ScoredLabel,
)

if TYPE_CHECKING:
    from evalharness.contracts import Array


def scikit_learn(name: str) -> Any:  # Any: scikit-learn is not typed
    """Its module `metrics`, for the metric `name`. Raises MissingExtra if it is not installed."""
    try:
        import sklearn.metrics
    except ImportError as error:
        raise MissingExtra(
            "scikit-learn", extra="sklearn", needed_for=f"{name} with impl: reference"
        ) from error
    return sklearn.metrics


def _drawn(rows_nk: Array, weights_bn: Array) -> Iterator[tuple[Array, Array]]:
    """Rows and their weights, for each weighting; rows without weight are left out."""
    for weights in weights_bn * rows_nk[:, 2]:
        kept = weights > 0
        yield rows_nk[kept], weights[kept]


class _Labels(ConfusionMetric):
    """A metric of pairs of labels, kept as numbers also where the labels are given."""

    by_cells = False
    implementation = ("impl:reference",)

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows (true, predicted, 1), [n, 3]. Raises MissingExtra."""
        scikit_learn(self.name)
        return super().measure(items)

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] from rows [n, 3] under weights [b, n]; NaN without rows."""
        return np.array(
            [
                self.value_of(drawn_nk[:, 0], drawn_nk[:, 1], weights_n) if len(weights_n) else nan
                for drawn_nk, weights_n in _drawn(rows_nk, weights_bn)
            ]
        )

    def value_of(self, true_n: Array, predicted_n: Array, weights_n: Array) -> float:
        """Scikit-learn's value of at least one pair, or NaN."""
        raise NotImplementedError


class ReferenceMatthewsCorrelation(_Labels, MatthewsCorrelation):
    """Matthews' correlation by scikit-learn's `matthews_corrcoef`."""

    def value_of(self, true_n: Array, predicted_n: Array, weights_n: Array) -> float:
        """The correlation, 0 where either side is one label."""
        if _same(true_n) or _same(predicted_n):
            return 0.0
        compute = scikit_learn(self.name).matthews_corrcoef
        return float(compute(true_n, predicted_n, sample_weight=weights_n))


class ReferenceCohenKappa(_Labels, CohenKappa):
    """Cohen's kappa by scikit-learn's `cohen_kappa_score`."""

    def value_of(self, true_n: Array, predicted_n: Array, weights_n: Array) -> float:
        """Kappa, NaN where both sides are one and the same label."""
        if _same(np.concatenate((true_n, predicted_n))):
            return nan
        compute = scikit_learn(self.name).cohen_kappa_score
        return float(compute(true_n, predicted_n, sample_weight=weights_n))


class ReferenceMacroF1(_Labels, MacroF1):
    """The mean F1 over labels by scikit-learn's `f1_score`."""

    def value_of(self, true_n: Array, predicted_n: Array, weights_n: Array) -> float:
        """The mean over true labels, or over all but strangers."""
        counted = true_n if self.classes == "true" else np.concatenate((true_n, predicted_n))
        labels = np.unique(counted[counted >= 0])
        return float(
            scikit_learn(self.name).f1_score(
                true_n,
                predicted_n,
                labels=labels,
                average="macro",
                sample_weight=weights_n,
                zero_division=0.0,
            )
        )


class _Ranked(ScoredLabel):
    """A metric of what happened and how probable it was thought."""

    implementation = ("impl:reference",)
    function = ""

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] from rows [n, 3] under weights [b, n]; NaN where undefined."""
        compute = getattr(scikit_learn(self.name), self.function)
        return np.array(
            [
                nan
                if self.undefined(drawn_nk[:, 1])
                else compute(drawn_nk[:, 1], drawn_nk[:, 0], sample_weight=weights_n)
                for drawn_nk, weights_n in _drawn(rows_nk, weights_bn)
            ]
        )

    def undefined(self, happened_n: Array) -> bool:
        """Whether scikit-learn has no value where this happened."""
        raise NotImplementedError


class ReferenceAuroc(_Ranked, Auroc):
    """The area under the ROC curve by scikit-learn's `roc_auc_score`."""

    function = "roc_auc_score"

    def undefined(self, happened_n: Array) -> bool:
        """Whether everything happened, or nothing."""
        return not len(happened_n) or _same(happened_n)


class ReferenceAveragePrecision(_Ranked, AveragePrecision):
    """Average precision by scikit-learn's `average_precision_score`."""

    function = "average_precision_score"

    def undefined(self, happened_n: Array) -> bool:
        """Whether nothing happened."""
        return not happened_n.any()


class ReferenceBrier(Brier):
    """Brier's score by scikit-learn's `brier_score_loss`."""

    implementation = ("impl:reference",)

    def row(self, probability: float, happened: float) -> Sequence[float]:
        """(loss, 1)."""
        compute = scikit_learn(self.name).brier_score_loss
        return float(compute([happened], [probability], pos_label=1)), 1.0


class ReferenceLogLoss(LogLoss):
    """Log loss by scikit-learn's `log_loss`."""

    implementation = ("impl:reference",)

    def row(self, probability: float, happened: float) -> Sequence[float]:
        """(loss, 1)."""
        compute = scikit_learn(self.name).log_loss
        return float(compute([happened], [probability], labels=[0, 1])), 1.0


def _same(values: Array) -> bool:
    """Whether all values are one."""
    return bool((values == values[0]).all())
