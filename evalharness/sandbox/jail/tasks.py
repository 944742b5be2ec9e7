"""Tests made ready to run: compiled once, with the names they need and the questions they ask.

Reads: a task as the host sends it.  Gives: Task.
Depends on: plan, styles.  Runs in the checker.
"""

from __future__ import annotations

import ast
import builtins
import marshal
import re
import symtable
from types import CodeType
from typing import Any, Final, NamedTuple

from .plan import Plan, plan_from_text, plan_of
from .styles import CANDIDATE_MODULES, TestsBroken, table_rows
from .wire import VERSION

_LONG: Final = 60_000
"""Longer tests are tables in practice; reading a plan off them costs more than it saves."""
_NOT_NAMES: Final = frozenset(dir(builtins)) | {"__name__", "__file__", "__builtins__"}


class Spec(NamedTuple):
    """A task as the host sends it.

    classes: names that the task's own text defines as classes; the program may answer with objects
    only where there are some, or where the tests call a capitalised name.
    functions: names that it defines as functions, which may hide a built-in of the same name.
    preload: modules that the tests import.
    """

    style: str
    tests: str
    entry: str | None
    prompt: str
    classes: tuple[str, ...]
    functions: tuple[str, ...]
    preload: tuple[str, ...]


class Task:
    """One task, prepared: what to ask the program for, and how to judge it.

    Raises TestsBroken where the tests themselves cannot be read.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.code: CodeType | None = None
        self.prompt_code: CodeType | None = None
        self.plan: Plan | None = None
        self.names: tuple[str, ...] = ()
        self.handles = False
        self.random = "random" in spec.tests or "random" in spec.prompt
        self.imports = spec.style in ("unittest", "pytest")
        if spec.style == "table":
            self._prepare_table()
        elif spec.style not in ("stdio", "whole"):
            self._prepare_source()

    def _prepare_table(self) -> None:
        if not self.spec.entry:
            raise TestsBroken("a table of calls needs an entry point")
        self.names = (self.spec.entry,)
        rows = table_rows(self.spec.tests)
        calls = [(self.spec.entry, row.arguments, row.keywords) for row in rows]
        self.plan = plan_of(calls, self.names)

    def _prepare_source(self) -> None:
        try:
            table = symtable.symtable(self.spec.tests, "tests.py", "exec")
            tree = ast.parse(self.spec.tests) if len(self.spec.tests) < _LONG else None
            self.code = compile(tree or self.spec.tests, "tests.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise TestsBroken(f"the tests do not compile: {error}") from None
        imported = _imported_names(self.spec.tests)
        self.imports = self.imports or bool(imported) or "pytest" in self.spec.tests
        free = (_free_names(table) - (_NOT_NAMES - set(self.spec.functions))) | imported
        if self.spec.entry:
            free.add(self.spec.entry)
        classes = {name for name in free if name in self.spec.classes or _looks_like_class(name)}
        helpers = self._helpers(free - classes - {self.spec.entry or ""})
        self.names = tuple(sorted(free - helpers))
        self.handles = bool(classes)
        if tree is not None and not self.handles:
            self.plan = plan_from_text(tree, self.spec.entry, self.names)

    def _helpers(self, wanted: set[str]) -> set[str]:
        """Names that the prompt defines besides the task itself: they run here, from the prompt."""
        if not self.spec.prompt or not wanted:
            return set()
        try:
            table = symtable.symtable(self.spec.prompt, "prompt.py", "exec")
            self.prompt_code = compile(self.spec.prompt, "prompt.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return set()
        bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        found = wanted & bound
        if not found:
            self.prompt_code = None
        return found

    def questions(self, plan: Plan | None) -> bytes:
        """What a program is told besides its own text: names to describe, questions to answer."""
        if plan is not None:
            return plan.questions
        calls: list[Any] = []
        return marshal.dumps((list(self.names), int(self.handles), 1, calls), VERSION)

    def namespace(self, names: dict[str, Any]) -> dict[str, Any]:
        """A fresh namespace for one run of the tests: helpers first, then the program's names."""
        space: dict[str, Any] = {"__name__": "tests", "__file__": "tests.py"}
        if self.prompt_code is not None:
            exec(self.prompt_code, space)
        space.update(names)
        return space


def _free_names(table: symtable.SymbolTable) -> set[str]:
    """Names that a module uses and does not bind at its top level."""
    top = {s.get_name(): s for s in table.get_symbols()}
    bound = {name for name, s in top.items() if s.is_assigned() or s.is_imported()}
    used = {name for name, s in top.items() if s.is_referenced()}
    pending = list(table.get_children())
    while pending:
        scope = pending.pop()
        used |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
        bound |= {
            s.get_name() for s in scope.get_symbols() if s.is_declared_global() and s.is_assigned()
        }
        pending += scope.get_children()
    return used - bound


_FROM_IMPORT: Final = re.compile(
    r"^[ \t]*from[ \t]+(\w+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)", re.MULTILINE
)
_PLAIN_IMPORT: Final = re.compile(
    r"^[ \t]*import[ \t]+(\w+)(?:[ \t]+as[ \t]+(\w+))?[ \t]*(?:#.*)?$", re.MULTILINE
)


def _imported_names(tests: str) -> set[str]:
    """Names that the tests take from the module that holds the program."""
    found: set[str] = set()
    for module, names in _FROM_IMPORT.findall(tests):
        if module in CANDIDATE_MODULES:
            parts = names.strip("() \n").replace("\n", " ").split(",")
            found |= {part.split(" as ")[0].strip() for part in parts if part.strip()}
    for module, alias in _PLAIN_IMPORT.findall(tests):
        if module in CANDIDATE_MODULES:
            found |= set(re.findall(rf"\b{alias or module}\.(\w+)", tests))
    return found - {"*", ""}


def _looks_like_class(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()
