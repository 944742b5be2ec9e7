"""The response cache: answers by request key, shared between runs and processes.

Reads and writes: shard files of JSON lines in one folder.  Gives: ResponseCache.
Depends on: records, files, errors.
A key (see `keys.request_key`) names model, address, rendered payload and repeat, so a hit is the
answer to that very question.  64 shards by the key's first digits; each line is appended whole
under a lock, so that any number of processes may write.  Memory is 16 bytes an entry.
"""

from __future__ import annotations

import fcntl
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from evalharness.records import FORMAT, Completion, Record
from evalharness.store.files import writing

SHARDS: Final = 64
KEY_HEX: Final = 32
PREFIX: Final = b'{"key":"'
KEY_START: Final = len(PREFIX)
KEY_END: Final = KEY_START + KEY_HEX
READ_BYTES: Final = 4096
"""One read holds a usual entry; a longer one takes a second."""


class CacheEntry(Record, frozen=True, kw_only=True):
    """One line of a shard. `key` stands first: it is read without parsing the line."""

    key: str
    stored_at: str
    completion: Completion
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSummary:
    """What a cache folder holds. oldest, newest: ISO 8601 in UTC, None where it is empty."""

    folder: Path
    entries: int
    size_bytes: int
    oldest: str | None
    newest: str | None
    models: dict[str, int]


