"""Data that is parsed once: what comes the second time is what came the first, to the last bit."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.data.sources import ids_of, open_source
from evalharness.data.spool import Spool, read_once
from evalharness.errors import DataError
from evalharness.spec.suite import DataSpec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"input": st.text(min_size=1)},
        optional={
            "target": st.lists(st.text(min_size=1), min_size=1, max_size=3),
            "cluster": st.text(min_size=1, max_size=5),
            "metadata": st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        },
    ),
    min_size=1,
    max_size=20,
)


def write(path, rows):
    lines = [json.dumps({"id": f"q{number}", **row}) for number, row in enumerate(rows)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return open_source(DataSpec(path=path.name), base=path.parent)


@given(rows=ROWS)
def test_later_readings_give_the_samples_of_the_first(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("spool")
    try:
        source = write(folder / "data.jsonl", rows)
        plain = list(source)
    except DataError:
        return  # a text that is no text in UTF-8, a number that is none in JSON
    with read_once(source, folder) as once:
        assert [plain] * 3 == [list(once) for _ in range(3)]
        assert [sample.id for sample in plain] == list(ids_of(once))


def test_many_samples_are_kept_in_blocks(tmp_path):
    source = write(tmp_path / "data.jsonl", [{"input": f"{n} " + "x" * 99} for n in range(3000)])
    with read_once(source, tmp_path / "runs") as once:
        first = list(once)
        (tmp_path / "data.jsonl").write_text("another file by now\n")
        assert first == list(once)
        several = [iter(once), iter(once)]
        for left, right in itertools.islice(zip(*several, strict=True), 500):
            assert left == right


def test_a_reading_that_is_broken_off_keeps_nothing(tmp_path):
    source = write(tmp_path / "data.jsonl", [{"input": f"{n}"} for n in range(10)])
    with read_once(source, tmp_path) as once:
        assert "0" == next(iter(once)).input
        assert 10 == len(list(once))


def test_a_broken_row_is_refused_each_time(tmp_path):
    source = write(tmp_path / "data.jsonl", [{"input": "a"}, {"question": "b"}])
    with read_once(source, tmp_path) as once:
        for _ in range(2):
            with pytest.raises(DataError, match="input"):
                list(once)


def test_no_file_is_left_behind(tmp_path):
    source = write(tmp_path / "data.jsonl", [{"input": "a"}])
    with read_once(source, tmp_path / "runs") as once:
        assert 1 == len(list(once)) == len(list(once))
    assert [] == list((tmp_path / "runs").iterdir())


def test_without_a_place_to_write_the_source_is_read_again(tmp_path):
    source = write(tmp_path / "data.jsonl", [{"input": "a"}])
    (tmp_path / "file").write_text("no folder")
    with read_once(source, tmp_path / "file") as once:
        assert isinstance(once, Spool)
        assert list(source) == list(once) == list(once)


def test_a_list_of_samples_is_no_file_and_stays_as_it_is(tmp_path):
    samples: Any = list(write(tmp_path / "data.jsonl", [{"input": "a"}]))
    with read_once(samples, tmp_path) as once:
        assert once is samples
