"""Invented stories with questions that build on each other, four reference answers each.

Reads: nothing.  Gives: rows as the suite `coqa` takes them, the same on every machine.
Depends on: the standard library.

    python examples/coqa_protocol/stories.py > conversations.jsonl
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator

SEED = 20260801
STORIES = 30
SYSTEM = "Read the story and extract answers for the questions."

SLOTS: dict[str, tuple[str, ...]] = {
    "name": ("Mira Holt", "Jonas Reed", "Ada Flint", "Pavel Dorn", "Lena Marsh", "Omar Vale"),
    "trade": ("lighthouse keeper", "clock maker", "bridge painter", "bee keeper", "map printer"),
    "town": ("Grey Point", "Saltham", "Upper Lind", "Cold Ferry", "Marrow Bay", "Tarn Hill"),
    "year": ("1911", "1924", "1931", "1946", "1952", "1968"),
    "friend": ("brother Tom", "aunt Clara", "cousin Felix", "sister Ruth", "uncle Ned"),
    "animal": ("goat", "heron", "mule", "raven", "tortoise", "hound"),
    "called": ("Biscuit", "Admiral", "Pepper", "Duchess", "Comma", "Thimble"),
    "prize": ("a brass compass", "a silver whistle", "a painted sledge", "a walnut chest"),
}

STORY = (
    "{name} worked as a {trade} in {town} for most of a long life. It began in {year}, when "
    "{first} came there by ferry together with {friend}. They owned little besides a {animal} "
    "called {called}, which slept under the kitchen table. One winter a storm took the roof, and "
    "the neighbours mended it within nine days. To thank them, {first} gave the oldest of them "
    "{prize}."
)

TURNS: tuple[tuple[str, tuple[str, str, str, str]], ...] = (
    ("Who is the story about?", ("{name}", "{first}", "{name}, the {trade}", "It is {name}")),
    ("What did {first} do for a living?", ("{trade}", "A {trade}", "was a {trade}", "{trade}.")),
    ("Where?", ("in {town}", "{town}", "In {town}", "at {town}")),
    ("Since when?", ("{year}", "since {year}", "from {year} on", "{year}")),
    ("With whom?", ("{friend}", "with {friend}", "{friend} came too", "{friend}")),
    ("What did they own?", ("a {animal}", "{animal}", "a {animal} called {called}", "A {animal}")),
    ("What was its name?", ("{called}", "it was called {called}", "{called}", "{called}.")),
    (
        "Where did it sleep?",
        ("under the table", "the kitchen", "under the kitchen table", "inside"),
    ),
    ("How long did the repair take?", ("nine days", "9 days", "within nine days", "nine")),
    ("What was the present?", ("{prize}", "{prize} for the oldest", "{prize}", "It was {prize}")),
)
"""Question -> what four readers would answer."""


def rows() -> Iterator[dict[str, object]]:
    """One row a question: the conversation before it, with the first reference answers."""
    rng = random.Random(SEED)
    for number in range(1, STORIES + 1):
        values = {slot: rng.choice(choices) for slot, choices in SLOTS.items()}
        values["first"] = values["name"].partition(" ")[0]
        story = f"{SYSTEM}\nStory: {STORY.format(**values)}"
        messages = [{"role": "system", "content": story}]
        for turn, (question, answers) in enumerate(TURNS, start=1):
            references = [answer.format(**values) for answer in answers]
            messages.append({"role": "user", "content": question.format(**values)})
            yield {
                "id": f"story-{number:02d}#{turn}",
                "messages": list(messages),
                "target": references,
                "cluster": f"story-{number:02d}",
            }
            messages.append({"role": "assistant", "content": references[0]})


def main() -> None:
    """Print the rows."""
    for row in rows():
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
