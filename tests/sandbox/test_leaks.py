"""Hostile programs in a row: what they leave behind, and how late their verdicts come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sandbox_machine import ROOT
from soak import CODE, HOSTILE, WALL_S, Soaked

from evalharness.sandbox import Job, Limits

LATE_S = 0.25
GROWN_BYTES = 20 << 20


def soaked(backend: str, count: int, waiting: int) -> Soaked:
    """One soak in a process of its own."""
    script = Path(__file__).parent / "soak.py"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), backend, str(count), str(waiting)]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stderr[-2000:]
    return Soaked(**json.loads(ran.stdout))


def leaves_nothing(found: Soaked, count: int) -> None:
    assert not {"passed", "infra_error", "checker_error"} & set(found.statuses), found
    assert count + 1 == sum(found.statuses.values()), found
    assert 1 == found.statuses["good"], found
    assert {0} == set(found.left.values()), found
    assert found.grown_bytes < GROWN_BYTES, found


@pytest.mark.parametrize("backend", ["ns", "landlock"])
def test_some_hundred_hostile_programs_leave_nothing(backend, request):
    request.getfixturevalue(backend)
    leaves_nothing(soaked(backend, 4 * len(HOSTILE), 4), 4 * len(HOSTILE))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_hostile_programs_leave_nothing_and_are_stopped_in_time(ns):
    found = soaked("ns", 10_000, 200)
    leaves_nothing(found, 10_000)
    assert found.late_s < LATE_S, found


def test_one_hostile_program_has_no_effect_on_the_next(box):
    good = Job(task="good", program="def add(a, b):\n    return a + b\n", code=CODE)
    for name, program in HOSTILE.items():
        hostile = Job(task=name, program=program, code=CODE, limits=Limits(wall_s=WALL_S))
        first, second = box.run_many([hostile, good])
        assert "passed" != first.status, name
        assert "passed" == second.status, name
