"""Fine-tuning files: what the services take passes, what they refuse is found with its line.

The cases that must be refused are those of the services' own clients' tests.
"""

from __future__ import annotations

import json

import pytest

from evalharness.data.training import check_training
from evalharness.spec.suite import DataSpec

HI = {"role": "user", "content": "Hi"}
HELLO = {"role": "assistant", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be kind"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ],
}
RESULTS = [
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
    {"role": "tool", "tool_call_id": "c2", "content": "2"},
]


def chat(*messages):
    return {"messages": list(messages)}


def image(url="data:image/jpeg;base64,AA=="):
    return {"type": "image_url", "image_url": {"url": url}}


def checked(write, rows, name="train.jsonl", **kwargs):
    """Findings but for the one that says there are few rows."""
    findings = check_training(write(name, rows), **kwargs)
    return [found for found in findings if "fewer than" not in found.message]


@pytest.mark.parametrize(
    "rows",
    [
        [{"text": "Hello, world!"}, {"text": "How are you?"}],
        [{"prompt": "Translate.", "completion": "Hallo"}],
        [chat(HI, HELLO), chat(SYSTEM, HI, HELLO), chat(HI, HELLO, HI, HELLO, HI, HELLO)],
        [chat(SYSTEM, HELLO)],
        [chat({**HI, "weight": 1}, {**HELLO, "weight": 0}), chat({**HI, "weight": 0}, HELLO)],
        [chat({**HI, "content": [{"type": "text", "text": "What?"}, image()]}, HELLO)],
        [chat({**HI, "name": "Ann"}, HELLO)],
        [chat(HI, CALL, *RESULTS, HELLO)],
        [{**chat(HI, CALL, *RESULTS, HELLO), "tools": [], "parallel_tool_calls": False}],
        [chat(HI, CALL, *RESULTS, HELLO, HI, CALL, *RESULTS, HELLO)],
        [
            {
                "input": chat(HI),
                "preferred_output": [HELLO],
                "non_preferred_output": [{**HELLO, "content": "x"}],
            }
        ],
    ],
)
def test_what_the_services_take_passes(write, rows):
    assert [] == checked(write, rows)


def test_few_rows_are_a_warning(write):
    (found,) = check_training(write("train.jsonl", [chat(HI, HELLO)]))

    assert ("warning", "file", "1 rows, fewer than 10") == (
        found.severity,
        found.code,
        found.message,
    )


