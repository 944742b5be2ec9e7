"""Files written for a test, and what reading them gives."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.data.sources import open_source
from evalharness.errors import DataError
from evalharness.records import Sample
from evalharness.spec.suite import DataSpec

PEAK = """
import re
from pathlib import Path
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
"""
"""Prints the process's own peak in KiB; ru_maxrss would count what its parent held at the fork."""


@pytest.fixture
def peak_kib(root: Path) -> Callable[..., tuple[list[str], int]]:
    """peak_kib(code, *arguments): the lines that a Python process prints and its peak memory."""
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc, which this system lacks")

    def measured(code: str, *arguments: object) -> tuple[list[str], int]:
        command = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
        *printed, peak = ran.stdout.splitlines()
        return printed, int(peak)

    return measured


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """write(name, content): bytes, a text, or a list of rows as JSON Lines; .gz is packed."""

    def written(name: str, content: bytes | str | list[object]) -> Path:
        if isinstance(content, list):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        raw = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return written


@pytest.fixture
def read() -> Callable[..., list[Sample]]:
    """read(path, **spec): every sample of a held-out file under a `data` block."""

    def samples(path: Path, **spec: object) -> list[Sample]:
        return list(open_source(DataSpec(path=str(path), **spec), base=Path()))

    return samples


@pytest.fixture
def refusal(read: Callable[..., list[Sample]]) -> Callable[..., DataError]:
    """refusal(path, **spec): the DataError that reading the file raises."""

    def refused(path: Path, **spec: object) -> DataError:
        with pytest.raises(DataError) as caught:
            read(path, **spec)
        return caught.value

    return refused
