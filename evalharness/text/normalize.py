"""Normalisation of short answers, as the SQuAD scripts define it.

Reads: texts.  Gives: normalised texts and their words.
Depends on: the standard library.  Knows nothing of metrics.
Sources: the official scripts evaluate-v1.1.py and evaluate-v2.0.py (Rajpurkar et al., 2016, 2018):
lower-case, delete ASCII punctuation, drop the articles a, an, the, squeeze white space, in this
order.  Nothing else is folded: accents, typographic quotes and dashes stay.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Final

PUNCTUATION: Final = frozenset(string.punctuation)
"""The 32 ASCII punctuation marks that SQuAD deletes."""

_DELETE: Final = {ord(mark): None for mark in string.punctuation}
_ARTICLE: Final = re.compile(r"\b(a|an|the)\b")
ARTICLES: Final = frozenset({b"a", b"an", b"the"})
"""The words that SQuAD drops, as `squad_tokens` has words."""

# The byte path: lower-case letters, the separators that str.split knows and bytes.split does not.
_SEPARATORS: Final = frozenset(b"\x1c\x1d\x1e\x1f")
_LOWER: Final = bytes(
    byte + 32 if 65 <= byte <= 90 else 32 if byte in _SEPARATORS else byte for byte in range(256)
)
_PUNCTUATION_BYTES: Final = string.punctuation.encode()
# Control characters are neither spaces nor word characters: an article beside one is still a word
# of its own, which only the regular expression sees.
_CONTROLS: Final = bytes(byte for byte in (*range(32), 127) if not chr(byte).isspace())


def squad_normalize(text: str) -> str:
    """The normalised answer of the official SQuAD scripts; idempotent.

    >>> squad_normalize("The  Denver   Broncos!")
    'denver broncos'
    """
    words = _ARTICLE.sub(" ", text.lower().translate(_DELETE)).split()
    return " ".join(words)


def squad_tokens(text: str) -> list[bytes]:
    """The words of `squad_normalize(text)`, each as UTF-8 (lone surrogates pass).

    >>> squad_tokens("A U.S. state")
    [b'us', b'state']
    """
    return [word for word in squad_spaced(text).split() if word not in ARTICLES]


def squad_spaced(text: str) -> bytes:
    """The words of `squad_tokens`, spaced, with some ARTICLES still among them.

    For a caller that skips those: the common case, ASCII, is then normalised eight times faster.
    """
    if text.isascii():
        raw = text.encode()
        if raw.translate(None, _CONTROLS) == raw:
            return raw.translate(_LOWER, _PUNCTUATION_BYTES)
    return squad_normalize(text).encode("utf-8", "surrogatepass")


def squad_spaced_all(texts: Sequence[str]) -> list[bytes]:
    """`squad_spaced` of each text, in one pass over those that are plain ASCII.

    >>> squad_spaced_all(["The U.S.", "a  state"])
    [b'the us', b'a  state']
    """
    plain = [text for text in texts if text.isascii()]
    raw = "\0".join(plain).encode()
    if len(raw.translate(None, _CONTROLS)) != len(raw) - len(plain) + 1:
        return [squad_spaced(text) for text in texts]
    spaced = iter(raw.translate(_LOWER, _PUNCTUATION_BYTES).split(b"\0"))
    return [next(spaced) if text.isascii() else squad_spaced(text) for text in texts]


def squeeze(text: str) -> str:
    """White space at the ends removed and each run of it made one space.

    >>> squeeze("  two  words ")
    'two words'
    """
    return " ".join(text.split())
