"""How many words, or pairs of words, an answer shares with each reference, counted by batch.

Reads: code strings (see text.codes).  Gives: counts a pair, F scores, the best reference an item.
Depends on: text.codes, numpy.  Knows nothing of normalisation.

Counting is one sort over all pairs of a batch: every n-gram is a 64-bit key of its pair, itself and
its side, so that an n-gram which both sides of a pair have stands beside itself.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from evalharness.metrics.base import NO_TARGET, Judged
from evalharness.records import Item, Unscored
from evalharness.text.codes import CodeTable, TooManyTokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evalharness.contracts import Array

    Integers: TypeAlias = NDArray[np.int64]

Order: TypeAlias = Literal[1, 2]
Statistic: TypeAlias = Literal["f1", "precision", "recall"]

CHUNK_CHARACTERS: Final = 200_000
"""Characters, answers set beside each of their references, that are counted together; measured
best: the arrays stay in the processor's cache."""
_GIANT_UNITS: Final = 2_000_000
_CODE_BITS: Final = 21  # code points are below 2^21
_PAIR_SHIFT: Final = 2 * _CODE_BITS + 1  # above two codes and the side
_MOST_REFERENCES: Final = 1 << 19  # pair numbers use the bits above the shift


@dataclass(frozen=True, slots=True)
class Pairs:
    """Encoded answers and references of a run of items.

    answers: one code string an item.  references: one a pair.  owner_p: the answer of each pair;
    ascending.  items: position of each answer's item in the batch.
    """

    answers: list[str]
    references: list[str]
    owner_p: list[int]
    items: list[int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Counts a pair: shared units, and units in the answer and in the reference; all [p]."""

    shared_p: Integers
    answer_p: Integers
    reference_p: Integers

    def statistic(self, which: Statistic) -> Array:
        """Precision, recall or their harmonic mean [p], 0 where nothing is shared.

        The operations and their order are those of rouge-score and of the SQuAD scripts, so that
        the numbers are theirs to the last bit.
        """
        precision_p = self.shared_p / np.maximum(self.answer_p, 1)
        recall_p = self.shared_p / np.maximum(self.reference_p, 1)
        if which == "precision":
            return precision_p
        if which == "recall":
            return recall_p
        total_p = precision_p + recall_p
        return np.divide(
            2 * precision_p * recall_p, total_p, out=np.zeros(len(total_p)), where=total_p > 0
        )


def encode_pairs(
    items: Sequence[Item], table: CodeTable, judged: list[Judged], *, by_line: bool = False
) -> Iterator[Pairs]:
    """The batch as runs of pairs of bounded size; what cannot be encoded is judged here.

    judged: one entry an item, in order; a reason is written for items without references and for
    those with too many distinct words.  by_line: the lines of the texts will be asked for next.
    """
    encode = partial(_joined_lines, table) if by_line else table.encode_all
    for run in runs(items, judged, absent=NO_TARGET):
        table.begin()
        owner_p = [place for place, index in enumerate(run) for _ in items[index].sample.targets]
        texts = [items[index].text for index in run]
        texts += [target for index in run for target in items[index].sample.targets]
        try:
            codes = encode(texts)
        except TooManyTokens as error:
            judged[run[0]] = Unscored(reason=str(error))
            continue
        yield Pairs(codes[: len(run)], codes[len(run) :], owner_p, run)


def runs(
    items: Sequence[Item], judged: list[Judged], *, absent: Unscored | None
) -> Iterator[list[int]]:
    """Places of items whose texts are counted together; an item longer than a run stands alone.

    judged: written for items that are in no run.  absent: what is said of an item without
    references; None lets it take part.
    """
    if _is_small(items, absent):
        yield list(range(len(items)))
        return
    run: list[int] = []
    size = 0
    for index, item in enumerate(items):
        targets, length = item.sample.targets, len(item.text)
        if len(targets) == 1:
            length += len(targets[0])
        elif not targets and absent is not None:
            judged[index] = absent
            continue
        elif len(targets) > _MOST_REFERENCES:
            judged[index] = Unscored(reason=f"more than {_MOST_REFERENCES:,} references")
            continue
        else:
            length = (length + 1) * len(targets) + sum(map(len, targets))
        size += length
        if size > CHUNK_CHARACTERS and run:
            yield run
            run, size = [], length
        run.append(index)
    if run:
        yield run


def _is_small(items: Sequence[Item], absent: Unscored | None) -> bool:
    """Whether all items take part and are surely one run: the usual batch of short answers."""
    targets = [item.sample.targets for item in items]
    counts = [*map(len, targets)]
    if not counts or (absent is not None and not min(counts)):
        return False
    longest = sum(map(len, [item.text for item in items])) + len(items)
    return longest * max(counts) + sum(map(len, chain.from_iterable(targets))) <= CHUNK_CHARACTERS


def _joined_lines(table: CodeTable, texts: Sequence[str]) -> list[str]:
    """The codes of texts, by way of their lines."""
    return ["".join(lines) for lines in table.encode_all_lines(texts)]


def count_overlap(pairs: Pairs, order: Order) -> Overlap:
    """Shared n-grams of every pair, each counted as often as both sides have it.

    order: 1 for words, 2 for neighbouring words.
    """
    owner_p = np.array(pairs.owner_p, dtype=np.int64)
    answer_units = _units(pairs.answers, order)[owner_p]
    reference_units = _units(pairs.references, order)
    if answer_units.sum() + reference_units.sum() > _GIANT_UNITS:
        shared_p = _count_one_by_one(pairs, order)
    else:
        shared_p = _count_together(pairs, order)
    return Overlap(shared_p, answer_units, reference_units)


def _count_together(pairs: Pairs, order: Order) -> Integers:
    """Shared n-grams [p] by one sort of the n-grams of all pairs.

    A key is (pair, n-gram, side); a shared n-gram is where the two sides of one key meet.
    """
    several = len(pairs.owner_p) > len(pairs.answers)
    answers = [pairs.answers[owner] for owner in pairs.owner_p] if several else pairs.answers
    keys = np.concatenate((_keys(answers, order), _keys(pairs.references, order) | 1))
    keys.sort()
    meeting = np.flatnonzero(keys[1:] ^ keys[:-1] == 1)
    n_pairs = len(pairs.references)
    shared_p = np.bincount(keys[meeting] >> _PAIR_SHIFT, minlength=n_pairs)
    inside = meeting[(meeting > 0) & (meeting < len(keys) - 2)]
    more = inside[
        (keys[inside - 1] == keys[inside]) & (keys[inside + 2] == keys[inside + 1])
    ]  # n-grams that both sides have twice or more
    if len(more):
        answer_counts = more + 1 - np.searchsorted(keys, keys[more], side="left")
        reference_counts = np.searchsorted(keys, keys[more + 1], side="right") - more - 1
        extra = np.minimum(answer_counts, reference_counts) - 1
        pair = keys[more] >> _PAIR_SHIFT
        shared_p += np.bincount(pair, weights=extra, minlength=n_pairs).astype(np.int64)
    return shared_p


def _count_one_by_one(pairs: Pairs, order: Order) -> Integers:
    """Shared n-grams [p] without setting an answer beside each of its references.

    For giants: a long answer with thousands of references would fill the memory.
    """
    shared_p = np.zeros(len(pairs.references), dtype=np.int64)
    counts: Counter[str] = Counter()
    current = -1
    for pair, (owner, reference) in enumerate(zip(pairs.owner_p, pairs.references, strict=True)):
        if owner != current:
            counts, current = Counter(_grams(pairs.answers[owner], order)), owner
        wanted = Counter(_grams(reference, order))
        shared_p[pair] = sum(min(count, counts[gram]) for gram, count in wanted.items())
    return shared_p


def _grams(codes: str, order: Order) -> Iterable[str]:
    """The n-grams of a code string."""
    return codes if order == 1 else map(operator.add, codes, codes[1:])


def _units(texts: Sequence[str], order: Order) -> Integers:
    """The number of n-grams of every text."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return lengths if order == 1 else np.maximum(lengths - 1, 0)


def _keys(texts: Sequence[str], order: Order) -> Integers:
    """Key (text, n-gram, 0) of every n-gram of every text."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4").astype(np.int64)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text_of_code = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    if order == 1:
        return (text_of_code << _PAIR_SHIFT) | (codes << 1)
    inside = text_of_code[1:] == text_of_code[:-1]
    grams = (codes[:-1] << _CODE_BITS) | codes[1:]
    keys: Integers = ((text_of_code[1:] << _PAIR_SHIFT) | (grams << 1))[inside]
    return keys


def best_of_references(pairs: Pairs, overlap: Overlap, which: Statistic) -> Array:
    """One number an answer [a]: the statistic of the reference with the best F.

    The first of equally good references is taken, as rouge-score does.
    """
    f_p = overlap.statistic("f1")
    if len(pairs.owner_p) == len(pairs.answers):
        return f_p if which == "f1" else overlap.statistic(which)
    owner_p = np.array(pairs.owner_p, dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], owner_p[1:] != owner_p[:-1])))
    best_a = np.maximum.reduceat(f_p, starts)
    if which == "f1":
        return best_a
    candidates = np.flatnonzero(f_p == best_a[owner_p])
    _, first = np.unique(owner_p[candidates], return_index=True)
    return overlap.statistic(which)[candidates[first]]
