"""Held-out files: every fault is found, with its line, and real overlap with training files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.checks import check_data
from evalharness.data.findings import CODES
from evalharness.data.overlap import Spoken, normalised
from evalharness.errors import SpecError
from evalharness.spec.suite import DataSpec, HubData


def found(path, *, train=None, max_errors=20, **spec):
    return check_data(
        DataSpec(path=str(path), **spec), base=path.parent, train=train, max_errors=max_errors
    )


def brief(findings):
    return [(f.severity, f.code, f.where.rpartition(":")[2].strip()) for f in findings]


GOOD = [{"id": f"q{i}", "input": f"question {i}", "target": f"answer {i}"} for i in range(5)]


def test_a_good_file_has_no_findings(write):
    assert [] == found(write("a.jsonl", GOOD))
    assert [] == found(write("a.csv", "id,input,target\n1,x,y\n"))


def test_every_broken_line_is_found_not_only_the_first(write):
    lines = [json.dumps(row) for row in GOOD]
    lines[1] = "{"
    lines[3] = '{"id": "x"}'
    lines.append('{"id": "y", "input": 1, "target": {}}')
    path = write("a.jsonl", "\n".join(lines))

    assert [("error", "line", "2"), ("error", "field", "4"), ("error", "field", "6")] == brief(
        found(path)
    )
    assert all(f.mend or "expected" in f.message for f in found(path))


def test_twenty_of_a_kind_are_shown_and_the_others_counted(write):
    rows = [{"id": n, "input": f"a{n}", "target": "b"} for n in range(100)] * 2
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    findings = found(path)

    assert 21 == len(findings), findings
    assert "80 more of this kind are not shown (100 in all)" == findings[-1].message
    assert 100 == sum(finding.count for finding in findings)
    assert 4 == len(found(path, max_errors=3))


def test_the_same_words_are_said_three_times_at_most(write):
    findings = found(write("a.jsonl", "{\n" * 100 + json.dumps(GOOD[0])))

    assert ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3"] == [f.where[-9:] for f in findings[:3]]
    assert ["97 more of this kind are not shown (100 in all)"] == [f.message for f in findings[3:]]
    assert 100 == sum(finding.count for finding in findings)


@pytest.mark.parametrize("content", [b"", b"\n", b"PK\x03\x04", b"\xff\xfe\x00\x00"])
def test_a_file_that_cannot_be_used_is_one_finding(write, content):
    (finding,) = found(write("a.jsonl", content))

    assert ("error", "file") == (finding.severity, finding.code)


def test_a_missing_file_and_missing_data_are_findings(tmp_path):
    assert "no such file" == found(tmp_path / "absent.jsonl")[0].message
    assert "the suite names no data" == check_data(DataSpec(), base=tmp_path)[0].message


def test_a_wrong_mapping_is_the_suite_s_fault(write):
    with pytest.raises(SpecError):
        found(write("a.jsonl", GOOD), fields={"imput": "x"})


def test_repeated_ids_and_rows_are_errors(write):
    rows = [
        *GOOD,
        {**GOOD[0], "input": "other"},
        {"input": "x", "target": "y"},
        {"input": "x", "target": "y"},
    ]
    findings = found(write("a.jsonl", rows))

    assert [("error", "duplicate", "6"), ("error", "duplicate", "8")] == brief(findings)
    assert findings[0].message.endswith(":1")
    assert findings[1].message.endswith(":7, and neither has an id")


def test_equal_samples_under_two_ids_are_a_warning(write):
    path = write("a.jsonl", [*GOOD, {**GOOD[2], "id": "other"}])
    (finding,) = found(path)

    assert ("warning", "duplicate") == (finding.severity, finding.code)
    assert f"{path}:3" in finding.message


def test_contradictory_targets_are_a_warning(write):
    path = write("a.jsonl", [*GOOD, {**GOOD[2], "id": "other", "target": "else"}])
    (finding,) = found(path)

    assert ("warning", "contradiction", "6") == brief([finding])[0]
    assert f"{path}:3" in finding.message
    assert "every acceptable answer" in finding.mend


def test_the_same_words_about_another_passage_are_another_question(write):
    passages = ["A long passage on one thing. " * 4, "A long passage on another. " * 4]
    rows = [
        {"id": str(i), "input": "Who?", "target": t, "article": passage}
        for i, (t, passage) in enumerate(zip("ab", passages, strict=True))
    ]

    assert [] == found(write("a.jsonl", rows))
    assert ["contradiction"] == [
        f.code for f in found(write("b.jsonl", [{**row, "article": passages[0]} for row in rows]))
    ]


def test_empty_inputs_are_errors_and_empty_targets_warnings(write):
    rows = [
        {"id": "a", "input": " ", "target": "x"},
        {"id": "b", "input": "x", "target": ""},
        {"id": "c", "input": "y", "target": ["z", "\n"]},
    ]

    assert [("error", "empty", "1"), ("warning", "empty", "2"), ("warning", "empty", "3")] == brief(
        found(write("a.jsonl", rows))
    )


def test_a_set_without_targets_is_a_warning_once(write):
    rows = [{"id": str(i), "input": f"x{i}"} for i in range(30)]
    (finding,) = found(write("a.jsonl", rows))

    assert ("warning", "targets") == (finding.severity, finding.code)
    assert "30 of 30 samples have no target" == finding.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("caf\ufffd", "a character was lost"),
        ("cafÃ©", "read as Latin-1"),
        ("itâ€™s", "read as Latin-1"),
        ("bell \x07 rings", "control characters"),
        ("\x1b[31mred", "control characters"),
    ],
)
@pytest.mark.parametrize("field", ["input", "target"])
def test_signs_of_a_wrong_encoding_are_warnings(write, text, said, field):
    (finding,) = found(write("a.jsonl", [{"id": "a", "input": "x", "target": "y", field: text}]))

    assert ("warning", "encoding", "1") == brief([finding])[0]
    assert said in finding.message
    assert finding.message.startswith(field)


@pytest.mark.parametrize("text", ["café", "naïve Ärger", "Âme", "x\ty\nz", "日本語 😀", "£5 “ok”"])
def test_good_texts_are_no_sign_of_a_wrong_encoding(write, text):
    assert [] == found(write("a.jsonl", [{"id": "a", "input": text, "target": text}]))


def test_chat_rows_out_of_order_are_warnings(write):
    row = {
        "id": "a",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "user", "content": "Hi?"},
            {"role": "assistant", "content": "Hello"},
        ],
    }
    path = write("a.jsonl", [row])

    assert [("warning", "roles", "1")] == brief(found(path))
    assert "user speaks twice" in found(path)[0].message
    assert [("warning", "roles", "1")] == brief(
        found(
            write("b.jsonl", [{"id": "a", "dialog": row["messages"]}]),
            fields={"messages": "dialog"},
        )
    )


def test_no_code_of_a_finding_is_unknown(write):
    rows = [*GOOD, GOOD[0], {"id": "z", "input": "caf\ufffd", "target": ""}, {"id": "y"}]
    assert {f.code for f in found(write("a.jsonl", rows))} <= set(CODES)


# --- leaks -------------------------------------------------------------------------------------


def test_a_leak_is_named_with_both_lines(write):
    train = write(
        "train.jsonl", [{"input": "other", "target": "x"}, {"input": "question 3", "target": "?"}]
    )
    path = write("a.jsonl", GOOD)
    (finding,) = found(path, train=train)

    assert ("error", "leak", f"{path}:4") == (finding.severity, finding.code, finding.where)
    assert f"{train}:2" in finding.message


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("question 3", "error"),
        ("\n question 3 ", "error"),
        ("Question  3?", "warning"),
        ("QUESTION 3.", "warning"),
        ("“question\n3”", "warning"),
    ],
)
def test_a_leak_up_to_case_spacing_and_end_marks_is_a_warning(write, text, severity):
    train = write("train.jsonl", [{"input": text, "target": "x"}])

    assert [severity] == [f.severity for f in found(write("a.jsonl", GOOD), train=train)]


@pytest.mark.parametrize("text", ["question 33", "question", "3", "question 3 and more", ""])
def test_what_only_resembles_is_no_leak(write, text):
    train = write("train.jsonl", [{"input": text, "target": "x"}])

    assert [] == found(write("a.jsonl", GOOD), train=train)


@pytest.mark.parametrize(
    "row",
    [
        {"input": "question 3", "target": "x"},
        {"prompt": "question 3", "completion": "x"},
        {"text": "question 3"},
        {
            "messages": [
                {"role": "system", "content": "Be kind"},
                {"role": "user", "content": "question 3"},
                {"role": "assistant", "content": "x"},
            ]
        },
        {
            "input": {"messages": [{"role": "user", "content": "question 3"}]},
            "preferred_output": [],
            "non_preferred_output": [],
        },
    ],
)
def test_a_leak_is_seen_in_every_training_format(write, row):
    assert ["leak"] == [
        f.code for f in found(write("a.jsonl", GOOD), train=write("t.jsonl", [row]))
    ]


def test_a_leak_is_seen_in_every_turn_of_a_conversation(write):
    said = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    messages = [{"role": role, "content": content} for role, content in said]
    train = write("train.jsonl", [{"messages": messages}])
    first = write("first.jsonl", [{"id": "1", "messages": messages[:2]}])
    whole = write("whole.jsonl", [{"id": "1", "messages": messages}])
    later = write("later.jsonl", [{"id": "1", "messages": messages[2:]}])

    assert [1, 1, 0] == [
        sum(f.code == "leak" for f in found(path, train=train)) for path in (first, whole, later)
    ]
    assert 2 == sum(f.code == "leak" for f in found(whole, train=train, turns="all"))


def test_the_training_file_that_the_suite_names_is_looked_at(write):
    write("train.csv", "question,answer\nquestion 3,x\n")
    path = write("a.csv", "question,answer\nquestion 3,y\n")

    assert ["leak"] == [
        f.code
        for f in found(path, train=None, fields={"input": "question", "target": "answer"})
        + check_data(
            DataSpec(
                path="a.csv", train="train.csv", fields={"input": "question", "target": "answer"}
            ),
            base=path.parent,
        )
    ]


def test_a_training_file_that_cannot_be_read_is_found(write):
    path = write("a.jsonl", GOOD)
    broken = write("train.jsonl", '{"input": "x"}\n{\n{"foo": 1}\n')

    assert [("error", "line", "2"), ("error", "field", "3")] == brief(found(path, train=broken))
    assert "no such file" == found(path, train=path.parent / "absent.jsonl")[0].message


def test_a_hub_set_is_checked_by_its_copy(write):
    path = write("a.jsonl", [*GOOD, GOOD[0]])
    spec = DataSpec(hf=HubData(path="some/set"))

    assert ["duplicate"] == [f.code for f in check_data(spec, base=path.parent, override=path)]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a b", "A  b.", "c", "C!", "d e f", " "]), max_size=12),
    st.lists(st.sampled_from(["a b", "A  b.", "c", "C!", "d e f", " "]), max_size=12),
)
def test_shared_questions_are_those_of_a_plain_comparison(ours, theirs):
    held_out, train = Spoken(), Spoken()
    for number, text in enumerate(ours):
        held_out.add(number, text)
    for number, text in enumerate(theirs):
        train.add(number, text)

    shared = list(held_out.shared_with(train))
    plain = {normalised(text) for text in theirs} - {""}
    assert [n for n, text in enumerate(ours) if normalised(text) in plain] == [
        n for n, _, _ in shared
    ]
    for number, line, exact in shared:
        assert normalised(ours[number]) == normalised(theirs[line])
        assert exact == (ours[number].strip() in {text.strip() for text in theirs})


@settings(deadline=None)
@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing_more(text):
    assert normalised(normalised(text)) == normalised(text)
