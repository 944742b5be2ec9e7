"""ROUGE by the reference library itself: `impl: reference` runs rouge-score.

Reads: items and a ROUGE metric's options.  Gives: one judgement an item.
Depends on: base, text.tokenize; rouge-score (the extra `rouge`) when called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.errors import MissingExtra
from evalharness.metrics.base import NO_TARGET, Judged
from evalharness.records import Item
from evalharness.text.porter import stem_token
from evalharness.text.tokenize import Token, tokens

if TYPE_CHECKING:
    from evalharness.metrics.rouge import RougeMetric


@dataclass(frozen=True, slots=True)
class _NamedTokenizer:
    """One of our tokenisers as rouge-score takes them."""

    name: str
    stemmed: bool

    def tokenize(self, text: str) -> Sequence[Token]:
        """The tokens of a text."""
        found = tokens(text, self.name)
        return [stem_token(token) for token in found] if self.stemmed else found


def reference_scores(items: Sequence[Item], metric: RougeMetric) -> list[Judged]:
    """The scores of rouge-score's `RougeScorer.score_multi`.

    Raises MissingExtra if rouge-score is not installed.
    """
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise MissingExtra(
            "rouge-score", extra="rouge", needed_for=f"{metric.name} with impl: reference"
        ) from error
    tokenizer = (
        None if metric.tokenizer == "ascii" else _NamedTokenizer(metric.tokenizer, metric.stemmer)
    )
    scorer = RougeScorer([metric.rouge_type], use_stemmer=metric.stemmer, tokenizer=tokenizer)
    field = {"f1": "fmeasure"}.get(metric.statistic, metric.statistic)
    return [
        float(getattr(scorer.score_multi(item.sample.targets, item.text)[metric.rouge_type], field))
        if item.sample.targets
        else NO_TARGET
        for item in items
    ]
