"""Questions known beforehand: read off the tests' text, or remembered from a run that passed.

Reads: the syntax tree of tests, or the calls that were seen.  Gives: Plan.
Depends on: wire.  Knows nothing of programs.

A plan never changes a verdict: each question that the tests ask is compared with the planned one,
and at the first difference the program is run again, question by question.
"""

from __future__ import annotations

import ast
import marshal
from typing import Any, Final, NamedTuple, TypeAlias

from .wire import VERSION, is_plain

MAX_CALLS: Final = 4096
_MAX_BYTES: Final = 4 << 20
_MAX_ANSWER_BYTES: Final = 16 << 20

Arguments: TypeAlias = tuple[Any, ...]
Keywords: TypeAlias = dict[str, Any]
Call: TypeAlias = tuple[str, Arguments, Keywords]


class Plan(NamedTuple):
    """fingerprints: what each question must be.  questions: what the program is told, written down.

    See `child.Program.serve_module` for the parts of a question.
    """

    fingerprints: tuple[bytes, ...]
    questions: bytes


def fingerprint(name: str, arguments: Arguments, keywords: Keywords) -> bytes | None:
    """Bytes equal for equal questions; None for values that only a live question can carry."""
    try:
        if is_plain(arguments) and is_plain(keywords):
            return marshal.dumps((name, arguments, keywords), VERSION)
    except (ValueError, RecursionError):
        pass
    return None


def is_mutable(arguments: Arguments, keywords: Keywords) -> bool:
    """Whether a call could change what was passed to it."""
    return any(
        not isinstance(value, (int, float, str, bytes, complex, type(None)))
        for value in (*arguments, *keywords.values())
    )


class Recording:
    """Remembers the questions of a run, as long as all of them can be planned.

    fresh: the arguments are literals, made anew for each call: nobody sees what becomes of them.
    """

    def __init__(self, *, fresh: bool = False) -> None:
        self._fresh = fresh
        self._fingerprints: list[bytes] = []
        self._written: list[bytes] = []
        self._bytes = 0
        self._answer_bytes = 0
        self._whole = True

    def spoil(self) -> None:
        """Something was asked that no plan can hold."""
        self._whole = False

    def weigh(self, answer_bytes: int) -> None:
        """Count an answer: all of a plan's answers are in memory at once."""
        self._answer_bytes += answer_bytes
        if self._answer_bytes > _MAX_ANSWER_BYTES:
            self._whole = False

    def add(self, call: Call) -> None:
        """Remember one question, as it is now: its arguments may change later."""
        if not self._whole:
            return
        name, arguments, keywords = call
        mark = fingerprint(name, arguments, keywords)
        self._bytes += len(mark or b"")
        if mark is None or len(self._fingerprints) >= MAX_CALLS or self._bytes > _MAX_BYTES:
            self._whole = False
            return
        back = 0 if self._fresh else int(is_mutable(arguments, keywords))
        self._fingerprints.append(mark)
        self._written.append(marshal.dumps((name, (arguments, keywords), back), VERSION))

    def plan(self, names: tuple[str, ...]) -> Plan | None:
        """The plan of this run, or None if it cannot be repeated from a plan.

        names: those that the program must describe.
        """
        if not self._whole or not self._fingerprints:
            return None
        calls = [marshal.loads(written) for written in self._written]
        told = (list(names), 0, 0, calls)
        return Plan(tuple(self._fingerprints), marshal.dumps(told, VERSION))


def plan_of(calls: list[Call], names: tuple[str, ...]) -> Plan | None:
    """The plan of calls whose arguments nobody else sees."""
    recording = Recording(fresh=True)
    for call in calls:
        recording.add(call)
    return recording.plan(names)


def plan_from_text(tree: ast.Module, entry: str | None, names: tuple[str, ...]) -> Plan | None:
    """The plan of tests that are a straight line of asserts over literal arguments, else None.

    names: what tests may call; the parameter of `check(candidate)` stands for `entry`.
    """
    body = tree.body
    aliases = {name: name for name in names}
    checks = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if checks and entry and not _mentions([n for n in body if n is not checks[0]], set(aliases)):
        parameters = checks[0].args.args
        if len(checks) != 1 or len(parameters) != 1:
            return None
        aliases[parameters[0].arg] = entry
        body = checks[0].body
    if not all(isinstance(statement, _STRAIGHT) for statement in body):
        return None
    calls: list[Call] = []
    for statement in body:
        found = _straight_calls(statement, aliases)
        if found is None:
            return None
        calls += found
    return plan_of(calls, names)


_STRAIGHT: Final = (ast.Assert, ast.Expr, ast.Assign, ast.Import, ast.ImportFrom, ast.Pass)


def _mentions(nodes: list[ast.stmt], names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id in names
        for statement in nodes
        for node in ast.walk(statement)
    )


def _straight_calls(statement: ast.stmt, aliases: dict[str, str]) -> list[Call] | None:
    """The calls of one statement in the order they happen; None if that cannot be told."""
    if not _mentions([statement], set(aliases)):
        return []
    if isinstance(statement, ast.Assert):
        if statement.msg is not None and _mentions([ast.Expr(statement.msg)], set(aliases)):
            return None
        found: list[Call] = []
        return found if _collect(statement.test, aliases, found) else None
    return None


_IN_ORDER: Final = (
    ast.Compare,
    ast.Call,
    ast.BinOp,
    ast.UnaryOp,
    ast.Tuple,
    ast.List,
    ast.Subscript,
)
"""Expressions whose parts are all evaluated, in the order in which they are written."""


def _collect(node: ast.expr, aliases: dict[str, str], found: list[Call]) -> bool:
    """Add the calls of an expression in order; False if one may not happen or is not literal."""
    if not _mentions([ast.Expr(node)], set(aliases)):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in aliases:
        call = _literal_call(node, aliases[node.func.id])
        if call is not None:
            found.append(call)
        return call is not None
    if not isinstance(node, _IN_ORDER) or (isinstance(node, ast.Compare) and len(node.ops) != 1):
        return False
    if isinstance(node, ast.Call):
        values = [ast.Expr(keyword.value) for keyword in node.keywords]
        if _mentions(list(values), set(aliases)):
            return False
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return all(_collect(child, aliases, found) for child in children)


def _literal_call(node: ast.Call, name: str) -> Call | None:
    try:
        arguments = tuple(ast.literal_eval(argument) for argument in node.args)
        keywords = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
    except ValueError:
        return None
    return (name, arguments, keywords) if len(keywords) == len(node.keywords) else None
