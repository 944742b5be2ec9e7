"""No held-out question among the worked examples: by id, and by what the row asks.

Reads: training rows as they are read, then held-out samples one by one.
Gives: a DataError that names the pairs.
Depends on: prompts.asked, records, errors.  Knows nothing of how examples are chosen.

Two rows ask the same if their questions are equal after `fold` and their own system texts are
equal too, or one has none: "Summarise the text." over two texts is not one question.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Final

from evalharness.errors import DataError
from evalharness.prompts.asked import Asked, asked
from evalharness.prompts.template import TemplateProgram
from evalharness.records import Sample

SHOWN: Final = 10
"""Pairs that an error names; it counts the rest."""

EXCERPT: Final = 48
"""Characters of a question that an error shows: enough to find the row by."""


def fold(text: str) -> str:
    r"""A text as leaks are compared: NFC, lower case, white space squeezed, final marks off.

    Marks inside stay: "2 + 3" and "2 - 3" are two questions, and so are "5²" and "52".

    >>> fold("  Where is\tmy CARD?! ")
    'where is my card'
    """
    folded = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    return folded.rstrip(" .?!…。") or folded


def excerpt(text: str) -> str:
    """The start of a text on one line, for messages."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= EXCERPT else f'"{line[: EXCERPT - 1]}…"'


class TrainingRows:
    """Every row of a training file, kept as hashes: 16 bytes a question and its id.

    train: the file's name.  where: file and key that asks for it, for errors.
    """

    def __init__(self, *, train: str, where: str) -> None:
        self.train = train
        self.where = where
        self._ids: set[str] = set()
        self._rows: dict[bytes, list[tuple[bytes | None, str]]] = {}

    def add(self, row_id: str, questions: Iterable[Asked]) -> None:
        """Remember a training row by its id and by every question that it answers."""
        self._ids.add(row_id)
        for row in questions:
            question = fold(row.question)
            if question:
                system = None if row.system is None else _digest(fold(row.system))
                self._rows.setdefault(_digest(question), []).append((system, row_id))

    def leak(self, sample: Sample, plain: TemplateProgram) -> str | None:
        """How a sample is among the training rows, in words; None if it is not."""
        same_id = sample.id in self._ids or (
            bool(sample.messages) and sample.id.rpartition("#")[0] in self._ids
        )
        row = asked(sample, plain)
        same = self._same_question(row)
        shown = excerpt(row.question)
        if same_id:
            also = " and question" if sample.id in same else ""
            return f"'{sample.id}' (same id{also}: {shown})"
        return f"'{same[0]}' = held-out '{sample.id}' (same question: {shown})" if same else None

    def _same_question(self, row: Asked) -> list[str]:
        """Ids of the training rows that ask what this row asks."""
        question = fold(row.question)
        if not question:
            return []
        system = None if row.system is None else _digest(fold(row.system))
        return [
            row_id
            for other, row_id in self._rows.get(_digest(question), ())
            if system is None or other is None or system == other
        ]

    def refuse_leaks(self, heldout: Iterable[Sample], plain: TemplateProgram) -> None:
        """Raises DataError that names the training rows which held-out samples repeat."""
        leaks = [leak for sample in heldout if (leak := self.leak(sample, plain)) is not None]
        if leaks:
            raise self.refusal(leaks)

    def refusal(self, leaks: list[str]) -> DataError:
        """The error for these pairs."""
        rest = f", and {len(leaks) - SHOWN} more" if len(leaks) > SHOWN else ""
        listed = ", ".join(leaks[:SHOWN]) + rest
        count = "1 held-out sample is" if len(leaks) == 1 else f"{len(leaks)} held-out samples are"
        return DataError(
            f"{count} in the training file, whose answers the prompt would show: {listed}",
            where=f"{self.where}: {self.train}",
            mend="take these rows out of the training file; a row's id must be its own in both",
        )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
