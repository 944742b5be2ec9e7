"""Columns of numbers that do not stay in memory: appended as they come, read back one at a time.

Reads and writes: one temporary file without a name.  Gives: `ColumnFile`, `Column`.
Depends on: errors.  Knows nothing of marks or metrics.
What is short never leaves memory: a set of a few hundred samples makes no file.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, Final

from evalharness.errors import WriteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUFFER_BYTES: Final = 1 << 14
"""A column's numbers that stay in memory: 1,000 rows of a mean."""


class ColumnFile:
    """Where the columns of one table lie; made when the first of them outgrows its buffer."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._end = 0

    def append(self, content: bytes) -> int:
        """Write bytes; gives the offset at which they can be read. Raises WriteError."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="evalharness-")  # noqa: SIM115 - kept
            self._file.seek(self._end)
            self._file.write(content)
        except OSError as error:
            raise WriteError(
                f"cannot write a temporary file: {error.strerror or error}",
                where=tempfile.gettempdir(),
                mend="free space there, or name another folder with TMPDIR",
            ) from error
        offset, self._end = self._end, self._end + len(content)
        return offset

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill a buffer with the bytes from an offset."""
        if self._file is None:
            raise ValueError("nothing was written here")
        self._file.seek(offset)
        self._file.readinto(buffer)  # type: ignore[attr-defined]  # every binary file has it

    def __del__(self) -> None:
        """Give the file up with the last column that lies there."""
        if self._file is not None:
            self._file.close()


class Column:
    """Numbers of one type, [n] or rows [n, width]; an array-like, read anew each time.

    code: of the `array` module, "Q" or "d".
    """

    def __init__(self, file: ColumnFile, code: str, *, width: int = 1) -> None:
        self._file = file
        self._width = width
        self._buffer: array[float] = array(code)
        self._blocks: list[tuple[int, int]] = []
        self._written = 0

    def __len__(self) -> int:
        return (self._written + len(self._buffer)) // self._width

    def extend(self, numbers: Iterable[float]) -> None:
        """More numbers, row by row."""
        self._buffer.extend(numbers)
        self._spill()

    def append(self, number: float) -> None:
        """One more number."""
        self._buffer.append(number)
        self._spill()

    def _spill(self) -> None:
        """Write the buffer out once it is full."""
        if len(self._buffer) * self._buffer.itemsize >= BUFFER_BYTES:
            self._blocks.append((self._file.append(self._buffer.tobytes()), len(self._buffer)))
            self._written += len(self._buffer)
            del self._buffer[:]

    def load(self) -> NDArray[Any]:  # Any: uint64 or float64, as `code` says
        """The whole column, in memory for as long as the caller holds it."""
        import numpy as np

        code = self._buffer.typecode
        numbers = np.empty(self._written + len(self._buffer), dtype=code)
        start = 0
        for offset, count in self._blocks:
            self._file.read_into(offset, numbers[start : start + count].data.cast("B"))
            start += count
        numbers[start:] = self._buffer
        return numbers if self._width == 1 else numbers.reshape(-1, self._width)
