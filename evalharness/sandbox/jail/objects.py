"""Objects and classes of the program, for tests of classes: every operation is a question.

Reads: answers of a candidate.  Gives: Remote and RemoteClass.
Depends on: candidate.  Runs in the checker.

Whether two things are equal is how tests decide, so an object of the program may not answer that
about a value of the tests: `==` between an object and plain data is refused, and so is arithmetic
with data, except on objects that the tests themselves made by calling the class.  Between two
objects of the program their class answers; that behaviour is what such tests are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .candidate import Candidate

_SETTLED: Final = ("_candidate", "_handle", "_made", "_callable")


class Remote:
    """An object in the program's process.

    made: the tests made it by calling its class; else it came out of some call.
    """

    def __init__(self, candidate: Candidate, handle: int, *, is_callable: bool) -> None:
        object.__setattr__(self, "_candidate", candidate)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_made", False)
        object.__setattr__(self, "_callable", is_callable)

    def handle_tag(self) -> dict[str, Any]:
        """How it crosses back to its own process."""
        return {"h": [self._handle, 0]}

    def __getattr__(self, name: str) -> Any:
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        _ask(self, "delattr", name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if keywords:
            return _with_keywords(self, arguments, keywords)
        return _ask(self, "call", *arguments)

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = _ask(self, "iter")
        return found

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, *raised: object) -> None:
        _ask(self, "exit")

    def __contains__(self, value: Any) -> bool:
        _refuse_data(self, value, "asks whether it holds")
        return bool(_exact(self, bool, _ask(self, "contains", value)))

    def __bool__(self) -> bool:
        return bool(_exact(self, bool, _ask(self, "bool")))

    def __len__(self) -> int:
        return int(_exact(self, int, _ask(self, "len")))

    def __hash__(self) -> int:
        return int(_exact(self, int, _ask(self, "hash")))

    def __int__(self) -> int:
        return int(_exact(self, int, _ask(self, "int")))

    def __index__(self) -> int:
        return int(_exact(self, int, _ask(self, "index")))

    def __float__(self) -> float:
        return float(_exact(self, float, _ask(self, "float")))

    def __str__(self) -> str:
        return str(_exact(self, str, _ask(self, "str")))

    def __repr__(self) -> str:
        return str(_exact(self, str, _ask(self, "repr")))

    def __eq__(self, other: object) -> bool:
        if other is None:
            return False
        _refuse_all_data(self, other, "is compared with")
        return bool(_exact(self, bool, _ask(self, "eq", other)))

    def __ne__(self, other: object) -> bool:
        if other is None:
            return True
        _refuse_all_data(self, other, "is compared with")
        return bool(_exact(self, bool, _ask(self, "ne", other)))

    def __next__(self) -> Any:
        return _ask(self, "next")


def _ask(remote: Remote, operation: str, *arguments: Any) -> Any:
    candidate: Candidate = object.__getattribute__(remote, "_candidate")
    return candidate.operate(operation, remote, *arguments)


def _with_keywords(remote: Remote, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    candidate: Candidate = object.__getattribute__(remote, "_candidate")
    return candidate.operate("call_with", remote, list(arguments), keywords)


def _exact(remote: Remote, kind: type, value: Any) -> Any:
    """`value` if it is exactly of `kind`: an operator's answer is plain data or none."""
    if type(value) is not kind:
        candidate: Candidate = object.__getattribute__(remote, "_candidate")
        raise candidate.refuse(f"an operator answered {type(value).__name__}, not {kind.__name__}")
    return value


def _refuse_all_data(remote: Remote, other: object, what: str) -> None:
    if not isinstance(other, Remote):
        candidate: Candidate = object.__getattribute__(remote, "_candidate")
        raise candidate.refuse(f"an object of the program {what} plain data")


def _refuse_data(remote: Remote, other: object, what: str) -> None:
    if not object.__getattribute__(remote, "_made"):
        _refuse_all_data(remote, other, what)


def _binary(operation: str, *, swapped: bool = False) -> Callable[[Remote, Any], Any]:
    def operate(self: Remote, other: Any) -> Any:
        """Send an operator of two sides, in the order the program wrote them."""
        _refuse_data(self, other, "is combined with")
        candidate: Candidate = object.__getattribute__(self, "_candidate")
        pair = (other, self) if swapped else (self, other)
        return candidate.operate(operation, *pair)

    return operate


def _unary(operation: str) -> Callable[..., Any]:
    def operate(self: Remote, *arguments: Any) -> Any:
        """Send a special method with its arguments."""
        return _ask(self, operation, *arguments)

    return operate


def _ordering(operation: str) -> Callable[[Remote, object], bool]:
    def operate(self: Remote, other: object) -> bool:
        """Send a comparison; only a real bool comes back."""
        _refuse_all_data(self, other, "is compared with")
        return bool(_exact(self, bool, _ask(self, operation, other)))

    return operate


_ARITHMETIC: Final = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "lshift",
    "rshift",
    "xor",
]

for _name in _ARITHMETIC:
    setattr(Remote, f"__{_name}__", _binary(_name))
    setattr(Remote, f"__r{_name}__", _binary(_name, swapped=True))
for _name, _operation in (("and", "and_"), ("or", "or_")):
    setattr(Remote, f"__{_name}__", _binary(_operation))
    setattr(Remote, f"__r{_name}__", _binary(_operation, swapped=True))
for _name in ["neg", "pos", "invert", "abs", "round", "reversed", "getitem", "setitem", "delitem"]:
    setattr(Remote, f"__{_name}__", _unary(_name))
for _name in ["lt", "le", "gt", "ge"]:
    setattr(Remote, f"__{_name}__", _ordering(_name))


class RemoteClass:
    """A class of the program: calling it makes an object there."""

    def __init__(self, candidate: Candidate, name: str) -> None:
        self._candidate = candidate
        self.__name__ = name

    def handle_tag(self) -> dict[str, Any]:
        """How it crosses back to its own process: by its name."""
        return {"g": self.__name__}

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        made = self._candidate.ask(self.__name__, arguments, keywords)
        if isinstance(made, Remote):
            object.__setattr__(made, "_made", True)
        return made

    def __getattr__(self, name: str) -> Any:
        return self._candidate.operate("getattr", self, name)

    def __instancecheck__(self, value: object) -> bool:
        if not isinstance(value, Remote):
            return False
        return bool(self._candidate.operate("isinstance", value, self) is True)


def make_remote(candidate: Candidate, handle: int, is_callable: bool) -> Remote:  # noqa: FBT001
    """What stands for an object that an answer named."""
    return Remote(candidate, handle, is_callable=is_callable)
