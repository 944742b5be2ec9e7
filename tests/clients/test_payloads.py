"""What is sent: only what the request says, in the server's spelling."""

from __future__ import annotations

import json

import pytest

from evalharness.clients.payloads import Dialect, encode_request, encode_score
from evalharness.errors import Permanent
from evalharness.records import Message, Request, Sampling, ToolCall


def sent(request: Request, dialect: Dialect | None = None, **more) -> dict:
    return json.loads(encode_request(request, "m", dialect or Dialect(), **more))


def test_only_what_the_request_says_is_sent(question):
    request = question("hi", sampling=Sampling(temperature=None))
    assert sent(request) == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_every_option_is_sent_under_its_name(question):
    sampling = Sampling(
        temperature=0.5,
        max_tokens=9,
        top_p=0.9,
        stop=("\n",),
        seed=7,
        logprobs=2,
        response_format={"type": "json_object"},
        extra={"top_k": 5},
    )
    expected = {
        "temperature": 0.5,
        "max_tokens": 9,
        "top_p": 0.9,
        "stop": ["\n"],
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_object"},
        "top_k": 5,
    }
    body = sent(question(sampling=sampling))
    assert expected == {key: body[key] for key in expected}


def test_logprobs_are_a_count_with_together_and_with_text_completions(question):
    request = question(sampling=Sampling(logprobs=3))
    for dialect in (Dialect(chat_logprobs="count"), Dialect(api="completions")):
        body = sent(request, dialect)
        assert body["logprobs"] == 3
        assert "top_logprobs" not in body


def test_the_name_of_the_length_limit_can_be_changed(question):
    body = sent(question(), Dialect(max_tokens_field="max_completion_tokens"))
    assert body["max_completion_tokens"] == 64
    assert "max_tokens" not in body


def test_extra_options_win_over_ours(question):
    request = question(sampling=Sampling(temperature=0.0, extra={"temperature": 1.0}))
    assert sent(request)["temperature"] == 1.0


def test_a_stream_asks_for_its_usage_unless_the_server_gives_it_anyway(question):
    asked = sent(question(), stream="on")
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    given = sent(question(), Dialect(stream_usage="given"), stream="on")
    assert "stream_options" not in given


def test_a_conversation_with_tools_is_sent_untouched(question):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    call = ToolCall(name="f", arguments='{"x": 1}', id="c1")
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="go", name="ann"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content="3", tool_call_id="c1"),
    )
    body = sent(question(messages=messages, tools=(tool,)))
    assert [tool] == body["tools"]
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "go", "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
            ],
        },
        {"role": "tool", "content": "3", "tool_call_id": "c1"},
    ]


def test_a_text_completion_joins_the_messages(question):
    messages = (Message(role="system", content="A"), Message(role="user", content="B"))
    assert sent(question(messages=messages), Dialect(api="completions"))["prompt"] == "A\n\nB"


def test_text_that_utf8_cannot_hold_is_refused_before_it_is_sent(question):
    with pytest.raises(Permanent) as refused:
        sent(question("lone \ud800 surrogate"))
    assert (refused.value.kind, refused.value.facts.billed) == ("bad_request", "no")


def test_scoring_is_asked_for_as_the_server_does_it(question):
    request = question("2+2=", kind="score", continuation="4")
    echo = json.loads(encode_score(request, "m", Dialect(api="completions", score_by="echo")))
    assert (
        echo["prompt"], echo["echo"], echo["logprobs"], echo["max_tokens"]
    ) == ("2+2=4", True, 1, 1)  # fmt: skip
    chat = json.loads(encode_score(request, "m", Dialect(score_by="prompt_logprobs")))
    assert (chat["messages"][-1]["content"], chat["prompt_logprobs"]) == ("4", 0)
    assert (chat["continue_final_message"], chat["add_generation_prompt"]) == (True, False)
    text = Dialect(api="completions", score_by="prompt_logprobs")
    assert json.loads(encode_score(request, "m", text))["prompt"] == "2+2=4"


def test_a_server_that_cannot_score_says_so(question):
    with pytest.raises(Permanent) as refused:
        encode_score(question(kind="score", continuation="4"), "m", Dialect())
    assert refused.value.kind == "unsupported"
