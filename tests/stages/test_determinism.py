"""Same inputs, same facts: whatever the order of answers, the folder, the number of connections."""

from __future__ import annotations

import json
import random

import pytest

from evalharness.testing.emulator import LatencyPlan, Plan, serve

SUITE = """
name: words
data: {path: data.jsonl, slices: [kind]}
metrics: [exact_match, f1, rouge_l, bleu]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: bleu, role: primary, test: non_inferiority, margin: 5}
    - {metric: error_rate, role: guardrail, test: at_most, value: 0.02}
"""


@pytest.fixture
def bench(commands):
    rng = random.Random(3)
    rows = [
        {"id": f"q{n}", "input": f"say {n}", "kind": "ab"[n % 2],
         "target": " ".join(rng.choices("abcdefg", k=9))}
        for n in range(200)
    ]  # fmt: skip
    commands.path = commands.suite(SUITE)
    commands.jsonl("suite/data.jsonl", rows)

    def outputs(seed):
        rng = random.Random(seed)
        return [
            {"id": row["id"], "output": row["target"] if rng.random() < 0.7 else "a b c d e f"}
            for row in rows
        ]

    commands.outputs = outputs
    return commands


def facts(commands, candidate, baseline, out):
    code = commands.run(
        "gate", commands.path, "--candidate", candidate, "--baseline", baseline, "-q",
        "--reports", "json,md,html,junit", "--exit-zero",
    )[0]  # fmt: skip
    assert code == 0
    (folder,) = (commands.out / "gates").iterdir()
    raw = json.loads((folder / "facts.json").read_text())
    raw.pop("volatile")
    raw.pop("reproduce")
    for arm in raw["arms"]:
        arm["summary"].pop("volatile")
    commands.out = commands.folder / out
    return raw, (folder / "report.md").read_text()


def test_facts_are_equal_in_another_folder_and_order(bench):
    first = bench.outputs(1)
    candidate, baseline = bench.jsonl("c.jsonl", first), bench.jsonl("b.jsonl", bench.outputs(2))
    one, page = facts(bench, candidate, baseline, "again")
    assert (one, page) == facts(bench, candidate, baseline, "third")
    assert one["gates"]


def test_marks_are_equal_at_any_number_of_connections(bench, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    marks = []
    with serve(Plan(latency=LatencyPlan(model="lognormal", mu=-6.0))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        for connections in (1, 16):
            bench.out = bench.folder / f"runs{connections}"
            told = bench.json(
                "run", bench.path, "--model", "openai/echo", "--no-cache", "--max-connections",
                connections,
            )  # fmt: skip
            lines = (bench.out / told["run"] / "marks.jsonl").read_text().splitlines()[1:]
            kept = [json.loads(line) for line in lines]
            for line in kept:
                line.pop("session", None)
                line["rows"] = {k: v for k, v in line["rows"].items() if "latency" not in k}
            marks.append(kept)
    assert marks[0] == marks[1]
