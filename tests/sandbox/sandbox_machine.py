"""What this machine offers the sandbox's tests: backends that work, and another user's interpreter."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

from evalharness.sandbox import Limits
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


def plain_interpreter() -> str | None:
    """An interpreter of this version that any user may start."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    for path in (own, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if os.path.exists(path) and open_to_all(os.path.dirname(os.path.realpath(path))):
            return path
    return None


def descendants(pid: int) -> list[int]:
    """Every living process below `pid`, in no order; the dead that nobody has waited for left out."""
    found = []
    for child in _children(pid):
        if is_alive(child):
            found.append(child)
        found += descendants(child)
    return found


def _children(pid: int) -> list[int]:
    """Children of all threads of a process: each is listed under the thread that forked it."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    except OSError:
        pass
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs: neither gone nor a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def adopt_orphans() -> None:
    """Become the parent of whatever loses its own below this process: nothing can hide then."""
    child_subreaper = 36
    ctypes.CDLL(None).prctl(child_subreaper, 1, 0, 0, 0)
