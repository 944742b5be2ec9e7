"""Fixtures shared by all tests: where the shared reference data is, if it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


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
