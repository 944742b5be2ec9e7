"""gate --a-a: the baseline against itself; a superiority gate must hardly ever pass there."""

from __future__ import annotations

import json

import numpy as np
import pytest

SUITE = """
name: again
data: {path: data.jsonl}
generation: {repeats: REPEATS}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: exact_match, role: guardrail, test: superiority}
"""


@pytest.fixture
def bench(commands):
    def run(*flags, repeats=4, n=400, drift=0.0):
        suite = commands.suite(SUITE.replace("REPEATS", str(repeats)))
        rows = [{"id": f"q{k}", "input": f"say {k}", "target": str(k)} for k in range(n)]
        commands.jsonl("suite/data.jsonl", rows)
        rng = np.random.default_rng(7)
        ease = rng.beta(2, 1, n)
        recorded = []
        for k, row in enumerate(rows):
            chances = ease[k] + drift * (np.arange(repeats) >= repeats / 2)
            right = rng.random(repeats) < chances
            outputs = [row["target"] if good else "no" for good in right]
            recorded.append({"id": row["id"], "outputs": outputs})
        recording = commands.jsonl("base.jsonl", recorded)
        return commands.run("gate", suite, "--a-a", "--baseline", recording, *flags, "-q")

    return run


def test_a_baseline_against_itself_shows_no_difference(bench):
    code, out, err = bench()
    assert 0 == code, err
    assert "400 pairs (2 + 2 repeats)" in out
    assert "no gate sees a difference where there is none" in out
    code, out, _ = bench("--json")
    (test,) = json.loads(out)
    quality, better = test["gates"]
    assert better["row"]["outcome"] != "PASS"
    assert better["passes"] <= 0.05 + 3 * (0.05 * 0.95 / test["draws"]) ** 0.5
    assert quality["fails"] <= 0.05
    assert test["ready"] <= better["passes"]


def test_repeats_that_drift_apart_are_an_alarm(bench):
    code, out, _ = bench(drift=0.2)
    assert 1 == code
    assert "A/A ALARM" in out
    assert "cannot be" in out


def test_one_repeat_says_that_it_shows_nothing(bench):
    code, out, _ = bench(repeats=1)
    assert 0 == code
    assert "one repeat cannot show what chance does" in out


def test_a_candidate_and_a_a_exclude_each_other(bench):
    code, _, err = bench("--candidate", "facts-tuned")
    assert 64 == code
    assert "--a-a" in err


def test_a_gate_without_a_candidate_says_what_is_missing(commands):
    code, _, err = commands.run("gate", "facts", "--baseline", "facts-base")
    assert 64 == code
    assert "takes a candidate and a baseline" in err


def test_a_recording_of_one_repeat_is_held_against_itself(commands):
    code, out, err = commands.run("gate", "facts", "--a-a", "--baseline", "facts-base", "-q")
    assert 0 == code, err
    assert "facts-base against itself, 360 pairs" in out
