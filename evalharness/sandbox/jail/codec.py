"""Values as text: how arguments and answers cross between a checker and a hostile program.

Reads and gives: Python values of exact builtin types, and lines of ASCII text.
Depends on: the standard library.  Runs on both sides.

A value is JSON where JSON has its type; every other type is an object of one key, the type's tag:
{"t": [1, 2]} is a tuple.  Nothing that is decoded can run code: no pickle, no marshal, no lookup of
names.  Subclasses are flattened to their builtin base where they are encoded, so an object that
claims to equal everything arrives as the plain number it inherits from, or not at all.
"""

from __future__ import annotations

import importlib
import itertools
import json
import json.encoder
import math
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, Final

MAX_DEPTH: Final = 200
MAX_ITEMS: Final = 2_000_000
MAX_LAZY: Final = 100_000
MAX_BYTES: Final = 16 << 20
"""Caps on one value: nesting, elements, elements of an iterator, and length as text."""

_DECIMAL_INT: Final = 1 << 63
_PLAIN: Final = frozenset((str, int, bool, float, type(None)))


class Uncodable(Exception):
    """The value cannot cross: a type without a tag, or more of it than the caps allow."""


class Malformed(Exception):
    """A line that no encoder writes."""


_EXAMPLES: tuple[Any, ...] = (
    iter([]), iter(()), iter(set()), iter({}), iter({}.values()), iter({}.items()), iter(""),
    iter(b""), iter(range(0)), reversed([]), reversed({}), enumerate(()), map(int, ()),
    filter(None, ()), zip(()), (str(_) for _ in ()), itertools.chain(), itertools.count(),
    itertools.islice((), 0), itertools.permutations(()), itertools.combinations((), 0),
    itertools.product(), itertools.accumulate(()), itertools.groupby(()), itertools.repeat(0),
    itertools.takewhile(bool, ()), itertools.dropwhile(bool, ()), itertools.starmap(int, ()),
    itertools.zip_longest(()), itertools.compress((), ()), itertools.cycle(()),
    itertools.filterfalse(None, ()), itertools.combinations_with_replacement((), 0),
    itertools.pairwise(()),
)  # fmt: skip
_ITERATORS: Final = frozenset(map(type, _EXAMPLES))


