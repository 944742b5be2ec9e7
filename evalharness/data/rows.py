"""A file of records as numbered rows, whatever its format.

Reads: JSON Lines, one JSON list, CSV or TSV, plain lines; gzipped or not.
Gives: `Row`s; what is wrong with one row is a DataError in its place.
Depends on: lines, jsontext, documents, tables, errors.  Knows nothing of samples or recordings.
JSON Lines, CSV and plain lines are streamed; a JSON document is read whole and bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
import orjson

from evalharness.data.documents import read_items
from evalharness.data.jsontext import loads, number_literals
from evalharness.data.lines import Line, at, iter_lines, not_utf8
from evalharness.data.tables import iter_records
from evalharness.errors import DataError
from evalharness.records import JsonObject

RowFormat: TypeAlias = Literal["jsonl", "json", "csv", "lines"]

FORMATS: Final[dict[str, RowFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "lines",
}


def format_of(path: Path) -> RowFormat | None:
    """The format that the file's name says, .gz left out of account; None if it says none.

    >>> format_of(Path("heldout.jsonl.gz"))
    'jsonl'
    """
    name = path.name.removesuffix(".gz")
    return FORMATS.get(Path(name).suffix.lower())


class Row(msgspec.Struct, frozen=True):
    """One record: where it stands, its fields, and its JSON text where numbers need it.

    place and number: `where` in two parts, joined only for messages.  number: the line it starts
    on, or its place in a list; both counted from 1.
    """

    place: str
    number: int
    values: JsonObject
    text: bytes | None = None

    @property
    def where(self) -> str:
        """Where the row stands, as messages say it: `heldout.jsonl:4812`."""
        return f"{self.place}{self.number}"

    def literal(self, value: float) -> str:
        """A number as the file wrote it: 1.10 stays "1.10", 20 digits stay 20 digits.

        Only a row that kept its JSON text can tell; others give the shortest text that reads back
        as the same number.
        """
        if self.text is None:
            return repr(value)
        return number_literals(self.text).get(value, repr(value))


def iter_rows(path: Path, fmt: RowFormat) -> Iterator[Row | DataError]:
    """Every record of the file in order; a DataError stands in the place of a broken one.

    Raises DataError for a file that cannot be read (on).
    """
    if fmt == "jsonl":
        return _json_lines(path)
    if fmt == "csv":
        return _records(path)
    if fmt == "lines":
        return _plain_lines(path)
    return _items(path)


def _json_lines(path: Path) -> Iterator[Row | DataError]:
    place = at(path)
    for line in iter_lines(path):
        if isinstance(line, DataError):
            yield line
        elif line.text and not line.text.isspace():
            yield parse_json_line(path, line, place)


def parse_json_line(path: Path, line: Line, place: str) -> Row | DataError:
    """A line of JSON as a row, or what is wrong with it."""
    try:
        values = loads(line.text)
    except orjson.JSONDecodeError as error:
        return not_utf8(path, line.number, line.text) or _broken_json(path, line, error)
    if not isinstance(values, dict):
        return DataError(
            f"expected a JSON object, got {kind_of(values)}",
            where=at(path, line.number),
            mend='one object a line: {"id": "q1", "input": "...", "target": "..."}',
        )
    return Row(place, line.number, values, line.text)


def _broken_json(path: Path, line: Line, error: orjson.JSONDecodeError) -> DataError:
    start = line.text.lstrip()[:1]
    if line.number == 1 and start == b"[":
        mend = "this is one JSON list, not JSON Lines: name it .json or set data.format: json"
    elif line.number == 1 and line.text.strip() == b"{":
        mend = "put each object on one line: `jq -c . FILE`"
    elif "deeply" in error.msg:
        mend = "no sample needs hundreds of levels: the file is damaged or hostile"
    elif "surrogate" in error.msg:
        mend = "half of a \\ud83d\\ude00 pair is missing: the text was cut inside a character"
    else:
        mend = "mend the line, or write the file with a JSON library"
    return DataError(
        f"not JSON: {error.msg} at column {error.colno}", where=at(path, line.number), mend=mend
    )


def _records(path: Path) -> Iterator[Row | DataError]:
    for record in iter_records(path):
        if isinstance(record, DataError):
            yield record
        else:
            number, values = record
            yield Row(at(path), number, values)


def _plain_lines(path: Path) -> Iterator[Row | DataError]:
    for line in iter_lines(path):
        if isinstance(line, DataError):
            yield line
        elif line.text and not line.text.isspace():
            broken = not_utf8(path, line.number, line.text)
            if broken:
                yield broken
            else:
                yield Row(at(path), line.number, {"input": line.text.decode()})


def _items(path: Path) -> Iterator[Row | DataError]:
    for number, item in enumerate(read_items(path), start=1):
        place = f"{path}: item "
        text = bytes(item)
        values = loads(text)
        if isinstance(values, dict):
            yield Row(place, number, values, text)
        else:
            where = f"{place}{number}"
            yield DataError(f"expected an object, got {kind_of(values)}", where=where)


def kind_of(value: object) -> str:
    """A JSON value's type in JSON's own words."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    if value is None:
        return "null"
    return kinds.get(type(value), "a number")
