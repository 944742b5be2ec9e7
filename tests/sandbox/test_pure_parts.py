"""Parts that need no jail: plans, verdicts, filters, descriptors of tests."""

from __future__ import annotations

import ast
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.records import CodeTask
from evalharness.sandbox import Job, Limits
from evalharness.sandbox.jail import seccomp
from evalharness.sandbox.jail.plan import plan_from_text
from evalharness.sandbox.jail.settings import (
    ORDER,
    REPORT,
    Order,
    Reason,
    Report,
    Settings,
    decode_settings,
)
from evalharness.sandbox.jail.syscalls import AUDIT_ARCH, program_calls, zygote_calls
from evalharness.sandbox.jail.tasks import Spec, Task
from evalharness.sandbox.jail.wire import is_plain
from evalharness.sandbox.jobs import last_function
from evalharness.sandbox.verdict import Answer, execution, read_answer, worth_another_try

# --- plans -----------------------------------------------------------------------------------


def planned(tests: str, entry: str = "f") -> int | None:
    """How many questions can be read off tests; None if they cannot."""
    plan = plan_from_text(ast.parse(tests), entry, (entry,))
    return None if plan is None else len(plan.fingerprints)


@pytest.mark.parametrize(
    ("tests", "count"),
    [
        ("assert f(1) == 2\nassert f([1, (2, 'x')]) == f({1: 2})", 3),
        (
            "def check(candidate):\n    assert candidate(1) == 2\n    assert abs(candidate(-1) - 2) < 1",
            2,
        ),
        ("x = 5\nassert f(1, b=2) == x", 1),
        ("assert not f(1)", 1),
        ("assert f(x) == 1", None),
        ("assert f(f(1)) == 1", None),
        ("for i in range(3):\n    assert f(i) == i", None),
        ("assert f(1) == 1 or f(2) == 2", None),
        ("assert 0 < f(1) < f(2)", None),
        ("assert f(1) == 1, f(2)", None),
        ("assert f(*[1]) == 1", None),
        ("assert all(f(x) for x in (1, 2))", None),
        ("g = f\nassert g(1) == 1", None),
        ("with x:\n    assert f(1) == 1", None),
        ("assert max([1], key=f(2)) == 1", None),
        ("assert 1 == 1", None),
    ],
)
def test_only_straight_lines_of_literal_calls_are_planned(tests, count):
    assert count == planned(tests)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda held: (
        st.lists(held, max_size=3) | st.tuples(held) | st.dictionaries(st.text(max_size=2), held)
    ),
    max_leaves=8,
)


@given(plain)
def test_plain_values_are_recognised(value):
    assert is_plain(value)


@pytest.mark.parametrize(
    "value", [bytearray(b"x"), [bytearray(b"x")], {1: memoryview(b"x")}, range(3)]
)
def test_what_marshal_would_flatten_is_not_plain(value):
    assert not is_plain(value)


# --- names that tests need -------------------------------------------------------------------


def prepared(
    tests: str, *, style: str = "asserts", entry: str | None = None, prompt: str = ""
) -> Task:
    return Task(Spec(style, tests, entry, prompt, (), (), ()))


@pytest.mark.parametrize(
    ("tests", "names"),
    [
        ("assert f(1) == g(2)", {"f", "g"}),
        ("import math\nassert math.pi < f(1)", {"f"}),
        ("def test():\n    x = 1\n    assert f(x) == len([x])\ntest()", {"f"}),
        ("from solution import f, g as h\nassert f(1) == h(2)", {"f", "g"}),
        ("import solution as s\nassert s.f(1) == s.g", {"f", "g"}),
        ("assert [f(x) for x in (1, 2)] == sorted([1])", {"f"}),
        ("class T:\n    y = 2\n    def m(self):\n        return f(self.y)\nT().m()", {"f"}),
    ],
)
def test_names_that_tests_do_not_define_are_asked_of_the_program(tests, names):
    assert names == set(prepared(tests).names)


