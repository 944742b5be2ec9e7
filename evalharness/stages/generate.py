"""generate: ask every question of a plan once, and journal each outcome as it arrives.

Reads: the plan, the journal so far.  Writes: outcomes.jsonl.
Depends on: plan, store.journal; asks through an `Asker` and knows nothing of transports.
The only loop that asks models: one task group a run, N workers pulling from one iterator, so that
memory and load stay constant.  What the journal holds is not asked again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from evalharness.clients.stack import Asker
from evalharness.errors import HarnessError
from evalharness.records import Answered, Failed, Outcome, Request, Sample
from evalharness.stages.options import Progress, Report
from evalharness.stages.plan import Plan
from evalharness.store.journal import JournalReader, JournalWriter, OutcomeEntry

PASSING_KINDS = frozenset(
    {"throttle", "overload", "timeout", "connection", "truncated_stream", "budget"}
)
"""Failures that a resumed run asks again: they say nothing about the question."""

REPORT_EVERY = 8
Chain: TypeAlias = tuple[int, tuple[Sample, ...]]


@dataclass(slots=True)
class Tally:
    """What one run of the stage did. cost_usd: of live answers, None while no price is known."""

    asked: int = 0
    kept: int = 0
    failed: int = 0
    cost_usd: float | None = None
    total: int | None = None
    kinds: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> None:
        """Add one new outcome."""
        self.asked += 1
        if isinstance(outcome, Failed):
            self.failed += 1
            self.kinds[outcome.kind] = self.kinds.get(outcome.kind, 0) + 1
        elif outcome.completion.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + outcome.completion.cost_usd


async def generate(plan: Plan, asker: Asker, report: Report, *, total: int | None = None) -> Tally:
    """Ask what the journal lacks. Gives what was done; raises what ends the run.

    total: units in all, if known, for the progress line.
    Cancelling it (Ctrl-C) keeps every outcome that has arrived.
    """
    journal = JournalReader(plan.folder.outcomes_path, OutcomeEntry, name="outcomes")
    tally = Tally(total=total)
    try:
        with JournalWriter[OutcomeEntry](plan.folder.outcomes_path, name="outcomes") as writer:
            work = _Work(plan, asker, journal, writer, report, tally)
            if asker.batch_size > 1:
                await work.in_batches()
            else:
                await work.in_parallel()
            work.tell()
    finally:
        journal.close()
    return tally


@dataclass(slots=True)
class _Work:
    plan: Plan
    asker: Asker
    journal: JournalReader[OutcomeEntry]
    writer: JournalWriter[OutcomeEntry]
    report: Report
    tally: Tally

    async def in_batches(self) -> None:
        """For clients that answer many requests at once; chains are asked turn by turn."""
        if self.plan.by_id:
            requests = self.plan.requests_by_id()
            while batch := list(itertools.islice(requests, self.asker.batch_size)):
                await self.batch([r for r in batch if self.kept(r.sample_id, r.repeat) is None])
            return
        pending: list[Request] = []
        for repeat, samples in self.plan.chains():
            if len(samples) > 1:
                await self.chain(repeat, samples)
            elif self.kept(samples[0].id, repeat) is None:
                pending.append(self.plan.request(samples[0], repeat))
            if len(pending) >= self.asker.batch_size:
                await self.batch(pending)
                pending = []
        await self.batch(pending)

    async def batch(self, requests: list[Request]) -> None:
        """Ask and journal one batch; nothing for an empty one."""
        if not requests:
            return
        outcomes = await self.asker.ask_batch(requests)
        self.writer.append_many(
            [
                OutcomeEntry(
                    id=request.sample_id, key=request.key, outcome=outcome, repeat=request.repeat
                )
                for request, outcome in zip(requests, outcomes, strict=True)
            ]
        )
        for outcome in outcomes:
            self.tally.count(outcome)
        self.tell()

    async def in_parallel(self) -> None:
        """Workers pull chains from one iterator; the first that cannot go on ends all."""
        chains = self.plan.chains()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.asker.limits.max_connections):
                    group.create_task(self.worker(chains))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None

    async def worker(self, chains: Iterator[Chain]) -> None:
        """Ask chain after chain."""
        for repeat, samples in chains:
            await self.chain(repeat, samples)

    async def chain(self, repeat: int, samples: tuple[Sample, ...]) -> None:
        """Ask the turns of one conversation in order; one question alone is a chain of one."""
        answers: list[str] = []
        broken = False
        for sample in samples:
            outcome = self.kept(sample.id, repeat)
            if outcome is None:
                if broken:
                    key, outcome = "", Failed(kind="previous_turn")
                else:
                    request = self.plan.request(sample, repeat, answers)
                    key, outcome = request.key, await self.asker.ask(request)
                self.writer.append(
                    OutcomeEntry(id=sample.id, key=key, outcome=outcome, repeat=repeat)
                )
                self.tally.count(outcome)
                if self.tally.asked % REPORT_EVERY == 0:
                    self.tell()
            if isinstance(outcome, Answered):
                answers.append(outcome.completion.text)
            else:
                broken = True

    def kept(self, sample_id: str, repeat: int) -> Outcome | None:
        """The journalled outcome of a unit, None if it is to be asked (again)."""
        if not len(self.journal):
            return None
        found = self.journal.find(sample_id, repeat)
        if not found or is_passing(found[-1].outcome):
            return None
        self.tally.kept += 1
        return found[-1].outcome

    def tell(self) -> None:
        """Report where the stage stands."""
        self.report(
            Progress(
                stage="generate",
                arm=self.plan.arm.name,
                done=self.tally.asked + self.tally.kept,
                total=self.tally.total,
                failed=self.tally.failed,
                cost_usd=self.tally.cost_usd,
            )
        )


def is_passing(outcome: Outcome) -> bool:
    """Whether a resumed run should ask again."""
    return isinstance(outcome, Failed) and outcome.kind in PASSING_KINDS


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a task group: ours before any other, a cancellation last."""
    flat: list[BaseException] = []
    stack: list[BaseException] = [errors]
    while stack:
        error = stack.pop()
        if isinstance(error, BaseExceptionGroup):
            stack.extend(reversed(error.exceptions))
        else:
            flat.append(error)
    for error in flat:
        if isinstance(error, HarnessError):
            return error
    return flat[0]
