"""marks.jsonl: what is written is what is read, as columns and line by line."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import StoreError
from evalharness.store.keys import unit_hash
from evalharness.store.marks import (
    MarkHeader,
    MarkLine,
    MetricColumns,
    iterate_marks,
    read_marks,
)

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
WEIGHTS = st.sampled_from([1.0, 1.0, 0.0, 2.5])
KINDS = ["binary", "continuous", "ordered", "count", "corpus"]


def metric(label="f1", kind="continuous", columns=("value", "n")) -> MetricColumns:
    return MetricColumns(
        label=label, name=label, version="1", signature=f"{label}|v1", direction="higher",
        kind=kind, scale="fraction", sees="answers", low=0.0, high=1.0, columns=columns,
    )  # fmt: skip


def write(path, lines, metrics):
    encoder = msgspec.json.Encoder()
    header = MarkHeader(metrics=tuple(metrics), suite="words", arm="tuned")
    path.write_bytes(encoder.encode(header) + b"\n" + encoder.encode_lines(lines))
    return path


def scored(number, *row, **more) -> MarkLine:
    return MarkLine(id=f"q{number}", sha=f"{number:016x}", rows={"f1": row or (0.5, 1.0)}, **more)


F1 = (metric(),)


def table_of(tmp_path, lines, metrics=F1):
    return read_marks(write(tmp_path / "marks.jsonl", lines, metrics))


def test_lines_come_back_as_they_were_written(tmp_path):
    lines = [
        scored(1, cluster="story", slices={"lang": "de"}),
        scored(2, repeat=1, live=False, session="morning"),
        MarkLine(id="é", failed="timeout", rows={"f1": (0.0, 1.0)}, best={"f1": (1.0, 1.0)}),
        MarkLine(id="q4", unparsed=True, reasons={"f1": "unparsed"}),
    ]
    path = write(tmp_path / "marks.jsonl", lines, F1)
    header, *found = iterate_marks(path)
    assert isinstance(header, MarkHeader)
    assert ("words", "tuned") == (header.suite, header.arm)
    assert lines == found


@given(
    st.sampled_from(KINDS),
    st.lists(st.one_of(st.none(), st.tuples(FINITE, WEIGHTS)), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_rows_are_read_as_written_whatever_the_weights(tmp_path_factory, kind, rows):
    lines = [
        MarkLine(id=f"q{n}", reasons={"f1": "no answer"}) if row is None else scored(n, *row)
        for n, row in enumerate(rows)
    ]
    table = table_of(tmp_path_factory.mktemp("marks"), lines, [metric(kind=kind)])
    column = table.metrics["f1"]
    assert [row is not None for row in rows] == column.scored_n.tolist()
    assert column.scored_n.tolist() == column.answered_n.tolist()
    expected = [list(row) for row in rows if row is not None]
    assert expected == column.rows_nk[column.scored_n].tolist()
    assert (len(rows), 2) == column.rows_nk.shape
    assert {"no answer": rows.count(None)} == (column.reasons or {"no answer": 0})


def test_a_weight_other_than_one_late_in_the_file_keeps_the_earlier_rows(tmp_path):
    lines = [*(scored(n, n / 10, 1.0) for n in range(5)), scored(5, 3.0, 4.0), scored(6, 0.5, 1.0)]
    column = table_of(tmp_path, lines).metrics["f1"]
    expected = [[n / 10, 1.0] for n in range(5)] + [[3.0, 4.0], [0.5, 1.0]]
    assert expected == column.rows_nk.tolist()


def test_columns_of_a_corpus_metric_are_all_kept(tmp_path):
    bleu = metric("f1", "corpus", ("a", "b", "c"))
    column = table_of(tmp_path, [scored(1, 1.0, 2.0, 3.0), scored(2, 4.0, 5.0, 6.0)], [bleu])
    assert [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] == column.metrics["f1"].rows_nk.tolist()


def test_units_are_named_by_the_hash_of_id_and_repeat(tmp_path):
    table = table_of(tmp_path, [scored(1), scored(2)])
    assert [unit_hash("q1", 0), unit_hash("q2", 0)] == table.unit_n.tolist()
    assert table.unit_n.tolist() == table.sample_n.tolist() == table.cluster_n.tolist()
    assert [1, 2] == table.sha_n.tolist()
    assert not table.clustered


def test_repeats_are_units_of_one_sample_also_where_they_begin_late(tmp_path):
    table = table_of(tmp_path, [scored(1), scored(2), scored(2, repeat=1), scored(3)])
    one, two, three = (unit_hash(f"q{n}", 0) for n in (1, 2, 3))
    assert [one, two, unit_hash("q2", 1), three] == table.unit_n.tolist()
    assert [one, two, two, three] == table.sample_n.tolist() == table.cluster_n.tolist()
    assert table.clustered


def test_clusters_group_samples_also_where_they_begin_late(tmp_path):
    lines = [scored(1), scored(2, cluster="a"), scored(3, cluster="a"), scored(4)]
    table = table_of(tmp_path, lines)
    group = unit_hash("a", -1)
    assert [unit_hash("q1", 0), group, group, unit_hash("q4", 0)] == table.cluster_n.tolist()
    assert table.clustered


def test_clusters_after_repeats_group_the_samples_of_earlier_units(tmp_path):
    lines = [scored(1), scored(1, repeat=1), scored(2, cluster="a"), scored(2, 0.5, 1.0, repeat=1)]
    table = table_of(tmp_path, lines)
    one, two = unit_hash("q1", 0), unit_hash("q2", 0)
    assert [one, one, unit_hash("a", -1), two] == table.cluster_n.tolist()


def test_a_failed_unit_holds_the_worst_row_and_the_best_beside_it(tmp_path):
    failed = MarkLine(id="q2", failed="timeout", rows={"f1": (0.0, 1.0)}, best={"f1": (1.0, 1.0)})
    table = table_of(tmp_path, [scored(1), failed, scored(3)])
    column = table.metrics["f1"]
    assert [[0.5, 1.0], [0.0, 1.0], [0.5, 1.0]] == column.rows_nk.tolist()
    assert [[0.5, 1.0], [1.0, 1.0], [0.5, 1.0]] == column.best_nk.tolist()
    assert [True, True, True] == column.scored_n.tolist()
    assert [True, False, True] == column.answered_n.tolist()
    assert [False, True, False] == table.failed_n.tolist()
    assert {"timeout": 1} == table.failures


def test_a_slice_that_appears_late_holds_none_of_the_earlier_units(tmp_path):
    lines = [
        scored(1, slices={"lang": "de"}),
        scored(2),
        scored(3, slices={"lang": "en", "long": "yes"}),
        scored(4, slices={"lang": "de"}),
        scored(5),
    ]
    table = table_of(tmp_path, lines)
    assert ["lang=de", "lang=en", "long=yes"] == list(table.slices)
    assert [True, False, False, True, False] == table.slices["lang=de"].tolist()
    assert [False, False, True, False, False] == table.slices["lang=en"].tolist()
    assert [False, False, True, False, False] == table.slices["long=yes"].tolist()


def test_sessions_and_masks_are_kept_by_unit(tmp_path):
    lines = [
        scored(1, live=False, session="b"),
        scored(2, session="a"),
        MarkLine(id="q3", unparsed=True, rows={"f1": (0.0, 1.0)}),
    ]
    table = table_of(tmp_path, lines)
    assert ("", "a", "b") == table.sessions
    assert [False, True, True] == table.live_n.tolist()
    assert [False, False, True] == table.unparsed_n.tolist()


def test_metrics_of_one_file_keep_their_own_rows(tmp_path):
    lines = [
        MarkLine(id="q1", rows={"f1": (0.5, 1.0), "em": (1.0, 1.0)}),
        MarkLine(id="q2", rows={"em": (0.0, 1.0)}, reasons={"f1": "no target"}),
    ]
    table = table_of(tmp_path, lines, [metric(), metric("em", "binary")])
    assert [True, False] == table.metrics["f1"].scored_n.tolist()
    assert [1.0, 0.0] == table.metrics["em"].rows_nk[:, 0].tolist()
    assert {"no target": 1} == table.metrics["f1"].reasons
    assert {} == table.metrics["em"].reasons


def test_a_run_without_units_is_an_empty_table(tmp_path):
    table = table_of(tmp_path, [])
    assert 0 == len(table)
    assert (0, 2) == table.metrics["f1"].rows_nk.shape
    assert table.unit_n.dtype == np.uint64


@pytest.mark.parametrize("damage", [b'{"id": "q3", "ro', b'{"id": 3}', b'{"id": "a", "x": 1}', b""])
@pytest.mark.parametrize("before", [2, 2500])
def test_a_damaged_line_is_named(tmp_path, damage, before):
    path = write(tmp_path / "marks.jsonl", [scored(n) for n in range(before + 1)], F1)
    lines = path.read_bytes().split(b"\n")
    lines[before] = damage
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(StoreError) as caught:
        read_marks(path)
    assert caught.value.where.endswith(f"marks.jsonl:{before + 1}")


def test_a_row_of_another_width_is_refused_with_its_sample(tmp_path):
    with pytest.raises(StoreError, match="3 statistics instead of 2 for sample 'q2'"):
        table_of(tmp_path, [scored(1), scored(2, 1.0, 2.0, 3.0)])


def test_an_absent_or_empty_file_says_how_to_mend_it(tmp_path):
    with pytest.raises(StoreError, match="cannot read") as caught:
        read_marks(tmp_path / "marks.jsonl")
    assert "score the run again" in (caught.value.mend or "")
    (tmp_path / "marks.jsonl").write_bytes(b"")
    with pytest.raises(StoreError, match="empty marks file"):
        read_marks(tmp_path / "marks.jsonl")
