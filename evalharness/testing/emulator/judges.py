"""Emulated judges: they read what stands between the marks of a judge's question.

Reads: a judge's question (prompts.judging).  Gives: the reply's text.
Depends on: records.  Their habits are made up, simple and written below: an answer is as good as
the words that it shares with the reference (or with the source, where there is none).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final

from evalharness.records import JsonObject

JUDGES: Final = ("judge",)
MARKED: Final = re.compile(r"<([\w-]+) ([0-9a-f]{8})>\n(.*?)\n</\1 \2>", re.DOTALL)
SCALE: Final = re.compile(r"N from (\S+) \(worst\) to (\S+) \(best\)")
WORDS: Final = re.compile(r"W one of: ([^.\n]+)\.")
DECLINES: Final = re.compile(
    r"no idea|not in our|don't know|do not know|cannot tell|can't tell", re.IGNORECASE
)
MUCH: Final = 0.99
LITTLE: Final = 0.3
"""Shared words from which on an answer is right, and below which it is wrong."""


def judge(known: float, question: str, luck: float) -> str:
    """What a judge replies. known: the share of questions on which it does not slip.

    A judge that slips is a step too kind, takes no claim for supported, or prefers what it saw
    first.  luck: drawn from [0, 1).
    """
    parts = {name: text for name, _, text in MARKED.findall(question)}
    verdict = _verdict(parts, question, slips=luck >= known)
    return f"I have read it. {json.dumps({'reason': 'by the words that they share', **verdict})}"


def _verdict(parts: dict[str, str], question: str, *, slips: bool) -> JsonObject:
    """The JSON that the question's last lines ask for."""
    if '"better"' in question:
        return {"better": _better(parts, slips=slips)}
    answer = parts.get("answer", "")
    if '"declined"' in question:
        return {"declined": bool(DECLINES.search(answer)) != slips}
    if '"claims"' in question:
        return {"claims": _claims(answer, parts.get("source", ""), slips=slips)}
    quality = shared(answer, parts.get("reference") or parts.get("source", ""))
    listed = WORDS.search(question)
    if listed is not None:
        words = listed[1].split(", ")
        place = 0 if quality >= MUCH else len(words) - 1 if quality < LITTLE else len(words) // 2
        return {"verdict": words[max(0, place - slips)]}
    scale = SCALE.search(question)
    low, high = (float(scale[1]), float(scale[2])) if scale else (1.0, 5.0)
    return {"score": min(high, round(low + quality * (high - low)) + slips)}


def _better(parts: dict[str, str], *, slips: bool) -> str:
    """Which of two shares more words with the reference."""
    if slips:
        return "A"
    first, second = (
        shared(parts.get(f"answer-{side}", ""), parts.get("reference", "")) for side in "AB"
    )
    return "tie" if first == second else "A" if first > second else "B"


def _claims(answer: str, source: str, *, slips: bool) -> list[JsonObject]:
    """Every sentence as a claim, supported if the source has all of its numbers."""
    claims: list[JsonObject] = []
    for sentence in re.split(r"(?<=[.!?])\s+", answer.strip()):
        if sentence and not DECLINES.search(sentence):
            numbers = set(re.findall(r"\d+(?:\.\d+)?", sentence))
            supported = all(number in source for number in numbers) and not slips
            claims.append({"claim": sentence, "supported": supported})
    return claims


def shared(answer: str, reference: str) -> float:
    """The F1 of words, 0..1; 0 where either has none.

    >>> shared("Within 30 days.", "30 days")
    0.8
    """
    first, second = (Counter(re.findall(r"\w+", text.lower())) for text in (answer, reference))
    both = sum((first & second).values())
    return 2.0 * both / (first.total() + second.total()) if both else 0.0
