"""The ways in which tests are written, each a function that runs them and raises at a failure.

Reads: a namespace with the program's names in it, or a table, or cases of input and output.
Gives: run_source(), run_table(), compare_output().  Depends on: candidate, faults, minipytest.
Runs in the checker.
"""

from __future__ import annotations

import contextlib
import json
import sys
import types
from collections.abc import Iterator
from types import CodeType
from typing import Any, Final, NamedTuple

from . import minipytest
from .candidate import Candidate
from .faults import Fault


class TestsBroken(Exception):
    """The tests themselves are wrong; says nothing about the program."""


class WrongAnswer(Exception):
    """A table or a script's output does not hold what it should."""


CANDIDATE_MODULES: Final = frozenset(
    [
        "solution",
        "candidate",
        "program",
        "submission",
        "answer",
        "main",
        "task",
        "code_under_test",
        "your_module",
    ]
)
"""Names under which test modules import the program."""


# --- tests that are Python source ------------------------------------------------------------


def run_source(
    style: str, code: CodeType, space: dict[str, Any], candidate: Candidate, entry: str | None
) -> None:
    """Run tests of one of the source styles. Raises whatever the first failing one raises."""
    exec(code, space)
    if style == "check":
        _run_check(space, candidate, entry)
    elif style == "unittest":
        _run_unittest(space)
    elif style == "pytest":
        _run_unittest(space)
        minipytest.run(space)


def _run_check(space: dict[str, Any], candidate: Candidate, entry: str | None) -> None:
    """HumanEval's way: check(candidate), unless the tests have called it themselves."""
    if candidate.asked:
        return
    check = space.get("check")
    if not callable(check):
        raise TestsBroken("the tests define no check(candidate)")
    if entry is None or entry not in candidate.names:
        raise TestsBroken("no entry point is named for check(candidate)")
    check(candidate.names[entry])


@contextlib.contextmanager
def importable(candidate: Candidate, space: dict[str, Any]) -> Iterator[None]:
    """Let tests import the program by the usual names, pytest, and themselves; then undo it."""
    program = types.ModuleType("solution")
    program.__dict__.update(candidate.names)
    added: dict[str, types.ModuleType] = dict.fromkeys(CANDIDATE_MODULES, program)
    added["pytest"] = minipytest.module()
    tests = types.ModuleType("tests")
    tests.__dict__.update(space)
    added["tests"] = tests
    missing = {name: module for name, module in added.items() if name not in sys.modules}
    sys.modules.update(missing)
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)


def _run_unittest(space: dict[str, Any]) -> None:
    if "unittest" not in sys.modules:
        return
    import unittest

    class FirstFailure(unittest.TestResult):
        """Keeps the exception of the first test that fails."""

        first: BaseException | None = None

        def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
            """Keep it, and stop."""
            super().addError(test, err)
            self._keep(err[1])

        def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
            """Keep it, and stop."""
            super().addFailure(test, err)
            self._keep(err[1])

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
            """Keep it, and stop."""
            super().addSubTest(test, subtest, err)
            if err is not None:
                self._keep(err[1])

        def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
            """A test that was expected to fail and did not."""
            super().addUnexpectedSuccess(test)
            self._keep(AssertionError("unexpected success"))

        def _keep(self, error: BaseException) -> None:
            self.first = self.first or error
            self.stop()

    cases = [
        found
        for found in space.values()
        if isinstance(found, type)
        and issubclass(found, unittest.TestCase)
        and found.__module__ == "tests"
    ]
    result = FirstFailure()
    for case in cases:
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        if result.first is not None:
            raise result.first


# --- tables of calls -------------------------------------------------------------------------


class Row(NamedTuple):
    """One call and what it must give: a value, within `atol`, or an exception's name."""

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    expected: Any
    raises: str | None
    atol: float


_ROW_KEYS: Final = frozenset(("args", "input", "kwargs", "expected", "output", "raises", "atol"))


