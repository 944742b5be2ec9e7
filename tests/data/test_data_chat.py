"""Chat rows: the last or every assistant turn, tool calls, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.sources import open_source
from evalharness.records import Message, ToolCall
from evalharness.spec.suite import DataSpec

SYSTEM = {"role": "system", "content": "Be short."}
HI = {"role": "user", "content": "Hi"}
HELLO = {"role": "assistant", "content": "Hello"}
BYE = {"role": "user", "content": "Bye"}
SEE_YOU = {"role": "assistant", "content": "See you"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "find", "arguments": '{"q": 2}'}},
    ],
}
ANSWERS = [
    {"role": "tool", "tool_call_id": "c1", "content": "one"},
    {"role": "tool", "tool_call_id": "c2", "content": "two"},
]


def chat(*messages, **more):
    return {"messages": list(messages), **more}


def roles(sample):
    return [message.role for message in sample.messages]


def test_the_last_assistant_message_is_the_target(write, read):
    (sample,) = read(write("a.jsonl", [chat(SYSTEM, HI, HELLO, BYE, SEE_YOU, id="c")]))

    assert (sample.id, sample.input, sample.targets) == ("c", None, ("See you",))
    assert roles(sample) == ["system", "user", "assistant", "user"]
    assert Message(role="system", content="Be short.") == sample.messages[0]
    assert sample.cluster is None


def test_every_turn_is_a_sample_with_gold_history_and_one_cluster(write, read):
    rows = [chat(SYSTEM, HI, HELLO, BYE, SEE_YOU, id="c"), chat(HI, SEE_YOU, id="d", cluster="k")]
    samples = read(write("a.jsonl", rows), turns="all")

    assert [sample.id for sample in samples] == ["c#1", "c#2", "d#1"]
    assert [sample.targets for sample in samples] == [("Hello",), ("See you",), ("See you",)]
    assert [sample.cluster for sample in samples] == ["c", "c", "k"]
    assert [roles(sample) for sample in samples] == [
        ["system", "user"],
        ["system", "user", "assistant", "user"],
        ["user"],
    ]


def test_turns_of_a_conversation_without_id_share_its_content_hash(write, read):
    rows = [chat(HI, HELLO, BYE, SEE_YOU), chat(HI, SEE_YOU)]
    there = [sample.id for sample in read(write("a.jsonl", rows), turns="all")]
    back = [sample.id for sample in read(write("b.jsonl", rows[::-1]), turns="all")]

    assert sorted(there) == sorted(back)
    assert {"1", "2"} == {name.split("#")[1] for name in there}
    assert len({name.split("#")[0] for name in there}) == 2


def test_a_greeting_before_any_question_counts_and_is_not_scored(write, read):
    samples = read(write("a.jsonl", [chat(HELLO, BYE, SEE_YOU, id="c")]), turns="all")

    assert [sample.id for sample in samples] == ["c#2"]
    assert roles(samples[0]) == ["assistant", "user"]


def test_a_system_message_alone_is_something_asked(write, read):
    (sample,) = read(write("a.jsonl", [chat(SYSTEM, HELLO)]))

    assert (roles(sample), sample.targets) == (["system"], ("Hello",))


def test_messages_after_the_last_answer_are_left_out(write, read):
    (sample,) = read(write("a.jsonl", [chat(HI, HELLO, BYE)]))

    assert (roles(sample), sample.targets) == (["user"], ("Hello",))


def test_tool_calls_are_read_and_can_be_the_target(write, read):
    tools = [{"type": "function", "function": {"name": "find"}}]
    row = chat(HI, CALL, *ANSWERS, SEE_YOU, id="c", tools=tools)
    first, second = read(write("a.jsonl", [row]), turns="all")

    assert (
        first.targets,
        first.target_tool_calls[0].name,
        first.target_tool_calls[1].id,
    ) == ((), "find", "c2")
    assert ToolCall(name="find", arguments='{"q": 1}', id="c1") == first.target_tool_calls[0]
    assert (second.targets, second.target_tool_calls) == (("See you",), ())
    assert roles(second) == ["user", "assistant", "tool", "tool"]
    assert second.messages[1].content is None
    assert second.messages[2].tool_call_id == "c1"
    assert tools == list(second.tools)


def test_arguments_as_an_object_become_json(write, read):
    call = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "f", "arguments": {"b": 1, "a": 2}}}],
    }
    (sample,) = read(write("a.jsonl", [chat(HI, call)]))

    assert sample.target_tool_calls[0].arguments == '{"a":2,"b":1}'


def test_the_older_function_call_is_a_tool_call(write, read):
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    (sample,) = read(write("a.jsonl", [chat(HI, call)]))

    assert (ToolCall(name="f", arguments="{}"),) == sample.target_tool_calls


def test_text_parts_are_joined_and_images_refused(write, read, refusal):
    parts = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]
    (sample,) = read(write("a.jsonl", [chat({"role": "user", "content": parts}, HELLO)]))
    assert sample.messages[0].content == "Hi there"

    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    error = refusal(write("b.jsonl", [chat({"role": "user", "content": image}, HELLO)]))
    assert "'image_url' is no text" in error.message


def test_a_target_in_its_own_field_is_asked_by_all_messages(write, read):
    (sample,) = read(write("a.jsonl", [chat(HI, HELLO, BYE, target=["x", "y"])]))

    assert (sample.targets, roles(sample)) == (("x", "y"), ["user", "assistant", "user"])


def test_a_target_beside_a_final_answer_is_refused(write, refusal):
    assert "which one is meant" in refusal(write("a.jsonl", [chat(HI, HELLO, target="x")])).message


def test_messages_under_another_name_are_mapped(write, read):
    path = write("a.jsonl", [{"dialogue": [HI, HELLO]}])

    assert read(path, fields={"messages": "dialogue"})[0].targets == ("Hello",)


def test_a_row_may_have_input_where_another_has_messages(write, read):
    first, second = read(
        write("a.jsonl", [chat(HI, HELLO), {"input": "x", "target": "y", "messages": None}])
    )

    assert (first.input, second.input) == (None, "x")


@pytest.mark.parametrize(
    ("messages", "said", "place"),
    [
        ("text", "messages: expected a list, got a text", ":1"),
        ([], "messages is empty", ":1"),
        (["Hi"], "expected an object, got a text", ":1: message 1"),
        ([HI, {"role": "assistent", "content": "x"}], "unknown role 'assistent'", ":1: message 2"),
        ([HI, {"content": "x"}], "no 'role'", ":1: message 2"),
        ([HI, {"role": "assistant"}], "no 'content'", ":1: message 2"),
        ([HI, {"role": "assistant", "contents": "x"}], "no 'content'", ":1: message 2"),
        ([HI, {"role": "assistant", "content": 7}], "content: expected a text, got a number", "2"),
        ([HI, {"role": "assistant", "content": None}], "content: expected a text, got null", "2"),
        ([HI, {**HELLO, "tool_calls": "x"}], "tool_calls: expected a list", ":1: message 2"),
        ([HI, {**HELLO, "tool_calls": [{}]}], "no function name", ":1: message 2"),
        ([HI, {**HELLO, "tool_calls": [7]}], "expected objects with 'function'", "message 2"),
        (
            [HI, {**HELLO, "tool_calls": [{"function": {"name": "f", "arguments": 7}}]}],
            "expected a JSON text or an object",
            "message 2",
        ),
        ([HI, {**HELLO, "name": 7}], "name: expected a text", "message 2"),
        ([HI], "no assistant message", ":1"),
        ([HELLO], "nothing stands before the assistant message", ":1"),
    ],
)
@pytest.mark.parametrize("turns", ["last", "all"])
def test_what_is_no_conversation_is_refused_by_message(
    write, refusal, messages, said, place, turns
):
    error = refusal(write("a.jsonl", [{"messages": messages}]), turns=turns)

    assert said in error.message
    assert error.where.endswith(place)


def test_a_mistyped_role_or_content_has_its_mend(write, refusal):
    error = refusal(write("a.jsonl", [chat(HI, {"role": "assistent", "content": "x"})]))
    assert error.mend == "did you mean 'assistant'?"
    error = refusal(write("a.jsonl", [chat(HI, {"role": "assistant", "contents": "x"})]))
    assert error.mend == "did you mean 'contents'?"


word = st.text('aé 😀\n"\\', min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(word, word), min_size=1, max_size=6), st.none() | word)
def test_every_turn_holds_exactly_what_was_said_before_it(tmp_path_factory, exchanges, system):
    messages = [{"role": "system", "content": system}] if system else []
    for asked, answered in exchanges:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    path = tmp_path_factory.mktemp("chat") / "a.jsonl"
    path.write_text(json.dumps({"id": "c", "messages": messages}) + "\n")

    samples = list(open_source(DataSpec(path=str(path), turns="all"), base=path.parent))
    assert [(answered,) for _, answered in exchanges] == [sample.targets for sample in samples]
    for number, sample in enumerate(samples, start=1):
        said = messages[: len(sample.messages)]
        assert f"c#{number}" == sample.id
        assert [(m["role"], m["content"]) for m in said] == [
            (m.role, m.content) for m in sample.messages
        ]
        assert messages[len(said)]["content"] == sample.targets[0]
