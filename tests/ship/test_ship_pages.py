"""The pages about installing say what is so: extras exist, links lead somewhere, completion works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from evalharness.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
INSTALL = (ROOT / "docs" / "install.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_extra_stands_on_the_page_and_no_other():
    rows = re.findall(r"^\| (`.*?) \|", INSTALL, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(PROJECT["optional-dependencies"]) - {"dev", "all"} == named


def test_the_package_says_the_version_of_the_project():
    assert PROJECT["version"] == VERSION


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (VERSION, PROJECT["license"]) == (citation["version"], citation["license"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered_for_every_shell_of_the_page(shell):
    assert f"_EVALHARNESS_COMPLETE={shell}_source" in INSTALL
    command = Path(sys.executable).parent / "evalharness"
    done = subprocess.run(
        [str(command)],
        env={**os.environ, "_EVALHARNESS_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_EVALHARNESS_COMPLETE" in done.stdout


def test_completion_completes_a_verb():
    command = Path(sys.executable).parent / "evalharness"
    asked = {
        "_EVALHARNESS_COMPLETE": "bash_complete",
        "COMP_WORDS": "evalharness bl",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [str(command)], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert ["plain,bless"] == done.stdout.split()


def test_an_extra_made_of_others_has_no_condition():
    """The build backend writes such an extra out and drops the condition behind it."""
    made_of_others = [
        requirement
        for extra in PROJECT["optional-dependencies"].values()
        for requirement in extra
        if requirement.startswith("evalharness[")
    ]
    assert made_of_others
    assert [] == [requirement for requirement in made_of_others if ";" in requirement]


def test_the_tests_take_pytorch_only_where_the_pinned_build_is_made_for():
    from importlib.metadata import requires

    torch = [
        one for one in requires("evalharness") or [] if one.startswith("torch>") and "dev" in one
    ]
    assert torch
    assert all('python_version < "3.12"' in one.replace("'", '"') for one in torch)
