"""What `--json` prints: the same facts in the small shape that other programs depend on.

Reads: Facts.  Gives: JSON text; fractions are 0..1, a number that could not be had is null with its
reason beside, NaN never occurs.
Depends on: results.  Source of the shape: the contract, docs/json.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from evalharness.errors import DataError
from evalharness.records import Estimate
from evalharness.results import ComparisonRow, Facts, GateRow, MetricSummary, RunSummary

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def contract_json(facts: Facts, reports: Mapping[str, str]) -> str:
    """One JSON object, indented, keys in the order in which the contract names them.

    reports: name -> path of what was written.  Several runs are a list under "runs".
    Raises DataError where a number is NaN or infinite.
    """
    if facts.kind == "gate":
        shaped = gate_json(facts, reports)
    elif facts.kind == "compare":
        shaped = {
            "comparisons": [comparison_json(row) for row in facts.comparisons],
            "standings": msgspec.to_builtins(facts.standings),
            "invalid": [msgspec.to_builtins(reason) for reason in facts.invalid],
            "warnings": list(facts.warnings),
            "reports": dict(reports),
        }
    else:
        runs = [run_json(arm.summary) for arm in facts.arms]
        shaped = runs[0] if len(runs) == 1 else {"runs": list[Json](runs)}
        shaped["reports"] = dict(reports)
    try:
        text = json.dumps(shaped, indent=1, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise DataError("a result is not a finite number, and JSON cannot hold it") from error
    return text.encode("utf-8", "replace").decode()


def run_json(summary: RunSummary) -> dict[str, Json]:
    """The contract's shape of `score` and `run`."""
    return {
        "suite": summary.suite,
        "run": summary.run,
        "arm": summary.arm,
        "n": summary.n,
        "n_failed": summary.n_failed,
        "failures": dict(summary.failures),
        "metrics": {label: metric_json(metric) for label, metric in summary.metrics.items()},
        "slices": {
            name: {label: metric_json(metric) for label, metric in metrics.items()}
            for name, metrics in summary.slices.items()
        },
        "warnings": list(summary.warnings),
    }


def metric_json(metric: MetricSummary) -> dict[str, Json]:
    """One metric; `value` is null with a `reason` where it is undetermined."""
    estimate = metric.estimate
    shaped: dict[str, Json]
    if isinstance(estimate, Estimate):
        shaped = {
            "value": estimate.value,
            "value_answered": metric.value_answered,
            "lower": estimate.lower,
            "upper": estimate.upper,
            "level": estimate.level,
            "method": estimate.method,
        }
    else:
        shaped = {
            "value": None,
            "value_answered": metric.value_answered,
            "lower": None,
            "upper": None,
            "level": None,
            "reason": estimate.reason,
        }
    return {
        **shaped,
        "n": metric.n,
        "n_failed": metric.n_failed,
        "n_unscored": metric.n_unscored,
        "n_unparsed": metric.n_unparsed,
        "signature": metric.signature,
    }


def gate_json(facts: Facts, reports: Mapping[str, str]) -> dict[str, Json]:
    """The contract's shape of `gate`."""
    verdict = facts.verdict
    return {
        "verdict": verdict.state if verdict else None,
        "exit_code": verdict.exit_code if verdict else 0,
        "alpha": verdict.alpha if verdict else None,
        "n_paired": verdict.n_paired if verdict else None,
        "why": list(verdict.why) if verdict else [],
        "stamps": list(verdict.stamps) if verdict else [],
        "gates": [gate_row_json(row) for row in facts.gates],
        "standings": msgspec.to_builtins(facts.standings),
        "online": msgspec.to_builtins(facts.online),
        "invalid": [msgspec.to_builtins(reason) for reason in facts.invalid],
        "warnings": list(facts.warnings),
        "reports": dict(reports),
    }


def gate_row_json(row: GateRow) -> dict[str, Json]:
    """One gate, every field by its name in `results.GateRow`."""
    shaped: dict[str, Json] = msgspec.to_builtins(row)
    return shaped


def comparison_json(row: ComparisonRow) -> dict[str, Json]:
    """One comparison, every field by its name in `results.ComparisonRow`."""
    shaped: dict[str, Json] = msgspec.to_builtins(row)
    return shaped
