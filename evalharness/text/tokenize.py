"""Tokenisers by name: text -> words, for metrics that compare words.

Reads: texts.  Gives: words, bytes or str, equal when the words are equal.
Depends on: the standard library.  Knows nothing of metrics.
Sources: `ascii` gives the tokens of rouge-score 0.1.2 (Lin's ROUGE-1.5.5), which keep a-z and 0-9
only; the others are for text that this would silently throw away.

A tokeniser is a function that spaces a text: its tokens are what stands between white space, and
line ends stay where they are, so that the tokens of each line can be had too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

Token: TypeAlias = bytes | str
Spacer: TypeAlias = Callable[[str], Token]
"""Text -> the same text with its tokens set apart by white space."""

_ALPHANUMERIC: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789\n")
_ASCII_WORDS: Final = bytes(byte if byte in _ALPHANUMERIC else 32 for byte in range(256))


def ascii_words(text: str) -> bytes:
    """Lower-cased runs of a-z and 0-9, everything else dropped, as rouge-score does.

    >>> ascii_words("Café No. 9").split()
    [b'caf', b'no', b'9']
    """
    return text.lower().encode("ascii", "replace").translate(_ASCII_WORDS)


class _Characters(dict[int, str]):
    """A str.translate table: how each code point is written, found out when first seen."""

    def __init__(self, alone: Callable[[int], bool]) -> None:
        super().__init__({ord("\n"): "\n"})
        self._alone = alone

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character)[0] not in "LMN":
            written = " "
        else:
            written = f" {character} " if self._alone(code) else character
        self[code] = written
        return written


# Scripts written without spaces between words (Unicode 15 blocks): Thai, Lao, Myanmar, Khmer,
# kana, CJK ideographs with their extensions and compatibility forms, half-width katakana.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)


def is_unspaced(code: int) -> bool:
    """Whether a code point belongs to a script that puts no spaces between words."""
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


_WORDS: Final = _Characters(lambda _code: False)
_SINGLE: Final = _Characters(lambda _code: True)
_CJK: Final = _Characters(is_unspaced)


def unicode_words(text: str) -> str:
    """Lower-cased NFC runs of letters, marks and digits of any script.

    >>> unicode_words("Café naïve, 24th").split()
    ['café', 'naïve', '24th']
    """
    return unicodedata.normalize("NFC", text).lower().translate(_WORDS)


def characters(text: str) -> str:
    """Every letter, mark and digit by itself, lower-cased, NFC.

    >>> characters("Ab 9").split()
    ['a', 'b', '9']
    """
    return unicodedata.normalize("NFC", text).lower().translate(_SINGLE)


def cjk_words(text: str) -> str:
    """Characters of scripts without spaces one by one, words of other scripts whole.

    >>> cjk_words("我爱 Beijing").split()
    ['我', '爱', 'beijing']
    """
    return unicodedata.normalize("NFC", text).lower().translate(_CJK)


def spaced_words(text: str) -> str:
    """Words as the text spaces them; nothing folded.

    >>> spaced_words("Is it? Yes.").split()
    ['Is', 'it?', 'Yes.']
    """
    return text


SPACERS: Final[dict[str, Spacer]] = {
    "ascii": ascii_words,
    "unicode": unicode_words,
    "character": characters,
    "cjk": cjk_words,
    "space": spaced_words,
}
"""Name as in a signature -> tokeniser."""


def tokens(text: str, tokenizer: str) -> Sequence[Token]:
    """The tokens of a text by the name of a tokeniser; KeyError for an unknown one.

    >>> tokens("The cat", "unicode")
    ['the', 'cat']
    """
    return SPACERS[tokenizer](text).split()


def dropped_share(text: str) -> float:
    """The share of a text's letters, marks and digits that `ascii_words` throws away, 0..1.

    >>> dropped_share("naïve")
    0.2
    """
    kept = "".join(unicode_words(text).split())
    if not kept:
        return 0.0
    return sum(not character.isascii() for character in kept) / len(kept)
