"""The suites whose data this project ships, and how their files are read.

Reads: suites/*.  Gives: names, rows and the fields that mean id, input and cluster.
Depends on: PyYAML.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / "suites"
ALL = sorted(path.parent.name for path in SUITES.glob("*/suite.yaml"))


def rows(path: Path) -> list[dict[str, Any]]:  # Any: the rows of a data file, as they are
    """Every line of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@lru_cache
def spec(name: str) -> dict[str, Any]:  # Any: YAML before it is typed
    """A suite file as it is written."""
    read: dict[str, Any] = yaml.safe_load((SUITES / name / "suite.yaml").read_text("utf-8"))
    return read


WRITTEN = [name for name in ALL if (SUITES / name / "heldout.jsonl").is_file()]
"""Suites with data of their own; the others name where theirs comes from."""


def field(name: str, role: str) -> str:
    """What a suite's data call one of our fields."""
    mapped: dict[str, str] = spec(name)["data"].get("fields", {})
    return mapped.get(role, role)
