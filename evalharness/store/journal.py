"""The append-only journal: one whole JSON line a record; the truth about what was answered.

Reads and writes: outcomes.jsonl, evidence.jsonl.  Gives: append, recover, index, read back.
Depends on: records, files, keys.
A journal killed at any byte is cut back to its last whole line and goes on from there.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

from evalharness.errors import StoreError
from evalharness.records import FORMAT, Attempt, Evidence, Outcome, Provenance, Record, Usage
from evalharness.store.columns import Column, ColumnFile
from evalharness.store.files import cannot_write, writing

SYNC_EVERY = 64
"""Records between two fsyncs: measured at 0.13 ms CPU each 64, against 6.8 ms each one."""


NUMBER_BITS = 28
NUMBER_MASK = (1 << NUMBER_BITS) - 1
"""Records that one index can number; the 36 bits above it hold the hash."""
_WORD_MASK = (1 << 64) - 1
_HASH_MASK = _WORD_MASK - NUMBER_MASK
_STEP = 0x9E3779B97F4A7C15  # odd, so that repeats spread over all of 2**64 (Knuth's golden ratio)


class OutcomeEntry(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One line of outcomes.jsonl."""

    id: str
    key: str
    outcome: Outcome
    repeat: int = 0


class EvidenceEntry(Record, frozen=True, kw_only=True):
    """One line of evidence.jsonl. `name`: what gathered it, e.g. "execution" or a judge's name."""

    id: str
    name: str
    evidence: Evidence
    key: str = ""
    repeat: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a journal; later formats may add keys."""

    format: int
    file: str


class _Place(msgspec.Struct):
    """The fields by which a line is found; the rest is skipped without being built."""

    id: str
    repeat: int = 0


Entry = TypeVar("Entry", OutcomeEntry, EvidenceEntry)


class JournalWriter(Generic[Entry]):
    """Appends whole lines to one file; opening it cuts off a torn last line.

    Use as a context manager.  Raises WriteError when a line cannot be written whole.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        self.path = path
        self._encoder = msgspec.json.Encoder()
        self._unsynced = 0
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            cut_torn_line(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            if os.fstat(self._file).st_size == 0:
                header = Header(format=FORMAT, file=name)
                os.write(self._file, self._encoder.encode(header) + b"\n")

    def append(self, entry: Entry) -> None:
        """Write one record; it survives the death of this process when this returns."""
        self._write(self._encoder.encode(entry) + b"\n")

    def append_many(self, entries: list[Entry]) -> None:
        """Write several records with one call to the system."""
        self._write(self._encoder.encode_lines(entries), count=len(entries))

    def _write(self, lines: bytes, *, count: int = 1) -> None:
        try:
            written = os.write(self._file, lines)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        if written != len(lines):
            with writing(self.path):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(28, "the disk took only part of a line (it is full)")
        self._unsynced += count
        if self._unsynced >= SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Make everything appended so far survive the death of the machine."""
        with writing(self.path):
            os.fdatasync(self._file) if hasattr(os, "fdatasync") else os.fsync(self._file)
            self._unsynced = 0

    def __enter__(self) -> JournalWriter[Entry]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self.sync()
        finally:
            os.close(self._file)


def cut_torn_line(path: Path) -> int:
    """Cut a file back to its last whole line; gives the bytes cut off. A missing file is left."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
        return size - end


class JournalReader(Generic[Entry]):
    """Finds records by (sample id, repeat).

    While each unit stands once and units are asked for in the order written, as a scored recording
    does, the next line is taken and no index is held; the first that differs loads one, of 16 bytes
    of memory a record.
    The last line of a unit counts: an answer that replaces an earlier failure stands below it.
    Raises StoreError for a foreign or damaged file, with the line.
    """

    def __init__(self, path: Path, entry: type[Entry], *, name: str) -> None:
        self.path = path
        self._decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(entry)
        self._file = path.open("rb") if path.exists() else None
        columns = ColumnFile()
        self._hashes, self._starts = Column(columns, "Q"), Column(columns, "Q")
        self._index: _Index | None = None
        self._offset = -1
        self._next = self._after = 0
        self._scan(name)
        self._in_order = _all_differ(self._hashes)

    def _scan(self, name: str) -> None:
        """Note the unit of each record and where it starts."""
        place = msgspec.json.Decoder(_Place)
        offset = 0
        for number, line in enumerate(self._file or (), start=1):
            start, offset = offset, offset + len(line)
            if not line.endswith(b"\n"):
                break  # torn by a kill: the next writer cuts it off
            if number == 1:
                check_header(line, name, self.path)
                self._after = offset
                continue
            try:
                found = place.decode(line)
            except msgspec.DecodeError as error:
                raise StoreError(
                    f"a damaged line: {error}",
                    where=f"{self.path}:{number}",
                    mend="delete that line and run the command again; the sample is asked anew",
                ) from error
            self._hashes.append(hash_of(found.id, found.repeat))
            self._starts.append(start)

    def __len__(self) -> int:
        return len(self._starts)

    def find(self, sample_id: str, repeat: int) -> list[Entry]:
        """Every record of a unit, oldest first; empty if there is none."""
        if self._in_order and self._next < len(self):
            entry = self._read(self._after)
            if entry.id == sample_id and entry.repeat == repeat:
                self._next, self._after = self._next + 1, self._offset
                return [entry]
            self._in_order = False
        return self._search(sample_id, repeat)

    def _search(self, sample_id: str, repeat: int) -> list[Entry]:
        """Every record of a unit by way of the index, which compares ids but for a collision."""
        if self._index is None:
            self._index = _Index(self._hashes, self._starts)
        entries = map(self._read, self._index.offsets(hash_of(sample_id, repeat)))
        return [entry for entry in entries if entry.id == sample_id and entry.repeat == repeat]

    def _read(self, offset: int) -> Entry:
        if self._file is None:
            raise StoreError("the journal is closed", where=str(self.path))
        if offset != self._offset:
            self._file.seek(offset)
        line = self._file.readline()
        self._offset = offset + len(line)
        return self._decoder.decode(line)

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _Index:
    """Where the records of a unit start, by hash: 16 bytes of memory a record.

    Hash and number of a record stand in one 64-bit word, the number in the lower bits, so that one
    sorted array is all that is searched.
    """

    def __init__(self, hashes: Column, starts: Column) -> None:
        import numpy as np

        words = hashes.load()
        words &= np.uint64(_HASH_MASK)
        words |= np.arange(len(words), dtype=np.uint64)
        words.sort()
        self._words, self._starts = words.data, starts.load().data

    def offsets(self, unit: int) -> Iterator[int]:
        """Where records start whose unit may be the one of this hash, oldest first."""
        wanted = unit & _HASH_MASK
        place = bisect_left(self._words, wanted)
        while place < len(self._words) and self._words[place] & _HASH_MASK == wanted:
            yield self._starts[self._words[place] & NUMBER_MASK]
            place += 1


def _all_differ(hashes: Column) -> bool:
    """Whether no two numbers of a column are equal."""
    if len(hashes) < 2:  # without loading numpy
        return True
    ascending = hashes.load()
    ascending.sort()
    return not bool((ascending[1:] == ascending[:-1]).any())


def hash_of(sample_id: str, repeat: int) -> int:
    """A unit's 64-bit hash, of this process only."""
    return (hash(sample_id) + repeat * _STEP) & _WORD_MASK


def read_entries(path: Path, entry: type[Entry]) -> Iterator[Entry]:
    """Every whole record of a journal in the order written, without an index."""
    decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(entry)
    with path.open("rb") as file:
        file.readline()
        for line in file:
            if line.endswith(b"\n"):
                yield decoder.decode(line)


class CostOfAnswer(msgspec.Struct, frozen=True):
    """What an answer cost, of a Completion; the rest is skipped without being built."""

    provenance: Provenance = Provenance()
    usage: Usage | None = None
    cost_usd: float | None = None


class CostOfOutcome(msgspec.Struct, frozen=True):
    """What an outcome cost. `completion` is None for a failure."""

    completion: CostOfAnswer | None = None
    attempts: tuple[Attempt, ...] = ()


class _CostEntry(msgspec.Struct):
    outcome: CostOfOutcome


def read_costs(path: Path) -> Iterator[CostOfOutcome]:
    """What every outcome of a journal cost, in the order written, without building the answers."""
    decoder = msgspec.json.Decoder(_CostEntry)
    with path.open("rb") as file:
        file.readline()
        for line in file:
            if line.endswith(b"\n"):
                yield decoder.decode(line).outcome


def check_header(line: bytes, name: str, path: Path) -> None:
    """Refuse a file that is not ours or of a later format. Raises StoreError."""
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.DecodeError as error:
        raise StoreError(
            "not a file of evalharness: its first line is no header", where=f"{path}:1"
        ) from error
    if header.file != name:
        raise StoreError(f"a '{header.file}' file where '{name}' is expected", where=f"{path}:1")
    if header.format > FORMAT:
        raise StoreError(
            f"written in format {header.format}; this version reads up to {FORMAT}",
            where=f"{path}:1",
            mend="update evalharness",
        )
