"""The program's side: locks itself in, loads the foreign code, answers questions about it.

Reads: one line from the checker that holds the program and, often, every question at once.
Gives: answers, a line each.  Depends on: rooms, codec.  Knows no test and no expected value.

Once foreign code has run, nothing here can be trusted, and nothing here is: the checker reads the
answers as data, and the verdict is made elsewhere.
"""

from __future__ import annotations

import errno
import marshal
import operator
import os
import sys
import types
from collections.abc import Callable
from typing import Any, Final, NoReturn

from . import seeding
from .codec import Decoder, Encoder, Malformed, Uncodable, write_tree
from .rooms import Room
from .script import serve_script
from .wire import VERSION, pack

LINK: Final = 3
"""The program's one descriptor besides stdio: the socket to its checker."""

MODULE: Final = "solution"
READY: Final = b"+\n"
"""Sent when the walls are up, before foreign code runs: what fails later is the program's fault."""

_DENIALS: Final = frozenset(
    (errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS, errno.ENETUNREACH)
)
_MESSAGE_CHARS: Final = 500
_CHUNK: Final = 1 << 15
_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE
_SMALL: Final = 1 << 53
_NO_BACK: Final = 0


def run(room: Room, link: int) -> NoReturn:
    """Become the program: never returns. Anything that fails before READY is not its fault."""
    try:
        if link != LINK:
            os.dup2(link, LINK)
        os.closerange(LINK + 1, 1 << 20)
        room.lock()
        request = _read_message()
        os.write(LINK, READY)
    except BaseException:
        os._exit(70)
    try:
        _serve(request)
        sys.stdout.flush()
    finally:
        os._exit(0)


def _read_message() -> bytes:
    """The next message's body; blocks until it is whole, and ends with the checker."""
    held = os.read(LINK, _CHUNK)
    while len(held) < 4 or len(held) < 4 + int.from_bytes(held[:4], "little"):
        part = os.read(LINK, _CHUNK)
        if not part:
            os._exit(0)
        held += part
    return held[4:]


def _send(line: bytes) -> None:
    line += b"\n"
    sent = os.write(LINK, line)
    while sent < len(line):
        sent += os.write(LINK, line[sent:])


def _serve(request: bytes) -> None:
    """Do what the first message says: load and answer, run a script, or run tests inside."""
    kind, seed, packages, source, rest = marshal.loads(request)
    if packages:
        sys.path += packages
    if seed != seeding.seed:
        seeding.seed_on_import(seed)
    program = Program()
    if kind == "module":
        program.serve_module(source, *marshal.loads(rest))
    elif kind == "script":
        serve_script(source, rest, link=LINK, send=_send, exception=program.exception)
    elif kind == "whole":
        program.serve_whole(source, *rest)


_REHEARSAL: Final = """
from typing import List, Optional
import math
import re


class Rehearsal:
    def __init__(self, held):
        self.held = held

    def each(self):
        for one in self.held:
            yield one


def rehearse(numbers: List[int], text: str = "a b", extra: Optional[dict] = None) -> list:
    ''' What a program does, in small. '''
    found = {}
    for place, number in enumerate(sorted(set(numbers), key=lambda n: -n)):
        if number % 2 == 0 and text:
            found[number] = found.get(number, 0) + place
    words = [word.upper() for word in text.split() if re.match(r"[a-z]+", word)]
    try:
        total = sum(Rehearsal(numbers).each()) / len(numbers)
    except ZeroDivisionError:
        total = math.inf
    return [found, words, (total, f"{total:.2f}"), len(text) > 1, None]
"""
_REHEARSALS: Final = 24
"""Enough for the interpreter to have specialised what it runs (it does so after 8 calls)."""


SMALL_PROGRAM: Final = pack(("module", 0, [], "", marshal.dumps(([], 0, 0, []), VERSION)))
"""A whole message for a program that does nothing."""


def rehearse() -> None:
    """Go the whole way of a program a few times, in the zygote.

    Interpreters adapt their code to what runs, fill caches and bind functions: done here, once, it
    is not done after every fork, where each page that it writes to must be copied.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, LINK)
    if null != LINK:
        os.close(null)
    calls = [("rehearse", ([3, 1, 2],), {"text": "b c"}), ("rehearse", ([],), {})]
    planned = [(name, (arguments, keywords), 0) for name, arguments, keywords in calls]
    questions = marshal.dumps((["rehearse"], 0, 0, planned), VERSION)
    request = pack(("module", 0, [], _REHEARSAL, questions))[4:]
    for _ in range(_REHEARSALS):
        _serve(request)
        sys.stdout.flush()
    del sys.modules[MODULE]
    os.close(LINK)


def load(source: str) -> types.ModuleType:
    """Run a program's text as a module that is not __main__ and can be found by name."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    module.__file__ = f"{MODULE}.py"
    text = source.removeprefix("\ufeff")
    exec(compile(text, f"{MODULE}.py", "exec", dont_inherit=True), module.__dict__)
    return module


