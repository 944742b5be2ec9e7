"""A recording's bytes at random access, wherever they lie: on disk, unpacked, or in memory.

Reads: a file.  Gives: spans of its content as UTF-8 bytes.
Depends on: lines, errors.  Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import codecs
import io
import os
import tempfile
import weakref
from pathlib import Path
from typing import IO, BinaryIO, Final, Protocol

from evalharness.data.lines import CHUNK_BYTES, READ_ERRORS, damage, open_bytes
from evalharness.errors import WriteError

_AHEAD_BYTES: Final = 1 << 16
"""Read at once when spans are asked for in the file's order."""


class Stored(Protocol):
    """Content of which any span can be read, in any order."""

    def read(self, start: int, end: int) -> bytes:
        """The bytes from start up to end."""
        ...

    def stream(self) -> BinaryIO:
        """The content from its beginning, to be read through once."""
        ...

    def size(self) -> int:
        """How many bytes the content has."""
        ...

    def close(self) -> None:
        """Give up files; may be called twice."""
        ...


def store(path: Path) -> FileStored:
    """The file's content at random access.

    A gzipped or UTF-16 file is unpacked to an unnamed temporary file, which ends with the process.
    Raises DataError for a file that cannot be read, WriteError if there is no room to unpack it.
    """
    with path.open("rb") as raw:
        head = raw.read(4)
    if head.startswith(b"\x1f\x8b") or head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return FileStored(_unpacked(path))
    skip = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    return FileStored(open_bytes(path), skip=skip)


def _unpacked(path: Path) -> IO[bytes]:
    unpacked = tempfile.TemporaryFile(prefix="evalharness-")  # noqa: SIM115 - outlives this call
    n_lines = 0
    with open_bytes(path) as source:
        while True:
            try:
                chunk = source.read(CHUNK_BYTES)
            except READ_ERRORS as error:
                unpacked.close()
                raise damage(path, n_lines + 1, error) from error
            if not chunk:
                return unpacked
            n_lines += chunk.count(b"\n")
            try:
                unpacked.write(chunk)
            except OSError as error:
                unpacked.close()
                raise WriteError(
                    f"no room to unpack the recording: {error.strerror}",
                    where=tempfile.gettempdir(),
                    mend="set TMPDIR to a folder with room, or unpack it yourself",
                ) from error


class FileStored:
    """Content on disk; spans in the file's order are read ahead, others singly."""

    def __init__(self, file: IO[bytes], *, skip: int = 0) -> None:
        file.flush()
        self._skip = skip
        self._fileno = file.fileno()
        self._ahead = b""
        self._ahead_start = 0
        self._last_end = 0
        self._close = weakref.finalize(self, file.close)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from start up to end."""
        at = start - self._ahead_start
        if at >= 0 and end - self._ahead_start <= len(self._ahead):
            self._last_end = end
            return self._ahead[at : at + end - start]
        length = end - start
        if start == self._last_end and length < _AHEAD_BYTES:
            self._ahead = os.pread(self._fileno, _AHEAD_BYTES, start + self._skip)
            self._ahead_start = start
            self._last_end = end
            return self._ahead[:length]
        self._last_end = end
        return os.pread(self._fileno, length, start + self._skip)

    def stream(self) -> BinaryIO:
        """The content from its beginning."""
        copy = os.fdopen(os.dup(self._fileno), "rb")
        copy.seek(self._skip)
        return copy

    def close(self) -> None:
        """Close the file; an unpacked copy is gone with it."""
        self._close()

    def size(self) -> int:
        """How many bytes the content has."""
        return os.fstat(self._fileno).st_size - self._skip


class MemoryStored:
    """Content held in memory: what came from a JSON document, which is bounded."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, start: int, end: int) -> bytes:
        """The bytes from start up to end."""
        return self._content[start:end]

    def stream(self) -> BinaryIO:
        """The content from its beginning."""
        return io.BytesIO(self._content)

    def size(self) -> int:
        """How many bytes the content has."""
        return len(self._content)

    def close(self) -> None:
        """Nothing to give up."""
