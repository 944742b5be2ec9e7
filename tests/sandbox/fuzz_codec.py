"""Fuzzing of the decoder with coverage: `python fuzz_codec.py -max_total_time=60`, needs atheris.

Whatever bytes a program sends, the decoder gives a value of the types that it names or calls the line
malformed; nothing else is raised, and nothing else is made.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

CODEC = "evalharness.sandbox.jail.codec"
SEEDS = [
    b'[1,-2.5,"x",true,null]', b'{"t":[1,{"d":[["k"],[{"s":[1]}]]}]}', b'{"i":"0xfffffffffffffffff"}',
    b'{"b":"00ff"}', b'{"y":"00"}', b'{"c":[1.0,2.0]}', b'{"R":[0,5,1]}', b'{"S":[null,1,null]}',
    b'{"K":[1]}', b'{"V":[1]}', b'{"P":[[1,2]]}', b'{"I":[1]}', b'{"E":0}', b'{"n":0}', b'{"D":"1.5"}',
    b'{"F":[1,3]}', b'{"q":[3,[1]]}', b'{"O":[[1],[2]]}', b'{"C":[["a"],[2]]}', b'{"f":[[1],[2]]}',
    b'{"w":[2020,1,1,0,0,0,0,0]}', b'{"x":[2020,1,1]}', b'{"m":[1,2,3,4]}', b'{"l":[1,2,3]}',
    b'{"T":"int"}', b'{"z":[1]}', b'{"a":["<i8",[1],[1]]}', b'{"h":[0,1]}', b"NaN", b"-Infinity",
]  # fmt: skip
PLAIN = frozenset(
    [
        "int",
        "float",
        "str",
        "bool",
        "NoneType",
        "bytes",
        "bytearray",
        "complex",
        "list",
        "tuple",
        "dict",
        "set",
        "frozenset",
        "range",
        "slice",
        "dict_keys",
        "dict_values",
        "dict_items",
        "list_iterator",
        "ellipsis",
        "NotImplementedType",
        "Decimal",
        "Fraction",
        "deque",
        "OrderedDict",
        "Counter",
        "defaultdict",
        "datetime",
        "date",
        "time",
        "timedelta",
        "type",
        "ndarray",
    ]
)


def is_plain(value: Any) -> bool:
    """Whether a value and all that it holds is of a type that the decoder may make."""
    kind = type(value)
    if kind.__name__ not in PLAIN or kind.__module__.startswith(("evalharness", "__main__")):
        return False
    if isinstance(value, (list, tuple, set, frozenset)) or kind.__name__ == "deque":
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return True


def main() -> None:
    import atheris

    importlib.import_module("numpy")  # arrays are decoded only where tests have brought it in
    with atheris.instrument_imports():
        codec = importlib.import_module(CODEC)

    def one(data: bytes) -> None:
        with contextlib.suppress(codec.Malformed):
            value = codec.Decoder().read(data)
            if not is_plain(value):
                raise AssertionError(f"made a {type(value)}")

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS):
            (Path(folder) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
