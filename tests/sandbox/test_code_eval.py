"""The interface of evaluate's code_eval: its documented example, its shapes, its estimator."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from evalharness.errors import DataError
from evalharness.integrations.code_eval import CodeEval

ADD = "assert add(2,3)==5"
WRONG, RIGHT = "def add(a,b): return a*b", "def add(a, b): return a+b"


def test_the_documented_example_gives_the_documented_numbers(ns):
    values, results = CodeEval().compute(
        references=[ADD], predictions=[[WRONG, RIGHT]], k=[1, 2], num_workers=2
    )
    assert {"pass@1": 0.5, "pass@2": 1.0} == values
    assert {
        0: [
            (0, {"task_id": 0, "passed": False, "result": results[0][0][1]["result"],
                 "completion_id": 0}),
            (1, {"task_id": 0, "passed": True, "result": "passed", "completion_id": 1}),
        ]
    } == results  # fmt: skip
    assert results[0][0][1]["result"].startswith("failed: ")


def test_unequal_numbers_of_programs_are_averaged_by_problem(ns):
    programs = [[RIGHT, WRONG, WRONG], [RIGHT, WRONG], [RIGHT, RIGHT]]
    values, results = CodeEval().compute(references=[ADD] * 3, predictions=programs, k=[1, 2])
    exact = [
        Fraction(sum(RIGHT in drawn for drawn in itertools.combinations(held, k)),
                 len(list(itertools.combinations(held, k))))
        for k in (1, 2) for held in programs
    ]  # fmt: skip
    assert values["pass@1"] == pytest.approx(float(sum(exact[:3]) / 3))
    assert values["pass@2"] == pytest.approx(float(sum(exact[3:]) / 3))
    assert [3, 2, 2] == [len(found) for found in results.values()]


def test_tests_in_the_style_of_humaneval_and_a_loop_that_never_ends(ns):
    tests = "def check(candidate):\n    assert candidate(2) == 4\n\ncheck(double)"
    programs = [["def double(x):\n    return 2 * x", "def double(x):\n    while True: pass"]]
    values, results = CodeEval().compute(references=[tests], predictions=programs, timeout=0.3)
    assert {"pass@1": 0.5} == values
    assert ["passed", "timed out"] == [result["result"] for _, result in results[0]]


def test_without_k_those_are_taken_that_every_problem_allows(ns):
    values, _ = CodeEval().compute(references=[ADD, ADD], predictions=[[RIGHT] * 10, [RIGHT] * 12])
    assert {"pass@1": 1.0, "pass@10": 1.0} == values


@pytest.mark.parametrize(
    ("references", "predictions", "k", "words"),
    [
        ([ADD], [[RIGHT], [RIGHT]], None, "2 lists of programs but 1 tests"),
        ([], [], None, "0 lists"),
        ([ADD, ADD], [[RIGHT], []], None, "problem 1 has no program"),
        ([ADD], [[RIGHT]], [2], r"pass@2 needs 2 programs of every problem, problem 0 has 1"),
        (["def ("], [[RIGHT]], None, "the tests of problem 0 are broken"),
    ],
)
def test_what_cannot_be_computed_is_refused(references, predictions, k, words):
    with pytest.raises(DataError, match=words):
        CodeEval().compute(references=references, predictions=predictions, k=k)
