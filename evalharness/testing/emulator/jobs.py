"""What files, batches and fine-tuning jobs there are.

Reads: nothing.  Gives: Jobs, Job, StoredFile, Call.
Depends on: faults, ledger, wire.
A job moves on each time somebody looks at it, so a test decides how long it takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import error
from evalharness.testing.emulator.ledger import Ledger
from evalharness.testing.emulator.wire import HttpRequest, Wire

CREATED: Final = 1_700_000_000
CREATED_TEXT: Final = "2023-11-14T22:13:20Z"


@dataclass(slots=True)
class StoredFile:
    """One uploaded or made file."""

    id: str
    name: str
    purpose: str
    content: bytes = b""


@dataclass(slots=True)
class Job:
    """One batch or fine-tuning job: what was asked, and how often somebody looked at it."""

    id: str
    asked: JsonObject
    polls: int = 0
    cancelled: str = "no"
    output: str | None = None
    errors: str | None = None


@dataclass(slots=True)
class Jobs:
    """All files and jobs since the plan was set."""

    files: dict[str, StoredFile] = field(default_factory=dict)
    batches: dict[str, Job] = field(default_factory=dict)
    tunes: dict[str, Job] = field(default_factory=dict)

    def add_file(self, name: str, purpose: str, content: bytes = b"") -> StoredFile:
        """Keep a file under a new id."""
        stored = StoredFile(f"file-{len(self.files) + 1:04d}", name, purpose, content)
        self.files[stored.id] = stored
        return stored


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to its action."""

    request: HttpRequest
    wire: Wire
    ledger: Ledger
    id: str

    def missing(self) -> None:
        """Say that there is no such thing."""
        self.wire.send_json(error(f"no such object: {self.id}"), status=404)
