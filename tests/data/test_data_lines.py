"""Bytes on disk -> numbered lines: encodings, line ends, packing, sizes, damage."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.lines import MAX_LINE_BYTES, Line, iter_lines, not_utf8
from evalharness.errors import DataError

ROW = '{"id": "q1", "input": "naïve 😀?", "target": "ja"}'


def texts(path: Path) -> list[bytes]:
    return [line.text for line in iter_lines(path) if isinstance(line, Line)]


def faults(path: Path) -> list[DataError]:
    return [line for line in iter_lines(path) if isinstance(line, DataError)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_line_ends_marks_and_packing_change_nothing(write, end, last, mark, suffix):
    path = write(f"a.jsonl{suffix}", mark + (ROW + end + ROW + (end if last else "")).encode())

    assert [ROW.encode()] * 2 == texts(path)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_utf_16_with_a_mark_is_read(write, encoding, suffix):
    lines = [ROW, "", ROW]
    content = ("\ufeff" + "\r\n".join(lines)).encode(encoding)

    assert [line.encode() for line in lines] == texts(write(f"a.jsonl{suffix}", content))


def test_utf_16_without_a_mark_is_refused_by_line(write):
    (fault, *_) = faults(write("a.jsonl", ROW.encode("utf-16-le")))

    assert "UTF-16 without a byte order mark" in fault.message
    assert fault.where.endswith("a.jsonl:1")


def test_utf_16_cut_inside_a_character_is_refused_with_its_line(write):
    content = ("\ufeff" + ROW + "\n").encode("utf-16-le") + b"\x41"

    with pytest.raises(DataError, match="UTF-16") as caught:
        texts(write("a.jsonl", content))
    assert caught.value.where.endswith("a.jsonl:1")


def test_utf_32_is_refused(write):
    with pytest.raises(DataError, match="UTF-32"):
        texts(write("a.jsonl", ROW.encode("utf-32")))


def test_a_nul_byte_is_refused_with_line_and_column_and_the_rest_is_read(write):
    path = write("a.jsonl", b"one\ntw\0o\nthree\n")

    (fault,) = faults(path)
    assert "NUL byte at column 3" in fault.message
    assert fault.where == f"{path}:2"
    assert texts(path) == [b"one", b"three"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"PK\x03\x04", "zip"),
        (b"\x28\xb5\x2f\xfd", "zstandard"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh9", "bzip2"),
        (b"PAR1", "Parquet"),
    ],
)
def test_other_packings_are_named(write, head, said):
    with pytest.raises(DataError, match=said):
        texts(write("a.jsonl", head + b"rest of it"))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_cut_gzip_file_is_refused(write, keep):
    packed = gzip.compress("\n".join(f"{ROW}{i}" for i in range(20_000)).encode())
    path = write("a.jsonl", packed[: int(len(packed) * keep)])

    with pytest.raises(DataError, match="cut short or damaged") as caught:
        texts(path)
    assert "gzip -t" in caught.value.mend


def test_a_gzip_file_with_a_flipped_byte_is_refused(write):
    packed = bytearray(gzip.compress("\n".join(f"{ROW}{i}" for i in range(2_000)).encode()))
    packed[len(packed) // 2] ^= 0xFF

    with pytest.raises(DataError, match="cut short or damaged"):
        texts(write("a.jsonl", bytes(packed)))


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "heldout.jsonl").write_text(ROW)

    with pytest.raises(DataError, match="no such file") as caught:
        texts(tmp_path / "held_out.jsonl")
    assert caught.value.mend == "did you mean 'heldout.jsonl'?"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="found a folder"):
        texts(tmp_path)


def test_a_line_at_the_limit_is_read_and_one_past_it_refused(write):
    path = write("a.txt", b"a\n" + b"x" * MAX_LINE_BYTES + b"\nb\n" + b"y" * (MAX_LINE_BYTES + 1))

    assert [text for text in texts(path) if len(text) < 10] == [b"a", b"b"]
    assert [len(text) for text in texts(path) if len(text) > 10] == [MAX_LINE_BYTES]
    (fault,) = faults(path)
    assert fault.where == f"{path}:4"
    assert "16.0 MiB" in fault.message


def test_line_numbers_and_offsets_point_into_the_file(write):
    raw = b"first\n\n" + b"x" * 200_000 + b"\r\nlast"
    path = write("a.txt", raw)

    for line in iter_lines(path):
        assert raw[line.offset :].startswith(line.text)
    assert [line.number for line in iter_lines(path)] == [1, 2, 3, 4]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda b: b.translate(None, b"\0\n\r")), max_size=30))
def test_any_bytes_come_back_line_by_line(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_bytes(b"start\n" + b"\n".join(lines))

    read = texts(path)
    assert read == (b"start\n" + b"\n".join(lines)).removesuffix(b"\n").split(b"\n")


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(65_500, 65_600))
def test_lines_across_blocks_are_whole(tmp_path_factory, first, second):
    path = tmp_path_factory.mktemp("blocks") / "a.txt"
    lines = [b"a" * first, b"b" * second, b"c" * 70_000, b"d"]
    path.write_bytes(b"\n".join(lines) + b"\n")

    assert lines == texts(path)


def test_latin_1_is_refused_with_byte_and_column(write):
    path = write("a.jsonl", b"ok\nna\xefve\n")
    wrong = [not_utf8(path, line.number, line.text) for line in iter_lines(path)]

    assert wrong[0] is None
    assert wrong[1].message == "not UTF-8: byte 0xef at column 3"
    assert wrong[1].where == f"{path}:2"
    assert "iconv" in wrong[1].mend


READ = """
import sys
from pathlib import Path
from evalharness.data.sources import open_source
from evalharness.errors import DataError
from evalharness.spec.suite import DataSpec
try:
    list(open_source(DataSpec(path=sys.argv[1]), base=Path()))
except DataError as error:
    print(error.where, error.message)
"""


def test_a_50_mb_line_is_refused_in_bounded_memory(tmp_path, peak_kib):
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        file.write('{"id": "a", "input": "short", "target": "b"}\n')
        file.write('{"id": "b", "input": "' + "x" * 50_000_000 + '", "target": "b"}\n')

    (said,), peak = peak_kib(READ, path)

    assert f"{path}:2 the line has 47.7 MiB, more than 16 MiB" == said
    assert peak < 80 * 1024
