"""Programs that ran: pass rate, pass@k and pass^k from the sandbox's evidence.

Reads: Execution evidence ("execution") of items; never runs a program.  Gives: rows (value, 1).
Depends on: base, stats.passk.  Sources: Chen et al. (2021), eq. 1; Yao et al. (2024) for pass^k.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from evalharness.contracts import ItemGroup, MetricKind, Need
from evalharness.metrics.base import ItemMetric, Judged, MeanMetric
from evalharness.records import Execution, Item, Unscored
from evalharness.stats.passk import pass_at_k, pass_hat_k

_NOT_RUN: Final = Unscored(reason="the program has not been run; `evalharness score` runs it")
_BROKEN: Final = frozenset({"infra_error", "checker_error"})


def passed(item: Item) -> bool | Unscored:
    """Whether the program of an answer passed; unscored if nobody knows."""
    evidence = item.evidence.get("execution")
    if not isinstance(evidence, Execution):
        return _NOT_RUN
    if evidence.status in _BROKEN:
        return Unscored(reason=f"the check itself broke: {evidence.status} {evidence.detail[:80]}")
    return evidence.status == "passed"


class Passed(ItemMetric):
    """The share of answers whose program passes its tests: pass@1 by repeat."""

    name = "passed"
    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset({"execution"})

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where the program did not run or its check broke."""
        outcome = passed(item)
        return outcome if isinstance(outcome, Unscored) else float(outcome)


class _GroupMetric(MeanMetric):
    """A chance per sample, from its repeats; a repeat without an answer did not pass.

    k: how many tries.  Raises ValueError for anything but a whole number >= 1.
    """

    sees: Literal["answers", "groups", "outcomes"] = "groups"
    needs: frozenset[Need] = frozenset({"execution"})
    chance: Callable[[int, int, int], float]

    def __init__(self, *, k: int = 1) -> None:
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"k must be a whole number >= 1; got {k!r}")
        self.k = k
        super().__init__(f"k:{k}")

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: ItemGroup
        """One chance a sample."""
        return [self.value(group) for group in items]

    def value(self, group: ItemGroup) -> Judged:
        """The chance for one sample; unscored with fewer than k repeats or unknown outcomes."""
        n_repeats = len(group.items) + group.n_failed
        if n_repeats < self.k:
            return Unscored(
                reason=f"{self.name} needs {self.k} repeats of a sample, there are {n_repeats}"
            )
        outcomes = [passed(item) for item in group.items]
        for outcome in outcomes:
            if isinstance(outcome, Unscored):
                return outcome
        return type(self).chance(n_repeats, sum(map(bool, outcomes)), self.k)


class PassAtK(_GroupMetric):
    """pass@k: the chance that at least one of k tries passes, unbiased from n >= k repeats."""

    name = "pass_at_k"
    chance = staticmethod(pass_at_k)


class PassHatK(_GroupMetric):
    """pass^k: the chance that all of k tries pass, unbiased from n >= k repeats."""

    name = "pass_hat_k"
    chance = staticmethod(pass_hat_k)
