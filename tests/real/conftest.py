"""Runs over the shared real data, through the command line as a user would."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def expected(shared_data):
    def read(name: str) -> dict:
        return json.loads((shared_data / name / "expected.json").read_text(encoding="utf-8"))

    return read
