"""Starting a jail's processes: which interpreter, with what environment, and its view of files.

Reads: where this interpreter and its packages lie.  Gives: start(), Started.
Depends on: jail.settings, errors.  Knows nothing of jobs.

The child is started with nothing of ours: an environment of fixed words, no descriptors but its
sockets, addresses that are the same on every run, and a session of its own, so that Ctrl-C in a
terminal reaches the harness alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from evalharness.sandbox.jail.settings import Settings

THROW_AWAY_UID: Final = 64211
"""What root becomes: a number that no distribution gives to anyone."""
CHECKER_BYTES: Final = 2 << 30
INTERPRETER: Final = "/py"
PACKAGES: Final = "/pkgs"
CODE: Final = "/jail"
"""Where the interpreter, the packages and this folder are seen inside a jail with its own view."""

_ADDR_NO_RANDOMIZE: Final = 0x0040000
_CODE: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from jail.entry import main; main()"
)
SANDBOX: Final = str(Path(__file__).resolve().parent)


class Started(NamedTuple):
    """A jail's processes and our ends of its sockets.

    control: lifecycle of the zygote.  jobs: to the checker, which alone gives verdicts.
    """

    processes: tuple[subprocess.Popen[bytes], ...]
    control: socket.socket
    jobs: socket.socket


def interpreter() -> str:
    """The interpreter proper, not a virtual environment's link to it."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def environment(*, work: str, library: str | None) -> dict[str, str]:
    """The whole environment of a jail: the same on every machine."""
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    fixed = {
        "PATH": "/usr/bin:/bin",
        "HOME": work,
        "TMPDIR": work,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",
        "LD_BIND_NOW": "1",  # or every program would resolve, and copy the table, anew
        **{f"{name}_NUM_THREADS": "1" for name in threads},
    }
    return {**fixed, "LD_LIBRARY_PATH": library} if library else fixed


def interpreter_folder() -> str | None:
    """The folder of the interpreter and its library, where that is not under /usr already."""
    prefix = os.path.realpath(sys.base_prefix)
    return None if prefix == "/usr" or prefix.startswith("/usr/") else prefix


def package_folders() -> list[str]:
    """Where this interpreter's installed packages lie: for modules that tests declare."""
    names = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path]
    found = [
        os.path.realpath(name)
        for name in names
        if os.path.basename(name) in ("site-packages", "dist-packages") and os.path.isdir(name)
    ]
    return list(dict.fromkeys(found))


@functools.cache
def compile_jail() -> None:
    """Compile the jail's files ahead of its first start, where they may be written.

    A start that had to compile would lay out its memory differently from all later ones.
    """
    for path in (Path(SANDBOX) / "jail").glob("*.py"):
        compiled = Path(importlib.util.cache_from_source(str(path)))
        with contextlib.suppress(OSError):
            if not compiled.exists() or compiled.stat().st_mtime < path.stat().st_mtime:
                import py_compile

                py_compile.compile(str(path), quiet=2)


class Seat(NamedTuple):
    """Where a jail's process starts: the command up to the interpreter, its environment, the folder
    that holds our code there, and the user who runs it (None: the one we are).
    """

    command: list[str]
    environ: dict[str, str]
    code_folder: str = SANDBOX
    uid: int | None = None


def start(seat: Seat, settings: Settings) -> Started:
    """Start one process that plays every role of `settings`. Raises OSError."""
    control, their_control = socket.socketpair()
    jobs, their_jobs = socket.socketpair()
    given = settings._replace(control_fd=their_control.fileno(), jobs_fd=their_jobs.fileno())
    try:
        process = spawn(seat, given, (their_control.fileno(), their_jobs.fileno()))
    except OSError:
        control.close()
        jobs.close()
        raise
    finally:
        their_control.close()
        their_jobs.close()
    return Started((process,), control, jobs)


def spawn(seat: Seat, settings: Settings, passed: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start one process of a jail with the descriptors `passed` and nothing else of ours."""
    compile_jail()
    arguments = [*seat.command, "-S", "-s", "-P", "-c", _CODE, seat.code_folder, settings.encode()]
    with _fixed_addresses():
        return subprocess.Popen(
            arguments,
            env=seat.environ,
            pass_fds=passed,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("EVALHARNESS_SANDBOX_DEBUG") else subprocess.DEVNULL,
            start_new_session=True,
            user=seat.uid,
            group=seat.uid,
            extra_groups=None if seat.uid is None else [],
        )


@contextlib.contextmanager
def _fixed_addresses() -> Iterator[None]:
    """Let what is started meanwhile lie at the same addresses on every run, where that can be."""
    if sys.platform != "linux":
        yield
        return
    personality = ctypes.CDLL(None).personality
    personality.argtypes = [ctypes.c_ulong]
    before = personality(0xFFFFFFFF)
    if before < 0 or personality(before | _ADDR_NO_RANDOMIZE) < 0:
        yield
        return
    try:
        yield
    finally:
        personality(before)
