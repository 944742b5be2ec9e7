"""Control groups: a bound on memory and processes summed over everything in one jail.

Reads: /proc/self/cgroup, /proc/self/mountinfo.  Gives: Cgroup, or None where none can be written.
Depends on: the standard library.  Knows nothing of jails beyond the pid it is given.
Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.

Where groups cannot be written (an ordinary user without delegation) the zygote sums memory itself
by looking at the processes, see `jail.watch`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path
from typing import Final, NamedTuple

_PREFIX: Final = "evalharness"
_SLACK_BYTES: Final = 48 << 20
"""For the zygote and the page cache of its work folder: never the program's."""
_COUNTER = itertools.count()


class _Controller(NamedTuple):
    """Where one controller's groups live, and the names of its files."""

    folder: Path
    memory_file: str | None
    pids_file: str | None


class Cgroup:
    """One group, or one in each of version 1's hierarchies, for one jail."""

    def __init__(
        self, controllers: list[_Controller], *, memory_bytes: int, processes: int
    ) -> None:
        name = f"{_PREFIX}-{os.getpid()}-{next(_COUNTER)}"
        self._folders: list[Path] = []
        try:
            for controller in controllers:
                folder = controller.folder / name
                folder.mkdir()
                self._folders.append(folder)
                if controller.memory_file:
                    (folder / controller.memory_file).write_text(str(memory_bytes + _SLACK_BYTES))
                    with contextlib.suppress(OSError):
                        (folder / "memory.swap.max").write_text("0")
                if controller.pids_file:
                    (folder / controller.pids_file).write_text(str(processes + 8))
        except OSError:
            self.remove()
            raise

    def add(self, pid: int) -> None:
        """Move a process in; what it forks follows. Raises OSError."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Remove the group, once its processes are gone; waits for them up to two seconds."""
        deadline = time.monotonic() + 2.0
        for folder in self._folders:
            while True:
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.005)
                else:
                    break
        self._folders = []


def find_controllers() -> list[_Controller]:
    """Where this process can make groups that limit memory and processes; empty where it cannot.

    Version 2 is taken where it has the memory controller, else version 1, else nothing.
    """
    mounts = _mounts()
    paths = _own_paths()
    second = mounts.get("cgroup2")
    if second is not None:
        for folder in (second / paths.get("", "").lstrip("/"), second):
            if _delegates(folder) and _can_make(folder):
                return [_Controller(folder, "memory.max", "pids.max")]
    found = []
    for name, file in (("memory", "memory.limit_in_bytes"), ("pids", "pids.max")):
        mount = mounts.get(name)
        if mount is None:
            continue
        folder = mount / paths.get(name, "").lstrip("/")
        if _can_make(folder):
            is_memory = name == "memory"
            found.append(
                _Controller(folder, file if is_memory else None, None if is_memory else file)
            )
    return found


def sweep() -> None:
    """Remove empty groups that a killed harness left behind."""
    for controller in find_controllers():
        for folder in controller.folder.glob(f"{_PREFIX}-*-*"):
            owner = folder.name.split("-")[1]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _mounts() -> dict[str, Path]:
    """Controller name (or "cgroup2") -> where its hierarchy is mounted."""
    found: dict[str, Path] = {}
    for line in _lines("/proc/self/mountinfo"):
        fields = line.split()
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        if kind == "cgroup2":
            found["cgroup2"] = Path(fields[4])
        elif kind == "cgroup":
            found.update({name: Path(fields[4]) for name in ("memory", "pids") if name in options})
    return found


def _own_paths() -> dict[str, str]:
    """Controller name ("" for version 2) -> this process's group in that hierarchy."""
    found: dict[str, str] = {}
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _delegates(folder: Path) -> bool:
    """Whether groups made here get the memory and pids controllers."""
    names = " ".join(_lines(str(folder / "cgroup.subtree_control"))).split()
    return {"memory", "pids"} <= set(names)


def _can_make(folder: Path) -> bool:
    """Probed by doing: make a group and remove it."""
    trial = folder / f"{_PREFIX}-{os.getpid()}-{next(_COUNTER)}"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError:
        return False
    return True
