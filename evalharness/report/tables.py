"""The figures as tables: rows of plain values, CSV, and pandas frames.

Reads: Facts.  Gives: rows in the metrics' own units: fractions 0..1, dollars, seconds; None where a
value is undetermined.  Depends on: arms, clean; pandas only for a frame (extra `report`).
Sources: RFC 4180 (CSV); OWASP, "CSV injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from evalharness.errors import MissingExtra
from evalharness.records import Estimate
from evalharness.report import clean
from evalharness.report.arms import by_slice, gated_metrics
from evalharness.results import ArmFacts, Facts

if TYPE_CHECKING:
    from pandas import DataFrame

Value: TypeAlias = "str | int | float | None"

METRIC_COLUMNS: Final = (
    "suite",
    "arm",
    "role",
    "slice",
    "metric",
    "value",
    "lower",
    "upper",
    "level",
    "value_answered",
    "n",
    "n_failed",
    "n_unscored",
    "n_unparsed",
    "direction",
    "scale",
    "signature",
    "reason",
)
GATE_COLUMNS: Final = (
    "suite",
    "candidate_arm",
    "baseline",
    "metric",
    "slice",
    "role",
    "test",
    "outcome",
    "candidate",
    "baseline_value",
    "difference",
    "lower",
    "upper",
    "threshold",
    "alpha",
    "p_value",
    "p_fail",
    "method",
    "n",
    "n_clusters",
    "n_more",
    "outcome_answered",
    "scale",
    "direction",
    "signature",
    "reason",
)
COMPARISON_COLUMNS: Final = (
    "suite",
    "candidate_arm",
    "baseline",
    "metric",
    "slice",
    "candidate",
    "baseline_value",
    "difference",
    "difference_answered",
    "lower",
    "upper",
    "level",
    "p_value",
    "method",
    "n",
    "n_clusters",
    "wins",
    "losses",
    "ties",
    "scale",
    "direction",
    "signature",
    "reason",
)


def metric_rows(facts: Facts) -> list[dict[str, Value]]:
    """One row an arm, slice and metric: METRIC_COLUMNS -> value; None where undetermined."""
    gated = gated_metrics(facts)
    return [
        row
        for arm in facts.arms
        for slice_, metrics in by_slice(arm, gated)
        for row in (_metric_row(arm, slice_, name) for name in metrics)
    ]


def _metric_row(arm: ArmFacts, slice_: str | None, name: str) -> dict[str, Value]:
    summary = arm.summary
    metric = (summary.metrics if slice_ is None else summary.slices[slice_])[name]
    found = metric.estimate
    known = found if isinstance(found, Estimate) else None
    return {
        "suite": summary.suite,
        "arm": arm.name,
        "role": arm.role,
        "slice": slice_,
        "metric": name,
        "value": known.value if known else None,
        "lower": known.lower if known else None,
        "upper": known.upper if known else None,
        "level": known.level if known else None,
        "value_answered": metric.value_answered,
        "n": metric.n,
        "n_failed": metric.n_failed,
        "n_unscored": metric.n_unscored,
        "n_unparsed": metric.n_unparsed,
        "direction": metric.direction,
        "scale": metric.scale,
        "signature": metric.signature,
        "reason": None if isinstance(found, Estimate) else found.reason,
    }


def gate_rows(facts: Facts) -> list[dict[str, Value]]:
    """One row a gate: GATE_COLUMNS -> value."""
    return [{name: getattr(row, name) for name in GATE_COLUMNS} for row in facts.gates]


def comparison_rows(facts: Facts) -> list[dict[str, Value]]:
    """One row a comparison: COMPARISON_COLUMNS -> value."""
    return [{name: getattr(row, name) for name in COMPARISON_COLUMNS} for row in facts.comparisons]


def render_metrics_csv(facts: Facts) -> str:
    """Every metric of every arm and slice."""
    return _csv(METRIC_COLUMNS, metric_rows(facts))


def render_gates_csv(facts: Facts) -> str:
    """Every gate, or every comparison where nothing was judged."""
    if facts.gates:
        return _csv(GATE_COLUMNS, gate_rows(facts))
    return _csv(COMPARISON_COLUMNS, comparison_rows(facts))


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Value]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return file.getvalue()


def _cell(value: Value) -> str:
    """A cell that no spreadsheet takes for a formula; numbers with all their digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = clean.one_line(value)
        return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
    return repr(value)


def to_pandas(facts: Facts) -> DataFrame:
    """Every metric of every arm and slice as a pandas frame, columns as in METRIC_COLUMNS.

    Raises MissingExtra where pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("pandas", extra="report", needed_for="a DataFrame") from error
    return pd.DataFrame(metric_rows(facts), columns=list(METRIC_COLUMNS))
