"""The pool: order, duplicates, second tries, and the death of any of its parts."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandbox_machine import ROOT, descendants, is_alive

from evalharness.errors import SandboxError, UsageError
from evalharness.records import CodeTask
from evalharness.sandbox import Duplicates, Job, Limits, Sandbox, probe
from evalharness.sandbox.backends import UNSAFE_VARIABLE, NamespaceBackend, UnsafeBackend
from evalharness.sandbox.conformance import check_backend, require

CODE = CodeTask(tests="def check(candidate):\n    assert candidate(2, 3) == 5\n", entry_point="add")
GOOD = "def add(a, b):\n    return a + b\n"


def job(program: str = GOOD, task: str = "t", **more) -> Job:
    return Job(task=task, program=program, code=CODE, **more)


def numbered(count: int) -> list[Job]:
    """Jobs whose result depends on their number: every third one is wrong."""
    wrong = "def add(a, b):\n    return None\n"
    return [job(f"# {n}\n" + (wrong if n % 3 == 0 else GOOD), f"t{n}") for n in range(count)]


def zygote_of(box: Sandbox) -> tuple[int, int]:
    """The host's pids of the first worker's zygote and checker."""
    outer = box._crew._workers[0]._started.processes[0].pid
    if box.backend == "ns":
        zygote = int(children(outer)[0])
        return zygote, int(children(zygote)[0])
    return outer, int(children(outer)[0])


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


# --- order and duplicates --------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_the_order_of_the_jobs_at_any_worker_count(ns, workers):
    with Sandbox(workers=workers) as box:
        found = list(box.run_many(numbered(60)))
    assert [f"t{n}" for n in range(60)] == [execution.task for execution in found]
    assert [n % 3 != 0 for n in range(60)] == [e.status == "passed" for e in found]


def test_jobs_are_taken_only_as_they_are_needed(box):
    taken = []

    def endless():
        for n in itertools.count():
            taken.append(n)
            yield job(task=f"t{n}")

    first = list(itertools.islice(box.run_many(endless()), 3))
    assert 3 == len(first)
    assert 600 > len(taken)


def test_duplicates_run_once_and_keep_their_own_names(ns):
    stamp = "import time\nnow = time.time_ns()\ndef add(a, b):\n    raise ValueError(now)\n"
    jobs = [job(stamp, f"t{n}") for n in range(4)]
    with Sandbox(workers=2) as box:
        merged = list(box.run_many(jobs))
    with Sandbox(workers=2, duplicates=Duplicates.RUN) as box:
        apart = list(box.run_many(jobs))
    assert 1 == len({execution.detail for execution in merged})
    assert 4 == len({execution.detail for execution in apart})
    assert ["t0", "t1", "t2", "t3"] == [execution.task for execution in merged]


def test_other_limits_or_seeds_are_no_duplicates(ns):
    draw = "import random\ndef add(a, b):\n    raise ValueError(random.random())\n"
    with Sandbox(workers=1) as box:
        found = list(box.run_many([job(draw), job(draw, seed=1), job(draw)]))
    assert found[0].detail == found[2].detail != found[1].detail


def test_a_job_may_have_limits_of_its_own(box):
    program = "x = bytearray(300 << 20)\n" + GOOD
    small = job(program, limits=Limits(memory_bytes=200 << 20))
    assert ["passed", "memory"] == [e.status for e in box.run_many([job(program), small])]


def test_no_jobs_give_no_results(box):
    assert [] == list(box.run_many([]))


# --- second tries ----------------------------------------------------------------------------


def test_a_program_that_only_waited_is_run_once_more_and_says_so(box):
    sleeper = job("import time\ntime.sleep(30)\n", limits=Limits(wall_s=0.3))
    found = next(box.run_many([sleeper]))
    assert ("timeout_wall", True) == (found.status, found.retried)


def test_a_second_try_does_not_hold_up_the_order(ns):
    sleeper = job("import time\ntime.sleep(30)\n", "slow", limits=Limits(wall_s=0.3))
    with Sandbox(workers=2) as box:
        found = list(box.run_many([sleeper, *numbered(20), sleeper]))
    assert ["slow", *[f"t{n}" for n in range(20)], "slow"] == [e.task for e in found]


# --- deaths ----------------------------------------------------------------------------------


def live_box() -> Sandbox:
    sandbox = Sandbox(workers=1, limits=Limits(wall_s=10.0), duplicates=Duplicates.RUN)
    assert "passed" == sandbox.run(GOOD, CODE).status
    return sandbox


@pytest.mark.parametrize("part", ["outer", "zygote", "checker"])
def test_the_pool_survives_the_death_of_any_part(ns, part):
    with live_box() as box:
        for _ in range(2):
            zygote, checker = zygote_of(box)
            outer = box._crew._workers[0]._started.processes[0].pid
            os.kill({"outer": outer, "zygote": zygote, "checker": checker}[part], signal.SIGKILL)
            assert "passed" == box.run(GOOD, CODE).status


def test_a_part_that_dies_at_work_costs_a_second_try_and_no_verdict(ns):
    slow = job("import time\ntime.sleep(0.4)\n" + GOOD)
    with live_box() as box:
        running = box.run_many([slow, job(), job()])
        zygote, _ = zygote_of(box)
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -9 {zygote}"])
        found = list(running)
        killer.wait()
    assert ["passed"] * 3 == [execution.status for execution in found]
    assert found[0].retried


def test_a_stopped_zygote_is_replaced(ns):
    with live_box() as box:
        zygote, _ = zygote_of(box)
        os.kill(zygote, signal.SIGSTOP)
        stuck = job(limits=Limits(wall_s=0.5))
        assert "passed" == next(box.run_many([stuck])).status


def test_a_run_that_is_left_early_leaves_the_pool_usable(ns):
    with live_box() as box:
        endless = job("while True: pass\n")
        running = box.run_many([job(), endless, endless])
        assert "passed" == next(running).status
        running.close()
        assert "passed" == box.run(GOOD, CODE).status


INTERRUPTED = """
import sys, threading, os, signal, time
from evalharness.records import CodeTask
from evalharness.sandbox import Sandbox, Job, Limits
code = CodeTask(tests="def check(c):\\n    assert c(1) == 1\\n", entry_point="f")
box = Sandbox(workers=2, limits=Limits(wall_s=60))
assert box.run("def f(x): return x", code).status == "passed"
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    list(box.run_many([Job(task="t", program=f"# {n}\\nwhile True: pass", code=code) for n in range(4)]))
except KeyboardInterrupt:
    print("interrupted")
