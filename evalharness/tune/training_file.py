"""May this file be trained on: is it what a service takes, and does it hold what will be asked?

Reads: a training file, the held-out data of the suites that will judge.  Raises DataError.
Depends on: data, spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evalharness.data.checks import check_data
from evalharness.data.findings import Finding
from evalharness.data.rows import Row, format_of, iter_rows
from evalharness.data.training import check_training
from evalharness.data.training_rules import format_of_row
from evalharness.errors import DataError
from evalharness.spec.suite import Suite
from evalharness.tune.recipe import Method

MOST_NAMED = 5
"""Faults that a refusal names; `evalharness validate` shows all."""


def require_trainable(path: Path, method: Method) -> list[Finding]:
    """The warnings of a training file that a service would take.

    Raises DataError naming the first faults, each with its line and mend.
    """
    findings = check_training(path)
    # Rows in the harness's own form are fine to validate against, but no service trains on them.
    faults = [one for one in findings if one.severity == "error" or one.code == "format"]
    if faults:
        raise DataError(
            f"the training file cannot be used: {told(faults)}",
            where=faults[0].where,
            mend=faults[0].mend or f"`evalharness validate {path}` names every fault",
        )
    _require_method(path, method)
    return findings


def require_no_leak(path: Path, suites: Sequence[Suite]) -> None:
    """Raise DataError where a suite's held-out samples stand in the training file."""
    for suite in suites:
        if suite.data.path is None:
            continue
        found = check_data(suite.data, base=Path(suite.base), train=path)
        leaks = [one for one in found if one.code == "leak" and one.severity == "error"]
        if leaks:
            raise DataError(
                f"the training file holds held-out samples of '{suite.name}', so no verdict on "
                f"what it teaches would count: {told(leaks)}",
                where=leaks[0].where,
                mend="take them out of one of the two files",
            )


def told(findings: Sequence[Finding]) -> str:
    """The first findings in one line."""
    named = "; ".join(f"{one.where}: {one.message}" for one in findings[:MOST_NAMED])
    more = len(findings) - MOST_NAMED
    return f"{named}; and {more} more" if more > 0 else named


def _require_method(path: Path, method: Method) -> None:
    """Preference pairs are trained on with dpo, everything else with sft."""
    for row in _rows(path):
        is_preference = format_of_row(row.values) == "preference"
        if is_preference == (method == "dpo"):
            return
        kind = "preference pairs" if is_preference else "no preference pairs"
        raise DataError(
            f"the training file holds {kind}, which --method {method} cannot train on",
            where=row.where,
            mend=f"--method {'dpo' if is_preference else 'sft'}",
        )


def _rows(path: Path) -> Iterator[Row]:
    for row in iter_rows(path, format_of(path) or "jsonl"):
        if isinstance(row, Row):
            yield row
