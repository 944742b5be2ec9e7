"""Fixtures shared by all tests: the shared reference data, and the command line in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings

from evalharness.cli.main import main

settings.register_profile("patient", deadline=None)  # CI machines are noisy; time is no property
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites the golden files; the diff is read in review."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


def shared_folder(name: str) -> Path:
    """The shared folder `name`, or a skip that says what is absent."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"shared reference folder absent: ../shared/{name}")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    return shared_folder("data")


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    return shared_folder("vectors")


@pytest.fixture(scope="session")
def shared_attacks() -> Path:
    return shared_folder("attacks")


class Commands:
    """The command line in this process, in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.out = folder / "runs"

    def run(self, *arguments: object) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self.capsys.readouterr()
        code = main([*map(str, arguments), "--out", str(self.out)])
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def json(self, *arguments: object, expect: int = 0) -> dict:
        """The facts that --json prints."""
        code, out, err = self.run(*arguments, "--json", "--quiet")
        assert expect == code, err or out
        return json.loads(out)

    def suite(self, text: str, name: str = "suite") -> Path:
        """A suite file with this text."""
        path = self.folder / name / "suite.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def jsonl(self, name: str, rows: list[dict]) -> Path:
        """A JSONL file of these rows."""
        path = self.folder / name
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def commands(tmp_path, capsys):
    return Commands(tmp_path, capsys)
