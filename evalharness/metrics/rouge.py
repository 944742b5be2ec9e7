"""ROUGE-1, ROUGE-2 and ROUGE-L: the numbers of rouge-score 0.1.2 to the last bit, 30 times faster.

Reads: answers and references.  Gives: rows (score, 1), the score of the best reference.
Depends on: base, overlap, text.  Sources: Lin (2004), ROUGE: a package for automatic evaluation of
summaries; google-research/rouge 0.1.2, whose rules are kept: 0 where either side has no words, the
reference with the best F per type, Porter stems for words of more than three letters.

ROUGE-L here is over the whole text; ROUGE-Lsum (`rouge_lsum`) is by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from evalharness.metrics.base import Judged, MeanMetric, choice, flag, yes_no
from evalharness.metrics.overlap import (
    Overlap,
    Pairs,
    Statistic,
    best_of_references,
    count_overlap,
    encode_pairs,
)
from evalharness.records import Item, Sample
from evalharness.text.codes import code_table
from evalharness.text.tokenize import SPACERS, dropped_share

_STATISTICS: tuple[Statistic, ...] = ("f1", "precision", "recall")
_ADVICE_SAMPLES = 200


class RougeMetric(MeanMetric):
    """What the ROUGE types share: options, batches, the best of several references.

    stemmer: compare Porter stems (English).  tokenizer: `ascii` is rouge-score's and throws away
    every other letter; `unicode`, `character`, `cjk` and `space` are ours.
    statistic: what is reported, `f1`, `precision` or `recall`.
    Raises ValueError for an unknown option value.
    """

    rouge_type: str = ""
    by_line: bool = False

    def __init__(
        self, *, stemmer: bool = False, tokenizer: str = "ascii", statistic: str = "f1"
    ) -> None:
        self.stemmer = yes_no("stemmer", stemmer)
        self.tokenizer = choice("tokenizer", tokenizer, tuple(SPACERS))
        self.statistic: Statistic = next(
            name for name in _STATISTICS if name == choice("statistic", statistic, _STATISTICS)
        )
        super().__init__(
            f"tok:{self.tokenizer}",
            f"stem:{flag(self.stemmer)}",
            "refs:best_f",
            *([f"stat:{self.statistic}"] if self.statistic != "f1" else []),
        )

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One score an answer."""
        judged: list[Judged] = [0.0] * len(items)
        table = code_table(self.tokenizer, stemmed=self.stemmer)
        for pairs in encode_pairs(items, table, judged, by_line=self.by_line):
            scores = best_of_references(pairs, self.overlap(pairs, items), self.statistic)
            for index, score in zip(pairs.items, scores.tolist(), strict=True):
                judged[index] = score
        return judged

    def overlap(self, pairs: Pairs, items: Sequence[Item], /) -> Overlap:
        """Shared units of every pair, and the units of both its sides."""
        raise NotImplementedError

    def advice(self, samples: Sequence[Sample], /) -> tuple[str, ...]:
        """A warning where the ASCII tokeniser throws away more than half of the references."""
        if self.tokenizer != "ascii":
            return ()
        texts = [target for sample in samples[:_ADVICE_SAMPLES] for target in sample.targets[:1]]
        dropped = sum(dropped_share(text) > 0.5 for text in texts)
        if not dropped:
            return ()
        words = f"throws away most of the letters of {dropped} of {len(texts)} references"
        mend = "say tokenizer: unicode (or cjk, character)"
        return (f"{self.name}: the tokenizer 'ascii' {words}; {mend}",)


class Rouge1(RougeMetric):
    """ROUGE-1: shared words.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(Rouge1(), ["the cat sat"], [["the cat sat down"]]), 4)
    0.8571
    """

    name = "rouge_1"
    rouge_type = "rouge1"

    def overlap(self, pairs: Pairs, _items: Sequence[Item], /) -> Overlap:
        """Shared words."""
        return count_overlap(pairs, 1)


class Rouge2(RougeMetric):
    """ROUGE-2: shared pairs of neighbouring words."""

    name = "rouge_2"
    rouge_type = "rouge2"

    def overlap(self, pairs: Pairs, _items: Sequence[Item], /) -> Overlap:
        """Shared pairs of neighbouring words."""
        return count_overlap(pairs, 2)


class RougeL(RougeMetric):
    """ROUGE-L: the longest common subsequence of words, over the whole text."""

    name = "rouge_l"
    rouge_type = "rougeL"

    def overlap(self, pairs: Pairs, _items: Sequence[Item], /) -> Overlap:
        """Lengths of the longest common subsequences."""
        return subsequence_overlap(pairs)


class RougeLsum(RougeMetric):
    r"""ROUGE-Lsum: per line of the reference, the union of its common subsequences with all lines.

    Lines end at "\n" and nowhere else. Equal to ROUGE-L where neither side has two lines.
    """

    name = "rouge_lsum"
    rouge_type = "rougeLsum"
    by_line = True

    def overlap(self, pairs: Pairs, items: Sequence[Item], /) -> Overlap:
        """Hits of the summary-level common subsequence."""
        from evalharness.metrics.rouge_union import batch_hits

        lines_of = code_table(self.tokenizer, stemmed=self.stemmer).encode_lines
        several: list[int] = []  # pairs of which a side has two lines
        references, answers = [], []
        pair = 0
        for index in pairs.items:
            text, targets = items[index].text, items[index].sample.targets
            for target in targets:
                if "\n" in text or "\n" in target:
                    several.append(pair)
                    references.append(lines_of(target))
                    answers.append(lines_of(text))
                pair += 1
        by_line = dict(zip(several, batch_hits(references, answers), strict=True))
        return subsequence_overlap(pairs, by_line)


def subsequence_overlap(pairs: Pairs, known: Mapping[int, int] = MappingProxyType({})) -> Overlap:
    """The length of the longest common subsequence of every pair, by rapidfuzz.

    known: pair -> its count, for those that are counted otherwise.
    """
    from rapidfuzz.distance import LCSseq

    similarity = LCSseq.similarity
    answers = pairs.answers
    shared = [
        known[pair] if pair in known else similarity(reference, answers[owner])
        for pair, (reference, owner) in enumerate(zip(pairs.references, pairs.owner_p, strict=True))
    ]
    lengths_a = np.fromiter(map(len, answers), dtype=np.int64, count=len(answers))
    lengths_p = np.fromiter(map(len, pairs.references), dtype=np.int64, count=len(shared))
    return Overlap(np.array(shared, dtype=np.int64), lengths_a[np.array(pairs.owner_p)], lengths_p)
