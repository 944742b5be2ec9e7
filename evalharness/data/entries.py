"""The entries of a recording, in whichever form it is written, found by id and repeat.

Reads: JSON Lines, CSV, JSON lists and objects, plain lines.  Gives: `Entries`.
Depends on: decoding, recorded, recording_index, stored, documents, tables, lines, errors.
Knows nothing of samples, outcomes or clients.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from evalharness.data.decoding import (
    CsvEntries,
    Decode,
    JsonEntries,
    answer_text,
    id_text,
    keyed,
    require_known,
)
from evalharness.data.documents import is_list, read_items, read_members
from evalharness.data.lines import Line, at, iter_lines, located, not_utf8, numbered
from evalharness.data.recorded import Entry, check
from evalharness.data.recording_index import WHOLE, EntryIndex
from evalharness.data.rows import format_of, parse_json_line
from evalharness.data.stored import FileStored, MemoryStored, Stored, store
from evalharness.data.tables import delimiter_of, iter_fields, read_header
from evalharness.errors import DataError


class Found(NamedTuple):
    """An entry, its id as text, and its bytes."""

    entry: Entry
    sample_id: str
    source: bytes

    def has(self, repeat: int) -> bool:
        """Whether it says anything of this repeat."""
        answers = self.entry.answers()
        return answers is None or repeat < len(answers)

    def text(self, repeat: int) -> str | None:
        """The answer, or None for null."""
        output = self.entry.output
        return output if type(output) is str else answer_text(self.entry, repeat, self.source)


class Entries:
    """A recording's entries at random access."""

    def __init__(self, path: Path, stored: Stored, index: EntryIndex, decode: Decode) -> None:
        self._path = path
        self._stored = stored
        self._index = index
        self._decode = decode
        self._all_whole = index.n_whole == len(index)
        self._last_position = -1
        self._last: Found | None = None

    def __len__(self) -> int:
        return len(self._index)

    @property
    def names_inputs(self) -> bool:
        """Whether any entry says which input it answered."""
        return self._index.names_inputs

    def find(self, sample_id: str, repeat: int) -> Found | None:
        """The entry of this repeat, or the one of all repeats; None if there is none.

        An error recorded once stands for every repeat of its sample.
        """
        position = self._index.near(sample_id, WHOLE if self._all_whole else repeat)
        if position is not None:
            found = self._at(position)
            if found.sample_id == sample_id:
                return found
        return self._search(sample_id, repeat)

    def _search(self, sample_id: str, repeat: int) -> Found | None:
        if not self._all_whole:
            found = self._search_for(sample_id, repeat)
            if found is None and repeat:
                first = self._search_for(sample_id, 0)
                found = first if first is not None and first.entry.is_error_of_all() else None
            if found is not None:
                return found
        return self._search_for(sample_id, WHOLE)

    def _search_for(self, sample_id: str, repeat: int) -> Found | None:
        for position in self._index.positions(sample_id, repeat):
            found = self._at(position)
            if found.sample_id == sample_id:
                return found
        return None

    def ids(self) -> Iterator[str]:
        """Every entry's id, in file order."""
        for position in range(len(self._index)):
            yield self._at(position).sample_id

    def close(self) -> None:
        """Give up the file."""
        self._stored.close()

    def _at(self, position: int) -> Found:
        if self._last_position == position and self._last is not None:
            return self._last
        start, end = self._index.span(position)
        source = self._stored.read(start, end)
        entry = self._decode(source)
        sample_id = entry.id if type(entry.id) is str else id_text(entry, source)
        self._last_position = position
        self._last = found = Found(entry, sample_id, source)
        return found

    def refuse_duplicates(self) -> None:
        """Raise DataError for the first (id, repeat) that is answered twice, with both lines."""
        for first, second in self._index.suspects():
            name = self._at(first).sample_id
            if name == self._at(second).sample_id:
                lines = [self._line(position) for position in (first, second)]
                raise DataError(
                    f"the id {name!r} is answered on line {lines[0]} and on line {lines[1]}",
                    where=at(self._path, lines[1]),
                    mend='several answers to one sample: {"id", "outputs": [...]}, or a "repeat" '
                    "number on each line",
                )

    def _line(self, position: int) -> int:
        """The line an entry starts on, counted from the beginning."""
        start, _ = self._index.span(position)
        ahead, line = 0, 1
        with self._stored.stream() as stream:
            while ahead < start:
                chunk = stream.read(min(1 << 16, start - ahead))
                ahead += len(chunk)
                line += chunk.count(b"\n")
        return line


