"""Values across the hostile border: what goes in comes out, and nothing else comes out."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
import marshal
import math
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np  # noqa: F401 - arrays are decoded only where tests have brought it in
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_codec import SEEDS, is_plain

from evalharness.sandbox.jail.codec import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_LAZY,
    Decoder,
    Encoder,
    Malformed,
    Uncodable,
    write_tree,
)
from evalharness.sandbox.jail.wire import is_plain as is_marshalled
from evalharness.sandbox.jail.wire import pack

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1 << 63, -(1 << 63), (1 << 63) - 1, 1 << 300, -(1 << 300)])
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.complex_numbers(allow_nan=False)
)
hashable = atoms | st.tuples(atoms, atoms) | st.frozensets(atoms, max_size=2)
values = st.recursive(
    atoms,
    lambda held: (
        st.lists(held, max_size=4)
        | st.tuples(held, held)
        | st.dictionaries(hashable, held, max_size=3)
        | st.sets(hashable, max_size=3)
        | st.binary(max_size=8).map(bytearray)
    ),
    max_leaves=5,
)


def crossed(value):
    return Decoder().read(write_tree(Encoder().tree(value)))


def same(left, right):
    """Equal, of equal types throughout: 1 is not True is not 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        pairs = zip(left.items(), right.items(), strict=True)
        return len(left) == len(right) and all(same(a, b) for a, b in pairs)
    return left == right


@given(values)
def test_builtin_values_come_out_as_they_went_in(value):
    assert same(value, crossed(value))


@pytest.mark.parametrize(
    "value",
    [
        range(1, 9, 2),
        slice(1, None, 2),
        ...,
        NotImplemented,
        Decimal("1.50"),
        Fraction(2, 3),
        deque([1, 2], maxlen=3),
        OrderedDict([("b", 1), ("a", 2)]),
        Counter("aab"),
        dt.datetime(2024, 2, 29, 12, 30, 1, 5),  # noqa: DTZ001 - zones do not cross
        dt.date(2024, 2, 29),
        dt.time(1, 2, 3),
        dt.timedelta(days=1, seconds=2),
        int,
        dict,
        -0.0,
        1 << 9000,
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_the_standard_library_come_out_as_they_went_in(value):
    found = crossed(value)
    assert type(value) is type(found)
    assert value == found


def test_numbers_that_are_none_cross_too():
    assert math.isnan(crossed(float("nan")))
    assert [math.inf, -math.inf] == crossed([math.inf, -math.inf])


def test_an_iterator_arrives_as_one_and_equals_no_list():
    found = crossed(x * x for x in range(3))
    assert found != [0, 1, 4]
    assert [0, 1, 4] == list(found)


def test_dictionary_views_keep_their_equality():
    assert {1: 2, 3: 4}.keys() == crossed({1: 2, 3: 4}.keys())
    assert {1: 2}.items() == crossed({1: 2}.items())
    assert [2, 4] == list(crossed({1: 2, 3: 4}.values()))


class Everything(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Colour(enum.IntEnum):
    RED = 3


Point = namedtuple("Point", "x y")  # noqa: PYI024 - programs use this one


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Everything(7), 7),
        (Colour.RED, 3),
        (Point(1, 2), (1, 2)),
        (type("S", (str,), {})("x"), "x"),
        (type("L", (list,), {})([1]), [1]),
        (type("D", (dict,), {})(a=1), {"a": 1}),
        (type("F", (float,), {})(-0.0), -0.0),
        (type("B", (bytes,), {})(b"x"), b"x"),
        (type("T", (set,), {})([1]), {1}),
    ],
)
def test_a_subclass_arrives_as_the_plain_value_of_its_base(value, plain):
    found = crossed(value)
    assert type(plain) is type(found)
    assert repr(plain) == repr(found)


