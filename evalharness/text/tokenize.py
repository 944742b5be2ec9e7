"""Tokenisers by name: text -> words, for metrics that compare words.

Reads: texts.  Gives: lists of tokens, bytes or str, equal when the words are equal.
Depends on: the standard library.  Knows nothing of metrics.
Sources: `ascii` gives the tokens of rouge-score 0.1.2 (Lin's ROUGE-1.5.5), which keep a-z and 0-9
only; the others are for text that this would silently throw away.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final, TypeAlias

from evalharness.text.normalize import squad_tokens

Token: TypeAlias = bytes | str
Tokenizer: TypeAlias = Callable[[str], list[Token]]

_ALPHANUMERIC: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")
_ASCII_WORDS: Final = bytes(byte if byte in _ALPHANUMERIC else 32 for byte in range(256))


def ascii_words(text: str) -> list[Token]:
    """Lower-cased runs of a-z and 0-9, everything else dropped, as rouge-score does.

    >>> ascii_words("Café No. 9")
    [b'caf', b'no', b'9']
    """
    return [*text.lower().encode("ascii", "replace").translate(_ASCII_WORDS).split()]


class _WordCharacters(dict[int, str]):
    """A str.translate table: letters, marks and digits stay, everything else is a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character if unicodedata.category(character)[0] in "LMN" else " "
        self[code] = kept
        return kept


class _SplitCjk(dict[int, str]):
    """A str.translate table: a word character of a script without spaces stands alone."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character)[0] not in "LMN":
            kept = " "
        elif is_unspaced(code):
            kept = f" {character} "
        else:
            kept = character
        self[code] = kept
        return kept


_WORD_CHARACTERS: Final = _WordCharacters()
_SPLIT_CJK: Final = _SplitCjk()

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


def unicode_words(text: str) -> list[Token]:
    """Lower-cased NFC runs of letters, marks and digits of any script.

    >>> unicode_words("Café naïve, 24th")
    ['café', 'naïve', '24th']
    """
    return [*unicodedata.normalize("NFC", text).lower().translate(_WORD_CHARACTERS).split()]


def characters(text: str) -> list[Token]:
    """Every letter, mark and digit by itself, lower-cased, NFC.

    >>> characters("Ab 9")
    ['a', 'b', '9']
    """
    return [*"".join(map(str, unicode_words(text)))]


def cjk_words(text: str) -> list[Token]:
    """Characters of scripts without spaces one by one, words of other scripts whole.

    >>> cjk_words("我爱 Beijing")
    ['我', '爱', 'beijing']
    """
    return [*unicodedata.normalize("NFC", text).lower().translate(_SPLIT_CJK).split()]


def spaced_words(text: str) -> list[Token]:
    """Words as the text spaces them; nothing folded.

    >>> spaced_words("Is it? Yes.")
    ['Is', 'it?', 'Yes.']
    """
    return [*text.split()]


def squad_words(text: str) -> list[Token]:
    """The words of a normalised SQuAD answer, see `normalize.squad_tokens`."""
    return [*squad_tokens(text)]


TOKENIZERS: Final[dict[str, Tokenizer]] = {
    "ascii": ascii_words,
    "unicode": unicode_words,
    "character": characters,
    "cjk": cjk_words,
    "space": spaced_words,
    "squad": squad_words,
}
"""Name as in a signature -> tokeniser."""


def dropped_share(text: str) -> float:
    """The share of a text's letters, marks and digits that `ascii_words` throws away, 0..1.

    >>> dropped_share("naïve")
    0.2
    """
    kept = "".join(map(str, unicode_words(text)))
    if not kept:
        return 0.0
    return 1 - sum(character.isascii() for character in kept) / len(kept)
