"""Golden files of the reports.

`EVALHARNESS_UPDATE_GOLDEN=1 pytest tests/report` (or `pytest --update-golden`, where the root
conftest declares it) rewrites them; the diff is read in review.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    asked = request.config.getoption("--update-golden", default=False)
    return bool(asked or os.environ.get("EVALHARNESS_UPDATE_GOLDEN"))


@pytest.fixture
def golden(updating: bool) -> Callable[[str, str | bytes], None]:
    """Compare text with a file under golden/, byte for byte."""

    def check(name: str, found: str | bytes) -> None:
        path = GOLDEN / name
        data = found.encode() if isinstance(found, str) else found
        if updating:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        assert path.is_file(), f"no golden file {name}: run with EVALHARNESS_UPDATE_GOLDEN=1"
        assert path.read_bytes() == data, f"{name} changed: EVALHARNESS_UPDATE_GOLDEN=1 rewrites it"

    return check
