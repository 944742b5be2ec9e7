"""No program is judged right that does not answer right, whatever way the tests are written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from forgeries import FORGERIES
from sandbox_machine import need_backend

from evalharness.records import CodeTask
from evalharness.sandbox import Duplicates, Job, Limits, Sandbox

PAIRS = ((2, 3, 5), (-1, 1, 0), (100, 23, 123))
LINES = "".join(f"    assert candidate({a}, {b}) == {c}\n" for a, b, c in PAIRS)
STYLES = {
    "check": CodeTask(tests=f"def check(candidate):\n{LINES}", entry_point="add"),
    "question by question": CodeTask(
        tests=f"def check(candidate):\n    for a, b, c in {PAIRS}:\n        assert candidate(a, b) == c\n",
        entry_point="add",
    ),
    "tolerance": CodeTask(
        tests=f"def check(candidate):\n    for a, b, c in {PAIRS}:\n        assert abs(candidate(a, b) - c) < 1e-6\n",
        entry_point="add",
    ),
    "that swallow": CodeTask(
        tests="def check(candidate):\n    good = 0\n"
        f"    for a, b, c in {PAIRS}:\n        try:\n            good += candidate(a, b) == c\n"
        "        except BaseException:\n            pass\n    assert good == 3\n",
        entry_point="add",
    ),
    "asserts": CodeTask(tests=LINES.replace("    ", "").replace("candidate", "add"), style="asserts"),
    "table": CodeTask(
        tests=json.dumps([{"args": [a, b], "expected": c} for a, b, c in PAIRS]),
        entry_point="add",
        style="table",
    ),
    "unittest": CodeTask(
        tests="import unittest\nfrom solution import add\nclass T(unittest.TestCase):\n    def test(self):\n"
        + "".join(f"        self.assertEqual(add({a}, {b}), {c})\n" for a, b, c in PAIRS),
        style="unittest",
    ),
    "pytest": CodeTask(
        tests="import pytest\nfrom solution import add\n"
        f"@pytest.mark.parametrize('a, b, c', {list(PAIRS)})\n"
        "def test_add(a, b, c):\n    assert add(a, b) == c\n",
        style="pytest",
    ),
    "with objects": CodeTask(
        tests=f"def check(candidate):\n    Thing\n{LINES}",
        entry_point="add",
        prompt="class Thing:\n    pass\n",
    ),
}  # fmt: skip
LIMITS = Limits(wall_s=2.0, memory_bytes=512 << 20)
BLAMED_ON_OTHERS = {"passed", "infra_error", "checker_error"}


def judged(backend: str, styles: dict[str, CodeTask]) -> list[tuple[str, str, str, str]]:
    """(style, forgery, status, detail) of each forgery that was not called the program's failure."""
    pairs = [(style, name) for style in styles for name in FORGERIES]
    jobs = [Job(task=name, program=FORGERIES[name], code=styles[style]) for style, name in pairs]
    with Sandbox(workers=2, backend=backend, limits=LIMITS, duplicates=Duplicates.RUN) as box:
        found = list(box.run_many(jobs))
    return [
        (*pair, execution.status, execution.detail)
        for pair, execution in zip(pairs, found, strict=True)
        if execution.status in BLAMED_ON_OTHERS
    ]


@pytest.mark.parametrize("style", ["check", "question by question", "with objects"])
def test_no_forgery_passes_between_namespaces(ns, style):
    assert [] == judged(ns, {style: STYLES[style]})


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backend", ["ns", "landlock"])
def test_no_forgery_passes_however_the_tests_are_written(backend):
    need_backend(backend)
    assert [] == judged(backend, STYLES)


def test_each_way_of_writing_tests_tells_a_right_program_from_a_wrong_one(box):
    for style, code in STYLES.items():
        thing = "class Thing: pass\n"
        right = box.run(thing + "def add(a, b):\n    return a + b\n", code)
        wrong = box.run(thing + "def add(a, b):\n    return a * b\n", code)
        assert "passed" == right.status, (style, right)
        assert wrong.status in ("assertion", "wrong_answer"), (style, wrong)
