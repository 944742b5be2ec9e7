"""From a provider's JSON to an answer, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.answers import read_answer, read_usage, split_reasoning, usage_or_estimate
from evalharness.errors import ClientError, Permanent, Transient
from evalharness.records import Message, Request


def chat(content="Paris", *, finish="stop", **message):
    body = {"role": "assistant", "content": content, **message}
    return {
        "id": "c1",
        "model": "served-model",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": finish, "message": body}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3},
    }


def test_a_plain_answer_is_read_whole():
    answer = read_answer(chat(), 200)
    assert (
        answer.text,
        answer.finish,
        answer.model,
        answer.fingerprint,
    ) == ("Paris", "stop", "served-model", "fp_1")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 3)


def test_a_text_completion_is_read_too():
    body = {"choices": [{"text": " Paris", "finish_reason": "length"}]}
    answer = read_answer(body, 200)
    assert (answer.text, answer.finish, answer.usage) == (" Paris", "length", None)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("tool_calls", "tool"),
        ("function_call", "tool"),
        ("tired", "unknown"),
        (None, "unknown"),
        (7, "unknown"),
    ],
)
def test_finish_reasons_of_all_servers_are_made_alike(reason, finish):
    assert read_answer(chat(finish=reason), 200).finish == finish


def test_reasoning_is_kept_apart_from_the_answer():
    assert read_answer(chat("4", reasoning="2+2"), 200).reasoning == "2+2"
    assert read_answer(chat("4", reasoning_content="2+2"), 200).reasoning == "2+2"
    inline = read_answer(chat("<think>\n2+2\n</think>\n\n4"), 200)
    assert (inline.text, inline.reasoning) == ("4", "2+2")


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ("4", "4", None),
        ("<think>a</think>b", "b", "a"),
        ("  <thinking>a</thinking> b", "b", "a"),
        ("<think>never ends", "", "never ends"),
        ("say <think>a</think>", "say <think>a</think>", None),
        ("<thinker>", "<thinker>", None),
        ("<think></think>", "", ""),
    ],
)
def test_only_a_block_at_the_start_is_reasoning(content, text, reasoning):
    assert split_reasoning(content, None) == (text, reasoning)


def test_a_model_that_thought_until_its_limit_answered_nothing_and_was_cut_off():
    answer = read_answer(chat(None, finish="length", reasoning="so many thoughts"), 200)
    assert (answer.text, answer.finish, answer.reasoning) == ("", "length", "so many thoughts")


def test_an_empty_text_is_an_answer_but_null_is_none():
    assert read_answer(chat(""), 200).text == ""
    with pytest.raises(Transient) as failed:
        read_answer(chat(None), 200)
    assert failed.value.kind == "empty"


def test_content_in_parts_is_joined():
    parts = [{"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}, {"type": "image"}]
    assert read_answer(chat(parts), 200).text == "Paris"


def test_tool_calls_are_an_answer_without_content():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    as_object = {"function": {"name": "g", "arguments": {"y": 2}}}
    answer = read_answer(chat(None, finish="tool_calls", tool_calls=[call, as_object, 5, {}]), 200)
    assert (answer.text, answer.finish) == ("", "tool")
    assert [(made.name, made.arguments) for made in answer.tool_calls] == [
        ("f", '{"x": 1}'),
        ("g", '{"y":2}'),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        ({"choices": []}, "empty", Transient),
        ({}, "empty", Transient),
        ({"choices": None}, "empty", Transient),
        ({"choices": ["x"]}, "malformed", Transient),
        ([], "malformed", Transient),
        ("text", "malformed", Transient),
        (chat(42), "malformed", Transient),
        ({"error": {"message": "Overloaded", "type": "server_error"}}, "overload", Transient),
        ({"error": {"message": "Rate limit reached"}}, "throttle", Transient),
        ({"error": {"message": "bad thing"}}, "malformed", Transient),
        ({"error": {"message": "slow down", "code": 429}}, "throttle", Transient),
        ({"error": {"message": "prompt is too long"}}, "context_overflow", Permanent),
        ({"error": "Invalid API key"}, "auth", Permanent),
        (chat(None, refusal="I can't help with that."), "refusal", Permanent),
        (chat("half", finish="content_filter"), "content_filter", Permanent),
    ],
)
def test_what_is_no_answer_is_an_error_of_the_right_kind(body, kind, error):
    with pytest.raises(error) as failed:
        read_answer(body, 200)
    assert failed.value.kind == kind
    assert failed.value.facts.status in {200, 429}


def test_a_failure_that_was_billed_keeps_its_usage():
    with pytest.raises(Transient) as failed:
        read_answer(chat(None), 200)
    assert failed.value.facts.usage.completion_tokens == 3


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"prompt_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
    ],
)
def test_nonsense_usage_is_no_usage(usage):
    assert read_usage({"usage": usage}) is None


def test_details_of_usage_are_found_in_their_group_or_beside_it():
    grouped = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    flat = {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 2}
    assert read_usage({"usage": grouped}) == read_usage({"usage": flat})


def request(text: str) -> Request:
    return Request(key="0" * 32, sample_id="q", messages=(Message(role="user", content=text),))


def test_missing_usage_is_estimated_and_says_so():
    answer = read_answer({**chat("forty two"), "usage": None}, 200)
    usage = usage_or_estimate(answer, request("what is it?"))
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (3, 3, True)


def test_a_count_of_zero_for_a_text_is_no_count():
    body = {**chat("forty two"), "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert usage_or_estimate(read_answer(body, 200), request("what?")).estimated


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "error", "usage", "finish_reason", "tool_calls",
             "function", "name", "arguments", "logprobs", "text", "code", "prompt_tokens"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_no_json_breaks_the_reader(body):
    try:
        answer = read_answer(body, 200)
    except ClientError:
        return
    assert isinstance(answer.text, str)
