"""A run that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from evalharness.testing.emulator import LatencyPlan, Plan

SAMPLES = 240
IN_FLIGHT = 8


@pytest.fixture
def suite(tmp_path):
    rows = [{"id": f"q{n}", "input": f"question {n}", "target": f"a{n}"} for n in range(SAMPLES)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(
        "name: killed\ndata: {path: data.jsonl}\nmetrics: [exact_match, f1]\n"
        "generation: {temperature: 0.0, max_tokens: 16}\n"
    )
    return tmp_path


@pytest.fixture
def start(emulator, suite):
    gold = {f"question {n}": f"a{n}" for n in range(SAMPLES)}

    def begin(out):
        command = [sys.executable, "-m", "evalharness", "run", "suite.yaml", "--quiet"]
        command += ["--model", "openai/gold@0.8", "--out", out, "--no-cache"]
        command += ["--max-connections", str(IN_FLIGHT)]
        environment = {**os.environ, "OPENAI_BASE_URL": emulator.url, "OPENAI_API_KEY": "k"}
        return subprocess.Popen(
            command, cwd=suite, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    emulator.set_plan(Plan(answers=gold, latency=LatencyPlan(ttft_s=0.02)))
    begin.plan = emulator.ledger.plan
    return begin


def summary(suite, out):
    (path,) = (suite / out).glob("*/summary.json")
    found = json.loads(path.read_text())
    metrics = {name: found["metrics"][name]["estimate"] for name in ("exact_match", "f1")}
    return found["n"], found["n_failed"], metrics


def journal(suite, out):
    (path,) = (suite / out).glob("*/outcomes.jsonl")
    lines = path.read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


@pytest.mark.parametrize(
    "kills", [10, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_a_run_killed_at_random_moments_ends_as_one_left_alone(emulator, suite, start, kills):
    begun = time.monotonic()
    output, _ = start("whole").communicate(timeout=200)
    takes_s = time.monotonic() - begun
    whole = summary(suite, "whole")
    assert (SAMPLES, 0) == whole[:2], output.decode()

    rng = random.Random(kills)
    killed = 0
    while killed < kills:
        emulator.set_plan(start.plan)
        in_journey = kill_until_done(start, "killed", rng, takes_s, at_most=kills - killed)
        killed += in_journey
        output, _ = start("killed").communicate(timeout=200)
        assert whole == summary(suite, "killed"), output.decode()

        entries = journal(suite, "killed")
        assert SAMPLES == len(entries) == len({entry["id"] for entry in entries})
        # At most what was in flight at each kill was asked again; nothing journalled ever was.
        assert emulator.state()["requests"] <= SAMPLES + in_journey * IN_FLIGHT
        shutil.rmtree(suite / "killed")


def kill_until_done(start, out, rng, takes_s, *, at_most):
    """Start and kill at any moment, from the first import to the last rename; the kills made."""
    killed = 0
    while killed < at_most:
        process = start(out)
        try:
            process.communicate(timeout=rng.uniform(0.0, takes_s))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
            killed += 1
        else:
            break
    return killed
