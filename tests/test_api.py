"""The Python face gives the same facts as the command line, and costs nothing to import."""

from __future__ import annotations

import pytest

import evalharness
from evalharness.stages.options import RunOptions


def test_gate_compare_evaluate_and_load_run(tmp_path):
    options = RunOptions(out=tmp_path / "runs", session="test")
    facts = evalharness.gate("facts", candidate="tuned", baseline="base", options=options)
    assert facts.verdict is not None
    assert facts.verdict.state == "READY"
    (folder,) = (tmp_path / "runs" / "gates").iterdir()
    assert facts == evalharness.load_run(folder).facts
    (run,) = evalharness.evaluate("facts", "undertrained", options=options)
    assert run.arms[0].summary.n == 360
    compared = evalharness.compare("base", ["tuned"], suite="facts", options=options)
    assert compared.verdict is None
    rows = {row.metric: row for row in compared.comparisons if row.slice is None}
    assert rows["exact_match"].difference == 1.0


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="nothing"):
        _ = evalharness.nothing
    assert evalharness.__version__
