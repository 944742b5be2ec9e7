"""The program as tests see it: functions to call, classes to make, and nothing else of it.

Reads: answers of a session.  Gives: Candidate, whose `names` are put into the tests' namespace.
Depends on: session, codec, plan, faults.  Runs in the checker.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .codec import Decoder, Encoder, Malformed, Uncodable, write_tree
from .faults import (
    Fault,
    Refused,
    Unplanned,
    exception,
    is_exception,
    is_raised,
    leaving,
    load_fault,
    stand_in,
)
from .plan import Plan, Recording, fingerprint, is_mutable
from .session import Ended, Flooded, Session
from .wire import is_plain, pack

if TYPE_CHECKING:
    from .objects import Remote

MakeClass: TypeAlias = "Callable[[Candidate, str], Any]"
MakeRemote: TypeAlias = "Callable[[Candidate, int, bool], Remote]"


class Candidate:
    """One running program.

    plan: the questions it was sent along with, or None if each is asked as it comes.
    make_remote: builds what stands for an object, from (candidate, handle, whether callable).
    asked: how many questions.  touched: the tests hold something of it other than a function.
    deferred: the tests called an `async def` of it, which asks nothing until it is awaited.
    """

    def __init__(
        self,
        session: Session,
        plan: Plan | None,
        make_remote: MakeRemote,
    ) -> None:
        self.names: dict[str, Any] = {}
        self.asked = 0
        self.touched = False
        self.deferred = False
        self.unplanned = False
        self.broken: Fault | None = None
        self.recording = Recording()
        self._session = session
        self._plan = plan
        self._make_remote = make_remote
        self._stand_ins: dict[str, type[BaseException]] = {}
        self._callbacks: list[Callable[..., Any]] = []
        self._decoder = Decoder(self._decode_other)

    def load(self, requested: Sequence[str], make_class: MakeClass) -> Fault | None:
        """Wait for the program to load and fill `names`; the fault if it does not load.

        requested: the names that the tests use; whatever else the program claims is not looked at.
        make_class: builds what stands for a class of the program.
        """
        try:
            answer = self._answer()
        except (Ended, Refused):
            return self.broken
        if answer[0] != "l" or type(answer[1]) is not list:
            return load_fault(answer)
        described = {row[0]: row[1:] for row in answer[1] if _is_description(row)}
        for name in requested:
            kind, detail = described.get(name, ("m", None))
            made = self._made(name, kind, detail, make_class)
            if made is not None:
                self.names[name] = made
        return None

    def _made(self, name: str, kind: str, detail: Any, make_class: MakeClass) -> Any:
        """What stands for one of the program's names; None if it has nothing of that name."""
        if kind == "f":
            return Function(self, name)
        if kind == "a":
            return AsyncFunction(self, name)
        if kind == "c" and isinstance(detail, list):
            if is_exception(detail):
                self.touched = True
                self._stand_ins[name] = stand_in([str(base) for base in detail])
                return self._stand_ins[name]
            return make_class(self, name)
        found = _library(name, detail) if kind == "l" else None
        self.touched = self.touched or found is None
        return detail if kind == "d" else found

    def ask(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call one of the program's names. Raises what it raises; Refused, Ended, Unplanned."""
        self._check_alive()
        self.asked += 1
        if self._plan is not None:
            index = self.asked - 1
            marks = self._plan.fingerprints
            if index >= len(marks) or marks[index] != fingerprint(name, arguments, keywords):
                raise self._leave_plan()
        else:
            self.recording.add((name, arguments, keywords))
            given = self._given(arguments, keywords)
            back = int(type(given) is tuple and is_mutable(arguments, keywords))
            self._session.send(pack(("call", name, given, back)))
        return self._value(arguments)

    def operate(self, name: str, *arguments: Any) -> Any:
        """Do one of the known operations to objects of the program; counts as a question."""
        self._check_alive()
        self.asked += 1
        if self._plan is not None:
            raise self._leave_plan()
        self.recording.spoil()
        self._session.send(pack(("do", name, self._given(arguments, {}), 0)))
        return self._value((), iterating=name == "next")

    def refuse(self, why: str) -> Refused:
        """Note that the program's answer is none; the exception to raise."""
        self.broken = self.broken or Fault("bad_return", why[:300])
        return Refused(why)

    def _leave_plan(self) -> Unplanned:
        self.unplanned = True
        return Unplanned()

    def _check_alive(self) -> None:
        if self.broken is not None:
            raise Refused(self.broken.detail)

    def _given(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Arguments as they travel: as they are, or as text where only text can carry them."""
        try:
            if is_plain(arguments) and is_plain(keywords):
                return (arguments, keywords)
        except RecursionError:
            pass
        encoder = Encoder(self._encode_other)
        return write_tree([encoder.tree(list(arguments)), encoder.tree(keywords)])

    def _value(self, arguments: tuple[Any, ...], *, iterating: bool = False) -> Any:
        """The value of the next answer, after any functions it asked for have been called."""
        while True:
            answer = self._answer()
            kind = answer[0]
            if kind == "r" and len(answer) in (2, 3):
                if len(answer) == 3:
                    self._write_back(arguments, answer[2])
                return answer[1]
            if is_raised(answer):
                raise exception(answer, self._stand_ins, iterating=iterating)
            if kind == "q" and len(answer) == 2:
                raise leaving(str(answer[1]))
            if kind == "b":
                raise self.refuse(str(answer[1]))
            if kind != "k" or self._plan is not None:
                raise self.refuse("not an answer to the question")
            self._call_back(*answer[1:])

    def _answer(self) -> list[Any]:
        """The next line, decoded and of the right outer shape."""
        try:
            line = self._session.line()
            self.recording.weigh(len(line))
            answer = self._decoder.read(line)
        except Malformed as error:
            raise self.refuse(f"malformed answer: {error}") from None
        except Flooded:
            raise self.refuse("more output on the answer channel than any answer holds") from None
        except Ended:
            self.broken = Fault("exit", "")
            raise
        if type(answer) is not list or len(answer) < 2 or type(answer[0]) is not str:
            raise self.refuse("malformed answer: not a message")
        return answer

    def _write_back(self, arguments: tuple[Any, ...], changed: Any) -> None:
        """Do to the tests' own objects what the program did to its copies of them."""
        if type(changed) is not list or len(changed) != len(arguments):
            raise self.refuse("changed arguments that do not fit the question")
        for ours, theirs in zip(arguments, changed, strict=True):
            if (isinstance(ours, list) and isinstance(theirs, list)) or (
                isinstance(ours, bytearray) and isinstance(theirs, bytearray)
            ):
                ours[:] = theirs
            elif isinstance(ours, (dict, set)) and isinstance(theirs, type(ours)):
                ours.clear()
                ours.update(theirs)

    def _call_back(self, number: Any, arguments: Any, keywords: Any) -> None:
        """Run a function that the tests passed in, with the program's data."""
        if type(number) is not int or not 0 <= number < len(self._callbacks):
            raise self.refuse("asked for a function that was not passed in")
        try:
            value = self._callbacks[number](*arguments, **keywords)
            line = write_tree(["r", Encoder(self._encode_other).tree(value)])
        except Exception as error:
            line = write_tree(["x", type(error).__name__])
        self._session.send(pack(line))

    def _encode_other(self, value: Any) -> Any:
        """What only a live question can carry: our own stand-ins, and functions of the tests."""
        self.recording.spoil()
        if isinstance(value, Function):
            return {"g": value.name}
        tag = getattr(type(value), "handle_tag", None)
        if tag is not None:
            return tag(value)
        if callable(value) and getattr(value, "__name__", "") not in _NEVER_PASSED_IN:
            self._callbacks.append(value)
            return {"k": len(self._callbacks) - 1}
        return None

    def _decode_other(self, tag: str, content: Any) -> Any:
        if tag == "h" and type(content) is list and len(content) == 2:
            return self._make_remote(self, int(content[0]), bool(content[1]))
        raise Malformed("an unknown tag")


_NEVER_PASSED_IN: Final = frozenset(
    (
        "eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "vars", "globals",
        "locals", "__import__", "import_module", "system", "attrgetter", "methodcaller",
    )
)  # fmt: skip
"""Functions that a program could do anything here with, were it to call them with its own words."""

_ALIASES: Final = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot"}


def _library(name: str, module: Any) -> Any:
    """A module that the tests use and the program imported: our own copy of it, by the tests' name.

    Only under the name that it has, or a customary one: a program may not pass off one module for
    another.
    """
    if module != name and _ALIASES.get(name) != module:
        return None
    if name in sys.stdlib_module_names or module in sys.modules:
        return importlib.import_module(module)
    return None


def _is_description(row: Any) -> bool:
    return type(row) is list and len(row) == 3 and type(row[0]) is type(row[1]) is str


class Function:
    """A function of the program: called in its process, with copies of the arguments."""

    def __init__(self, candidate: Candidate, name: str) -> None:
        self._candidate = candidate
        self.name = name
        self.__name__ = name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        try:
            return self._candidate.ask(self.name, arguments, keywords)
        except Uncodable as error:
            raise TypeError(f"the tests pass what cannot cross to a program: {error}") from None


class AsyncFunction(Function):
    """An `async def` of the program: awaited here, run to its end there."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self._candidate.touched = self._candidate.deferred = True

        async def awaited() -> Any:
            """Call the candidate when the result is awaited."""
            return super(AsyncFunction, self).__call__(*arguments, **keywords)

        return awaited()
