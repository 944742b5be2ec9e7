"""How many words, or pairs of words, an answer shares with each reference, counted by batch.

Reads: code strings (see text.codes).  Gives: counts a pair, F scores, the best reference an item.
Depends on: text.codes, numpy.  Knows nothing of normalisation.

Counting is one sort a side and one search, over all pairs of a batch: an n-gram of an item is one
64-bit key (item, n-gram), and the answer's run of that key is looked up by the reference's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from evalharness.metrics.base import NO_TARGET, Judged
from evalharness.records import Item, Unscored
from evalharness.text.codes import CodeTable, TooManyTokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evalharness.contracts import Array

    Integers: TypeAlias = NDArray[np.int64]

Statistic: TypeAlias = Literal["f1", "precision", "recall"]

_CODE_BITS: Final = 21  # code points are below 2^21
_CHUNK_TOKENS: Final = 400_000
_CHUNK_PAIRS: Final = 1 << 16
_MOST_REFERENCES: Final = 1 << 20  # pair numbers use the bits of a key above two codes


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


def encode_pairs(items: Sequence[Item], table: CodeTable, judged: list[Judged]) -> Iterator[Pairs]:
    """The batch as runs of pairs of bounded size; what cannot be encoded is judged here.

    judged: one entry an item, in order; a reason is written for items without references and for
    those with too many distinct words.
    """
    pairs = Pairs([], [], [], [])
    tokens = 0
    for index, item in enumerate(items):
        targets = item.sample.targets
        if not targets:
            judged[index] = NO_TARGET
            continue
        if len(targets) > _MOST_REFERENCES:
            judged[index] = Unscored(reason=f"more than {_MOST_REFERENCES:,} references")
            continue
        table.begin()
        try:
            answer = table.encode(item.text)
            references = [table.encode(target) for target in targets]
        except TooManyTokens as error:
            judged[index] = Unscored(reason=str(error))
            continue
        pairs.owner_p.extend([len(pairs.answers)] * len(references))
        pairs.answers.append(answer)
        pairs.references.extend(references)
        pairs.items.append(index)
        tokens += len(answer) + sum(map(len, references))
        if tokens > _CHUNK_TOKENS or len(pairs.references) > _CHUNK_PAIRS:
            yield pairs
            pairs, tokens = Pairs([], [], [], []), 0
    if pairs.items:
        yield pairs


def count_overlap(pairs: Pairs, order: Literal[1, 2]) -> Overlap:
    """Shared n-grams of every pair, each counted as often as both sides have it.

    order: 1 for words, 2 for neighbouring words.
    """
    owner_p = np.array(pairs.owner_p, dtype=np.int64)
    answer_keys, answer_units = _keys(pairs.answers, order)
    answer_keys.sort()
    answer_runs, answer_counts = _runs(answer_keys)
    reference_keys, reference_units = _keys(pairs.references, order)
    reference_keys.sort()
    reference_runs, reference_counts = _runs(reference_keys)
    pair_of_run = reference_runs >> (2 * _CODE_BITS)
    grams = reference_runs & ((1 << 2 * _CODE_BITS) - 1)
    wanted = (owner_p[pair_of_run] << (2 * _CODE_BITS)) | grams
    place = np.searchsorted(answer_runs, wanted)
    place[place == len(answer_runs)] = 0
    hit = answer_runs[place] == wanted if len(answer_runs) else np.zeros(len(wanted), dtype=bool)
    both = np.minimum(answer_counts[place[hit]], reference_counts[hit])
    shared_p = np.bincount(pair_of_run[hit], weights=both, minlength=len(owner_p))
    return Overlap(shared_p.astype(np.int64), answer_units[owner_p], reference_units)


def _keys(texts: Sequence[str], order: Literal[1, 2]) -> tuple[Integers, Integers]:
    """Key (text, n-gram) of every n-gram of every text, and the number of n-grams a text."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4").astype(np.int64)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text_of_code = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    if order == 1:
        return (text_of_code << (2 * _CODE_BITS)) | codes, lengths
    inside = text_of_code[1:] == text_of_code[:-1]
    keys = (text_of_code[1:] << (2 * _CODE_BITS)) | (codes[:-1] << _CODE_BITS) | codes[1:]
    return keys[inside], np.maximum(lengths - 1, 0)


def _runs(keys: Integers) -> tuple[Integers, Integers]:
    """The distinct keys of a sorted array and how often each stands there."""
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))[: len(keys)])
    counts = np.diff(np.concatenate((starts, [len(keys)])))
    return keys[starts], counts


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
