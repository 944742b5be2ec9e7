"""Wheel and sdist, built and installed into a fresh environment: what a user gets by pip.

Slow, and needs a package index: it installs the build backend and the base dependencies.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def environment(folder: Path, *packages: object) -> Path:
    """The bin folder of a new environment that holds these packages, or a skip without an index."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    done = subprocess.run(
        [*pip, *constraints, *map(str, packages)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no package index to install from: {done.stderr.splitlines()[-1:]}")
    return folder / "bin"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder of a wheel and an sdist, built from the files that git tracks."""
    folder = tmp_path_factory.mktemp("built")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    (folder / "source").mkdir()
    subprocess.run(["tar", "x", "-C", str(folder / "source")], input=archive.stdout, check=True)
    tools = environment(folder / "tools", "hatchling")
    command = [str(tools / "python"), "-m", "hatchling", "build", "-d", str(folder / "dist")]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True)
    return folder / "dist"


def test_the_wheel_holds_types_suites_baselines_templates_and_the_plugin(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "evalharness = evalharness.pytest_plugin" in file.read(points).decode()
    assert {
        "evalharness/py.typed",
        "evalharness/report/templates/report.html.j2",
        "evalharness/shipped/suites/facts/suite.yaml",
        "evalharness/shipped/baselines/facts/tuned.jsonl",
    } <= names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_the_sdist_holds_the_tests_and_no_run(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"pyproject.toml", "tests/conftest.py", "suites/facts/suite.yaml"} <= names
    assert not [name for name in names if name.startswith(("runs/", ".venv/"))]


def test_the_wheel_alone_gates_in_an_empty_folder(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    commands = environment(tmp_path / "fresh", wheel)
    empty = tmp_path / "empty"
    empty.mkdir()
    evalharness = str(commands / "evalharness")
    gate = [evalharness, "gate", "facts", "--candidate", "tuned", "--baseline", "base", "-q"]
    done = subprocess.run(gate, cwd=empty, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert done.stdout.startswith("READY  facts: tuned vs base, 360 samples")
    assert (empty / "runs" / "gates").is_dir()
    schema = subprocess.run([evalharness, "schema", "suite"], capture_output=True, check=True)
    assert b'"$schema"' in schema.stdout
