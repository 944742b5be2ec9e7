"""The program's side: locks itself in, loads the foreign code, answers questions about it.

Reads: one line from the checker that holds the program and, often, every question at once.
Gives: answers, a line each.  Depends on: rooms, codec.  Knows no test and no expected value.

Once foreign code has run, nothing here can be trusted, and nothing here is: the checker reads the
answers as data, and the verdict is made elsewhere.
"""

from __future__ import annotations

import errno
import operator
import os
import random
import sys
import types
from collections.abc import Callable
from typing import Any, Final, NoReturn

from .codec import Decoder, Encoder, Malformed, Uncodable, write_tree
from .rooms import Room
from .script import serve_script
from .settings import Order

LINK: Final = 3
"""The program's one descriptor besides stdio: the socket to its checker."""

MODULE: Final = "solution"
READY: Final = b"+\n"
"""Sent when the walls are up, before foreign code runs: from here on, failures are the program's."""

_DENIALS: Final = frozenset(
    (errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS, errno.ENETUNREACH)
)
_MESSAGE_CHARS: Final = 500
_NO_BACK: Final = 0


def run(room: Room, order: Order, link: int, output: int) -> NoReturn:
    """Become the program: never returns. Anything that fails before READY is not its fault."""
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        if link != LINK:
            os.dup2(link, LINK)
        os.closerange(LINK + 1, 1 << 20)
        room.lock(order)
        lines = _Lines()
        request = lines.read()
        os.write(LINK, READY)
    except BaseException:  # noqa: BLE001: whatever it was, the checker must see a dead child
        os._exit(70)
    try:
        _serve(request, lines)
    finally:
        _flush()
        os._exit(0)


class _Lines:
    """Lines from the checker; blocks until one is whole."""

    def __init__(self) -> None:
        self._held = b""

    def read(self) -> bytes:
        parts = [self._held]
        while b"\n" not in parts[-1]:
            part = os.read(LINK, 1 << 18)
            if not part:
                os._exit(0)
            parts.append(part)
        line, _, self._held = b"".join(parts).partition(b"\n")
        return line


def _send(line: bytes) -> None:
    data = memoryview(line + b"\n")
    while data:
        data = data[os.write(LINK, data) :]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: BLE001, S110, PERF203: the program may have replaced it
            pass


def _serve(line: bytes, lines: _Lines) -> None:
    """Do what the first line says: load and answer, run a script, or run tests inside."""
    program = Program(lines)
    kind, seed, packages, body = program.decoder.read(line)
    sys.path += packages
    random.seed(seed)
    if kind == "module":
        program.serve_module(*body)
    elif kind == "script":
        serve_script(*body, link=LINK, send=_send, exception=program.exception)
    elif kind == "whole":
        program.serve_whole(*body)


