"""The journal: whole lines only, found again, resumed after a kill at any byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import StoreError, WriteError
from evalharness.records import Answered, Completion, Failed
from evalharness.store.journal import (
    JournalReader,
    JournalWriter,
    OutcomeEntry,
    cut_torn_line,
    read_entries,
)


def entry(number: int, text: str = "a", repeat: int = 0) -> OutcomeEntry:
    outcome = Answered(completion=Completion(text=text))
    return OutcomeEntry(id=f"q{number}", key=f"{number:032x}", outcome=outcome, repeat=repeat)


def write(path, entries):
    with JournalWriter[OutcomeEntry](path, name="outcomes") as journal:
        for one in entries:
            journal.append(one)


def reader(path):
    return JournalReader(path, OutcomeEntry, name="outcomes")


def test_what_was_appended_is_found_by_sample_and_repeat(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    written = [entry(n, f"text {n}", repeat) for n in range(50) for repeat in range(3)]
    write(path, written)
    journal = reader(path)
    assert len(written) == len(journal)
    for one in written:
        assert [one] == journal.find(one.id, one.repeat)
    assert journal.find("absent", 0) == []
    assert written == list(read_entries(path, OutcomeEntry))


def test_a_missing_journal_is_an_empty_one(tmp_path):
    journal = reader(tmp_path / "none.jsonl")
    assert len(journal) == 0
    assert journal.find("q1", 0) == []


def test_the_last_line_of_a_unit_stands_last(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    failed = OutcomeEntry(id="q1", key="k", outcome=Failed(kind="timeout"))
    write(path, [failed, entry(2), entry(1, "later")])
    found = reader(path).find("q1", 0)
    assert [failed, entry(1, "later")] == found


def test_cut_at_every_byte_the_exact_prefix_remains_and_writing_goes_on(tmp_path):
    whole = tmp_path / "whole.jsonl"
    written = [entry(n, "é" * (n % 7)) for n in range(8)]
    write(whole, written)
    blob = whole.read_bytes()
    torn = tmp_path / "torn.jsonl"
    for size in range(len(blob) + 1):
        torn.write_bytes(blob[:size])
        kept = max(0, blob[:size].count(b"\n") - 1)
        assert kept == len(reader(torn))
        write(torn, [entry(99)])
        assert [*written[:kept], entry(99)] == list(read_entries(torn, OutcomeEntry))


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), max_size=20))
@settings(max_examples=30)
def test_any_texts_and_ids_are_found_again(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("journal") / "outcomes.jsonl"
    written = [
        OutcomeEntry(id=text, key="", outcome=Answered(completion=Completion(text=text)), repeat=n)
        for n, text in enumerate(texts)
    ]
    with JournalWriter[OutcomeEntry](path, name="outcomes") as journal:
        journal.append_many(written)
    found = reader(path)
    assert all(found.find(one.id, one.repeat) == [one] for one in written)


def test_a_damaged_line_is_named_by_its_number(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    write(path, [entry(1), entry(2)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"id": 5}\n' + lines[2])
    with pytest.raises(StoreError) as error:
        reader(path)
    assert "outcomes.jsonl:2" in str(error.value)
    assert "mend" in str(error.value)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_text('{"id": "q1", "output": "text"}\n')
    with pytest.raises(StoreError, match="not a file of evalharness"):
        reader(path)
    path.write_text('{"format": 99, "file": "outcomes"}\n')
    with pytest.raises(StoreError, match="format 99"):
        reader(path)
    path.write_text('{"format": 1, "file": "evidence"}\n')
    with pytest.raises(StoreError, match="'evidence' file"):
        reader(path)


def test_an_unwritable_folder_is_a_write_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(WriteError) as error:
        JournalWriter(blocked / "outcomes.jsonl", name="outcomes")
    assert "--out" in str(error.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_a_write_error_that_says_so():
    with pytest.raises(WriteError, match="(?i)space|full"):
        write_to_full()


def write_to_full():
    from pathlib import Path

    with JournalWriter[OutcomeEntry](Path("/dev/full"), name="outcomes") as journal:
        journal.append(entry(1))


def test_a_long_torn_line_is_cut_whatever_its_length(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_bytes(b"first\n" + b"x" * 200_000)
    assert cut_torn_line(path) == 200_000
    assert path.read_bytes() == b"first\n"


WRITER = """
import sys
from pathlib import Path
from evalharness.store.journal import JournalWriter, OutcomeEntry
from evalharness.records import Answered, Completion
with JournalWriter(Path(sys.argv[1]), name="outcomes") as journal:
    for n in range(10**9):
        journal.append(OutcomeEntry(id=f"q{n}", key="", outcome=Answered(completion=Completion(text="x" * 500))))
        print(n, flush=True)
"""


def test_kill_nine_loses_no_acknowledged_record(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    for _ in range(3):
        before = len(reader(path))
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        acknowledged = [process.stdout.readline() for _ in range(50)]
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        count = len(acknowledged) + rest.count("\n")
        assert before + count <= len(reader(path)) <= before + count + 1


@given(st.permutations(range(6)), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_units_are_found_in_any_order_also_when_one_stands_twice(
    tmp_path_factory, order, answered_again
):
    path = tmp_path_factory.mktemp("journal") / "outcomes.jsonl"
    written = [entry(n, f"text {n}") for n in range(6)]
    write(path, written)
    once = reader(path)
    for n in order:
        assert [written[n]] == once.find(f"q{n}", 0)
        assert [] == once.find("absent", 0)
    write(path, [entry(answered_again, "later")])
    twice = reader(path)
    for n in (*range(6), *order):
        later = [entry(answered_again, "later")] if n == answered_again else []
        assert [written[n], *later] == twice.find(f"q{n}", 0)
