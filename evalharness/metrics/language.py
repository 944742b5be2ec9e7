"""Language: is the answer in the wanted language?

Reads: answers.  Gives: rows (0 or 1, 1).
Depends on: base, text.language.
"""

from __future__ import annotations

from typing import Final

from evalharness.contracts import MetricKind, Need
from evalharness.metrics.base import ItemMetric, Judged, choice
from evalharness.records import Item, Unscored
from evalharness.text.language import LANGUAGES, language_of

_UNDECIDED: Final = Unscored(reason="the answer is too short to tell its language")


class Language(ItemMetric):
    """1 where the answer is in `language` (a two-letter code).

    Told by script and function words, see text.language; an answer of which it cannot be told is
    unscored.  Raises ValueError for a language that is not known here.

    >>> from evalharness.testing import score_texts
    >>> texts = ["This is the answer to that.", "Das ist nicht die Antwort."]
    >>> score_texts(Language(language="en"), texts, [[], []])
    0.5
    """

    name = "language"
    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset()

    def __init__(self, *, language: str) -> None:
        self.language = choice("language", language, sorted(LANGUAGES))
        super().__init__(f"language:{self.language}")

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where the language cannot be told."""
        found = language_of(item.text)
        return _UNDECIDED if found is None else float(found == self.language)
