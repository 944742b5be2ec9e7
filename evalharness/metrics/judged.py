"""Judgements that were gathered: scores of a judge, how many of its replies could be read.

Reads: Judgement evidence of items; never asks a model.  Gives: rows (value, 1).
Depends on: base, records.  How judges are asked: docs/judges.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from evalharness.contracts import Need, Scale
from evalharness.metrics.base import ItemMetric, Judged
from evalharness.records import Answered, Item, Judgement, Sample, Unscored

HUMAN: Final = "/human/"
"""Evidence of a person stands under JUDGE/human/ANNOTATOR."""


def not_judged(judge: str) -> Unscored:
    """Nobody has judged this answer, or only another version of it."""
    return Unscored(
        reason=f"'{judge}' has not judged this answer; `evalharness judge SUITE RUN` asks it"
    )


def score_of(judgement: Judgement) -> Judged:
    """The score that a judge gave, or why there is none."""
    if judgement.parsed is not None:
        return float(judgement.parsed["score"])
    if isinstance(judgement.outcome, Answered):
        return Unscored(reason="the judge's reply cannot be read; `show RUN SAMPLE` says why")
    return Unscored(reason=f"the judge failed: {judgement.outcome.kind}")


def model_score(item: Item, judge: str) -> Judged:
    """The score of the judging model."""
    found = item.evidence.get(judge)
    return score_of(found) if isinstance(found, Judgement) else not_judged(judge)


def human_scores(item: Item, judge: str) -> dict[str, float]:
    """The scores that people gave, by annotator."""
    start = judge + HUMAN
    found = {
        name.removeprefix(start): score_of(evidence)
        for name, evidence in item.evidence.items()
        if name.startswith(start) and isinstance(evidence, Judgement)
    }
    return {who: score for who, score in found.items() if isinstance(score, float)}


def scale_of(low: float, high: float) -> tuple[tuple[float, float], Scale]:
    """The range and the scale of a judge's scores. Raises ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"low must be less than high; got {low!r} and {high!r}")
    return (float(low), float(high)), "fraction" if (low, high) == (0.0, 1.0) else "plain"


def said_of(low: float, high: float, by: str, asked: str) -> tuple[str, ...]:
    """What a signature says of a judge: its scale, who it is and what it was asked."""
    said = [f"by:{by}"] * bool(by) + [f"asked:{asked}"] * bool(asked)
    return (f"scale:{low:g}..{high:g}", *said)


class JudgeScore(ItemMetric):
    """The mean score that a judge gave to the answers.

    judge: its name in the suite's `judges`.  low, high: the least and greatest score.
    by, asked: who was asked and a hash of what, so that scores of different judges are never
    compared; the suite fills them in.  Where `by` is `people` the score is their mean.
    Raises ValueError unless low < high.
    """

    name = "judge"
    needs: frozenset[Need] = frozenset({"judgement"})

    def __init__(
        self,
        *,
        judge: str = "judgement",
        low: float = 0.0,
        high: float = 1.0,
        by: str = "",
        asked: str = "",
    ) -> None:
        self.judge, self.people = judge, by == "people"
        self.range, self.scale = scale_of(low, high)
        super().__init__(judge, *said_of(low, high, by, asked))

    def value(self, item: Item) -> Judged:
        """The score; unscored where the judge was not asked, failed or could not be read."""
        if not self.people:
            return model_score(item, self.judge)
        scores = human_scores(item, self.judge)
        return fmean(scores.values()) if scores else Unscored(reason="nobody has rated this answer")


class JudgeParseRate(ItemMetric):
    """The share of a judge's replies that could be read.

    judge: its name in the suite's `judges`.
    """

    name = "judge_parse_rate"
    needs: frozenset[Need] = frozenset({"judgement"})

    def __init__(self, *, judge: str = "judgement") -> None:
        self.judge = judge
        super().__init__(judge)

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where the judge was not asked or failed."""
        found = item.evidence.get(self.judge)
        if not isinstance(found, Judgement):
            return not_judged(self.judge)
        if not isinstance(found.outcome, Answered):
            return score_of(found)
        return float(found.parsed is not None)

    def bounds(self, samples: Sequence[Sample]) -> None:  # noqa: ARG002  (the contract's signature)
        """None: an answer that is not there says nothing of the judge."""
        return
