"""Our metrics as modules of the package evaluate: `load("f1").compute(predictions=, references=)`.

Reads: a metric's name and options.  Gives: an evaluate.EvaluationModule.
Depends on: catalog, records; evaluate and datasets (extra `hf`), imported by `load`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalharness.catalog import make_metric
from evalharness.errors import DataError, MissingExtra, SpecError
from evalharness.records import Completion, Item, Sample

if TYPE_CHECKING:
    from evalharness.contracts import Metric


def load(name: str, options: Mapping[str, Any] | None = None) -> Any:  # Any: evaluate is not typed
    """The metric `name` as an evaluate.Metric; `compute` gives {name: value}.

    options: as a suite writes them.  References are one text or a list of texts a prediction.
    Raises SpecError for an unknown metric, or one that needs more than answers and references;
    MissingExtra without evaluate.
    """
    metric = make_metric(name, dict(options or {}))
    if metric.sees != "answers" or metric.needs - {"targets"}:
        raise SpecError(f"metric '{name}' needs more than answers and references")
    try:
        import datasets
        import evaluate
    except ImportError as error:
        raise MissingExtra("evaluate", extra="hf", needed_for=f"{name} as a module") from error
    text = datasets.Value("string")

    class Ours(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
        """One of our metrics."""

        def _info(self) -> Any:  # Any: evaluate is not typed
            return evaluate.MetricInfo(
                description=f"evalharness: {metric.signature}",
                citation="",
                inputs_description="predictions: texts; references: a text or a list of texts each",
                features=[
                    datasets.Features({"predictions": text, "references": [text]}),
                    datasets.Features({"predictions": text, "references": text}),
                ],
            )

        def _compute(
            self, predictions: Sequence[str], references: Sequence[Any]
        ) -> dict[str, float]:
            return {name: value_of(metric, predictions, references)}

    return Ours(keep_in_memory=True)


def value_of(
    metric: Metric,
    predictions: Sequence[str],
    references: Sequence[str | Sequence[str]],
) -> float:
    """The metric's value; raises DataError for unequal lengths or a pair without a score."""
    import numpy as np

    if len(predictions) != len(references) or not len(predictions):
        raise DataError(
            f"{len(predictions)} predictions but {len(references)} references",
            mend="give one reference, or one list of references, for each prediction",
        )
    items = [
        Item(
            sample=Sample(
                id=str(place), targets=(given,) if isinstance(given, str) else tuple(given)
            ),
            completion=Completion(text=text),
            text=text,
        )
        for place, (text, given) in enumerate(zip(predictions, references, strict=True))
    ]
    rows = metric.measure(items)
    if not rows.scored_n.all():
        place, reason = next(iter(rows.reasons.items()))
        raise DataError(f"prediction {place} has no score: {reason}")
    if metric.kind in ("ordered", "refit"):
        return float(metric.reduce_weighted(rows.rows_nk, np.ones((1, len(items))))[0])
    return float(metric.reduce(rows.rows_nk.sum(axis=0)))
