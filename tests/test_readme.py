"""Every command of the README runs, and what it shows is what the program prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    lines = [
        line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()
    ]
    return [line for line in lines if line.startswith("evalharness ")]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", *shlex.split(command)]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)


def test_the_commands_of_the_quick_start_run_in_order(tmp_path):
    assert len(commands()) >= 5
    for command in commands():
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_verdict_shown_is_the_verdict_printed(tmp_path):
    shown = blocks("text")[0].splitlines()
    done = run(shown[0].removeprefix("$ "), tmp_path)
    assert done.returncode == 0
    printed = done.stdout.splitlines()
    assert [line for line in shown[1:] if "see:" not in line] == [
        line for line in printed if "see:" not in line
    ]


def test_make_has_the_targets_that_are_named():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_somewhere(link):
    assert link.startswith("http") or (ROOT / link).exists(), link


def test_the_suite_shown_is_a_suite(tmp_path):
    from evalharness.spec.read import read_suite

    (tmp_path / "suite.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    suite = read_suite(tmp_path / "suite.yaml")
    assert [gate.metric for gate in suite.policy.gates] == ["f1", "cost_usd", "error_rate"]
