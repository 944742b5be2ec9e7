"""The summary-level common subsequence of ROUGE-Lsum, with rouge-score's ties, in big integers.

Reads: two texts and a code table.  Gives: the number of hits.
Depends on: text.codes.  Sources: Lin (2004), section 3.2; rouge-score 0.1.2 for which of several
longest subsequences is taken; Crochemore et al. (2001), A fast and practical bit-vector algorithm
for the longest common subsequence problem.

A reference line of m words is m bits.  After j words of an answer line, bit i of `rows[j]` is 0
where the i-th reference word lengthens the subsequence.  Walking back from the end, rouge-score
goes to the previous answer word exactly where that bit is 0 and the words differ, so the next stop
in a column is its highest 0 bit or matching word below, whichever is higher: one big-integer
operation a column instead of a table of m x n cells.
Answer words that stand nowhere in the reference line are columns too: leaving them out would
choose another one of the longest subsequences, and so another union.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evalharness.text.codes import CodeTable


def summary_hits(reference: str, answer: str, table: CodeTable) -> int:
    """Words of the reference in the union subsequences of its lines, none counted twice.

    A word counts at most as often as the answer has it.
    """
    table.begin()
    answer_lines = [table.encode(line) for line in answer.split("\n") if line]
    budget = Counter("".join(answer_lines))
    distinct = list(dict.fromkeys(line for line in answer_lines if line))
    hits = 0
    for line in reference.split("\n"):
        codes = table.encode(line)
        if not codes:
            continue
        for code in union_subsequence(codes, distinct):
            if budget[code] > 0:
                budget[code] -= 1
                hits += 1
    return hits


def union_subsequence(reference: str, lines: Sequence[str]) -> list[str]:
    """The reference's codes that stand in its common subsequence with at least one line."""
    masks: dict[str, int] = {}
    for place, code in enumerate(reference):
        masks[code] = masks.get(code, 0) | (1 << place)
    union = 0
    everything = (1 << len(reference)) - 1
    for line in lines:
        union |= _matched_bits(masks, line, everything)
        if union == everything:
            break
    return [code for place, code in enumerate(reference) if union >> place & 1]


def _matched_bits(masks: dict[str, int], line: str, everything: int) -> int:
    """The reference places, as bits, of the subsequence that rouge-score would read out."""
    columns: list[tuple[int, int]] = []
    row = everything
    previous = -1
    for code in line:
        mask = masks.get(code, 0)
        if mask:
            common = row & mask
            row = (row + common | row - common) & everything
        elif not previous:
            continue  # a second column in a row without a match stops at the same place
        columns.append((mask, mask | row ^ everything))
        previous = mask
    matched = 0
    below = everything
    for mask, stops in reversed(columns):
        stops &= below  # noqa: PLW2901  (the column, cut to what is still ahead)
        if not stops:
            break
        stop = 1 << (stops.bit_length() - 1)
        if mask & stop:
            matched |= stop
            below = stop - 1
        else:
            below = (stop << 1) - 1
    return matched
