"""Figures and units leave as tables that pandas, spreadsheets and papers read back unchanged."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalharness
from evalharness.store.export import encode_rows

CELLS = (
    st.none() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """The folder of one gate over the shipped suite `facts`."""
    from evalharness.stages.options import RunOptions

    out = tmp_path_factory.mktemp("exported") / "runs"
    options = RunOptions(out=out, session="test")
    evalharness.gate("facts", candidate="tuned", baseline="base", options=options)
    return next((out / "gates").iterdir())


def test_a_frame_of_metrics_holds_the_facts(gated):
    pytest.importorskip("pandas")
    loaded = evalharness.load_run(gated)
    frame = loaded.to_pandas()
    row = frame[(frame.arm == "tuned") & (frame.metric == "f1") & frame.slice.isna()].iloc[0]
    arm = next(arm for arm in loaded.facts.arms if arm.name == "tuned")
    assert arm.summary.metrics["f1"].estimate.value == row.value
    assert len(loaded.facts.gates) == len(loaded.to_pandas("gates"))
    assert len(loaded.facts.comparisons) == len(loaded.to_pandas("comparisons"))


def test_a_frame_of_samples_averages_to_the_metrics(gated):
    pytest.importorskip("pandas")
    loaded = evalharness.load_run(gated)
    frame = loaded.to_pandas("samples")
    assert 2 * 360 == len(frame)
    assert {"base", "tuned"} == set(frame.arm)
    means = frame.groupby("arm").f1.mean()
    for arm in loaded.facts.arms:
        assert pytest.approx(arm.summary.metrics["f1"].estimate.value) == means[arm.name]
    by_slice = frame[frame.arm == "base"].groupby("slice.attribute").f1.mean()
    base = next(arm for arm in loaded.facts.arms if arm.name == "base")
    assert pytest.approx(by_slice["home"]) == (
        base.summary.slices["attribute=home"]["f1"].estimate.value
    )


@pytest.mark.parametrize("table", ["metrics", "gates", "comparisons", "samples"])
def test_every_table_is_written_in_every_form_with_the_same_rows(
    gated, table, tmp_path, capfdbinary
):
    from evalharness.cli.main import main

    rows = evalharness.load_run(gated).rows(table)
    for form in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"table.{form}"
        command = ["export", str(gated), "--format", form, "--table", table, "--to", str(path)]
        assert 0 == main(command)
    found = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert rows == found
    with (tmp_path / "table.csv").open(newline="") as file:
        assert len(rows) == len(list(csv.DictReader(file)))
    pq = pytest.importorskip("pyarrow.parquet")
    stored = pq.read_table(tmp_path / "table.parquet")
    assert (len(rows), list(rows[0])) == (stored.num_rows, stored.column_names)
    assert [row["metric" if "metric" in row else "id"] for row in rows] == (
        stored["metric" if "metric" in rows[0] else "id"].to_pylist()
    )
    assert 0 == main(["export", str(gated), "--table", table])
    assert (tmp_path / "table.csv").read_bytes() == capfdbinary.readouterr().out


def test_latex_shows_metrics_by_arm(gated, capsys):
    from evalharness.cli.main import main

    assert 0 == main(["export", str(gated), "--format", "latex"])
    assert "\\toprule" in capsys.readouterr().out
    assert 64 == main(["export", str(gated), "--format", "latex", "--table", "samples"])


@given(st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), max_size=5))
def test_no_cell_is_a_formula_and_every_row_is_kept(rows):
    text = encode_rows(rows, "csv", columns=["a", "b"]).decode()
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert ["a", "b"] == found[0]
    assert len(rows) == len([row for row in found[1:] if row])
    for row, read in zip(rows, found[1:], strict=True):
        for value, cell in zip((row["a"], row["b"]), read, strict=True):
            if isinstance(value, str):
                assert not cell.startswith(("=", "+", "-", "@"))
            elif value is not None:
                assert value == type(value)(cell)


@given(st.lists(st.fixed_dictionaries({"a": CELLS}), min_size=1, max_size=5))
def test_json_lines_are_read_back(rows):
    lines = encode_rows(rows, "jsonl").decode().split("\n")[:-1]
    assert rows == [json.loads(line) for line in lines]


def test_an_empty_table_keeps_its_columns():
    assert b"a,b\r\n" == encode_rows([], "csv", columns=["a", "b"])
