"""From an answer to what is scored; finds nothing rather than hang or guess."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import SpecError
from evalharness.spec.suite import ExtractSpec
from evalharness.stages.extraction import build_extractor


def extract(text, **rule):
    found = build_extractor(ExtractSpec(**rule), where="suite.yaml")
    return found(text)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"pattern": "A: (.*)$"}, "so\nA: 18 ", "18"),
        ({"pattern": "A: (.*)$"}, "no answer", None),
        ({"pattern": r"\d+"}, "3 then 4", "3"),
        ({"pattern": r"\d+", "take": "last"}, "3 then 4", "4"),
        ({"number": "last"}, "it is 1,234.50 dollars", "1234.50"),
        ({"number": "last"}, "-7 or .5", ".5"),
        ({"number": "first"}, "-7 or .5", "-7"),
        ({"number": "last"}, "none", None),
        ({"json_path": "answer"}, '{"answer": "x"}', "x"),
        ({"json_path": "$.a[1].b"}, '{"a": [0, {"b": [1, 2]}]}', "[1, 2]"),
        ({"json_path": "a.5"}, '{"a": [1]}', None),
        ({"json_path": "answer"}, '```json\n{"answer": "x"}\n```', "x"),
        ({"json_path": "answer"}, "not json", None),
        ({"code": True}, "Sure:\n```python\nprint(1)\n```\nDone", "print(1)"),
        ({"code": True}, "print(1)", "print(1)"),
        ({"code": True}, "```\na\n```\n```py\nb\n```", "b"),
    ],
)
def test_a_rule_finds_what_it_says(rule, text, expected):
    assert expected == extract(text, **rule)


def test_white_space_stays_where_it_is_not_to_be_stripped():
    assert extract("A:  x ", pattern="A:(.*)$", strip=False) == "  x "


@pytest.mark.parametrize("rule", [{}, {"pattern": "x", "number": "last"}])
def test_exactly_one_rule_is_asked_for(rule):
    with pytest.raises(SpecError, match="exactly one rule"):
        extract("", **rule)


def test_a_bad_pattern_is_named():
    with pytest.raises(SpecError, match="no regular expression"):
        extract("", pattern="(")


def test_a_pattern_that_backtracks_without_end_finds_nothing_in_time():
    started = time.monotonic()
    assert extract("a" * 60 + "b", pattern="^(a|a?)+$") is None
    assert time.monotonic() - started < 10


def test_no_rule_is_no_extractor():
    assert build_extractor(None, where="x") is None


@given(
    st.text(max_size=300),
    st.sampled_from(
        [{"number": "last"}, {"json_path": "a.b"}, {"code": True}, {"pattern": "(.)$"}]
    ),
)
def test_no_text_breaks_a_rule(text, rule):
    found = extract(text, **rule)
    assert found is None or isinstance(found, str)
