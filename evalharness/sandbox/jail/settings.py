"""What the host tells a jail when it starts, and what the two then say to each other in bytes.

Reads: nothing.  Gives: Settings, Order, Report: plain named tuples with fixed layouts.
Depends on: the standard library.  Knows nothing of how any of it is done.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Final, NamedTuple

_DESCRIPTORS: Final = ("control_fd", "jobs_fd", "ward_fd")


class Settings(NamedTuple):
    """How a jail is built; goes to its process as JSON on the command line.

    room: "ns", "landlock", "shared" (inside bwrap) or "plain" (no walls).
    role: "both", or "zygote" or "checker" where the two are started apart.
    control_fd, jobs_fd, ward_fd: sockets to the host, to the host, and between zygote and checker.
    uid: what root becomes first; None for a user who is nobody special already.
    join: how the user namespace maps: by the "user" alone, or with "root"'s help.
    folders: (host path, path inside) made visible; relocate: (old, new) places of what is running.
    packages: folders inside that declared modules are found in.
    work: the work folder where there is no namespace to mount one in.
    """

    room: str
    role: str
    control_fd: int
    jobs_fd: int
    ward_fd: int
    uid: int | None
    join: str
    folders: tuple[tuple[str, str], ...]
    relocate: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]
    work: str
    checker_bytes: int

    def encode(self) -> str:
        """One line of JSON, as long for one descriptor as for another: memory starts out alike."""
        raw = self._asdict()
        raw.update({name: f"{raw[name]:06d}" for name in _DESCRIPTORS})
        return json.dumps(raw)


def decode_settings(text: str) -> Settings:
    """The settings in one line of JSON, as `Settings.encode` wrote them."""
    raw = json.loads(text)
    raw.update({name: int(raw[name]) for name in _DESCRIPTORS})
    raw["folders"] = tuple((source, target) for source, target in raw["folders"])
    raw["relocate"] = tuple((old, new) for old, new in raw["relocate"])
    raw["packages"] = tuple(raw["packages"])
    return Settings(**raw)


class Order(NamedTuple):
    """Checker to zygote: fork one program under these limits. Times in ms, sizes in bytes.

    patience: by how many times the wall limit may stretch while the program only waits for a core.
    """

    wall_ms: int
    cpu_ms: int
    patience: int
    processes: int
    descriptors: int
    memory_bytes: int
    file_bytes: int
    disk_bytes: int
    output_bytes: int


ORDER: Final = struct.Struct("=IIIIIQQQQ")
KILL: Final = b"kill"


class Reason(IntEnum):
    """Why the zygote ended a program, if it did."""

    NONE = 0
    WALL = 1
    CPU = 2
    MEMORY = 3
    DISK = 4
    ASKED = 5


class Report(NamedTuple):
    """Zygote to checker, once nothing of the program is left.

    reason: a `Reason`.  status: as wait(2) gives it.  Times in microseconds, sizes in bytes.
    """

    reason: int
    status: int
    cpu_us: int
    wall_us: int
    max_rss_bytes: int
    output_bytes: int


REPORT: Final = struct.Struct("=IiQQQQ")