def test_helpers_of_a_prompt_are_not_asked_of_the_program():
    prompt = "def helper(x):\n    return x\n\ndef f(x):\n    '''Head only.'''\n"
    task = prepared("assert f(helper(1)) == 1", entry="f", prompt=prompt)
    assert ("f",) == task.names


def test_a_builtin_is_never_asked_of_the_program_unless_the_task_defines_it():
    assert ("f",) == prepared("assert abs(f(1)) == 1").names
    spec = Spec("asserts", "assert abs(1) == 1", None, "", (), ("abs",), ())
    assert ("abs",) == Task(spec).names


@pytest.mark.parametrize(
    ("program", "name"),
    [("def a(): pass\ndef b(): pass", "b"), ("x = 1", None), ("async def a(): pass", "a"),
     ("class A:\n    def m(self): pass", None)],
)  # fmt: skip
def test_the_last_function_of_a_program_is_found_by_pattern(program, name):
    assert name == last_function(program)


# --- verdicts --------------------------------------------------------------------------------

JOB = Job(task="t", program="x", code=CodeTask(tests=""))
LIMITS = Limits(wall_s=2.0)


def report(
    reason: Reason = Reason.NONE, status: int = 0, cpu_s: float = 0.1, output: int = 0
) -> Report:
    return Report(int(reason), status, int(cpu_s * 1e6), 500_000, 1 << 20, output)


def status(fault: tuple[str, str] | None, told: Report | None) -> str:
    return execution(JOB, Answer(fault, told), LIMITS, backend="ns").status


@pytest.mark.parametrize(
    ("fault", "told", "expected"),
    [
        (None, report(), "passed"),
        (None, report(Reason.ASKED, 9), "passed"),
        (None, report(Reason.MEMORY, 9), "memory"),
        (None, report(Reason.DISK, 9), "output_limit"),
        (None, report(output=17 << 20), "output_limit"),
        (None, report(cpu_s=3.5), "timeout_cpu"),
        (None, None, "infra_error"),
        (("assertion", "x"), report(), "assertion"),
        (("assertion", "x"), report(Reason.CPU, 9), "timeout_cpu"),
        (("exit", ""), report(Reason.WALL, 9), "timeout_wall"),
        (("exit", ""), report(status=0), "exit_early"),
        (("exit", ""), report(status=3 << 8), "exit_early"),
        (("exit", ""), report(status=11), "crash"),
        (("exit", ""), report(status=24), "timeout_cpu"),
        (("exit", ""), report(status=9, cpu_s=2.99), "timeout_cpu"),
        (("exit", ""), report(status=9), "crash"),
        (("exit", ""), report(status=64), "crash"),
        (("checker_error", "x"), None, "checker_error"),
        (("infra_error", "x"), report(), "infra_error"),
        (("excellent", "x"), report(), "infra_error"),
    ],
)
def test_a_fault_and_a_report_make_one_status(fault, told, expected):
    assert expected == status(fault, told)


def test_messages_of_another_shape_are_refused():
    for message in ([], [1, 2], [1, None, [1]], [1, 5, None], [1, ["x"], None]):
        with pytest.raises((ValueError, IndexError)):
            read_answer(message)


def test_only_a_time_out_with_little_cpu_is_worth_another_try():
    def found(fault, told):
        return execution(JOB, Answer(fault, told), LIMITS, backend="ns")

    assert worth_another_try(found(("exit", ""), report(Reason.WALL, 9, 0.2)), LIMITS)
    assert not worth_another_try(found(("exit", ""), report(Reason.WALL, 9, 1.9)), LIMITS)
    assert not worth_another_try(found(("assertion", ""), report(cpu_s=0.1)), LIMITS)


# --- messages and filters --------------------------------------------------------------------


def test_settings_survive_the_command_line():
    given_settings = Settings(
        "ns", "both", 3, 4, 5, None, "user", (("/a", "/b"),), (("/a", "/b"),), ("/p",), "/w", 7
    )
    assert given_settings == decode_settings(given_settings.encode())


