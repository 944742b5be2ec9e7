"""What the sandbox is asked to run: a program, the tests to judge it by, and its limits.

Reads: nothing.  Gives: Limits, Mode, Job.
Depends on: records.  Knows nothing of how a program is run.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Final

from evalharness.records import CodeTask, Record, require_finite


class Limits(Record, frozen=True, kw_only=True):
    """What one program may use; each limit has a status of its own.

    wall_s: for the sum of everything the program does.  cpu_s: the same in CPU; None is
    wall_s + 1.  memory_bytes: of each process, and of all of them together.  processes: at once,
    the program's own included.  descriptors: open at once.  file_bytes: of one file.
    disk_bytes: of the work folder.  output_bytes: printed.
    """

    wall_s: float = 3.0
    cpu_s: float | None = None
    memory_bytes: int = 1 << 30
    processes: int = 32
    descriptors: int = 64
    file_bytes: int = 64 << 20
    disk_bytes: int = 64 << 20
    output_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        require_finite("Limits", wall_s=self.wall_s, cpu_s=self.cpu_s)
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"Limits.{name} must be positive, got {value}")

    def cpu_limit_s(self) -> float:
        """The CPU limit in seconds, given or derived."""
        return self.wall_s + 1.0 if self.cpu_s is None else self.cpu_s


class Mode(Enum):
    """Where the tests run.

    SPLIT: in another process than the program, which cannot touch them.  IN_PROCESS: in the
    program's own, for tests that need an object's identity; its executions are `forgeable`.
    """

    SPLIT = "split"
    IN_PROCESS = "whole"


class Job(Record, frozen=True, kw_only=True):
    """One program to run.

    task: the sample's id.  program: its source, ready to run (see `text.code`).  code: what it is
    judged by.  seed: of the program's and the tests' random numbers, the same for all repeats, so
    that equal programs have equal verdicts.  limits: None takes the sandbox's.
    """

    task: str
    program: str
    code: CodeTask
    seed: int = 0
    limits: Limits | None = None
    mode: Mode = Mode.SPLIT

    def program_sha256(self) -> str:
        """Hash of the program's text."""
        return hashlib.sha256(self.program.encode("utf-8", "surrogatepass")).hexdigest()


_DEFINED: Final = re.compile(r"^(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
_CLASS: Final = re.compile(r"^class[ \t]+(\w+)", re.MULTILINE)
_CHECK: Final = re.compile(r"^def[ \t]+check[ \t]*\(", re.MULTILINE)
_TEST: Final = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+test\w*[ \t]*\(", re.MULTILINE)


def guess_task(program: str, tests: str, entry_point: str | None = None) -> CodeTask:
    """The task that bare tests stand for: their style by their look, and what they call.

    entry_point: None takes the last function that the program defines at its top level.

    >>> guess_task("def add(a, b): return a + b", "assert add(2, 3) == 5").style
    'asserts'
    """
    text = tests.lstrip()
    if text.startswith(("[", "{")):
        style = (
            "table" if entry_point or (_DEFINED.search(program) and '"args"' in text) else "stdio"
        )
    elif _CHECK.search(tests):
        style = "check"
    elif "unittest" in tests and "TestCase" in tests:
        style = "unittest"
    elif _TEST.search(tests):
        style = "pytest"
    else:
        style = "asserts"
    if entry_point is None and style in ("check", "table"):
        entry_point = last_function(program)
    return CodeTask(tests=tests, entry_point=entry_point, style=style)  # type: ignore[arg-type]


def last_function(program: str) -> str | None:
    """The last function that a program's text defines at its top level, by pattern.

    The text is foreign: it is searched here, and parsed only inside the jail.
    """
    names = _DEFINED.findall(program)
    return names[-1] if names else None


def class_names(code: CodeTask) -> tuple[str, ...]:
    """Classes that the task's own text defines: for these a program may answer with objects."""
    return tuple(sorted(set(_CLASS.findall(f"{code.prompt}\n{code.canonical or ''}"))))


def function_names(code: CodeTask) -> tuple[str, ...]:
    """Functions that the task's own text defines at its top level."""
    return tuple(sorted(set(_DEFINED.findall(f"{code.prompt}\n{code.canonical or ''}"))))
