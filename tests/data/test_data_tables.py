"""CSV and TSV: quoting, ragged rows, headers, encodings."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.rows import Row, iter_rows
from evalharness.data.tables import iter_records, read_header
from evalharness.errors import DataError


def records(path):
    return [record for record in iter_records(path) if not isinstance(record, DataError)]


def faults(path):
    return [record for record in iter_records(path) if isinstance(record, DataError)]


def test_quotes_commas_and_line_ends_inside_fields_are_read(write):
    path = write("a.csv", 'id,input,target\n1,"a, ""b""\nc",d\n\n2,e,"f\r\ng"\n')

    assert records(path) == [
        (2, {"id": "1", "input": 'a, "b"\nc', "target": "d"}),
        (5, {"id": "2", "input": "e", "target": "f\r\ng"}),
    ]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_marks_line_ends_and_packing_change_nothing(write, mark, end, last, suffix):
    text = f"{mark}id,input{end}1,x{end}2,ü" + (end if last else "")

    assert records(write(f"a.csv{suffix}", text)) == [
        (2, {"id": "1", "input": "x"}),
        (3, {"id": "2", "input": "ü"}),
    ]


def test_utf_16_from_a_spreadsheet_is_read(write):
    path = write("a.tsv", "\ufeffid\tinput\r\n1\tx,y\r\n".encode("utf-16-le"))

    assert records(path) == [(2, {"id": "1", "input": "x,y"})]


def test_ragged_rows_name_the_line_they_start_on_and_the_rest_is_read(write):
    path = write("a.csv", 'id,input\n1,"two\nlines"\n2\n3,x,y\n4,z\n')

    assert [f"{path}:4", f"{path}:5"] == [fault.where for fault in faults(path)]
    assert [fault.message for fault in faults(path)] == [
        "the row has 1 fields, the header has 2",
        "the row has 3 fields, the header has 2",
    ]
    assert [number for number, _ in records(path)] == [2, 6]


def test_a_quote_that_is_never_closed_names_where_it_opened(write):
    path = write("a.csv", 'id,input\n1,x\n2,"open\n3,y\n4,z\n')

    (fault,) = faults(path)
    assert fault.where == f"{path}:3"
    assert "never closed" in fault.message


def test_a_quote_that_is_never_closed_does_not_swallow_a_large_file(tmp_path, peak_kib):
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write('id,input\n1,"open\n')
        file.writelines(f"{number},{'x' * 1000}\n" for number in range(40_000))
    code = """
import sys
from pathlib import Path
from evalharness.data.tables import iter_records
from evalharness.errors import DataError
for record in iter_records(Path(sys.argv[1])):
    if isinstance(record, DataError):
        print(record.where)
        break
"""
    (where,), peak = peak_kib(code, path)

    assert f"{path}:2" == where
    assert peak < 140 * 1024


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('id,input\n1,a"b"c\n2,"x"y\n', "not CSV"),
        ("id,input\n1,a\rb\n", "not CSV"),
    ],
)
def test_wrong_quotes_and_lone_carriage_returns_are_refused(write, content, said):
    assert any(said in fault.message for fault in faults(write("a.csv", content)))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(write, content):
    with pytest.raises(DataError, match="the file is empty"):
        records(write("a.csv", content))
    with pytest.raises(DataError, match="the file is empty"):
        read_header(write("a.csv", content))


def test_two_columns_of_one_name_are_refused(write):
    with pytest.raises(DataError, match="two columns have the name 'input'"):
        records(write("a.csv", "id,input,input\n1,2,3\n"))


def test_semicolons_are_recognised(write):
    with pytest.raises(DataError, match="not divided by commas"):
        records(write("a.csv", "id;input\n1;2\n"))


def test_the_index_column_that_pandas_writes_is_left_out(write):
    assert records(write("a.csv", ",input\n0,x\n")) == [(2, {"input": "x"})]


def test_a_line_in_another_encoding_is_refused_with_its_line(write):
    with pytest.raises(DataError, match="not UTF-8: byte 0xef") as caught:
        records(write("a.csv", b"id,input\n1,na\xefve\n"))
    assert caught.value.where.endswith("a.csv:2")


def test_a_nul_byte_is_refused_with_its_line(write):
    with pytest.raises(DataError, match="NUL") as caught:
        records(write("a.csv", b"id,input\n1,a\0b\n"))
    assert caught.value.where.endswith("a.csv:2")


cell = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=20) | st.text(
    st.sampled_from(',"\n\t; \u2028'), max_size=6
)


@settings(deadline=None)
@given(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=12))
def test_any_table_reads_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [("id", "input", "target"), *table]
    )
    path.write_bytes(out.getvalue().encode())

    read = [tuple(row.values.values()) for row in iter_rows(path, "csv") if isinstance(row, Row)]
    assert table == read