class ResponseCache:
    """Answers by request key in one folder; safe for concurrent processes.

    Raises WriteError where the folder cannot be written. A damaged line is a miss, never an error.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(CacheEntry)
        self._shards: dict[int, Shard] = {}
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> Completion | None:
        """The answer kept under a key, or None."""
        place = place_of(key)
        if place is None:
            return None
        line = self._shard(place[0]).find(place[1], key.encode())
        if line is None:
            return None
        try:
            entry = self._decoder.decode(line)
        except (msgspec.MsgspecError, ValueError):
            return None
        return entry.completion if entry.key == key else None

    def put(self, key: str, completion: Completion) -> None:
        """Keep an answer; a key that is there already gets its newest answer."""
        place = place_of(key)
        if place is None:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = CacheEntry(key=key, stored_at=now, completion=completion)
        self._shard(place[0]).append(self._encoder.encode(entry) + b"\n")

    def entries(self) -> Iterator[CacheEntry]:
        """Every readable entry, shard by shard, oldest first within one."""
        for path in self._paths():
            with path.open("rb") as file:
                for line in file:
                    entry = self._read(line)
                    if entry is not None:
                        yield entry

    def summary(self) -> CacheSummary:
        """How many answers are kept, of which models, from when."""
        models: dict[str, int] = {}
        stored: list[str] = []
        count = 0
        for entry in self.entries():
            count += 1
            model = entry.completion.served_model or "unknown"
            models[model] = models.get(model, 0) + 1
            stored = [min([*stored, entry.stored_at]), max([*stored, entry.stored_at])]
        return CacheSummary(
            folder=self.folder,
            entries=count,
            size_bytes=sum(path.stat().st_size for path in self._paths()),
            oldest=stored[0] if stored else None,
            newest=stored[1] if stored else None,
            models=dict(sorted(models.items())),
        )

    def prune(self, *, before: datetime | None = None, model: str | None = None) -> int:
        """Drop entries stored before a time, or of one served model; neither given drops all.

        Gives the number of entries that went. Other processes may go on writing meanwhile.
        """
        limit = None if before is None else before.astimezone(UTC).isoformat(timespec="seconds")

        def goes(entry: CacheEntry) -> bool:
            too_old = limit is None or entry.stored_at < limit
            return too_old and (model is None or entry.completion.served_model == model)

        gone = 0
        for path in self._paths():
            with locked(path) as file:
                kept = []
                for line in read_all(file).splitlines(keepends=True):
                    entry = self._read(line)
                    if entry is not None and goes(entry):
                        gone += 1
                    elif entry is not None:
                        kept.append(line)
                replace_locked(path, b"".join(kept))
        self.close()
        return gone

    def close(self) -> None:
        """Close all files; the cache opens them again when it is next used."""
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    def _shard(self, number: int) -> Shard:
        shard = self._shards.get(number)
        if shard is None:
            shard = self._shards[number] = Shard(self.folder / f"{number:02x}.jsonl")
        return shard

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9a-f][0-9a-f].jsonl"))

    def _read(self, line: bytes) -> CacheEntry | None:
        try:
            return self._decoder.decode(line)
        except (msgspec.MsgspecError, ValueError):
            return None


class Shard:
    """One file of entries and a sorted index of where each stands.

    The index follows what other processes append; it starts anew when the file was replaced.
    """

    __slots__ = ("_file", "_indexed", "_keys", "_offsets", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._forget()

    def find(self, name: int, key: bytes) -> bytes | None:
        """The newest line of a key, or None; `name` is the key's 64-bit index entry."""
        if self._file is None and not self.path.exists():
            return None
        self._follow()
        at = bisect_left(self._keys, name)
        found = None
        while at < len(self._keys) and self._keys[at] == name:
            line = self._line_at(self._offsets[at])
            if line[KEY_START:KEY_END] == key:
                found = line
            at += 1
        return found

    def append(self, line: bytes) -> None:
        """Add a whole line under the file's lock, behind a torn one if a process was killed."""
        with writing(self.path):
            file = self._lock_current()
            try:
                end = os.fstat(file).st_size
                torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
                written = os.write(file, b"\n" + line if torn else line)
                if written != len(line) + torn:
                    os.ftruncate(file, end)
                    raise OSError(28, "the disk took only part of a line (it is full)")
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file and forget the index."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._forget()

    def _forget(self) -> None:
        self._keys = array("Q")
        self._offsets = array("Q")
        self._indexed = 0

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        return self._file

    def _lock_current(self) -> int:
        """The locked file that the path names now, even if it was replaced meanwhile."""
        while True:
            file = self._open()
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if os.path.samestat(os.fstat(file), self.path.stat()):
                    return file
            except FileNotFoundError:
                pass
            self.close()

    def _follow(self) -> None:
        """Index what was appended since the last look."""
        file = self._open()
        held = os.fstat(file)
        if held.st_size == self._indexed and held.st_nlink:
            return
        if not held.st_nlink:
            self.close()
            file = self._open()
            held = os.fstat(file)
        tail = os.pread(file, held.st_size - self._indexed, self._indexed)
        whole = tail[: tail.rfind(b"\n") + 1]
        start = self._indexed
        fresh = []
        for line in whole.splitlines(keepends=True):
            if line.startswith(PREFIX):
                fresh.append((index_name(line[KEY_START:KEY_END]), start))
            start += len(line)
        self._indexed = start
        if fresh:
            self._merge(fresh)

    def _merge(self, fresh: list[tuple[int, int]]) -> None:
        pairs = sorted([*zip(self._keys, self._offsets, strict=True), *fresh])
        self._keys = array("Q", [name for name, _ in pairs])
        self._offsets = array("Q", [offset for _, offset in pairs])

    def _line_at(self, offset: int) -> bytes:
        size = READ_BYTES
        while True:
            piece = os.pread(self._open(), size, offset)
            end = piece.find(b"\n")
            if end >= 0:
                return piece[: end + 1]
            if len(piece) < size:
                return piece
            size *= 8


def place_of(key: str) -> tuple[int, int] | None:
    """(shard, index entry) of a key; None for what is no key of ours, which is never kept."""
    if len(key) != KEY_HEX:
        return None
    try:
        return int(key[:2], 16) % SHARDS, index_name(key.encode())
    except ValueError:
        return None


def index_name(key: bytes) -> int:
    """64 bits of a key, for the index; two keys that share them are told apart by their lines."""
    try:
        return int(key[:16], 16)
    except ValueError:
        return 0


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file under its exclusive lock, opened for reading."""
    with writing(path):
        file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def read_all(file: int) -> bytes:
    """The whole of an open file."""
    return os.pread(file, os.fstat(file).st_size, 0)


def replace_locked(path: Path, content: bytes) -> None:
    """Replace a file that is locked; an empty one goes."""
    from evalharness.store.files import write_atomic

    if content:
        write_atomic(path, content)
    else:
        path.unlink()
