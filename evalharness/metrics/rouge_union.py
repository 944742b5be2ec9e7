"""ROUGE-Lsum's hits of many pairs at once: rouge_lsum's rules in arrays of 64-bit words.

Reads: coded lines of pairs.  Gives: the number of hits of each.
Depends on: rouge_lsum (for the few pairs that do not fit), numpy.
Sources: as rouge_lsum; Warren (2012), Hacker's Delight, section 3-2: the bits up to the highest.

One sort brings equal words of a pair together, another the matches of a line of the reference with
a line of the answer.  Where those matches ascend on both sides, all of them are in the subsequence:
most lines need nothing else.  The others are rouge_lsum's bit vectors, one 64-bit word a pair of
lines, and step through their columns together, forward for the rows and back for the walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from evalharness.metrics.rouge_lsum import summary_hits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evalharness.contracts import Mask, Words

    Integers = NDArray[np.int64]

MOST_WORDS: Final = 64
"""Words in a line of the reference that one machine word holds."""
MOST_COLUMNS: Final = 512
"""Words in a line of an answer; the lines of a batch take as many steps as the longest has."""
MOST_MATCHES: Final = 1 << 19
"""Equal words that are looked at together: arrays of 4 MB."""
MOST_TOKENS: Final = 1 << 19
"""Words of both sides in all, counted together; a batch of the usual size has fewer."""
FEW_TOKENS: Final = 1_200
"""Fewer words in all are counted pair by pair: setting up arrays takes a millisecond."""

_INDEX_BITS: Final = 21
_CODE_BITS: Final = 21
_PLACE_BITS: Final = 6
_INDEX: Final = (1 << _INDEX_BITS) - 1
_ONE: Final = np.uint64(1)


@dataclass(frozen=True, slots=True)
class _Side:
    """The words of one side of all pairs, end to end.

    codes_t, line_t, pair_t: of each word, its code, the number of its line, its pair.
    start_l, length_l: of each line, the place of its first word, and its number of words.
    """

    codes_t: Integers
    line_t: Integers
    pair_t: Integers
    start_l: Integers
    length_l: Integers


@dataclass(frozen=True, slots=True)
class _Matches:
    """Equal words of a pair, by line of the reference, word of the answer, word of the reference.

    word_m, answer_m: places among all words of their side.  group_m: the number of the pair of
    lines, ascending.  starts_g: the first match of each group.
    """

    word_m: Integers
    answer_m: Integers
    group_m: Integers
    starts_g: Integers


def batch_hits(references: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> list[int]:
    """`summary_hits` of every pair of coded lines, in order."""
    sizes = [_size(*pair) for pair in zip(references, answers, strict=True)]
    if sum(sizes) < FEW_TOKENS:
        sizes = [0] * len(sizes)
    counted = chain.from_iterable(
        _hits([references[pair] for pair in together], [answers[pair] for pair in together])
        for together in _batches(sizes)
    )
    return [
        next(counted) if size else summary_hits(references[pair], answers[pair])
        for pair, size in enumerate(sizes)
    ]


def _size(reference: Sequence[str], answer: Sequence[str]) -> int:
    """The number of words of a pair, or 0 if it does not fit."""
    if max(map(len, reference)) > MOST_WORDS or max(map(len, answer)) > MOST_COLUMNS:
        return 0
    size = sum(map(len, reference)) + sum(map(len, answer))
    return size if size <= MOST_TOKENS else 0


def _batches(sizes: Sequence[int]) -> Iterator[list[int]]:
    """The places of sizes that are not 0, in runs of at most MOST_TOKENS."""
    run: list[int] = []
    held = 0
    for place, size in enumerate(sizes):
        if run and held + size > MOST_TOKENS:
            yield run
            run, held = [], 0
        if size:
            run.append(place)
            held += size
    if run:
        yield run


def _hits(references: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> list[int]:
    """The hits of pairs that fit and have a word."""
    reference, answer = _side(references), _side(answers)
    keys = np.concatenate((_keys(reference, 0), _keys(answer, 1)))
    keys.sort()
    word_k = keys >> (_INDEX_BITS + 1)  # the pair and the code, the same on both sides
    starts_w = np.flatnonzero(np.concatenate(([True], word_k[1:] != word_k[:-1])))
    sizes_w = np.diff(starts_w, append=len(keys))
    answers_w = np.add.reduceat(keys >> _INDEX_BITS & 1, starts_w)
    both = (answers_w > 0) & (answers_w < sizes_w)
    starts_w, answers_w = starts_w[both], answers_w[both]
    references_w = sizes_w[both] - answers_w
    products_w = references_w * answers_w
    if products_w.sum() > MOST_MATCHES:
        return _in_halves(references, answers)
    place_m = _counted_from_zero(products_w)
    each_m = np.repeat(references_w, products_w)
    first_m = np.repeat(starts_w, products_w)
    found = _matches(
        reference,
        answer,
        keys[first_m + place_m % each_m] & _INDEX,
        keys[first_m + each_m + place_m // each_m] & _INDEX,
    )
    union_t = _union(reference, answer, found)
    # A word counts at most as often as the answer has it.
    places = np.repeat(starts_w, references_w) + _counted_from_zero(references_w)
    owner = np.repeat(np.arange(len(starts_w)), references_w)
    times_w = np.bincount(owner[union_t[keys[places] & _INDEX]], minlength=len(starts_w))
    hits_w = np.minimum(times_w, answers_w)
    pair_w = word_k[starts_w] >> _CODE_BITS
    hits: list[int] = np.bincount(pair_w, hits_w, len(references)).astype(np.int64).tolist()
    return hits


def _in_halves(references: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> list[int]:
    """The hits of pairs with too many matches in all."""
    if len(references) == 1:
        return [summary_hits(references[0], answers[0])]
    half = len(references) // 2
    return _hits(references[:half], answers[:half]) + _hits(references[half:], answers[half:])


def _side(texts: Sequence[Sequence[str]]) -> _Side:
    """The words of one side, from the lines of each text."""
    lines = list(chain.from_iterable(texts))
    length_l = np.fromiter(map(len, lines), dtype=np.int64, count=len(lines))
    pair_l = np.repeat(
        np.arange(len(texts)), np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    )
    line_t = np.repeat(np.arange(len(lines)), length_l)
    codes_t = np.frombuffer("".join(lines).encode("utf-32-le"), dtype="<u4").astype(np.int64)
    return _Side(codes_t, line_t, pair_l[line_t], np.cumsum(length_l) - length_l, length_l)


def _keys(side: _Side, number: int) -> Integers:
    """(pair, code, side, place) of every word."""
    word_t = side.pair_t << _CODE_BITS | side.codes_t
    return (word_t << 1 | number) << _INDEX_BITS | np.arange(len(word_t))


def _counted_from_zero(sizes: Integers) -> Integers:
    """0, 1, ... up to each size."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - sizes, sizes)


