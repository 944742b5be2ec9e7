"""What a sample asks, in parts: the row's own system text, its question, the turn to answer.

Reads: samples.  Gives: texts, and messages with other messages put in their place.
Depends on: records, prompts.template.  Knows nothing of indexes or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from evalharness.prompts.template import TemplateProgram
from evalharness.records import Message, Sample

SYSTEM_ROLES: Final = ("system", "developer")


class Asked(NamedTuple):
    """system: the row's own, None without.  question: what the user says, all turns of it."""

    system: str | None
    question: str


def asked(sample: Sample, plain: TemplateProgram) -> Asked:
    """What the model is asked, as it will see it: a plain input goes through the template.

    Raises SpecError where the template needs what the sample lacks.
    """
    if not sample.messages:
        return Asked(None, plain.user_text(sample))
    said = [turn.content for turn in sample.messages if turn.role == "user" and turn.content]
    return Asked(system_text(sample.messages), "\n\n".join(said))


def shown(sample: Sample, plain: TemplateProgram) -> list[Asked]:
    """Every question that a training row shows with its answer: each user turn after those before.

    Raises SpecError where the template needs what the row lacks.
    """
    if not sample.messages:
        return [asked(sample, plain)]
    system = system_text(sample.messages)
    said = [turn.content for turn in sample.messages if turn.role == "user" and turn.content]
    return [Asked(system, "\n\n".join(said[:turns])) for turns in range(1, len(said) + 1)]


def query_of(sample: Sample, plain: TemplateProgram) -> str:
    """What is looked up for a sample: its input, or the last user turn of its conversation."""
    if sample.messages:
        place = last_user_turn(sample.messages)
        return "" if place is None else sample.messages[place].content or ""
    return sample.input or plain.user_text(sample)


def system_text(messages: Sequence[Message]) -> str | None:
    """The system messages of a conversation as one text; None if it has none."""
    found = [turn.content or "" for turn in messages if turn.role in SYSTEM_ROLES]
    return "\n\n".join(found) if found else None


def last_user_turn(messages: Sequence[Message]) -> int | None:
    """Where the turn to be answered stands: the last one that a user wrote; None without."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role == "user" and messages[place].content is not None:
            return place
    return None


def opening(messages: Sequence[Message]) -> int:
    """How many messages stand before the conversation: the system messages it starts with."""
    for place, turn in enumerate(messages):
        if turn.role not in SYSTEM_ROLES:
            return place
    return len(messages)
