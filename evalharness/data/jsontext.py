"""JSON as people and programs really write it: lenient where that is safe, bounded where not.

Reads: bytes.  Gives: values, and numbers as they are written.
Depends on: orjson, the standard library.  Knows nothing of files or rows.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

import orjson

_MANY_BRACKETS: Final = 200
"""orjson reads 1024 levels and writes 254; a text with fewer brackets cannot be deeper than it."""


def loads(text: bytes) -> Any:  # Any: whatever the JSON holds
    """A JSON value, also with the NaN and Infinity that Python's own writer puts into JSON.

    Those become texts, "NaN" and "-Infinity", as they are written: no record holds such a number.
    Raises orjson.JSONDecodeError; also for more than 254 levels, which could not be written again.
    """
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        if b"NaN" not in text and b"Infinity" not in text:
            raise
        values = _with_constants(text)
        if values is None:
            raise
    if text.count(b"[") + text.count(b"{") > _MANY_BRACKETS:
        _refuse_depth(values)
    return values


def _refuse_depth(values: object) -> None:
    try:
        orjson.dumps(values)
    except TypeError as error:
        raise orjson.JSONDecodeError("nested too deeply", "", 0) from error


def _with_constants(text: bytes) -> object | None:
    """The value as Python's own reader gives it; None if that refuses it, or it cannot be kept."""
    try:
        values: object = json.loads(text, parse_constant=str, parse_int=_integer)
        orjson.dumps(values)  # refuses half characters, which the lenient reader lets pass
    except (ValueError, TypeError, RecursionError):
        return None
    return values


def _integer(literal: str) -> int | float:
    """An integer as orjson reads it: a double beyond 64 bits. Raises ValueError beyond a double."""
    if len(literal) < 19:
        return int(literal)
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError(literal)
    return int(literal) if -(2**63) <= int(literal) < 2**64 else value


def number_literals(text: bytes) -> dict[float, str]:
    """Every number in a JSON text -> how it is written there (the last, if in several ways).

    None at all for a text that Python's own reader takes for no JSON.
    """
    found: dict[float, str] = {}

    def keep(literal: str) -> str:
        """Read a number and remember how it was written."""
        found[float(literal)] = literal
        return literal

    try:
        json.loads(text, parse_float=keep, parse_int=keep)
    except (ValueError, RecursionError):
        return {}
    return found
