"""Vectors and scores kept on disk by content, so that no text is encoded twice on one machine.

Reads and writes: one SQLite file an encoder, `<cache>/encoders/<key>.sqlite`.  Gives: Vault.
Depends on: errors; platformdirs for the folder where EVALHARNESS_CACHE_DIR does not name it.
The key of a file holds the weights' digest, the layer, the maximum length, the number format and
the backend: whatever else changes, an entry stays true.  A file that is damaged is made anew.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from evalharness.errors import WriteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

VECTOR_BYTES: Final = 1 << 30
"""Token vectors kept for one encoder; beyond it the oldest go.  Scores are never dropped."""

_WAIT_S: Final = 60.0
_ASKED_AT_ONCE: Final = 500  # SQLite takes at most 999 values in one statement
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, value BLOB)",
    "CREATE TABLE IF NOT EXISTS held (bytes INTEGER)",
)


def cache_folder() -> Path:
    """Where encoders keep what they computed: EVALHARNESS_CACHE_DIR or the user's cache folder."""
    named = os.environ.get("EVALHARNESS_CACHE_DIR")
    if named:
        return Path(named) / "encoders"
    from platformdirs import user_cache_path

    return user_cache_path("evalharness") / "encoders"


def content_key(*texts: str) -> bytes:
    """16 bytes that stand for these texts in this order."""
    total = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.digest()


class Vault:
    """What one encoder has computed so far; safe to share between processes.

    folder: made at the first write.  Every call opens the file anew, so that a fork or a thread
    does no harm.  Raises WriteError where the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str, *, vector_bytes: int = VECTOR_BYTES) -> None:
        self.path = folder / f"{name}.sqlite"
        self.vector_bytes = vector_bytes

    def scores(self, keys: Iterable[bytes]) -> dict[bytes, tuple[float, ...]]:
        """Key -> the numbers kept under it; keys without any are left out."""
        return {
            key: struct.unpack(f"<{len(value) // 8}d", value)
            for key, value in self._find("scores", keys)
        }

    def vectors(self, keys: Iterable[bytes], width: int) -> dict[bytes, NDArray[np.float32]]:
        """Key -> vectors [tokens, width]."""
        return {
            key: np.frombuffer(value, dtype="<f4").reshape(-1, width)
            for key, value in self._find("vectors", keys)
        }

    def keep_scores(self, scores: Mapping[bytes, Sequence[float]]) -> None:
        """Keep numbers; what is there already stays, so that a pair has one score for good."""
        rows = [(key, struct.pack(f"<{len(value)}d", *value)) for key, value in scores.items()]
        if rows:
            with self._open() as connection:
                connection.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", rows)

    def keep_vectors(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors; the oldest go where there is no more room."""
        rows = [(key, value.astype("<f4").tobytes()) for key, value in vectors.items()]
        if not rows:
            return
        with self._open() as connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            held = connection.execute("SELECT bytes FROM held").fetchone()
            total = (held[0] if held else 0) + sum(len(value) for _, value in rows)
            if total > self.vector_bytes:
                total = _drop_oldest(connection, self.vector_bytes // 2)
            connection.execute("DELETE FROM held")
            connection.execute("INSERT INTO held VALUES (?)", (total,))

    def _find(self, table: str, keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """Rows of a table by key; nothing where there is no file yet."""
        wanted = list(dict.fromkeys(keys))
        if not wanted or not self.path.exists():
            return []
        found: list[tuple[bytes, bytes]] = []
        with self._open() as connection:
            for start in range(0, len(wanted), _ASKED_AT_ONCE):
                some = wanted[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(some))
                question = f"SELECT key, value FROM {table} WHERE key IN ({marks})"  # noqa: S608
                found += connection.execute(question, some).fetchall()
        return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction; a damaged file is replaced by an empty one."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                connection = self._connect()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # not a database: made anew
                self.path.unlink(missing_ok=True)
                connection = self._connect()
            with closing(connection), connection:
                yield connection
        except (OSError, sqlite3.OperationalError) as error:
            raise WriteError(
                f"cannot use the encoder cache '{self.path}': {error}",
                where=str(self.path),
                mend="set EVALHARNESS_CACHE_DIR to a folder that can be written",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        """An open file with its tables."""
        connection = sqlite3.connect(self.path, timeout=_WAIT_S)
        try:
            for table in _TABLES:
                connection.execute(table)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection


def _drop_oldest(connection: sqlite3.Connection, room: int) -> int:
    """Drop vectors, the oldest first, until at most `room` bytes are held; gives what is held."""
    kept, bound = 0, None
    for row, size in connection.execute(
        "SELECT rowid, length(value) FROM vectors ORDER BY rowid DESC"
    ):
        if kept + size > room:
            bound = row
            break
        kept += size
    if bound is not None:
        connection.execute("DELETE FROM vectors WHERE rowid <= ?", (bound,))
    return kept
