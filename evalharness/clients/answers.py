"""From a provider's JSON to a Completion; what is no answer is an error.

Reads: parsed JSON of a response.  Gives: Answer (text, finish, tool calls, usage, log-probs).
Depends on: calls, refusals, records.  Knows nothing of sockets or clocks.
A 200 without choices, with null content or with an error in its body is a failure: scoring it as
an empty answer would turn a provider's fault into a model's.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

import msgspec

from evalharness.clients.calls import CallFacts, permanent, transient
from evalharness.clients.logprobs import read_logprobs
from evalharness.clients.refusals import error_in_answer
from evalharness.records import Finish, JsonObject, Request, TokenLogprob, ToolCall, Usage

FINISH: Final[dict[str, Finish]] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "tool_use": "tool",
    "content_filter": "filtered",
}
"""finish_reason as servers write it -> ours; anything else is `unknown`."""

THINKING: Final = re.compile(r"^\s*<think(?:ing)?>(.*?)(?:</think(?:ing)?>\s*|\Z)", re.DOTALL)
BYTES_PER_TOKEN: Final = 4
"""A rough English average, used only where a server gives no usage; marked as estimated."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one response says, whatever the route and the transport."""

    text: str
    finish: Finish
    reasoning: str | None
    tool_calls: tuple[ToolCall, ...]
    usage: Usage | None
    logprobs: tuple[TokenLogprob, ...] | None
    model: str | None
    fingerprint: str | None


def read_answer(body: Any, status: int) -> Answer:  # Any: parsed JSON
    """The first choice of a chat or a text completion.

    Raises Transient(malformed, empty) for what no answer can be read from, Permanent(refusal,
    content_filter) for what the model or the provider withheld.
    """
    facts = CallFacts(status=status, usage=read_usage(body))
    choice = first_choice(body, facts)
    message = choice.get("message")
    if isinstance(message, dict):
        content = message.get("content")
        calls = read_tool_calls(message.get("tool_calls"))
        reasoning = message.get("reasoning") or message.get("reasoning_content")
        refused = message.get("refusal")
    else:
        content, calls, reasoning, refused = choice.get("text"), (), None, None
    return make_answer(
        Parts(
            content=content_text(content, facts),
            reasoning=reasoning if isinstance(reasoning, str) else None,
            refusal=refused if isinstance(refused, str) else None,
            tool_calls=calls,
            finish_reason=choice.get("finish_reason"),
        ),
        body,
        read_logprobs(choice.get("logprobs")),
        facts,
    )


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of one choice, read whole or put together from a stream."""

    content: str | None
    reasoning: str | None
    refusal: str | None
    tool_calls: tuple[ToolCall, ...]
    finish_reason: Any  # Any: servers have sent text, null and numbers


def make_answer(
    parts: Parts, envelope: JsonObject, logprobs: tuple[TokenLogprob, ...] | None, facts: CallFacts
) -> Answer:
    """An Answer from its parts, or the error that they amount to."""
    finish = read_finish(parts.finish_reason)
    if parts.refusal:
        raise permanent("refusal", parts.refusal, facts)
    if finish == "filtered":
        raise permanent("content_filter", "the provider filtered the answer", facts)
    content = parts.content
    if content is None and not parts.tool_calls:
        if not (parts.reasoning and finish == "length"):
            raise transient(
                "empty", f"content is null, finish_reason {parts.finish_reason!r}", facts
            )
        content = ""
    text, reasoning = split_reasoning(content or "", parts.reasoning)
    model = envelope.get("model")
    fingerprint = envelope.get("system_fingerprint")
    return Answer(
        text=text,
        finish=finish,
        reasoning=reasoning,
        tool_calls=parts.tool_calls,
        usage=facts.usage,
        logprobs=logprobs,
        model=model if isinstance(model, str) else None,
        fingerprint=fingerprint if isinstance(fingerprint, str) else None,
    )


def first_choice(body: Any, facts: CallFacts) -> JsonObject:
    """The choice to read; raises where there is none or where the body is an error."""
    if not isinstance(body, dict):
        raise transient("malformed", f"not a JSON object: {str(body)[:80]}", facts)
    choices = body.get("choices")
    if not choices and body.get("error"):
        raise error_in_answer(body, facts)
    if not isinstance(choices, list) or not choices:
        raise transient("empty", "the response has no choices", facts)
    choice = choices[0]
    if not isinstance(choice, dict):
        raise transient("malformed", "a choice is not an object", facts)
    return choice


def content_text(content: Any, facts: CallFacts) -> str | None:
    """Content as text: a string, null, or a list of parts that hold text."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    raise transient("malformed", f"content is {type(content).__name__}, not text", facts)


def read_finish(reason: Any) -> Finish:
    """Why the model stopped; `unknown` for null and for words not known."""
    return FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def split_reasoning(content: str, reasoning: str | None) -> tuple[str, str | None]:
    """Take a leading `<think>` block off the answer; it is kept as reasoning, never scored.

    >>> split_reasoning("<think>2+2</think>4", None)
    ('4', '2+2')
    """
    if "<think" not in content[:64]:
        return content, reasoning
    found = THINKING.match(content)
    if not found:
        return content, reasoning
    return content[found.end() :], found.group(1).strip() if reasoning is None else reasoning


def read_tool_calls(calls: Any) -> tuple[ToolCall, ...]:
    """Tool calls as they came; entries without a function's name are left out."""
    if not isinstance(calls, list):
        return ()
    found = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            arguments = function.get("arguments")
            written = arguments if isinstance(arguments, str) else json_text(arguments)
            found.append(
                ToolCall(name=function["name"], arguments=written, id=str(call.get("id") or ""))
            )
    return tuple(found)


def json_text(value: Any) -> str:
    """Arguments that a server sent as an object instead of as text."""
    import orjson

    return orjson.dumps({} if value is None else value).decode()


def read_usage(body: Any) -> Usage | None:
    """Tokens as the server counts them; None where it does not say or says nonsense."""
    usage = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(usage, dict):
        return None
    prompt, made = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not is_count(prompt) or not is_count(made):
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=made,
        cached_tokens=detail_count(usage, "prompt_tokens_details", "cached_tokens"),
        reasoning_tokens=detail_count(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def detail_count(usage: JsonObject, group: str, name: str) -> int:
    """A count that stands in a group or, with some servers, beside it; 0 where there is none."""
    details = usage.get(group)
    found = details.get(name) if isinstance(details, dict) else None
    if not is_count(found):
        found = usage.get(name)
    return found if is_count(found) else 0


def is_count(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number that can be a count of tokens."""
    return type(value) is int and value >= 0  # a bool is an int, and no count


def usage_or_estimate(answer: Answer, request: Request) -> Usage:
    """The server's usage, or an estimate from the texts' length; an answer never costs 0 tokens.

    A count of 0 completion tokens for a text that is not empty is no count.
    """
    usage = answer.usage
    said = answer.text + (answer.reasoning or "")
    if usage is not None and usage.prompt_tokens > 0 and (usage.completion_tokens > 0 or not said):
        return usage
    asked = sum(len((turn.content or "").encode("utf-8", "replace")) for turn in request.messages)
    made = len(said.encode("utf-8", "replace"))
    return Usage(
        prompt_tokens=max(1, -(-asked // BYTES_PER_TOKEN)),
        completion_tokens=max(1, -(-made // BYTES_PER_TOKEN)),
        estimated=True,
    )
