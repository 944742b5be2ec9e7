"""From what the checker and the zygote said to one record: what became of a program.

Reads: a fault or none, and a report.  Gives: Execution.
Depends on: records, jobs, jail.settings.  Pure.
"""

from __future__ import annotations

import os
import signal
from typing import Any, Final, NamedTuple, cast, get_args

from evalharness.records import Execution, ExecutionStatus
from evalharness.sandbox.jail.settings import Reason, Report
from evalharness.sandbox.jobs import Job, Limits, Mode

STATUSES: Final = frozenset(get_args(ExecutionStatus))

_FAIR_SHARE: Final = 0.75
"""Less CPU than this share of the wall limit, and the program may only have been kept waiting."""
_NEAR: Final = 0.95
"""The kernel's own CPU limit kills without a word; it counts in ticks."""

_ENDED: Final[dict[int, tuple[ExecutionStatus, str]]] = {
    Reason.WALL: ("timeout_wall", "wall limit of {wall_s:g} s"),
    Reason.CPU: ("timeout_cpu", "CPU limit of {cpu_s:g} s"),
    Reason.MEMORY: ("memory", "memory limit of {memory_bytes} bytes over all processes"),
    Reason.DISK: ("output_limit", "work folder limit of {disk_bytes} bytes"),
}


class Answer(NamedTuple):
    """The checker's message on one job: its fault (kind, detail) or None, and the report."""

    fault: tuple[str, str] | None
    report: Report | None


def read_answer(message: list[Any]) -> Answer:
    """The answer in a checker's decoded message. Raises ValueError for any other shape."""
    try:
        _, fault, report = message
        return Answer(
            None if fault is None else (str(fault[0]), str(fault[1])),
            None if report is None else Report(*map(int, report)),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"the checker's message has another shape: {error}") from None


def execution(
    job: Job, answer: Answer, limits: Limits, *, backend: str, retried: bool = False
) -> Execution:
    """The record of one run. retried: the answer is that of a second try.

    A limit that the zygote enforced outranks what the checker saw of it, and a program that went
    over its output or memory does not pass, whatever it answered.
    """
    status, detail = _status(answer, limits)
    report = answer.report
    return Execution(
        task=job.task,
        program_sha256=job.program_sha256(),
        status=status,
        detail=_writable(detail),
        backend=backend,
        program=_writable(job.program),
        wall_s=report.wall_us / 1e6 if report else 0.0,
        cpu_s=report.cpu_us / 1e6 if report else 0.0,
        max_rss_bytes=report.max_rss_bytes if report else 0,
        output_bytes=report.output_bytes if report else 0,
        retried=retried,
        forgeable=job.mode is Mode.IN_PROCESS or backend == "unsafe",
    )


def _writable(text: str) -> str:
    """Text that any file can hold: half a surrogate pair, which UTF-8 lacks, becomes its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _status(answer: Answer, limits: Limits) -> tuple[ExecutionStatus, str]:
    report, fault = answer.report, answer.fault
    if fault is not None and fault[0] in ("checker_error", "infra_error"):
        return cast("ExecutionStatus", fault[0]), fault[1]
    if report is None:
        return (cast("ExecutionStatus", fault[0]), fault[1]) if fault else ("infra_error", "")
    if report.output_bytes > limits.output_bytes:
        return "output_limit", f"printed more than {limits.output_bytes} bytes"
    if report.reason in (Reason.MEMORY, Reason.DISK, Reason.CPU):
        return _ended(report, limits)
    if report.cpu_us > limits.cpu_limit_s() * 1e6:
        return _ENDED[Reason.CPU][0], _ENDED[Reason.CPU][1].format(cpu_s=limits.cpu_limit_s())
    if fault is None:
        return "passed", ""
    if fault[0] == "exit":
        return _ended(report, limits)
    if fault[0] not in STATUSES:
        return "infra_error", f"the checker named no known status: {fault[0]}"[:200]
    return cast("ExecutionStatus", fault[0]), fault[1]


def _ended(report: Report, limits: Limits) -> tuple[ExecutionStatus, str]:
    """How a program that stopped answering came to its end."""
    if report.reason in _ENDED:
        status, words = _ENDED[report.reason]
        values = {name: getattr(limits, name) for name in limits.__struct_fields__}
        return status, words.format(**{**values, "cpu_s": limits.cpu_limit_s()})
    if not os.WIFSIGNALED(report.status):
        return "exit_early", f"exited with status {os.waitstatus_to_exitcode(report.status)}"
    number = os.WTERMSIG(report.status)
    near_limit = report.cpu_us > _NEAR * 1e6 * limits.cpu_limit_s()
    if number == signal.SIGXCPU or (number == signal.SIGKILL and near_limit):
        return "timeout_cpu", f"CPU limit of {limits.cpu_limit_s():g} s"
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    return "crash", f"ended by {name}"


def worth_another_try(found: Execution, limits: Limits) -> bool:
    """Whether a time-out may be the machine's fault: it did not get the CPU to use the time."""
    return found.status == "timeout_wall" and found.cpu_s < _FAIR_SHARE * limits.wall_s