class Program:
    """The loaded module, the objects that the checker holds handles of, and the way to answer."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self._named: dict[str, Any] = {}
        self._handles = False

    def serve_module(
        self, source: str, names: list[str], handles: int, stay: int, calls: list[Any]
    ) -> None:
        """Load, say what the names are, answer `calls`, and take more of them if `stay`.

        A call is (name, (arguments, keywords), back); the pair is text where marshal cannot
        carry it, see `codec`.
        """
        self._handles = bool(handles)
        try:
            module = load(source)
            described = [self._describe(name, module) for name in names]
        except BaseException as error:
            _send(self.exception(error))
            return
        _send(b'["l",[' + b",".join(described) + b"]]")
        for name, (arguments, keywords), back in calls:
            _send(self._answer(self._named.get(name), arguments, keywords, back))
        while stay:
            self._one_more()

    def serve_whole(self, source: str, tests: str, entry: str | None) -> None:
        """Program and tests in one process: the program can say whatever it likes about itself."""
        try:
            module = load(source)
            space = module.__dict__
            exec(compile(tests, "tests.py", "exec", dont_inherit=True), space)
            if entry and "check" in space:
                space["check"](space[entry])
            _send(write_tree(["p", 0]))
        except BaseException as error:
            _send(self.exception(error))

    def _describe(self, name: str, module: types.ModuleType) -> bytes:
        """[name, kind, detail]; kinds: function, async, class, data, library, other, missing."""
        found = module.__dict__.get(name, self)
        self._named[name] = found
        if type(found) is types.FunctionType:
            kind = "a" if found.__code__.co_flags & _COROUTINE else "f"
            return f'["{name}","{kind}",null]'.encode()
        if found is self:
            return write_tree([name, "m", None])
        if isinstance(found, type):
            return write_tree([name, "c", [base.__name__ for base in found.__mro__]])
        if isinstance(found, types.ModuleType):
            return write_tree([name, "l", found.__name__])
        if callable(found):
            return write_tree([name, "f", None])
        try:
            return write_tree([name, "d", Encoder(self._encode_other).tree(found)])
        except Uncodable:
            return write_tree([name, "o", None])

    def _one_more(self) -> None:
        kind, target, given, back = marshal.loads(_read_message())
        if type(given) is bytes:
            given = Decoder(self._decode_other).read(given)
        arguments, keywords = given
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
            before = self._tree(list(arguments)) if back else None
            value = function(*arguments, **keywords)
            if type(value) is types.CoroutineType:
                value = _awaited(value)
            if not back:
                return _plain_answer(value) or write_tree(["r", self._tree(value)])
            answer = ["r", self._tree(value)]
            after = self._tree(list(arguments))
            if write_tree(after) != write_tree(before):
                answer.append(after)
            return write_tree(answer)
        except Uncodable as error:
            return write_tree(["b", str(error)])
        except BaseException as error:
            return self.exception(error)

    def _tree(self, value: Any) -> Any:
        return Encoder(self._encode_other).tree(value)

    def exception(self, error: BaseException) -> bytes:
        """An exception as its class names, a short message and its arguments if they are data."""
        kind = type(error)
        if isinstance(error, SystemExit):
            return write_tree(["q", _text(error.code)])
        number = error.errno if isinstance(error, OSError) else None
        denied = int(type(number) is int and number in _DENIALS)
        names = [base.__name__ for base in kind.__mro__]
        try:
            arguments = Encoder().tree(tuple(error.args))
            return write_tree(["x", names, _text(error), arguments, denied])
        except BaseException:
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
            """Call the checker's function across the pipe."""
            _send(write_tree(["k", number, self._tree(arguments), self._tree(keywords)]))
            line = marshal.loads(_read_message())
            kind, value = Decoder(self._decode_other).read(line)
            if kind == "x":
                raise RuntimeError(f"the function passed in raised {value}")
            return value

        return ask


def _plain_answer(value: Any) -> bytes | None:
    """The answer line for the commonest values, without the general way; None for all others."""
    kind = type(value)
    if kind is bool:
        return b'["r",true]' if value else b'["r",false]'
    if value is None:
        return b'["r",null]'
    if kind is int and -_SMALL < value < _SMALL:
        return b'["r",%d]' % value
    return None


def _awaited(value: Any) -> Any:
    import asyncio

    return asyncio.run(value)


def _text(value: object) -> str:
    """At most 500 characters about anything, also about what fights being described."""
    try:
        return str(value)[:_MESSAGE_CHARS]
    except BaseException:
        return "(no message: str() of it failed)"


SPECIAL: Final[dict[str, Callable[..., Any]]] = {
    **{
        name: getattr(operator, name)
        for name in [
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "add",
            "sub",
            "mul",
            "truediv",
            "floordiv",
            "mod",
            "pow",
            "matmul",
            "and_",
            "or_",
            "xor",
            "lshift",
            "rshift",
            "neg",
            "pos",
            "invert",
            "contains",
            "getitem",
            "setitem",
            "delitem",
            "index",
            "iadd",
            "isub",
            "imul",
        ]
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
