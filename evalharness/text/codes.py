"""Texts as strings of codes: one code point per token, so that comparing words is comparing chars.

Reads: texts.  Gives: code strings, comparable within one generation of a table.
Depends on: normalize, tokenize, porter, slots.  Knows nothing of metrics.

Native code compares strings of characters many times faster than lists of words: the longest
common subsequence of two code strings is that of their words.  Many texts are encoded together by
array look-up (`slots`).  A table remembers the codes of recent texts, so that several metrics over
one batch tokenise it once; its memories are bounded, and what they hold changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import count, islice
from typing import TYPE_CHECKING, Final, TypeVar, cast

from evalharness.text.normalize import ARTICLES, squad_spaced, squad_spaced_all
from evalharness.text.porter import stem_token
from evalharness.text.tokenize import SPACERS, Spacer, Token

if TYPE_CHECKING:
    from evalharness.text.slots import WordSlots

Coded = TypeVar("Coded", str, list[str])

MAX_TOKENS: Final = 1 << 14
"""Distinct tokens kept between samples: about 4 MB."""
MAX_KEPT_LENGTH: Final = 1 << 19
"""Characters of texts whose codes are kept: a batch of 500 answers of 500 characters with theirs,
about 1 MB."""
BLOCK_LENGTH: Final = 1 << 15
"""Characters encoded together; measured best: the arrays stay in the processor's cache."""
FEW_CHARACTERS: Final = 1 << 10
"""Fewer are encoded word by word, without setting up arrays."""
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
        self._given: dict[Token, str] = {} if fold else self

    def of_all(self, tokens: Sequence[Token]) -> list[str]:
        """The codes of many tokens; unfolded ones get theirs together."""
        if not self._fold:
            new = dict.fromkeys(token for token in tokens if token not in self)
            first = len(self) + 1
            if first + len(new) <= _SURROGATES:
                self.update(zip(new, map(chr, count(first)), strict=False))
        return list(map(self.__getitem__, tokens))

    def __missing__(self, token: Token) -> str:
        form = self._fold(token) if self._fold else token
        code = self._given.get(form)
        if code is None:
            number = len(self._given) + 1
            if number > _LAST_CODE:
                raise TooManyTokens("more than 1,100,000 distinct words in one sample")
            code = chr(number if number < _SURROGATES else number + 0x800)
            self._given[form] = code
        if self._fold:
            self[token] = code
        return code


class CodeTable:
    """Encodes texts with one tokeniser; see the module's header.

    fold: token -> the form that it is compared by.  skip: tokens that count for nothing.
    together: the spacer of many texts at once, where there is a faster way.
    Call `begin` before each batch: codes of texts encoded since the last `begin` are comparable.
    """

    def __init__(
        self,
        spacer: Spacer,
        fold: Callable[[Token], Token] | None = None,
        skip: Iterable[Token] = (),
        together: Callable[[Sequence[str]], Sequence[Token]] | None = None,
    ) -> None:
        self._spacer = spacer
        self._together = together
        self._fold = fold
        self._skip = frozenset(skip)
        self._codes = _Codes(fold, self._skip)
        self._slots: WordSlots | None = None
        self._texts: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}
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
        self._slots = None

    def encode(self, text: str) -> str:
        """One character a token, in order; an empty string for a text without tokens.

        Raises TooManyTokens past 1.1 million distinct words since the last `begin`.
        """
        known = self._texts.get(text)
        return self.encode_all((text,))[0] if known is None else known

    def encode_all(self, texts: Sequence[str]) -> list[str]:
        """`encode` of many texts."""
        return self._looked_up(texts, self._texts, self._coded)

    def encode_lines(self, text: str) -> list[str]:
        """The codes of each line of a text; together they are `encode(text)`."""
        known = self._lines.get(text)
        return self.encode_all_lines((text,))[0] if known is None else known

    def encode_all_lines(self, texts: Sequence[str]) -> list[list[str]]:
        """`encode_lines` of many texts."""
        return self._looked_up(texts, self._lines, self._coded_lines)

    def _looked_up(
        self,
        texts: Sequence[str],
        kept: dict[str, Coded],
        code: Callable[[Sequence[str]], list[Coded]],
    ) -> list[Coded]:
        """What is kept of texts, and what `code` makes of the others; those are kept in turn."""
        fresh = [text for text in dict.fromkeys(texts) if text not in kept]
        if not fresh:
            return [kept[text] for text in texts]
        coded = dict(zip(fresh, code(fresh), strict=True))
        whole = [coded[text] if text in coded else kept[text] for text in texts]
        size = sum(map(len, fresh)) + KEPT_OVERHEAD * len(fresh)
        if self._kept_length + size > MAX_KEPT_LENGTH:
            self.forget_texts()
        if size <= MAX_KEPT_LENGTH:
            kept.update(coded)
            self._kept_length += size
        return whole

    def _coded(self, texts: Sequence[str]) -> list[str]:
        if self._together:
            return self._coded_words(self._together(texts))
        return self._coded_words([self._spacer(text) for text in texts])

    def _coded_lines(self, texts: Sequence[str]) -> list[list[str]]:
        lines = [split_lines(self._spacer(text)) for text in texts]
        coded = iter(self._coded_words([line for one in lines for line in one]))
        return [list(islice(coded, len(one))) for one in lines]

    def _coded_words(self, spaced: Sequence[Token]) -> list[str]:
        """The code strings of spaced texts, block by block."""
        size = sum(map(len, spaced))
        if size <= BLOCK_LENGTH:
            return self._coded_block(spaced, size)
        coded: list[str] = []
        start = size = 0
        for place, one in enumerate(spaced, 1):
            size += len(one)
            if size > BLOCK_LENGTH:
                coded += self._coded_block(spaced[start:place], size)
                start, size = place, 0
        return coded + self._coded_block(spaced[start:], size)

    def _coded_block(self, spaced: Sequence[Token], size: int) -> list[str]:
        if size < FEW_CHARACTERS or isinstance(spaced[0], str):
            code_of = self._codes.__getitem__
            return ["".join(map(code_of, one.split())) for one in spaced]
        if self._slots is None:
            from evalharness.text.slots import WordSlots

            self._slots = WordSlots(self._codes.of_all)
        return self._slots.encode(cast("Sequence[bytes]", spaced))  # a spacer gives one type


def split_lines(spaced: Token) -> Sequence[Token]:
    """The lines of a spaced text, which end at line feeds and nowhere else."""
    return spaced.split(b"\n") if isinstance(spaced, bytes) else spaced.split("\n")


@cache
def code_table(tokenizer: str, *, stemmed: bool = False) -> CodeTable:
    """The process's shared table of a tokeniser, with or without Porter stems.

    tokenizer: a name of `tokenize.SPACERS`; KeyError otherwise.
    """
    return CodeTable(SPACERS[tokenizer], stem_token if stemmed else None)


@cache
def squad_table() -> CodeTable:
    """The process's shared table of SQuAD's normalised words; articles have no code."""
    return CodeTable(squad_spaced, skip=ARTICLES, together=squad_spaced_all)


def forget_tables() -> None:
    """Give up the process's shared tables and their memory; changes no result."""
    code_table.cache_clear()
    squad_table.cache_clear()
