"""Every example of docs/data-formats.md is read as the page says; its output is real output."""

from __future__ import annotations

import re

import pytest

from evalharness.data.checks import check_data
from evalharness.data.findings import CODES
from evalharness.data.recorded import FIELDS
from evalharness.data.recordings import open_recording
from evalharness.data.rows import FORMATS
from evalharness.data.training import check_training
from evalharness.records import Answered
from evalharness.spec.suite import DataSpec


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "data-formats.md").read_text(encoding="utf-8")


def blocks(page, language, kind):
    return re.findall(rf"^```{language} {kind}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("language", "n"), [("jsonl", 3), ("csv", 1)])
def test_every_held_out_example_is_read_without_a_finding(page, write, read, language, n):
    examples = blocks(page, language, "held-out")
    assert n == len(examples)
    for number, example in enumerate(examples):
        path = write(f"{number}.{language}", example)
        assert read(path)
        assert [] == [
            f
            for f in check_data(DataSpec(path=str(path)), base=path.parent)
            if f.severity == "error"
        ]


def test_the_chat_example_has_the_turns_that_the_page_names(page, write, read):
    path = write("chat.jsonl", blocks(page, "jsonl", "held-out")[1])

    assert ["c1#1", "c1#2", "c2#1"] == [sample.id for sample in read(path, turns="all")]
    assert "track" == read(path)[1].target_tool_calls[0].name


def test_the_recordings_say_what_the_page_says(page, write):
    (example,) = blocks(page, "jsonl", "recording")
    with open_recording(write("a.jsonl", example), fields={}) as recording:
        assert "Paris" == recording.lookup("q1").completion.text
        assert ["2", "3", "2"] == [recording.lookup("q2", r).completion.text for r in range(3)]
        assert ["timeout", "empty"] == [recording.lookup(name).kind for name in ("q3", "q4")]
    (table,) = blocks(page, "csv", "recording")
    with open_recording(write("a.csv", table), fields={}) as recording:
        assert isinstance(recording.lookup("q1"), Answered)
        assert "timeout" == recording.lookup("q2").kind


def test_the_training_example_passes(page, write):
    (example,) = blocks(page, "jsonl", "training")

    assert {"warning"} == {f.severity for f in check_training(write("train.jsonl", example))}


def test_every_field_code_and_suffix_is_documented(page):
    for word in (*FIELDS, *CODES, *FORMATS):
        assert f"`{word}" in page, word


def test_the_output_shown_is_the_output_made(page, write):
    lines = [
        '{"id": "q1", "input": "What is the capital of France?", "target": "Paris"}',
        '{"id": "q2", "input": "What is the capital of Italy?", "target": "Rome"',
        '{"id": "q3", "question": "What is the capital of Spain?", "target": "Madrid"}',
        '{"id": "q1", "input": "What is the capital of Peru?", "target": "Lima"}',
    ]
    held_out = write("heldout.jsonl", "\n".join(lines))
    messages = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris"},
    ]
    train = write("train.jsonl", [{"messages": messages}])
    findings = check_data(DataSpec(path=str(held_out)), base=held_out.parent, train=train)
    shown = page.rpartition("$ evalharness validate")[2]

    for finding in [*findings, *check_training(train)]:
        for said in (finding.message, finding.where, finding.mend):
            assert said.replace(f"{held_out.parent}/", "") in shown
