"""One JSON document, read whole: its size is bounded, since memory grows with it.

Reads: a JSON file, gzipped or not.  Gives: its value.
Depends on: lines, errors.  Knows nothing of what the document means.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
import orjson

from evalharness.data.jsontext import loads
from evalharness.data.lines import READ_ERRORS, at, damage, open_bytes
from evalharness.errors import DataError

MAX_DOCUMENT_BYTES: Final = 256 * 2**20
"""A larger document is refused; as JSON Lines the same data is streamed."""


def read_document_bytes(path: Path, *, at_most: int = MAX_DOCUMENT_BYTES) -> bytes:
    """The document's bytes. Raises DataError if it is empty, too large or cannot be read."""
    with open_bytes(path) as stream:
        try:
            text = stream.read(at_most + 1)
        except READ_ERRORS as error:
            raise damage(path, 1, error) from error
    if len(text) > at_most:
        raise DataError(
            f"a JSON document of more than {at_most / 2**20:.0f} MiB is not read whole",
            where=str(path),
            mend="write one object a line: `jq -c '.[]' FILE.json > FILE.jsonl`",
        )
    if not text.strip():
        raise DataError("the file is empty", where=str(path), mend="check how it was written")
    return text


class _Wrapped(msgspec.Struct):
    """A document whose list stands under `data`, as SQuAD and some exports write it."""

    data: list[msgspec.Raw]


def read_items(path: Path) -> list[msgspec.Raw]:
    """The items of a JSON list, or of the list under `data`, each as its JSON text.

    Raises DataError with the line where the JSON breaks, and for a document of another shape.
    """
    text = read_document_bytes(path)
    try:
        loads(text)  # says where it breaks; msgspec does not
    except orjson.JSONDecodeError as error:
        raise broken_document(path, text, error) from error
    try:
        if text.lstrip()[:1] == b"{":
            return msgspec.json.decode(text, type=_Wrapped).data
        return msgspec.json.decode(text, type=list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise DataError(
            "expected a list of objects",
            where=str(path),
            mend='[{"id": "q1", "input": "...", "target": "..."}, ...], or one object a line in '
            "a .jsonl file",
        ) from error


def read_members(path: Path) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, each value as its JSON text.

    Raises DataError if the document is no object, or names a key twice.
    """
    text = read_document_bytes(path)
    try:
        loads(text)  # says where it breaks; msgspec does not
    except orjson.JSONDecodeError as error:
        raise broken_document(path, text, error) from error
    keys = [key for key, _ in json.loads(text, object_pairs_hook=list, parse_int=str)]
    members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if len(members) < len(keys):
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        raise DataError(
            f"the key {twice!r} stands in the object twice",
            where=str(path),
            mend="one answer an id; several answers as a list: {id: [text, text]}",
        )
    return members


def is_list(path: Path) -> bool:
    """Whether the document is a list, by its first character. Raises DataError."""
    with open_bytes(path) as stream:
        try:
            return stream.read(4096).lstrip()[:1] == b"["
        except READ_ERRORS as error:
            raise damage(path, 1, error) from error


def broken_document(path: Path, text: bytes, error: orjson.JSONDecodeError) -> DataError:
    """The refusal of a document that is no JSON, with a mend where it is JSON Lines."""
    first = text.split(b"\n", 1)[0]
    mend = "mend the document; `jq . FILE` shows where it breaks"
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        pass
    else:
        mend = "this is JSON Lines: name it .jsonl or set data.format: jsonl"
    return DataError(
        f"not JSON: {error.msg} at column {error.colno}", where=at(path, error.lineno), mend=mend
    )