def table_rows(text: str) -> list[Row]:
    """The rows of a JSON table: objects with args and expected, or pairs of the two.

    Raises TestsBroken naming the row that cannot be read.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise TestsBroken(f"the table is not JSON: {error}") from None
    if not isinstance(raw, list) or not raw:
        raise TestsBroken("the table must be a list of rows, and hold one at least")
    return [_row(row, number) for number, row in enumerate(raw)]


def _row(raw: Any, number: int) -> Row:
    if isinstance(raw, list) and len(raw) == 2:
        raw = {"args": raw[0], "expected": raw[1]}
    if not isinstance(raw, dict) or not raw.keys() <= _ROW_KEYS:
        raise TestsBroken(f"row {number} is neither [args, expected] nor an object of known keys")
    arguments = raw.get("args", raw.get("input", []))
    if not isinstance(arguments, list) or not {"expected", "output", "raises"} & raw.keys():
        raise TestsBroken(f"row {number} lacks a list of args, or what is expected")
    return Row(
        tuple(arguments),
        raw.get("kwargs", {}),
        raw.get("expected", raw.get("output")),
        raw.get("raises"),
        float(raw.get("atol", 0.0)),
    )


def run_table(rows: list[Row], candidate: Candidate, entry: str) -> None:
    """Call the program for every row. Raises WrongAnswer, or what the program raised."""
    function = candidate.names[entry]
    for row in rows:
        shown = ", ".join(map(repr, row.arguments))[:100]
        try:
            actual = function(*row.arguments, **row.keywords)
        except Exception as error:
            if row.raises is not None and type(error).__name__ == row.raises:
                continue
            raise
        if row.raises is not None:
            raise WrongAnswer(f"{entry}({shown}) did not raise {row.raises}")
        if not _same(actual, row.expected, row.atol):
            raise WrongAnswer(f"{entry}({shown}) gave {actual!r:.100}, not {row.expected!r:.100}")


def _same(actual: Any, expected: Any, atol: float) -> bool:
    """Equality, where a tuple may stand for JSON's list and numbers may differ by `atol`."""
    if isinstance(expected, list) and isinstance(actual, (list, tuple)):
        return len(actual) == len(expected) and all(
            _same(a, e, atol) for a, e in zip(actual, expected, strict=True)
        )
    if isinstance(expected, dict) and isinstance(actual, dict):
        return actual.keys() == expected.keys() and all(
            _same(actual[key], expected[key], atol) for key in expected
        )
    if atol and isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        return abs(actual - expected) <= atol
    return bool(actual == expected)


# --- programs that read stdin ----------------------------------------------------------------


class Case(NamedTuple):
    """One run of a script: what it reads, and what it must print."""

    stdin: str
    stdout: str


def script_cases(text: str) -> list[Case]:
    """Cases from JSON: pairs, objects of input and output, or two lists of them.

    Raises TestsBroken.
    """
    try:
        raw = json.loads(text)
        if isinstance(raw, dict):
            raw = list(zip(raw["inputs"], raw["outputs"], strict=True))
        return [
            Case(str(row["input"]), str(row["output"])) if isinstance(row, dict) else Case(*row)
            for row in raw
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise TestsBroken(f"not JSON pairs of stdin and stdout: {error!r}") from None


def compare_output(case: Case, number: int, answer: list[Any]) -> Fault | None:
    """Judge one script's answer ["o", stdout, exit code or the line of an exception]."""
    if answer[0] != "o" or len(answer) != 3 or type(answer[1]) is not str:
        return Fault("bad_return", "not an answer to a case")
    _, printed, ending = answer
    if isinstance(ending, str):
        return _script_fault(ending, number)
    if ending != 0:
        kind = "crash" if isinstance(ending, int) and ending < 0 else "exit_early"
        return Fault(kind, f"case {number}: exit status {ending}")
    if _lines(printed) != _lines(case.stdout):
        return Fault(
            "wrong_answer", f"case {number}: printed {printed!r:.100}, not {case.stdout!r:.100}"
        )
    return None


def _script_fault(line: str, number: int) -> Fault:
    try:
        answer = json.loads(line)
        if answer[0] == "q":
            return Fault("exit_early", f"case {number}: sys.exit({answer[1]})"[:200])
        kind = "memory" if "MemoryError" in answer[1] else "denied" if answer[4] else "exception"
        return Fault(kind, f"case {number}: {answer[1][0]}: {answer[2]}"[:300])
    except (ValueError, LookupError, TypeError):
        return Fault("exception", f"case {number}: raised")


def _lines(text: str) -> list[str]:
    """Lines without trailing spaces, and no empty ones at the end."""
    return [line.rstrip() for line in text.rstrip().split("\n")]
