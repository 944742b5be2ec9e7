"""Damaged and hostile files: a clear refusal or a reading, never another exception."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.checks import check_data
from evalharness.data.recordings import open_recording
from evalharness.data.sources import open_source
from evalharness.data.training import check_training
from evalharness.errors import DataError
from evalharness.spec.suite import DataSpec

CALL = {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}
CHAT = {
    "id": "c",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "x", "tool_call_id": "1"},
        {"role": "assistant", "content": "ok", "weight": 1},
    ],
    "tools": [{"a": 1}],
}
RECORDED = [
    {
        "id": "q1",
        "output": "naïve",
        "latency_s": 0.5,
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "logprobs": [{"token": "a", "logprob": -1}],
    },
    {"id": 2, "outputs": ["a", None], "latency_s": [1, 2]},
    {"id": 3, "error": {"type": "timeout", "message": "m"}},
    {"id": "4", "repeat": 1, "output": 1.5, "tool_calls": [CALL]},
]
QA = {"id": "a", "question": "q?", "answers": [{"text": "x"}], "is_impossible": False}
SEEDS = {
    "plain.jsonl": json.dumps({"id": 1, "input": "ä", "target": ["a", 1.5], "metadata": {}}),
    "chat.jsonl": json.dumps(CHAT),
    "recorded.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in RECORDED),
    "a.csv": 'id,input,output\nq1,"a, ""b""\nc",x\nq2,d,"e"\n',
    "squad.json": json.dumps(
        {"data": [{"title": "T", "paragraphs": [{"context": "c", "qas": [QA]}]}]}
    ),
    "object.json": json.dumps({"a": "x", "b": ["y", None], "c": {"output": "z"}, "d": 1.5}),
    "list.json": json.dumps([{"id": "a", "input": "x", "output": "y"}, {"id": "b", "output": "z"}]),
}
PIECES = [
    *(
        piece.encode()
        for piece in [
            '"',
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "null",
            "true",
            "{}",
            "[]",
            '""',
            "1e999",
            "NaN",
            "-1",
            "7",
            '"id"',
        ]
    ),
    *(b"\\ud83d", b"\xff", b"\0", b"\n", b"\r", b"\xef\xbb\xbf", b"\xff\xfe", b"9" * 30),
    *(b'"messages"', b'"role"', b'"error"', b'"repeat"', b'"paragraphs"', b"\x1f\x8b"),
]
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 6), st.sampled_from(PIECES)), min_size=1, max_size=3
)


def damaged(content: bytes, how: list[tuple[float, int, bytes]]) -> bytes:
    for place, cut, piece in how:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + cut :]
    return content


@pytest.mark.parametrize("name", SEEDS)
@settings(deadline=None, max_examples=60)
@given(changes, st.sampled_from(["last", "all"]))
def test_damage_is_refused_or_read(tmp_path_factory, name, how, turns):
    path: Path = tmp_path_factory.mktemp("damage") / name
    path.write_bytes(damaged(SEEDS[name].encode(), how))
    spec = DataSpec(path=str(path), turns=turns)

    samples, refused = attempt(lambda: list(open_source(spec, base=path.parent)))
    assert refused or len(samples) == len({sample.id for sample in samples})
    findings = [*check_data(spec, base=path.parent, train=path), *check_training(path)]
    assert all(finding.where and finding.message for finding in findings)
    recording, _ = attempt(lambda: open_recording(path, fields={}))
    if recording is not None:
        with recording:
            for sample_id in recording.extra_ids(()):
                assert [recording.lookup(sample_id, repeat) for repeat in range(3)] != [None] * 3


def attempt(work):
    """What it gives, or the DataError it raises, which must say where; anything else is raised."""
    try:
        return work(), None
    except DataError as error:
        if not error.where:
            raise
        return None, error


NESTED = [
    '{"id": "a", "input": "x", "output": "y", "extra": OPEN"z"CLOSE}',
    '{"id": "a", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "output": "y", "tools": [{"a": OPEN"z"CLOSE}]}',
    '{"id": "a", "input": "x", "output": "y", "tool_calls": [{"function": {"name": "f", "arguments": {"a": OPEN"z"CLOSE}}}]}',
    '{"id": "a", "input": "x", "output": "y", "logprobs": OPEN"z"CLOSE, "error": {"message": OPEN"z"CLOSE}}',
]


@pytest.mark.parametrize("depth", [100, 253, 254, 300, 900, 1000, 1100, 50_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_well_formed_nesting_of_any_depth_is_refused_or_read(write, depth, opening, closing):
    for row in NESTED:
        line = row.replace("OPEN", opening * depth).replace("CLOSE", closing * depth)
        for name, content in (
            ("a.jsonl", line),
            ("a.json", f"[{line}]"),
            ("o.json", f'{{"a": {line}}}'),
        ):
            path = write(name, content)
            spec = DataSpec(path=str(path))
            samples, _ = attempt(
                lambda spec=spec, path=path: list(open_source(spec, base=path.parent))
            )
            if samples:
                assert msgspec.json.encode(samples)
            assert isinstance(check_data(spec, base=path.parent, train=path), list)
            assert isinstance(check_training(path), list)
            recording, _ = attempt(lambda path=path: open_recording(path, fields={}))
            if recording is not None:
                with recording:
                    assert recording.lookup("a") is not None


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_and_does_not_end_the_process(write, refusal, depth, opening):
    line = '{"id": "a", "input": "x", "extra": ' + opening * depth
    assert refusal(write("a.jsonl", line)).where
    assert refusal(write("a.json", line)).where
    for path in (write("b.jsonl", line), write("b.json", line)):
        with pytest.raises(DataError):
            open_recording(path, fields={})


def test_control_characters_and_markup_are_texts_like_others(write, read):
    text = "<script>alert(1)</script>\x1b[31m\x07\u202e{{ 7 * 7 }}"
    (sample,) = read(write("a.jsonl", [{"id": text, "input": text, "target": text}]))

    assert (text, text, (text,)) == (sample.id, sample.input, sample.targets)
    with open_recording(write("b.jsonl", [{"id": text, "output": text}]), fields={}) as recording:
        assert recording.lookup(text).completion.text == text
