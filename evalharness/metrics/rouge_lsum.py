"""The summary-level common subsequence of ROUGE-Lsum, with rouge-score's ties, in big integers.

Reads: the coded lines of two texts.  Gives: the number of hits.
Depends on: nothing; rouge_union does the same for many pairs at once.
Sources: Lin (2004), section 3.2; rouge-score 0.1.2 for which of several longest subsequences is
taken; Crochemore et al. (2001), A fast and practical bit-vector algorithm for the longest common
subsequence problem.

A reference line of m words is m bits.  After j words of an answer line, bit i of `rows[j]` is 0
where the i-th reference word lengthens the subsequence.  Walking back from the end, rouge-score
goes to the previous answer word exactly where that bit is 0 and the words differ, so the next stop
in a column is its highest 0 bit or matching word below, whichever is higher: one big-integer
operation a column instead of a table of m x n cells.
Answer words that stand nowhere in the reference line are columns too: leaving them out would
choose another one of the longest subsequences, and so another union.  But a run of them stops
where one does, so only the matching columns are looked at, with whether a gap follows each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

Column: TypeAlias = tuple[int, int]
"""Where an answer word stands, and the places in the reference line where it stands, as bits."""


def summary_hits(reference: Sequence[str], answer: Sequence[str]) -> int:
    """Words of the reference in the union subsequences of its lines, none counted twice.

    reference, answer: the codes of each line.  A word counts at most as often as the answer has it.
    """
    distinct = list(dict.fromkeys(answer))  # a line that comes again changes no union
    whole, ends = "".join(distinct), list(accumulate(map(len, distinct)))
    union: list[str] = []
    for codes in reference:
        places = union_subsequence(codes, whole, ends)
        if places == (1 << len(codes)) - 1:
            union += codes
        elif places:
            union += [code for place, code in enumerate(codes) if places >> place & 1]
    if len(set(union)) == len(union):  # no word twice, so none more often than the answer has it
        return len(union)
    budget = "".join(answer)
    repeated = [(code, times) for code, times in Counter(union).items() if times > 1]
    return len(union) - sum(max(0, times - budget.count(code)) for code, times in repeated)


def union_subsequence(reference: str, answer: str, ends: Sequence[int]) -> int:
    """The places, as bits, of a reference line in its common subsequences with the answer's lines.

    answer: the codes of its lines, end to end.  ends: one past the last place of each line.
    """
    masks: dict[str, int] = {}
    bit = 1
    for code in reference:
        masks[code] = masks.get(code, 0) | bit
        bit <<= 1
    columns: list[Column] = []
    for code, mask in masks.items():
        place = answer.find(code)
        while place >= 0:
            columns.append((place, mask))
            place = answer.find(code, place + 1)
    columns.sort()
    union = line = 0
    group: list[Column] = []
    for column in columns:
        if column[0] >= ends[line]:
            if group:
                union |= _matched_bits(group, ends[line], bit - 1)
            group = []
            while column[0] >= ends[line]:
                line += 1
        group.append(column)
    return union | _matched_bits(group, ends[line], bit - 1) if group else 0


def _matched_bits(columns: Sequence[Column], end: int, everything: int) -> int:
    """The reference places, as bits, of the subsequence that rouge-score would read out.

    columns: the matching columns of one line, ascending.  end: one past the line's last place.
    """
    ascending = 0
    for _, mask in columns:  # words that stand once in the line, in its order: all are in it
        if mask <= ascending or mask & (mask - 1):
            break
        ascending |= mask
    else:
        return ascending
    zeros = []
    row = everything
    for _, mask in columns:
        common = row & mask
        row = (row + common | row - common) & everything
        zeros.append(row ^ everything)
    matched = 0
    below = everything
    for (place, mask), zero in zip(reversed(columns), reversed(zeros), strict=True):
        if end - place > 1:  # words without a match in between: they stop at the highest zero
            below = (1 << (zero & below).bit_length()) - 1
        stop = ((mask | zero) & below).bit_length()
        if not stop:
            break
        if mask >> (stop - 1) & 1:
            matched |= 1 << (stop - 1)
            stop -= 1
        below = (1 << stop) - 1
        end = place
    return matched
