"""Whether a backend works here: found out by starting it and running a right and a wrong program.

Reads: nothing.  Gives: Probe, probe(), try_backend().
Depends on: backends, worker, jobs, verdict, errors.  Knows nothing of pools.
"""

from __future__ import annotations

import select
import time

from evalharness.errors import HarnessError
from evalharness.records import CodeTask, Record
from evalharness.sandbox.backend import Backend
from evalharness.sandbox.backends import UnsafeBackend, built_in
from evalharness.sandbox.jail.tasks import Spec
from evalharness.sandbox.jobs import Job, Limits
from evalharness.sandbox.verdict import Answer, execution
from evalharness.sandbox.worker import Ticket, Worker, WorkerDied

_CANARIES = (
    ("def probe(n):\n    return n + 1", "passed"),
    ("def probe(n):\n    return n", "assertion"),
)
_TESTS = "assert probe(1) == 2\nassert probe(2) == 3"


class Probe(Record, frozen=True, kw_only=True):
    """One backend on this machine.

    works: it judged a right and a wrong program rightly.  detail: what it offers, or what failed.
    mend: what to do about it; empty where it works.
    """

    name: str
    works: bool
    detail: str
    mend: str = ""


def probe() -> list[Probe]:
    """Try every backend that is built in, in the order in which `auto` would take them."""
    found: dict[str, Probe] = {}
    for backend in (*built_in(), UnsafeBackend()):
        if backend.name in found and found[backend.name].works:
            continue
        tried = try_backend(backend, Limits())
        if isinstance(tried, Worker):
            found[backend.name] = Probe(name=backend.name, works=True, detail=describe(tried))
            tried.close()
        else:
            found[backend.name] = tried
    return list(found.values())


def describe(worker: Worker) -> str:
    """What a working jail offers beyond what every jail of its kind does."""
    if worker.grouped:
        return "works; memory of children summed by a control group"
    if worker.watched:
        return "works; memory of children summed by looking at them"
    return "works; memory is limited for each process alone"


def try_backend(backend: Backend, limits: Limits) -> Worker | Probe:
    """A worker that is ready and has proved itself, or why there is none."""
    why = backend.refusal()
    if why is not None:
        return Probe(name=backend.name, works=False, detail=why, mend=backend.mend(why))
    try:
        worker = Worker(backend, limits, packages=False)
    except (OSError, HarnessError) as error:
        why = str(error)
        return Probe(name=backend.name, works=False, detail=why, mend=backend.mend(why))
    try:
        wrong = _run_canaries(worker, backend.name)
    except WorkerDied as died:
        wrong = died.why
    if wrong is None and worker.done < backend.programs_per_jail:
        return worker
    worker.close()
    if wrong is None:
        return Worker(backend, limits, packages=False)
    return Probe(name=backend.name, works=False, detail=wrong, mend=backend.mend(wrong))


def _run_canaries(worker: Worker, name: str) -> str | None:
    """Run the right and the wrong program; what came out wrong, or None. Raises WorkerDied."""
    code = CodeTask(tests=_TESTS, entry_point="probe", style="asserts")
    spec = Spec("asserts", _TESTS, "probe", "", (), (), ())
    limits = Limits(wall_s=10.0)
    for index, (program, _) in enumerate(_CANARIES):
        job = Job(task="probe", program=program, code=code)
        worker.submit(Ticket(index=index, job=job, spec=spec, limits=limits))
    answers = _collect(worker, len(_CANARIES))
    for (ticket, answer), (_, expected) in zip(answers, _CANARIES, strict=True):
        found = execution(ticket.job, answer, limits, backend=name)
        if found.status != expected:
            return f"a program that should be {expected} was {found.status}: {found.detail}"
    return None


def _collect(worker: Worker, count: int) -> list[tuple[Ticket, Answer]]:
    """Wait for so many verdicts of one worker. Raises WorkerDied, also when it is overdue."""
    poll = select.poll()
    poll.register(worker.control, select.POLLIN)
    poll.register(worker.jobs, select.POLLIN)
    found: list[tuple[Ticket, Answer]] = []
    while len(found) < count:
        if time.monotonic() > (worker.overdue_at() or 0.0):
            raise WorkerDied("it did not answer in time")
        poll.poll(100)
        worker.listen()
        worker.flush()
        found += worker.receive()
    return found
