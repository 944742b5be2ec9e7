"""What the fine-tuning services ask of one training row.

Reads: a row's JSON object.  Gives: `Fault`s, each with its mend.
Depends on: rows, errors.  Knows nothing of files or lines.
Sources: the file checks of Together's and OpenAI's fine-tuning guides.  Where the two differ the
stricter one counts, except that tool calls (Together's own check lets them pass) are read as OpenAI
defines them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from evalharness.data.chat import ROLES
from evalharness.data.fields import listed
from evalharness.data.findings import Severity
from evalharness.data.rows import kind_of
from evalharness.errors import did_you_mean
from evalharness.records import JsonObject

FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "conversation": ("messages",),
    "preference": ("input", "preferred_output", "non_preferred_output"),
    "instruction": ("prompt", "completion"),
    "text": ("text",),
}
"""The training formats and the columns that each must have."""

_ALSO: Final[dict[str, tuple[str, ...]]] = {
    "conversation": ("tools", "parallel_tool_calls", "functions"),
}
"""Columns that a format may have beside its own."""

_MESSAGE_KEYS: Final = (
    "role",
    "content",
    "weight",
    "name",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "refusal",
    "reasoning_content",
)


class Fault(NamedTuple):
    """What is wrong with a row; see `findings.Finding`."""

    code: str
    message: str
    mend: str
    severity: Severity = "error"


def format_of_row(values: Mapping[str, object]) -> str | None:
    """Which of FORMATS the row has the columns of, or None."""
    for name, columns in FORMATS.items():
        if all(column in values for column in columns):
            return name
    return None


def has_training_column(values: Mapping[str, object]) -> bool:
    """Whether any column is, or nearly is, one of a training format (`input` is anyone's)."""
    known = {column for columns in FORMATS.values() for column in columns} - {"input"}
    return any(difflib.get_close_matches(name, known, n=1, cutoff=0.85) for name in values)


def row_faults(values: JsonObject, fmt: str) -> Iterator[Fault]:
    """Everything that is wrong with a row of this format."""
    known = (*FORMATS[fmt], *_ALSO.get(fmt, ()))
    for column in values:
        if column not in known:
            mend = did_you_mean(column, known) or f"remove it: a {fmt} row has {listed(known)}"
            yield Fault("column", f"unknown column {column!r}", mend)
    if fmt == "conversation":
        yield from conversation_faults(values["messages"])
    elif fmt == "preference":
        yield from _preference_faults(values)
    else:
        for column in FORMATS[fmt]:
            yield from _text_faults(values[column], column)


def unknown_format(values: JsonObject) -> Fault:
    """The fault of a row that fits none of FORMATS, with the nearest one as mend."""
    forms = ", ".join("{" + ", ".join(columns) + "}" for columns in FORMATS.values())
    begun = [name for columns in FORMATS.values() for name in columns if name in values]
    lacking = [
        column
        for columns in FORMATS.values()
        if any(column in values for column in columns)
        for column in columns
        if column not in values
    ]
    if begun and lacking:
        return Fault("format", f"the row has {begun[0]!r} but no {lacking[0]!r}", f"one of {forms}")
    near = [
        did_you_mean(name, [c for columns in FORMATS.values() for c in columns]) for name in values
    ]
    mend = next(filter(None, near), None) or f"a training row is one of {forms}"
    return Fault("format", f"no training format has the columns {listed(values)}", mend)


def conversation_faults(messages: object) -> Iterator[Fault]:
    """What is wrong with a `messages` list."""
    if not isinstance(messages, list):
        yield Fault("field", f"messages: expected a list, got {kind_of(messages)}", _EXAMPLE)
        return
    if not messages:
        yield Fault("empty", "messages is empty", "remove the line or fill it")
        return
    for number, message in enumerate(messages, start=1):
        yield from _message_faults(message, f"message {number}")
    whole = [message for message in messages if isinstance(message, dict)]
    if len(whole) == len(messages):
        yield from _order_faults(whole)


_EXAMPLE: Final = '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", ...}]}'


def _message_faults(message: object, name: str) -> Iterator[Fault]:
    if not isinstance(message, dict):
        yield Fault("field", f"{name}: expected an object, got {kind_of(message)}", _EXAMPLE)
        return
    role = message.get("role")
    if role not in ROLES:
        near = did_you_mean(role, ROLES) if isinstance(role, str) else None
        said = f"unknown role {role!r}" if "role" in message else "no 'role'"
        yield Fault("roles", f"{name}: {said}", near or f"one of {', '.join(ROLES)}")
    yield from _content_faults(message, name)
    for key in message:
        if key not in _MESSAGE_KEYS:
            mend = did_you_mean(key, _MESSAGE_KEYS) or "remove it"
            yield Fault("column", f"{name}: unknown key {key!r}", mend, "warning")
    weight = message.get("weight", 1)
    if type(weight) is not int or weight not in (0, 1):
        yield Fault("weight", f"{name}: weight is {weight!r}", "write 0 or 1, as an integer")


def _content_faults(message: JsonObject, name: str) -> Iterator[Fault]:
    calls = message.get("tool_calls") or message.get("function_call")
    content = message.get("content")
    if content is None and calls and message.get("role") == "assistant":
        return
    if "content" not in message:
        near = did_you_mean("content", message) or 'every message has {"role", "content"}'
        yield Fault("field", f"{name}: no 'content'", near)
    elif isinstance(content, list):
        for part in content:
            yield from _part_faults(part, name, str(message.get("role")))
    else:
        yield from _text_faults(content, f"{name}: content", weigh="warning")


def _part_faults(part: object, name: str, role: str) -> Iterator[Fault]:
    """One part of a content list: a text, or an image that a user shows."""
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in ("text", "image_url"):
        yield Fault("field", f"{name}: a content part is no text or image_url", '{"type": "text"}')
    elif kind == "text":
        if not isinstance(part.get("text"), str):
            yield Fault("field", f"{name}: a text part has no text", '{"type": "text", "text": ""}')
    else:
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else None
        if not isinstance(url, str) or not url.startswith("data:image/"):
            mend = '{"type": "image_url", "image_url": {"url": "data:image/png;base64,..."}}'
            yield Fault("field", f"{name}: an image part holds no image data", mend)
        elif role != "user":
            yield Fault("field", f"{name}: {role} shows an image", "only users show images")


def _order_faults(messages: Sequence[JsonObject]) -> Iterator[Fault]:
    """Who speaks after whom: user and assistant in turn, tools after calls that ask for them."""
    roles = [message.get("role") for message in messages]
    if "assistant" not in roles:
        yield Fault(
            "roles", "no assistant message: nothing to learn", "end with an assistant message"
        )
    elif roles[-1] != "assistant":
        mend = "end with an assistant message"
        yield Fault("roles", f"the last message is the {roles[-1]}'s", mend, "warning")
    previous: JsonObject | None = None
    for number, message in enumerate(messages, start=1):
        role = message.get("role")
        if previous is not None and role == previous.get("role") and role != "tool":
            mend = "user and assistant take turns; join the two messages"
            yield Fault("roles", f"message {number}: {role} speaks twice in a row", mend)
        if role in ("system", "developer") and number > 1:
            mend = "the system message stands first"
            yield Fault("roles", f"message {number}: {role} speaks late", mend, "warning")
        previous = message
    yield from _tool_faults(messages)


def _tool_faults(messages: Sequence[JsonObject]) -> Iterator[Fault]:
    """Every tool message answers a call of the assistant message before it."""
    open_calls: set[object] = set()
    may_answer = False
    for number, message in enumerate(messages, start=1):
        if message.get("role") == "tool":
            call = message.get("tool_call_id")
            if not may_answer:
                mend = "a tool message follows the assistant message that calls the tool"
                yield Fault("tools", f"message {number}: no tool was called", mend)
            elif open_calls and call not in open_calls:
                mend = "tool_call_id repeats the id of the call"
                yield Fault("tools", f"message {number}: answers no call ({call!r})", mend)
            continue
        calls = message.get("tool_calls")
        open_calls = (
            {c.get("id") for c in calls if isinstance(c, dict)}
            if isinstance(calls, list)
            else set()
        )
        may_answer = bool(calls)


def _preference_faults(values: JsonObject) -> Iterator[Fault]:
    asked = values["input"]
    if not isinstance(asked, dict) or "messages" not in asked:
        mend = '{"input": {"messages": [...]}, "preferred_output": [...], ...}'
        yield Fault("field", "input: expected an object with 'messages'", mend)
    else:
        for fault in conversation_faults(asked["messages"]):
            if (
                "no assistant message" not in fault.message
                and "the last message" not in fault.message
            ):
                yield fault
    for column in FORMATS["preference"][1:]:
        output = values[column]
        if not isinstance(output, list) or len(output) != 1 or not isinstance(output[0], dict):
            yield Fault("field", f"{column}: expected a list of one message", _EXAMPLE)
        elif output[0].get("role") != "assistant":
            yield Fault("roles", f"{column}: not an assistant message", "its role is assistant")
        else:
            yield from _message_faults(output[0], column)


def _text_faults(value: object, name: str, weigh: Severity = "error") -> Iterator[Fault]:
    if not isinstance(value, str):
        yield Fault("field", f"{name}: expected a text, got {kind_of(value)}", "write it as a text")
    elif not value.strip():
        yield Fault("empty", f"{name} is empty", "remove the line or fill it", weigh)
