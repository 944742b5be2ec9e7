"""Probabilities against what happened: AUROC, average precision, Brier, log loss, calibration.

Reads: answers with log-probabilities, or with a probability as text; references.
Gives: rows (probability, happened, 1), or columns that sum.
Depends on: base, text.  Sources: scikit-learn 1.9 (roc_auc_score, average_precision_score,
brier_score_loss, log_loss); torchmetrics 1.9 for the bins of the calibration error; Brier (1950);
Naeini et al. (2015).

What the probability is of:
  positive given   of that label: read from the alternatives of the first token (`score: logprobs`)
                   or from the answer itself (`score: text`); it happened if a reference is that
  not given        of the answer: exp of the sum (or mean) of its tokens' log-probabilities; it
                   happened if the answer equals a reference
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from evalharness.contracts import MetricKind, Need, Rows, Scale
from evalharness.metrics.base import NO_TARGET, RowMetric, choice, ratio
from evalharness.records import Completion, Item, Sample, Unscored
from evalharness.text.normalize import squeeze
from evalharness.text.numbers import numbers_in

if TYPE_CHECKING:
    from evalharness.contracts import Array

_NO_LOGPROBS: Final = Unscored(reason="the answer has no log-probabilities")
_NO_NUMBER: Final = Unscored(reason="the answer is no probability from 0 to 1")
_NOT_SEEN: Final = Unscored(reason="no label is among the alternatives of the first token")


class ScoredLabel(RowMetric):
    """What these metrics share: from an item to (probability, happened).

    positive: the label whose probability counts.  negative: the other one, to share out what both
    have.  score: `logprobs` (default) or `text`.  confidence: without `positive`, whether the
    answer's log-probabilities are summed (`product`, default) or averaged (`mean`).
    Raises ValueError for options that do not go together.
    """

    kind: MetricKind = "refit"
    columns: tuple[str, ...] = ("probability", "happened", "n")

    def __init__(
        self,
        *,
        positive: str | None = None,
        negative: str | None = None,
        score: str = "logprobs",
        confidence: str = "product",
    ) -> None:
        self.score = choice("score", score, ("logprobs", "text"))
        self.confidence = choice("confidence", confidence, ("product", "mean"))
        if positive is None and (negative is not None or self.score == "text"):
            raise ValueError("negative and score: text need positive")
        self.positive = None if positive is None else _label(str(positive))
        self.negative = None if negative is None else _label(str(negative))
        wanted: set[Need] = {"targets", "logprobs"} if self.score == "logprobs" else {"targets"}
        self.needs = frozenset(wanted)
        form = [f"confidence:{self.confidence}"]
        if self.positive is not None:
            form = [f"of:{self.positive}", f"not:{self.negative}", f"score:{self.score}"]
        super().__init__(*form)

    def judged(self, item: Item) -> tuple[float, float] | Unscored:
        """(probability, 1.0 if it happened else 0.0) of one item, or why not."""
        if not item.sample.targets:
            return NO_TARGET
        happened = self.happened(item.sample, item.text)
        if self.score == "text":
            probability: float | Unscored = _probability_in(item.text)
        elif self.positive is None:
            probability = answer_probability(item.completion, mean=self.confidence == "mean")
        else:
            probability = label_probability(item.completion, self.positive, self.negative)
        return probability if isinstance(probability, Unscored) else (probability, happened)

    def happened(self, sample: Sample, text: str) -> float:
        """Whether a reference is the positive label, or the answer."""
        wanted = _label(text) if self.positive is None else self.positive
        return float(any(_label(target) == wanted for target in sample.targets))

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """One row an item, [n, k]."""
        rows_nk = np.zeros((len(items), len(self.columns)))
        scored_n = np.ones(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for index, item in enumerate(items):
            judged = self.judged(item)
            if isinstance(judged, Unscored):
                scored_n[index] = False
                reasons[index] = judged.reason
            else:
                rows_nk[index] = self.row(*judged)
        return Rows(rows_nk, scored_n, reasons)

    def row(self, probability: float, happened: float) -> Sequence[float]:
        """The statistics of one item."""
        return probability, happened, 1.0

    def reduce(self, sums: Array) -> Array:
        """Values [...] from sums; a TypeError for those that rank."""
        raise TypeError(f"{self.name} is no function of sums; use reduce_weighted: {sums.shape}")

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] from rows [n, k] under weights [b, n]."""
        return self.reduce(weights_bn @ rows_nk)

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:
        """Worst: certain and wrong. Best: certain and right."""
        happened = [
            0.0 if self.positive is None else self.happened(sample, "") for sample in samples
        ]
        if self.positive is None:  # what happened depends on the answer
            worst, best = [(1.0, 0.0)] * len(samples), [(1.0, 1.0)] * len(samples)
        else:
            worst = [(1.0 - one, one) for one in happened]
            best = [(one, one) for one in happened]
        shape = (len(samples), len(self.columns))
        return (
            np.array([self.row(*one) for one in worst], dtype=np.float64).reshape(shape),
            np.array([self.row(*one) for one in best], dtype=np.float64).reshape(shape),
        )


