"""Specification files written for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.errors import SpecError
from evalharness.spec.read import read_suite


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """write(text, name="suite.yaml"): a file in the test's folder."""

    def make(text: str | bytes, name: str = "suite.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


@pytest.fixture
def refused(write) -> Callable[..., SpecError]:
    """refused(text, read=read_suite): the error that reading the text raises."""

    def make(text: str | bytes, read=read_suite, name: str = "suite.yaml") -> SpecError:
        path = write(text, name)
        with pytest.raises(SpecError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert caught.value.exit_code == 65
        return caught.value

    return make


@pytest.fixture(scope="session")
def read_or_refused() -> Callable[..., None]:
    """read_or_refused(read, path): anything but a SpecError that names the file is a failure."""

    def make(read: Callable[[Path], object], path: Path) -> None:
        error: SpecError | None = None
        try:
            read(path)
        except SpecError as caught:
            error = caught
        if error is not None:
            assert str(path) in str(error)
            assert error.message

    return make
