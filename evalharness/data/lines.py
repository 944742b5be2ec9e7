"""A file as numbered lines of UTF-8 bytes, in memory that does not grow with the file.

Reads: plain or gzipped files, UTF-8 with or without a byte order mark, UTF-16 with one.
Gives: `Line`s (blank ones too); what is wrong with one line is a DataError in its place, what is
wrong with the file is raised.
Depends on: errors.  Knows nothing of JSON, CSV or samples.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from evalharness.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE_BYTES: Final = 16 * 2**20
"""A longer line is refused: a sample of this size is a damaged file, not a question."""

CHUNK_BYTES: Final = 1 << 16

_PACKED: Final = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstandard",
    b"\xfd7zXZ": "compressed with xz",
    b"BZh": "compressed with bzip2",
    b"PAR1": "a Parquet file",
}


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line: its number from 1, its bytes without the line end, and where its bytes start.

    offset: in the content as `open_bytes` gives it.
    """

    number: int
    text: bytes
    offset: int


def at(path: Path, number: int | None = None) -> str:
    """Where a line is, as messages say it: `heldout.jsonl:4812`; without a number, up to it."""
    return f"{path}:{'' if number is None else number}"


def located(error: DataError, where: str) -> DataError:
    """The same refusal with its place, if it has none yet."""
    return error if error.where else DataError(error.message, where=where, mend=error.mend)


CHECK_PATH: Final = "check the path: one that a YAML file names starts from that file's folder"


