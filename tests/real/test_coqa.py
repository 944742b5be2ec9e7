"""Ten real CoQA conversations under every history and error policy, against the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from evalharness.testing.emulator import FaultRule, Plan, serve

QUESTIONS = 151


@pytest.fixture(scope="module")
def conversations(shared_data):
    return shared_data / "chat_jsonl/small_coqa_10.jsonl"


def asked_and_answered(path) -> dict[str, str]:
    """All that is said but the model's part -> the reference answer, for every turn."""
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        shown = []
        for turn in json.loads(line)["messages"]:
            if turn["role"] == "assistant":
                known["\n".join(shown)] = turn["content"]
            else:
                shown.append(turn["content"])
    return known


@pytest.fixture
def emulator(conversations, monkeypatch):
    refused = FaultRule(faults=("context_400",), share=0.1, times=None, model="gold#refused")
    with serve(Plan(answers=asked_and_answered(conversations), rules=(refused,))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield server


def arm(folder, history: str, model: str) -> str:
    path = folder / f"{history}.yaml"
    path.write_text(f"model: openai/{model}\nprompt: {{history: {history}}}\n", encoding="utf-8")
    return str(path)


def test_every_assistant_turn_is_a_question_clustered_by_its_conversation(
    commands, emulator, conversations, tmp_path
):
    model = arm(tmp_path, "gold", "tuned-reader@1")
    facts = commands.json("run", "coqa", "--model", model, "--data", conversations)
    assert QUESTIONS == facts["n"]
    assert 1.0 == facts["metrics"]["em"]["value"] == facts["metrics"]["f1"]["value"]


@pytest.mark.parametrize(("history", "em"), [("none", 0.0), ("predicted", 0.0), ("gold", 0.85)])
def test_a_base_that_knows_every_answer_is_right_only_if_it_is_shown_short_ones(
    commands, emulator, conversations, tmp_path, history, em
):
    model = arm(tmp_path, history, "reader@1")
    facts = commands.json("run", "coqa/cookbook", "--model", model, "--data", conversations)[
        "metrics"
    ]["em"]
    assert (facts["value"] >= em) if em else facts["value"] == 0.0


def test_a_turn_that_failed_ends_its_conversation_where_own_answers_are_the_history(
    commands, emulator, conversations, tmp_path
):
    rule = FaultRule(faults=("context_400",), share=0.1, times=None)
    emulator.set_plan(Plan(answers=asked_and_answered(conversations), rules=(rule,)))
    found = {}
    for history in ("gold", "predicted"):
        model = arm(tmp_path, history, "tuned-reader@1")
        facts = commands.json("run", "coqa", "--model", model, "--data", conversations)
        em = facts["metrics"]["em"]
        assert pytest.approx(em["value"]) == em["value_answered"] * (1 - facts["n_failed"] / 151)
        found[history] = facts["n_failed"]
    assert 0 < found["gold"] < found["predicted"] < QUESTIONS


def test_the_decomposition_runs_on_chat_rows_with_one_reference(root, conversations, tmp_path):
    command = [sys.executable, "examples/coqa_protocol/run.py", "--data", str(conversations)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "| answers shown in the conversation |" in done.stdout
    assert "all references" not in done.stdout  # these rows have one each
    assert "151 questions in 10 groups" in done.stdout
