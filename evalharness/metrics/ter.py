"""TER: the share of words that must be edited or shifted, sacrebleu's edits and score.

Reads: answers and references.  Gives: rows (edits, mean reference length).
Depends on: corpus; sacrebleu.  Sources: Snover et al. (2006); sacrebleu 2.6 (tercom's limits).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from evalharness.contracts import Rows
from evalharness.metrics.base import yes_no
from evalharness.metrics.corpus import SacrebleuRows

if TYPE_CHECKING:
    from evalharness.contracts import Array

MOST_WORDS: Final = 250
"""The search for shifts is quadratic in the length: 200 shuffled words take it seconds."""


class Ter(SacrebleuRows):
    """Corpus TER, 0 upward, lower is better; of several references, the one with fewest edits.

    normalized, no_punct, asian_support, case_sensitive: as sacrebleu has them.
    An answer or reference of more than 250 words is unscored: the search would take minutes.

    >>> from evalharness.testing import score_texts
    >>> round(score_texts(Ter(), ["the cat sat on the mat"], [["the cat is on the mat"]]), 4)
    16.6667
    """

    name = "ter"
    direction: Literal["higher", "lower"] = "lower"
    range: tuple[float | None, float | None] = (0.0, None)
    columns: tuple[str, ...] = ("edits", "reference_length")

    def __init__(
        self,
        *,
        normalized: bool = False,
        no_punct: bool = False,
        asian_support: bool = False,
        case_sensitive: bool = False,
    ) -> None:
        from sacrebleu.metrics.ter import TER

        super().__init__(
            TER(
                normalized=yes_no("normalized", normalized),
                no_punct=yes_no("no_punct", no_punct),
                asian_support=yes_no("asian_support", asian_support),
                case_sensitive=yes_no("case_sensitive", case_sensitive),
            )
        )

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """One row a segment, [n, 2]; too long ones are unscored."""
        long = {
            index: f"the answer or a reference has more than {MOST_WORDS} words, too many for TER"
            for index, item in enumerate(items)
            if any(_words(text) > MOST_WORDS for text in (item.text, *item.sample.targets))
        }
        if not long:
            return super().measure(items)
        short = [index for index in range(len(items)) if index not in long]
        rows = super().measure([items[index] for index in short])
        rows_nk = np.zeros((len(items), 2))
        rows_nk[short] = rows.rows_nk
        scored_n = np.zeros(len(items), dtype=np.bool_)
        scored_n[short] = rows.scored_n
        reasons = long | {short[index]: reason for index, reason in rows.reasons.items()}
        return Rows(rows_nk, scored_n, reasons)

    def reduce(self, sums: Array) -> Array:
        """100 x edits / reference length; with empty references 100 if anything was written."""
        edits, length = sums[..., 0], sums[..., 1]
        rate = np.divide(edits, length, out=np.zeros(np.shape(edits)), where=length > 0)
        return np.asarray(100 * np.where(length > 0, rate, (edits > 0).astype(np.float64)))

    def bounds(self, samples: Sequence[Any]) -> tuple[Array, Array] | None:  # Any: Sample
        """Worst: an empty answer (every word is missing). Best: the first reference."""
        lengths = np.array([_mean_length(self, sample.targets) for sample in samples])
        worst_nk = np.stack([lengths, lengths], axis=-1) if len(samples) else np.zeros((0, 2))
        best_nk = worst_nk.copy()
        best_nk[:, 0] = 0.0
        return worst_nk, best_nk


def _words(text: str) -> int:
    """The words of a text, counted only as far as matters."""
    return len(text.split(None, MOST_WORDS + 1))


def _mean_length(metric: Ter, targets: Sequence[str]) -> float:
    """The mean number of words of the references as TER counts them; 0 without references."""
    prepare = metric.engine._preprocess_segment  # noqa: SLF001  (no public row interface)
    lengths = [len(prepare(target).split()) for target in targets]
    return sum(lengths) / len(lengths) if lengths else 0.0
