"""The checker: runs the tests of each job against a program in another process, and judges.

Reads: tasks and jobs from the host.  Gives: one verdict a job, on a channel that no program has.
Depends on: tasks, session, candidate, styles.  Knows nothing of limits beyond passing them on.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from _socket import socket as Socket
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn

from .candidate import Candidate
from .faults import Fault, Refused, Unplanned, fault_of
from .minipytest import Unsupported
from .objects import RemoteClass, make_remote
from .seeding import seed_on_import
from .session import Ended, Flooded, Session
from .settings import Order, Report
from .styles import (
    TestsBroken,
    WrongAnswer,
    compare_output,
    importable,
    run_source,
    run_table,
    script_cases,
    table_rows,
)
from .tasks import Spec, Task
from .wire import pack

_ENTRY_MISSING: Final = "the program defines no function '{}'"


class Verdict(NamedTuple):
    """fault: None is a pass.  report: None where the program never started."""

    fault: Fault | None
    report: Report | None


class Job(NamedTuple):
    """One program to judge. mode: "split", or "whole" for tests inside the program's process."""

    number: int
    task: int
    program: str
    seed: int
    mode: str
    order: Order


def serve(jobs_fd: int, ward_fd: int, packages: tuple[str, ...]) -> NoReturn:
    """Answer the host's messages until it goes away; an empty message says: still at work."""
    host = _Host(Socket(fileno=jobs_fd))
    checker = Checker(Socket(fileno=ward_fd), packages, lambda: host.tell(None))
    while True:
        message = host.listen()
        if message[0] == "task":
            checker.learn(message[1], Spec(*message[2]))
            host.tell(None)
            continue
        _, number, task, program, seed, mode, order = message
        job = Job(number, task, program, seed, mode, Order(*order))
        verdict = checker.judge(job)
        fault = list(verdict.fault) if verdict.fault else None
        report = list(verdict.report) if verdict.report else None
        host.tell([job.number, fault, report])


class _Host:
    """The channel to the host: messages of JSON, a length before each."""

    def __init__(self, jobs: Socket) -> None:
        self._jobs = jobs
        self._held = b""

    def tell(self, message: object) -> None:
        """Send one message."""
        text = json.dumps(message).encode()
        self._jobs.sendall(len(text).to_bytes(4, "little") + text)

    def listen(self) -> list[Any]:
        """The next message; ends the process with the host."""
        held = self._held
        while len(held) < 4 or len(held) < 4 + int.from_bytes(held[:4], "little"):
            part = self._jobs.recv(1 << 18)
            if not part:
                os._exit(0)
            held += part
        end = 4 + int.from_bytes(held[:4], "little")
        self._held = held[end:]
        message: list[Any] = json.loads(held[4:end])
        return message


