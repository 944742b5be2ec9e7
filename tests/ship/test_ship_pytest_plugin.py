"""The plugin in pytest processes of its own: verdicts become outcomes, alone and under xdist."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

TESTS = """
import pytest
from evalharness.pytest_plugin import assert_ready

def test_ready(evalgate_options):
    facts = assert_ready("facts", candidate="tuned", baseline="base", options=evalgate_options)
    assert facts.verdict.exit_code == 0

def test_not_ready(evalgate_options):
    assert_ready("facts", candidate="base", baseline="tuned", options=evalgate_options)

@pytest.mark.evalgate("facts", candidate="tuned", baseline="base")
def test_marked(evalgate_facts):
    assert evalgate_facts.verdict.state == "READY"

@pytest.mark.evalgate("facts", candidate="base", baseline="tuned")
def test_marked_not_ready():
    raise SystemExit("never reached")

@pytest.mark.evalgate("facts", baseline="base")
def test_named_on_the_command_line(evalgate_facts):
    assert {arm.name for arm in evalgate_facts.arms} == {"base", "tuned"}

@pytest.mark.evalgate("no-such-suite", candidate="a", baseline="b")
def test_unknown_suite():
    pass

@pytest.mark.evalgate("facts", candidate="tuned", base="base")
def test_mistyped_marker():
    pass
"""


def run(folder, *arguments):
    (folder / "test_models.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "evalharness.pytest_plugin", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        [*command, "-rA", "--strict-markers", "test_models.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def outcomes(done) -> dict[str, str]:
    found = re.findall(
        r"^(PASSED|FAILED|ERROR|SKIPPED) .*?::(\w+)", done.stdout, flags=re.MULTILINE
    )
    return {name: outcome for outcome, name in found}


EXPECTED = {
    "test_ready": "PASSED",
    "test_not_ready": "FAILED",
    "test_marked": "PASSED",
    "test_marked_not_ready": "FAILED",
    "test_named_on_the_command_line": "PASSED",
    "test_unknown_suite": "FAILED",
    "test_mistyped_marker": "FAILED",
}


def same(found: dict[str, str]) -> bool:
    """A gate that fails before its test is an error of its set-up."""
    return EXPECTED == {name: outcome.replace("ERROR", "FAILED") for name, outcome in found.items()}


def test_verdicts_become_outcomes_and_say_why(tmp_path):
    done = run(tmp_path, "--evalgate-candidate", "tuned")
    assert same(outcomes(done)), done.stdout + done.stderr
    assert 1 == done.returncode
    assert "NOT_READY  facts: base vs tuned, 360 samples" in done.stdout
    assert "no suite 'no-such-suite'" in done.stdout
    assert "unknown argument 'base'" in done.stdout
    assert "never reached" not in done.stdout
    assert (tmp_path / "runs" / "gates").is_dir()


def test_two_workers_judge_apart(tmp_path):
    pytest.importorskip("xdist")
    done = run(tmp_path, "-p", "xdist.plugin", "-n", "2", "--evalgate-candidate", "tuned")
    assert same(outcomes(done)), done.stdout + done.stderr
    assert {"gw0", "gw1"} == {path.name for path in (tmp_path / "runs").iterdir()}


def test_without_a_candidate_the_test_is_skipped_aloud(tmp_path):
    done = run(tmp_path, "-k", "named_on_the_command_line")
    assert 0 == done.returncode
    assert "give --evalgate-candidate M" in done.stdout


def test_pytest_starts_without_anything_heavy(tmp_path):
    program = (
        "import sys, pytest; pytest.main(['-p', 'evalharness.pytest_plugin', '--markers']); "
        "print(sorted({'numpy', 'msgspec', 'jinja2', 'aiohttp'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "evalgate(suite, candidate=, baseline=)" in done.stdout
    assert "[]" == done.stdout.splitlines()[-1]