def test_what_a_subclass_overrides_is_not_asked():
    class Liar(str):  # noqa: SLOT000 - as programs write it
        def __str__(self):
            return "lie"

        __repr__ = __str__

        def __getitem__(self, key):
            return "lie"

    assert "truth" == crossed(Liar("truth"))


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 1, type("X", (), {}), print, json, iter(object, 1), defaultdict],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_tag_cannot_cross(value):
    with pytest.raises(Uncodable):
        Encoder().tree(value)


def test_a_value_that_holds_itself_cannot_cross():
    held: list = []
    held.append(held)
    with pytest.raises(Uncodable, match="deeper"):
        Encoder().tree(held)


def test_nesting_up_to_the_cap_crosses_and_past_it_does_not():
    value: list = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert value == crossed(value)
    for _ in range(3):
        value = [value]
    with pytest.raises(Uncodable):
        crossed(value)


def test_an_endless_iterator_is_refused_and_not_exhausted():
    with pytest.raises(Uncodable, match=str(MAX_LAZY)):
        Encoder().tree(x for x in iter(int, 1))


def test_a_value_longer_than_the_cap_is_refused_on_both_sides():
    with pytest.raises(Uncodable):
        write_tree(Encoder().tree("x" * MAX_BYTES))
    with pytest.raises(Malformed):
        Decoder().read(b'"' + b"x" * MAX_BYTES + b'"')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda held: (
        st.lists(held, max_size=4)
        | st.dictionaries(
            st.sampled_from(list("tdszibycRSKVPIEnDFqOCfwxmlTahgk?")), held, max_size=2
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_plain_value_or_malformed_and_nothing_else_happens(tree):
    with contextlib.suppress(Malformed):
        assert is_plain(Decoder().read(json.dumps(tree).encode()))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_plain_value_or_malformed(line):
    with contextlib.suppress(Malformed):
        assert is_plain(Decoder().read(line))


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=3))))
def test_a_damaged_line_is_a_plain_value_or_malformed(line, damage):
    for place, bytes_ in damage:
        line = line[:place] + bytes_ + line[place + len(bytes_) :]
    with contextlib.suppress(Malformed):
        assert is_plain(Decoder().read(line))


@pytest.mark.parametrize("line", SEEDS)
def test_the_lines_that_fuzzing_starts_from_are_plain_values(line):
    if b'"h"' in line:
        with pytest.raises(Malformed):
            Decoder().read(line)
    else:
        assert is_plain(Decoder().read(line))


@given(values)
def test_questions_reach_a_program_as_they_were_asked(value):
    arguments, keywords = (value,), {"k": value}
    if is_marshalled(arguments):
        given_back = marshal.loads(pack(("call", "f", (arguments, keywords), 0))[4:])[2]
    else:
        encoder = Encoder()
        given_back = Decoder().read(
            write_tree([encoder.tree(list(arguments)), encoder.tree(keywords)])
        )
        given_back = (tuple(given_back[0]), given_back[1])
    assert same(arguments, given_back[0])
    assert same(keywords, given_back[1])


def test_a_program_decides_on_no_array_but_of_plain_elements():
    for dtype in ("<O", "<V8", "f4,i4", "{'names':['a']}", "<i8\n", "<S2000000000"):
        line = json.dumps({"a": [dtype, [1], [1]]}).encode()
        with pytest.raises(Malformed):
            Decoder().read(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" 1",
        b"1 2",
        b"[" * 100_000,
        b"{}",
        b'{"t":[],"s":[]}',
        b'{"t":1}',
        b'{"s":[[1]]}',
        b'{"F":[1,0]}',
        b'{"D":"x"}',
        b'{"D":"1","D":"1"}' + b"x",
        b'{"T":"eval"}',
        b'{"h":[0,0]}',
        b'{"i":"12x"}',
        b'{"a":["O",[1],[1]]}',
        b"9" * 5000,
        "é".encode(),
    ],
)
def test_lines_that_no_encoder_writes_are_malformed(line):
    with pytest.raises(Malformed):
        Decoder().read(line)
