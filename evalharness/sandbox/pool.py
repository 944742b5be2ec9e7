"""The sandbox as its users see it: programs in, executions out, in order.

Reads: jobs.  Gives: Sandbox.
Depends on: crew, jobs, verdict, backends, errors.  Knows nothing of sockets or processes.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from types import TracebackType
from typing import Final, NamedTuple, Self

from evalharness.errors import UsageError
from evalharness.records import CodeTask, Execution
from evalharness.sandbox.backend import Backend
from evalharness.sandbox.backends import built_in, named
from evalharness.sandbox.crew import Crew, Lost, Outcome
from evalharness.sandbox.jail.tasks import Spec
from evalharness.sandbox.jobs import (
    Job,
    Limits,
    Mode,
    class_names,
    function_names,
    guess_task,
    last_function,
)
from evalharness.sandbox.verdict import Answer, execution, worth_another_try
from evalharness.sandbox.worker import Ticket

_AHEAD: Final = 512
"""How far the jobs may run ahead of the first one whose result is still missing."""
_PATIENCE: Final = 4
_PATIENT_GRACE_S: Final = 3.0


class Duplicates(Enum):
    """What is done with the same program of the same task: run once, or every time."""

    MERGE = "merge"
    RUN = "run"


class _Key(NamedTuple):
    """What makes two jobs the same work."""

    spec: Spec
    program: str
    seed: int
    mode: Mode
    limits: Limits


class _Settled(NamedTuple):
    """What became of one piece of work, for all the jobs that are the same."""

    answer: Answer
    limits: Limits
    retried: bool


class Sandbox:
    """Runs programs against tests in jails.

    workers: jails at once; None is one a core.  limits: of each program, unless its job says.
    backend: "auto" takes the first that works of ns, landlock and bwrap; or a name, or a backend of
    one's own.  "unsafe" also needs EVALHARNESS_UNSAFE_EXEC=1.  One thread at a time.

    Raises SandboxError, with the first program, where no backend works: one line for each.

    >>> with Sandbox(workers=1) as box:  # doctest: +SKIP
    ...     box.run("def add(a, b): return a + b", "assert add(2, 3) == 5").status
    'passed'
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        limits: Limits | None = None,
        backend: str | Backend = "auto",
        duplicates: Duplicates = Duplicates.MERGE,
    ) -> None:
        if workers is not None and workers < 1:
            raise UsageError(f"a sandbox needs one worker at least, got {workers}")
        self._limits = limits or Limits()
        self._duplicates = duplicates
        self._crew = Crew(_backends(backend), workers or os.cpu_count() or 1, self._limits)
        self._finalizer = weakref.finalize(self, self._crew.close)

    @property
    def backend(self) -> str:
        """The name of the backend at work; starts it. Raises SandboxError."""
        return self._crew.backend

    def run(
        self,
        program: str,
        tests: str | CodeTask,
        *,
        entry_point: str | None = None,
        task: str = "program",
    ) -> Execution:
        """Run one program. tests: a task, or source whose style is told by its look."""
        if isinstance(tests, str):
            tests = guess_task(program, tests, entry_point)
        return next(self.run_many([Job(task=task, program=program, code=tests)]))

    def run_many(self, jobs: Iterable[Job]) -> Iterator[Execution]:
        """Run programs on all workers; their executions in the order of the jobs.

        Jobs are taken as they are needed, a few hundred ahead. Left early (also by Ctrl-C), what
        is still at work is ended, and the sandbox can be used again.
        """
        run = _Run(self._crew, self._limits, self._duplicates)
        try:
            yield from run.results(iter(jobs))
        finally:
            self._crew.abandon()

    def close(self) -> None:
        """End every jail; may be called twice. A later run starts new ones."""
        self._crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _backends(wanted: str | Backend) -> list[Backend]:
    """The backends to try, in order. Raises SandboxError for an unknown name."""
    if not isinstance(wanted, str):
        return [wanted]
    return built_in() if wanted == "auto" else named(wanted)