class Encoder:
    """Turns values into the tree that is written as JSON; one use, since it counts elements.

    other: asked for values without a tag (handles, callbacks); it raises Uncodable in its turn.
    """

    def __init__(self, other: Callable[[Any], Any] | None = None) -> None:
        self._other = other
        self._left = MAX_ITEMS

    def tree(self, value: Any, depth: int = 0) -> Any:
        """The JSON tree of a value. Raises Uncodable."""
        kind = type(value)
        if kind in _PLAIN:
            return _int_tree(value) if kind is int else value
        if depth > MAX_DEPTH:
            raise Uncodable(f"nested deeper than {MAX_DEPTH}, or holds itself")
        write = _WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth + 1)
        if kind in _ITERATORS:
            return {"I": self.items(_bounded(value), depth + 1)}
        return self._unusual(value, kind, depth + 1)

    def items(self, values: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        """The trees of several values; plain ones are passed on as they are."""
        self._left -= len(values)
        if self._left < 0:
            raise Uncodable(f"holds more than {MAX_ITEMS} elements")
        if _PLAIN.issuperset(map(type, values)):
            if int not in map(type, values):
                return list(values)
            return [_int_tree(x) if type(x) is int else x for x in values]
        return [self.tree(x, depth) for x in values]

    def _unusual(self, value: Any, kind: type, depth: int) -> Any:
        if kind.__module__ == "numpy" and hasattr(value, "tolist"):
            return _numpy_tree(self, value, depth)
        write = _LIBRARY.get(f"{kind.__module__}.{kind.__qualname__}")
        if write is not None:
            return write(self, value, depth)
        if self._other is not None:
            found = self._other(value)
            if found is not None:
                return found
        for base in kind.__mro__[1:]:
            flatten = _FLATTEN.get(base)
            if flatten is not None:
                return self.tree(flatten(value), depth)
        raise Uncodable(f"a value of type {kind.__name__[:80]!r} cannot cross")


def _int_tree(value: int) -> Any:
    if -_DECIMAL_INT <= value < _DECIMAL_INT:
        return value
    if value.bit_length() > 8 * MAX_BYTES // 2:
        raise Uncodable("an integer longer than the cap")
    return {"i": hex(value)}


def _bounded(iterator: Iterator[Any]) -> list[Any]:
    found = list(itertools.islice(iterator, MAX_LAZY + 1))
    if len(found) > MAX_LAZY:
        raise Uncodable(f"an iterator gave more than {MAX_LAZY} elements")
    return found


def _numpy_tree(encoder: Encoder, value: Any, depth: int) -> Any:
    """An array as its dtype, shape and flat elements; a scalar as the plain number it holds."""
    if not getattr(value, "shape", ()):
        return encoder.tree(value.tolist(), depth)
    if not _DTYPE.fullmatch(value.dtype.str):
        raise Uncodable("an array of objects or records cannot cross")
    flat = encoder.items(value.ravel().tolist(), depth)
    return {"a": [value.dtype.str, list(value.shape), flat]}


def _pairs(encoder: Encoder, value: dict[Any, Any], depth: int) -> list[Any]:
    keys = encoder.items(tuple(dict.keys(value)), depth)
    return [keys, encoder.items(tuple(dict.values(value)), depth)]


_Writer = Callable[[Encoder, Any, int], Any]

_WRITERS: Final[dict[type, _Writer]] = {
    list: lambda e, v, d: e.items(v, d),
    tuple: lambda e, v, d: {"t": e.items(v, d)},
    dict: lambda e, v, d: {"d": _pairs(e, v, d)},
    set: lambda e, v, d: {"s": e.items(list(v), d)},
    frozenset: lambda e, v, d: {"z": e.items(list(v), d)},
    bytes: lambda e, v, d: {"b": v.hex()},
    bytearray: lambda e, v, d: {"y": v.hex()},
    complex: lambda e, v, d: {"c": [v.real, v.imag]},
    range: lambda e, v, d: {"R": e.items([v.start, v.stop, v.step], d)},
    slice: lambda e, v, d: {"S": e.items([v.start, v.stop, v.step], d)},
    type({}.keys()): lambda e, v, d: {"K": e.items(list(v), d)},
    type({}.values()): lambda e, v, d: {"V": e.items(list(v), d)},
    type({}.items()): lambda e, v, d: {"P": e.items(list(v), d)},
    type(Ellipsis): lambda e, v, d: {"E": 0},
    type(NotImplemented): lambda e, v, d: {"n": 0},
    deque: lambda e, v, d: {"q": [v.maxlen, e.items(list(v), d)]},
    OrderedDict: lambda e, v, d: {"O": _pairs(e, v, d)},
    Counter: lambda e, v, d: {"C": _pairs(e, v, d)},
    defaultdict: lambda e, v, d: {"f": _pairs(e, v, d)},
    type: lambda e, v, d: {"T": _type_name(v)},
}

# Values of library classes, by name: whoever has one has imported its module.  A class that only
# bears the name is written with what it says of itself, and arrives as the plain value of that.
_LIBRARY: Final[dict[str, _Writer]] = {
    "decimal.Decimal": lambda e, v, d: {"D": str(v)},
    "fractions.Fraction": lambda e, v, d: {"F": e.items([v.numerator, v.denominator], d)},
    "datetime.datetime": lambda e, v, d: {"w": _moment(v)},
    "datetime.date": lambda e, v, d: {"x": [v.year, v.month, v.day]},
    "datetime.time": lambda e, v, d: {"m": _clock(v)},
    "datetime.timedelta": lambda e, v, d: {"l": [v.days, v.seconds, v.microseconds]},
}


def _moment(value: Any) -> list[int]:
    if value.tzinfo is not None:
        raise Uncodable("a time with a time zone cannot cross")
    day = [value.year, value.month, value.day]
    return [*day, value.hour, value.minute, value.second, value.microsecond, value.fold]


def _clock(value: Any) -> list[int]:
    if value.tzinfo is not None:
        raise Uncodable("a time with a time zone cannot cross")
    return [value.hour, value.minute, value.second, value.microsecond]


_TYPES: Final = {
    kind.__name__: kind
    for kind in (
        int, float, str, bool, bytes, bytearray, complex, list, tuple, dict, set, frozenset,
        range, slice, object, type, type(None),
    )
}  # fmt: skip


def _type_name(value: type) -> str:
    if _TYPES.get(value.__name__) is not value:
        raise Uncodable(f"the class {value.__name__[:80]!r} cannot cross")
    return value.__name__


# Subclass -> plain value of its base, by the base's own slots: what a subclass overrides is not
# asked.  The order of a class's bases decides, e.g. IntEnum is an int.
_FLATTEN: Final[dict[type, Callable[[Any], Any]]] = {
    int: int.__pos__,
    float: float.__pos__,
    str: lambda v: str.__getitem__(v, slice(None)) + "",
    bytes: lambda v: bytes.__getitem__(v, slice(None)) + b"",
    bytearray: lambda v: bytearray(bytearray.__getitem__(v, slice(None))),
    complex: lambda v: complex.__add__(v, 0j),
    list: lambda v: list.__getitem__(v, slice(None)),
    tuple: lambda v: tuple(tuple.__iter__(v)),
    dict: lambda v: dict(dict.items(v)),
    set: lambda v: set(set.__iter__(v)),
    frozenset: lambda v: frozenset(frozenset.__iter__(v)),
    OrderedDict: lambda v: OrderedDict(OrderedDict.items(v)),
    Counter: lambda v: Counter(dict(dict.items(v))),
    deque: lambda v: deque(deque.__iter__(v)),
}


_make_encoder = json.encoder.c_make_encoder  # type: ignore[attr-defined]
_quote = json.encoder.encode_basestring_ascii


def _no_default(value: Any) -> Any:
    raise Uncodable(f"a value of type {type(value).__name__[:80]!r} cannot cross")


_encode = (
    _make_encoder(None, _no_default, _quote, None, ":", ",", False, False, True)
    if _make_encoder
    else None
)
"""The C encoder itself: json.dumps would build one anew for every call."""


def write_tree(tree: Any) -> bytes:
    """One line for a JSON tree. Raises Uncodable where it is longer than the cap."""
    try:
        if _encode is not None:
            line = "".join(_encode(tree, 0)).encode("ascii")
        else:  # an interpreter without the C accelerator
            line = json.dumps(tree, separators=(",", ":")).encode("ascii")
    except (RecursionError, ValueError) as error:
        raise Uncodable(f"cannot be written: {type(error).__name__}") from None
    if len(line) > MAX_BYTES:
        raise Uncodable(f"longer than {MAX_BYTES} bytes")
    return line


class Decoder:
    """Turns lines into values.

    other: asked for tags that this file does not know (handles, callbacks); raises Malformed.
    """

    def __init__(self, other: Callable[[str, Any], Any] | None = None) -> None:
        self._other = other
        decoder: Any = json.JSONDecoder(object_hook=self._hook)
        self._scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once

    def read(self, line: bytes) -> Any:
        """The value in a line. Raises Malformed for anything that no encoder writes."""
        if len(line) > MAX_BYTES:
            raise Malformed(f"a line of {len(line)} bytes")
        try:
            value, end = self._scan(line.decode("ascii"), 0)
            if end != len(line):
                raise Malformed("more than one value in a line")
            return value
        except Malformed:
            raise
        except StopIteration:  # how the scanner says that there is no value
            raise Malformed("not JSON") from None
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Malformed(f"not a value: {type(error).__name__}") from None
        except (RecursionError, MemoryError) as error:
            raise Malformed(f"too deep or too large: {type(error).__name__}") from None

    def _hook(self, tagged: dict[str, Any]) -> Any:
        if len(tagged) != 1:
            raise Malformed("an object without exactly one tag")
        ((tag, content),) = tagged.items()
        read = _READERS.get(tag)
        if read is not None:
            return read(content)
        if self._other is None:
            raise Malformed("an unknown tag")
        return self._other(tag, content)


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise Malformed(f"expected {kind.__name__}")
    return value


def _library(name: str) -> Any:
    """A module of the standard library, imported when a value of it arrives."""
    return importlib.import_module(name)


def _dict(content: Any) -> dict[Any, Any]:
    keys, values = _typed(content, list)
    return dict(zip(_typed(keys, list), _typed(values, list), strict=True))


_DTYPE: Final = re.compile(r"[<>|=](?:[biufcSU]\d{1,5}|[Mm]8\[\d{0,6}\w{1,2}\])")
"""Plain elements only: no objects, and no records, whose names numpy would parse."""


def _array(content: Any) -> Any:
    """A numpy array; only where the tests have brought numpy in themselves."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        raise Malformed("an array, and the tests do not use numpy")
    dtype, shape, flat = content
    count = math.prod(_typed(side, int) for side in shape)
    if count != len(_typed(flat, list)) or not _DTYPE.fullmatch(_typed(dtype, str)):
        raise Malformed("an array whose parts do not agree")
    return numpy.array(flat, dtype=dtype).reshape(shape)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "t": lambda c: tuple(_typed(c, list)),
    "d": _dict,
    "s": lambda c: set(_typed(c, list)),
    "z": lambda c: frozenset(_typed(c, list)),
    "i": lambda c: int(_typed(c, str), 16),
    "b": lambda c: bytes.fromhex(_typed(c, str)),
    "y": lambda c: bytearray.fromhex(_typed(c, str)),
    "c": lambda c: complex(*map(float, _typed(c, list))),
    "R": lambda c: range(*_typed(c, list)),
    "S": lambda c: slice(*_typed(c, list)),
    "K": lambda c: dict.fromkeys(_typed(c, list)).keys(),
    "V": lambda c: dict(enumerate(_typed(c, list))).values(),
    "P": lambda c: dict(_typed(c, list)).items(),
    "I": lambda c: iter(_typed(c, list)),
    "E": lambda c: ...,
    "n": lambda c: NotImplemented,
    "D": lambda c: _library("decimal").Decimal(_typed(c, str)),
    "F": lambda c: _library("fractions").Fraction(*_typed(c, list)),
    "q": lambda c: deque(_typed(c[1], list), c[0]),
    "O": lambda c: OrderedDict(_dict(c)),
    "C": lambda c: Counter(_dict(c)),
    "f": lambda c: defaultdict(None, _dict(c)),
    "w": lambda c: _library("datetime").datetime(*c[:7], fold=c[7]),
    "x": lambda c: _library("datetime").date(*_typed(c, list)),
    "m": lambda c: _library("datetime").time(*_typed(c, list)),
    "l": lambda c: _library("datetime").timedelta(*_typed(c, list)),
    "T": lambda c: _TYPES[c],
    "a": _array,
}
