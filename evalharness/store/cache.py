"""The response cache: answers by request key, shared between runs and processes.

Reads and writes: segment files of JSON lines in one folder.  Gives: ResponseCache.
Depends on: cache_index, records, files, errors.
A key (see `keys.request_key`) names model, address, rendered payload and repeat, so a hit is the
answer to that very question.  Each process appends whole lines to a segment of its own and reads
everybody's, so that any number of processes may share a folder without waiting for each other.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from evalharness.errors import WriteError
from evalharness.records import FORMAT, Completion, Record
from evalharness.store.cache_index import CacheIndex, index_name
from evalharness.store.files import write_atomic

SUFFIX: Final = ".jsonl"
MERGE_ABOVE: Final = 32
"""Finished segments above which opening the cache makes one of them."""

REFRESH_S: Final = 2.0
"""How long a process may not see what another one has just stored."""


class CacheEntry(Record, frozen=True, kw_only=True):
    """One line of a segment. `key` stands first: it is found without parsing the line."""

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

    clock: monotonic seconds.
    Raises WriteError where an answer cannot be stored.  A damaged line is a miss, never an error.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(CacheEntry)
        self._own: int | None = None
        self._own_number = 0
        self._own_size = 0
        if len(finished_segments(folder)) > MERGE_ABOVE:
            merge_segments(folder)
        self._index = CacheIndex()
        self._looked_at = clock()
        self._index.follow(segments(folder))

    def get(self, key: str) -> Completion | None:
        """The answer kept under a key, the newest one; None where there is none."""
        name = index_name(key)
        found = self._find(name, key)
        if found is None and self._clock() - self._looked_at > REFRESH_S:
            self._looked_at = self._clock()
            self._index.follow(segments(self.folder))
            found = self._find(name, key)
        return found

    def put(self, key: str, completion: Completion) -> None:
        """Keep an answer; a key that is there already gets its newest answer."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = CacheEntry(key=key, stored_at=now, completion=completion)
        line = self._encoder.encode(entry) + b"\n"
        with storing(self.folder):
            file = self._open_own()
            written = os.write(file, line)
            if written != len(line):
                os.ftruncate(file, self._own_size)
                raise OSError(28, "the disk took only part of a line (it is full)")
        self._index.add(index_name(key), self._own_number, self._own_size)
        self._own_size += written

    def entries(self) -> Iterator[CacheEntry]:
        """Every readable entry, segment by segment."""
        for path in segments(self.folder):
            with path.open("rb") as file:
                for line in file:
                    entry = self._read(line)
                    if entry is not None:
                        yield entry

    def summary(self) -> CacheSummary:
        """How many answers are kept, of which models, from when."""
        models: dict[str, int] = {}
        oldest: str | None = None
        newest: str | None = None
        count = 0
        for entry in self.entries():
            count += 1
            model = entry.completion.served_model or "unknown"
            models[model] = models.get(model, 0) + 1
            oldest = entry.stored_at if oldest is None else min(oldest, entry.stored_at)
            newest = entry.stored_at if newest is None else max(newest, entry.stored_at)
        return CacheSummary(
            folder=self.folder,
            entries=count,
            size_bytes=sum(path.stat().st_size for path in segments(self.folder)),
            oldest=oldest,
            newest=newest,
            models=dict(sorted(models.items())),
        )

    def prune(self, *, before: datetime | None = None, model: str | None = None) -> int:
        """Drop entries stored before a time, or of one served model; neither given drops all.

        Gives the number of entries that went. Segments that another process writes to just now are
        left as they are.
        """
        self.close()
        limit = None if before is None else before.astimezone(UTC).isoformat(timespec="seconds")
        gone = 0
        for path in finished_segments(self.folder):
            kept = []
            for line in path.read_bytes().splitlines(keepends=True):
                entry = self._read(line)
                if entry is None:
                    continue
                old = limit is None or entry.stored_at < limit
                if old and model in (None, entry.completion.served_model):
                    gone += 1
                else:
                    kept.append(line)
            if kept:
                write_atomic(path, b"".join(kept))
            else:
                path.unlink(missing_ok=True)
        self._index.follow(segments(self.folder))
        return gone

    def close(self) -> None:
        """Close all files; the cache opens them again when it is next used."""
        if self._own is not None:
            os.close(self._own)
            self._own = None
        self._index.close()
        self._looked_at = self._clock() - 2 * REFRESH_S

    def _find(self, name: int, key: str) -> Completion | None:
        for line in self._index.lines(name):
            entry = self._read(line)
            if entry is not None and entry.key == key:
                return entry.completion
        return None

    def _open_own(self) -> int:
        """A segment of this process alone, locked while it is open: no one merges it."""
        if self._own is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            path = self.folder / f"{stamp}-{os.getpid()}{SUFFIX}"
            self._own = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            fcntl.flock(self._own, fcntl.LOCK_EX)
            self._own_number = self._index.own(path)
            self._own_size = 0
        return self._own

    def _read(self, line: bytes) -> CacheEntry | None:
        try:
            return self._decoder.decode(line)
        except (msgspec.MsgspecError, ValueError):
            return None


def segments(folder: Path) -> list[Path]:
    """All segments, oldest first; their names begin with the time they were opened at."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def finished_segments(folder: Path) -> list[Path]:
    """The segments that no process is writing to."""
    found = []
    for path in segments(folder):
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found.append(path)
        except BlockingIOError:
            pass
        finally:
            os.close(file)
    return found


def merge_segments(folder: Path) -> None:
    """Make one segment of all that are finished; a torn last line is left out.

    One process at a time does it; readers keep the files they have open.
    """
    with storing(folder):
        lock = os.open(folder / ".merge.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        paths = finished_segments(folder)
        if len(paths) > 1:
            whole = [content[: content.rfind(b"\n") + 1] for content in map(Path.read_bytes, paths)]
            # It takes the newest one's name, so that its answers stay newer than all before it.
            write_atomic(paths[-1], b"".join(whole))
            for path in paths[:-1]:
                path.unlink(missing_ok=True)
    finally:
        os.close(lock)


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a WriteError that names the cache's folder."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"cannot store answers in the cache '{folder}': {error.strerror or error}",
            where=str(folder),
            mend="set EVALHARNESS_CACHE_DIR to a folder that can be written, or use --no-cache",
        ) from error
