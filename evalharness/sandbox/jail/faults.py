"""What a program can do other than answer, as exceptions that tests can and cannot catch.

Reads: decoded answer lines.  Gives: raised exceptions that carry where they came from.
Depends on: the standard library.  Runs in the checker.

An exception crosses by the names of its classes.  The checker raises the nearest one that is built
in, or a stand-in for a class that the tests themselves name; no foreign class is ever made here.
"""

from __future__ import annotations

import builtins
from typing import Any, Final, NamedTuple


class Fault(NamedTuple):
    """kind: an ExecutionStatus, or "exit" while only the zygote knows more; detail: words."""

    kind: str
    detail: str


class Refused(BaseException):
    """The program's answer is no answer; ends the tests, whatever they catch."""


class Unplanned(BaseException):
    """The tests asked something that is not in the plan: run again, question by question."""


_MARK: Final = "_raised_by_the_program"
_NEVER: Final = ("StopIteration", "StopAsyncIteration", "GeneratorExit", "KeyboardInterrupt")
"""Raised by a function these would end the tests' own loops early, as if all had been well."""

_BUILTIN: Final[dict[str, type[BaseException]]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and name not in _NEVER
}


def stand_in(names: list[str]) -> type[BaseException]:
    """A class for tests to catch: the first of `names`, under its nearest built-in base."""
    base = next((_BUILTIN[name] for name in names[1:] if name in _BUILTIN), Exception)
    return type(names[0], (base,), {})


def is_exception(names: list[str]) -> bool:
    """Whether a class with these bases is an exception."""
    return "BaseException" in names


def exception(
    answer: list[Any], stand_ins: dict[str, type[BaseException]], *, iterating: bool
) -> BaseException:
    """The exception for an answer ["x", names, message, arguments or None, denied].

    iterating: the question was next(), where StopIteration is an answer.
    """
    _, names, message, arguments, denied = answer
    kind = next((k for name in names if (k := stand_ins.get(name) or _BUILTIN.get(name))), None)
    if iterating and names[0] == "StopIteration":
        kind = StopIteration
    if kind is None or not isinstance(message, str):
        kind, arguments = RuntimeError, None
    try:
        made = kind(*(arguments if isinstance(arguments, tuple) else (message,)))
    except Exception:
        made = RuntimeError(message)
    status = "memory" if "MemoryError" in names else "denied" if denied else "exception"
    setattr(made, _MARK, Fault(status, f"{names[0]}: {message}"[:500]))
    return made


def load_fault(answer: list[Any]) -> Fault:
    """Why a program did not load, from an answer that is no list of its names."""
    if answer[0] == "q" and len(answer) == 2:
        return Fault("exit_early", f"sys.exit({answer[1]}) while loading"[:200])
    if not is_raised(answer):
        return Fault("bad_return", "not an answer to loading")
    _, names, message, _, denied = answer
    kind = "memory" if "MemoryError" in names else "denied" if denied else "load_error"
    return Fault(kind, f"{names[0]}: {message}"[:500])


def is_raised(answer: list[Any]) -> bool:
    """Whether an answer has the shape of an exception."""
    if answer[0] != "x" or len(answer) != 5:
        return False
    names = answer[1]
    return isinstance(names, list) and bool(names) and all(type(name) is str for name in names)


def leaving(code: str) -> BaseException:
    """The program called sys.exit in a call: what the tests may catch, like any exception."""
    made = SystemExit(code)
    setattr(made, _MARK, Fault("exit_early", f"sys.exit({code})"[:200]))
    return made


def fault_of(error: BaseException) -> Fault | None:
    """Where an exception came from: the program's fault, or None for the tests' own."""
    found = getattr(error, _MARK, None)
    return found if type(found) is Fault else None
