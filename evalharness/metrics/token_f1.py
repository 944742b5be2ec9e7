"""SQuAD's exact match and token F1, versions 1.1 and 2.0, and CoQA's leave-one-out rule.

Reads: answers and references.  Gives: rows (score, 1).
Depends on: base, overlap, text.  Sources: evaluate-v1.1.py and evaluate-v2.0.py (Rajpurkar et al.,
2016, 2018); evaluate-v1.0.py of CoQA (Reddy et al., 2019).

Where the versions differ:
  v1    the best over the references; two empty answers match exactly but share no word: F1 is 0.
  v2    references that are empty after normalisation are left out; if none is left, the question is
        unanswerable and an answer that is empty after normalisation scores 1, any other 0.
  coqa  of n > 1 references, each is left out once and the best over the others averaged; two empty
        answers score 1.
Scores are fractions; the official scripts print them times 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from evalharness.contracts import MetricKind
from evalharness.metrics.base import NO_TARGET, Judged, MeanMetric, choice
from evalharness.metrics.overlap import Pairs, count_overlap, runs
from evalharness.records import Item, Unscored
from evalharness.text.codes import CodeTable, TooManyTokens, squad_table

_NO_ANSWER_HINT: Final = Unscored(
    reason="the sample has no reference answer; if that means unanswerable, say variant: v2"
)
ABSENT: Final = {"v1": _NO_ANSWER_HINT, "v2": None, "coqa": NO_TARGET}
"""Variant -> what is said of a sample without references."""

Encoded: TypeAlias = tuple[int, str, list[str]]
"""An item's place in the batch, its answer's codes, and those of the references that count."""


class SquadMetric(MeanMetric):
    """What exact match and F1 share: the references that count, and how several are combined.

    variant: `v1` (default), `v2` or `coqa`.  Raises ValueError for anything else.
    """

    def __init__(self, *, variant: str = "v1") -> None:
        self.variant = choice("variant", variant, tuple(ABSENT))
        super().__init__(f"squad_{self.variant}" if self.variant != "coqa" else "coqa")

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One score an answer."""
        table = squad_table()
        judged: list[Judged] = [0.0] * len(items)
        for run in runs(items, judged, absent=ABSENT[self.variant]):
            table.begin()
            try:
                self.score(self.encoded(run, items, table, judged), judged)
            except TooManyTokens as error:
                judged[run[0]] = Unscored(reason=str(error))
        return judged

    def encoded(
        self, run: Sequence[int], items: Sequence[Item], table: CodeTable, judged: list[Judged]
    ) -> list[Encoded]:
        """The codes of a run's items; an answer that is a reference to the letter is judged."""
        answers = dict(zip(run, table.encode_all([items[i].text for i in run]), strict=True))
        if self.variant != "coqa":
            for index in run:
                if answers[index] and items[index].text in items[index].sample.targets:
                    judged[index] = 1.0  # no other reference can do better
                    del answers[index]
        targets = [items[index].sample.targets for index in answers]
        codes = iter(table.encode_all(list(chain.from_iterable(targets))))
        return [
            (index, answer, self.counting(list(islice(codes, len(one)))))
            for (index, answer), one in zip(answers.items(), targets, strict=True)
        ]

    def counting(self, references: list[str]) -> list[str]:
        """The references that count, each once; for CoQA all, however often."""
        if self.variant == "coqa":
            return references
        if len(references) > 1:
            references = list(dict.fromkeys(references))
        if self.variant == "v2":
            references = [codes for codes in references if codes] or [""]
        return references

    def score(self, pending: Sequence[Encoded], judged: list[Judged]) -> None:
        """Write the scores of encoded items, given as (place, answer, references)."""
        raise NotImplementedError

    def combine(self, scores: Sequence[float]) -> float:
        """One score from those against each reference."""
        if self.variant != "coqa" or len(scores) == 1:
            return max(scores)
        return leave_one_out(scores)


class SquadExactMatch(SquadMetric):
    """Exact match after SQuAD's normalisation.

    >>> from evalharness.testing import score_texts
    >>> score_texts(SquadExactMatch(), ["The  Denver   Broncos!"], [["Denver Broncos"]])
    1.0
    """

    name = "squad_em"
    kind: MetricKind = "binary"

    def __init__(self, *, variant: str = "v1") -> None:
        super().__init__(variant=variant)
        if self.variant == "coqa":  # averages of leave-one-out are no longer 0 or 1
            self.kind = "continuous"

    def score(self, pending: Sequence[Encoded], judged: list[Judged]) -> None:
        """1 where the answer is one of the references."""
        for index, answer, references in pending:
            if self.variant == "coqa":
                judged[index] = self.combine([float(answer == one) for one in references])
            else:
                judged[index] = 1.0 if answer in references else 0.0


class TokenF1(SquadMetric):
    """F1 over the words shared with the best reference.

    >>> from evalharness.testing import score_texts
    >>> score_texts(TokenF1(), ["big dog runs"], [["dog runs big", "a cat"]])
    1.0
    """

    name = "f1"

    def score(self, pending: Sequence[Encoded], judged: list[Judged]) -> None:
        """The F1 of words; only pairs that are neither equal nor empty are counted."""
        pairs = Pairs([], [], [], [])
        known: dict[int, list[float | None]] = {}
        both_empty = 0.0 if self.variant == "v1" else 1.0
        for index, answer, references in pending:
            if self.variant != "coqa" and answer and answer in references:
                judged[index] = 1.0
                continue
            scores: list[float | None] = []
            for reference in references:
                if answer == reference:
                    scores.append(1.0 if answer else both_empty)
                elif not answer or not reference:
                    scores.append(0.0)
                else:
                    scores.append(None)
                    pairs.references.append(reference)
                    pairs.owner_p.append(len(pairs.answers))
            if None in scores:
                pairs.answers.append(answer)
            known[index] = scores
        counted = iter(self._counted(pairs))
        for index, scores in known.items():
            judged[index] = self.combine(
                [next(counted) if score is None else score for score in scores]
            )

    @staticmethod
    def _counted(pairs: Pairs) -> Iterable[float]:
        """F1 of every pair that had to be counted, in order."""
        if not pairs.references:
            return ()
        scores: list[float] = count_overlap(pairs, 1).statistic("f1").tolist()
        return scores


def leave_one_out(scores: Sequence[float]) -> float:
    """CoQA's rule: the mean over references of the best score against the other ones.

    scores: against each reference, at least two.  Summed in order, as the official script does.

    >>> leave_one_out([1.0, 0.5, 0.0])
    0.8333333333333334
    """
    first = max(range(len(scores)), key=scores.__getitem__)
    best = scores[first]
    second = max(score for place, score in enumerate(scores) if place != first)
    total = 0.0
    for place in range(len(scores)):
        total += second if place == first else best
    return total / len(scores)