class Auroc(ScoredLabel):
    """The area under the ROC curve: how often what happened ranks above what did not, ties half.

    Undetermined where everything happened, or nothing.
    """

    name = "auroc"

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Areas [b]."""
        happened_bs, not_bs = _by_score(rows_nk, weights_bn)
        below_bs = np.cumsum(not_bs, axis=1) - not_bs
        above = (happened_bs * (below_bs + 0.5 * not_bs)).sum(axis=1)
        return ratio(above, happened_bs.sum(axis=1) * not_bs.sum(axis=1))


class AveragePrecision(ScoredLabel):
    """The mean precision over what happened, from the most probable down; ties share a threshold.

    Undetermined where nothing happened.
    """

    name = "average_precision"

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Average precisions [b]."""
        happened_bs, not_bs = (side[:, ::-1] for side in _by_score(rows_nk, weights_bn))
        hits_bs = np.cumsum(happened_bs, axis=1)
        all_bs = hits_bs + np.cumsum(not_bs, axis=1)
        precision_bs = hits_bs / np.where(all_bs > 0, all_bs, 1.0)
        return ratio((precision_bs * happened_bs).sum(axis=1), happened_bs.sum(axis=1))


def _by_score(rows_nk: Array, weights_bn: Array) -> tuple[Array, Array]:
    """Weight of what happened and of what did not at each distinct score, ascending, [b, s]."""
    scores, places = np.unique(rows_nk[:, 0], return_inverse=True)
    happened_n = rows_nk[:, 1] > 0.5
    shape = (len(weights_bn), len(scores))
    happened_bs, not_bs = np.zeros(shape), np.zeros(shape)
    for draw, weights in enumerate(weights_bn * rows_nk[:, 2]):
        happened_bs[draw] = np.bincount(places, weights * happened_n, len(scores))
        not_bs[draw] = np.bincount(places, weights * ~happened_n, len(scores))
    return happened_bs, not_bs


class _MeanLoss(ScoredLabel):
    """A mean of losses: rows (loss, 1)."""

    kind: MetricKind = "continuous"
    direction: Literal["higher", "lower"] = "lower"
    columns: tuple[str, ...] = ("loss", "n")

    def reduce(self, sums: Array) -> Array:
        """Means [...]."""
        return ratio(sums[..., 0], sums[..., 1])


class Brier(_MeanLoss):
    """Mean squared difference of probability and what happened; 0 is best."""

    name = "brier"

    def row(self, probability: float, happened: float) -> Sequence[float]:
        """(squared difference, 1)."""
        return (probability - happened) ** 2, 1.0


class LogLoss(_MeanLoss):
    """Mean negative natural logarithm of the probability of what happened; unbounded above.

    Probabilities are kept 2.2e-16 away from 0 and 1, as scikit-learn does.
    """

    name = "log_loss"
    range: tuple[float | None, float | None] = (0.0, None)
    scale: Scale = "plain"

    def row(self, probability: float, happened: float) -> Sequence[float]:
        """(loss, 1)."""
        tiny = float(np.finfo(np.float64).eps)
        kept = min(max(probability, tiny), 1 - tiny)
        return -math.log(kept if happened > 0.5 else 1 - kept), 1.0

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:  # noqa: ARG002
        """None: the loss has no worst value."""
        return None


