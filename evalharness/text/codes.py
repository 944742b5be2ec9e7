"""Texts as strings of codes: one code point per token, so that comparing words is comparing chars.

Reads: texts.  Gives: code strings, comparable within one generation of a table.
Depends on: normalize, tokenize, porter.  Knows nothing of metrics.

Native code compares strings of characters many times faster than lists of words: the longest
common subsequence of two code strings is that of their words.  A table remembers the codes of
recent texts, so that several metrics over one batch tokenise it once; its memories are bounded,
and what they hold changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final

from evalharness.text.normalize import ARTICLES, squad_spaced
from evalharness.text.porter import stem_token
from evalharness.text.tokenize import SPACERS, Spacer, Token

MAX_TOKENS: Final = 1 << 14
"""Distinct tokens kept between samples: about 4 MB."""
MAX_KEPT_LENGTH: Final = 1 << 19
"""Characters of texts whose codes are kept: a batch of 500 answers of 500 characters with theirs,
about 1 MB."""
MAX_TEXT_LENGTH: Final = 4096
"""Longer texts are not kept, so that a few giants cannot fill the memory."""
KEPT_OVERHEAD: Final = 50
"""What a kept text is counted for beside its length, so that empty ones have a bound too."""
_SURROGATES: Final = 0xD800
_LAST_CODE: Final = 0x10FFFF - 0x800


class TooManyTokens(ValueError):
    """One sample's texts hold more distinct words than there are code points (1.1 million)."""


class _Codes(dict[Token, str]):
    """Token -> its code, given out on first sight; folded tokens share the code of their stem."""

    def __init__(self, fold: Callable[[Token], Token] | None, skip: Iterable[Token]) -> None:
        super().__init__(dict.fromkeys(skip, ""))
        self._fold = fold
        self._given: dict[Token, str] = {}

    def __missing__(self, token: Token) -> str:
        form = self._fold(token) if self._fold else token
        code = self._given.get(form)
        if code is None:
            number = len(self._given) + 1
            if number > _LAST_CODE:
                raise TooManyTokens("more than 1,100,000 distinct words in one sample")
            code = chr(number if number < _SURROGATES else number + 0x800)
            self._given[form] = code
        self[token] = code
        return code


class CodeTable:
    """Encodes texts with one tokeniser; see the module's header.

    fold: token -> the form that it is compared by.  skip: tokens that count for nothing.
    Call `begin` before each sample: codes of texts encoded since the last `begin` are comparable.
    """

    def __init__(
        self,
        spacer: Spacer,
        fold: Callable[[Token], Token] | None = None,
        skip: Iterable[Token] = (),
    ) -> None:
        self._spacer = spacer
        self._fold = fold
        self._skip = frozenset(skip)
        self._codes = _Codes(fold, self._skip)
        self._texts: dict[str, str] = {}
        self._lines: dict[str, Sequence[str]] = {}
        self._kept_length = 0

    def begin(self) -> None:
        """Forget everything if the vocabulary has grown past its bound."""
        if len(self._codes) > MAX_TOKENS:
            self.forget_all()

    def forget_texts(self) -> None:
        """Forget the texts, not the vocabulary; changes no result."""
        self._texts.clear()
        self._lines.clear()
        self._kept_length = 0

    def forget_all(self) -> None:
        """Forget the texts and the vocabulary: a new generation of codes."""
        self.forget_texts()
        self._codes = _Codes(self._fold, self._skip)

    def encode(self, text: str) -> str:
        """One character a token, in order; an empty string for a text without tokens.

        Raises TooManyTokens past 1.1 million distinct words since the last `begin`.
        """
        known = self._texts.get(text)
        if known is not None:
            return known
        codes = "".join(map(self._codes.__getitem__, self._spacer(text).split()))
        if self._may_keep(text):
            self._texts[text] = codes
        return codes

    def encode_lines(self, text: str) -> Sequence[str]:
        """The codes of each line of a text; together they are `encode(text)`."""
        known = self._lines.get(text)
        if known is not None:
            return known
        code_of = self._codes.__getitem__
        spaced = self._spacer(text)
        parts: Sequence[Token] = (
            spaced.split(b"\n") if isinstance(spaced, bytes) else spaced.split("\n")
        )
        lines = ["".join(map(code_of, part.split())) for part in parts]
        if self._may_keep(text):
            self._lines[text] = lines
        return lines

    def _may_keep(self, text: str) -> bool:
        """Make room for one more text; False for one that is too long to be kept."""
        if len(text) > MAX_TEXT_LENGTH:
            return False
        self._kept_length += len(text) + KEPT_OVERHEAD
        if self._kept_length > MAX_KEPT_LENGTH:
            self.forget_texts()
            self._kept_length = len(text) + KEPT_OVERHEAD
        return True


@cache
def code_table(tokenizer: str, *, stemmed: bool = False) -> CodeTable:
    """The process's shared table of a tokeniser, with or without Porter stems.

    tokenizer: a name of `tokenize.SPACERS`; KeyError otherwise.
    """
    return CodeTable(SPACERS[tokenizer], stem_token if stemmed else None)


@cache
def squad_table() -> CodeTable:
    """The process's shared table of SQuAD's normalised words; articles have no code."""
    return CodeTable(squad_spaced, skip=ARTICLES)


def forget_tables() -> None:
    """Give up the process's shared tables and their memory; changes no result."""
    code_table.cache_clear()
    squad_table.cache_clear()
