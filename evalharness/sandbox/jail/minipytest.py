"""What test modules written for pytest use of it, and a runner for them.

Reads: a namespace of test functions and classes.  Gives: run(), and a module to import as pytest.
Depends on: the standard library.  Runs in the checker, where the real one would cost 200 ms.

Known: bare asserts, raises, approx, parametrize, skip, fail, fixtures with and without yield,
setup_method and setup_function with their teardowns, tmp_path.  Whatever else is asked for is an
error of the tests, never of the program.
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Unsupported(Exception):
    """The tests use something of pytest that is not here."""


class Skipped(Exception):
    """The test asks not to be run."""


class Failed(AssertionError):
    """pytest.fail was called, or an exception did not come."""


class _Raises:
    """Context of pytest.raises: swallows the expected exception and keeps it as `value`."""

    def __init__(self, expected: Any, match: str | None) -> None:
        self._expected = expected
        self._match = match
        self.value: BaseException | None = None
        self.type: type[BaseException] | None = None

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: Any, value: BaseException | None, trace: object) -> bool:
        if value is None:
            raise Failed(f"did not raise {self._expected}")
        if not isinstance(value, self._expected):
            return False
        self.value, self.type = value, kind
        if self._match is not None and not re.search(self._match, str(value)):
            raise Failed(f"the message {str(value)[:200]!r} does not match {self._match!r}")
        return True


def _raises(expected: Any, *call: Any, match: str | None = None, **keywords: Any) -> Any:
    context = _Raises(expected, match)
    if not call:
        return context
    with context:
        call[0](*call[1:], **keywords)
    return context


class _Approx:
    """Equal within a tolerance; for numbers, and for lists, tuples and dicts of them."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: Any, rel: float | None, absolute: float | None) -> None:
        self._expected = expected
        self._rel = 1e-6 if rel is None and absolute is None else rel or 0.0
        self._abs = 1e-12 if absolute is None else absolute

    def __eq__(self, actual: object) -> bool:
        return self._near(actual, self._expected)

    def _near(self, actual: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            return (
                isinstance(actual, dict)
                and actual.keys() == expected.keys()
                and all(self._near(actual[key], expected[key]) for key in expected)
            )
        if isinstance(expected, (list, tuple)):
            return (
                isinstance(actual, (list, tuple))
                and len(actual) == len(expected)
                and all(map(self._near, actual, expected))
            )
        if isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
            return math.isclose(actual, expected, rel_tol=self._rel, abs_tol=self._abs)
        return bool(actual == expected)

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"


class _Mark:
    """pytest.mark: parametrize and skip act, every other mark is only a word."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self, f"_{name}", lambda *a, **_: a[0] if a and callable(a[0]) else _same)

    def _parametrize(self, names: Any, rows: Any, **_: Any) -> Callable[[Any], Any]:
        keys = [part.strip() for part in names.split(",")] if isinstance(names, str) else names

        def decorate(test: Any) -> Any:
            """Note the rows of arguments on the test."""
            cases = [_case(keys, row) for row in rows]
            test.evalharness_cases = [cases, *getattr(test, "evalharness_cases", [])]
            return test

        return decorate

    def _skip(self, *_: Any, **__: Any) -> Callable[[Any], Any]:
        def decorate(test: Any) -> Any:
            """Mark the test as one to skip."""
            test.evalharness_skip = True
            return test

        return decorate

    def _skipif(self, condition: Any, **_: Any) -> Callable[[Any], Any]:
        return self._skip() if condition else _same


def _same(test: Any) -> Any:
    return test


def _case(keys: list[str], row: Any) -> dict[str, Any]:
    values = getattr(row, "evalharness_values", row)
    if len(keys) == 1 and row is values:
        return {keys[0]: values}
    return dict(zip(keys, values, strict=True))


def _param(*values: Any, **_: Any) -> Any:
    return types.SimpleNamespace(evalharness_values=values)


def _fixture(function: Any = None, **options: Any) -> Any:
    if "params" in options:
        raise Unsupported("fixtures with params are not known here")

    def decorate(maker: Any) -> Any:
        """Mark the maker as a fixture."""
        maker.evalharness_fixture = True
        maker.evalharness_autouse = bool(options.get("autouse"))
        return maker

    return decorate if function is None else decorate(function)


def _unknown(name: str) -> Any:
    raise Unsupported(f"pytest.{name} is not known here")


def _skip_now(reason: str = "", **_: Any) -> None:
    raise Skipped(reason)


def _fail_now(reason: str = "", **_: Any) -> None:
    raise Failed(reason)


def module() -> types.ModuleType:
    """A module to stand in sys.modules as pytest while tests are loaded and run."""
    made = types.ModuleType("pytest")
    made.__dict__.update(
        raises=_raises,
        approx=lambda expected, rel=None, abs=None, **_: _Approx(expected, rel, abs),  # noqa: A006
        mark=_Mark(),
        fixture=_fixture,
        param=_param,
        skip=_skip_now,
        fail=_fail_now,
        __getattr__=_unknown,
    )
    return made


class _Fixtures:
    """Values of the fixtures of one test, made once each and torn down in reverse."""

    def __init__(self, space: dict[str, Any], owner: Any) -> None:
        self._space = space
        self._owner = owner
        self._values: dict[str, Any] = {}
        self._open: list[Iterator[Any]] = []

    def value(self, name: str) -> Any:
        """A fixture's value, made at the first asking."""
        if name not in self._values:
            self._values[name] = self._make(name)
        return self._values[name]

    def _make(self, name: str) -> Any:
        maker: Any = getattr(self._owner, name, None) if self._owner else None
        maker = maker or self._space.get(name)
        if getattr(maker, "evalharness_fixture", False):
            made = maker(**{key: self.value(key) for key in _parameters(maker)})
            if inspect.isgenerator(made):
                self._open.append(made)
                return next(made)
            return made
        if name == "tmp_path":
            folder = Path(f"tmp{len(self._values)}").absolute()
            folder.mkdir(exist_ok=True)
            return folder
        raise Unsupported(f"the fixture {name!r} is not known here")

    def close(self) -> None:
        """Let every generator fixture end, the last one first."""
        for generator in reversed(self._open):
            next(generator, None)


def _parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def run(space: dict[str, Any]) -> None:
    """Run every test of a namespace in order; raises what the first failing one raises."""
    for name, found in list(space.items()):
        if name.startswith("Test") and isinstance(found, type):
            for method in [key for key in vars(found) if key.startswith("test")]:
                _run_cases(space, found, method)
        elif name.startswith("test") and callable(found) and not isinstance(found, type):
            _run_cases(space, None, name)


def _run_cases(space: dict[str, Any], owner_class: Any, name: str) -> None:
    test = getattr(owner_class, name) if owner_class else space[name]
    if getattr(test, "evalharness_skip", False):
        return
    for combination in itertools.product(*getattr(test, "evalharness_cases", [])):
        given = {key: value for case in combination for key, value in case.items()}
        _run_one(space, owner_class, name, given)


def _run_one(space: dict[str, Any], owner_class: Any, name: str, given: dict[str, Any]) -> None:
    owner: Any = owner_class() if owner_class else None
    test: Callable[..., Any] = getattr(owner, name) if owner else space[name]
    fixtures = _Fixtures(space, owner)
    suffix = "method" if owner else "function"
    try:
        for key, maker in list(space.items()):
            if inspect.isfunction(maker) and getattr(maker, "evalharness_autouse", False):
                fixtures.value(key)
        _call_hook(space, owner, f"setup_{suffix}", test)
        outcome = test(
            **{
                key: given[key] if key in given else fixtures.value(key)
                for key in _parameters(test)
            }
        )
        if inspect.iscoroutine(outcome):
            import asyncio

            asyncio.run(outcome)
        _call_hook(space, owner, f"teardown_{suffix}", test)
    except Skipped:
        pass
    finally:
        fixtures.close()


def _call_hook(space: dict[str, Any], owner: Any, name: str, test: Any) -> None:
    hook = getattr(owner, name, None) if owner else space.get(name)
    if hook is not None:
        hook(test) if _parameters(hook) else hook()
