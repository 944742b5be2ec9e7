"""From a Request to the JSON that an OpenAI-compatible server reads.

Reads: requests.  Gives: bytes of a request's body.
Depends on: contracts, records, calls.  Knows nothing of sockets.
What a request leaves out is not sent: the server decides.  `sampling.extra` goes in last, as it
stands, so that it can say what this table does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from evalharness.clients.calls import NOT_BILLED, permanent
from evalharness.records import JsonObject, Message, Request, ToolCall

Api = Literal["chat", "completions"]
JOINT: Final = "\n\n"
"""Between the messages of a request to a model that continues plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one server's options are spelled.

    chat_logprobs: `flag` is OpenAI's (`logprobs: true, top_logprobs: n`), `count` is Together's
    (`logprobs: n`).  stream_usage: whether usage must be asked for by `stream_options`.
    max_tokens_field: `max_completion_tokens` for models that refuse the older name.
    score_by: how a continuation's log-probabilities are had: `echo` of a completion,
    `prompt_logprobs` (vLLM), or not at all.
    """

    api: Api = "chat"
    chat_logprobs: Literal["flag", "count"] = "flag"
    stream_usage: Literal["ask", "given"] = "ask"
    max_tokens_field: str = "max_tokens"
    score_by: Literal["none", "echo", "prompt_logprobs"] = "none"


def encode_request(request: Request, model: str, dialect: Dialect, *, stream: str = "off") -> bytes:
    """The body of a `generate` request.

    Raises Permanent(bad_request) for text that cannot be written as UTF-8.
    """
    payload: JsonObject = {"model": model}
    if dialect.api == "chat":
        payload["messages"] = [wire_message(message) for message in request.messages]
    else:
        payload["prompt"] = plain_prompt(request)
    add_sampling(payload, request, dialect)
    if request.tools:
        payload["tools"] = list(request.tools)
    if stream == "on":
        payload["stream"] = True
        if dialect.stream_usage == "ask":
            payload["stream_options"] = {"include_usage": True}
    payload.update(request.sampling.extra)
    return to_bytes(payload)


def add_sampling(payload: JsonObject, request: Request, dialect: Dialect) -> None:
    """Write the decoding options that the request gives into `payload`."""
    sampling = request.sampling
    if sampling.temperature is not None:
        payload["temperature"] = sampling.temperature
    if sampling.max_tokens is not None:
        payload[dialect.max_tokens_field] = sampling.max_tokens
    if sampling.top_p is not None:
        payload["top_p"] = sampling.top_p
    if sampling.stop:
        payload["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        payload["seed"] = sampling.seed
    if sampling.response_format is not None:
        payload["response_format"] = sampling.response_format
    if sampling.logprobs is not None:
        if dialect.api == "chat" and dialect.chat_logprobs == "flag":
            payload["logprobs"] = True
            payload["top_logprobs"] = sampling.logprobs
        else:
            payload["logprobs"] = sampling.logprobs


def encode_score(request: Request, model: str, dialect: Dialect) -> bytes:
    """The body of a `score` request: the continuation stands in the prompt, one token is made.

    Raises Permanent(unsupported) where the server's dialect has no such thing.
    """
    continuation = request.continuation or ""
    payload: JsonObject = {"model": model, "temperature": 0.0, "max_tokens": 1}
    if dialect.score_by == "echo":
        payload["prompt"] = plain_prompt(request) + continuation
        payload["echo"] = True
        payload["logprobs"] = 1
    elif dialect.score_by == "prompt_logprobs" and dialect.api == "completions":
        payload["prompt"] = plain_prompt(request) + continuation
        payload["prompt_logprobs"] = 0
    elif dialect.score_by == "prompt_logprobs":
        answer = Message(role="assistant", content=continuation)
        payload["messages"] = [wire_message(turn) for turn in (*request.messages, answer)]
        payload["add_generation_prompt"] = False
        payload["continue_final_message"] = True
        payload["prompt_logprobs"] = 0
    else:
        raise permanent(
            "unsupported",
            "this server is not known to give log-probabilities of a prompt;"
            " set the client option score_by: echo or prompt_logprobs if it does",
            NOT_BILLED,
        )
    payload.update(request.sampling.extra)
    return to_bytes(payload)


def to_bytes(payload: JsonObject) -> bytes:
    """JSON bytes; raises Permanent(bad_request) for what JSON in UTF-8 cannot hold."""
    try:
        return orjson.dumps(payload)
    except TypeError as error:
        raise permanent("bad_request", f"the request cannot be sent: {error}", NOT_BILLED) from None


def plain_prompt(request: Request) -> str:
    """The messages as one text, for models without a chat template."""
    return JOINT.join(turn.content for turn in request.messages if turn.content)


def wire_message(message: Message) -> JsonObject:
    """One message as the protocol writes it; fields that are not set are left out."""
    wire: JsonObject = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [wire_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        wire["name"] = message.name
    return wire


def wire_tool_call(call: ToolCall) -> dict[str, Any]:  # Any: JSON
    """One tool call as the protocol writes it."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}
