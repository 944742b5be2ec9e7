"""GSM8K: the small fine-tuned model loses to the large one; Banking77: the majority class."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter

import pytest


def solutions(shared_data, model):
    with gzip.open(shared_data / f"gsm8k/{model}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def heldout(commands, shared_data):
    rows = solutions(shared_data, "6b_finetuning")
    return commands.jsonl(
        "heldout.jsonl",
        [{"id": r["id"], "question": r["question"], "answer": r["ground_truth"]} for r in rows],
    )


@pytest.mark.parametrize("model", ["6b_finetuning", "175b_finetuning"])
def test_accuracy_is_exactly_as_its_authors_counted(
    commands, shared_data, expected, heldout, model
):
    figures = expected("gsm8k")["models"][model]
    facts = commands.json(
        "score", "gsm8k", shared_data / f"gsm8k/{model}.jsonl.gz", "--data", heldout,
        "--fields", "output=solution",
    )  # fmt: skip
    assert facts["n"] == figures["n"]
    assert facts["metrics"]["numeric_match"]["value"] == pytest.approx(
        figures["accuracy"], abs=1e-12
    )


def test_the_small_model_is_not_ready_against_the_large_one(
    commands, shared_data, expected, heldout
):
    pair = expected("gsm8k")["pairs"][0]
    facts = commands.json(
        "gate", "gsm8k", "--candidate", shared_data / "gsm8k/6b_finetuning.jsonl.gz",
        "--baseline", shared_data / "gsm8k/175b_finetuning.jsonl.gz", "--data", heldout,
        "--fields", "output=solution", "--reports", "none", expect=1,
    )  # fmt: skip
    assert facts["verdict"] == "NOT_READY"
    gate = facts["gates"][0]
    assert gate["method"] == "tango-corrected"
    assert gate["difference"] == pytest.approx(pair["acc_a"] - pair["acc_b"])
    assert gate["p_fail"] < 1e-12
    compared = commands.json(
        "compare", shared_data / "gsm8k/175b_finetuning.jsonl.gz",
        shared_data / "gsm8k/6b_finetuning.jsonl.gz", "--suite", "gsm8k", "--data", heldout,
        "--fields", "output=solution",
    )  # fmt: skip
    row = next(r for r in compared["comparisons"] if r["metric"] == "numeric_match")
    assert (row["wins"], row["losses"]) == (pair["a_only"], pair["b_only"])


def test_the_majority_class_of_banking77_scores_as_counted(commands, shared_data, expected):
    figures = expected("banking77")
    suite = commands.suite(
        "name: intents\ndata: {fields: {input: text, target: category}}\n"
        "metrics: [accuracy, macro_f1]\n"
    )
    data = shared_data / "banking77/test.csv.gz"
    with gzip.open(shared_data / "banking77/train.csv.gz", "rt", newline="") as file:
        majority = Counter(row["category"] for row in csv.DictReader(file)).most_common(1)[0][0]
    with gzip.open(data, "rt", newline="") as file:
        categories = [row["category"] for row in csv.DictReader(file)]
    assert len(categories) == figures["test_rows"]
    facts = commands.json(
        "run", suite, "--model", f"scripted/constant?text={majority}", "--data", data
    )
    accuracy = facts["metrics"]["accuracy"]["value"]
    assert accuracy == pytest.approx(figures["majority_class_accuracy"], abs=1e-9)
    assert facts["metrics"]["macro_f1"]["value"] < accuracy


def test_validate_finds_the_six_questions_that_banking77_trains_on(commands, shared_data, expected):
    from evalharness.cli.main import main

    commands.capsys.readouterr()
    suite = commands.suite("name: i\ndata: {fields: {input: text, target: category}}\n")
    main(
        ["validate", str(suite), "--data", str(shared_data / "banking77/test.csv.gz"), "--json",
         "--train", str(shared_data / "banking77/train.csv.gz")]
    )  # fmt: skip
    findings = json.loads(commands.capsys.readouterr().out)["findings"]
    leaks = [finding for finding in findings if finding["code"] == "leak"]
    assert len(leaks) >= expected("banking77")["train_test_exact_text_overlap"]
