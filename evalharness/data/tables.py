"""CSV and TSV as numbered records, streamed.

Reads: a header line and records (RFC 4180: quotes double, line ends inside quotes allowed).
Gives: (line, {column: text}); a ragged record is a DataError in its place.
Depends on: lines, errors.  Knows nothing of samples.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from evalharness.data.lines import (
    MAX_LINE_BYTES,
    READ_ERRORS,
    at,
    damage,
    not_utf8,
    open_bytes,
)
from evalharness.errors import DataError
from evalharness.records import JsonObject

_UNCLOSED: Final = "a quote is opened and never closed"


class CsvText:
    """The file as decoded lines for the csv module, counting lines and bytes as they are taken.

    n_lines, n_bytes: taken so far, in the content as `open_bytes` gives it.
    Raises DataError for a line that is too long, no UTF-8 or holds NUL bytes.
    """

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.path = path
        self._stream = stream
        self.n_lines = 0
        self.n_bytes = 0

    def __iter__(self) -> Iterator[str]:
        try:
            while text := self._stream.readline(MAX_LINE_BYTES + 1):
                self.n_lines += 1
                self.n_bytes += len(text)
                yield self._checked(text)
        except READ_ERRORS as error:
            raise damage(self.path, self.n_lines + 1, error) from error

    def _checked(self, text: bytes) -> str:
        where = at(self.path, self.n_lines)
        if len(text) > MAX_LINE_BYTES:
            raise DataError(
                f"the line has more than {MAX_LINE_BYTES // 2**20} MiB",
                where=where,
                mend="one record a line; a file without line ends is read as one line",
            )
        if b"\0" in text:
            raise DataError("the line holds a NUL byte", where=where, mend="save it as UTF-8")
        broken = not_utf8(self.path, self.n_lines, text)
        if broken:
            raise broken
        return text.decode()


def delimiter_of(path: Path) -> str:
    """A tab for .tsv, else a comma."""
    return "\t" if ".tsv" in path.suffixes else ","


def iter_records(path: Path) -> Iterator[tuple[int, JsonObject] | DataError]:
    """Every record after the header: the line it starts on and its fields by column.

    Raises DataError for a header that cannot be used and for what cannot be read on.
    """
    with open_bytes(path) as stream:
        for record in iter_fields(stream, path):
            yield record if isinstance(record, DataError) else (record.number, record.fields)


class Record(NamedTuple):
    """One record: the line and the byte it starts at, and its fields by column."""

    number: int
    offset: int
    fields: JsonObject


def iter_fields(stream: BinaryIO, path: Path) -> Iterator[Record | DataError]:
    """The records of an open stream; `path` is for messages. See `iter_records`."""
    csv.field_size_limit(MAX_LINE_BYTES)  # the only bound on what an unclosed quote swallows
    text = CsvText(stream, path)
    reader = csv.reader(text, delimiter=delimiter_of(path), strict=True)
    columns: list[str] = []
    start, offset = 1, 0
    while True:
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield _broken(path, start, error)
            start, offset = text.n_lines + 1, text.n_bytes
            continue
        if not columns and record:
            columns = _header(path, start, record)
        elif record:
            fields = _fields(path, start, columns, record)
            yield fields if isinstance(fields, DataError) else Record(start, offset, fields)
        start, offset = text.n_lines + 1, text.n_bytes
    if not columns:
        raise _empty(path)


def read_header(path: Path) -> list[str]:
    """The column names. Raises DataError for an empty file or a header that cannot be used."""
    with open_bytes(path) as stream:
        reader = csv.reader(CsvText(stream, path), delimiter=delimiter_of(path), strict=True)
        try:
            for record in reader:
                if record:
                    return _header(path, reader.line_num, record)
        except csv.Error as error:
            raise _broken(path, 1, error) from error
    raise _empty(path)


def _empty(path: Path) -> DataError:
    return DataError("the file is empty", where=str(path), mend="the first line names the columns")


def _header(path: Path, start: int, record: list[str]) -> list[str]:
    """The column names; refused where two are equal or the delimiter is another."""
    repeated = [name for name, count in Counter(record).items() if count > 1]
    if repeated:
        raise DataError(
            f"two columns have the name {repeated[0]!r}",
            where=at(path, start),
            mend="the first line names the columns, each once",
        )
    if len(record) == 1 and any(mark in record[0] for mark in ";\t"):
        raise DataError(
            "the columns are not divided by commas",
            where=at(path, start),
            mend="save it with commas, or as .tsv with tabs",
        )
    return record


def _fields(
    path: Path, start: int, columns: list[str], record: list[str]
) -> JsonObject | DataError:
    if len(record) != len(columns):
        return DataError(
            f"the row has {len(record)} fields, the header has {len(columns)}",
            where=at(path, start),
            mend='a text with a comma, a quote or a line end stands in quotes: "yes, please"',
        )
    fields: JsonObject = dict(zip(columns, record, strict=True))
    fields.pop("", None)  # the unnamed index column that pandas writes
    return fields


def _broken(path: Path, start: int, error: csv.Error) -> DataError:
    said = str(error)
    if "unexpected end of data" in said or "field larger" in said:
        said = _UNCLOSED
    return DataError(
        f"not CSV: {said}",
        where=at(path, start),
        mend='a quote inside a quoted text is written twice: "she said ""hi"""',
    )
