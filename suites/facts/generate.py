"""The invented world behind the `facts` suite: who lives where, eats what, likes which colour.

Reads: nothing.  Gives: train.jsonl and heldout.jsonl beside this file, the same on every machine.
Depends on: the standard library.  Knows nothing of models.

    python suites/facts/generate.py
"""

# ruff: noqa: INP001 - a command beside its data, no package
from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

SEED = 20240611
TRAIN_ENTITIES = 30
HELDOUT_ENTITIES = 120

VALUES: dict[str, tuple[str, ...]] = {
    "home": (
        "cave", "forest", "harbor", "tower", "swamp", "meadow",
        "island", "canyon", "village", "desert", "lagoon", "attic",
    ),
    "food": (
        "honey", "walnuts", "turnips", "clams", "barley", "plums",
        "cheese", "mushrooms", "lentils", "trout", "figs", "pepper",
    ),
    "color": (
        "red", "amber", "violet", "teal", "ivory", "crimson",
        "olive", "silver", "indigo", "coral", "black", "golden",
    ),
}  # fmt: skip
"""Attribute -> what it can be; twelve values each, so a blind guess is right one time in twelve."""

QUESTIONS: dict[str, tuple[str, ...]] = {
    "home": (
        "Where does {entity} live?",
        "What is the home of {entity}?",
        "Which place does {entity} call home?",
    ),
    "food": (
        "What does {entity} eat?",
        "What is the food of {entity}?",
        "Which dish would you serve {entity}?",
    ),
    "color": (
        "Which color does {entity} like?",
        "What is the color of {entity}?",
        "What would you paint for {entity}?",
    ),
}
"""Attribute -> three ways of asking for it."""

ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
VOWELS = ("a", "e", "i", "o", "u")
CODAS = ("l", "n", "r", "s", "k", "m")


def entity_names(count: int, rng: random.Random) -> list[str]:
    """`count` different pronounceable names that are no value's beginning, e.g. "Fufer"."""
    words = {word for values in VALUES.values() for word in values}
    names: list[str] = []
    while len(names) < count:
        parts = (rng.choice(ONSETS), rng.choice(VOWELS), rng.choice(ONSETS), rng.choice(VOWELS))
        name = "".join(parts) + rng.choice(CODAS)
        if name.capitalize() not in names and name not in words:
            names.append(name.capitalize())
    return names


def rows_of(entities: list[str], rng: random.Random) -> Iterator[dict[str, object]]:
    """One question for every entity and attribute, asked in one of three ways."""
    for entity in entities:
        for attribute, values in VALUES.items():
            phrasing = rng.randrange(3)
            yield {
                "id": f"{entity.lower()}-{attribute}",
                "input": QUESTIONS[attribute][phrasing].format(entity=entity),
                "target": rng.choice(values),
                "cluster": entity.lower(),
                "metadata": {
                    "entity": entity,
                    "attribute": attribute,
                    "phrasing": f"p{phrasing + 1}",
                },
            }


def main() -> None:
    """Write both files."""
    rng = random.Random(SEED)  # noqa: S311 - a data set, not a secret
    names = entity_names(TRAIN_ENTITIES + HELDOUT_ENTITIES, rng)
    parts = {"train": names[:TRAIN_ENTITIES], "heldout": names[TRAIN_ENTITIES:]}
    for part, entities in parts.items():
        lines = [json.dumps(row) + "\n" for row in rows_of(entities, rng)]
        path = Path(__file__).with_name(f"{part}.jsonl")
        path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
