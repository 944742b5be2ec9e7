"""What a right answer costs: by hand, by properties, and where it cannot be told."""

from __future__ import annotations

import json

import pytest

from evalharness.cli.main import main

SUITE = """\
name: costs
data: {path: d.jsonl}
metrics: [exact_match, cost_usd]
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    rows = [{"id": f"q{n}", "input": f"{n}?", "target": "yes"} for n in range(40)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)

    def record(name, right, cost_usd, *, failed=0):
        lines = [
            {"id": f"q{n}", "output": "yes" if n < right else "no", "cost_usd": cost_usd * (1 + n)}
            for n in range(40 - failed)
        ]
        lines += [{"id": f"q{39 - n}", "error": "timeout"} for n in range(failed)]
        for line in lines:
            if cost_usd == 0:
                line.pop("cost_usd", None)
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        return f"{name}.jsonl"

    return record


def compared(capsys, baseline, candidate):
    capsys.readouterr()
    given = ["compare", baseline, candidate, "--suite", "suite.yaml", "--json", "--quiet"]
    assert 0 == main(given)
    rows = json.loads(capsys.readouterr().out)["comparisons"]
    return next((row for row in rows if row["metric"] == "cost_per_correct"), None)


def test_it_is_all_that_was_paid_over_all_that_was_right(work, capsys):
    row = compared(capsys, work("big", 30, 0.01), work("small", 20, 0.001))
    paid = sum(1 + n for n in range(40))
    assert row["baseline_value"] == pytest.approx(0.01 * paid / 30)
    assert row["candidate"] == pytest.approx(0.001 * paid / 20)
    assert row["difference"] == pytest.approx(0.1 * 30 / 20)
    assert row["lower"] < row["difference"] < row["upper"]


def test_a_cheaper_model_that_is_wrong_more_often_can_be_the_dearer_one(work, capsys):
    row = compared(capsys, work("big", 36, 0.01), work("small", 12, 0.005))
    assert row["difference"] == pytest.approx(0.5 * 36 / 12)
    assert row["lower"] > 1.0


def test_equal_arms_cost_the_same_and_nothing_bounds_a_difference_never_seen(work, capsys):
    row = compared(capsys, work("big", 30, 0.01), work("same", 30, 0.01))
    assert row["candidate"] == row["baseline_value"] > 0
    assert (None, None) == (row["lower"], row["upper"])
    assert row["reason"]


def test_the_currency_does_not_matter(work, capsys):
    dollars = compared(capsys, work("b1", 30, 0.01), work("c1", 25, 0.002))
    cents = compared(capsys, work("b2", 30, 1.0), work("c2", 25, 0.2))
    for bound in ("lower", "difference", "upper"):
        assert dollars[bound] == pytest.approx(cents[bound])


def test_failures_of_either_arm_are_left_out(work, capsys):
    row = compared(capsys, work("big", 20, 0.01), work("small", 20, 0.001, failed=10))
    paid = sum(1 + n for n in range(30))
    assert 30 == row["n"]
    assert row["candidate"] == pytest.approx(0.001 * paid / 20)
    assert row["baseline_value"] == pytest.approx(0.01 * paid / 20)


def test_an_unknown_price_is_no_price(work, capsys):
    assert compared(capsys, work("big", 30, 0.01), work("small", 20, 0)) is None


def test_an_arm_that_is_never_right_has_no_cost_of_a_right_answer(work, capsys):
    row = compared(capsys, work("big", 30, 0.01), work("small", 0, 0.001))
    assert (None, None) == (row["candidate"], row["difference"])
    assert "no right answer" in row["reason"]
