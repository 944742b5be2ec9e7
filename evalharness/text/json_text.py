"""JSON in answers: parsing that says no instead of raising.

Reads: texts.  Gives: values, or NotJson.
Depends on: the standard library.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


class NotJson(ValueError):
    """The text is not JSON; the message says why."""


def parse_json(text: str) -> Any:  # Any: whatever the JSON holds
    """The value of a JSON text as Python's json reads it: NaN passes, the last of equal keys wins.

    Raises NotJson, also for nesting past Python's recursion limit and for numbers of more than
    4,300 digits.

    >>> parse_json('{"a": [1, 2.0]}')
    {'a': [1, 2.0]}
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def parse_strict_json(text: str) -> Any:  # Any: whatever the JSON holds
    """Like `parse_json`, but by RFC 8259: NaN, infinities and repeated keys are refused.

    Raises NotJson.
    """
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"{constant} is no JSON value")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON values
    """An object, if no key comes twice."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotJson("a key comes twice in one object")
    return value


def canonical_json(value: object) -> str:
    """A JSON value in one way of writing: keys sorted, whole floats as integers.

    Raises RecursionError for very deep values.

    >>> canonical_json({"b": 1.0, "a": [2]})
    '{"a": [2], "b": 1}'
    """
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: object) -> object:
    """A JSON value with whole floats as integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
