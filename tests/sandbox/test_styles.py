"""Every way in which tests are written, and every status a program can end with."""

from __future__ import annotations

import json

import msgspec
import pytest

from evalharness.records import CodeTask
from evalharness.sandbox import Job, Limits, Mode, guess_task

ADD = "def add(a, b):\n    return a + b\n"
CHECK = "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(0, 0) == 0\n"


def task(tests: str, style: str = "check", entry: str | None = "add", **more) -> CodeTask:
    return CodeTask(tests=tests, style=style, entry_point=entry, **more)


# --- styles ----------------------------------------------------------------------------------


def test_two_lines_run_a_program(box):
    assert "passed" == box.run(ADD, "assert add(2, 3) == 5").status


def test_check_is_called_with_the_program(box):
    assert "passed" == box.run(ADD, CHECK).status
    assert "assertion" == box.run("def add(a, b):\n    return a * b\n", CHECK).status


def test_tests_that_call_check_themselves_run_it_once(box):
    tests = CHECK + "\ndef test_check():\n    check(add)\n\ntest_check()\n"
    assert "passed" == box.run(ADD, task(tests)).status


def test_helpers_of_the_prompt_run_on_the_checkers_side(box):
    prompt = 'def double(x):\n    return x * 2\n\n\ndef half(x):\n    """Halve."""\n'
    tests = "def check(candidate):\n    assert candidate(double(4)) == 4\n"
    code = task(tests, entry="half", prompt=prompt)
    program = "def double(x):\n    return -1\n\ndef half(x):\n    return x // 2\n"
    assert "passed" == box.run(program, code).status


def test_a_plan_that_does_not_hold_changes_no_verdict(box):
    tests = "def check(candidate):\n    x = candidate(1)\n    assert candidate(x) == 3\n"
    code = task(tests, entry="inc")
    good, other = (
        "def inc(x):\n    return x + 1\n",
        "def inc(x):\n    return x + 3 if x == 1 else 3\n",
    )
    statuses = [box.run(program, code).status for program in (good, good, other, good)]
    assert ["passed", "passed", "passed", "passed"] == statuses


def test_a_function_that_the_tests_name_may_hide_a_builtin_only_if_the_task_says_so(box):
    program = "def sum(a, b):\n    return a * b\n"
    said = task("assert sum(2, 3) == 6", "asserts", None, canonical=program)
    silent = task("assert sum([2, 3]) == 5\nassert other(1) == 1", "asserts", None)
    assert "passed" == box.run(program, said).status
    assert "passed" == box.run(program + "def other(x): return x", silent).status


def test_modules_that_the_program_imported_can_be_used_by_the_tests(box):
    tests = task("assert math.isclose(f(2), 2 ** 0.5)", "asserts", None)
    assert "passed" == box.run("import math\ndef f(x): return math.sqrt(x)", tests).status
    forged = "import cmath as math\ndef f(x): return 2 ** 0.5"
    assert "load_error" == box.run(forged, tests).status


def test_a_table_of_calls_is_judged_row_by_row(box):
    rows = [{"args": [2, 3], "expected": 5}, [[1, 1], 2], {"args": ["a", 1], "raises": "TypeError"}]
    code = task(json.dumps(rows), "table")
    assert "passed" == box.run(ADD, code).status
    found = box.run("def add(a, b):\n    return 5\n", code)
    assert "wrong_answer" == found.status
    assert "add(1, 1) gave 5, not 2" == found.detail


def test_a_table_may_allow_a_tolerance_and_a_tuple_for_a_list(box):
    code = task(json.dumps([{"args": [1], "expected": [0.333], "atol": 0.001}]), "table", "third")
    assert "passed" == box.run("def third(x):\n    return (x / 3,)\n", code).status


def test_scripts_read_stdin_and_are_judged_by_stdout(box):
    cases = json.dumps([["1 2\n", "3\n"], {"input": "5 6", "output": "11"}])
    code = task(cases, "stdio", None)
    script = "a, b = map(int, input().split())\nprint(a + b)\n"
    assert "passed" == box.run(script, code).status
    assert "wrong_answer" == box.run("print(3)", code).status
    assert "exception" == box.run("print(1 / 0)", code).status
    assert "exit_early" == box.run("import os\nos._exit(4)", code).status


def test_cases_of_a_script_see_nothing_of_one_another(box):
    cases = json.dumps([["", "1\n"], ["", "1\n"]])
    script = "import math\nmath.n = getattr(math, 'n', 0) + 1\nprint(math.n)"
    assert "passed" == box.run(script, task(cases, "stdio", None)).status


