"""HumanEval, HumanEval+ and MBPP: canonical solutions pass, and models score what they are known to.

The short forms run what is quick; `-m slow` runs every recorded system and repeats under load.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import problem_sets

from evalharness.records import Execution
from evalharness.sandbox import Duplicates, Job, Limits, Mode, Sandbox

pytestmark = pytest.mark.shared

REFERENCE_S = 5.0
"""The limit under which the reference numbers were taken."""
QUICK = [
    "wizardcoder_15b_59.8",
    "reflexion_gpt35_simple",
    "Bard_custom",
    "togethercomputer_RedPajama-INCITE-7B-Instruct_Q_A_MEDIUM",
]
SLOWER_THAN_THE_REFERENCE_ALLOWED = {"HumanEval/129"}
"""GPT-4's answer takes 4 to 5 s of CPU: the reference stopped it at 5 s of wall, here CPU decides."""
FLAGS_AT_ODDS = {
    "gpt4_simple": {
        "mbpp_67_bell_number", "mbpp_170_sum_range_list", "mbpp_798__sum",
        "mbpp_724_power_base_sum", "mbpp_419_round_and_sum", "mbpp_598_armstrong_number",
    },
    "gpt4_reflexion": {
        "mbpp_170_sum_range_list", "mbpp_422_find_Average_Of_Cube", "mbpp_724_power_base_sum",
        "mbpp_419_round_and_sum", "mbpp_598_armstrong_number",
    },
}  # fmt: skip
"""Answers that pass the tests beside them, in a plain exec too, and that their authors flag unsolved."""
BROKEN_PLUS = {"HumanEval/32"}
"""Its tests unpack the answer, a float: no program can pass them, the canonical one included."""


def run(jobs: list[Job], wall_s: float = REFERENCE_S, **options) -> list[Execution]:
    with Sandbox(workers=2, limits=Limits(wall_s=wall_s), **options) as box:
        return list(box.run_many(jobs))


def passed(found: list[Execution]) -> int:
    return sum(execution.status == "passed" for execution in found)


def failed(found: list[Execution]) -> list[tuple[str, str, str]]:
    return [(e.task, e.status, e.detail) for e in found if e.status != "passed"]


@pytest.fixture(scope="module")
def expected(shared_data) -> dict:
    return json.loads((shared_data / "humaneval_samples" / "expected.json").read_text())


def test_canonical_solutions_of_humaneval_pass(ns, shared_data):
    found = run(problem_sets.canonical(shared_data), 10.0)
    assert 164 == len(found)
    assert [] == failed(found)


@pytest.mark.parametrize("system", QUICK)
def test_a_model_scores_what_the_reference_says(ns, shared_data, expected, system):
    known = expected["systems"][system]
    found = run(problem_sets.answers(shared_data, system))
    assert (known["n"], known["passed"]) == (len(found), passed(found))


def test_plain_mbpp_passes_a_sample_of_its_own_solutions(ns, shared_data):
    assert [] == failed(run(problem_sets.mbpp(shared_data)[::12], 10.0))


def test_raw_chat_replies_lose_nothing_on_the_way_to_programs(ns, shared_data):
    from evalharness.text.code import assemble_program

    tasks = problem_sets.humaneval(shared_data)
    jobs = []
    for row in problem_sets.rows(
        shared_data / "humaneval_samples" / "wizardcoder_15b_59.8.jsonl.gz"
    ):
        task, code = tasks[row["task_id"]]
        answer = row["raw_response"].split("### Response:")[-1]
        program = assemble_program(answer, prompt=task["prompt"], entry_point=code.entry_point)
        jobs.append(Job(task=row["task_id"], program=program, code=code))
    assert 98 <= passed(run(jobs))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_recorded_system_scores_what_the_reference_says(ns, shared_data, expected):
    for system, known in expected["systems"].items():
        found = run(problem_sets.answers(shared_data, system))
        extra = {task for task, _, _ in failed(found)}
        count = passed(found)
        if known["failed_tasks"]:
            assert set(known["failed_tasks"]) - extra <= SLOWER_THAN_THE_REFERENCE_ALLOWED, system
            count -= len(set(known["failed_tasks"]) - extra)
        assert known["passed"] == count, (system, failed(found))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_samples_a_task_pass_as_often_as_the_reference_says(ns, shared_data, expected):
    known = expected["multi_sample"]["codegen16b samples 0..49"]
    found = run(problem_sets.answers(shared_data, "codegen16b_T0.8_samples0-49"))
    right = Counter(e.task for e in found if e.status == "passed")
    assert known["passed"] == right.total()
    assert known["correct_per_task"] == {task: right[task] for task in known["correct_per_task"]}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["gpt4_simple", "gpt4_reflexion"])
def test_mbpp_answers_are_judged_as_a_plain_exec_judges_them(ns, shared_data, name):
    pairs = problem_sets.mbpp_answers(shared_data, name)
    jobs = [job for job, _ in pairs]
    split = run(jobs)
    inside = run([msgspec.structs.replace(job, mode=Mode.IN_PROCESS) for job in jobs])
    assert [e.status == "passed" for e in inside] == [e.status == "passed" for e in split]
    at_odds = {e.task for e, (_, flag) in zip(split, pairs, strict=True)
               if (e.status == "passed") != flag}  # fmt: skip
    assert FLAGS_AT_ODDS[name] == at_odds


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_canonical_solutions_of_humaneval_plus_pass(ns, shared_data):
    found = run(problem_sets.canonical(shared_data, plus=True), 60.0)
    assert BROKEN_PLUS == {task for task, _, _ in failed(found)}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("system", ["gpt4_final_500c_long", QUICK[3]])
def test_plus_scores_are_those_of_the_reference(ns, shared_data, expected, system):
    found = run(problem_sets.answers(shared_data, system, plus=True), 30.0)
    assert expected["systems"][system]["plus_passed"] == passed(found), failed(found)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_of_mbpp_passes_its_own_tests(ns, shared_data):
    assert [] == failed(run(problem_sets.mbpp(shared_data), 20.0))


def burn(stop_at: float) -> None:
    while time.monotonic() < stop_at:
        pass


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("load", [0, 8], ids=["quiet", "eight times the cores"])
def test_canonical_solutions_pass_ten_times_over_at_any_load(ns, shared_data, load):
    jobs = problem_sets.canonical(shared_data) * 10
    context = multiprocessing.get_context("spawn")
    burners = [
        context.Process(target=burn, args=(time.monotonic() + 3000,))
        for _ in range(load * (os.cpu_count() or 1))
    ]
    for burner in burners:
        burner.start()
    try:
        found = run(jobs, 3.0, duplicates=Duplicates.RUN)
    finally:
        for burner in burners:
            burner.kill()
            burner.join()
    assert 1640 == len(found)
    assert [] == failed(found)
