"""Layout rules, JSON, language, edits and tool calls."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import SpecError
from evalharness.metrics.layout import BulletRule, HeaderRule, LengthRule, header_of
from evalharness.metrics.tool_calls import canonical_arguments
from evalharness.records import Completion, Item, Sample, ToolCall
from evalharness.testing import check_metric, score_texts

CONTRACT = """## Parties
- Acme, the landlord
- Bob, the tenant

**Term:**
- one year

Termination
1. with 30 days' notice
"""
HEADERS = ["Parties", "Term", "Termination"]


def score(name, text, targets=(), **options):
    return score_texts(make_metric(name, options), [text], [targets])


# --- headers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["Term", "# Term", "### TERM:", "**Term**", "__Term:__", " Term: ", "## **Term**:"]
)
def test_a_header_is_known_in_every_dress(line):
    assert header_of(line) == "term"


@pytest.mark.parametrize(
    ("text", "ordered", "broken"),
    [
        (CONTRACT, True, None),
        ("Term\nParties\nTermination", True, "headers out of order"),
        ("Term\nParties\nTermination", False, None),
        ("Parties\nTerm", True, "header missing: Termination"),
        ("Parties Term Termination", True, "header missing: Parties"),
        ("", True, "header missing: Parties"),
    ],
)
def test_header_rules_say_what_is_broken(text, ordered, broken):
    assert HeaderRule(tuple(HEADERS), ordered).broken(text) == broken
    assert score("headers", text, headers=HEADERS, ordered=ordered) == float(broken is None)


@given(st.permutations(HEADERS))
def test_headers_in_any_order_pass_only_when_order_is_free(order):
    text = "\n".join(f"# {header}\ntext" for header in order)
    assert score("headers", text, headers=HEADERS, ordered=False) == 1
    assert score("headers", text, headers=HEADERS) == float(order == HEADERS)


# --- bullets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "value"),
    [
        (CONTRACT, {"headers": HEADERS}, 1),
        (CONTRACT, {"headers": HEADERS, "only": True}, 1),
        (CONTRACT, {"headers": HEADERS, "max": 1}, 0),
        (CONTRACT, {"headers": HEADERS, "max_words": 4}, 1),
        (CONTRACT, {"headers": HEADERS, "max_words": 3}, 0),
        (CONTRACT, {"min": 4}, 1),
        (CONTRACT, {"min": 5}, 0),
        ("# Term\nprose", {"headers": ["Term"]}, 0),
        ("- a\nprose", {"only": True}, 0),
        ("- a\n\n# head\n* b\n• c\n2) d", {"only": True, "min": 4, "max": 4}, 1),
        ("-no space", {}, 0),
        ("", {}, 0),
        ("", {"min": 0}, 1),
        ("before\n- stray\n# Term\n- a", {"headers": ["Term"]}, 1),
    ],
)
def test_bullet_rules(text, options, value):
    assert score("bullets", text, **options) == value


def test_a_bullet_rule_says_which_section_is_short():
    rule = BulletRule(least=2, headers=tuple(HEADERS))
    assert rule.broken(CONTRACT) == "1 bullets under term, at least 2 wanted"
    assert BulletRule(most=2).broken(CONTRACT) == "4 bullets under the answer, at most 2 wanted"
    assert BulletRule(only=True).broken("prose") == "not a bullet: prose"


# --- length ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "text", "count"),
    [
        ("words", "one two  three", 3),
        ("characters", "abc d", 5),
        ("lines", "a\n\nb\n", 2),
        ("sentences", "One. Two! Three? 3.5 is one", 3),
        ("sentences", "no end", 1),
        ("sentences", "", 0),
        ("words", "", 0),
    ],
)
def test_lengths_are_counted_by_unit(unit, text, count):
    assert LengthRule(unit, count, count).broken(text) is None
    assert LengthRule(unit, count + 1, None).broken(text) is not None
    if count:
        assert LengthRule(unit, None, count - 1).broken(text) is not None


@given(st.text(max_size=80), st.integers(0, 30))
def test_a_limit_passes_exactly_up_to_the_count(text, limit):
    assert score("length", text, max=limit) == float(len(text.split()) <= limit)
    assert score("length", text, min=limit) == float(len(text.split()) >= limit)


# --- all together ----------------------------------------------------------------------------


FORMAT = {
    "headers": HEADERS,
    "bullets": {"min": 1, "max": 3, "max_words": 12, "only": True},
    "length": {"max": 60},
    "forbid": ["(?i)as an ai"],
    "require": ["Acme"],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (CONTRACT, 1),
        (CONTRACT.replace("Term", "Duration"), 0),
        (CONTRACT.replace("- one year", ""), 0),
        (CONTRACT + "word " * 60, 0),
        (CONTRACT + "- As an AI", 0),
        (CONTRACT.replace("Acme", "Beta"), 0),
        ("", 0),
    ],
)
def test_the_contract_format_needs_every_rule(text, value):
    assert score("format_ok", text, **FORMAT) == value


def test_the_format_is_written_into_the_signature():
    signature = make_metric("format_ok", FORMAT).signature
    assert signature == (
        "format_ok|headers:Parties/Term/Termination|bullets:1..3:12:only|words:None..60"
        "|require:Acme|forbid:(?i)as an ai|v1"
    )
    assert ":any_order" in make_metric("format_ok", {"headers": ["A"], "ordered": False}).signature


def test_a_pattern_of_the_format_that_hangs_is_given_up(item):
    metric = make_metric("format_ok", {"forbid": ["^(a|a)*$"]})
    rows = metric.measure([item("a" * 60 + "b")])
    assert "took longer" in rows.reasons[0]


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("format_ok", {}, "no rule is given"),
        ("format_ok", {"bullets": {"most": 3}}, "bullets has no option 'most'"),
        ("format_ok", {"bullets": 3}, "bullets must be a mapping"),
        ("format_ok", {"length": {}}, "give min, max or both"),
        ("format_ok", {"forbid": ["("]}, "no regular expression"),
        ("headers", {"headers": []}, "must not be empty"),
        ("headers", {"headers": "Term"}, "must be a list"),
        ("headers", {}, "headers"),
        ("length", {}, "give min, max or both"),
        ("length", {"max": -1}, "whole number >= 0"),
        ("length", {"max": 5, "unit": "miles"}, "must be one of words"),
        ("bullets", {"max": True}, "whole number"),
        ("bullets", {"only": 1}, "true or false"),
    ],
)
def test_wrong_format_options_are_refused(name, options, problem):
    with pytest.raises(SpecError, match=problem):
        make_metric(name, options)


def test_giant_answers_are_checked_in_linear_time():
    began = time.process_time()
    for text in (
        "- a\n" * 50_000,
        "# Term\n" * 50_000,
        "." * 200_000,
        " " * 200_000,
        "-" * 200_000,
    ):
        score(
            "format_ok", text, headers=["Term"], bullets={}, length={"unit": "sentences", "max": 5}
        )
    assert time.process_time() - began < 10


@pytest.mark.parametrize("name", ["bullets", "format_ok"])
def test_format_metrics_keep_the_contract(name):
    check_metric(make_metric(name, FORMAT if name == "format_ok" else {"max": 4}))


# --- JSON ------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "uniqueItems": True},
    },
    "patternProperties": {"^x-": {"type": "number"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"name": "x", "age": 3}, True),
        ({"name": "x", "age": 3.0}, True),
        ({"name": "x", "age": True}, False),
        ({"name": "X", "age": 3}, False),
        ({"name": "x", "age": -1}, False),
        ({"name": "x"}, False),
        ({"name": "x", "age": 3, "z": 1}, False),
        ({"name": "x", "age": 3, "x-y": 1}, True),
        ({"name": "x", "age": 3, "x-y": "1"}, False),
        ({"name": "x", "age": 3, "tags": [1, 2]}, True),
        ({"name": "x", "age": 3, "tags": [1, 1.0]}, False),
        ({"name": "x", "age": 3, "tags": [1, True]}, True),
        ({"name": "x", "age": 3, "tags": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]}, False),
        ([], False),
    ],
)
def test_schema_matches_are_jsonschemas(value, valid):
    import jsonschema

    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(value) == valid
    assert score("json_schema", json.dumps(value), schema=SCHEMA) == float(valid)


@settings(max_examples=20)
@given(
    st.recursive(
        st.integers() | st.booleans() | st.text(max_size=3) | st.floats(allow_nan=False),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
        ),
        max_leaves=6,
    )
)
def test_unique_items_are_jsonschemas(value):
    import jsonschema

    schema = {"type": "array", "uniqueItems": True}
    for document in ([value, value], [value, [value]], [1, 1.0, value], [True, 1, value]):
        wanted = jsonschema.Draft202012Validator(schema).is_valid(document)
        assert score("json_schema", json.dumps(document), schema=schema) == float(wanted)


def test_a_fence_counts_against_json_unless_it_is_stripped():
    text = '```json\n{"a": 1}\n```'
    assert score("json_valid", text) == 0
    assert score("json_valid", text, fence="strip") == 1
    assert score("json_schema", text, schema={"type": "object"}, fence="strip") == 1


def test_strict_json_refuses_what_only_python_reads():
    for text in ("NaN", '{"a": 1, "a": 2}'):
        assert score("json_valid", text) == 1
        assert score("json_valid", text, strict=True) == 0


def test_deep_and_giant_json_neither_crashes_nor_hangs():
    began = time.process_time()
    deep = "[" * 900 + "]" * 900
    schema = {
        "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
        "$ref": "#/$defs/t",
    }
    for text in (deep, "[" * 10**5 + "]" * 10**5, "9" * 10**5):
        score("json_valid", text)
        score("json_schema", text, schema=schema)
    many = json.dumps([{"a": number} for number in range(20_000)])
    assert score("json_schema", many, schema={"uniqueItems": True}) == 1
    assert time.process_time() - began < 15


@pytest.mark.parametrize("keyword", ["pattern", "patternProperties"])
def test_a_schema_pattern_that_hangs_is_given_up(keyword, item):
    pattern, hostile = "^(a|a)*$", "a" * 60 + "b"
    if keyword == "pattern":
        schema, text = {"type": "string", "pattern": pattern}, json.dumps(hostile)
    else:
        schema, text = (
            {"type": "object", "patternProperties": {pattern: {}}},
            json.dumps({hostile: 1}),
        )
    rows = make_metric("json_schema", {"schema": schema}).measure([item(text), item("1")])
    assert "took longer" in rows.reasons[0]
    assert rows.rows_nk[1].tolist() == [0, 1]


def test_a_schema_that_leads_out_is_never_fetched(item):
    schema = {"$ref": "http://127.0.0.1:1/schema.json"}
    rows = make_metric("json_schema", {"schema": schema}).measure([item("1")])
    assert "refers to what is not in it" in rows.reasons[0]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"schema": {"type": "objekt"}}, "schema: 'objekt'"),
        ({"schema": {}, "draft": "3"}, "draft must be one of"),
        ({"schema": {}, "fence": "maybe"}, "fence must be one of"),
        ({}, "schema"),
    ],
)
def test_wrong_json_options_are_refused(options, problem):
    with pytest.raises(SpecError, match=problem):
        make_metric("json_schema", options)


def test_the_schema_is_in_the_signature_by_digest():
    one = make_metric("json_schema", {"schema": {"type": "object"}}).signature
    same = make_metric("json_schema", {"schema": {"type": "object"}}).signature
    other = make_metric("json_schema", {"schema": {"type": "array"}}).signature
    assert one == same != other


def test_json_schema_keeps_the_contract():
    check_metric(make_metric("json_schema", {"schema": SCHEMA, "strict": True}))


# --- language --------------------------------------------------------------------------------


def test_language_is_told_or_unscored(item):
    metric = make_metric("language", {"language": "en"})
    rows = metric.measure(
        [item("This is the answer."), item("Das ist nicht die Antwort."), item("42")]
    )
    assert rows.rows_nk[:2, 0].tolist() == [1, 0]
    assert "too short" in rows.reasons[2]


def test_an_unknown_language_is_refused():
    with pytest.raises(SpecError, match="language must be one of"):
        make_metric("language", {"language": "tlh"})


# --- edits -----------------------------------------------------------------------------------

SHORT = st.text(alphabet="ab c", max_size=12)


def edits(a, b):
    """The textbook table."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