def open_entries(path: Path, fields: Mapping[str, str], ids: Iterable[str] | None) -> Entries:
    """Index a recording of any form and check every entry. Raises DataError with the line."""
    fmt = format_of(path)
    if fmt == "jsonl":
        entries = _from_json_lines(path, fields)
    elif fmt == "json":
        entries = _from_document(path, fields)
    elif fmt == "csv":
        entries = _from_csv(path, fields)
    else:
        entries = _from_lines(path, ids)
    if not len(entries):
        entries.close()
        raise DataError("the recording is empty", where=str(path), mend="record answers first")
    entries.refuse_duplicates()
    return entries


def _add(index: EntryIndex, entry: Entry, source: bytes, start: int) -> None:
    """Index one entry after checking it. Raises DataError without a place."""
    check(entry)
    sample_id = entry.id if type(entry.id) is str else id_text(entry, source)
    repeat = entry.repeat
    if repeat is None:
        repeat = 0 if entry.answers() is None else WHOLE
    index.add(sample_id, repeat, start)
    if entry.input_sha256 is not None:
        index.names_inputs = True


def _from_json_lines(path: Path, fields: Mapping[str, str]) -> Entries:
    stored, index, decode = store(path), EntryIndex(), JsonEntries(fields)
    with stored.stream() as stream:
        for line in numbered(stream, path):
            if isinstance(line, DataError):
                raise line
            text = line.text
            if text and not text.isspace():
                broken = None if text.isascii() else not_utf8(path, line.number, text)
                if broken:
                    raise broken
                try:
                    _add(index, decode(text), text, line.offset)
                except DataError as error:
                    raise _explained(path, line, error) from error
    index.finish(stored.size())
    return Entries(path, stored, index, decode)


def _explained(path: Path, line: Line, error: DataError) -> DataError:
    """What is wrong with the line as JSON, where that is the cause; else the error, placed."""
    row = parse_json_line(path, line, at(path))
    return row if isinstance(row, DataError) else located(error, at(path, line.number))


def _from_document(path: Path, fields: Mapping[str, str]) -> Entries:
    if is_list(path):
        return _in_memory(path, (bytes(item) for item in read_items(path)), JsonEntries(fields))
    require_known(fields)
    members = read_members(path).items()
    pairs = (b"[%s,%s]" % (orjson.dumps(key), bytes(value)) for key, value in members)
    return _in_memory(path, pairs, keyed)


def _in_memory(path: Path, texts: Iterable[bytes], decode: Decode) -> Entries:
    index, content = EntryIndex(), bytearray()
    for number, text in enumerate(texts, start=1):
        try:
            _add(index, decode(text), text, len(content))
        except DataError as error:
            raise located(error, f"{path}: item {number}") from error
        content += text.replace(b"\n", b" ") + b"\n"  # a line an item: line ends are only layout
    index.finish(len(content))
    return Entries(path, MemoryStored(bytes(content)), index, decode)


def _from_csv(path: Path, fields: Mapping[str, str]) -> Entries:
    columns = read_header(path)
    try:
        decode = CsvEntries(columns, delimiter_of(path), fields)
    except DataError as error:
        raise located(error, at(path, 1)) from error
    stored, index = store(path), EntryIndex()
    with stored.stream() as stream:
        for record in iter_fields(stream, path):
            if isinstance(record, DataError):
                raise record
            try:
                _add(index, decode.entry(record.fields), b"", record.offset)
            except DataError as error:
                raise located(error, at(path, record.number)) from error
    index.finish(stored.size())
    return Entries(path, stored, index, decode)


def _from_lines(path: Path, ids: Iterable[str] | None) -> Entries:
    """Plain lines, one answer each, in the order of the data; a blank line is an empty answer."""
    if ids is None:
        raise DataError(
            "plain lines say no ids, and the data's are not known here",
            where=str(path),
            mend='write JSON Lines: {"id": "q1", "output": "..."}',
        )
    index, end = EntryIndex(), 0
    rewritten = tempfile.TemporaryFile(prefix="evalharness-")  # noqa: SIM115 - outlives this call
    remaining = iter(ids)
    for line in iter_lines(path):
        if isinstance(line, DataError):
            raise line
        sample_id = next(remaining, None)
        if sample_id is None:
            raise _misaligned(path, line.number - 1, sum(1 for _ in iter_lines(path)))
        broken = not_utf8(path, line.number, line.text)
        if broken:
            raise broken
        index.add(sample_id, 0, end)
        end += rewritten.write(orjson.dumps((sample_id, line.text.decode())) + b"\n")
    n_more = sum(1 for _ in remaining)
    if n_more:
        raise _misaligned(path, len(index) + n_more, len(index))
    index.finish(end)
    return Entries(path, FileStored(rewritten), index, keyed)


def _misaligned(path: Path, n_samples: int, n_lines: int) -> DataError:
    return DataError(
        f"the recording has {n_lines} lines, the data has {n_samples} samples",
        where=str(path),
        mend="plain lines are aligned with the data, one answer a line; JSON Lines carry ids",
    )
