"""MMLU-Pro, BIG-Bench Hard and TruthfulQA through the command line: the figures of the data come out."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

pytestmark = pytest.mark.shared

CHOICE = """
name: choice
data: {path: data.jsonl}
metrics: [exact_match]
"""
REASONING = r"""
name: reasoning
data: {path: data.jsonl, slices: [task]}
extract: {pattern: '(?s)\A(?:.*the answer is)?\s*(.*?)\.?\s*\Z'}
metrics: [exact_match]
"""


@pytest.fixture(scope="module")
def letters(shared_data):
    path = shared_data / "mmlu_pro" / "predictions.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("number", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_mmlu_pro_pairs_have_the_accuracies_and_flips_of_the_data(
    commands, letters, expected, number
):
    wanted = expected("mmlu_pro")["pairs"][number]
    suite = commands.suite(CHOICE)
    commands.jsonl(
        "suite/data.jsonl",
        [{"id": r["question_id"], "input": "?", "target": r["answer"]}
         for r in letters],
    )  # fmt: skip
    arms = [
        commands.jsonl(
            f"{side}.jsonl",
            [{"id": r["question_id"], "output": r[wanted[side]]} for r in letters],
        )
        for side in ("b", "a")
    ]
    code, _, err = commands.run("compare", *arms, "--suite", suite, "-q", "--reports", "none")
    assert 0 == code, err
    (path,) = (commands.out / "gates").glob("*/gate.json")
    (row,) = (
        row for row in json.loads(path.read_text())["comparisons"]
        if row["metric"] == "exact_match" and row["slice"] is None
    )  # fmt: skip
    assert wanted["n"] == row["n"]
    assert (wanted["acc_a"], wanted["acc_b"]) == pytest.approx(
        (row["candidate"], row["baseline_value"]), abs=1e-12
    )
    assert (wanted["a_only"], wanted["b_only"]) == (row["wins"], row["losses"])
    assert row["p_value"] < 1e-6
    assert wanted["mcnemar_exact_p"] < 1e-6


@pytest.mark.parametrize("mode", ["direct", "cot"])
def test_big_bench_hard_has_the_accuracy_of_every_task(commands, shared_data, expected, mode):
    content = gzip.decompress((shared_data / "bbh" / "outputs.jsonl.gz").read_bytes()).decode()
    rows = [row for row in map(json.loads, content.splitlines()) if row["mode"] == mode]
    suite = commands.suite(REASONING)
    named = [(f"{row['task']}-{row['i']}", row) for row in rows]
    commands.jsonl(
        "suite/data.jsonl",
        [{"id": name, "input": row["question"], "target": row["target"], "task": row["task"]}
         for name, row in named],
    )  # fmt: skip
    answers = commands.jsonl(
        "answers.jsonl", [{"id": name, "output": row["prediction"]} for name, row in named]
    )
    facts = commands.json("score", suite, answers)
    tasks = expected("bbh")["tasks"]
    assert len(tasks) == len(facts["slices"])
    for task, figures in tasks.items():
        found = facts["slices"][f"task={task}"]["exact_match"]
        assert (figures[mode]["n"], figures[mode]["accuracy"]) == (
            found["n"],
            pytest.approx(found["value"], abs=1e-12),
        )


def test_truthfulqa_is_judged_for_facts_question_by_question(commands, shared_data, expected):
    wanted = expected("truthfulqa")
    suite = commands.suite(
        "name: truth\ndata: {path: data.jsonl, slices: [category]}\n"
        "judges: [{name: true_facts, kind: factuality, model: judged.jsonl}]\n"
    )
    path = shared_data / "truthfulqa" / "TruthfulQA.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert wanted["columns"] == list(rows[0])
    data = [
        {
            "id": str(number),
            "input": row["Question"],
            "target": [part.strip() for part in row["Correct Answers"].split(";") if part.strip()],
            "category": row["Category"],
        }
        for number, row in enumerate(rows)
    ]
    commands.jsonl("suite/data.jsonl", data)
    replies = [
        {"id": row["id"], "output": json.dumps({"verdict": "correct" if n % 2 else "wrong"})}
        for n, row in enumerate(data)
    ]
    commands.jsonl("suite/judged.jsonl", replies)
    best = commands.jsonl(
        "best.jsonl",
        [{"id": str(n), "output": row["Best Answer"]} for n, row in enumerate(rows)],
    )
    facts = commands.json("run", suite, "--model", best)
    assert wanted["rows"] == facts["n"]
    assert wanted["categories"] == len(facts["slices"])
    assert facts["metrics"]["true_facts"]["value"] == pytest.approx(406 / 813)
