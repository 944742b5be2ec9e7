"""A judge's words -> its verdict, or the reason why it cannot be read.

Reads: texts.  Gives: `Shape`, `read_verdict`, Unreadable.
Depends on: json_text.
A verdict is the last JSON object of the text that holds the wanted key: judges think first, and may
quote an answer that itself looks like a verdict.  Nothing is guessed: a score off the scale, a word
that was not offered, or two keys where one is wanted is unreadable.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Verdict: TypeAlias = dict[str, Any]  # Any: JSON; always holds "score": float and "reason": str
Kind: TypeAlias = Literal["number", "word", "claims", "flag", "preference"]

KEYS: Final[dict[Kind, str]] = {
    "number": "score",
    "word": "verdict",
    "claims": "claims",
    "flag": "declined",
    "preference": "better",
}
"""The key of the JSON object that holds the verdict."""
PREFERENCES: Final = {"a": 1.0, "b": 0.0, "tie": 0.5}
"""What a judge of two may say, as the first answer's share of the win; a number is the share."""
PATTERN_TIMEOUT_S: Final = 1.0
MOST_OBJECTS: Final = 2000
"""Opening braces looked at: a reply of nothing but braces must not cost a second."""


class Unreadable(ValueError):
    """The judge's words hold no verdict; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a verdict looks like.

    low, high: of a number.  choices: words in lower case -> score.  pattern: a regular expression
    whose first group (or whole match) is the verdict, instead of JSON; its last match counts.
    """

    kind: Kind
    low: float = 0.0
    high: float = 1.0
    choices: Mapping[str, float] = field(default_factory=dict)
    pattern: str | None = None


def read_verdict(text: str, shape: Shape) -> Verdict:
    """The verdict in a judge's words: "score", "reason" and whatever else its JSON held.

    Raises Unreadable.

    >>> read_verdict('Fine. {"reason": "clear", "score": 4}', Shape("number", 1, 5))["score"]
    4.0
    """
    if shape.pattern is not None:
        return {"score": _score(_matched(text, shape.pattern), shape), "reason": text.strip()}
    key = KEYS[shape.kind]
    for found in _objects_from_the_end(text):
        if key in found:
            reason = found.get("reason")
            said = {**found, "reason": reason if isinstance(reason, str) else ""}
            return {**said, "score": _score(found[key], shape)}
    raise Unreadable(f'no JSON object with "{key}" in: {_shown(text)}')


def _matched(text: str, pattern: str) -> str:
    import regex

    found = None
    try:
        for match in regex.finditer(pattern, text, regex.MULTILINE, timeout=PATTERN_TIMEOUT_S):
            found = match.group(1) if match.re.groups else match.group(0)
    except TimeoutError as error:
        raise Unreadable("the pattern took too long") from error
    if found is None:
        raise Unreadable(f"the pattern matches nothing in: {_shown(text)}")
    return str(found)


def _objects_from_the_end(text: str) -> Iterator[dict[str, Any]]:  # Any: JSON
    """Every outermost JSON object that the text holds, the last first."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    at, looks = text.find("{"), 0
    while at >= 0 and looks < MOST_OBJECTS:
        looks += 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found.append(value)
        at = text.find("{", end)
    yield from reversed(found)


def _score(said: object, shape: Shape) -> float:
    """What a verdict is worth. Raises Unreadable."""
    if shape.kind == "claims":
        return _supported(said)
    if shape.kind == "flag":
        word = str(said).strip().lower()
        if word not in ("true", "false", "yes", "no"):
            raise Unreadable(f"neither true nor false: {_shown(said)}")
        return 1.0 if word in ("true", "yes") else 0.0
    if shape.kind == "preference" and isinstance(said, int | float):
        return _number(said, shape)
    choices = PREFERENCES if shape.kind == "preference" else shape.choices
    if choices:
        word = str(said).strip().strip(".\"'").lower()
        if word not in choices:
            raise Unreadable(f"{_shown(said)} is none of {', '.join(choices)}")
        return choices[word]
    return _number(said, shape)


def _number(said: object, shape: Shape) -> float:
    """A number on the scale; a text that is one is taken, true and false are not."""
    try:
        value = math.nan if isinstance(said, bool) else float(str(said).strip())
    except ValueError:
        value = math.nan
    if not shape.low <= value <= shape.high:
        raise Unreadable(f"{_shown(said)} is no number from {shape.low:g} to {shape.high:g}")
    return value


def _supported(said: object) -> float:
    """The share of claims that are supported; 1 where nothing is claimed."""
    if not isinstance(said, list):
        raise Unreadable(f"no list of claims: {_shown(said)}")
    marks = [one.get("supported") if isinstance(one, dict) else None for one in said]
    if any(not isinstance(mark, bool) for mark in marks):
        raise Unreadable("a claim lacks its `supported`: true or false")
    return sum(map(bool, marks)) / len(marks) if marks else 1.0


def _shown(said: object) -> str:
    text = " ".join(str(said).split())
    return repr(text[:80] + ("..." if len(text) > 80 else ""))
