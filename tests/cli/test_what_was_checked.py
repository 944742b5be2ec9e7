"""`validate` says what it looked at, in singular and plural; `run` and `score` write reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalharness.cli.main import main


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(suite="", rows=None):
        if rows is None:
            rows = [
                {"id": f"q{k}", "input": f"question {k}", "target": f"{k}", "cluster": f"c{k % 4}"}
                for k in range(20)
            ]
        Path("d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        Path("suite.yaml").write_text(f"name: s\ndata: {{path: d.jsonl}}\n{suite}")

    return write


def validated(capsys, target="suite.yaml", code=0):
    assert code == main(["validate", target])
    return capsys.readouterr().out.splitlines()


GATES = """\
metrics: [exact_match, f1]
policy:
  gates:
    - {metric: f1, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: error_rate, role: diagnostic, test: at_most, value: 0.1}
"""


def test_a_suite_that_is_sound_says_what_was_looked_at(work, capsys):
    work(GATES)
    assert [
        "suite.yaml: 0 errors, 0 warnings",
        "  20 samples, all with a target, 4 clusters",
        "  2 metrics: exact_match, f1",
        "  2 gates, 1 deciding, at alpha 0.05",
        "  no baselines of its own",
    ] == validated(capsys)


def test_one_of_each_is_in_the_singular(work, capsys):
    work("metrics: [f1]\n", rows=[{"id": "a", "input": "q", "target": "x", "cluster": "c"}])
    told = validated(capsys)
    assert "  1 sample, all with a target, 1 cluster" in told
    assert "  1 metric: f1" in told
    assert "  no gates: `gate` would refuse it" in told


def test_one_error_is_one_error(work, capsys):
    work(rows=[{"id": "a", "input": "q", "target": "x"}, {"id": "a", "input": "r", "target": "y"}])
    told = validated(capsys, "d.jsonl", code=65)
    assert "d.jsonl: 1 error, 0 warnings" in told


def test_samples_without_targets_are_counted(work, capsys):
    work(rows=[{"id": "a", "input": "q", "target": "x"}, {"id": "b", "input": "r"}])
    assert "  2 samples, 1 with a target" in validated(capsys, "d.jsonl")


def test_baselines_of_the_suite_are_named_with_what_is_known_of_their_price(work, capsys):
    work(GATES)
    Path("baselines").mkdir()
    price = "price: {prompt_usd_per_mtok: 1, completion_usd_per_mtok: 2}\n"
    Path("baselines/s-large.yaml").write_text(f"model: openai/large-of-ours\n{price}")
    Path("baselines/s-small.yaml").write_text("model: openai/small-of-ours\n")
    told = validated(capsys)
    assert [
        "  2 baselines: s-large, s-small",
        "  price known: s-large",
        "  price unknown: s-small",
    ] == told[-3:]


def test_what_was_checked_is_in_the_json_too(work, capsys):
    work(GATES)
    assert 0 == main(["validate", "suite.yaml", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert "20 samples, all with a target, 4 clusters" == found["checked"][0]


@pytest.mark.parametrize("verb", ["run", "score"])
def test_the_report_of_an_arm_is_written_where_it_is_asked_for(work, capsys, verb):
    work(GATES)
    rows = [{"id": f"q{k}", "output": f"{k}", "cost_usd": 0.001 * (1 + k)} for k in range(20)]
    Path("out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["run", "suite.yaml", "--model", "out.jsonl"]
    given = given if verb == "run" else ["score", "suite.yaml", "out.jsonl"]
    assert 0 == main([*given, "--quiet"])
    assert [] == list(Path("runs").glob("*/report.*"))
    capsys.readouterr()
    assert 0 == main([*given, "--quiet", "--reports", "html,md,json"])
    (page,) = Path("runs").glob("*/report.html")
    assert f"see: {page}" in capsys.readouterr().out
    facts = json.loads((page.parent / "facts.json").read_text())
    assert ("run", 1) == (facts["kind"], len(facts["arms"]))
    text = (page.parent / "report.md").read_text()
    assert all(name in text for name in ("exact_match", "f1", "cost_usd"))


@pytest.mark.parametrize(
    ("gates", "words"),
    [(1, "why: the gate passes against"), (2, "why: both gates pass against"),
     (3, "why: all 3 gates pass against")],
)  # fmt: skip
def test_gates_that_pass_are_told_in_words_for_one_and_two(work, capsys, gates, words):
    margins = "".join(
        f"    - {{metric: {name}, role: primary, test: non_inferiority, margin: 0.5}}\n"
        for name in ("exact_match", "f1", "rouge_l")[:gates]
    )
    data = [{"id": f"q{k}", "input": f"question {k}", "target": f"{k}"} for k in range(60)]
    work(f"metrics: [exact_match, f1, rouge_l]\npolicy:\n  gates:\n{margins}", data)
    rows = [{"id": f"q{k}", "output": f"{k}"} for k in range(60)]
    for name in ("a", "b"):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["--candidate", "a.jsonl", "--baseline", "b.jsonl", "--quiet", "--reports", "none"]
    assert 0 == main(["gate", "suite.yaml", *given])
    assert words in capsys.readouterr().out