def load(source: str) -> types.ModuleType:
    """Run a program's text as a module that is not __main__ and can be found by name."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    module.__file__ = f"{MODULE}.py"
    text = source.removeprefix("\ufeff")
    exec(compile(text, f"{MODULE}.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    return module


class Program:
    """The loaded module, the objects that the checker holds handles of, and the way to answer."""

    def __init__(self, lines: _Lines) -> None:
        self.decoder = Decoder(self._decode_other)
        self._lines = lines
        self._objects: list[Any] = []
        self._named: dict[str, Any] = {}
        self._handles = False

    def serve_module(
        self, source: str, names: list[str], handles: int, calls: list[Any], stay: int
    ) -> None:
        """Load, say what the names are, answer `calls`, and go on asking for more if `stay`."""
        self._handles = bool(handles)
        try:
            module = load(source)
            described = [self._describe(name, module) for name in names]
        except BaseException as error:  # noqa: BLE001: SystemExit too is an answer
            _send(self.exception(error))
            return
        _send(write_tree(["l", described]))
        for name, arguments, keywords, back in calls:
            _send(self._answer(self._named.get(name), arguments, keywords, back))
        while stay:
            self._one_more()

    def serve_whole(self, source: str, tests: str, entry: str | None) -> None:
        """Program and tests in one process: the program can say whatever it likes about itself."""
        try:
            module = load(source)
            space = module.__dict__
            exec(compile(tests, "tests.py", "exec", dont_inherit=True), space)  # noqa: S102
            if entry and "check" in space:
                space["check"](space[entry])
            _send(write_tree(["p", 0]))
        except BaseException as error:  # noqa: BLE001
            _send(self.exception(error))

    def _describe(self, name: str, module: types.ModuleType) -> list[Any]:
        """[name, kind, detail]: m(issing), c(lass), f(unction), a(sync), d(ata) or o(ther)."""
        if name not in module.__dict__:
            return [name, "m", None]
        found = module.__dict__[name]
        self._named[name] = found
        if isinstance(found, type):
            return [name, "c", [base.__name__ for base in found.__mro__]]
        if callable(found):
            code = getattr(found, "__code__", None)
            return [name, "a" if code and code.co_flags & 0x80 else "f", None]
        try:
            return [name, "d", Encoder(self._encode_other).tree(found)]
        except Uncodable:
            return [name, "o", None]

    def _one_more(self) -> None:
        kind, target, arguments, keywords, back = self.decoder.read(self._lines.read())
        if kind == "call":
            _send(self._answer(self._named.get(target), arguments, keywords, back))
        else:
            _send(self._answer(SPECIAL[target], arguments, keywords, _NO_BACK))

    def _answer(self, function: Any, arguments: Any, keywords: dict[str, Any], back: int) -> bytes:
        """The line that answers one question: a value, an exception, or why there is neither.

        back: the checker can see what the call did to its arguments, so they are sent along if
        it changed them.
        """
        try:
            before = self._tree(arguments) if back else None
            value = function(*arguments, **keywords)
            if type(value) is types.CoroutineType:
                value = _awaited(value)
            answer = ["r", self._tree(value)]
            if back:
                after = self._tree(arguments)
                if write_tree(after) != write_tree(before):
                    answer.append(after)
            return write_tree(answer)
        except Uncodable as error:
            return write_tree(["b", str(error)])
        except BaseException as error:  # noqa: BLE001: whatever foreign code raises is its answer
            return self.exception(error)

    def _tree(self, value: Any) -> Any:
        return Encoder(self._encode_other).tree(value)

    def exception(self, error: BaseException) -> bytes:
        """An exception as its class names, a short message and its arguments if they are data."""
        kind = type(error)
        if issubclass(kind, SystemExit):
            return write_tree(["q", _text(error.code)])
        number = error.errno if isinstance(error, OSError) else None
        denied = int(type(number) is int and number in _DENIALS)
        names = [base.__name__ for base in kind.__mro__]
        try:
            arguments = Encoder().tree(tuple(error.args))
            return write_tree(["x", names, _text(error), arguments, denied])
        except BaseException:  # noqa: BLE001: a hostile exception object
            return write_tree(["x", names, _text(error), None, denied])

    def _encode_other(self, value: Any) -> Any:
        """A handle for an object that only its own class understands, if the tests may hold one."""
        if not self._handles:
            return None
        self._objects.append(value)
        return {"h": [len(self._objects) - 1, int(callable(value))]}

    def _decode_other(self, tag: str, content: Any) -> Any:
        if tag == "h":
            return self._objects[content[0]]
        if tag == "g":
            return self._named[content]
        if tag == "k":
            return self._callback(content)
        raise Malformed("an unknown tag")

    def _callback(self, number: int) -> Callable[..., Any]:
        """A function that the tests passed in: calling it asks the checker, which runs it."""

        def ask(*arguments: Any, **keywords: Any) -> Any:
            _send(write_tree(["k", number, self._tree(arguments), self._tree(keywords)]))
            kind, value = self.decoder.read(self._lines.read())
            if kind == "x":
                raise RuntimeError(f"the function passed in raised {value}")
            return value

        return ask


def _awaited(value: Any) -> Any:
    import asyncio

    return asyncio.run(value)


def _text(value: object) -> str:
    """At most 500 characters about anything, also about what fights being described."""
    try:
        return str(value)[:_MESSAGE_CHARS]
    except BaseException:  # noqa: BLE001
        return "(no message: str() of it failed)"


SPECIAL: Final[dict[str, Callable[..., Any]]] = {
    **{
        name: getattr(operator, name)
        for name in (
            "eq ne lt le gt ge add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift "
            "rshift neg pos invert contains getitem setitem delitem index iadd isub imul"
        ).split()
    },
    "abs": abs,
    "bool": bool,
    "call": lambda kind, *arguments: kind(*arguments),
    "call_with": lambda kind, arguments, keywords: kind(*arguments, **keywords),
    "delattr": delattr,
    "divmod": divmod,
    "enter": lambda held: held.__enter__(),
    "exit": lambda held: held.__exit__(None, None, None),
    "float": float,
    "getattr": getattr,
    "hash": hash,
    "int": int,
    "isinstance": isinstance,
    "issubclass": issubclass,
    "iter": iter,
    "len": len,
    "next": next,
    "repr": repr,
    "reversed": reversed,
    "round": round,
    "same": operator.is_,
    "setattr": setattr,
    "str": str,
}
"""What the checker may do to an object that it holds a handle of."""
