"""Documents as passages: folders with odd files, JSONL with odd rows, and how texts are cut."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import DataError
from evalharness.prompts.passages import MAX_TEXT_BYTES, Passage, chunk, read_passages

WHERE = "suite.yaml, prompt.rag.documents"


def read(path: Path, chunk_words: int = 200) -> list[Passage]:
    return read_passages(path, chunk_words=chunk_words, where=WHERE)


def texts(path: Path) -> dict[str, str]:
    return {passage.document: passage.text for passage in read(path)}


# --- cutting -----------------------------------------------------------------------------------


def test_a_short_text_is_one_piece_with_its_outer_space_off():
    assert chunk("\n  one two\nthree  \n", 200) == ["one two\nthree"]


def test_the_text_inside_a_piece_is_untouched():
    assert chunk("# Title\n\n- one\n- two", 3) == ["# Title\n\n-", "one\n- two"]


def test_pieces_are_of_like_length_rather_than_one_full_and_one_short():
    pieces = chunk(" ".join(str(n) for n in range(201)), 200)
    assert [len(piece.split()) for piece in pieces] == [100, 101]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u3000"])
def test_a_text_without_words_has_no_piece(text):
    assert chunk(text, 5) == []


@given(st.text(st.sampled_from("ab \n\t"), max_size=80), st.integers(1, 6))
def test_pieces_hold_every_word_once_in_order_and_never_too_many(text, words):
    pieces = chunk(text, words)
    assert [word for piece in pieces for word in piece.split()] == text.split()
    sizes = [len(piece.split()) for piece in pieces]
    assert all(1 <= size <= words for size in sizes)
    assert len(pieces) == -(-len(text.split()) // words)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


@given(st.text(max_size=60), st.integers(1, 6))
def test_no_piece_of_any_text_loses_a_character_that_is_not_space(text, words):
    pieces = chunk(text, words)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece in text and piece == piece.strip() for piece in pieces)


def test_a_character_of_a_script_without_spaces_counts_as_a_word():
    assert chunk("如何更换银行卡", 3) == ["如何", "更换", "银行卡"]
    assert chunk("卡card号 x", 2) == ["卡card", "号 x"]


# --- folders -----------------------------------------------------------------------------------


def test_a_folder_gives_its_texts_in_the_order_of_their_paths(tmp_path):
    for name in ("b.txt", "a.md", "sub/c.TXT", "sub/a/d.Md", "B.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}", encoding="utf-8")
    assert [passage.document for passage in read(tmp_path)] == [
        "B.txt",
        "a.md",
        "b.txt",
        "sub/a/d.Md",
        "sub/c.TXT",
    ]


def test_the_passages_of_a_document_are_numbered_from_one(tmp_path):
    (tmp_path / "a.txt").write_text("one two three four five", encoding="utf-8")
    assert read(tmp_path, 2) == [
        Passage("a.txt", 1, "one"),
        Passage("a.txt", 2, "two three"),
        Passage("a.txt", 3, "four five"),
    ]


def test_other_files_hidden_files_and_hidden_folders_are_left_out(tmp_path):
    (tmp_path / ".git").mkdir()
    for name in ("a.txt", "b.pdf", "c.html", ".d.txt", ".git/e.txt", "README"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert list(texts(tmp_path)) == ["a.txt"]


def test_empty_documents_give_no_passage(tmp_path):
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    (tmp_path / "b.txt").write_text("here", encoding="utf-8")
    assert texts(tmp_path) == {"b.txt": "here"}


def test_a_folder_that_links_to_itself_is_read_once(tmp_path):
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert list(texts(tmp_path)) == ["a.txt"]


@pytest.mark.parametrize(
    "raw",
    [
        "Café £5\nzwei".encode(),
        "Café £5\nzwei".encode("utf-8-sig"),
        "Café £5\nzwei".encode("utf-16"),
        b"\xfe\xff" + "Café £5\nzwei".encode("utf-16-be"),
        "Café £5\r\nzwei".encode(),
        "Café £5\rzwei".encode(),
        gzip.compress("Café £5\nzwei".encode()),
    ],
    ids=["utf-8", "utf-8 mark", "utf-16", "utf-16 big", "crlf", "cr", "gzip"],
)
def test_encodings_that_say_what_they_are_give_the_same_text(tmp_path, raw):
    (tmp_path / "a.txt").write_bytes(raw)
    assert texts(tmp_path) == {"a.txt": "Café £5\nzwei"}


def test_latin_1_is_refused_with_file_line_and_mend(tmp_path):
    (tmp_path / "a.txt").write_text("fine", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes("\none\nCafé".encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert caught.value.message == "not UTF-8: byte 0xe9"
    assert caught.value.where == f"{tmp_path / 'b.txt'}:3"
    assert "iconv -f latin1" in (caught.value.mend or "")


@pytest.mark.parametrize(
    "raw",
    [
        "Café".encode("utf-16-le"),
        b"MZ\x00\x01",
        "Café".encode("utf-32"),
        gzip.compress(b"x" * 99)[:-9],
    ],
    ids=["utf-16 unmarked", "binary", "utf-32", "cut gzip"],
)
def test_what_is_no_text_is_refused_with_its_file(tmp_path, raw):
    (tmp_path / "a.txt").write_bytes(raw)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert "a.txt" in (caught.value.where or "")
    assert caught.value.mend


def test_gzip_that_breaks_off_in_the_middle_is_refused(tmp_path):
    packed = gzip.compress(os.urandom(200_000).hex().encode())
    (tmp_path / "a.txt.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="cut short or damaged") as caught:
        read(tmp_path)
    assert "a.txt.gz" in (caught.value.where or "")


def test_a_file_too_large_for_a_person_is_refused(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"word " * (MAX_TEXT_BYTES // 5 + 1), 1))
    with pytest.raises(DataError, match="more than 16 MiB"):
        read(tmp_path)


def test_a_file_name_that_is_no_utf8_is_shown_with_marks(tmp_path):
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        (tmp_path / name).write_text("here", encoding="utf-8")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 names only")
    assert texts(tmp_path) == {"caf\ufffd.txt": "here"}


def test_a_folder_without_texts_is_refused(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value).splitlines() == [
        "the folder holds no .txt or .md file",
        f"  where: {WHERE}: {tmp_path}",
        "  mend:  turn other formats into text first",
    ]


def test_a_folder_of_empty_texts_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text(" \n", encoding="utf-8")
    with pytest.raises(DataError, match="no document holds any text"):
        read(tmp_path)


def test_an_absent_path_is_refused(tmp_path):
    (tmp_path / "manual.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "manuel.jsonl")
    assert "manual.jsonl" in (caught.value.mend or "")


# --- JSONL -------------------------------------------------------------------------------------


def rows(path: Path, *values: object) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def test_rows_give_passages_with_id_and_title(tmp_path):
    path = rows(
        tmp_path / "kb.jsonl",
        {"id": "faq-1", "title": "Refunds", "text": "Within 30 days.", "url": "ignored"},
        {"id": 7, "text": "No title."},
    )
    assert read(path) == [
        Passage("faq-1", 1, "Within 30 days.", "Refunds"),
        Passage("7", 1, "No title."),
    ]
    assert [str(passage) for passage in read(path)] == ["Refunds\nWithin 30 days.", "No title."]


def test_every_passage_of_a_long_row_carries_its_title(tmp_path):
    path = rows(tmp_path / "kb.jsonl", {"id": "a", "title": "T", "text": "one two three"})
    assert [passage.title for passage in read(path, 1)] == ["T", "T", "T"]


def test_a_row_without_an_id_is_called_by_its_content(tmp_path):
    path = rows(tmp_path / "kb.jsonl", {"text": "x"}, {"text": "y"}, {"text": "x", "title": "t"})
    names = [passage.document for passage in read(path)]
    assert len(set(names)) == 3
    assert names == [passage.document for passage in read(path)]


def test_blank_lines_and_gzip_are_fine(tmp_path):
    path = tmp_path / "kb.jsonl.gz"
    path.write_bytes(
        gzip.compress(b'\xef\xbb\xbf{"id": "a", "text": "x"}\r\n\r\n{"id": "b", "text": "y"}')
    )
    assert texts(path) == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ("plain words", "not valid JSON"),
        ("[1]", "a JSON object is expected"),
        ('"x"', "a JSON object is expected"),
        ("null", "a JSON object is expected"),
        ("{}", "needs a `text`"),
        ('{"text": null}', "needs a `text`"),
        ('{"text": ["x"]}', "needs a `text`"),
        ('{"text": "x", "title": 3}', "`title` must be a string"),
        ('{"text": "x", "id": true}', "`id` must be"),
        ('{"text": "x", "id": 1.5}', "`id` must be"),
        ('{"text": "x", "id": ["a"]}', "`id` must be"),
        ('{"text": "\x00"}', "NUL"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path, line, message):
    path = tmp_path / "kb.jsonl"
    path.write_text(f'{{"id": "a", "text": "fine"}}\n\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read(path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}:3"
    assert caught.value.mend


def test_a_row_that_is_no_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "kb.jsonl"
    path.write_bytes('{"text": "x"}\n{"text": "Café"}\n'.encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read(path)
    assert caught.value.where == f"{path}:2"


def test_two_documents_of_one_id_are_refused_with_both_lines(tmp_path):
    path = rows(tmp_path / "kb.jsonl", {"id": "a", "text": "x"}, {"id": "a", "text": "y"})
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.message == "two documents have the id 'a'"
    assert caught.value.where == f"{path}:2, first in line 1"


def test_a_file_without_rows_is_refused(tmp_path):
    path = tmp_path / "kb.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="no document holds any text"):
        read(path)