def require_file(
    path: Path, *, mend: str = f"{CHECK_PATH}; --data PATH gives another held-out file"
) -> None:
    """Refuse what is no file, naming the nearest file beside it.

    mend: what is said where no file beside it has a like name.  Raises DataError.
    """
    if path.is_dir():
        raise DataError("expected a file, found a folder", where=str(path), mend="name the file")
    if not path.exists():
        folder = path.parent
        beside = [p.name for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []
        near = did_you_mean(path.name, beside)
        raise DataError("no such file", where=os.path.normpath(path), mend=near or mend)


def require_named(path: Path, where: str) -> None:
    """Refuse a file that a YAML file names and that is none. where: file and key that name it.

    Raises DataError.
    """
    try:
        require_file(path, mend=CHECK_PATH)
    except DataError as error:
        raise DataError(error.message, where=f"{where}: {error.where}", mend=error.mend) from error


def open_bytes(path: Path) -> io.BufferedReader:
    """The file's content as UTF-8 without a mark: unpacked if gzipped, recoded if UTF-16.

    Raises DataError for what is no file, or is packed or encoded in another way.  Reading it may
    raise EOFError, zlib.error, gzip.BadGzipFile or UnicodeDecodeError: see `damage`.
    """
    require_file(path)
    try:
        stream = path.open("rb")
        if stream.peek(2)[:2] == b"\x1f\x8b":
            stream.close()
            unpacked = gzip.open(path, "rb")  # noqa: SIM115 - closed by the reader around it
            stream = io.BufferedReader(unpacked, CHUNK_BYTES)
        head = stream.peek(8)[:8]
    except (OSError, EOFError, zlib.error) as error:
        raise damage(path, 1, error) from error
    for mark, what in _PACKED.items():
        if head.startswith(mark):
            stream.close()
            raise DataError(
                f"the file is {what}", where=str(path), mend="unpack it, or pack it with gzip"
            )
    return _without_mark(stream, head, path)


def _without_mark(stream: io.BufferedReader, head: bytes, path: Path) -> io.BufferedReader:
    """Take off a byte order mark; recode UTF-16; refuse UTF-32."""
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
        return stream
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        stream.close()
        raise DataError("the file is UTF-32", where=at(path, 1), mend="save it as UTF-8")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.BufferedReader(_Utf16AsUtf8(stream), CHUNK_BYTES)
    return stream


class _Utf16AsUtf8(io.RawIOBase):
    """UTF-16 bytes read as UTF-8 bytes, a chunk at a time."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._pending = b""
        self._ended = False

    def readable(self) -> bool:
        """Always: this is a source."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer with decoded UTF-8; 0 at the end."""
        view = memoryview(buffer).cast("B")
        while not self._pending and not self._ended:
            chunk = self._source.read(CHUNK_BYTES)
            self._ended = not chunk
            self._pending = self._decoder.decode(chunk, final=self._ended).encode()
        given = self._pending[: len(view)]
        view[: len(given)] = given
        self._pending = self._pending[len(given) :]
        return len(given)

    def close(self) -> None:
        """Close the source too."""
        self._source.close()
        super().close()


def damage(path: Path, number: int, error: Exception) -> DataError:
    """What a read error means to the owner of the file, at the line where it happened."""
    if isinstance(error, UnicodeDecodeError):
        return DataError(
            f"the file is not the UTF-16 that its first bytes say: {error.reason}",
            where=at(path, number),
            mend="save it as UTF-8",
        )
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return DataError(
            f"the gzip data is cut short or damaged: {error}",
            where=at(path, number),
            mend="copy or download the file again; `gzip -t` checks it",
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DataError(f"cannot be read: {reason}", where=str(path), mend="check the file's rights")


READ_ERRORS: Final = (OSError, EOFError, zlib.error, UnicodeDecodeError)
"""What reading a stream of `open_bytes` may raise, all of it for `damage`."""


def iter_lines(path: Path) -> Iterator[Line | DataError]:
    """Every line in order; a DataError stands in the place of a line that cannot be used.

    A line longer than MAX_LINE_BYTES or with NUL bytes is such an error; the lines after it follow.
    Raises DataError for a file that cannot be read on.
    """
    with open_bytes(path) as stream:
        yield from numbered(stream, path)


def numbered(stream: BinaryIO, path: Path) -> Iterator[Line | DataError]:
    """The lines of an open stream; `path` is for messages. See `iter_lines`."""
    number, offset = 0, 0
    for block in _blocks(stream, path):
        if isinstance(block, int):
            number += 1
            offset += block
            yield _too_long(path, number, block)
            continue
        has_nul = b"\0" in block
        has_cr = b"\r" in block
        for text in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            start, offset = offset, offset + len(text) + 1
            if has_nul and b"\0" in text:
                yield _holds_nul(path, number, text)
            else:
                yield Line(number, text.rstrip(b"\r") if has_cr else text, start)


def _blocks(stream: BinaryIO, path: Path) -> Iterator[bytes | int]:
    """The content in blocks of whole lines, or the length of a line that is too long to hold."""
    n_lines = 0
    try:
        while block := stream.read(CHUNK_BYTES):
            if not block.endswith(b"\n"):
                rest = stream.readline(MAX_LINE_BYTES)
                start = block.rfind(b"\n") + 1
                n_bytes = len(block) - start + len(rest)
                if n_bytes - rest.endswith(b"\n") > MAX_LINE_BYTES:
                    if start:
                        yield block[:start]
                    yield n_bytes + _skip_line(stream, rest)
                    continue
                block += rest
            yield block
            n_lines += block.count(b"\n")
    except READ_ERRORS as error:
        raise damage(path, n_lines + 1, error) from error


def _skip_line(stream: BinaryIO, last: bytes) -> int:
    """Read to the end of the line in bounded memory; how many bytes that was."""
    skipped = 0
    while last and not last.endswith(b"\n"):
        last = stream.readline(CHUNK_BYTES)
        skipped += len(last)
    return skipped


def _too_long(path: Path, number: int, n_bytes: int) -> DataError:
    return DataError(
        f"the line has {n_bytes / 2**20:.1f} MiB, more than {MAX_LINE_BYTES // 2**20} MiB",
        where=at(path, number),
        mend="put one sample on each line; a file without line ends is read as one line",
    )


def _holds_nul(path: Path, number: int, text: bytes) -> DataError:
    odd, even = text[1::2].count(0), text[0::2].count(0)
    if max(odd, even) > len(text) // 4:
        what, mend = "the line looks like UTF-16 without a byte order mark", "save it as UTF-8"
    else:
        what = f"the line holds a NUL byte at column {text.index(0) + 1}"
        mend = "the file is damaged or was written while it was copied: take it again"
    return DataError(what, where=at(path, number), mend=mend)


def not_utf8(path: Path, number: int, text: bytes) -> DataError | None:
    """The refusal of a line that is no UTF-8, naming the first wrong byte; None if it is fine."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return DataError(
            f"not UTF-8: byte 0x{text[error.start]:02x} at column {error.start + 1}",
            where=at(path, number),
            mend="save the file as UTF-8, e.g. `iconv -f latin1 -t utf-8`",
        )
    return None
