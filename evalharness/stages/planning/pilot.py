"""pilot: pairs to plan with: of earlier runs where there are any, else made from assumptions.

Reads: run folders, marks.jsonl.  Gives: a Pairing and words for what it rests on.
Depends on: store.marks, pairing, score (the suite's metrics).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.spec.suite import Suite
from evalharness.stages.pairing import Pairing, pair
from evalharness.stages.score import columns_of, suite_metrics
from evalharness.store.marks import MarkHeader, MarkTable, MetricColumns, MetricTable, read_marks
from evalharness.store.runs import list_runs

if TYPE_CHECKING:
    import numpy as np

    from evalharness.contracts import Array, Mask

SPREAD = 0.4
"""Assumed coefficient of variation of what is neither right/wrong nor bounded (tokens, seconds)."""
ERROR_RATE = 0.005
AMOUNTS = frozenset({"usd", "seconds", "tokens"})
MOST_IN_MEANS = 10.0
"""Assumed height of a declared maximum of seconds, tokens or money, in means."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """A pilot that was never run: baseline rate and how closely the arms' answers go together.

    rate: of right answers.  phi: correlation of the two arms' correctness.
    gain: of a better candidate, for the second power figure.
    """

    rate: float = 0.75
    phi: float = 0.5
    gain: float = 0.05

    def words(self) -> str:
        """For people."""
        return f"assumed: {self.rate:.0%} right answers, correlation {self.phi:g} between the arms"


@dataclass(frozen=True, slots=True)
class Pilot:
    """Pairs to plan with, and what they rest on."""

    pairing: Pairing
    basis: str


def earlier_runs(suite: Suite, out: Path, baseline: str, candidate: str) -> Pairing | None:
    """The complete runs of both arms over this suite below `out`, paired; None without them."""
    tables: dict[str, MarkTable] = {}
    for run in list_runs(out):
        manifest = run.manifest()
        if run.complete and manifest.suite.name == suite.name and run.marks_path.is_file():
            tables[manifest.arm] = read_marks(run.marks_path)
    if baseline not in tables or candidate not in tables:
        return None
    pairing = pair(tables[baseline], tables[candidate])
    return pairing if len(pairing) else None


def assumed_pairing(suite: Suite, assumed: Assumed, *, n: int, rng: np.random.Generator) -> Pairing:
    """Pairs of equal arms that answer as assumed, with every metric of the suite."""
    named = suite_metrics(suite)
    columns = [columns_of(metric) for metric in named]
    left: dict[str, MetricTable] = {}
    right: dict[str, MetricTable] = {}
    for metric in columns:
        first, second = _values(metric, assumed, n, rng)
        left[metric.label], right[metric.label] = _table(metric, first), _table(metric, second)
    return pair(_marks(left, n), _marks(right, n))


def _values(
    metric: MetricColumns, assumed: Assumed, n: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """One value a unit and arm, correlated as assumed."""
    import numpy as np

    if metric.name == "error_rate":
        return (rng.random(n) < ERROR_RATE).astype(float), (rng.random(n) < ERROR_RATE).astype(
            float
        )
    if metric.low is not None and metric.high is not None and metric.scale not in AMOUNTS:
        same = rng.random(n) < assumed.phi
        first = (rng.random(n) < assumed.rate).astype(float)
        fresh = (rng.random(n) < assumed.rate).astype(float)
        second = np.where(same, first, fresh)
        width = metric.high - metric.low
        return metric.low + width * first, metric.low + width * second
    shared = rng.normal(size=n) * SPREAD
    first, second = (np.exp(shared + SPREAD / 2 * rng.normal(size=n)) for _ in range(2))
    if metric.high is None:
        return first, second
    scale = metric.high / MOST_IN_MEANS
    return np.minimum(scale * first, metric.high), np.minimum(scale * second, metric.high)


def _table(metric: MetricColumns, values: Array) -> MetricTable:
    import numpy as np

    everything: Mask = np.ones(len(values), dtype=np.bool_)
    width = len(metric.columns)
    rows = np.ones((len(values), width))
    rows[:, 0] = values
    return MetricTable(
        columns=metric, stored_nj=rows, best={}, scored_n=everything, answered_n=everything
    )


def _marks(metrics: dict[str, MetricTable], n: int) -> MarkTable:
    import numpy as np

    units = np.frombuffer(array("Q", range(1, n + 1)), dtype=np.uint64)
    nothing: Mask = np.zeros(n, dtype=np.bool_)
    return MarkTable(
        path=Path("assumed"),
        header=MarkHeader(metrics=tuple(table.columns for table in metrics.values())),
        units=units,
        samples=units,
        shas=units,
        clusters=units,
        failed_n=nothing,
        unparsed_n=nothing,
        live_n=~nothing,
        slices={},
        failures={},
        sessions=(),
        clustered=False,
        metrics=metrics,
    )
