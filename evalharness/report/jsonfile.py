"""facts.json: the record that every renderer reads, as bytes that diff well.

Reads: Facts, or the bytes of a facts.json.  Gives: the other one; and the JSON Schema.
Depends on: results, errors.
Deterministic: keys in the order of the records, metrics in the order of the suite, one record a
line, no NaN (refused with its path).  Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from evalharness.errors import DataError
from evalharness.results import Facts

SCHEMA_ID: Final = "https://evalharness.readthedocs.io/schemas/facts-1.json"
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def encode_facts(facts: Facts) -> bytes:
    """Facts as JSON in UTF-8, each record of a top-level list on a line of its own.

    Raises DataError where a number is NaN or infinite, with the path to it: JSON holds neither.
    """
    plain: dict[str, Any] = msgspec.to_builtins(facts)  # Any: JSON values
    try:
        entries = [f"{json.dumps(key)}: {_entry(plain[key])}" for key in plain]
    except ValueError as error:
        path = next(_not_finite(plain, ""), "")
        raise DataError(
            "a report's number is not finite, and JSON cannot hold it",
            where=f"facts{path}",
            mend="the stage that made it must say Undetermined or None, with the reason",
        ) from error
    text = "{\n" + ",\n".join(entries) + "\n}\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


def _entry(value: object) -> str:
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(_dumps(item) for item in value) + "\n]"
    return _dumps(value)


def _dumps(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _not_finite(value: object, path: str) -> Iterator[str]:
    """Paths of the numbers that JSON cannot hold, depth first."""
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124
        yield path
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _not_finite(value[key], f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _not_finite(item, f"{path}[{index}]")


def decode_facts(data: bytes, *, where: str = "facts.json") -> Facts:
    """Facts from bytes. Raises DataError with the path inside the file where they are not facts."""
    try:
        return msgspec.json.decode(data, type=Facts)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"not a facts file: {error}",
            where=where,
            mend="`evalharness report RUN_OR_GATE` writes it anew",
        ) from error


def facts_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of facts.json. Any: a JSON document."""
    schema = msgspec.json.schema(Facts)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "facts.json of evalharness, format 1",
        **schema,
    }


def encode_schema() -> bytes:
    """The schema as the file docs/facts.schema.json holds it."""
    return (
        json.dumps(facts_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    ).encode()