print(box.run("def f(x): return x", code).status)
box.close()
"""


def test_ctrl_c_ends_a_run_and_not_the_pool(ns):
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert "interrupted\npassed\n" == ran.stdout, ran.stderr


KILLED = """
from evalharness.records import CodeTask
from evalharness.sandbox import Sandbox, Job, Limits
code = CodeTask(tests="def check(c):\\n    assert c(1) == 1\\n", entry_point="f")
box = Sandbox(workers=2, limits=Limits(wall_s=60))
assert box.run("def f(x): return x", code).status == "passed"
print("at work", flush=True)
list(box.run_many([Job(task="t", program=f"# {n}\\nwhile True: pass", code=code) for n in range(4)]))
"""


def test_nothing_outlives_a_harness_that_is_killed(ns):
    started = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE)
    with started:
        assert b"at work\n" == started.stdout.readline()
        time.sleep(0.3)
        family = descendants(started.pid)
        started.kill()
    assert family
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in family) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in family if is_alive(pid)]


# --- backends --------------------------------------------------------------------------------


def test_every_backend_is_probed_by_doing_and_says_how_to_mend_it():
    found = probe()
    assert ["ns", "landlock", "bwrap", "unsafe"] == [tried.name for tried in found]
    for tried in found:
        assert tried.detail
        assert tried.works or tried.mend


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(SandboxError, match="unknown sandbox backend 'landlok'") as refused:
        Sandbox(backend="landlok")
    assert "landlock" in str(refused.value)


def test_unsafe_needs_the_environment_too():
    if os.environ.get(UNSAFE_VARIABLE):
        pytest.skip("the environment allows unsafe runs")
    with pytest.raises(SandboxError, match=UNSAFE_VARIABLE):
        Sandbox(backend="unsafe").run(GOOD, CODE)


UNSAFE = """
from evalharness.records import CodeTask
from evalharness.sandbox import Sandbox
with Sandbox(backend="unsafe", workers=1) as box:
    found = box.run("def add(a, b): return a + b", "assert add(2, 3) == 5")
    print(found.status, found.backend, found.forgeable)
"""


def test_an_unsafe_run_is_stamped():
    environ = {**os.environ, UNSAFE_VARIABLE: "1", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", UNSAFE], env=environ, capture_output=True, text=True, check=False
    )
    assert "passed unsafe True\n" == ran.stdout, ran.stderr


class Broken(NamespaceBackend):
    """A backend whose jail cannot be built."""

    def refusal(self) -> str | None:
        return "it was made to fail"


def test_a_refusal_has_one_line_for_each_backend_and_no_downgrade():
    with pytest.raises(SandboxError, match="no sandbox backend works") as refused:
        Sandbox(backend=Broken()).run(GOOD, CODE)
    assert "ns: it was made to fail" in str(refused.value)
    assert "mend:" in str(refused.value)


@pytest.mark.parametrize("name", ["ns", "landlock"])
def test_built_in_backends_pass_the_test_that_plug_ins_must(name, request):
    request.getfixturevalue(name)
    from evalharness.sandbox.backends import named

    assert [] == check_backend(named(name)[0])


def test_a_backend_that_does_not_isolate_is_found_out(monkeypatch):
    monkeypatch.setenv(UNSAFE_VARIABLE, "1")
    broken = check_backend(UnsafeBackend())
    assert any("files are hidden" in rule for rule in broken)
    assert not any("no verdict" in rule or "equals everything" in rule for rule in broken)
    with pytest.raises(SandboxError, match="does not conform"):
        require(UnsafeBackend())


def test_a_sandbox_needs_a_worker():
    with pytest.raises(UsageError):
        Sandbox(workers=0)
