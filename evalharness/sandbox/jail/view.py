"""The file view of a namespace jail: an empty root with the interpreter in it, read-only.

Reads: the host's folders, once.  Gives: build(), after which nothing else of the host is there.
Depends on: linux.  Knows nothing of processes or users.

What is visible: /usr and the library folders, the interpreter (at /py if it lies elsewhere, so that
no home folder shows), packages that a task declared (under /pkgs), four device nodes, and /w, the
one place that can be written.  There is no /proc, no /sys, and nothing of the host's /etc.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

from . import linux

SYSTEM_FOLDERS: Final = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store")
DEVICES: Final = ("null", "zero", "random", "urandom")
WORK: Final = "/w"
"""The work folder of every program; /tmp, /var/tmp and /dev/shm lead there."""

_STAGE: Final = "/proc"  # a folder that every Linux has and that no interpreter lies in
_PASSWD: Final = "coder:x:1000:1000::/w:/bin/sh\n"


def build(folders: list[tuple[str, str]]) -> None:
    """Make a new root out of `folders` (host path, path inside) and enter it. Raises OSError.

    The process must be in a mount namespace of its own and may mount in it.
    """
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("jail", _STAGE, "tmpfs", flags, "size=1m,nr_inodes=256,mode=755")
    old_mask = os.umask(0o022)
    for folder in SYSTEM_FOLDERS:
        if os.path.islink(folder):
            os.symlink(os.readlink(folder), _STAGE + folder)
        elif os.path.isdir(folder):
            _bind(folder, _STAGE + folder)
    for source, target in folders:
        _bind(source, _STAGE + target)
    for folder in ("/dev", "/etc", "/var", WORK):
        os.mkdir(_STAGE + folder)
    for name in ("/tmp", "/var/tmp", "/dev/shm"):
        os.symlink(WORK, _STAGE + name)
    for device in DEVICES:
        _bind_device(device)
    with open(_STAGE + "/etc/passwd", "w", encoding="ascii") as passwd:
        passwd.write(_PASSWD)
    os.umask(old_mask)
    linux.pivot_root(_STAGE)
    held = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY
    linux.mount(None, "/", None, held | flags)


def _bind(source: str, target: str) -> None:
    os.makedirs(target, exist_ok=True)
    linux.mount(source, target, None, linux.MS_BIND | linux.MS_REC)
    linux.make_read_only(target)


def _bind_device(name: str) -> None:
    target = f"{_STAGE}/dev/{name}"
    with open(target, "w", encoding="ascii"):
        pass
    linux.mount(f"/dev/{name}", target, None, linux.MS_BIND)


def mount_work(disk_bytes: int, inodes: int) -> None:
    """Mount a fresh, empty work folder of a limited size and go there. Raises OSError."""
    flags = linux.MS_NOSUID | linux.MS_NODEV | (1 << 10)  # MS_NOATIME: reading leaves no trace
    linux.mount("work", WORK, "tmpfs", flags, f"size={disk_bytes},nr_inodes={inodes},mode=700")
    os.chdir(WORK)


def relocate(moves: Iterable[tuple[str, str]]) -> None:
    """Teach the running interpreter that folders of its library moved, each from old to new.

    What was known of the old places is forgotten; not by `importlib.invalidate_caches`, which
    imports a good part of the library since Python 3.12, `random` with it.
    """
    known = tuple(moves)

    def moved(path: str) -> str:
        """A path under an old root, under its new one."""
        for old, new in known:
            if path == old or path.startswith(old + "/"):
                return new + path[len(old) :]
        return path

    sys.path[:] = [moved(path) for path in sys.path]
    for name in ("prefix", "base_prefix", "exec_prefix", "base_exec_prefix", "executable"):
        setattr(sys, name, moved(getattr(sys, name)))
    sys._base_executable = sys.executable  # type: ignore[attr-defined]
    for module in list(sys.modules.values()):
        folders = getattr(module, "__path__", None)
        if isinstance(folders, list):
            folders[:] = [moved(path) for path in folders]
    sys.path_importer_cache.clear()


def open_to_all(path: str) -> bool:
    """Whether every folder on the way to `path`, itself included, lets any user look in."""
    parts = path.split("/")
    folders = ["/".join(parts[:depth]) or "/" for depth in range(1, len(parts) + 1)]
    return all(os.stat(folder).st_mode & 0o001 for folder in folders)
