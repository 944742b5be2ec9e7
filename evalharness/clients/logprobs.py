"""Log-probabilities of tokens, in the shapes that servers send them.

Reads: parsed JSON.  Gives: tuples of TokenLogprob; the continuation's part of a scored prompt.
Depends on: records, calls.
Shapes: OpenAI's chat (`content: [{token, logprob, top_logprobs}]`); the older one, also
Together's (`tokens`, `token_logprobs`, `top_logprobs`); vLLM's `prompt_logprobs` (a list of
`{token id: {logprob, decoded_token}}`).  The first token of a prompt has no probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from evalharness.clients.calls import CallFacts, permanent, transient
from evalharness.records import JsonObject, TokenLogprob


def read_logprobs(found: Any) -> tuple[TokenLogprob, ...] | None:  # Any: parsed JSON
    """Log-probabilities of a choice, in either shape; None where there are none."""
    if not isinstance(found, dict):
        return None
    if isinstance(found.get("content"), list):
        return tuple(token for token in (chat_token(entry) for entry in found["content"]) if token)
    tokens, numbers = found.get("tokens"), found.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(numbers, list):
        return None
    tops = found.get("top_logprobs")
    alternatives = tops if isinstance(tops, list) else [None] * len(tokens)
    return tuple(
        TokenLogprob(token=str(token), logprob=float(number), top=top_mapping(top))
        for token, number, top in zip(tokens, numbers, alternatives, strict=False)
        if is_logprob(number)
    )


def chat_token(entry: Any) -> TokenLogprob | None:
    """One token of OpenAI's chat shape; None where it is not one."""
    if not isinstance(entry, dict) or not is_logprob(entry.get("logprob")):
        return None
    return TokenLogprob(
        token=str(entry.get("token", "")),
        logprob=float(entry["logprob"]),
        top=top_mapping(entry.get("top_logprobs")),
    )


def top_mapping(top: Any) -> dict[str, float]:
    """Alternatives as token -> log-probability, from a mapping or a list of entries."""
    if isinstance(top, dict):
        return {str(token): float(number) for token, number in top.items() if is_logprob(number)}
    if isinstance(top, list):
        return {
            str(entry.get("token", "")): float(entry["logprob"])
            for entry in top
            if isinstance(entry, dict) and is_logprob(entry.get("logprob"))
        }
    return {}


def is_logprob(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number; null stands for the first token of a prompt."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def scored_prompt(body: JsonObject, *, facts: CallFacts) -> list[tuple[str, float | None]]:
    """The prompt's tokens with their log-probabilities, from an answer to a `score` request.

    Raises Transient(malformed) where the response holds none.
    """
    choices = body.get("choices") or [{}]
    choice = choices[0] if isinstance(choices, list) and isinstance(choices[0], dict) else {}
    listed = choice.get("prompt_logprobs") or body.get("prompt_logprobs")
    if isinstance(listed, list):
        return [vllm_token(entry) for entry in listed]
    prompts = body.get("prompt")
    if isinstance(prompts, list) and prompts and isinstance(prompts[0], dict):
        echoed = prompts[0].get("logprobs")  # Together keeps the prompt's apart
        made = 0
    else:
        echoed = choice.get("logprobs")
        made = 1  # one token is generated behind the echo
    if not isinstance(echoed, dict) or not isinstance(echoed.get("tokens"), list):
        raise transient("malformed", "the response holds no log-probabilities of the prompt", facts)
    pairs = list(zip(echoed["tokens"], echoed.get("token_logprobs") or [], strict=False))
    kept = pairs[: len(pairs) - made] if made else pairs
    return [(str(token), float(number) if is_logprob(number) else None) for token, number in kept]


def vllm_token(entry: Any) -> tuple[str, float | None]:
    """One position of vLLM's `prompt_logprobs`: the prompt's own token comes first."""
    if not isinstance(entry, dict) or not entry:
        return "", None
    first = next(iter(entry.values()))
    if not isinstance(first, dict) or not is_logprob(first.get("logprob")):
        return "", None
    return str(first.get("decoded_token") or ""), float(first["logprob"])


def continuation_part(
    tokens: Sequence[tuple[str, float | None]], continuation: str, *, facts: CallFacts
) -> tuple[TokenLogprob, ...]:
    """The tokens that make up the continuation, found from the end of the prompt.

    A token that straddles the border belongs to the continuation. What a chat template closes the
    turn with is skipped.
    Raises Permanent(unsupported) where the continuation is not found in the prompt's tokens.
    """
    text = "".join(token for token, _ in tokens)
    start = text.rfind(continuation)
    if start < 0:
        continuation = continuation.strip()  # chat templates trim what a turn says
        start = text.rfind(continuation)
    if not continuation or start < 0:
        raise permanent(
            "unsupported", "the continuation was not found among the prompt's tokens", facts
        )
    end = start + len(continuation)
    found, offset = [], 0
    for token, logprob in tokens:
        begins, offset = offset, offset + len(token)
        if offset > start and begins < end and logprob is not None:
            found.append(TokenLogprob(token=token, logprob=logprob))
    return tuple(found)