def _matches(reference: _Side, answer: _Side, word_m: Integers, answer_m: Integers) -> _Matches:
    """Matches in the order of their lines."""
    line_m = reference.line_t[word_m]
    place_m = word_m - reference.start_l[line_m]
    order = (line_m << _INDEX_BITS | answer_m) << _PLACE_BITS | place_m
    order.sort()
    answer_m = order >> _PLACE_BITS & _INDEX
    line_m = order >> (_PLACE_BITS + _INDEX_BITS)
    word_m = reference.start_l[line_m] + (order & (MOST_WORDS - 1))
    other_m = answer.line_t[answer_m]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (line_m[1:] != line_m[:-1]) | (other_m[1:] != other_m[:-1])
    return _Matches(word_m, answer_m, np.cumsum(new) - 1, np.flatnonzero(new))


def _union(reference: _Side, answer: _Side, found: _Matches) -> Mask:
    """Whether each word of the reference is in the union of its line's subsequences, [t]."""
    union_t = np.zeros(len(reference.codes_t), dtype=np.bool_)
    if not len(found.word_m):
        return union_t
    tangled_m = np.zeros(len(found.word_m), dtype=np.bool_)
    tangled_m[1:] = (
        (found.group_m[1:] == found.group_m[:-1])
        & ((found.answer_m[1:] == found.answer_m[:-1]) | (found.word_m[1:] <= found.word_m[:-1]))
    )  # fmt: skip
    tangled_g = np.logical_or.reduceat(tangled_m, found.starts_g)
    walked_m = tangled_g[found.group_m]
    union_t[found.word_m[~walked_m]] = True
    if walked_m.any():
        union_t[_walked(reference, answer, found, walked_m)] = True
    return union_t


