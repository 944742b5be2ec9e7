"""Texts as strings of codes: one code point per token, so that comparing words is comparing chars.

Reads: texts.  Gives: code strings, comparable within one generation of a table.
Depends on: tokenize, porter.  Knows nothing of metrics.

Native code compares strings of characters many times faster than lists of words: the longest
common subsequence of two code strings is that of their words.  A table remembers the codes of
recent texts, so that several metrics over one batch tokenise it once; both its memories are
bounded, and what they hold changes no result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from evalharness.text.porter import stem_token
from evalharness.text.tokenize import TOKENIZERS, Token, Tokenizer

MAX_TOKENS: Final = 1 << 14
"""Distinct tokens kept between samples: about 4 MB."""
MAX_TEXTS: Final = 4096
"""Texts whose codes are kept: two batches of 1,000 answers with their references."""
MAX_TEXT_LENGTH: Final = 4096
"""Longer texts are not kept, so that a few giants cannot fill the memory."""
_SURROGATES: Final = 0xD800
_LAST_CODE: Final = 0x10FFFF - 0x800


class TooManyTokens(ValueError):
    """One sample's texts hold more distinct words than there are code points (1.1 million)."""


class _Codes(dict[Token, str]):
    """Token -> its code, given out on first sight; folded tokens share the code of their stem."""

    def __init__(self, fold: Callable[[Token], Token] | None) -> None:
        super().__init__()
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

    Call `begin` before each sample: codes of texts encoded since the last `begin` are comparable.
    """

    def __init__(self, tokenize: Tokenizer, fold: Callable[[Token], Token] | None = None) -> None:
        self._tokenize = tokenize
        self._fold = fold
        self._codes = _Codes(fold)
        self._texts: dict[str, str] = {}

    def begin(self) -> None:
        """Forget everything if the vocabulary has grown past its bound."""
        if len(self._codes) > MAX_TOKENS:
            self._codes = _Codes(self._fold)
            self._texts.clear()

    def encode(self, text: str) -> str:
        """One character a token, in order; an empty string for a text without tokens.

        Raises TooManyTokens past 1.1 million distinct words since the last `begin`.
        """
        known = self._texts.get(text)
        if known is not None:
            return known
        codes = "".join(map(self._codes.__getitem__, self._tokenize(text)))
        if len(text) <= MAX_TEXT_LENGTH:
            if len(self._texts) >= MAX_TEXTS:
                self._texts.clear()
            self._texts[text] = codes
        return codes


@cache
def code_table(tokenizer: str, *, stemmed: bool = False) -> CodeTable:
    """The process's shared table of a tokeniser, with or without Porter stems.

    tokenizer: a name of `tokenize.TOKENIZERS`; KeyError otherwise.
    """
    return CodeTable(TOKENIZERS[tokenizer], stem_token if stemmed else None)
