"""What the emulated models say: pure functions of the request.

Reads: messages, sampling options and the plan's gold answers.  Gives: Said.
Depends on: judges, readers, records.
Model names: `echo`, `reverse`, `gold@0.8`, `verbose`, `json`, `code`, `think`, `words@40`,
`constant:TEXT`, `learner@0.9` (knows nothing until it is tuned), `reader@0.8` and
`tuned-reader@0.8` (see readers.py), `judge@0.9` (see judges.py); any other name echoes.  What
stands before the last `/` and behind `#` is left out, so `meta/echo#fault=hang` echoes too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalharness.records import JsonObject
from evalharness.testing.emulator.judges import JUDGES, judge
from evalharness.testing.emulator.readers import READERS, WRONG, read

TOKEN: Final = re.compile(r"\s*\S+|\s+$")
TEMPLATE_TOKENS: Final = 4
"""Tokens that a chat template adds to each message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A model's answer before it is put on the wire. finish: OpenAI's words."""

    text: str
    tokens: tuple[str, ...]
    finish: str
    prompt_tokens: int
    reasoning: str | None = None
    tool_calls: tuple[JsonObject, ...] = ()


def base_name(model: str) -> str:
    """The part of a model's name that says how it answers.

    >>> base_name("meta-llama/gold@0.8#fault=hang;n=2")
    'gold@0.8'
    """
    return model.partition("#")[0].rsplit("/", 1)[-1]


def answer(model: str, body: JsonObject, gold: Mapping[str, str], *, choice: int = 0) -> Said:
    """What `model` says to a request body; the same body always gets the same answer.

    Temperature 0 ignores the seed; above it the seed and the choice's index are drawn in.
    """
    turns = messages_of(body)
    asked = str(turns[-1].get("content") or "") if turns else ""
    name = base_name(model)
    reasoning = None
    if name == "think":
        reasoning = f"the question is {asked!r}"
    program, _, setting = name.partition("@")
    if program in READERS:
        text = read(program, float(setting or 1), body, gold)
    elif program in JUDGES:
        text = judge(float(setting or 1), asked, draw(body, choice))
    else:
        text = spoken(name, asked, gold, draw(body, choice))
    prompt_tokens = sum(count(str(turn.get("content") or "")) + TEMPLATE_TOKENS for turn in turns)
    if name == "tool":
        call = {
            "id": "call_" + digest(asked)[:8],
            "type": "function",
            "function": {"name": "look_up", "arguments": json.dumps({"query": asked})},
        }
        return Said(
            text="", tokens=(), finish="tool_calls", prompt_tokens=prompt_tokens, tool_calls=(call,)
        )
    tokens, finish = cut(text, body)
    return Said(
        text="".join(tokens),
        tokens=tokens,
        finish=finish,
        prompt_tokens=prompt_tokens,
        reasoning=reasoning,
    )


def spoken(name: str, asked: str, gold: Mapping[str, str], luck: float) -> str:
    """The whole answer of a model by its base name; luck is drawn from [0, 1)."""
    program, _, setting = name.partition("@")
    known = gold.get(asked, asked)
    if program == "gold":
        return known if luck < float(setting or 1) else WRONG
    if program == "learner":
        return WRONG
    if program == "reverse":
        return asked[::-1]
    if program == "verbose":
        return f"Well, as far as I can tell the answer would be {known}, though I may be wrong."
    if program == "json":
        return json.dumps({"answer": known})
    if program == "code":
        return f"```python\ndef answer():\n    return {known!r}\n```"
    if program == "words":
        return " ".join(f"word{index}" for index in range(int(setting or 30)))
    if name.startswith("constant:"):
        return name.removeprefix("constant:")
    return asked


def draw(body: JsonObject, choice: int) -> float:
    """A number in [0, 1) from the messages and, above temperature 0, from seed and choice."""
    temperature = body.get("temperature")
    free = temperature is not None and temperature > 0
    named: tuple[Any, ...] = (body.get("messages"), body.get("prompt"))
    if free:
        named = (*named, body.get("seed"), choice)
    return int(digest(json.dumps(named, sort_keys=True))[:16], 16) / 2**64


def cut(text: str, body: JsonObject) -> tuple[tuple[str, ...], str]:
    """The tokens up to a stop text or the limit, and why it ended."""
    stops = body.get("stop") or []
    finish = "stop"
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    tokens = tokenise(text)
    limit = body.get("max_tokens") or body.get("max_completion_tokens")
    if limit is not None and len(tokens) > limit:
        tokens, finish = tokens[:limit], "length"
    return tokens, finish


def tokenise(text: str) -> tuple[str, ...]:
    """Words with the space before them; joined they give the text again."""
    return tuple(TOKEN.findall(text))


def count(text: str) -> int:
    """Tokens of a text."""
    return len(TOKEN.findall(text))


def messages_of(body: JsonObject) -> Sequence[JsonObject]:
    """The messages of a chat request; a completion's prompt is one user message."""
    if isinstance(body.get("messages"), list):
        return [turn for turn in body["messages"] if isinstance(turn, dict)]
    prompt = body.get("prompt")
    text = prompt[0] if isinstance(prompt, list) and prompt else prompt
    return [{"role": "user", "content": text if isinstance(text, str) else ""}]


def logprob(token: str, before: str) -> float:
    """A made-up log-probability in (-4, 0) that depends on the token and what stands before."""
    return -4.0 * int(digest(f"{before}\0{token}")[:8], 16) / 2**32


def digest(text: str) -> str:
    """A short hash, in hex."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
