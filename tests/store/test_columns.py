"""Columns on disk: what was appended comes back, however long and however interleaved."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import WriteError
from evalharness.store.columns import BUFFER_BYTES, Column, ColumnFile

IN_BUFFER = BUFFER_BYTES // 8


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, IN_BUFFER + 1)), min_size=1, max_size=12)
)
@settings(max_examples=40, deadline=None)
def test_columns_of_one_file_come_back_whole_however_they_take_turns(turns):
    file = ColumnFile()
    columns = [Column(file, "d"), Column(file, "Q"), Column(file, "d", width=3)]
    expected: list[list[float]] = [[], [], []]
    for which, count in turns:
        start = len(expected[which])
        numbers = list(range(start, start + (3 * count if which == 2 else count)))
        columns[which].extend(numbers)
        expected[which] += numbers
    for column, numbers in zip(columns, expected, strict=True):
        assert numbers == column.load().ravel().tolist()
    assert [len(expected[0]), len(expected[1]), len(expected[2]) // 3] == list(map(len, columns))
    assert (len(columns[2]), 3) == columns[2].load().shape


def test_numbers_keep_every_bit():
    hashes, halves = [0, 1, 2**64 - 1], [0.1, -0.0, 5e-324, 1.7976931348623157e308]
    file = ColumnFile()
    words, numbers = Column(file, "Q"), Column(file, "d")
    for _ in range(IN_BUFFER):
        words.extend(hashes)
        numbers.extend(halves)
    assert hashes * IN_BUFFER == words.load().tolist()
    assert np.array(halves * IN_BUFFER).tobytes() == numbers.load().tobytes()


def test_what_is_loaded_is_the_callers_own():
    column = Column(ColumnFile(), "d")
    column.extend([1.0, 2.0])
    column.load()[:] = 0.0
    assert [1.0, 2.0] == column.load().tolist()


def test_a_short_column_makes_no_file_and_a_long_one_makes_one_without_a_name(
    monkeypatch, tmp_path
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    short = Column(ColumnFile(), "d")
    short.extend([0.0] * (IN_BUFFER - 1))
    assert IN_BUFFER - 1 == len(short.load())
    with pytest.raises(WriteError, match="temporary file"):
        short.extend([0.0])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    long = Column(ColumnFile(), "d")
    long.extend([0.5] * IN_BUFFER)
    assert [] == os.listdir(tmp_path)
    assert {0.5} == set(long.load().tolist())
