"""The same program has the same result: over runs, order, worker counts and fresh sandboxes."""

from __future__ import annotations

from collections import Counter

import pytest

from evalharness.records import CodeTask
from evalharness.sandbox import Duplicates, Job, Sandbox

CODE = CodeTask(tests="assert f() == 0", entry_point="f", style="asserts")

SHOWS = """
import os, random, sys, time, locale
def f():
    raise ValueError((
        hash("text"), hash(b"x"), list({"a", "b", "c", "d"}), random.random(), os.getpid(),
        os.getppid(), time.tzname, sys.getfilesystemencoding(), os.getcwd(), sorted(os.environ),
        os.cpu_count() is None, os.listdir("."),
    ))
"""
ADDRESSES = """
class K: pass
held = [K() for _ in range(8)]
def f():
    raise ValueError((id(K), [id(k) for k in held], object().__hash__()))
"""


def shown(program: str, workers: int, before: int) -> set[str]:
    """What the program shows of itself, after `before` other programs of many sizes."""
    others = [
        Job(task="o", program=f"x = 'y' * {n * 977}\ndef f(): return {n}", code=CODE)
        for n in range(before)
    ]
    shows = [Job(task="s", program=program, code=CODE)] * 6
    with Sandbox(workers=workers, duplicates=Duplicates.RUN) as box:
        found = [e for e in box.run_many([*others, *shows]) if e.task == "s"]
    assert {"exception"} == {execution.status for execution in found}
    return {execution.detail for execution in found}


def test_hashes_random_numbers_and_surroundings_repeat_everywhere(ns):
    assert 1 == len(shown(SHOWS, 1, 0) | shown(SHOWS, 1, 25) | shown(SHOWS, 3, 10))


@pytest.mark.slow
def test_addresses_repeat_in_nearly_every_jail(ns):
    runs = [shown(ADDRESSES, 1, before) for before in (0, 5, 25, 50)] * 3
    usual, count = Counter(frozenset(run) for run in runs).most_common(1)[0]
    assert 1 == len(usual)
    assert count >= 0.75 * len(runs)  # a busy machine may start a jail from other memory


def test_children_draw_the_same_random_numbers_too(ns):
    program = (
        "import os, random\ndef f():\n    r, w = os.pipe()\n    if os.fork() == 0:\n"
        "        os.write(w, str(random.random()).encode())\n        os._exit(0)\n"
        "    raise ValueError(os.read(r, 99))\n"
    )
    jobs = [Job(task="t", program=program, code=CODE)] * 3
    with Sandbox(workers=1, duplicates=Duplicates.RUN) as box:
        assert 1 == len({execution.detail for execution in box.run_many(jobs)})


def test_tests_that_draw_random_numbers_draw_the_same(box):
    tests = "import random\nassert f() == random.random()"
    code = CodeTask(tests=tests, entry_point="f", style="asserts")
    program = "import random\ndef f(): return random.random()"
    assert {"passed"} == {box.run(program, code).status for _ in range(3)}
