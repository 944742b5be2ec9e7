"""bill: what a run cost, from its journal; as a range where nobody knows what was billed.

Reads: outcomes.jsonl.  Gives: Spent.
Depends on: store.journal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from evalharness.records import Attempt, Usage
from evalharness.results import Spent
from evalharness.store.journal import CostOfOutcome, read_costs
from evalharness.store.runs import RunFolder


def spent(folder: RunFolder) -> Spent:
    """Tokens and money of a run, from its journal, tries that gave no answer included.

    Where it is unknown whether a try was billed, the upper bound takes it for one that cost as much
    as its answer, or, where it has none, as the dearest answer of the run.
    """
    bill = _Bill()
    for outcome in read_costs(folder.outcomes_path):
        bill.add(outcome)
    return bill.spent()


@dataclass(slots=True)
class _Bill:
    """What has been added up so far, in tokens and US dollars."""

    counts: dict[str, int] = field(default_factory=lambda: {"live": 0, "cached": 0, "recorded": 0})
    prompt: int = 0
    completion: int = 0
    attempts: int = 0
    low: float = 0.0
    unsure: float = 0.0
    dearest: float = 0.0
    unsure_failed: int = 0
    priced: bool = False

    def add(self, outcome: CostOfOutcome) -> None:
        """Add one outcome."""
        self.attempts += len(outcome.attempts)
        answer = outcome.completion
        cost = None
        if answer is not None:
            self.counts[answer.provenance.source] += 1
            self._tokens(answer.usage)
            if answer.provenance.source != "cached":
                cost = answer.cost_usd
        if cost is not None:
            self.priced = True
            self.low += cost
            self.dearest = max(self.dearest, cost)
        for attempt in outcome.attempts if answer is None else outcome.attempts[:-1]:
            self._failed_try(attempt, cost)

    def _failed_try(self, attempt: Attempt, cost: float | None) -> None:
        if attempt.billed == "yes":
            self._tokens(attempt.usage)
            self.low += attempt.cost_usd or 0.0
            self.priced = self.priced or attempt.cost_usd is not None
        elif attempt.billed == "unknown" and cost is not None:
            self.unsure += cost
        elif attempt.billed == "unknown":
            self.unsure_failed += 1

    def _tokens(self, usage: Usage | None) -> None:
        if usage is not None:
            self.prompt += usage.prompt_tokens
            self.completion += usage.completion_tokens

    def spent(self) -> Spent:
        """The sums."""
        high = self.low + self.unsure + self.unsure_failed * self.dearest
        return Spent(
            prompt_tokens=self.prompt,
            completion_tokens=self.completion,
            requests_live=self.counts["live"],
            requests_cached=self.counts["cached"],
            requests_recorded=self.counts["recorded"],
            attempts=self.attempts,
            cost_low_usd=self.low if self.priced else None,
            cost_high_usd=high if self.priced else None,
        )
