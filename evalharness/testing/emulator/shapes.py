"""What an answer looks like on the wire, good and spoiled.

Reads: what a model said.  Gives: Asked, the JSON of whole answers, usage, log-probabilities.
Depends on: models, faults, plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import Fault
from evalharness.testing.emulator.models import Said, logprob, messages_of, tokenise
from evalharness.testing.emulator.plan import Plan

FINGERPRINT: Final = "fp_emulator"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a completion, understood."""

    body: JsonObject
    model: str
    said: Said
    fingerprint: str
    chat: bool
    number: int

    @property
    def id(self) -> str:
        """The answer's id."""
        return f"{'chatcmpl' if self.chat else 'cmpl'}-{self.fingerprint[:16]}-{self.number}"


def billed_tokens(said: Said) -> int:
    """Completion tokens of an answer; a tool call counts as its arguments."""
    calls = sum(len(tokenise(call["function"]["arguments"])) for call in said.tool_calls)
    return len(said.tokens) + len(tokenise(said.reasoning or "")) + calls


def usage(said: Said) -> JsonObject:
    """The usage that an answer carries."""
    made = billed_tokens(said)
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": made,
        "total_tokens": said.prompt_tokens + made,
    }


def whole(asked: Asked, fault: Fault | None, plan: Plan) -> Any:  # Any: some faults are no object
    """The JSON of an answer that is not streamed."""
    said = asked.said
    choice: JsonObject = {"index": 0, "finish_reason": finish_word(said.finish, plan)}
    if asked.chat:
        choice["message"] = message(said)
        choice["logprobs"] = logprobs(asked, said.tokens, "")
    else:
        echo = prompt_text(asked) if asked.body.get("echo") else ""
        choice["text"] = echo + said.text
        choice["logprobs"] = logprobs(asked, (*tokenise(echo), *said.tokens), "")
    body: JsonObject = {
        "id": asked.id,
        "object": "chat.completion" if asked.chat else "text_completion",
        "created": 1_700_000_000,
        "model": asked.model.partition("#")[0],
        "system_fingerprint": FINGERPRINT,
        "choices": [choice],
        "usage": usage(said),
    }
    if asked.body.get("prompt_logprobs") is not None:
        choice["prompt_logprobs"] = prompt_logprobs(prompt_text(asked))
    return spoil(body, fault.name) if fault is not None and fault.when == "body" else body


def message(said: Said) -> JsonObject:
    """The assistant's message."""
    made: JsonObject = {"role": "assistant", "content": said.text}
    if said.reasoning is not None:
        made["reasoning_content"] = said.reasoning
    if said.tool_calls:
        made["content"] = None
        made["tool_calls"] = list(said.tool_calls)
    return made


def finish_word(finish: str, plan: Plan) -> str:
    """The finish reason in the dialect's words."""
    return "eos" if plan.dialect == "together" and finish == "stop" else finish


def prompt_text(asked: Asked) -> str:
    """The prompt as one text, for echo and prompt log-probabilities."""
    turns = messages_of(asked.body)
    return "\n".join(str(turn.get("content") or "") for turn in turns)


def logprobs(asked: Asked, tokens: tuple[str, ...], before: str) -> JsonObject | None:
    """Log-probabilities in the shape that the request's `logprobs` asks for."""
    wanted = asked.body.get("logprobs")
    if wanted in (None, False):
        return None
    numbers = []
    for token in tokens:
        numbers.append(logprob(token, before))
        before += token
    if wanted is True and asked.chat:
        return {
            "content": [
                {
                    "token": token,
                    "logprob": number,
                    "bytes": list(token.encode()),
                    "top_logprobs": [],
                }
                for token, number in zip(tokens, numbers, strict=True)
            ]
        }
    first_is_unknown = bool(asked.body.get("echo"))
    listed: list[float | None] = [*numbers]
    if first_is_unknown and listed:
        listed[0] = None
    return {"tokens": list(tokens), "token_logprobs": listed, "top_logprobs": None}


def prompt_logprobs(text: str) -> list[JsonObject | None]:
    """VLLM's shape: null, then `{token id: {logprob, rank, decoded_token}}`."""
    listed: list[JsonObject | None] = []
    before = ""
    for index, token in enumerate(tokenise(text)):
        entry = {"logprob": logprob(token, before), "rank": 1, "decoded_token": token}
        listed.append({str(index + 100): entry} if index else None)
        before += token
    return listed


def spoil(body: JsonObject, name: str) -> Any:
    """A good answer with one `body` fault in it."""
    return {**body, **SPOILED[name](body["choices"][0])}


def _message_with(choice: JsonObject, **changed: Any) -> JsonObject:
    if "message" not in choice:
        text = changed.get("content", choice.get("text"))
        return {"choices": [{**choice, "text": text}]}
    return {"choices": [{**choice, "message": {**choice["message"], **changed}}]}


SPOILED: Final[dict[str, Callable[[JsonObject], JsonObject]]] = {
    "no_choices": lambda _: {"choices": []},
    "null_content": lambda choice: _message_with(choice, content=None),
    "no_message": lambda choice: {
        "choices": [{"index": 0, "finish_reason": choice["finish_reason"]}]
    },
    "number_content": lambda choice: _message_with(choice, content=42),
    "refusal_field": lambda choice: {
        "choices": [
            {**choice, "message": {"role": "assistant", "content": None, "refusal": "I can't."}}
        ]
    },
    "filtered": lambda choice: {
        "choices": [
            {**_message_with(choice, content="")["choices"][0], "finish_reason": "content_filter"}
        ]
    },
    "no_usage": lambda _: {"usage": {}},
    "null_usage": lambda _: {"usage": None},
    "wrong_usage": lambda _: {"usage": {"prompt_tokens": -3, "completion_tokens": "many"}},
    "finish_eos": lambda choice: {"choices": [{**choice, "finish_reason": "eos"}]},
    "finish_unknown": lambda choice: {"choices": [{**choice, "finish_reason": "tired"}]},
    "finish_null": lambda choice: {"choices": [{**choice, "finish_reason": None}]},
    "same_id": lambda _: {"id": "chatcmpl-always-the-same"},
    "unknown_fields": lambda choice: {
        "choices": [{**choice, "stop_reason": None, "seed": 1}],
        "warnings": [{"message": "hello"}],
        "prompt": [],
    },
}
