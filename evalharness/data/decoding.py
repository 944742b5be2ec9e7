"""From an entry's bytes to an `Entry`, under the names that the recording uses.

Reads: JSON objects, CSV records, plain texts.  Gives: `Entry`, or a DataError with the mend.
Depends on: recorded, rows, fields, tables, errors.  Knows nothing of files or offsets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final, Protocol, cast

import msgspec
import orjson

from evalharness.data.fields import ABSENT, listed, reach
from evalharness.data.jsontext import loads, number_literals
from evalharness.data.recorded import FIELDS, Entry
from evalharness.errors import DataError, did_you_mean

_OTHER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("task_id", "qid", "question_id", "_id", "uid"),
    "output": ("completion", "completions", "solution", "response", "answer", "prediction", "text"),
}
"""Names that others give the same thing: proposed in a refusal, never taken without a word."""


_UNREADABLE: Final = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    orjson.JSONDecodeError,
    RecursionError,
)
"""What decoding an entry's bytes may raise."""


class Decode(Protocol):
    """An entry's bytes -> Entry; raises DataError without a place."""

    def __call__(self, text: bytes) -> Entry:
        """Decode one entry."""
        ...


def require_known(fields: Mapping[str, str]) -> None:
    """Refuse a mapping of a field that a recording does not have. Raises DataError."""
    for name in fields:
        if name not in FIELDS:
            raise DataError(
                f"unknown field {name!r}",
                where="outputs.fields",
                mend=did_you_mean(name, FIELDS) or f"one of {', '.join(FIELDS)}",
            )


class JsonEntries:
    """Entries that are JSON objects, with fields under other names if mapped."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        require_known(fields)
        self._fields = dict(fields)
        theirs = list(fields.values())
        unmapped = [name for name in FIELDS if name not in fields]
        self._by_column = (
            not any("." in path for path in theirs)
            and len(set(theirs)) == len(theirs)
            and set(theirs).isdisjoint(unmapped)
        )
        self._unmapped = [name for name in unmapped if name not in theirs]
        self._decoder = msgspec.json.Decoder(_renamed(fields) if self._by_column else Entry)

    def __call__(self, text: bytes) -> Entry:
        """One JSON object as an entry, checked to have an id and an answer or an error."""
        try:
            entry = self._decoded(text) if self._by_column else self._reached(text)
        except _UNREADABLE as error:
            raise DataError(f"not a recorded answer: {_said(error)}") from error
        if entry.id is None:
            raise self._missing("id", text)
        if entry.output is msgspec.UNSET and entry.is_silent():
            raise self._missing("output", text)
        return entry

    def _decoded(self, text: bytes) -> Entry:
        try:
            return self._decoder.decode(text)
        except msgspec.DecodeError:
            if b"NaN" not in text and b"Infinity" not in text:
                raise
            return self._decoder.decode(orjson.dumps(loads(text)))

    def _reached(self, text: bytes) -> Entry:
        values = loads(text)
        if not isinstance(values, dict):
            raise msgspec.ValidationError("Expected `object`")
        found = {name: values[name] for name in self._unmapped if name in values}
        for name, path in self._fields.items():
            value = reach(values, path)
            if value is not ABSENT:
                found[name] = value
        return msgspec.convert(found, Entry)

    def _missing(self, name: str, text: bytes) -> DataError:
        try:
            values = loads(text)
        except orjson.JSONDecodeError as error:  # msgspec does not look into what it passes over
            return DataError(f"not JSON: {error}")
        theirs = self._fields.get(name, name)
        others = [other for other in _OTHER_NAMES[name] if other in values]
        if others and theirs == name:
            mend = f"map it: --fields {name}={others[0]}"
        else:
            mend = did_you_mean(theirs, values) or f"the entry has: {listed(values)}"
        return DataError(f"the entry has no {theirs!r}", mend=mend)


def _renamed(fields: Mapping[str, str]) -> type[Entry]:
    """Entry with other names on the outside; a mapped field's own name means nothing then."""
    if not fields:
        return Entry
    definitions = [
        (field.name, field.type, msgspec.field(default=field.default, name=fields[field.name]))
        for field in msgspec.structs.fields(Entry)
        if field.name in fields
    ]
    mapped = msgspec.defstruct(
        "MappedEntry", definitions, bases=(Entry,), frozen=True, kw_only=True
    )
    return cast("type[Entry]", mapped)


