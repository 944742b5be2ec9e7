"""Model-written programs through the sandbox: the counts of the reference graders, task by task."""

from __future__ import annotations

import json

import pytest

from evalharness.sandbox import probe

pytestmark = pytest.mark.skipif(
    not any(found.works for found in probe() if found.name in ("ns", "landlock")),
    reason="no sandbox backend works here",
)

QUICK = ["gpt4_final_500c_long", "wizardcoder_15b_59.8"]
MORE = [
    "Bard_custom", "Claude_Plus_custom_md", "TheBloke_WizardLM-30B-GPTQ_VICUNA_MEDIUM",
    "TheBloke_falcon-7b-instruct-GPTQ_FALCON_", "reflexion_gpt35_simple",
]  # fmt: skip


def passed_of(commands, shared_data, system):
    folder = shared_data / "humaneval_samples"
    facts = commands.json(
        "score", "humaneval", folder / f"{system}.jsonl.gz", "--data",
        shared_data / "humaneval/HumanEval.jsonl.gz", "--fields", "id=task_id,output=completion",
    )  # fmt: skip
    (evidence,) = commands.out.glob(f"{facts['run']}/evidence.jsonl")
    rows = [json.loads(line) for line in evidence.read_text().splitlines()[1:]]
    return facts, {row["id"]: row["evidence"]["status"] for row in rows}


@pytest.mark.parametrize(
    "system", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]
)
def test_humaneval_counts_equal_the_reference_grader(commands, shared_data, expected, system):
    figures = expected("humaneval_samples")["systems"][system]
    facts, statuses = passed_of(commands, shared_data, system)
    assert len(statuses) == figures["n"]
    assert list(statuses.values()).count("passed") == figures["passed"]
    value = facts["metrics"]["pass_at_1"]["value"]
    assert value == pytest.approx(figures["pass@1"], abs=1e-9)
    if figures.get("failed_tasks"):
        failed = {task for task, status in statuses.items() if status != "passed"}
        assert failed == set(figures["failed_tasks"])
    assert "infra_error" not in statuses.values()


def test_a_second_score_runs_no_program_again(commands, shared_data):
    facts, first = passed_of(commands, shared_data, "reflexion_gpt35_simple")
    (evidence,) = commands.out.glob(f"{facts['run']}/evidence.jsonl")
    before = evidence.read_bytes()
    (commands.out / facts["run"] / "summary.json").unlink()
    again, second = passed_of(commands, shared_data, "reflexion_gpt35_simple")
    assert (facts["metrics"], first) == (again["metrics"], second)
    assert before == evidence.read_bytes()


def test_validate_runs_the_canonical_solutions(commands, capsys):
    from evalharness.cli.main import main

    assert main(["validate", "internal-code"]) == 0
    assert "0 errors" in capsys.readouterr().out


SEVERAL = """
name: humaneval-several
data:
  path: nowhere.jsonl
  fields: {id: task_id, input: prompt, tests: test, canonical: canonical_solution, entry_point: entry_point}
  code: {style: check, prompt_is_code: true}
prompt: {template: "{{ input }}"}
generation: {temperature: 0.8, repeats: 50}
extract: {code: true}
metrics:
  - {name: pass_at_k, k: 1, label: pass_at_1}
  - {name: pass_at_k, k: 10, label: pass_at_10}
  - {name: pass_at_k, k: 50, label: pass_at_50}
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_samples_a_task_score_as_published_at_several_k(commands, shared_data, expected):
    known = expected("humaneval_samples")["multi_sample"]["codegen16b samples 0..49"]
    facts = commands.json(
        "score", commands.suite(SEVERAL),
        shared_data / "humaneval_samples/codegen16b_T0.8_samples0-49.jsonl.gz", "--data",
        shared_data / "humaneval/HumanEval.jsonl.gz", "--fields", "id=task_id,outputs=completions",
    )  # fmt: skip
    for k in (1, 10, 50):
        value = facts["metrics"][f"pass_at_{k}"]["value"]
        assert value == pytest.approx(known[f"pass@{k}"], abs=1e-9)


def test_a_try_that_the_recording_lacks_is_shown_and_has_not_passed(commands):
    task = "def check(candidate):\n    assert candidate(1) == 2\n"
    data = commands.jsonl("data.jsonl", [
        {"id": name, "input": "Add one.", "tests": task, "entry_point": "inc"} for name in "ab"
    ])  # fmt: skip
    right, wrong = "def inc(x):\n    return x + 1\n", "def inc(x):\n    return x\n"
    outputs = commands.jsonl("outputs.jsonl", [
        {"id": "a", "outputs": [right, wrong, wrong]}, {"id": "b", "outputs": [right, right]},
    ])  # fmt: skip
    text = (
        f"name: s\ndata: {{path: {data}}}\nprompt: {{template: '{{{{ input }}}}'}}\n"
        "generation: {repeats: 3}\nextract: {code: true}\nmetrics:\n"
        "  - {name: pass_at_k, k: 1, label: pass_at_1}\n"
        "  - {name: pass_at_k, k: 3, label: pass_at_3}\n"
    )
    facts = commands.json("score", commands.suite(text), outputs)
    assert facts["metrics"]["pass_at_1"]["value"] == pytest.approx((1 / 3 + 2 / 3) / 2)
    assert 1.0 == facts["metrics"]["pass_at_3"]["value"]
    assert 1 == facts["n_failed"]
