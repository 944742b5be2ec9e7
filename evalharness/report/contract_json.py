"""What `--json` prints: the contract's keys, filled from the same facts as every report.

Reads: Facts.  Gives: one JSON document as text.  Keys are added, never renamed or removed.
Depends on: results, records, errors.  facts.json (`jsonfile`) holds more and is its own format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from evalharness.errors import DataError
from evalharness.records import Estimate
from evalharness.results import ArmFacts, ComparisonRow, Facts, GateRow, MetricSummary

Json: TypeAlias = "str | int | float | list[Json] | dict[str, Json] | None"


def contract_json(facts: Facts, reports: Mapping[str, str]) -> str:
    """The facts of a run, a comparison or a gate as the contract's JSON, two blanks indented.

    reports: format -> path of what was written.
    Raises DataError where a number is NaN or infinite.
    """
    document = _document(facts)
    document["warnings"] = list(facts.warnings)
    document["reports"] = dict(sorted(reports.items()))
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise DataError("a result is not a finite number, and JSON cannot hold it") from error
    return text.encode("utf-8", "replace").decode()


def _document(facts: Facts) -> dict[str, Json]:
    if facts.kind == "gate":
        return _gate_document(facts)
    if facts.kind == "compare":
        rows: list[Json] = [_comparison(row) for row in facts.comparisons]
        return {"comparisons": rows, "invalid": _invalid(facts)}
    runs = [_run(arm) for arm in facts.arms]
    return runs[0] if len(runs) == 1 else {"runs": list[Json](runs)}


def _gate_document(facts: Facts) -> dict[str, Json]:
    verdict = facts.verdict
    return {
        "verdict": verdict.state if verdict else None,
        "exit_code": verdict.exit_code if verdict else None,
        "alpha": verdict.alpha if verdict else None,
        "n_paired": verdict.n_paired if verdict else None,
        "why": list(verdict.why) if verdict else [],
        "stamps": list(verdict.stamps) if verdict else [],
        "gates": [_gate(row) for row in facts.gates],
        "invalid": _invalid(facts),
    }


def _gate(row: GateRow) -> Json:
    return {
        "suite": row.suite,
        "candidate_arm": row.candidate_arm,
        "baseline": row.baseline,
        "metric": row.metric,
        "slice": row.slice,
        "role": row.role,
        "test": row.test,
        "outcome": row.outcome,
        "candidate": row.candidate,
        "baseline_value": row.baseline_value,
        "difference": row.difference,
        "lower": row.lower,
        "upper": row.upper,
        "threshold": row.threshold,
        "alpha": row.alpha,
        "p_value": row.p_value,
        "p_fail": row.p_fail,
        "method": row.method,
        "n": row.n,
        "n_clusters": row.n_clusters,
        "n_more": row.n_more,
        "outcome_answered": row.outcome_answered,
        "signature": row.signature,
        "reason": row.reason,
    }


def _comparison(row: ComparisonRow) -> Json:
    return {
        "suite": row.suite,
        "candidate_arm": row.candidate_arm,
        "baseline": row.baseline,
        "metric": row.metric,
        "slice": row.slice,
        "candidate": row.candidate,
        "baseline_value": row.baseline_value,
        "difference": row.difference,
        "difference_answered": row.difference_answered,
        "lower": row.lower,
        "upper": row.upper,
        "level": row.level,
        "p_value": row.p_value,
        "method": row.method,
        "n": row.n,
        "n_clusters": row.n_clusters,
        "wins": row.wins,
        "losses": row.losses,
        "ties": row.ties,
        "signature": row.signature,
        "reason": row.reason,
    }


def _invalid(facts: Facts) -> Json:
    return [
        {"code": row.code, "message": row.message, "suite": row.suite, "arm": row.arm}
        for row in facts.invalid
    ]


def _run(arm: ArmFacts) -> dict[str, Json]:
    summary = arm.summary
    return {
        "suite": summary.suite,
        "run": summary.run,
        "arm": arm.name,
        "n": summary.n,
        "n_failed": summary.n_failed,
        "failures": dict(sorted(summary.failures.items())),
        "metrics": {name: _metric(metric) for name, metric in summary.metrics.items()},
        "slices": {
            slice_: {name: _metric(metric) for name, metric in metrics.items()}
            for slice_, metrics in sorted(summary.slices.items())
        },
    }


def _metric(metric: MetricSummary) -> Json:
    found = metric.estimate
    told: dict[str, Json] = {
        "value": found.value if isinstance(found, Estimate) else None,
        "value_answered": metric.value_answered,
        "lower": found.lower if isinstance(found, Estimate) else None,
        "upper": found.upper if isinstance(found, Estimate) else None,
        "level": found.level if isinstance(found, Estimate) else None,
        "n": metric.n,
        "n_failed": metric.n_failed,
        "n_unscored": metric.n_unscored,
        "n_unparsed": metric.n_unparsed,
        "signature": metric.signature,
    }
    return told if isinstance(found, Estimate) else told | {"reason": found.reason}