def _said(error: Exception) -> str:
    """A codec's message without its own punctuation."""
    return str(error).replace("`", "'").replace(" - at '$.", " at '")


def keyed(text: bytes) -> Entry:
    """A member of a JSON object, [id, value]: the value is an answer, answers or a whole entry."""
    sample_id, value = _PAIR.decode(text)
    inside = bytes(value)
    if not inside.startswith(b"{"):
        inside = b'{"output":' + inside + b"}"
    try:
        entry = _ENTRY.decode(inside)
    except _UNREADABLE as error:
        raise DataError(f"not a recorded answer: {_said(error)}") from error
    if entry.output is msgspec.UNSET and entry.is_silent():
        raise DataError(f"the entry of {sample_id!r} has no 'output'", mend="{id: text}")
    return msgspec.structs.replace(entry, id=sample_id)


_PAIR: Final = msgspec.json.Decoder(tuple[str, msgspec.Raw])
_ENTRY: Final = msgspec.json.Decoder(Entry)


class CsvEntries:
    """Entries that are CSV records of a file with these columns.

    Raises DataError for columns that hold no id, or neither outputs nor errors.
    """

    def __init__(self, columns: list[str], delimiter: str, fields: Mapping[str, str]) -> None:
        require_known(fields)
        self._columns = columns
        self._delimiter = delimiter
        theirs = {name: fields.get(name, name) for name in FIELDS}
        self._cells = {name: column for name, column in theirs.items() if column in columns}
        for name in ("id", "output"):
            if name not in self._cells and not (name == "output" and "error" in self._cells):
                column = theirs[name]
                mend = did_you_mean(column, columns) or f"the columns are: {listed(columns)}"
                raise DataError(f"no column {column!r}", mend=f"{mend}; --fields {name}=COLUMN")

    def __call__(self, text: bytes) -> Entry:
        """One record's bytes as an entry."""
        lines = io.StringIO(text.decode(), newline="\n")  # str.splitlines would split at U+2028
        record = next(csv.reader(lines, delimiter=self._delimiter, strict=True))
        return self.entry(dict(zip(self._columns, record, strict=True)))

    def entry(self, record: Mapping[str, str]) -> Entry:
        """One record as an entry; an empty cell says nothing, except as the output."""
        cells = {name: record[column] for name, column in self._cells.items()}
        sample_id, output = cells.pop("id"), cells.pop("output", msgspec.UNSET)
        if not sample_id:
            raise DataError("the id is empty", mend="every answer needs its sample's id")
        try:
            said = {name: cell for name, cell in cells.items() if cell}
            entry = msgspec.convert(said, Entry, strict=False)
        except msgspec.ValidationError as error:
            raise DataError(f"not a recorded answer: {_said(error)}") from error
        return msgspec.structs.replace(entry, id=sample_id, output=output)


def answer_text(entry: Entry, repeat: int, text: bytes) -> str | None:
    """The answer of one repeat: a text as it is, a number or truth value as it is written."""
    answers = entry.answers()
    value = entry.output if answers is None else answers[repeat]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_literals(text).get(value, repr(value))
    return None


def id_text(entry: Entry, text: bytes) -> str:
    """The entry's id as the data's ids are written: 7 is "7"."""
    if isinstance(entry.id, float):
        return number_literals(text).get(entry.id, repr(entry.id))
    return str(entry.id)