def _walked(reference: _Side, answer: _Side, found: _Matches, walked_m: Mask) -> Integers:
    """The words of the subsequences that rouge-score reads out of these pairs of lines."""
    word_m, answer_m, group_m = (
        found.word_m[walked_m],
        found.answer_m[walked_m],
        found.group_m[walked_m],
    )
    line_m = reference.line_t[word_m]
    bit_m = _ONE << (word_m - reference.start_l[line_m]).astype(np.uint64)
    new = np.ones(len(word_m), dtype=np.bool_)
    new[1:] = (group_m[1:] != group_m[:-1]) | (answer_m[1:] != answer_m[:-1])
    starts_c = np.flatnonzero(new)
    masks_c = np.bitwise_or.reduceat(bit_m, starts_c)
    groups, first_g, columns_g = np.unique(group_m[starts_c], return_index=True, return_counts=True)
    # A gap follows a column where words without a match stand before the next one, or the end.
    place_c = answer_m[starts_c]
    line_c = answer.line_t[place_c]
    next_c = answer.start_l[line_c] + answer.length_l[line_c]
    inner = np.ones(len(starts_c), dtype=np.bool_)
    inner[first_g + columns_g - 1] = False
    next_c[inner] = place_c[1:][inner[:-1]]
    lengths_g = reference.length_l[line_m[starts_c[first_g]]].astype(np.uint64)
    whole_g = ~np.uint64(0) >> (np.uint64(MOST_WORDS) - lengths_g)
    matched_g = _walk(masks_c, next_c - place_c > 1, first_g, columns_g, whole_g)
    words: Integers = word_m[matched_g[np.searchsorted(groups, group_m)] & bit_m != 0]
    return words


def _walk(
    masks_c: Words, gap_c: Mask, first_g: Integers, columns_g: Integers, whole_g: Words
) -> Words:
    """The matched places of each line, as bits: rouge_lsum's `_matched_bits`, a column a step."""
    order = np.argsort(-columns_g, kind="stable")
    first_g, whole_g = first_g[order], whole_g[order]
    active_s = len(order) - np.cumsum(np.bincount(columns_g))[:-1]  # groups that have a column s
    row_g = whole_g.copy()
    zeros = []
    for step, active in enumerate(active_s.tolist()):
        masks, row = masks_c[first_g[:active] + step], row_g[:active]
        common = row & masks
        row_g[:active] = (row + common | row - common) & whole_g[:active]
        zeros.append(row_g[:active] ^ whole_g[:active])
    below_g, matched_g = whole_g.copy(), np.zeros_like(whole_g)
    for step, zero in reversed(list(enumerate(zeros))):
        active = len(zero)
        columns = first_g[:active] + step
        masks, below = masks_c[columns], below_g[:active]
        below = np.where(gap_c[columns], _up_to_highest(zero & below), below)
        stop = _up_to_highest((masks | zero) & below)
        taken = masks & (stop ^ stop >> _ONE)
        matched_g[:active] |= taken
        below_g[:active] = np.where(taken != 0, stop >> _ONE, stop)
    result = np.empty_like(matched_g)
    result[order] = matched_g
    return result


def _up_to_highest(bits: Words) -> Words:
    """Every bit up to the highest one, 0 for 0."""
    for shift in (1, 2, 4, 8, 16, 32):
        bits = bits | bits >> np.uint64(shift)
    return bits
