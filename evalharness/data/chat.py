"""Conversations: from a row's `messages` to typed turns, and from turns to samples' parts.

Reads: OpenAI- and Together-style message lists.  Gives: `Message`s and (history, target) pairs.
Depends on: records, rows, errors.  Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, get_args

import orjson

from evalharness.data.rows import Row, kind_of
from evalharness.errors import DataError, did_you_mean
from evalharness.records import JsonObject, Message, ToolCall

ROLES: Final[tuple[str, ...]] = get_args(Message.__annotations__["role"]) or (
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
)


class Turn(NamedTuple):
    """One assistant turn: its number among them from 1, what came before it, and itself."""

    number: int
    history: tuple[Message, ...]
    answer: Message


def parse_messages(value: object, row: Row) -> tuple[Message, ...]:
    """A row's message list as records.

    Text parts of a content list are joined; a dict of tool arguments becomes its JSON text.
    Raises DataError that names the message, counted from 1.
    """
    if not isinstance(value, list):
        raise DataError(f"messages: expected a list, got {kind_of(value)}", where=row.where)
    if not value:
        raise DataError("messages is empty", where=row.where, mend="remove the line or fill it")
    return tuple(
        _message(item, f"{row.where}: message {number}") for number, item in enumerate(value, 1)
    )


def turns(messages: tuple[Message, ...]) -> Iterator[Turn]:
    """Every assistant turn that something stands before, with its gold history.

    An opening assistant message counts as turn 1 and is not given: nothing asked for it.
    """
    number = 0
    for place, message in enumerate(messages):
        if message.role == "assistant":
            number += 1
            if place:
                yield Turn(number, messages[:place], message)


def last_turn(messages: tuple[Message, ...], row: Row) -> Turn:
    """The last assistant turn. Raises DataError if there is none, or nothing stands before it."""
    found = None
    for turn in turns(messages):
        found = turn
    if found is None:
        opening = any(message.role == "assistant" for message in messages)
        what = "nothing stands before the assistant message" if opening else "no assistant message"
        raise DataError(
            what, where=row.where, mend="the last assistant message is the target of a chat row"
        )
    return found


def _message(item: object, where: str) -> Message:
    if not isinstance(item, dict):
        raise DataError(f"expected an object, got {kind_of(item)}", where=where)
    role = item.get("role")
    if role not in ROLES:
        near = did_you_mean(str(role), [*ROLES]) if isinstance(role, str) else None
        raise DataError(
            f"unknown role {role!r}" if "role" in item else "no 'role'",
            where=where,
            mend=near or f"one of {', '.join(ROLES)}",
        )
    calls = parse_tool_calls(item.get("tool_calls"), where)
    content = _content(item, where, holds_calls=bool(calls) or "function_call" in item)
    return Message(
        role=role,
        content=content,
        tool_calls=calls or _legacy_call(item, where),
        tool_call_id=_optional_text(item, "tool_call_id", where),
        name=_optional_text(item, "name", where),
    )


def _content(item: JsonObject, where: str, *, holds_calls: bool) -> str | None:
    if "content" not in item and not holds_calls:
        mend = did_you_mean("content", item) or 'every message has {"role", "content"}'
        raise DataError("no 'content'", where=where, mend=mend)
    content = item.get("content")
    if content is None and holds_calls:
        return None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part(part, where) for part in content)
    raise DataError(
        f"content: expected a text, got {kind_of(content)}",
        where=where,
        mend="only an assistant message with tool calls may have no content",
    )


def _part(part: object, where: str) -> str:
    """The text of one part of a content list."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    what = part.get("type", "?") if isinstance(part, dict) else kind_of(part)
    raise DataError(f"content part {what!r} is no text", where=where, mend="only text is evaluated")


def parse_tool_calls(value: object, where: str) -> tuple[ToolCall, ...]:
    """OpenAI-style tool calls as records; absent or null is none. Raises DataError."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DataError(f"tool_calls: expected a list, got {kind_of(value)}", where=where)
    return tuple(_tool_call(call, where) for call in value)


def _tool_call(call: object, where: str) -> ToolCall:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise DataError("tool_calls: expected objects with 'function'", where=where)
    return ToolCall(
        name=_call_name(function, where),
        arguments=_arguments(function.get("arguments", ""), where),
        id=str(call.get("id") or ""),
    )


def _legacy_call(item: JsonObject, where: str) -> tuple[ToolCall, ...]:
    """The one call of the older `function_call` form."""
    call = item.get("function_call")
    if not isinstance(call, dict):
        return ()
    arguments = _arguments(call.get("arguments", ""), where)
    return (ToolCall(name=_call_name(call, where), arguments=arguments),)


def _call_name(function: JsonObject, where: str) -> str:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise DataError("a tool call has no function name", where=where)
    return name


def _arguments(value: Any, where: str) -> str:  # Any: JSON as it came
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise DataError(
            f"tool call arguments: expected a JSON text or an object, got {kind_of(value)}",
            where=where,
        )
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise DataError(f"tool call arguments: {error}", where=where) from error


def _optional_text(item: JsonObject, name: str, where: str) -> str | None:
    value = item.get(name)
    if value is None or isinstance(value, str):
        return value
    raise DataError(f"{name}: expected a text, got {kind_of(value)}", where=where)
