"""The ledger: who was judged on which held-out set, append-only and mergeable in git.

Reads and writes: ledger/<suite>.jsonl, one judgement a line, in any order.
Gives: `LedgerEntry`, `read_ledger`, `append_entry`.
Depends on: records, files.  Decides nothing: `stages.deciding.spending` does.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from evalharness.errors import StoreError
from evalharness.records import FORMAT, Record
from evalharness.store.files import writing


class LedgerEntry(Record, frozen=True, kw_only=True):
    """One judgement.

    candidate: sha256 of the client and its prompt program.  evidence: sha256 of the answers'
    marks, of both arms.  data, policy: sha256.  alpha: one-sided, what this judgement was allowed
    to spend.  slot, look: which candidate this was, and its how-manieth look, from 1.
    """

    suite: str
    candidate: str
    name: str
    evidence: str
    data: str
    policy: str
    n: int
    slot: int
    look: int
    alpha: float
    verdict: str
    at: str = ""
    format: int = FORMAT


def read_ledger(path: Path) -> list[LedgerEntry]:
    """Every judgement, in the order of the file; none where there is no file yet.

    Lines that two branches both added are read once.  Raises StoreError with the line.
    """
    if not path.is_file():
        return []
    entries: dict[bytes, LedgerEntry] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entries.setdefault(line, msgspec.json.decode(line, type=LedgerEntry))
        except msgspec.DecodeError as error:
            raise StoreError(
                f"a damaged line in the ledger: {error}",
                where=f"{path}:{number}",
                mend="restore it from git: a ledger that lost lines would spend alpha twice",
            ) from error
    return list(entries.values())


def append_entry(path: Path, entry: LedgerEntry) -> None:
    """Add one judgement with one write. Raises WriteError."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, msgspec.json.encode(entry, order="sorted") + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
