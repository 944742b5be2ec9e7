"""ROUGE by the reference library itself: `impl: reference` runs rouge-score.

Reads: answers and references.  Gives: the four types of rouge.py, scored by rouge-score.
Depends on: base, rouge, text.tokenize; rouge-score (the extra `rouge`) when they score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.errors import MissingExtra
from evalharness.metrics.base import NO_TARGET, Judged
from evalharness.metrics.rouge import Rouge1, Rouge2, RougeL, RougeLsum, RougeMetric
from evalharness.text.porter import stem_token
from evalharness.text.tokenize import Token, tokens


@dataclass(frozen=True, slots=True)
class _NamedTokenizer:
    """One of our tokenisers as rouge-score takes them."""

    name: str
    stemmed: bool

    def tokenize(self, text: str) -> Sequence[Token]:
        """The tokens of a text."""
        found = tokens(text, self.name)
        return [stem_token(token) for token in found] if self.stemmed else found


class _ByRougeScore(RougeMetric):
    """A ROUGE type whose scores are those of `RougeScorer.score_multi`."""

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One score an answer. Raises MissingExtra if rouge-score is not installed."""
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError as error:
            raise MissingExtra(
                "rouge-score", extra="rouge", needed_for=f"{self.name} with impl: reference"
            ) from error
        tokenizer = (
            None if self.tokenizer == "ascii" else _NamedTokenizer(self.tokenizer, self.stemmer)
        )
        scorer = RougeScorer([self.rouge_type], use_stemmer=self.stemmer, tokenizer=tokenizer)
        field = {"f1": "fmeasure"}.get(self.statistic, self.statistic)
        return [
            float(
                getattr(scorer.score_multi(item.sample.targets, item.text)[self.rouge_type], field)
            )
            if item.sample.targets
            else NO_TARGET
            for item in items
        ]


class ReferenceRouge1(_ByRougeScore, Rouge1):
    """ROUGE-1 by rouge-score."""


class ReferenceRouge2(_ByRougeScore, Rouge2):
    """ROUGE-2 by rouge-score."""


class ReferenceRougeL(_ByRougeScore, RougeL):
    """ROUGE-L by rouge-score."""


class ReferenceRougeLsum(_ByRougeScore, RougeLsum):
    """ROUGE-Lsum by rouge-score."""
