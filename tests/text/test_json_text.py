"""JSON in answers: parsing says no instead of raising; fences come off whole or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.fences import without_fence
from evalharness.text.json_text import (
    NotJson,
    canonical_json,
    parse_json,
    parse_strict_json,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_what_json_writes_is_read_back_by_both_parsers(value):
    written = json.dumps(value)
    assert parse_json(written) == value
    assert parse_strict_json(written) == value


@given(st.text(max_size=60))
def test_any_text_parses_or_is_not_json(text):
    for parse in (parse_json, parse_strict_json):
        try:
            parse(text)
        except NotJson:
            continue


@pytest.mark.parametrize(
    "text", ["", "{", "{'a': 1}", '{"a": 1} trailing', "[1,]", "[" * 100_000, "9" * 5_000]
)
def test_broken_texts_are_not_json(text):
    with pytest.raises(NotJson):
        parse_json(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": 1, "a": 2}'])
def test_what_only_python_accepts_is_refused_by_the_strict_parser(text):
    parse_json(text)
    with pytest.raises(NotJson):
        parse_strict_json(text)


def test_the_last_of_equal_keys_wins_in_the_lenient_parser():
    assert parse_json('{"a": 1, "a": -1}') == {"a": -1}


@given(VALUES)
def test_canonical_json_is_canonical(value):
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


def test_canonical_json_ignores_key_order_and_whole_floats_but_not_truth():
    assert canonical_json({"b": 1.0, "a": 2}) == canonical_json({"a": 2.0, "b": 1})
    assert canonical_json(True) != canonical_json(1)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("```json\n{}\n```", "{}"),
        ("  ```\nx\ny\n```  \n", "x\ny"),
        ("~~~\nx\n~~~", "x"),
        ("````md\n```\nx\n```\n````", "```\nx\n```"),
        ("no fence", "no fence"),
        ("text\n```\nx\n```", "text\n```\nx\n```"),
        ("```\nnot closed", "```\nnot closed"),
        ("", ""),
        ("```\n```", ""),
    ],
)
def test_a_fence_around_all_comes_off(text, inside):
    assert without_fence(text) == inside


@given(st.text(alphabet="ab`\n~ ", max_size=60))
def test_taking_a_fence_off_never_raises_nor_adds(text):
    assert len(without_fence(text)) <= len(text)


def test_a_hundred_thousand_backquotes_do_not_hang():
    text = "`" * 100_000 + "\n" + "``` \n" * 10_000
    assert without_fence(text) == text
