"""Multiple choice: which letter does the answer choose?

Reads: answers and references; `metadata.choices` where a sample lists its choices' texts.
Gives: rows (0 or 1, 1).
Depends on: base.  Every pattern is linear in the length of the answer.
"""

from __future__ import annotations

import re
import string
from typing import Final

from evalharness.contracts import MetricKind
from evalharness.metrics.base import ItemMetric, Judged
from evalharness.records import Item, Sample, Unscored

_MOST_CHARACTERS: Final = 20_000  # of an answer's end that are searched for a letter


class MultipleChoice(ItemMetric):
    """1 where the letter that the answer chooses is the reference's.

    letters: the choices' letters (default A to J).
    The reference is a letter, or the text of a choice in `metadata.choices`.
    The answer's letter is the first that these rules find: the answer is a letter and marks; the
    last "answer is (B)" or "answer: B"; a letter and a mark at the start, "B) because"; the last
    letter in brackets; the answer is the text of a choice.  Lower-case letters count only where
    the answer is nothing but the letter.  No letter found: 0.
    Raises ValueError if letters repeat or are not ASCII letters.

    >>> from evalharness.testing import score_texts
    >>> score_texts(MultipleChoice(), ["The answer is (B).", "C) blue", "d"], [["B"], ["A"], ["D"]])
    0.6666666666666666
    """

    name = "multiple_choice"
    kind: MetricKind = "binary"

    def __init__(self, *, letters: str = "ABCDEFGHIJ") -> None:
        if (
            not letters
            or len(set(letters)) != len(letters)
            or not set(letters) <= set(string.ascii_uppercase)
        ):
            raise ValueError(f"letters must be different capital letters; got {letters!r}")
        self.letters = letters
        one = f"[{letters}]"
        self._alone = re.compile(rf"[\W_]*({one}|{one.lower()})[\W_]*")
        self._said = re.compile(
            rf"(?i:answer|option|choice)(?i:\s+is\b|\s*:|\s*=)?[\s:*_$\"'`(\[{{\\]*"
            rf"(?:(?i:boxed|text)\{{)*(?i:option\s+)?[(*\[]*({one})(?![\w'])"
        )
        self._first = re.compile(rf"[\s*_(\[]*({one})[)\].:,][\s*_)\]]*(?:\s|$)")
        self._bracketed = re.compile(rf"[(\[{{]({one})[)\]}}]")
        super().__init__(f"letters:{letters}")

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where the reference names no choice."""
        wanted = self.wanted(item.sample)
        if not wanted:
            return Unscored(reason=f"no reference is one of the letters {self.letters}")
        return 1.0 if self.chosen(item.text, item.sample) in wanted else 0.0

    def chosen(self, text: str, sample: Sample) -> str | None:
        """The letter that an answer chooses, or None."""
        text = text[-_MOST_CHARACTERS:].strip()
        alone = self._alone.fullmatch(text)
        if alone:
            return alone[1].upper()
        said = self._said.findall(text)
        if said:
            return str(said[-1])
        first = self._first.match(text)
        if first:
            return first[1]
        bracketed = self._bracketed.findall(text)
        if bracketed:
            return str(bracketed[-1])
        return self._by_text(text, sample)

    def wanted(self, sample: Sample) -> set[str]:
        """The letters that a sample's references mean; empty if they name no choice."""
        letters = (self._wanted(target, sample) for target in sample.targets)
        return {letter for letter in letters if letter is not None}

    def _wanted(self, target: str, sample: Sample) -> str | None:
        """The letter that a reference means, or None."""
        alone = self._alone.fullmatch(target.strip())
        return alone[1].upper() if alone else self._by_text(target, sample)

    def _by_text(self, text: str, sample: Sample) -> str | None:
        """The letter of the choice whose text this is, case and outer marks ignored."""
        choices = sample.metadata.get("choices")
        if not isinstance(choices, list):
            return None
        key = _key(text)
        for letter, choice in zip(self.letters, choices, strict=False):
            if isinstance(choice, str) and key and _key(choice) == key:
                return letter
        return None


def _key(text: str) -> str:
    """A choice's text without case, outer white space and a last full stop."""
    return text.strip().rstrip(".").casefold()
