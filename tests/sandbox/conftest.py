"""Sandboxes for the tests of this room, and a user other than root to run them as."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evalharness.errors import SandboxError
from evalharness.sandbox import Duplicates, Limits, Sandbox
from evalharness.sandbox.jail.view import open_to_all

sys.path.insert(0, str(Path(__file__).parent))

from sandbox_machine import FAR_UID, ROOT, need_backend, plain_interpreter


@pytest.fixture(scope="session")
def ns() -> str:
    """The name of the namespace backend, if it works here."""
    need_backend("ns")
    return "ns"


@pytest.fixture(scope="session")
def landlock() -> str:
    """The name of the Landlock backend, if it works here."""
    need_backend("landlock")
    return "landlock"


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    """One sandbox for all tests that only run programs; the best backend that works here."""
    sandbox = Sandbox(workers=1, limits=Limits(wall_s=5.0), duplicates=Duplicates.RUN)
    try:
        assert sandbox.backend
    except SandboxError as error:
        pytest.skip(f"no sandbox backend works here: {error.message}")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def as_nobody() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a Python command as an unprivileged user; where we are one, as ourselves."""
    interpreter = plain_interpreter()
    if interpreter is None:
        pytest.skip("no interpreter of this version that an ordinary user could start")
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    if not all(open_to_all(path) for path in (str(ROOT), *packages)):
        pytest.skip("the checkout or its packages cannot be read by an ordinary user")
    environ = {"PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), "PATH": "/usr/bin:/bin"}
    user = {"user": FAR_UID, "group": FAR_UID, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [interpreter, *arguments]
        return subprocess.run(
            command, env=environ, cwd="/", capture_output=True, text=True, check=False, **user
        )

    return run