def test_a_script_runs_its_main_guard_and_a_module_does_not(box):
    script = 'if __name__ == "__main__":\n    print(input())\n'
    assert "passed" == box.run(script, task('[["x", "x"]]', "stdio", None)).status
    assert "passed" == box.run(ADD + 'if __name__ == "__main__":\n    1 / 0\n', CHECK).status


UNITTEST = """
import unittest
from solution import add


class TestAdd(unittest.TestCase):
    def setUp(self):
        self.zero = 0

    def test_sum(self):
        self.assertEqual(add(2, 3), 5)

    def test_zero(self):
        with self.subTest("zero"):
            self.assertEqual(add(self.zero, 0), 0)

    def test_type(self):
        with self.assertRaises(TypeError):
            add("a", 1)


if __name__ == "__main__":
    unittest.main()
"""


def test_unittest_modules_import_the_program(box):
    code = task(UNITTEST, "unittest", None)
    assert "passed" == box.run(ADD, code).status
    assert "assertion" == box.run("def add(a, b):\n    return 5 + (a + b - 5) * 2\n", code).status


PYTEST = """
import pytest
from solution import add


@pytest.fixture
def five():
    yield 5


@pytest.mark.parametrize("a, b, total", [(2, 3, 5), (1, 1, 2)])
def test_sum(a, b, total):
    assert add(a, b) == total


class TestMore:
    def setup_method(self):
        self.one = 1

    def test_five(self, five):
        assert add(five, self.one) == pytest.approx(6.0)

    def test_error(self):
        with pytest.raises(TypeError, match="unsupported|must be|can only"):
            add("a", 1)
"""


def test_pytest_modules_run_without_pytest(box):
    code = task(PYTEST, "pytest", None)
    found = box.run(ADD, code)
    assert "passed" == found.status, found.detail
    assert "assertion" == box.run("def add(a, b):\n    return 5\n", code).status


def test_what_is_not_known_of_pytest_is_the_tests_fault(box):
    tests = "import pytest\ndef test_x(capsys):\n    assert add(1, 1) == 2\n"
    assert "checker_error" == box.run(ADD, task(tests, "pytest", None)).status


STACK = """
class Empty(Exception):
    pass


class Stack:
    def __init__(self, items=()):
        self.items = list(items)

    def push(self, item):
        self.items.append(item)
        return self

    def pop(self):
        if not self.items:
            raise Empty("nothing left")
        return self.items.pop()

    def __len__(self):
        return len(self.items)

    def __eq__(self, other):
        return isinstance(other, Stack) and self.items == other.items

    def __iter__(self):
        return iter(self.items)

    def __add__(self, other):
        return Stack(self.items + list(other))
"""

STACK_TESTS = """
s = Stack()
s.push(1).push(2)
assert len(s) == 2
assert list(s) == [1, 2]
assert s == Stack([1, 2])
assert s + [3] == Stack([1, 2, 3])
assert s.pop() == 2
assert isinstance(s, Stack)
assert s.items == [1]
s.items = []
try:
    s.pop()
except Empty as error:
    assert "nothing" in str(error)
else:
    assert False
"""


def test_classes_are_tested_through_their_objects(box):
    found = box.run(STACK, task(STACK_TESTS, "asserts", None))
    assert "passed" == found.status, found.detail
    broken = STACK.replace("self.items.append(item)", "pass")
    assert "assertion" == box.run(broken, task(STACK_TESTS, "asserts", None)).status


TREE = "class Node:\n    def __init__(self, v):\n        self.v, self.left, self.right = v, None, None\n"
HEIGHT = "def height(n):\n    return 0 if n is None else 1 + max(height(n.left), height(n.right))\n"


def test_objects_that_the_tests_build_can_be_passed_back(box):
    tests = (
        "root = Node(1)\nroot.left = Node(2)\nroot.left.right = Node(3)\nassert height(root) == 3"
    )
    assert "passed" == box.run(TREE + HEIGHT, task(tests, "asserts", None)).status


EQUAL = (
    "class E:\n    def __eq__(self, o): return True\n    def __sub__(self, o): return 0\n"
    "    def __abs__(self): return 0\n    def __contains__(self, o): return True\n"
    "class Box:\n    def get(self): return E()\n    def __eq__(self, o): return True\n"
)