class _Run:
    """One pass over jobs: order, duplicates, and second tries alone on the machine."""

    def __init__(self, crew: Crew, limits: Limits, duplicates: Duplicates) -> None:
        self._crew = crew
        self._limits = limits
        self._duplicates = duplicates
        self._found: dict[int, Execution] = {}
        self._same: dict[_Key, int] = {}
        self._followers: dict[int, list[tuple[int, Job]]] = {}
        self._settled: dict[int, _Settled] = {}
        self._alone: deque[Ticket] = deque()
        self._specs: dict[int, tuple[CodeTask, Spec]] = {}

    def results(self, jobs: Iterator[Job]) -> Iterator[Execution]:
        """Every job's execution, in order."""
        numbered = enumerate(jobs)
        given, expected, more = 0, 0, True
        while more or expected < given:
            while more and not self._alone and self._crew.wants_more():
                if given >= expected + _AHEAD:
                    break
                taken = next(numbered, None)
                if taken is None:
                    more = False
                    break
                given += 1
                self._take(*taken)
            while expected in self._found:
                yield self._found.pop(expected)
                expected += 1
            if expected < given:
                self._advance()

    def _take(self, index: int, job: Job) -> None:
        limits = job.limits or self._limits
        spec = self._spec(job)
        if self._duplicates is Duplicates.MERGE:
            key = _Key(spec, job.program, job.seed, job.mode, limits)
            first = self._same.setdefault(key, index)
            if first != index:
                if first in self._settled:
                    self._found[index] = self._record(job, self._settled[first])
                else:
                    self._followers.setdefault(first, []).append((index, job))
                return
        self._crew.submit(Ticket(index=index, job=job, spec=spec, limits=limits))

    def _spec(self, job: Job) -> Spec:
        """The task as the jail wants it; made once for each task object."""
        held = self._specs.get(id(job.code))
        if held is not None and held[0] is job.code and job.code.entry_point:
            return held[1]
        code = job.code
        entry = (code.entry_point or "").strip() or None
        if entry is None and code.style == "check":
            entry = last_function(job.program)
        names = class_names(code), function_names(code)
        spec = Spec(code.style, code.tests, entry, code.prompt, *names, code.preload)
        self._specs[id(code)] = (code, spec)
        return spec

    def _advance(self) -> None:
        """Wait for some outcomes; run what must be alone once nothing else is at work."""
        if self._alone and not self._crew.unfinished():
            self._crew.submit(self._alone.popleft())
        for outcome in self._crew.wait():
            self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        ticket = outcome.ticket
        answer = outcome.answer
        if isinstance(answer, Lost):
            sound = ticket.tries > 0 and answer is Lost.DIED and self._crew.is_sound()
            answer = _stand_in(answer, sound=sound)
        settled = _Settled(answer, ticket.limits, retried=ticket.tries > 0)
        found = self._record(ticket.job, settled)
        if not ticket.tries and (
            isinstance(outcome.answer, Lost) or worth_another_try(found, ticket.limits)
        ):
            ticket.tries += 1
            ticket.patience, ticket.grace_s = _PATIENCE, _PATIENT_GRACE_S
            self._alone.append(ticket)
            return
        self._found[ticket.index] = found
        if self._duplicates is Duplicates.MERGE:
            self._settled[ticket.index] = settled
            for index, job in self._followers.pop(ticket.index, []):
                self._found[index] = self._record(job, settled)

    def _record(self, job: Job, settled: _Settled) -> Execution:
        answer, limits, retried = settled
        return execution(job, answer, limits, backend=self._crew.backend, retried=retried)


def _stand_in(lost: Lost, *, sound: bool) -> Answer:
    """What stands for an answer that never came.

    sound: a jail made afterwards works, so two that died under one program died of it.
    """
    if lost is Lost.STUCK:
        return Answer(("timeout_wall", "the tests did not come to an end"), None)
    if sound:
        return Answer(("crash", "took its jail down with it, twice"), None)
    return Answer(("infra_error", "its jail died, twice, and a fresh one does not work"), None)