@given(text=SHORT, targets=st.lists(SHORT, min_size=1, max_size=3))
def test_edit_distance_is_the_textbooks(text, targets):
    assert score("edit_distance", text, targets) == min(edits(text, one) for one in targets)


@given(text=SHORT, target=SHORT)
def test_edit_similarity_is_one_minus_edits_over_the_longer(text, target):
    longer = max(len(text), len(target))
    wanted = 1 - edits(text, target) / longer if longer else 1.0
    assert score("edit_similarity", text, [target]) == pytest.approx(wanted, abs=1e-12)


@given(text=SHORT, target=SHORT)
def test_edit_similarity_is_symmetric_and_one_exactly_for_equal_texts(text, target):
    value = score("edit_similarity", text, [target])
    assert value == score("edit_similarity", target, [text])
    assert (value == 1) == (text == target)


@given(
    pairs=st.lists(
        st.tuples(SHORT, SHORT.filter(lambda text: text.strip() != "")), min_size=1, max_size=5
    )
)
def test_error_rates_are_edits_over_reference_units(pairs):
    answers, references = [a for a, _ in pairs], [[t] for _, t in pairs]
    characters = sum(edits(a, t) for a, t in pairs) / sum(len(t) for _, t in pairs)
    words = sum(edits(a.split(), t.split()) for a, t in pairs) / sum(
        len(t.split()) for _, t in pairs
    )
    assert score_texts(make_metric("cer", {}), answers, references) == pytest.approx(characters)
    assert score_texts(make_metric("wer", {}), answers, references) == pytest.approx(words)