@pytest.mark.parametrize(
    ("row", "code", "said", "mend"),
    [
        ({"prompt": "x"}, "format", "the row has 'prompt' but no 'completion'", "one of"),
        ({"messagse": []}, "format", "no training format", "did you mean 'messages'?"),
        ({"text": 123}, "field", "text: expected a text, got a number", "text"),
        ({"text": " "}, "empty", "text is empty", "remove"),
        ({"prompt": "x", "completion": None}, "field", "completion: expected a text", "text"),
        ({"text": "x", "extra_column": "y"}, "column", "unknown column 'extra_column'", "remove"),
        (
            {**chat(HI, HELLO), "tool": []},
            "column",
            "unknown column 'tool'",
            "did you mean 'tools'?",
        ),
        ({"messages": "zzz"}, "field", "messages: expected a list, got a text", "role"),
        ({"messages": {}}, "field", "messages: expected a list, got an object", "role"),
        (chat(), "empty", "messages is empty", "remove"),
        (chat("Hi!", HI, HELLO), "field", "message 1: expected an object, got a text", "role"),
        (
            chat({"role": "robot", "content": "x"}, HELLO),
            "roles",
            "message 1: unknown role 'robot'",
            "one of",
        ),
        (
            chat({"role": "users", "content": "x"}, HELLO),
            "roles",
            "unknown role 'users'",
            "did you mean 'user'?",
        ),
        (chat({"content": "x"}, HELLO), "roles", "message 1: no 'role'", "one of"),
        (chat(HI, HI, HELLO), "roles", "message 2: user speaks twice in a row", "join"),
        (chat(HI, HELLO, HELLO), "roles", "message 3: assistant speaks twice", "join"),
        (chat(SYSTEM, SYSTEM, HI, HELLO), "roles", "message 2: system speaks twice", "join"),
        (chat(HI), "roles", "no assistant message", "end with"),
        (chat(HI, {"role": "assistant"}), "field", "message 2: no 'content'", "every message has"),
        (
            chat(HI, {"role": "assistant", "contnt": "x"}),
            "field",
            "no 'content'",
            "did you mean 'contnt'?",
        ),
        (chat(HI, {**HELLO, "content": 7}), "field", "message 2: content: expected a text", "text"),
        (chat(HI, {**HELLO, "content": None}), "field", "expected a text, got null", "text"),
        (
            chat({**HI, "content": None, "tool_calls": CALL["tool_calls"]}, HELLO),
            "field",
            "got null",
            "text",
        ),
        (chat({**HI, "weight": 1.0}, HELLO), "weight", "message 1: weight is 1.0", "integer"),
        (chat({**HI, "weight": 2}, HELLO), "weight", "weight is 2", "0 or 1"),
        (chat({**HI, "weight": True}, HELLO), "weight", "weight is True", "integer"),
        (chat({**HI, "weight": "1"}, HELLO), "weight", "weight is '1'", "integer"),
        (
            chat({**HI, "content": [{"type": "image_url"}]}, HELLO),
            "field",
            "no image data",
            "base64",
        ),
        (
            chat({**HI, "content": [image("http://x/y.png")]}, HELLO),
            "field",
            "no image data",
            "base64",
        ),
        (chat({**HI, "content": [image(7)]}, HELLO), "field", "no image data", "base64"),
        (
            chat({**HI, "content": [{"type": "audio"}]}, HELLO),
            "field",
            "no text or image_url",
            "text",
        ),
        (chat({**HI, "content": ["x"]}, HELLO), "field", "no text or image_url", "text"),
        (
            chat({**HI, "content": [{"type": "text"}]}, HELLO),
            "field",
            "a text part has no text",
            "text",
        ),
        (chat(HI, {**HELLO, "content": [image()]}), "field", "assistant shows an image", "users"),
        (chat(HI, RESULTS[0], HELLO), "tools", "message 2: no tool was called", "follows"),
        (
            chat(HI, CALL, {**RESULTS[0], "tool_call_id": "zz"}, HELLO),
            "tools",
            "answers no call ('zz')",
            "id",
        ),
        (
            {"input": "x", "preferred_output": [HELLO], "non_preferred_output": [HELLO]},
            "field",
            "input: expected an object",
            "messages",
        ),
        (
            {"input": chat(HI), "preferred_output": HELLO, "non_preferred_output": [HELLO]},
            "field",
            "preferred_output: expected a list of one",
            "role",
        ),
        (
            {
                "input": chat(HI),
                "preferred_output": [HELLO],
                "non_preferred_output": [HELLO, HELLO],
            },
            "field",
            "non_preferred_output: expected a list of one",
            "role",
        ),
        (
            {"input": chat(HI), "preferred_output": [HI], "non_preferred_output": [HELLO]},
            "roles",
            "preferred_output: not an assistant message",
            "assistant",
        ),
        (
            {"input": chat(HI, HI), "preferred_output": [HELLO], "non_preferred_output": [HELLO]},
            "roles",
            "user speaks twice",
            "join",
        ),
    ],
)
def test_what_the_services_refuse_is_an_error_with_its_line(write, row, code, said, mend):
    good = {"text": "a"} if "text" in row else row
    path = write("train.jsonl", [good, row] if good is not row else [row])
    errors = [found for found in check_training(path) if found.severity == "error"]

    assert code in {found.code for found in errors}
    (found, *_) = [found for found in errors if said in found.message]
    assert mend in found.mend
    assert found.where == f"{path}:{2 if good is not row else 1}"


