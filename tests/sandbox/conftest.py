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
from evalharness.sandbox.backends import named
from evalharness.sandbox.jail.view import open_to_all
from evalharness.sandbox.probes import try_backend
from evalharness.sandbox.worker import Worker

FAR_UID = 64300
"""A user who owns nothing, and is not the one that the sandbox itself becomes."""

ROOT = Path(__file__).resolve().parent.parent.parent


def need_backend(name: str) -> None:
    """Skip, with the reason, where a backend does not work on this machine."""
    why = "not built in"
    for backend in named(name):
        tried = try_backend(backend, Limits())
        if isinstance(tried, Worker):
            tried.close()
            return
        why = tried.detail
    pytest.skip(f"the sandbox backend {name} does not work here: {why}")


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


def plain_interpreter() -> str | None:
    """An interpreter of this version that any user may start."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    for path in (own, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if os.path.exists(path) and open_to_all(os.path.dirname(os.path.realpath(path))):
            return path
    return None


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