def test_the_nearest_reference_counts_for_error_rates():
    assert score("wer", "the cat", ["a dog ran off", "the cat"]) == 0
    assert score("cer", "", ["abc"]) == 1


def test_error_rates_of_empty_references_are_undetermined():
    value = score("cer", "abc", [""])
    assert value != value  # noqa: PLR0124  (NaN)


def test_error_rates_are_bounded_by_an_empty_answer_and_the_reference():
    samples = [Sample(id="s", targets=("one two",)), Sample(id="t")]
    worst, best = make_metric("wer", {}).bounds(samples)
    assert worst.tolist() == [[2, 2], [0, 0]]
    assert best.tolist() == [[0, 2], [0, 0]]


def test_case_counts_unless_ignored():
    assert score("edit_similarity", "AB", ["ab"]) == 0
    assert score("edit_similarity", "AB", ["ab"], ignore_case=True) == 1


def test_long_texts_are_compared_in_seconds(item):
    began = time.process_time()
    long = "abcdefghij " * 5_000
    for name in ("edit_similarity", "edit_distance", "cer", "wer"):
        make_metric(name, {}).measure([item(long, [long[::-1]]), item("x", ["y"] * 10_000)])
    assert time.process_time() - began < 20


# --- tool calls ------------------------------------------------------------------------------


