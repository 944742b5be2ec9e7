"""duelling: the preference judges of a suite, for every pair of runs that a command compares.

Reads and writes: what `duel` does; imported only where a suite has preference judges.
Gives: `Duels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalharness.spec.suite import Suite
from evalharness.stages.judging.bench import cold_repeats
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.plan import heldout
from evalharness.store.marks import MarkTable
from evalharness.store.runs import RunFolder

if TYPE_CHECKING:
    from evalharness.clients.stack import Shared


class Duels:
    """Every pair of a command in turn; one budget and one set of rate limits for all of them,
    shared with whatever else the command asks.

    warnings: what was noticed, once each.
    """

    def __init__(
        self, suite: Suite, options: RunOptions, report: Report, *, shared: Shared
    ) -> None:
        self.suite, self.options, self.report = suite, options, report
        self.shared = shared
        self.warnings = cold_repeats(suite) if suite.judges else []

    def judged(
        self, tables: tuple[MarkTable, MarkTable], runs: tuple[RunFolder, RunFolder]
    ) -> tuple[MarkTable, MarkTable]:
        """Both tables (baseline, candidate) with the metrics of the pair; as they are without."""
        from evalharness.stages.judging.duel import has_preferences, open_duel, with_preferences

        if not has_preferences(self.suite):
            return tables
        source = heldout(self.suite, self.options)
        duel = open_duel(self.suite, source, runs, self.options.out)
        try:
            both, warnings = with_preferences(
                tables, duel, self.options, self.report, shared=self.shared
            )
        finally:
            duel.close()
        self.warnings += [warning for warning in warnings if warning not in self.warnings]
        return both
