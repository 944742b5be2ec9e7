"""The response cache: answers by request key, shared between runs and processes.

Reads and writes: segment files of JSON lines in one folder.
Gives: ResponseCache, its summary and its pruning.
Depends on: cache_index, records, files, errors.
A key (see `keys.request_key`) names model, address, rendered payload and repeat, so a hit is the
answer to that very question.  Each process appends whole lines to a segment of its own and reads
everybody's, so that any number of processes may share a folder without waiting for each other.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
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

LAST: Final = ("~", "~")
"""Behind every (stored_at, key)."""

REFRESH_S: Final = 2.0
"""How long a process may not see what another one has just stored."""


class CacheEntry(Record, frozen=True, kw_only=True):
    """One line of a segment. `key` stands first: it is found without parsing the line."""

    key: str
    stored_at: str
    completion: Completion
    format: int = FORMAT


class ModelShare(Record, frozen=True, kw_only=True):
    """What one served model takes of a cache. oldest, newest: ISO 8601 in UTC."""

    model: str
    entries: int
    size_bytes: int
    oldest: str
    newest: str


class CacheSummary(Record, frozen=True, kw_only=True):
    """What a cache folder holds. oldest, newest: ISO 8601 in UTC, None where it is empty.

    unreadable: lines that hold no answer; they are misses and go when the cache is pruned.
    """

    folder: str
    entries: int
    size_bytes: int
    unreadable: int
    oldest: str | None
    newest: str | None
    models: tuple[ModelShare, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Which answers are to go: those that meet every condition that is given.

    before: stored before this time.  model: as the server called it.  keys: of these questions.
    keep_bytes: the oldest of them, until the whole cache is no larger.
    """

    before: datetime | None = None
    model: str | None = None
    keys: frozenset[str] | None = None
    keep_bytes: int | None = None


class Pruned(Record, frozen=True, kw_only=True):
    """What pruning did. busy: segments that a running process writes to, left as they are."""

    gone: int
    freed_bytes: int
    kept: int
    busy: int


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
        for line in self._lines(segments(self.folder)):
            entry = self._read(line)
            if entry is not None:
                yield entry

    def summary(self) -> CacheSummary:
        """How many answers are kept, of which models, from when."""
        shares: dict[str, ModelShare] = {}
        unreadable = 0
        for line in self._lines(segments(self.folder)):
            entry = self._read(line)
            if entry is None:
                unreadable += 1
                continue
            model = entry.completion.served_model or "unknown"
            shares[model] = with_entry(shares.get(model), model, entry.stored_at, len(line))
        models = tuple(shares[name] for name in sorted(shares))
        return CacheSummary(
            folder=str(self.folder),
            entries=sum(share.entries for share in models),
            size_bytes=size_of(segments(self.folder)),
            unreadable=unreadable,
            oldest=min((share.oldest for share in models), default=None),
            newest=max((share.newest for share in models), default=None),
            models=models,
        )

    def prune(self, pruning: Pruning) -> Pruned:
        """Drop the answers that are to go, beside any number of running processes.

        A segment that another process writes to just now is left as it is.  A process that holds a
        segment open goes on reading it; to all others its answers are misses.
        Raises WriteError where the folder cannot be written.
        """
        self.close()
        with merging(self.folder, fcntl.LOCK_EX):
            paths = finished_segments(self.folder)
            before = size_of(segments(self.folder))
            oldest_kept = self._floor(paths, pruning, before)
            gone = kept = 0
            for path in paths:
                lines = []
                for line in self._lines([path]):
                    entry = self._read(line)
                    if entry is None:
                        continue
                    if is_to_go(entry, pruning) and (entry.stored_at, entry.key) < oldest_kept:
                        gone += 1
                    else:
                        lines.append(line)
                kept += len(lines)
                if lines:
                    write_atomic(path, b"".join(lines))
                else:
                    path.unlink(missing_ok=True)
            after = size_of(segments(self.folder))
            busy = len(segments(self.folder)) - len(finished_segments(self.folder))
        self._index.follow(segments(self.folder))
        return Pruned(gone=gone, freed_bytes=max(0, before - after), kept=kept, busy=busy)

    def _floor(self, paths: list[Path], pruning: Pruning, size_bytes: int) -> tuple[str, str]:
        """(stored_at, key) from which on answers stay, to keep within `keep_bytes`."""
        if pruning.keep_bytes is None:
            return LAST
        found = []
        for line in self._lines(paths):
            entry = self._read(line)
            if entry is not None and is_to_go(entry, pruning):
                found.append((entry.stored_at, entry.key, len(line)))
        over = size_bytes - pruning.keep_bytes
        for stored_at, key, length in sorted(found):
            if over <= 0:
                return stored_at, key
            over -= length
        return LAST if found else ("", "")

    @staticmethod
    def _lines(paths: Iterable[Path]) -> Iterator[bytes]:
        """Every line of some segments; one that is gone by now has none."""
        for path in paths:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                yield from file

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
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            path = self.folder / f"{stamp}-{os.getpid()}{SUFFIX}"
            # Until it is locked it looks finished; no one rewrites finished segments meanwhile.
            with merging(self.folder, fcntl.LOCK_SH):
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
    try:
        with merging(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            paths = finished_segments(folder)
            if len(paths) > 1:
                read = map(Path.read_bytes, paths)
                whole = [content[: content.rfind(b"\n") + 1] for content in read]
                # It takes the newest one's name, so its answers stay newer than all before it.
                write_atomic(paths[-1], b"".join(whole))
                for path in paths[:-1]:
                    path.unlink(missing_ok=True)
    except BlockingIOError:
        return


@contextmanager
def merging(folder: Path, how: int) -> Iterator[None]:
    """The right to rewrite finished segments, which one process has at a time.

    how: flags of flock; with LOCK_NB a BlockingIOError says that another one has it.
    """
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".merge.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)


def is_to_go(entry: CacheEntry, pruning: Pruning) -> bool:
    """Whether an answer meets every condition but the size."""
    if pruning.before is not None:
        limit = pruning.before.astimezone(UTC).isoformat(timespec="seconds")
        if entry.stored_at >= limit:
            return False
    if pruning.keys is not None and entry.key not in pruning.keys:
        return False
    return pruning.model in (None, entry.completion.served_model or "unknown")


def with_entry(share: ModelShare | None, model: str, stored_at: str, size_bytes: int) -> ModelShare:
    """A model's share with one more answer."""
    return ModelShare(
        model=model,
        entries=1 + (share.entries if share else 0),
        size_bytes=size_bytes + (share.size_bytes if share else 0),
        oldest=min(stored_at, share.oldest) if share else stored_at,
        newest=max(stored_at, share.newest) if share else stored_at,
    )


def size_of(paths: Iterable[Path]) -> int:
    """Bytes of some segments that are still there."""
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


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