@given(st.tuples(*[st.integers(0, (1 << 32) - 1)] * 9))
def test_orders_and_reports_survive_their_bytes(numbers):
    assert Order(*numbers) == Order._make(ORDER.unpack(ORDER.pack(*numbers)))
    told = Report(numbers[0], -1, *numbers[2:6])
    assert told == Report._make(REPORT.unpack(REPORT.pack(*told)))


ALLOW, REFUSE, UNKNOWN, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


def decide(program: bytes, number: int, arguments: tuple[int, ...] = (), arch: int = 0) -> int:
    """What a filter answers: an interpreter of the few instructions it is made of."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    at, held = 0, 0
    while True:
        code, yes, no, k = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x06:
            return k
        if code == 0x20:
            (held,) = struct.unpack_from("=I", data, k)
        else:
            met = {0x15: held == k, 0x25: held > k, 0x35: held >= k, 0x45: bool(held & k)}[code]
            at += yes if met else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_base_filter_allows_its_list_and_nothing_else(machine):
    program, arch = seccomp.base_filter(machine), AUDIT_ARCH[machine]
    allowed = {**program_calls(machine), **zygote_calls(machine)}
    by_argument = {"clone", "socket", "fcntl", "ioctl", "personality"}
    for number in range(600):
        names = [name for name, own in allowed.items() if own == number]
        answer = decide(program, number, arch=arch)
        if not names:
            assert answer == (UNKNOWN if number >= 424 else REFUSE), number
        elif not by_argument & set(names):
            assert ALLOW == answer, names
    assert KILL == decide(program, 0, arch=0x40000003)
    assert KILL == decide(program, 0x40000000, arch=arch)


def test_calls_are_allowed_by_their_arguments():
    program, arch = seccomp.base_filter("x86_64"), AUDIT_ARCH["x86_64"]
    calls = program_calls("x86_64")
    ask = lambda name, *arguments: decide(program, calls[name], arguments, arch)  # noqa: E731
    assert ALLOW == ask("clone", 0x11)
    assert REFUSE == ask("clone", 0x10000000)
    assert REFUSE == ask("clone", 0x20000011)
    assert ALLOW == ask("socket", 1)
    assert REFUSE == ask("socket", 2) == ask("socket", 10) == ask("socket", 16) == ask("socket", 40)
    assert REFUSE == ask("fcntl", 0, 8)
    assert ALLOW == ask("fcntl", 0, 3)


@given(own=st.integers(2, 1 << 22), target=st.integers(-(1 << 22), 1 << 22))
def test_a_program_that_shares_pids_signals_only_what_is_its_own(own, target):
    program = seccomp.shared_process_filter(own, "x86_64")
    number = program_calls("x86_64")["kill"]
    answer = decide(program, number, (target & 0xFFFFFFFF, 9))
    is_own = target == 0 or target >= own or target <= -own
    assert (ALLOW if is_own else REFUSE) == answer


def test_under_landlock_only_threads_can_be_made():
    program = seccomp.landlock_filter(50, "x86_64")
    calls = program_calls("x86_64")
    assert REFUSE == decide(program, calls["clone"], (0x11,))
    assert ALLOW == decide(program, calls["clone"], (0x3D0F00,))
    for name in ("fork", "vfork", "socket", "chmod", "prlimit64"):
        assert REFUSE == decide(program, calls[name], (7,)), name


def test_a_program_may_not_undo_what_ties_it_to_its_zygote():
    program = seccomp.program_filter("x86_64")
    calls = program_calls("x86_64")
    assert (
        REFUSE == decide(program, calls["prctl"], (1, 0)) == decide(program, calls["prctl"], (22,))
    )
    assert ALLOW == decide(program, calls["prctl"], (15,))
    for number in zygote_calls("x86_64").values():
        assert REFUSE == decide(program, number)


@pytest.mark.parametrize(
    "name", ["ptrace", "bpf", "io_uring_setup", "keyctl", "shmget", "mq_open", "memfd"]
)
def test_calls_that_are_left_out_on_purpose_stay_out(name):
    assert name not in program_calls("x86_64")


def test_a_filter_for_a_machine_nobody_knows_is_an_error():
    with pytest.raises(KeyError):
        seccomp.base_filter("riscv64")
    assert os.uname().machine
