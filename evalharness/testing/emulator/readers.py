"""Emulated models that read: what they say depends on the conversation that they are shown.

Reads: messages and gold answers.  Gives: texts.
Depends on: records.  Their habits are made up, simple and written below, so that a test can
say beforehand what a way of asking does to a score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from evalharness.records import JsonObject

READERS: Final = ("reader", "tuned-reader")
WRONG: Final = "no idea"
BRIEF_WORDS: Final = 10
"""An earlier answer of at most so many words shows a reader that short answers are wanted."""

ALONE: Final = 0.75
LOST: Final = 0.8
SAMPLED: Final = 0.9
"""What is left of a reader's knowledge if it sees questions without answers between them, if its
last answer was wrong, and if it is sampled above temperature 0."""


def read(program: str, known: float, body: JsonObject, gold: Mapping[str, str]) -> str:
    """What a reader answers to the last question of a conversation.

    program: `reader` talks in sentences unless it is told or shown to be brief; `tuned-reader` is
    always brief.  known: the share of questions that it can answer at best, 0..1.
    gold: all messages but the model's own, joined by line ends, or the last one alone -> answer.
    Luck goes by the story (the last line of the first message) and the questions: a worse way of
    asking costs it answers, another wording of the instructions does not deal anew.
    """
    turns = [turn for turn in body.get("messages") or () if isinstance(turn, dict)]
    asked = [str(turn.get("content") or "") for turn in turns if turn.get("role") == "user"]
    own = [str(turn.get("content") or "") for turn in turns if turn.get("role") == "assistant"]
    last = asked[-1] if asked else ""
    shown = [str(turn.get("content") or "") for turn in turns if turn.get("role") != "assistant"]
    answer = gold.get("\n".join(shown), gold.get(last, last))
    share = known * trust(asked, own) * (SAMPLED if (body.get("temperature") or 0) > 0 else 1.0)
    story = shown[0].rpartition("\n")[2] if shown else ""
    named = "\n".join([story, *asked]).encode("utf-8", "replace")
    luck = int.from_bytes(hashlib.blake2b(named, digest_size=8).digest()) / 2**64
    text = answer if luck < share else WRONG
    if program == "tuned-reader" or is_brief(turns, own):
        return text
    return f"Going by what the story tells us, I would say that the answer is {text}, more or less."


def trust(asked: Sequence[str], own: Sequence[str]) -> float:
    """How much of its knowledge a conversation leaves a reader."""
    if len(asked) > 1 and not own:
        return ALONE
    return LOST if own and WRONG in own[-1] else 1.0


def is_brief(turns: Sequence[JsonObject], own: Sequence[str]) -> bool:
    """Whether short answers are asked for or shown."""
    told = any("few words" in str(turn.get("content")) for turn in turns)
    return told or (bool(own) and len(own[-1].split()) <= BRIEF_WORDS)
