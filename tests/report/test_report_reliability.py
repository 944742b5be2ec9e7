"""The reliability diagram: what an arm's probabilities were worth, from its marks."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from evalharness.report.reliability import render_reliability
from evalharness.results import Reliability

SUITE = """
name: sure
data: {path: data.jsonl}
metrics: [{name: ece, positive: "1", score: text, n_bins: 10}, exact_match]
"""


@pytest.fixture
def run(commands):
    """A run of 200 probabilities: 0.25 that happened a quarter of the time, 0.95 half of it."""
    suite = commands.suite(SUITE)
    rows = [
        {"id": f"q{k}", "input": "?", "target": str(int(k % 4 == 0 if k < 100 else k % 2))}
        for k in range(200)
    ]
    commands.jsonl("suite/data.jsonl", rows)
    said = [{"id": f"q{k}", "output": "0.25" if k < 100 else "0.95"} for k in range(200)]
    code, _, err = commands.run("run", suite, "--model", commands.jsonl("arm.jsonl", said), "-q")
    assert 0 == code, err
    return next(commands.out.glob("*/run.json")).parent


def test_a_report_holds_the_bins_of_the_metric(commands, run):
    code, _, err = commands.run("report", run)
    assert 0 == code, err
    (found,) = json.loads((run / "facts.json").read_text())["reliability"]
    assert [100, 100] == found["counts"]
    assert [0.25, 0.95] == pytest.approx(found["probabilities"])
    assert [0.25, 0.5] == found["frequencies"]
    page = (run / "report.html").read_text()
    assert 'id="reliability"' in page
    assert "said 95%, so in 50% of 100" in page


def test_the_gap_of_the_bins_is_the_metric(commands, run):
    commands.run("report", run)
    (found,) = json.loads((run / "facts.json").read_text())["reliability"]
    summary = json.loads((run / "summary.json").read_text())
    total = sum(found["counts"])
    gap = sum(
        count / total * abs(said - was)
        for count, said, was in zip(
            found["counts"], found["probabilities"], found["frequencies"], strict=True
        )
    )
    assert gap == pytest.approx(summary["metrics"]["ece"]["estimate"]["value"])


def test_the_picture_is_whole_and_tells_its_numbers_to_a_screen_reader():
    found = Reliability(
        suite="s", arm="<b>&", metric="ece", counts=(3, 7), probabilities=(0.1, 0.9),
        frequencies=(0.0, 1.0),
    )  # fmt: skip
    picture = render_reliability(found)
    ET.fromstring(picture)
    assert "said 90%: 100% of 7" in picture
    assert "<b>" not in picture


def test_the_plot_is_drawn_for_slides_too(commands, run):
    pytest.importorskip("matplotlib")
    code, _, err = commands.run("report", run, "--reports", "png")
    assert 0 == code, err
    assert list(run.glob("*reliability*.png"))