@pytest.mark.parametrize(
    "test",
    [
        "Box().get() == 5",
        "abs(Box().get() - 5) < 1e-6",
        "5 in Box().get()",
        "Box() == 5",
        "5 == Box()",
    ],
)
def test_an_object_may_not_answer_whether_it_equals_plain_data(box, test):
    assert "bad_return" == box.run(EQUAL, task(f"assert {test}", "asserts", None)).status


def test_functions_that_the_tests_pass_in_are_called_back(box):
    program = "def each(f, xs):\n    return [f(x) for x in xs]\n"
    tests = "assert each(lambda x: x * 2, [1, 2]) == [2, 4]\nassert each(str, [1]) == ['1']"
    assert "passed" == box.run(program, task(tests, "asserts", None)).status


def test_what_a_program_does_to_its_arguments_is_seen(box):
    program = "def sort_it(xs):\n    xs.sort()\n"
    tests = "xs = [3, 1, 2]\nassert sort_it(xs) is None\nassert xs == [1, 2, 3]"
    for _ in range(2):  # asked as it comes, and from the plan that the first run left
        assert "passed" == box.run(program, task(tests, "asserts", None)).status


def test_async_functions_are_awaited(box):
    tests = "import asyncio\nassert asyncio.run(add(2, 3)) == 5"
    assert "passed" == box.run("async def add(a, b):\n    return a + b\n", tests).status


def test_constants_of_the_program_are_data(box):
    assert (
        "passed"
        == box.run(
            "LIMIT = (1, 2)\ndef f(): return 1", "assert LIMIT == (1, 2)\nassert f() == 1"
        ).status
    )


def test_modules_that_the_tests_declare_are_brought(box):
    pytest.importorskip("numpy")
    tests = (
        "import numpy as np\ndef check(candidate):\n"
        "    assert np.allclose(candidate([1, 2]), np.array([2.0, 4.0]))\n"
        "    assert isinstance(candidate([1]), np.ndarray)\n"
    )
    program = "import numpy as np\ndef double(x):\n    return np.array(x) * 2.0\n"
    found = box.run(program, task(tests, entry="double", preload=("numpy",)))
    assert "passed" == found.status, found.detail


def test_an_in_process_run_is_labelled_forgeable(box):
    code = task("class K: pass\nassert identity(K) is K", "asserts", "identity")
    job = Job(task="t", program="def identity(x):\n    return x\n", code=code, mode=Mode.IN_PROCESS)
    found = next(box.run_many([job]))
    assert ("passed", True) == (found.status, found.forgeable)
    assert not box.run(ADD, CHECK).forgeable


@pytest.mark.parametrize(
    ("tests", "style"),
    [
        ("assert add(1, 2) == 3", "asserts"),
        (CHECK, "check"),
        (UNITTEST, "unittest"),
        (PYTEST, "pytest"),
        ('[["1", "2"]]', "stdio"),
        ('[{"args": [1, 2], "expected": 3}]', "table"),
    ],
)
def test_the_style_of_bare_tests_is_told_by_their_look(tests, style):
    assert style == guess_task(ADD, tests).style


# --- statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        (ADD, "passed", ""),
        ("def add(a, b):\n    return 6\n", "assertion", ""),
        ("def add(a, b):\n    return 1 / 0\n", "exception", "ZeroDivisionError"),
        ("def add(a, b):\n    assert False, 'mine'\n", "exception", "AssertionError: mine"),
        ("def add(a, b):\n    return len(a)\n", "exception", "TypeError"),
        ("def add(a, b) return", "load_error", "SyntaxError"),
        ("import nothing_of_this_name\n" + ADD, "load_error", "ModuleNotFoundError"),
        ("def other(a, b):\n    return 5\n", "load_error", "defines no function 'add'"),
        ("add = 5\n", "load_error", "defines no function 'add'"),
        ("\0", "load_error", ""),
        ("\udcff = 1", "load_error", ""),
        ("def add(a, b):\n    return object()\n", "bad_return", "cannot cross"),
        ("def add(a, b):\n    raise SystemExit(0)\n", "exit_early", "sys.exit"),
        ("import sys\nsys.exit(0)\n", "exit_early", "while loading"),
        ("import os\nos._exit(3)\n", "exit_early", "status 3"),
        ("def add(a, b):\n    import ctypes\n    ctypes.string_at(0)\n", "crash", "SIGSEGV"),
        ("def add(a, b):\n    return bytearray(1 << 31)\n", "memory", "MemoryError"),
        ("import os\ndef add(a, b):\n    os.kill(1 << 22, 9)\n", "exception", "ProcessLookupError"),
        ("def add(a, b):\n    print('x' * (20 << 20))\n    return a + b\n", "output_limit", "printed"),
        ("def add(a, b):\n    raise StopIteration\n", "exception", "StopIteration"),
        ("def add(a, b):\n    raise KeyboardInterrupt\n", "exception", "KeyboardInterrupt"),
    ],
)  # fmt: skip
def test_each_way_to_end_has_a_status(box, program, status, words):
    if box.backend == "landlock" and "os.kill" in program:
        pytest.skip("other processes are refused here, not unknown")
    found = box.run(program, CHECK, entry_point="add")
    assert status == found.status, found.detail
    assert words in found.detail


