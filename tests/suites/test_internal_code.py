"""The `internal-code` suite: references pass their tests, and wrong answers do not."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import json
import subprocess
import sys

import pytest
from written_suites import SUITES, rows

FOLDER = SUITES / "internal-code"
MODULES = sorted((FOLDER / "quayside").glob("*.py"))

RUN_ALL = """
import json, sys
failed = []
for line in sys.stdin:
    row = json.loads(line)
    program, tests = {}, {}
    exec(row["prompt"] + row["answer"], program)
    exec(row["tests"], tests)
    try:
        tests["check"](program[row["entry_point"]])
    except Exception as error:
        failed.append(row["id"])
print(json.dumps(failed))
"""


def failed_ids(tasks, answers):
    """Ids of tasks whose answer fails; the answers are our own, so a plain process will do."""
    lines = [
        json.dumps(row | {"answer": answer}) for row, answer in zip(tasks, answers, strict=True)
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN_ALL],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tasks():
    return rows(FOLDER / "heldout.jsonl") + rows(FOLDER / "train.jsonl")


def test_there_are_a_hundred_tasks_and_more(tasks):
    assert len(rows(FOLDER / "heldout.jsonl")) >= 100
    assert len({row["entry_point"] for row in tasks}) == len(tasks)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_examples_in_docstrings_are_true(path):
    spec = importlib.util.spec_from_file_location(f"quayside_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outcome = doctest.testmod(module)
    assert outcome.failed == 0
    assert outcome.attempted >= 10


def test_every_canonical_solution_passes_its_tests(tasks):
    assert failed_ids(tasks, [row["canonical"] for row in tasks]) == []


def test_an_empty_function_passes_no_task(tasks):
    stubs = [
        f"def {row['entry_point']}(*arguments, **options):\n    return None\n" for row in tasks
    ]
    assert len(failed_ids(tasks, stubs)) == len(tasks)


def test_an_answer_that_gives_back_its_argument_passes_no_task(tasks):
    echoes = [f"def {row['entry_point']}(first, *rest):\n    return first\n" for row in tasks]
    assert len(failed_ids(tasks, echoes)) == len(tasks)


class FlipComparisons(ast.NodeTransformer):
    """Every <= becomes <, and so on: a mistake that models make."""

    SWAPS = {ast.LtE: ast.Lt, ast.Lt: ast.LtE, ast.Gt: ast.GtE, ast.GtE: ast.Gt}

    def visit_Compare(self, node):
        self.generic_visit(node)
        node.ops = [self.SWAPS.get(type(op), type(op))() for op in node.ops]
        return node


def test_off_by_one_comparisons_are_caught(tasks):
    changed, answers = [], []
    for row in tasks:
        tree = FlipComparisons().visit(ast.parse(row["canonical"]))
        answer = ast.unparse(ast.fix_missing_locations(tree))
        if answer != ast.unparse(ast.parse(row["canonical"])):
            changed.append(row)
            answers.append(answer)
    assert len(changed) >= 40
    assert len(failed_ids(changed, answers)) / len(changed) >= 0.8


def test_a_task_shows_signature_and_docstring_but_no_body(tasks):
    for row in tasks:
        tree = ast.parse(row["input"])
        shown = tree.body[-1]
        assert shown.name == row["entry_point"]
        assert ast.get_docstring(shown)
        assert len(shown.body) == 1
        assert row["input"].startswith(row["prompt"])
        body = row["canonical"].split('"""')[-1].strip()
        assert body not in row["input"]


def test_hidden_calls_outnumber_the_examples(tasks):
    for row in tasks:
        calls = row["tests"].count("    assert ")
        assert calls >= 5, row["id"]
        assert calls > row["input"].count(">>>") - row["prompt"].count(">>>"), row["id"]


def test_arguments_and_results_are_plain_data(tasks):
    plain = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.UnaryOp, ast.Load, ast.USub)
    for row in tasks:
        check = ast.parse(row["tests"]).body[-1]
        for call in (node for node in ast.walk(check) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", "") == "candidate":
                inside = [node for argument in call.args for node in ast.walk(argument)]
                assert all(isinstance(node, plain) for node in inside), row["id"]