class Checker:
    """Knows the tasks it was told, and judges one program after another.

    packages: folders that declared modules are found in.
    alive: called when a job goes on for longer than one program's time.
    """

    def __init__(self, ward: Socket, packages: tuple[str, ...], alive: Callable[[], None]) -> None:
        self._ward = ward
        self._packages = list(packages)
        self._alive = alive
        self._tasks: dict[int, Task | str] = {}

    def learn(self, number: int, spec: Spec) -> None:
        """Prepare a task; what is wrong with its tests is told with each of its jobs."""
        try:
            if spec.preload and sys.path[-1:] != self._packages[-1:]:
                sys.path += self._packages
            for module in spec.preload:
                importlib.import_module(module)
            self._tasks[number] = Task(spec)
        except TestsBroken as error:
            self._tasks[number] = str(error)
        except ImportError as error:
            self._tasks[number] = f"a module that the tests declare cannot be imported: {error}"

    def judge(self, job: Job) -> Verdict:
        """Run a program against its tests; again without the plan where that did not hold."""
        task = self._tasks[job.task]
        if isinstance(task, str):
            return Verdict(Fault("checker_error", task), None)
        if job.mode == "whole":
            return self._judge_whole(job, task)
        if task.spec.style == "stdio":
            return self._judge_script(job, task)
        verdict = self._judge_split(job, task, planned=True) if task.plan else None
        if verdict is None:
            verdict = self._judge_split(job, task, planned=False)
        if verdict is None:  # pragma: no cover: only a plan can be left
            raise AssertionError
        return verdict

    def _folders(self, task: Task) -> list[str]:
        """Where the program finds modules besides the standard library's."""
        return self._packages if task.spec.preload else []

    def _judge_split(self, job: Job, task: Task, *, planned: bool) -> Verdict | None:
        """One run; None if the tests left the plan, which is then forgotten."""
        plan = task.plan if planned else None
        head = ("module", job.seed, self._folders(task), job.program)
        payload = pack((*head, task.questions(plan)))
        session = Session(self._ward, job.order, payload, batch=planned)
        candidate = Candidate(session, plan, make_remote)
        fault = self._attempt(job, task, candidate)
        left_plan = candidate.unplanned or (
            fault is None and plan is not None and candidate.asked != len(plan.fingerprints)
        )
        report = session.finish()
        if left_plan:
            task.plan = None
            self._alive()
            return None
        if not session.started:
            return Verdict(Fault("infra_error", "the program's process did not start"), report)
        if fault is None and session.left_over():
            fault = Fault("bad_return", "more answers than questions")
        if fault is None and plan is None:
            task.plan = candidate.recording.plan(task.names)
        return Verdict(fault, report)

    def _attempt(self, job: Job, task: Task, candidate: Candidate) -> Fault | None:
        """Load the program and run the tests on it; None if all of them held."""
        try:
            fault = candidate.load(task.names, RemoteClass)
        except Exception as error:
            fault = Fault("bad_return", f"malformed answer to loading: {type(error).__name__}")
        if fault is not None:
            return fault
        entry = task.spec.entry
        if entry is not None and not callable(candidate.names.get(entry)):
            return Fault("load_error", _ENTRY_MISSING.format(entry))
        if task.random:
            seed_on_import(job.seed)
        try:
            self._run_tests(task, candidate)
        except BaseException as error:
            return candidate.broken or _classify(error, candidate)
        if candidate.broken is not None:
            return candidate.broken
        if not candidate.asked and candidate.deferred:
            return Fault("bad_return", "a coroutine, which the tests do not await")
        if not candidate.asked:
            return Fault("checker_error", "the tests never called the program")
        return None

    def _run_tests(self, task: Task, candidate: Candidate) -> None:
        spec = task.spec
        if spec.style == "table":
            run_table(table_rows(spec.tests), candidate, spec.entry or "")
            return
        if task.code is None:  # pragma: no cover: prepared with every source style
            raise TestsBroken("no tests")
        space = task.namespace(candidate.names)
        if not task.imports:
            run_source(spec.style, task.code, space, candidate, spec.entry)
            return
        with importable(candidate, space):
            run_source(spec.style, task.code, space, candidate, spec.entry)

    def _judge_script(self, job: Job, task: Task) -> Verdict:
        """Run a script once for each case and compare what it printed."""
        try:
            cases = script_cases(task.spec.tests)
        except TestsBroken as error:
            return Verdict(Fault("checker_error", str(error)), None)
        head = ("script", job.seed, self._folders(task), job.program)
        payload = pack((*head, [case.stdin for case in cases]))
        session = Session(self._ward, job.order, payload, batch=False)
        fault: Fault | None = None
        try:
            for number, case in enumerate(cases):
                fault = compare_output(case, number, _message(session.line()))
                if fault is not None:
                    break
        except Ended:
            fault = Fault("exit", "")
        except (Flooded, ValueError):
            fault = Fault("bad_return", "malformed answer to a case")
        return self._ended(session, fault)

    def _judge_whole(self, job: Job, task: Task) -> Verdict:
        """Program and tests in one process: asked for by name, and never more than its own word."""
        head = ("whole", job.seed, self._folders(task), job.program)
        payload = pack((*head, (task.spec.tests, task.spec.entry)))
        session = Session(self._ward, job.order, payload, batch=False)
        fault: Fault | None
        try:
            fault = _whole_fault(_message(session.line()))
        except Ended:
            fault = Fault("exit", "")
        except (Flooded, ValueError):
            fault = Fault("bad_return", "malformed answer")
        return self._ended(session, fault)

    def _ended(self, session: Session, fault: Fault | None) -> Verdict:
        report = session.finish()
        if not session.started:
            fault = Fault("infra_error", "the program's process did not start")
        return Verdict(fault, report)


def _message(line: bytes) -> list[Any]:
    """A plain JSON message; raises ValueError for anything else."""
    message = json.loads(line)
    if not isinstance(message, list) or not message:
        raise ValueError("not a message")
    return message


def _whole_fault(message: list[Any]) -> Fault | None:
    if message[0] == "p":
        return None
    if message[0] == "q":
        return Fault("exit_early", "sys.exit")
    if message[0] != "x" or len(message) != 5 or not isinstance(message[1], list):
        return Fault("bad_return", "not an answer")
    names = [str(name) for name in message[1]]
    kind = (
        "assertion" if "AssertionError" in names
        else "load_error" if "SyntaxError" in names or "ImportError" in names
        else "memory" if "MemoryError" in names
        else "denied" if message[4]
        else "exception"
    )  # fmt: skip
    return Fault(kind, f"{names[0] if names else '?'}: {message[2]}"[:300])


def _classify(error: BaseException, candidate: Candidate) -> Fault:
    """Whose failure an exception out of the tests is, and what kind of one.

    Before the program has been asked anything, the tests can only have failed by themselves; after
    that an error in them is a consequence of what the program answered.
    """
    if isinstance(error, (Refused, Unplanned, Ended)):  # noted on the candidate already
        return Fault("bad_return", str(error)[:300])
    raised = fault_of(error)
    if raised is not None:
        return raised
    words = f"{type(error).__name__}: {_short(error)}"
    if isinstance(error, (TestsBroken, Unsupported)):
        return Fault("checker_error", words)
    if isinstance(error, WrongAnswer):
        return Fault("wrong_answer", _short(error))
    if isinstance(error, AssertionError) and (candidate.asked or candidate.touched):
        return Fault("assertion", _short(error) or "an assert of the tests")
    if isinstance(error, NameError) and candidate.touched:
        return Fault("load_error", f"the program lacks what the tests name: {_short(error)}")
    if candidate.asked or candidate.touched:
        return Fault("exception", f"in the tests, on the program's answer: {words}")
    return Fault("checker_error", words)


def _short(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return "(no message)"
