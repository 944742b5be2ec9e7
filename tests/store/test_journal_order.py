"""A journal read in the order written needs no index; read in any order it finds the same."""

from __future__ import annotations

import tracemalloc

import pytest

from evalharness.records import Answered, Completion
from evalharness.store.journal import JournalReader, JournalWriter, OutcomeEntry

N = 20_000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "outcomes.jsonl"
    with JournalWriter[OutcomeEntry](path, name="outcomes") as journal:
        journal.append_many([entry(number) for number in range(N)])
    return path


def entry(number: int) -> OutcomeEntry:
    return OutcomeEntry(
        id=f"q{number}", key="", outcome=Answered(completion=Completion(text=f"a{number}"))
    )


def held_after(path, numbers) -> int:
    """Bytes that a reader holds after it has found these units."""
    journal = JournalReader(path, OutcomeEntry, name="outcomes")
    journal.find("q0", 0)
    journal.close()
    tracemalloc.start()
    journal = JournalReader(path, OutcomeEntry, name="outcomes")
    for number in numbers:
        assert [entry(number)] == journal.find(f"q{number}", 0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    journal.close()
    return held


def test_in_order_no_index_is_held(path):
    assert held_after(path, range(3000)) < 4 * N


def test_out_of_order_sixteen_bytes_a_record_are_held(path):
    held = held_after(path, [5, 3, N - 1, 0, 7, 6, N // 2])
    assert 16 * N <= held < 20 * N


def test_a_unit_that_is_missing_ends_the_order_and_not_the_search(path):
    journal = JournalReader(path, OutcomeEntry, name="outcomes")
    assert [entry(0)] == journal.find("q0", 0)
    assert [] == journal.find("absent", 0)
    assert [] == journal.find("q1", 1)
    assert [[entry(n)] for n in (1, 2, 0)] == [journal.find(f"q{n}", 0) for n in (1, 2, 0)]
    journal.close()
