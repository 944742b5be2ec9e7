"""Two texts word by word: what both say, and what only one of them says.

Reads: two strings.  Gives: for each a list of pieces, marked kept or own; joined they are the text
again.  Depends on: rapidfuzz (Levenshtein opcodes over words).  Knows nothing of HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MOST_WORDS: Final = 4000
"""Longer texts are not compared: the table of a comparison grows with the product of lengths."""

_WORD: Final = re.compile(r"\s+|[^\W_]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `own` where the other text has something else in its place."""

    text: str
    own: bool


def word_diff(first: str, second: str) -> tuple[list[Piece], list[Piece]]:
    """The pieces of both texts; equal texts give one kept piece each.

    Texts of more than 4,000 words, together with their blanks, are given whole and unmarked.

    >>> left, right = word_diff("in 30 days", "in 60 days")
    >>> [piece.text for piece in left if piece.own], [piece.text for piece in right if piece.own]
    (['30'], ['60'])
    """
    words_a, words_b = _WORD.findall(first), _WORD.findall(second)
    if max(len(words_a), len(words_b)) > MOST_WORDS:
        return _whole(first), _whole(second)
    from rapidfuzz.distance import Indel

    left: list[Piece] = []
    right: list[Piece] = []
    for step in Indel.opcodes(words_a, words_b):
        own = step.tag != "equal"
        _add(left, "".join(words_a[step.src_start : step.src_end]), own=own)
        _add(right, "".join(words_b[step.dest_start : step.dest_end]), own=own)
    return left, right


def _whole(text: str) -> list[Piece]:
    return [Piece(text, own=False)] if text else []


def _add(pieces: list[Piece], text: str, *, own: bool) -> None:
    """Append, joining runs of one kind; blank gaps between own runs belong to them."""
    if not text:
        return
    if pieces and pieces[-1].own == own:
        pieces[-1] = Piece(pieces[-1].text + text, own=own)
    elif len(pieces) >= 2 and own and not pieces[-1].text.strip() and pieces[-2].own:
        gap = pieces.pop().text
        pieces[-1] = Piece(pieces[-1].text + gap + text, own=own)
    else:
        pieces.append(Piece(text, own=own))
