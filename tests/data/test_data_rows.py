"""JSON Lines, JSON documents and plain lines as rows: what is refused, and with which mend."""

from __future__ import annotations

import json

import pytest

from evalharness.data.documents import read_document_bytes
from evalharness.data.rows import Row, format_of, iter_rows
from evalharness.errors import DataError

GOOD = '{"id": "q1", "input": "a", "target": "b"}'


def rows(path, fmt):
    return [row for row in iter_rows(path, fmt) if isinstance(row, Row)]


def faults(path, fmt):
    return [row for row in iter_rows(path, fmt) if isinstance(row, DataError)]


@pytest.mark.parametrize(
    ("name", "fmt"),
    [
        ("a.jsonl", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("A.JSONL", "jsonl"),
        ("dev.v2.json.gz", "json"),
        ("a.csv.gz", "csv"),
        ("a.tsv", "csv"),
        ("a.txt", "lines"),
        ("de-en.hyp.AIRC.gz", None),
        ("a", None),
    ],
)
def test_the_name_says_the_format(tmp_path, name, fmt):
    assert fmt == format_of(tmp_path / name)


def test_a_broken_line_4812_is_named_and_the_others_are_read(write):
    lines = [GOOD] * 5000
    lines[4811] = '{"id": "q1", "input": "a'
    path = write("heldout.jsonl", "\n".join(lines))

    (fault,) = faults(path, "jsonl")
    assert fault.where == f"{path}:4812"
    assert fault.message.startswith("not JSON: ")
    assert "column" in fault.message
    assert fault.mend
    assert len(rows(path, "jsonl")) == 4999


@pytest.mark.parametrize(
    ("line", "message", "mend"),
    [
        ("[1, 2]", "expected a JSON object, got a list", "one object a line"),
        ('"text"', "expected a JSON object, got a text", "one object a line"),
        ("7", "expected a JSON object, got a number", "one object a line"),
        ("null", "expected a JSON object, got null", "one object a line"),
        ("true", "expected a JSON object, got true or false", "one object a line"),
        ('{"a": NaN, "b": "\\ud83d"}', "not JSON", "JSON library"),
        ('{"a": NaN, "b": 1' + "0" * 400 + "}", "not JSON", "JSON library"),
        ('{"a": NaN', "not JSON", "JSON library"),
        ('{"a": nan}', "not JSON", "JSON library"),
        ("{'a': 1}", "not JSON", "JSON library"),
        ('{"a": "\\ud83d"}', "not JSON", "half of a"),
        ('{"a": 1}{"b": 2}', "not JSON", "JSON library"),
        ('{"a": "tab\there"}', "not JSON", "JSON library"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_a_mend(write, line, message, mend):
    (fault,) = faults(write("a.jsonl", f"{GOOD}\n{line}\n"), "jsonl")

    assert message in fault.message
    assert mend in fault.mend
    assert fault.where.endswith("a.jsonl:2")


def test_the_nan_that_python_writes_is_a_text(write):
    (row,) = rows(write("a.jsonl", '{"a": NaN, "b": [-Infinity, 1.50], "c": "NaN"}'), "jsonl")

    assert row.values == {"a": "NaN", "b": ["-Infinity", 1.5], "c": "NaN"}
    assert row.literal(1.5) == "1.50"


@pytest.mark.parametrize("number", ["7", str(2**63), str(-(2**63)), str(2**64), str(10**30)])
def test_integers_beside_a_nan_are_what_they_are_elsewhere(write, number):
    lines = f'{{"a": NaN, "b": {number}}}\n{{"a": 0, "b": {number}}}\n'
    with_nan, without = rows(write("a.jsonl", lines), "jsonl")

    assert with_nan.values["b"] == without.values["b"]
    assert type(with_nan.values["b"]) is type(without.values["b"])


def test_a_line_in_another_encoding_is_refused_as_such(write):
    (fault,) = faults(write("a.jsonl", b'{"a": "na\xefve"}\n'), "jsonl")

    assert fault.message == "not UTF-8: byte 0xef at column 10"


def test_a_json_list_in_a_jsonl_file_is_recognised(write):
    (fault, *_) = faults(write("a.jsonl", json.dumps([json.loads(GOOD)], indent=1)), "jsonl")

    assert "data.format: json" in fault.mend


def test_a_pretty_printed_object_in_a_jsonl_file_is_recognised(write):
    (fault, *_) = faults(write("a.jsonl", json.dumps(json.loads(GOOD), indent=1)), "jsonl")

    assert "jq -c" in fault.mend


def test_json_lines_in_a_json_file_are_recognised(write):
    with pytest.raises(DataError, match="not JSON") as caught:
        rows(write("a.json", f"{GOOD}\n{GOOD}\n"), "json")
    assert "data.format: jsonl" in caught.value.mend
    assert caught.value.where.endswith("a.json:2")


def test_blank_lines_are_passed_over_and_counted(write):
    path = write("a.jsonl", f"\n{GOOD}\n  \t\n\r\n{GOOD}")

    assert [row.number for row in rows(path, "jsonl")] == [2, 5]


def test_a_json_list_gives_numbered_items(write):
    path = write("a.json", json.dumps([{"a": 1}, 7, {"b": 2}], indent=2))

    assert [row.values for row in rows(path, "json")] == [{"a": 1}, {"b": 2}]
    assert f"{path}: item 3" == rows(path, "json")[1].where
    (fault,) = faults(path, "json")
    assert f"{path}: item 2" == fault.where


def test_a_list_under_data_is_read_too(write):
    assert [r.values for r in rows(write("a.json", '{"data": [{"a": 1}]}'), "json")] == [{"a": 1}]


@pytest.mark.parametrize("content", ['{"a": 1}', '"text"', "7", '{"data": 7}'])
def test_a_document_of_another_shape_is_refused(write, content):
    with pytest.raises(DataError, match="expected a list of objects"):
        rows(write("a.json", content), "json")


@pytest.mark.parametrize("content", ["", "  \n"])
def test_an_empty_document_is_refused(write, content):
    with pytest.raises(DataError, match="the file is empty"):
        rows(write("a.json", content), "json")


def test_a_document_that_is_too_large_is_refused_with_the_way_to_stream_it(write):
    path = write("a.json", json.dumps([{"a": "x" * 200}]))

    with pytest.raises(DataError, match="is not read whole") as caught:
        read_document_bytes(path, at_most=100)
    assert "jq -c" in caught.value.mend
    assert read_document_bytes(path, at_most=1000) == path.read_bytes()


def test_a_document_broken_in_the_middle_names_the_line(write):
    with pytest.raises(DataError, match="not JSON") as caught:
        rows(write("a.json", '[\n{"a": 1},\n{"a": }\n]'), "json")
    assert caught.value.where.endswith("a.json:3")


@pytest.mark.parametrize("written", ["1.10", "72.0", "1e5", "123456789012345678901234567890"])
@pytest.mark.parametrize("fmt", ["jsonl", "json"])
def test_numbers_are_kept_as_they_are_written(write, written, fmt):
    line = f'{{"target": {written}}}'
    path = write(f"a.{fmt}", line if fmt == "jsonl" else f"[{line}]")

    (row,) = rows(path, fmt)
    assert written == row.literal(row.values["target"])


def test_plain_lines_become_inputs(write):
    path = write("a.txt", "one\r\n\ntwo, three\u2028four")

    assert [row.values for row in rows(path, "lines")] == [
        {"input": "one"},
        {"input": "two, three\u2028four"},
    ]
    assert [row.number for row in rows(path, "lines")] == [1, 3]


def test_a_plain_line_in_another_encoding_is_refused(write):
    (fault,) = faults(write("a.txt", b"ok\n\xff\n"), "lines")

    assert fault.where.endswith("a.txt:2")
