"""generate: ask every question of a plan once, and journal each outcome as it arrives.

Reads: the plan, the journal so far.  Writes: outcomes.jsonl; or, for a judge's questions, whatever
its book writes.
Depends on: plan, store.journal; asks through an `Asker` and knows nothing of transports.
The only loop that asks models: one task group a run, N workers pulling from one iterator, so that
memory and load stay constant.  What the journal holds is not asked again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias

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


class Questions(Protocol):
    """What is asked: a plan's requests, or a judge's.

    name: who is asked or asked about, for the progress line.
    by_id: whether `requests_by_id` asks everything, for clients that read no messages.
    """

    @property
    def name(self) -> str:
        """See above."""
        ...

    @property
    def by_id(self) -> bool:
        """See above."""
        ...

    def requests_by_id(self) -> Iterator[Request]:
        """The requests without their messages."""
        ...

    def chains(self) -> Iterator[Chain]:
        """(repeat, samples): what must be asked in order."""
        ...

    def request(self, sample: Sample, repeat: int, answers: Sequence[str] = ()) -> Request:
        """The question for one sample."""
        ...


class Book(Protocol):
    """Where outcomes are written down, and looked up before anything is asked."""

    def kept(self, sample_id: str, repeat: int) -> Outcome | None:
        """The outcome of a unit, None if it is to be asked (again)."""
        ...

    def write(self, entries: list[OutcomeEntry]) -> None:
        """Journal outcomes; they survive the death of this process when this returns."""
        ...


class OutcomeBook:
    """outcomes.jsonl of a run, as a Book; use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._journal = JournalReader(path, OutcomeEntry, name="outcomes")
        self._writer = JournalWriter[OutcomeEntry](path, name="outcomes")

    def kept(self, sample_id: str, repeat: int) -> Outcome | None:
        """The journalled outcome of a unit, None if it is to be asked (again)."""
        if not len(self._journal):
            return None
        found = self._journal.find(sample_id, repeat)
        return None if not found or is_passing(found[-1].outcome) else found[-1].outcome

    def write(self, entries: list[OutcomeEntry]) -> None:
        """Append outcomes, several with one call to the system."""
        self._writer.append_many(entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, _)
        self._journal.close()


async def generate(plan: Plan, asker: Asker, report: Report, *, total: int | None = None) -> Tally:
    """Ask what the journal lacks. Gives what was done; raises what ends the run.

    total: units in all, if known, for the progress line.
    Cancelling it (Ctrl-C) keeps every outcome that has arrived.
    """
    with OutcomeBook(plan.folder.outcomes_path) as book:
        return await ask_all(plan, asker, book, report, total=total)


async def ask_all(
    questions: Questions,
    asker: Asker,
    book: Book,
    report: Report,
    *,
    total: int | None = None,
    stage: Literal["generate", "evidence"] = "generate",
) -> Tally:
    """Ask what the book lacks; as `generate`, for any questions and any book."""
    work = _Work(questions, asker, book, report, Tally(total=total), stage)
    if asker.batch_size > 1:
        await work.in_batches()
    else:
        await work.in_parallel()
    work.tell()
    return work.tally


@dataclass(slots=True)
class _Work:
    plan: Questions
    asker: Asker
    book: Book
    report: Report
    tally: Tally
    stage: Literal["generate", "evidence"]

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
        self.book.write(
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
                self.book.write(
                    [OutcomeEntry(id=sample.id, key=key, outcome=outcome, repeat=repeat)]
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
        outcome = self.book.kept(sample_id, repeat)
        self.tally.kept += outcome is not None
        return outcome

    def tell(self) -> None:
        """Report where the stage stands."""
        self.report(
            Progress(
                stage=self.stage,
                arm=self.plan.name,
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