class CalibrationError(ScoredLabel):
    """Expected calibration error: how far probability and frequency are apart, by bins.

    n_bins: equal bins from 0 to 1 (15).  norm: `l1` mean over bins weighted by size, `l2` root of
    the mean square, `max` the largest.  Bins hold their lower edge; 1.0 has a bin of its own.
    """

    name = "ece"
    kind: MetricKind = "corpus"
    direction: Literal["higher", "lower"] = "lower"

    def __init__(
        self,
        *,
        n_bins: int = 15,
        norm: str = "l1",
        positive: str | None = None,
        negative: str | None = None,
        score: str = "logprobs",
        confidence: str = "product",
    ) -> None:
        if isinstance(n_bins, bool) or not isinstance(n_bins, int) or not 1 <= n_bins <= 1000:
            raise ValueError(f"n_bins must be a whole number from 1 to 1000; got {n_bins!r}")
        self.norm = choice("norm", norm, ("l1", "l2", "max"))
        self.edges = bin_edges(n_bins)
        self.columns = tuple(
            f"{part}_{place}"
            for part in ("n", "probability", "happened")
            for place in range(n_bins + 1)
        )
        super().__init__(positive=positive, negative=negative, score=score, confidence=confidence)
        self.signature = self.signature.replace(
            self.name, f"{self.name}|bins:{n_bins}|norm:{self.norm}", 1
        )

    def row(self, probability: float, happened: float) -> Sequence[float]:
        """Count, probability and outcome in the columns of its bin."""
        bins = len(self.edges)
        place = int(np.searchsorted(self.edges, probability, side="right")) - 1
        row = np.zeros(3 * bins)
        row[[place, bins + place, 2 * bins + place]] = 1.0, probability, happened
        return row.tolist()

    def reduce(self, sums: Array) -> Array:
        """Errors [...] from sums [..., 3 bins]; NaN without items."""
        bins = len(self.edges)
        counts = sums[..., :bins]
        gap = np.abs(sums[..., bins : 2 * bins] - sums[..., 2 * bins :])
        gap = gap / np.where(counts > 0, counts, 1.0)
        total = counts.sum(axis=-1)
        if self.norm == "max":
            return np.where(total > 0, gap.max(axis=-1), np.nan)
        if self.norm == "l1":
            return ratio((gap * counts).sum(axis=-1), total)
        return np.asarray(np.sqrt(ratio((gap * gap * counts).sum(axis=-1), total)))


def bin_edges(n_bins: int) -> Array:
    """n_bins + 1 edges from 0 to 1, counted from the nearer end.

    So does torch.linspace (but for its vector lanes), from which torchmetrics takes its bins: it
    matters where a probability is exactly an edge.
    """
    step = 1.0 / n_bins
    places = np.arange(n_bins + 1, dtype=np.float64)
    half = (n_bins + 1) // 2
    return np.concatenate(((places * step)[:half], (1.0 - step * (n_bins - places))[half:]))


def answer_probability(completion: Completion, *, mean: bool) -> float | Unscored:
    """The probability of a whole answer, or the geometric mean of its tokens'."""
    if not completion.logprobs:
        return _NO_LOGPROBS
    total = math.fsum(token.logprob for token in completion.logprobs)
    return min(1.0, math.exp(total / len(completion.logprobs) if mean else total))


def label_probability(
    completion: Completion, positive: str, negative: str | None
) -> float | Unscored:
    """The probability that the answer is a label, from the alternatives of its first word's token.

    Alternatives that begin a label count for it (" Yes", "yes", "y"); one that begins both counts
    for neither.  Where both labels are seen, they share out what they have; where only the
    negative one is, the rest is the positive one's.
    """
    for token in completion.logprobs or ():
        seen = {**token.top, token.token: token.logprob}
        if not token.token.strip():
            continue
        shares = [
            math.fsum(
                math.exp(logprob) for text, logprob in seen.items() if _begins(text, one, two)
            )
            for one, two in ((positive, negative), (negative, positive))
        ]
        if shares[0] > 0 and shares[1] > 0:
            return shares[0] / (shares[0] + shares[1])
        if shares[0] > 0:
            return min(1.0, shares[0])
        return max(0.0, 1 - shares[1]) if shares[1] > 0 else _NOT_SEEN
    return _NO_LOGPROBS


def _begins(text: str, label: str | None, other: str | None) -> bool:
    """Whether a token begins one label and not the other."""
    start = _label(text)
    if not start or label is None or not label.startswith(start):
        return False
    return other is None or not other.startswith(start)


def _label(text: str) -> str:
    """A label as it is compared."""
    return squeeze(text).casefold()


def _probability_in(text: str) -> float | Unscored:
    """The probability that an answer states: its only number, from 0 to 1, or a percentage."""
    numbers = numbers_in(text)
    if len(numbers) != 1:
        return _NO_NUMBER
    value = numbers[0].value / 100 if numbers[0].percent else numbers[0].value
    return float(value) if 0 <= value <= 1 else _NO_NUMBER
