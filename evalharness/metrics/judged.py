"""Judgements that were gathered: scores of a judge, how many of its replies could be read.

Reads: Judgement evidence of items, repeats under JUDGE@1, JUDGE@2 and so on; never asks a model.
Gives: rows (value, 1); `Voice`, which makes one score of repeats.
Depends on: base, records.  How judges are asked: docs/judges.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, multimode
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


class Combine(Enum):
    """How the repeats of one judgement become its score."""

    MEAN = "mean"
    MAJORITY = "majority"


@dataclass(frozen=True, slots=True)
class Voice:
    """A judge as its metrics hear it.

    judge: its name in the suite's `judges`.  repeats: how often it was asked each question.
    Every repeat must be there and readable, or the answer is unscored: a judge that is hard to
    read does not become easy by being asked often.
    """

    judge: str
    repeats: int = 1
    combine: Combine = Combine.MEAN

    @classmethod
    def of(cls, judge: str, combine: str) -> Voice:
        """From a metric's options, see `JudgeScore`. Raises ValueError for another combination."""
        if not combine:
            return cls(judge)
        how, _, repeats = combine.partition(" of ")
        known = [each.value for each in Combine]
        if how not in known or not repeats.isdecimal() or int(repeats) < 1:
            raise ValueError(
                f"combine must be like 'mean of 3' or 'majority of 3'; got {combine!r}"
            )
        return cls(judge, int(repeats), Combine(how))

    @property
    def said(self) -> tuple[str, ...]:
        """What a signature says of repeats; nothing where there is one."""
        if self.repeats == 1:
            return ()
        return (f"{self.combine.value}-of:{self.repeats}",)

    def judgements(self, item: Item, place: str = "") -> list[Judgement]:
        """Those that were given. place: "/first" or "/second" for a pair."""
        names = (f"{self.judge}{place}" + (f"@{k}" if k else "") for k in range(self.repeats))
        found = (item.evidence.get(name) for name in names)
        return [one for one in found if isinstance(one, Judgement)]

    def scores(self, item: Item, place: str = "") -> list[float] | Unscored:
        """The score of every repeat, or why one is not known."""
        found = self.judgements(item, place)
        if len(found) < self.repeats:
            return not_judged(self.judge)
        scores = [score_of(judgement) for judgement in found]
        missing = next((score for score in scores if isinstance(score, Unscored)), None)
        return missing or [score for score in scores if isinstance(score, float)]

    def score(self, item: Item, place: str = "") -> Judged:
        """One score from all repeats."""
        found = self.scores(item, place)
        if isinstance(found, Unscored):
            return found
        return fmean(found) if self.combine is Combine.MEAN else most_frequent(found)


def most_frequent(scores: Sequence[float]) -> float:
    """The score that stands most often; the mean of those that tie.

    >>> most_frequent([1.0, 0.0, 1.0]), most_frequent([1.0, 0.0])
    (1.0, 0.5)
    """
    return fmean(multimode(scores))


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
    combine: how one score is made of several judgements: "mean of 3", "majority of 3" (the most
    frequent one; the mean of those that tie).  Empty where each answer is judged once.
    Raises ValueError unless low < high, and for another combination.
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
        combine: str = "",
    ) -> None:
        self.judge, self.people = judge, by == "people"
        self.voice = Voice.of(judge, combine)
        self.range, self.scale = scale_of(low, high)
        super().__init__(judge, *said_of(low, high, by, asked), *self.voice.said)

    def value(self, item: Item) -> Judged:
        """The score; unscored where the judge was not asked, failed or could not be read."""
        if not self.people:
            return self.voice.score(item)
        scores = human_scores(item, self.judge)
        return fmean(scores.values()) if scores else Unscored(reason="nobody has rated this answer")


class JudgeParseRate(ItemMetric):
    """The share of a judge's replies that could be read.

    judge: its name in the suite's `judges`.  combine: as for `judge`.
    """

    name = "judge_parse_rate"
    needs: frozenset[Need] = frozenset({"judgement"})

    def __init__(self, *, judge: str = "judgement", combine: str = "") -> None:
        self.judge = judge
        self.voice = Voice.of(judge, combine)
        super().__init__(judge, *self.voice.said)

    def value(self, item: Item) -> Judged:
        """0..1 of the repeats; unscored where the judge was not asked or failed."""
        found = self.voice.judgements(item)
        if len(found) < self.voice.repeats:
            return not_judged(self.judge)
        failed = [one for one in found if not isinstance(one.outcome, Answered)]
        return score_of(failed[0]) if failed else fmean(one.parsed is not None for one in found)

    def bounds(self, samples: Sequence[Sample]) -> None:  # noqa: ARG002  (the contract's signature)
        """None: an answer that is not there says nothing of the judge."""
        return