def test_what_the_walls_refuse_is_denied(box):
    program = "import socket\ndef add(a, b):\n    socket.socket(socket.AF_INET)\n    return a + b\n"
    assert "denied" == box.run(program, CHECK).status


@pytest.mark.parametrize(
    ("program", "statuses"),
    [
        ("def add(a, b):\n    while True: pass\n", {"timeout_wall", "timeout_cpu"}),
        ("import time\ndef add(a, b):\n    time.sleep(60)\n", {"timeout_wall"}),
        ("while True: pass\n", {"timeout_wall", "timeout_cpu"}),
    ],
)
def test_a_program_is_stopped_at_its_limit(box, program, statuses):
    job = Job(task="t", program=program, code=task(CHECK), limits=Limits(wall_s=0.5))
    assert next(box.run_many([job])).status in statuses


def test_the_cpu_limit_can_be_shorter_than_the_wall(box):
    limits = Limits(wall_s=20.0, cpu_s=0.3)
    job = Job(task="t", program="while True: pass\n", code=task(CHECK), limits=limits)
    found = next(box.run_many([job]))
    assert "timeout_cpu" == found.status
    assert 15.0 > found.wall_s


def test_an_answer_on_which_the_tests_never_end_is_a_time_out(box):
    tests = "def check(candidate):\n    for _ in range(candidate(1, 1)):\n        pass\n"
    job = Job(
        task="t",
        program="def add(a, b):\n    return 1 << 70\n",
        code=task(tests),
        limits=Limits(wall_s=0.3),
    )
    found = next(box.run_many([job]))
    assert ("timeout_wall", True) == (found.status, found.retried)


@pytest.mark.parametrize(
    ("tests", "style"),
    [
        ("def check(candidate)", "check"),
        ("x = 1", "check"),
        ("import nothing_of_this_name\nassert add(1, 1) == 2", "asserts"),
        ("assert 1 == 2", "asserts"),
        ("assert 1 == 1", "asserts"),
        ("[]", "table"),
        ('[{"arguments": 1}]', "table"),
        ("{", "stdio"),
        ("import unittest\nclass T(unittest.TestCase): pass\n", "unittest"),
    ],
)
def test_broken_tests_are_never_the_programs_fault(box, tests, style):
    found = box.run(ADD, task(tests, style))
    assert "checker_error" == found.status, found.detail


def test_an_undeclared_module_is_named(box):
    code = task(CHECK, preload=("nothing_of_this_name",))
    found = box.run(ADD, code)
    assert "checker_error" == found.status
    assert "nothing_of_this_name" in found.detail


def test_limits_refuse_what_is_none():
    with pytest.raises(ValueError, match="wall_s"):
        Limits(wall_s=0.0)
    with pytest.raises(ValueError, match="finite"):
        Limits(wall_s=float("nan"))


def test_an_execution_says_what_was_used(box):
    program = "x = bytearray(100 << 20)\nprint('word')\n" + ADD
    found = box.run(program, CHECK, task="t7")
    assert ("t7", "passed", box.backend, program) == (
        found.task, found.status, found.backend, found.program,
    )  # fmt: skip
    assert 100 << 20 < found.max_rss_bytes < 200 << 20
    assert 0.0 < found.cpu_s < 5.0
    assert 0.0 < found.wall_s < 20.0
    assert 5 == found.output_bytes
    assert 64 == len(found.program_sha256)


def test_half_a_surrogate_pair_in_program_or_message_can_still_be_written_down(box):
    found = box.run("def f(x):\n    raise ValueError('\\ud800')\n", "assert f(1) == 1")
    assert ("exception", "ValueError: \\ud800") == (found.status, found.detail)
    assert "load_error" == box.run("x = '\ud800'\n", "assert f(1) == 1").status
    msgspec.json.encode(found)
    msgspec.json.encode(box.run("x = '\ud800'\n", "assert f(1) == 1"))
