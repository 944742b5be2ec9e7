"""Words of many texts at once: each word's bytes as two numbers, its code found by array look-up.

Reads: texts spaced by a tokeniser.  Gives: code strings, and asks for the codes of new words.
Depends on: numpy.  Knows nothing of tokenisers, and nothing about words but their bytes.

A word of at most 16 bytes is exactly its two 64-bit numbers (unless it holds a NUL byte), so that
looking words up is arithmetic and comparison of whole arrays: four times faster than splitting a
text into objects.  A slot that another word has taken, or a longer word, costs a question to the
owner of the codes and changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.uint64]
    Places: TypeAlias = NDArray[np.int64]

SLOT_BITS: Final = 15
"""Slots: twice as many as words are kept; 20 bytes each."""
WORD_BYTES: Final = 16
"""Words of more bytes have no slot."""

_HALF: Final = WORD_BYTES // 2
_LOW_BYTES: Final = np.array([(1 << 8 * n) - 1 for n in range(_HALF + 1)], dtype=np.uint64)
_IS_WORD: Final = bytes(byte not in b" \t\n\r\x0b\x0c" for byte in range(256))
_FIRST_STEP: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well mixed: Knuth's golden ratio
_SECOND_STEP: Final = np.uint64(0xC2B2AE3D27D4EB4F)  # a prime of xxHash
_SHIFT: Final = np.uint64(64 - SLOT_BITS)


class WordSlots:
    """Codes of words by slot.

    ask: the codes of words that have no slot yet, or have lost it; "" for a word without one.
    """

    def __init__(self, ask: Callable[[Sequence[bytes]], Sequence[str]]) -> None:
        self._ask = ask
        self._first = np.zeros(1 << SLOT_BITS, dtype=np.uint64)
        self._second = np.zeros(1 << SLOT_BITS, dtype=np.uint64)
        self._code = np.zeros(1 << SLOT_BITS, dtype="<u4")

    def encode(self, spaced: Sequence[bytes]) -> list[str]:
        """One code string a text: one character a word, in order.

        spaced: texts whose words stand between ASCII white space.
        """
        content = b" ".join((b"", *spaced, b" " * WORD_BYTES))
        if b"\0" in content:  # "a" and "a\0" would be the same two numbers
            return ["".join(self._ask(one.split())) for one in spaced]
        is_word = np.frombuffer(content.translate(_IS_WORD), dtype=np.bool_)
        edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
        starts, ends = edges[::2], edges[1::2]
        codes = self._codes(content, starts, ends)
        after_texts = np.cumsum(np.fromiter(map(len, spaced), np.int64, len(spaced)) + 1)
        bounds = np.searchsorted(starts, after_texts)
        if not codes.all():  # words without a code count for nothing
            bounds -= np.concatenate(([0], np.cumsum(codes == 0)))[bounds]
            codes = codes[codes != 0]
        whole = codes.tobytes().decode("utf-32-le")
        return [whole[start:end] for start, end in pairwise((0, *bounds.tolist()))]

    def _codes(self, content: bytes, starts: Places, ends: Places) -> NDArray[np.uint32]:
        """The code of every word, 0 for none."""
        lengths = ends - starts
        halves = np.ndarray((len(content) - _HALF + 1,), "<u8", content, strides=(1,))
        first = halves[starts] & _LOW_BYTES[np.minimum(lengths, _HALF)]
        second = np.zeros(len(starts), dtype=np.uint64)
        long = np.flatnonzero(lengths > _HALF)
        second[long] = (
            halves[starts[long] + _HALF] & _LOW_BYTES[np.minimum(lengths[long] - _HALF, _HALF)]
        )
        slots = ((first * _FIRST_STEP ^ second * _SECOND_STEP) >> _SHIFT).astype(np.int64)
        codes: NDArray[np.uint32] = self._code[slots]
        missing = np.flatnonzero((self._first[slots] != first) | (self._second[slots] != second))
        beside = slots[missing] ^ 1  # the other slot of its two
        codes[missing] = self._code[beside]
        is_there = (self._first[beside] == first[missing]) & (
            self._second[beside] == second[missing]
        )
        unknown = missing[~is_there]
        if len(long) and lengths.max() > WORD_BYTES:
            unknown = np.union1d(unknown, np.flatnonzero(lengths > WORD_BYTES))
        if len(unknown):
            places = zip(starts[unknown].tolist(), ends[unknown].tolist(), strict=True)
            asked = self._ask([content[start:end] for start, end in places])
            codes[unknown] = [ord(code or "\0") for code in asked]
            self._take_slots(unknown[lengths[unknown] <= WORD_BYTES], slots, first, second, codes)
        return codes

    def _take_slots(
        self,
        new: Places,
        slots: Places,
        first: Numbers,
        second: Numbers,
        codes: NDArray[np.uint32],
    ) -> None:
        """Give words their slot, or the one beside it where that alone is free."""
        taken = self._first[slots[new]] != 0
        slot = slots[new] ^ (taken & (self._first[slots[new] ^ 1] == 0))
        self._first[slot], self._second[slot], self._code[slot] = (
            first[new],
            second[new],
            codes[new],
        )