@pytest.mark.parametrize(
    ("content", "said", "place"),
    [
        (b"", "the file holds no rows", ""),
        (b"\xff\xfe\xfd", "UTF-16", ":1"),
        (b'{"text": "Hello"}\n{"text": "na\xefve"}', "not UTF-8", ":2"),
        (b'{"text": "Hello"}\n"Invalid JSON Line"', "expected a JSON object, got a text", ":2"),
        (b'{"text": "Hello"}\n{"text": ', "not JSON", ":2"),
    ],
)
def test_files_that_cannot_be_read_are_findings(write, content, said, place):
    path = write("train.jsonl", content)
    errors = [found for found in check_training(path) if found.severity == "error"]

    assert any(said in found.message and found.where == f"{path}{place}" for found in errors)


def test_a_missing_file_is_a_finding(tmp_path):
    (found,) = check_training(tmp_path / "absent.jsonl")

    assert ("error", "file", "no such file") == (found.severity, found.code, found.message)


def test_two_formats_in_one_file_are_refused_with_both_lines(write):
    (found,) = checked(write, [chat(HI, HELLO), {"text": "How are you?"}])

    assert ("error", "format", "a text row, while line 1 is a conversation row") == (
        found.severity,
        found.code,
        found.message,
    )


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ((HI, HELLO, HI), "the last message is the user's"),
        ((HI, SYSTEM, HELLO), "system speaks late"),
        (({**HI, "emotion": "joy"}, HELLO), "unknown key 'emotion'"),
        ((HI, {**HELLO, "content": ""}), "content is empty"),
    ],
)
def test_what_is_odd_but_taken_is_a_warning(write, messages, said):
    (found,) = checked(write, [chat(*messages)])

    assert "warning" == found.severity
    assert said in found.message


def test_equal_rows_and_contradictions_are_warnings_with_both_lines(write):
    other = {**HELLO, "content": "Go away"}
    path = write(
        "train.jsonl", [chat(HI, HELLO), chat(SYSTEM, HI, HELLO), chat(HI, HELLO), chat(HI, other)]
    )
    found = [f for f in check_training(path) if f.code in ("duplicate", "contradiction")]

    assert [("warning", "duplicate", f"{path}:3"), ("warning", "contradiction", f"{path}:4")] == [
        (f.severity, f.code, f.where) for f in found
    ]
    assert all(f"{path}:1" in f.message for f in found)


def test_no_more_than_so_many_of_a_kind_are_shown_and_the_rest_counted(write):
    rows = [chat(HI, {**HELLO, "weight": 7 + k}) for k in range(50)]
    found = [f for f in checked(write, rows, max_errors=5) if f.code == "weight"]

    assert 6 == len(found)
    assert "45 more of this kind are not shown (50 in all)" == found[-1].message


def test_a_table_with_a_wrong_column_is_found(write):
    path = write("train.csv", "asfg\nx\n")

    assert ["error"] == [
        f.severity for f in check_training(path, spec=DataSpec()) if f.code == "format"
    ]
    assert [] == checked(write, "prompt,completion\na,b\n", name="ok.csv")


def test_rows_in_the_harness_own_form_are_a_warning_only(write):
    path = write("train.jsonl", [{"id": "a", "question": "x", "answer": "y"}])
    mapped = DataSpec(fields={"input": "question", "target": "answer"})

    for spec in (None, mapped):
        (found,) = check_training(path, spec=spec)
        assert ("warning", "format") == (found.severity, found.code)
    wrong = DataSpec(fields={"input": "question", "target": "reply"})
    assert "error" in {found.severity for found in check_training(path, spec=wrong)}


def test_tool_rows_of_every_shape_are_read_without_a_crash(write):
    """Whatever stands where a message should be is a finding, never an exception."""
    odd = [None, 7, "x", [], {}, {"role": None}, {"role": "tool"}, {"role": []}, {"tool_calls": 7}]
    for one in odd:
        for two in odd:
            assert check_training(write("a.jsonl", json.dumps(chat(one, two)) + "\n"))