def call(name, arguments):
    return ToolCall(name=name, arguments=arguments)


def tool_item(wanted, given_calls, tools=({"name": "look"},)):
    sample = Sample(id="s", target_tool_calls=tuple(wanted), tools=tuple(tools))
    completion = Completion(text="", tool_calls=tuple(given_calls))
    return Item(sample=sample, completion=completion, text="")


LOOK = call("look", '{"q": "x", "n": 1}')
OTHER = call("book", "{}")


@pytest.mark.parametrize(
    ("wanted", "given_calls", "options", "value"),
    [
        ([LOOK], [call("look", '{"n": 1.0, "q": "x"}')], {}, 1),
        ([LOOK], [call("look", '{"n": 2, "q": "x"}')], {}, 0),
        ([LOOK], [call("look", '{"n": 2}')], {"arguments": "ignore"}, 1),
        ([LOOK], [], {}, 0),
        ([LOOK], [LOOK, OTHER], {}, 0),
        ([LOOK, OTHER], [OTHER, LOOK], {}, 0),
        ([LOOK, OTHER], [OTHER, LOOK], {"ordered": False}, 1),
        ([], [], {}, 1),
        ([], [LOOK], {}, 0),
        ([OTHER], [call("book", "")], {}, 1),
        ([call("say", "not json")], [call("say", "not json")], {}, 1),
        ([call("say", '"not json"')], [call("say", "not json")], {}, 0),
    ],
)
def test_tool_calls_match_by_name_arguments_and_order(wanted, given_calls, options, value):
    rows = make_metric("tool_call", options).measure([tool_item(wanted, given_calls)])
    assert rows.rows_nk[0].tolist() == [value, 1]


def test_a_sample_that_is_not_about_tools_is_unscored():
    rows = make_metric("tool_call", {}).measure([tool_item([], [LOOK], tools=())])
    assert "neither tools nor" in rows.reasons[0]


def test_hostile_arguments_are_compared_as_text():
    for text in ("[" * 10**5, '{"a": NaN}', "9" * 5_000, "\ud800"):
        assert canonical_arguments(text) == canonical_arguments(text)
