"""The Python face: evaluate, compare, gate, load_run.

    from evalharness import gate
    result = gate("facts", candidate="tuned", baseline="base")
    result.verdict.state          # "READY"

Depends on: stages, report.facts.  Prints nothing; raises HarnessError, gives Facts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from evalharness.errors import MissingExtra
from evalharness.report.facts import build_facts
from evalharness.results import Facts
from evalharness.spec.locate import find_suite
from evalharness.spec.read import read_suite
from evalharness.spec.suite import Suite
from evalharness.stages.arms import distinct, resolve_all
from evalharness.stages.decide import GateRequest, compare_runs
from evalharness.stages.decide import gate as decide_gate
from evalharness.stages.execute import execute
from evalharness.stages.options import RunOptions, silent
from evalharness.store.runs import RunFolder

if TYPE_CHECKING:
    from pandas import DataFrame

    from evalharness.store.export import Row

Names = str | Sequence[str]
Table: TypeAlias = Literal["metrics", "gates", "comparisons", "samples"]
TABLES: Final[tuple[Table, ...]] = get_args(Table)


def evaluate(suite: str | Path, models: Names, *, options: RunOptions | None = None) -> list[Facts]:
    """Ask and score one or more models; the facts of each run, in the models' order.

    suite: a name, folder or file.  models: as `--model` takes them.
    """
    chosen = options or default_options()
    spec = _suite(suite)
    arms = distinct(resolve_all(_names(models), chosen, suite=spec.name))
    folders = execute(spec, arms, chosen, silent)
    return [build_facts(folder.path, out=chosen.out) for folder in folders]


def compare(
    baseline: str,
    candidates: Names,
    *,
    suite: str | None = None,
    alpha: float = 0.05,
    options: RunOptions | None = None,
) -> Facts:
    """The paired comparison of candidates with a baseline; raises PairingError if impossible."""
    chosen = options or default_options()
    folder = compare_runs([baseline, *_names(candidates)], suite, chosen, silent, alpha=alpha)
    return build_facts(folder, out=chosen.out)


def gate(
    suites: str | Path | Sequence[str | Path],
    *,
    candidate: Names,
    baseline: Names,
    options: RunOptions | None = None,
) -> Facts:
    """One verdict over suites and baselines; `facts.verdict.state` is the answer."""
    chosen = options or default_options()
    listed = [suites] if isinstance(suites, str | Path) else list(suites)
    request = GateRequest(
        suites=tuple(_suite(name) for name in listed),
        candidates=tuple(_names(candidate)),
        baselines=tuple(_names(baseline)),
    )
    return build_facts(decide_gate(request, chosen, silent), out=chosen.out)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run, comparison or gate on disk.

    facts: what its reports show.  path: its folder.  out: the folder that holds its runs.
    """

    facts: Facts
    path: Path
    out: Path

    def rows(self, table: Table = "metrics") -> list[Row]:
        """A table as plain rows, None where a value is undetermined. Raises StoreError.

        metrics: one row an arm, slice and metric.  gates, comparisons: one each.
        samples: one a unit and arm, with its answer and its value of each metric.
        """
        from evalharness.report.tables import comparison_rows, gate_rows, metric_rows

        if table == "metrics":
            return metric_rows(self.facts)
        if table == "gates":
            return gate_rows(self.facts)
        if table == "comparisons":
            return comparison_rows(self.facts)
        from evalharness.report.units import runs_of
        from evalharness.store.export import unit_rows

        runs = runs_of(self.facts, self.path, self.out)
        return [row | {"arm": arm} for (_, arm), run in runs.items() for row in unit_rows(run)]

    def to_pandas(self, table: Table = "metrics") -> DataFrame:
        """A table as a pandas frame, see `rows`.

        Raises MissingExtra where pandas is not installed (extra `report`).
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("pandas", extra="report", needed_for="a DataFrame") from error
        return pd.DataFrame(self.rows(table))


def load_run(path: str | Path) -> Loaded:
    """A complete run, gate or comparison folder. Raises StoreError."""
    folder = Path(path)
    out = folder.parent.parent if folder.parent.name == "gates" else folder.parent
    return Loaded(build_facts(folder, out=out), folder, out)


def load_summary(path: str | Path) -> RunFolder:
    """A run folder, to read its manifest, summary or marks from."""
    return RunFolder(Path(path))


def default_options() -> RunOptions:
    """Options as the command line has them without any flag, except that nothing is cached."""
    return RunOptions(out=Path("runs"), environment=dict(os.environ), session="api")


def _suite(suite: str | Path) -> Suite:
    return read_suite(find_suite(str(suite)))


def _names(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
