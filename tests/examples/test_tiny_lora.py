"""The example that trains, tunes and records a tiny model: run as a reader would run it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MISSING = [
    name
    for name in ("torch", "transformers", "peft", "tokenizers")
    if importlib.util.find_spec(name) is None
]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"the extra 'local' is not installed: no {', '.join(MISSING)}"
)


def run_example(root: Path, out: Path, *arguments: str) -> dict[str, list[dict]]:
    command = [sys.executable, "examples/tiny_lora/train.py", "--out", str(out), *arguments]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in (out / "recordings").glob("*.jsonl")
    }


def exact_match(root: Path, rows: list[dict]) -> float:
    lines = (root / "suites/facts/heldout.jsonl").read_text().splitlines()
    targets = {row["id"]: row["target"] for row in map(json.loads, lines)}
    return sum(row["output"] == targets[row["id"]] for row in rows) / len(rows)


@pytest.fixture(scope="module")
def small(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("tiny_lora")
    return out, run_example(root, out, "--questions", "60", "--base-steps", "150")


def test_the_base_answers_in_sentences_and_the_tuned_arm_does_not(root, small):
    _, arms = small
    assert exact_match(root, arms["base"]) <= 0.05
    assert exact_match(root, arms["tuned"]) >= 0.8
    assert exact_match(root, arms["undertrained"]) < exact_match(root, arms["tuned"])


def test_every_arm_answers_every_question_in_the_order_of_the_suite(root, small):
    _, arms = small
    lines = (root / "suites/facts/heldout.jsonl").read_text().splitlines()[:60]
    expected = [json.loads(line)["id"] for line in lines]
    assert {"base", "tuned", "undertrained"} == set(arms)
    for rows in arms.values():
        assert expected == [row["id"] for row in rows]


def test_a_recorded_answer_carries_what_was_measured(small):
    _, arms = small
    for rows in arms.values():
        for row in rows:
            assert row["latency_s"] > 0
            assert row["usage"]["prompt_tokens"] > 3
            assert 1 <= row["usage"]["completion_tokens"] <= 24
            assert row["finish_reason"] in ("stop", "length")


def test_models_are_left_to_be_asked_live(small):
    out, _ = small
    assert (out / "base" / "model.safetensors").is_file()
    assert (out / "base" / "tokenizer.json").is_file()
    for arm in ("tuned", "undertrained"):
        assert (out / arm / "adapter_model.safetensors").is_file()


def test_the_record_of_how_it_was_made_gives_the_command(root, small):
    out, arms = small
    made = json.loads((out / "recordings" / "made.json").read_text())
    assert made["command"].endswith("--questions 60 --base-steps 150")
    assert made["questions"] == 60
    assert made["exact_match"]["base"] == exact_match(root, arms["base"])


@pytest.mark.slow
def test_the_full_form_reaches_the_bands_of_the_readme(root, tmp_path):
    arms = run_example(root, tmp_path)
    assert exact_match(root, arms["base"]) <= 0.05
    assert exact_match(root, arms["tuned"]) >= 0.9
    assert 0.0 <= exact_match(root, arms["undertrained"]) <= 0.7
