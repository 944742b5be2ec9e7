"""All jails of a sandbox: hands out jobs, gathers verdicts, replaces what dies.

Reads: the workers' sockets, the clock.  Gives: Crew.
Depends on: worker, probes, backend, errors.  Knows nothing of order, duplicates or second tries.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections import deque
from enum import Enum
from typing import Final, NamedTuple

from evalharness.errors import HarnessError, SandboxError
from evalharness.sandbox.backend import Backend
from evalharness.sandbox.jobs import Limits
from evalharness.sandbox.probes import Probe, try_backend
from evalharness.sandbox.verdict import Answer
from evalharness.sandbox.worker import Ticket, Worker, WorkerDied

_DEPTH: Final = 2
"""Jobs a worker holds: one at work and one that it starts on without waiting for us."""
_FRUITLESS_STARTS: Final = 5


class Lost(Enum):
    """Why a job has no answer."""

    DIED = "its jail died"
    STUCK = "its jail did not answer in time"


class Outcome(NamedTuple):
    """What became of one ticket."""

    ticket: Ticket
    answer: Answer | Lost


class Crew:
    """Up to `size` workers of the first backend that works.

    Raises SandboxError, at the first job, where none of them does: one line for each.
    """

    def __init__(self, backends: list[Backend], size: int, limits: Limits) -> None:
        self._backends = backends
        self._size = size
        self._limits = limits
        self._backend: Backend | None = None
        self._workers: list[Worker] = []
        self._waiting: deque[Ticket] = deque()
        self._outcomes: list[Outcome] = []
        self._selector = selectors.DefaultSelector()
        self._fruitless = 0

    @property
    def backend(self) -> str:
        """The name of the backend at work."""
        return self._chosen().name

    def _chosen(self) -> Backend:
        if self._backend is not None:
            return self._backend
        failed: list[Probe] = []
        for backend in self._backends:
            tried = try_backend(backend, self._limits)
            if isinstance(tried, Worker):
                self._backend = backend
                self._join(tried)
                return backend
            failed.append(tried)
        lines = [f"{probe.name}: {probe.detail}\n         mend: {probe.mend}" for probe in failed]
        raise SandboxError(
            "no sandbox backend works on this machine:\n  - " + "\n  - ".join(lines),
            mend="mend one of these; `evalharness doctor` shows them again",
        )

    def is_sound(self) -> bool:
        """Whether a fresh jail judges a right and a wrong program rightly, now."""
        tried = try_backend(self._chosen(), self._limits)
        if isinstance(tried, Worker):
            tried.close()
            return True
        return False

    # --- jobs --------------------------------------------------------------------------------

    def unfinished(self) -> int:
        """Jobs that were submitted and have no outcome yet."""
        return len(self._waiting) + sum(len(worker.inflight) for worker in self._workers)

    def submit(self, ticket: Ticket) -> None:
        """Take a job; it is sent when a worker has room."""
        self._waiting.append(ticket)

    def wants_more(self) -> bool:
        """Whether another job would find room at once."""
        return self.unfinished() < self._size * _DEPTH

    def wait(self) -> list[Outcome]:
        """Work until at least one job has an outcome; nothing if there is none to wait for."""
        while not self._outcomes and self.unfinished():
            self._hand_out()
            if self._outcomes:  # a worker was found dead when it was to be sent a job
                break
            for key, _ in self._selector.select(self._pause_s()):
                self._attend(key.data, key.fileobj)
            self._end_overdue()
        found, self._outcomes = self._outcomes, []
        return found

    def _hand_out(self) -> None:
        self._chosen()
        while self._waiting:
            worker = self._roomiest(packages=bool(self._waiting[0].spec.preload))
            if worker is None:
                break
            worker.submit(self._waiting.popleft())
        for worker in [worker for worker in self._workers if worker.has_mail]:
            self._deliver(worker)

    def _deliver(self, worker: Worker) -> None:
        """Send what a worker takes now, and have its socket watched while it cannot take all."""
        try:
            left = worker.flush()
        except WorkerDied as died:
            self._bury(worker, Lost.DIED, died.why)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if left else 0)
        if self._selector.get_key(worker.jobs).events != events:
            self._selector.modify(worker.jobs, events, worker)

    def _roomiest(self, *, packages: bool) -> Worker | None:
        """The worker with the most room for a job; a new one if all work and there may be more."""
        able = [w for w in self._workers if (w.packages or not packages) and self._has_room(w)]
        best = min(able, key=lambda worker: len(worker.inflight), default=None)
        if best is not None and not best.inflight:
            return best
        if len(self._workers) >= self._size:
            self._retire_one(packages=packages)
        if len(self._workers) < self._size:
            return self._hire(packages=packages)
        return best

    def _has_room(self, worker: Worker) -> bool:
        per_jail = self._chosen().programs_per_jail
        depth = min(_DEPTH, per_jail)
        return len(worker.inflight) < depth and worker.done + len(worker.inflight) < per_jail

    def _retire_one(self, *, packages: bool) -> None:
        """Close an idle worker that has served its time, or lacks the packages that are needed."""
        per_jail = self._chosen().programs_per_jail
        for worker in self._workers:
            if not worker.inflight and (worker.done >= per_jail or packages > worker.packages):
                self._part(worker)
                return

    # --- workers -----------------------------------------------------------------------------

    def _hire(self, *, packages: bool) -> Worker:
        backend = self._chosen()
        try:
            worker = Worker(backend, self._limits, packages=packages)
        except (OSError, HarnessError) as error:
            raise SandboxError(
                f"the sandbox can start no more jails: {error}", mend="see the message"
            ) from error
        self._join(worker)
        return worker

    def _join(self, worker: Worker) -> None:
        self._workers.append(worker)
        self._selector.register(worker.control, selectors.EVENT_READ, worker)
        self._selector.register(worker.jobs, selectors.EVENT_READ, worker)

    def _part(self, worker: Worker) -> None:
        self._workers.remove(worker)
        for sock in (worker.control, worker.jobs):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(sock)
        worker.close()

    def _attend(self, worker: Worker, source: object) -> None:
        """Read what a worker has to say on one of its sockets."""
        if worker not in self._workers:
            return
        try:
            if source is worker.control:
                worker.listen()
                return
            for ticket, answer in worker.receive():
                self._fruitless = 0
                self._outcomes.append(Outcome(ticket, answer))
        except WorkerDied as died:
            self._bury(worker, Lost.DIED, died.why)

    def _bury(self, worker: Worker, lost: Lost, why: str) -> None:
        """Part with a dead worker: the job at work is lost, those behind it go to others."""
        tickets = list(worker.inflight)
        was_ready = worker.ready
        self._part(worker)
        if not was_ready:
            self._fruitless += 1
            self._waiting.extendleft(reversed(tickets))
            if self._fruitless >= _FRUITLESS_STARTS:
                raise SandboxError(
                    f"the sandbox cannot start its jails any more: {why}",
                    mend="look at the machine's memory, processes and disk; `evalharness doctor`",
                )
            return
        if tickets:
            self._outcomes.append(Outcome(tickets[0], lost))
            self._waiting.extendleft(reversed(tickets[1:]))

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            due = worker.overdue_at()
            if due is not None and now > due:
                self._bury(worker, Lost.STUCK, "it was not ready in time")

    def _pause_s(self) -> float | None:
        dues = [due for worker in self._workers if (due := worker.overdue_at()) is not None]
        return max(0.0, min(dues) - time.monotonic()) + 0.001 if dues else None

    def abandon(self) -> None:
        """Forget every unfinished job, and end the workers that were at one."""
        self._waiting.clear()
        self._outcomes = []
        for worker in [worker for worker in self._workers if worker.inflight]:
            self._part(worker)

    def close(self) -> None:
        """End every worker; may be called twice. A later job starts new ones."""
        self._waiting.clear()
        for worker in list(self._workers):
            self._part(worker)
        self._backend = None
