"""Questions known beforehand: read off the tests' text, or remembered from a run that passed.

Reads: the syntax tree of tests, or the calls that were seen.  Gives: Plan.
Depends on: codec.  Knows nothing of programs.

A plan never changes a verdict: each question that the tests ask is compared with the planned one,
and at the first difference the program is run again, question by question.
"""

from __future__ import annotations

import ast
import marshal
from typing import Any, Final, NamedTuple

from .codec import Encoder, Uncodable

MAX_CALLS: Final = 4096
_MAX_BYTES: Final = 4 << 20
_STRAIGHT: Final = (ast.Assert, ast.Expr, ast.Assign, ast.Import, ast.ImportFrom, ast.Pass)
_VERSION: Final = 2
"""marshal's last version without references, whose bytes depend on the value alone."""


class Plan(NamedTuple):
    """fingerprints: what each question must be; calls: JSON trees of [name, args, kwargs, back]."""

    fingerprints: tuple[bytes, ...]
    calls: tuple[Any, ...]


def fingerprint(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bytes | None:
    """Bytes equal for equal questions; None for values that only a live question can carry."""
    try:
        return marshal.dumps((name, arguments, keywords), _VERSION)
    except ValueError:
        return None


def is_mutable(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether a call could change what was passed to it."""
    return any(
        not isinstance(value, (int, float, str, bytes, complex, type(None)))
        for value in (*arguments, *keywords.values())
    )


def call_tree(
    name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], *, back: int
) -> list[Any]:
    """One question as JSON. Raises Uncodable."""
    encoder = Encoder()
    return [name, encoder.tree(list(arguments)), encoder.tree(keywords), back]


class Recording:
    """Remembers the questions of a live run, as long as all of them can be planned."""

    def __init__(self) -> None:
        self._fingerprints: list[bytes] = []
        self._calls: list[Any] = []
        self._bytes = 0
        self._whole = True

    def spoil(self) -> None:
        """Something was asked that no plan can hold."""
        self._whole = False

    def add(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Remember one question."""
        if not self._whole:
            return
        mark = fingerprint(name, arguments, keywords)
        self._bytes += len(mark or b"")
        if mark is None or len(self._calls) >= MAX_CALLS or self._bytes > _MAX_BYTES:
            self._whole = False
            return
        try:
            back = int(is_mutable(arguments, keywords))
            self._calls.append(call_tree(name, arguments, keywords, back=back))
            self._fingerprints.append(mark)
        except Uncodable:
            self._whole = False

    def plan(self) -> Plan | None:
        """The plan of this run, or None if it cannot be repeated from a plan."""
        if not self._whole or not self._calls:
            return None
        return Plan(tuple(self._fingerprints), tuple(self._calls))


def plan_from_text(tree: ast.Module, entry: str | None, names: set[str]) -> Plan | None:
    """The plan of tests that are a straight line of asserts over literal arguments, else None.

    names: what tests may call; `candidate` inside `check(candidate)` stands for `entry`.
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
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    for statement in body:
        found = _straight_calls(statement, aliases)
        if found is None:
            return None
        calls += found
    recording = Recording()
    for name, arguments, keywords in calls:
        recording.add(name, arguments, keywords)
    planned = recording.plan()
    if planned is None:
        return None
    # Literals are made anew at each call: nobody can see what becomes of them.
    return planned._replace(calls=tuple([*call[:3], 0] for call in planned.calls))


def _mentions(nodes: list[ast.stmt], names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id in names
        for statement in nodes
        for node in ast.walk(statement)
    )


def _straight_calls(
    statement: ast.stmt, aliases: dict[str, str]
) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]] | None:
    """The calls of one statement in the order they happen; None if that cannot be told."""
    if not _mentions([statement], set(aliases)):
        return []
    if isinstance(statement, ast.Assert):
        if statement.msg is not None and _mentions([ast.Expr(statement.msg)], set(aliases)):
            return None
        found: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
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


def _collect(
    node: ast.expr,
    aliases: dict[str, str],
    found: list[tuple[str, tuple[Any, ...], dict[str, Any]]],
) -> bool:
    """Add the calls of an expression in order; False if one may not happen or is not literal."""
    if not _mentions([ast.Expr(node)], set(aliases)):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in aliases:
        try:
            arguments = tuple(ast.literal_eval(argument) for argument in node.args)
            keywords = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
        except ValueError:
            return False
        if len(keywords) != len(node.keywords):
            return False
        found.append((aliases[node.func.id], arguments, keywords))
        return True
    if not isinstance(node, _IN_ORDER) or (isinstance(node, ast.Compare) and len(node.ops) != 1):
        return False
    if isinstance(node, ast.Call):
        values = [ast.Expr(keyword.value) for keyword in node.keywords]
        if _mentions(list(values), set(aliases)):
            return False
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return all(_collect(child, aliases, found) for child in children)
