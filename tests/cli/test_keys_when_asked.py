"""A provider's key is asked for when a question must be sent, and not before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalharness.cli.main import main
from evalharness.testing.emulator import serve

MODELS = ("together/echo", "tinker/echo", "openai/gpt-4o")


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALHARNESS_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("TOGETHER", "TINKER", "OPENAI"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)
    rows = [{"id": f"q{n}", "input": f"{n}?", "target": f"{n}?"} for n in range(20)]
    Path("d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(
        "name: s\ndata: {path: d.jsonl}\nmetrics: [exact_match]\n"
        "policy: {gates: [{metric: exact_match, role: primary, "
        "test: non_inferiority, margin: 0.1}]}\n"
    )
    return monkeypatch


@pytest.mark.parametrize("model", MODELS)
def test_a_plan_asks_nothing_and_needs_no_key(work, capsys, model):
    given = ["plan", "suite.yaml", "--candidate", model, "--baseline", "echo/input"]
    assert 0 == main(given)
    assert "20 requests" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("model", MODELS)
def test_a_run_without_a_key_says_which_variable_would_hold_it(work, capsys, model):
    assert 69 == main(["run", "suite.yaml", "--model", model, "--quiet"])
    name = model.partition("/")[0].upper()
    said = capsys.readouterr().err
    assert f"{name}_API_KEY is not set" in said
    assert f"export {name}_API_KEY=..." in said


def test_a_run_that_is_complete_is_looked_at_without_a_key(work, capsys):
    with serve() as emulator:
        work.setenv("TOGETHER_API_KEY", "k")
        work.setenv("TOGETHER_BASE_URL", emulator.url)
        assert 0 == main(["run", "suite.yaml", "--model", "together/echo", "--quiet", "--json"])
        first = capsys.readouterr().out
        work.delenv("TOGETHER_API_KEY")
        assert 0 == main(["run", "suite.yaml", "--model", "together/echo", "--quiet", "--json"])
        assert first == capsys.readouterr().out
        # Another run of it, all of whose answers are in the cache.
        again = ["run", "suite.yaml", "--model", "together/echo", "--quiet", "--out", "other"]
        assert 0 == main(again)
        assert 20 == emulator.state()["requests"]


def test_where_one_arm_lacks_its_key_the_other_is_not_asked(work, capsys):
    with serve() as emulator:
        work.setenv("OPENAI_BASE_URL", emulator.url)
        given = ["--candidate", "openai/echo", "--baseline", "together/echo"]
        assert 69 == main(["gate", "suite.yaml", *given, "--quiet"])
        assert "TOGETHER_API_KEY is not set" in capsys.readouterr().err
        assert 0 == emulator.state()["answered"]
