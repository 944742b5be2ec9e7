"""Streamed answers: server-sent events, as they should be and as they come.

Reads: what a model said.  Gives: pieces on the wire.  Depends on: shapes, faults, wire.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import Fault, error
from evalharness.testing.emulator.plan import Plan
from evalharness.testing.emulator.shapes import (
    FINGERPRINT,
    SPOILED,
    Asked,
    finish_word,
    logprobs,
    usage,
)
from evalharness.testing.emulator.wire import Wire

SSE: Final = {"Content-Type": "text/event-stream; charset=utf-8"}
DONE: Final = b"data: [DONE]\n\n"
BREAK_IN_THE_MIDDLE: Final = frozenset(
    {
        "stream_reset",
        "stream_error",
        "stream_error_event",
        "stream_no_end",
        "stream_cut_chunk",
        "stream_broken_json",
        "stream_two_ids",
        "stream_stall",
    }
)


async def stream_answer(asked: Asked, fault: Fault | None, wire: Wire, plan: Plan) -> None:
    """Send the answer token by token, with the fault where it belongs."""
    name = fault.name if fault is not None else ""
    if name in ("no_choices", "refusal_field", "null_content", "no_message", "number_content"):
        await send_spoiled(asked, name, wire)
        return
    wire.start(headers=SSE)
    chunks = answer_chunks(asked, name, plan)
    middle = max(1, len(chunks) // 2)
    for index, chunk in enumerate(chunks):
        if index and plan.latency.per_token_s:
            await asyncio.sleep(plan.latency.per_token_s)
        if index == middle and name in BREAK_IN_THE_MIDDLE:
            await break_stream(asked, name, wire, plan)
            return
        await send_event(encode(chunk, name), name, wire)
        if wire.gone:
            return
    if name != "stream_no_done":
        await send_event(
            DONE.replace(b"\n", b"\r\n") if name == "stream_crlf" else DONE, name, wire
        )
    if name == "stream_open_after_done":
        await asyncio.sleep(plan.hang_s)
    wire.end()


def answer_chunks(asked: Asked, name: str, plan: Plan) -> list[JsonObject]:
    """The chunks of a good stream, as far as the fault leaves it good."""
    said = asked.said
    chunks = [choice_chunk(asked, {"role": "assistant", "content": ""})]
    if said.reasoning:
        chunks.append(choice_chunk(asked, {"reasoning_content": said.reasoning}))
    before = ""
    for token in said.tokens:
        chunk = choice_chunk(asked, {"content": token}, text=token)
        chunk["choices"][0]["logprobs"] = logprobs(asked, (token,), before)
        chunks.append(chunk)
        before += token
    for index, call in enumerate(said.tool_calls):
        chunks += tool_chunks(asked, index, call)
    finish: str | None = finish_word(said.finish, plan)
    if name in ("finish_eos", "finish_unknown", "finish_null", "filtered"):
        words = {"finish_eos": "eos", "finish_unknown": "tired", "filtered": "content_filter"}
        finish = words.get(name)
    if name != "stream_no_finish":
        last = choice_chunk(asked, {})
        last["choices"][0]["finish_reason"] = finish
        chunks.append(last)
    wanted = asked.body.get("stream_options") or {}
    if wanted.get("include_usage") and name not in ("no_usage", "null_usage", "wrong_usage"):
        chunks.append({**envelope(asked), "choices": [], "usage": usage(said)})
    elif plan.dialect == "together" and name not in ("no_usage", "null_usage", "wrong_usage"):
        chunks[-1]["usage"] = usage(said)
    return chunks


def tool_chunks(asked: Asked, index: int, call: JsonObject) -> list[JsonObject]:
    """A tool call in two pieces, the second with the rest of its arguments."""
    function = call["function"]
    half = len(function["arguments"]) // 2
    first = {
        "index": index,
        "id": call["id"],
        "type": "function",
        "function": {"name": function["name"], "arguments": function["arguments"][:half]},
    }
    second = {"index": index, "function": {"arguments": function["arguments"][half:]}}
    return [choice_chunk(asked, {"tool_calls": [part]}) for part in (first, second)]


def envelope(asked: Asked) -> JsonObject:
    """What every chunk carries."""
    return {
        "id": asked.id,
        "object": "chat.completion.chunk" if asked.chat else "text_completion",
        "created": 1_700_000_000,
        "model": asked.model.partition("#")[0],
        "system_fingerprint": FINGERPRINT,
    }


def choice_chunk(asked: Asked, delta: JsonObject, *, text: str = "") -> JsonObject:
    """A chunk with one choice: a delta for chat, a text for completions."""
    part: JsonObject = {"delta": delta} if asked.chat else {"text": text}
    return {**envelope(asked), "choices": [{"index": 0, **part, "finish_reason": None}]}


def encode(chunk: JsonObject, name: str) -> bytes:
    """One event's bytes, with the line ends and ornaments of the fault."""
    data = json.dumps(chunk, ensure_ascii=False).encode()
    if name == "stream_crlf":
        return b"data: " + data + b"\r\n\r\n"
    if name == "stream_comments":
        return b": keep-alive\n\n" + b"data:" + data + b"\n: still here\n\n"
    if name == "stream_event_names":
        return b"event: message\nid: 1\nretry: 10\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"


async def send_event(event: bytes, name: str, wire: Wire) -> None:
    """Send one event, cut up as the fault says."""
    if name == "stream_bytewise":
        for index in range(len(event)):
            wire.piece(event[index : index + 1])
        await asyncio.sleep(0)
    elif name == "stream_split_utf8":
        at = next((i for i, byte in enumerate(event) if byte >= 0x80), len(event) // 2) + 1
        wire.piece(event[:at])
        await asyncio.sleep(0.001)
        wire.piece(event[at:])
    else:
        wire.piece(event)


async def break_stream(asked: Asked, name: str, wire: Wire, plan: Plan) -> None:
    """What happens in the middle of a stream that breaks."""
    failed = error("The engine is currently overloaded", kind="server_error")
    if name == "stream_reset":
        await asyncio.sleep(0.01)
        wire.reset()
    elif name == "stream_cut_chunk":
        wire.raw(b'40\r\ndata: {"id"')
        wire.close()
    elif name == "stream_stall":
        await asyncio.sleep(plan.hang_s)
        wire.close()
    else:
        if name == "stream_error":
            wire.piece(b"data: " + json.dumps(failed).encode() + b"\n\n")
        elif name == "stream_error_event":
            wire.piece(b"event: error\ndata: " + json.dumps(failed["error"]).encode() + b"\n\n")
        elif name == "stream_broken_json":
            wire.piece(b'data: {"id": "chatcmpl-1", "choi\n\n')
        elif name == "stream_two_ids":
            other = {**choice_chunk(asked, {"content": "x"}), "id": "chatcmpl-somebody-elses"}
            wire.piece(b"data: " + json.dumps(other).encode() + b"\n\n")
        wire.end()


async def send_spoiled(asked: Asked, name: str, wire: Wire) -> None:
    """A stream whose one chunk holds what a `body` fault holds in a whole answer."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ""}}
    spoiled = SPOILED[name](choice)
    choices = [
        {
            "index": 0,
            "finish_reason": entry.get("finish_reason"),
            **({"delta": entry["message"]} if asked.chat and "message" in entry else {}),
        }
        for entry in spoiled["choices"]
    ]
    wire.start(headers=SSE)
    wire.piece(encode({**envelope(asked), "choices": choices}, name))
    wire.piece(DONE)
    wire.end()
