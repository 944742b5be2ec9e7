"""What a kind of isolation must offer to the sandbox.

Reads: nothing.  Gives: the Backend protocol, and the Blueprint it builds a jail from.
Depends on: launch.  Knows nothing of jobs or verdicts, and of no particular backend.

A backend outside this package (docker, a remote machine, another operating system's) registers
under the entry point group `evalharness.sandboxes` and must pass `conformance.check_backend`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from evalharness.sandbox.launch import Started


class Blueprint(NamedTuple):
    """What one jail is started with.

    packages: whether modules that tests declare can be imported in it.
    folder: an empty folder of this jail's own on the host, removed after it.
    disk_bytes: of the work folder, where the backend itself must limit it.
    """

    packages: bool
    folder: str
    disk_bytes: int


@runtime_checkable
class Backend(Protocol):
    """A kind of isolation.

    name: stands in every record.  programs_per_jail: after so many a jail is replaced.
    """

    name: str
    programs_per_jail: int

    def refusal(self) -> str | None:
        """Why this backend cannot be tried here at all; None if it can."""
        ...

    def start(self, blueprint: Blueprint) -> Started:
        """Start one jail. Raises OSError or SandboxError."""
        ...

    def mend(self, why: str) -> str:
        """What to do about a jail that said `why` it could not be built."""
        ...
