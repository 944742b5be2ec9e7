"""One jail seen from the harness: its processes, what it was sent, and what it has answered.

Reads: the jail's sockets.  Gives: Worker.
Depends on: backend, cgroups, jobs, verdict, jail.settings, errors.  Knows nothing of other workers.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from evalharness.sandbox.backend import Backend, Blueprint
from evalharness.sandbox.cgroups import Cgroup, find_controllers
from evalharness.sandbox.jail.settings import Order
from evalharness.sandbox.jail.tasks import Spec
from evalharness.sandbox.jobs import Job, Limits
from evalharness.sandbox.launch import THROW_AWAY_UID
from evalharness.sandbox.verdict import Answer, read_answer

_LENGTH: Final = struct.Struct("<I")
_MAX_ANSWER_BYTES: Final = 1 << 20
_START_S: Final = 20.0
"""A jail that is not ready by then never will be; a start takes 0.1 s on a quiet machine."""


@dataclass(slots=True)
class Ticket:
    """One job on its way: with its limits, how patiently it is run, and how often it was tried.

    patience: the wall limit may stretch so many times while the program waits for a core.
    grace_s: how long the verdict may come after the limit before the jail counts as stuck.
    """

    index: int
    job: Job
    spec: Spec
    limits: Limits
    patience: int = 1
    grace_s: float = 0.2
    tries: int = field(default=0)

    def order(self) -> Order:
        """The limits as the jail wants them."""
        limits = self.limits
        return Order(
            wall_ms=max(1, round(limits.wall_s * 1000)),
            cpu_ms=max(1, round(limits.cpu_limit_s() * 1000)),
            patience=self.patience,
            processes=limits.processes,
            descriptors=limits.descriptors,
            memory_bytes=limits.memory_bytes,
            file_bytes=limits.file_bytes,
            disk_bytes=limits.disk_bytes,
            output_bytes=limits.output_bytes,
        )


class WorkerDied(Exception):
    """The jail is gone, or so stuck that it must go; `why` in words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Worker:
    """One jail: a zygote and a checker, and the jobs that they have been sent.

    Raises SandboxError or OSError where the processes cannot even be started.
    """

    def __init__(self, backend: Backend, limits: Limits, *, packages: bool) -> None:
        uid = THROW_AWAY_UID if os.geteuid() == 0 else None
        self._folder = tempfile.mkdtemp(prefix="evalharness-")
        if uid is not None:
            os.chown(self._folder, uid, uid)
        self.packages = packages
        self.ready = False
        self.watched = False
        self.inflight: deque[Ticket] = deque()
        self.done = 0
        self._known: dict[Spec, int] = {}
        self._out = bytearray()
        self._in = bytearray()
        self._words = b""
        self._limits = limits
        self._cgroup: Cgroup | None = None
        self.grouped = False
        self._since = time.monotonic()
        self._closed = False
        try:
            self._started = backend.start(Blueprint(packages, self._folder, limits.disk_bytes))
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.control = self._started.control
        self.jobs = self._started.jobs
        self.control.setblocking(False)
        self.jobs.setblocking(False)

    # --- what goes out -----------------------------------------------------------------------

    def submit(self, ticket: Ticket) -> None:
        """Queue a job; `flush` sends it."""
        number = self._known.get(ticket.spec)
        if number is None:
            number = self._known[ticket.spec] = len(self._known)
            self._queue(["task", number, list(ticket.spec)])
        job = ticket.job
        self._queue(
            ["job", ticket.index, number, job.program, job.seed, job.mode.value, ticket.order()]
        )
        if not self.inflight:
            self._since = time.monotonic()
        self.inflight.append(ticket)

    def _queue(self, message: list[object]) -> None:
        text = json.dumps(message).encode()
        self._out += _LENGTH.pack(len(text)) + text

    @property
    def has_mail(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out) and self.ready

    def flush(self) -> bool:
        """Send what fits now; True if something is left. Raises WorkerDied."""
        if not self.ready:
            return False
        while self._out:
            try:
                sent = self.jobs.send(self._out)
            except BlockingIOError:
                return True
            except OSError as error:
                raise WorkerDied(f"the checker is gone: {error}") from None
            del self._out[:sent]
        return False

    # --- what comes in -----------------------------------------------------------------------

    def listen(self) -> None:
        """Read the zygote's words: ready, or why not. Raises WorkerDied."""
        try:
            words = self.control.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            raise WorkerDied(str(error)) from None
        if not words:
            raise WorkerDied("the jail's process ended")
        self._words += words
        if b"\n" not in self._words:
            return
        told = json.loads(self._words.partition(b"\n")[0])
        self._words = b""
        if "failed" in told:
            raise WorkerDied(str(told["failed"]))
        self.watched = bool(told.get("watched"))
        if "pid" in told:
            self._enter_cgroup(int(told["pid"]))
        self.ready = True
        self._since = time.monotonic()

    def _enter_cgroup(self, pid: int) -> None:
        """Put the zygote into a group of its own where one can be made; the checker stays out."""
        controllers = find_controllers()
        if not controllers:
            return
        limits = self._limits
        with contextlib.suppress(OSError):
            self._cgroup = Cgroup(
                controllers, memory_bytes=limits.memory_bytes, processes=limits.processes
            )
            self._cgroup.add(pid)
            self.grouped = True

    def receive(self) -> list[tuple[Ticket, Answer]]:
        """The verdicts that have come. Raises WorkerDied."""
        try:
            part = self.jobs.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError as error:
            raise WorkerDied(str(error)) from None
        if not part:
            raise WorkerDied("the checker ended")
        self._in += part
        self._since = time.monotonic()
        found = []
        while len(self._in) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._in)
            if length > _MAX_ANSWER_BYTES:
                raise WorkerDied("the checker sent more than any verdict holds")
            if len(self._in) < _LENGTH.size + length:
                break
            text = bytes(self._in[_LENGTH.size : _LENGTH.size + length])
            del self._in[: _LENGTH.size + length]
            found += self._take(text)
        return found

    def _take(self, text: bytes) -> list[tuple[Ticket, Answer]]:
        """One message: a verdict on the oldest job, or a bare sign of life."""
        try:
            message = json.loads(text)
            if message is None:
                return []
            ticket = self.inflight[0]
            if message[0] != ticket.index:
                raise WorkerDied("the checker answered a job that it was not asked")
            answer = read_answer(message)
        except (ValueError, LookupError, TypeError) as error:
            raise WorkerDied(f"the checker is not making sense: {error}") from None
        self.inflight.popleft()
        self.done += 1
        return [(ticket, answer)]

    # --- time and end ------------------------------------------------------------------------

    def overdue_at(self) -> float | None:
        """When, on the monotonic clock, the jail counts as stuck; None while nothing is asked."""
        if not self.ready:
            return self._since + _START_S
        if not self.inflight:
            return None
        ticket = self.inflight[0]
        return self._since + ticket.limits.wall_s * ticket.patience + ticket.grace_s

    def close(self) -> None:
        """End every process of the jail and remove its folder and group; may be called twice.

        The closed socket tells the zygote to end everything, and its own end is waited for: the
        kernel reports it only when nothing of its namespace lives.  One that does not obey within
        a second is killed.
        """
        if self._closed:
            return
        self._closed = True
        self.control.close()
        self.jobs.close()
        for process in self._started.processes:
            try:
                process.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._cgroup is not None:
            self._cgroup.remove()
        shutil.rmtree(self._folder, ignore_errors=True)
