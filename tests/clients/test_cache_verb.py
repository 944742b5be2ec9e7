"""`evalharness cache list|prune`, through the command line and beside running runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from evalharness.cli.main import main
from evalharness.testing.emulator import LatencyPlan, Plan

ROWS = 40


@pytest.fixture
def work(emulator, tmp_path, monkeypatch):
    for name in ("one", "two"):
        rows = [{"id": f"q{n}", "input": f"{name} {n}", "target": "x"} for n in range(ROWS)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\ndata: {{path: {name}.jsonl}}\nmetrics: [exact_match]\n"
            "generation: {max_tokens: 9}\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALHARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
    return tmp_path


def run(suite, model="echo", out="runs"):
    given = ["--model", f"openai/{model}", "--quiet", "--json", "--out", out]
    assert 0 == main(["run", f"{suite}.yaml", *given])


def cache(capsys, *given):
    capsys.readouterr()
    assert 0 == main(["cache", *given, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_cache_is_listed_by_model(work, capsys):
    run("one")
    run("one", "reverse")
    found = cache(capsys, "list")
    assert (2 * ROWS, 0) == (found["entries"], found["unreadable"])
    assert {"echo": ROWS, "reverse": ROWS} == {
        share["model"]: share["entries"] for share in found["models"]
    }
    assert 0 == main(["cache", "list"])
    assert f"{2 * ROWS} answers" in capsys.readouterr().out


def test_what_one_suite_asked_can_go_and_is_asked_again(emulator, work, capsys):
    run("one")
    run("two")
    done = cache(capsys, "prune", "--suite", "one")
    assert (ROWS, ROWS) == (done["gone"], done["kept"])
    asked = emulator.state()["requests"]
    run("two", out="again")
    assert asked == emulator.state()["requests"]
    run("one", out="again")
    assert asked + ROWS == emulator.state()["requests"]


def test_conditions_are_met_together(work, capsys):
    run("one")
    run("one", "reverse")
    assert 0 == cache(capsys, "prune", "--model", "echo", "--older-than", "1h")["gone"]
    assert ROWS == cache(capsys, "prune", "--model", "echo")["gone"]
    assert ["reverse"] == [share["model"] for share in cache(capsys, "list")["models"]]
    assert ROWS == cache(capsys, "prune", "--keep-bytes", "0")["gone"]


def test_a_running_run_loses_nothing_to_a_prune(emulator, work, capsys):
    run("one", "reverse")
    emulator.set_plan(Plan(latency=LatencyPlan(ttft_s=0.05)))
    command = [sys.executable, "-m", "evalharness", "run", "one.yaml", "--model", "openai/echo"]
    command += ["--quiet", "--out", "beside", "--max-connections", "4"]
    process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE)
    gone = 0
    while process.poll() is None:
        gone += cache(capsys, "prune", "--keep-bytes", "0")["gone"]
    process.communicate()
    assert 0 == process.returncode
    assert gone >= ROWS, "what nobody writes to is pruned at once"
    (path,) = (work / "beside").glob("*/summary.json")
    summary = json.loads(path.read_text())
    assert (ROWS, 0) == (summary["n"], summary["n_failed"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "which answers"),
        (["--older-than", "soon"], "30d"),
        (["--keep-bytes", "lots"], "500M"),
        (["--suite", "none"], "no run of the suite"),
    ],
)
def test_a_wrong_condition_drops_nothing(work, capsys, given, said):
    run("one")
    capsys.readouterr()
    assert 64 == main(["cache", "prune", *given])
    assert said in capsys.readouterr().err
    assert ROWS == cache(capsys, "list")["entries"]
