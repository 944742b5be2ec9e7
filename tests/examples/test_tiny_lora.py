"""The example that trains, tunes and records a tiny model: run as a reader would run it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.prompts.build import build_program
from evalharness.records import Sample
from evalharness.spec.read import read_baseline

MODELS = "runs/tiny_lora"
MISSING = [
    name
    for name in ("torch", "transformers", "peft", "tokenizers")
    if importlib.util.find_spec(name) is None
]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"the extra 'local' is not installed: no {', '.join(MISSING)}"
)


QUESTIONS = 150
"""The fewest, about, that can show an error rate below 2 %: the bound of 0 in 150 is 1.98 %."""

SMALL = ("--questions", str(QUESTIONS), "--base-steps", "180", "--reader-steps", "12")
"""A smaller world, and a top rung that is hardly tuned: about half of the CPU time."""


def checkout(root: Path, folder: Path) -> Path:
    """The example and its suite as a fresh clone holds them, without anything trained."""
    for part in ("examples/tiny_lora", "suites/facts"):
        shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_script(root: Path, clone: Path, script: str, *arguments: str) -> str:
    command = [sys.executable, f"examples/tiny_lora/{script}", *arguments]
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(root),
    }
    done = subprocess.run(
        command,
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recordings(clone: Path) -> dict[str, list[dict]]:
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in (clone / MODELS / "recordings").glob("*.jsonl")
    }


def exact_match(root: Path, rows: list[dict]) -> float:
    lines = (root / "suites/facts/heldout.jsonl").read_text().splitlines()
    targets = {row["id"]: row["target"] for row in map(json.loads, lines)}
    return sum(row["output"] == targets[row["id"]] for row in rows) / len(rows)


def ladder_of(clone: Path) -> dict:
    """The ladder of the one gate that was run in a clone."""
    (facts,) = (clone / "runs/gates").glob("*/facts.json")
    return json.loads(facts.read_text())["standings"]["ladder"]


@pytest.fixture(scope="module")
def small(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    clone = checkout(root, tmp_path_factory.mktemp("tiny_lora"))
    run_script(root, clone, "train.py", *SMALL)
    return clone, recordings(clone)


def test_the_base_answers_in_sentences_and_the_tuned_arm_does_not(root, small):
    _, arms = small
    assert exact_match(root, arms["base"]) <= 0.05
    assert exact_match(root, arms["tuned"]) >= 0.8
    assert exact_match(root, arms["undertrained"]) < exact_match(root, arms["tuned"])


def test_every_arm_answers_every_question_in_the_order_of_the_suite(root, small):
    _, arms = small
    lines = (root / "suites/facts/heldout.jsonl").read_text().splitlines()[:QUESTIONS]
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
    out = small[0] / MODELS
    assert (out / "base" / "model.safetensors").is_file()
    assert (out / "base" / "tokenizer.json").is_file()
    for arm in ("tuned", "undertrained", "reader"):
        assert (out / arm / "adapter_model.safetensors").is_file()


def test_the_record_of_how_it_was_made_gives_the_command(root, small):
    clone, arms = small
    made = json.loads((clone / MODELS / "recordings" / "made.json").read_text())
    assert made["command"].endswith(" ".join(SMALL))
    assert QUESTIONS == made["questions"]
    assert made["exact_match"]["base"] == exact_match(root, arms["base"])


def test_the_ladder_asks_every_rung_in_one_command_and_prices_them(root, small):
    clone, _ = small
    told = run_script(root, clone, "ladder.py", "--limit", str(QUESTIONS), "--json", "--quiet")
    shown, _, facts = told.partition("\n")
    gate = (
        "$ evalharness gate examples/tiny_lora/suite.yaml --candidate examples/tiny_lora/arms/tuned"
    )
    assert shown.startswith(gate)
    assert 5 == shown.count("--baseline")
    gate = json.loads(facts)
    assert "READY" == gate["verdict"]
    assert QUESTIONS == gate["n_paired"]
    assert {"base", "few_shot", "rag", "undertrained", "lora_rag"} == {
        row["baseline"] for row in gate["gates"] if row["baseline"]
    }
    by_baseline = {
        row["baseline"]: row for row in gate["gates"] if row["metric"] == "f1" and row["baseline"]
    }
    assert by_baseline["base"]["baseline_value"] < by_baseline["undertrained"]["baseline_value"]
    assert all(row["candidate"] > row["baseline_value"] for row in by_baseline.values())
    ladder = ladder_of(clone)
    outcomes = {rung["arm"]: rung["outcome"] for rung in ladder["rungs"]}
    # So few questions leave the tuned rungs open once Holm's correction is taken over five of them.
    assert ("base", 5) == (ladder["reference"], len(outcomes))
    assert "FAIL" == outcomes["few_shot"] == outcomes["rag"] != outcomes["tuned"]
    prices = [rung["price_usd"] for rung in ladder["rungs"]]
    assert sorted(prices) == prices
    assert prices[0] > 0


def test_base_and_adapters_share_their_weights_and_differ_in_prompt_or_adapter(small):
    clone, _ = small
    manifests = {}
    for path in sorted((clone / "runs").glob("*/run.json")):
        manifest = json.loads(path.read_text())
        manifests[manifest["arm"]] = manifest
    details = {name: manifest["identity"]["details"] for name, manifest in manifests.items()}
    assert 6 == len(details)
    assert 1 == len({each["weights_sha256"] for each in details.values()})
    tuned = {name for name in details if "adapter" in details[name]}
    assert {"tuned", "undertrained", "lora_rag"} == tuned
    prompts = {name: manifest["fingerprints"]["prompt"] for name, manifest in manifests.items()}
    assert prompts["base"] == prompts["tuned"] == prompts["undertrained"]
    assert prompts["rag"] == prompts["lora_rag"]
    assert 3 == len({prompts["base"], prompts["few_shot"], prompts["rag"]})


def test_an_arm_whose_weights_are_not_trained_yet_says_where_it_looked(root, tmp_path, monkeypatch):
    clone = checkout(root, tmp_path)
    monkeypatch.chdir(clone)
    arm = "examples/tiny_lora/arms/base.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "evalharness", "run", "facts", "--model", arm, "--quiet"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert 65 == done.returncode
    assert "no folder 'runs/tiny_lora/base'" in done.stderr


def test_the_top_rung_was_tuned_on_prompts_as_its_passages_write_them(root, small):
    pytest.importorskip("bm25s", reason="the extra 'rag' is not installed")
    clone, _ = small
    spec = importlib.util.spec_from_file_location("train", clone / "examples/tiny_lora/train.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clone / "examples/tiny_lora"))
        train = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "train", train)
        spec.loader.exec_module(train)
        world = train.read_world(clone / "suites/facts", QUESTIONS)
        lessons = {lesson.question for lesson in train.reading_lessons(world)}
    arm = read_baseline(clone / "examples/tiny_lora/arms/lora_rag.yaml")
    program = build_program(arm.prompt, base=Path(arm.base), where="lora_rag.yaml")
    rows = [json.loads(line) for line in (clone / "suites/facts/train.jsonl").open()]
    asked = {
        program.render(Sample(id=row["id"], input=row["input"], content_sha256=""))[0].content
        for row in rows
    }
    # The search ranks the three facts of an entity as it likes; the lessons hold three of six orders.
    assert all(one.count("\n\n") == 3 for one in asked | lessons)
    assert asked & lessons


@pytest.mark.slow
def test_the_full_form_reaches_the_bands_of_the_readme(root, tmp_path):
    clone = checkout(root, tmp_path)
    run_script(root, clone, "train.py")
    arms = recordings(clone)
    assert exact_match(root, arms["base"]) <= 0.05
    assert exact_match(root, arms["tuned"]) >= 0.9
    assert 0.0 <= exact_match(root, arms["undertrained"]) <= 0.7
    run_script(root, clone, "ladder.py", "--quiet")
    ladder = ladder_of(clone)
    passing = [rung["arm"] for rung in ladder["rungs"] if rung["outcome"] == "PASS"]
    assert ("tuned", ["tuned", "lora_rag"]) == (ladder["answer"], passing)
