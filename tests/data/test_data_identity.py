"""Content hashes cover what is asked and judged, and nothing else; ids are remembered compactly."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.identity import SeenIds, content_sha256, file_sha256, input_sha256
from evalharness.records import CodeTask, Message, Sample, ToolCall

SAMPLE = Sample(
    id="a",
    input="2+2?",
    targets=("4", "four"),
    cluster="sums",
    slices={"level": "1"},
    metadata={"source": "book"},
    code=CodeTask(tests="assert True", entry_point="f", preload=("numpy",)),
    tools=({"type": "function", "function": {"name": "f"}},),
    target_tool_calls=(ToolCall(name="f", arguments="{}"),),
)
CHAT = Sample(
    id="c",
    messages=(
        Message(role="user", content="Hi"),
        Message(role="assistant", tool_calls=(ToolCall(name="f", arguments="{}", id="1"),)),
        Message(role="tool", content="x", tool_call_id="1", name="f"),
    ),
)


def test_the_hash_of_a_sample_never_changes():
    """Runs of earlier versions are paired by it: another value here breaks every one of them."""
    sample = Sample(id="a", input="2+2?", targets=("4",))

    assert (
        content_sha256(sample) == "918b309a4c10953c820d809d5e7b765237d29156e8e2742ddd26926195219f0f"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"id": "b"},
        {"cluster": None},
        {"slices": {}},
        {"metadata": {"source": "other"}},
        {"content_sha256": "ff"},
    ],
)
def test_relabelling_does_not_change_the_content(change):
    assert content_sha256(msgspec.structs.replace(SAMPLE, **change)) == content_sha256(SAMPLE)


@pytest.mark.parametrize(
    "change",
    [
        {"input": "2+3?"},
        {"input": None},
        {"targets": ("4",)},
        {"targets": ("four", "4")},
        {"code": None},
        {"code": CodeTask(tests="assert False", entry_point="f", preload=("numpy",))},
        {"code": CodeTask(tests="assert True", entry_point="g", preload=("numpy",))},
        {"code": CodeTask(tests="assert True", entry_point="f")},
        {
            "code": CodeTask(
                tests="assert True", entry_point="f", preload=("numpy",), style="asserts"
            )
        },
        {"code": CodeTask(tests="assert True", entry_point="f", preload=("numpy",), prompt="x")},
        {"code": CodeTask(tests="assert True", entry_point="f", preload=("numpy",), canonical="x")},
        {"tools": ()},
        {"target_tool_calls": ()},
        {"target_tool_calls": (ToolCall(name="f", arguments="[]"),)},
    ],
)
def test_what_is_asked_and_judged_changes_the_content(change):
    assert content_sha256(msgspec.structs.replace(SAMPLE, **change)) != content_sha256(SAMPLE)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("change", [{"role": "developer"}, {"content": "other"}, {"name": "other"}])
def test_every_part_of_a_message_counts(place, change):
    messages = list(CHAT.messages)
    messages[place] = msgspec.structs.replace(messages[place], **change)
    changed = msgspec.structs.replace(CHAT, messages=tuple(messages))

    assert content_sha256(changed) != content_sha256(CHAT)
    assert input_sha256(changed) != input_sha256(CHAT)


def test_the_order_of_keys_in_tools_does_not_count():
    one = Sample(id="a", input="x", tools=({"a": 1, "b": {"c": 2, "d": 3}},))
    other = Sample(id="a", input="x", tools=({"b": {"d": 3, "c": 2}, "a": 1},))

    assert content_sha256(one) == content_sha256(other)


def test_the_hash_of_an_input_can_be_made_with_any_tool():
    assert input_sha256(Sample(id="a", input="naïve")) == (
        hashlib.sha256("naïve".encode()).hexdigest()
    )


@settings(deadline=None)
@given(st.text(), st.text(), st.lists(st.text()))
def test_moving_text_between_input_and_target_changes_the_content(first, second, rest):
    one = content_sha256(Sample(id="a", input=first, targets=(second, *rest)))
    other = content_sha256(Sample(id="a", input=first + second, targets=tuple(rest)))

    assert one != other


def test_a_file_is_hashed_as_it_lies_on_disk(write):
    path = write("a.jsonl.gz", "x")

    assert hashlib.sha256(path.read_bytes()).hexdigest() == file_sha256(path)


@settings(deadline=None)
@given(st.lists(st.text(max_size=3)))
def test_seen_ids_agree_with_a_set(names):
    compact, plain = SeenIds(), set()
    for name in names:
        assert compact.add(name) == (name not in plain)
        plain.add(name)
    assert bool(compact) == bool(plain)
