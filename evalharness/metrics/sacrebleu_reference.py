"""BLEU, chrF and TER by the reference library itself: `impl: reference` runs sacrebleu.

Reads: answers and references.  Gives: the metrics of bleu.py, chrf.py and ter.py, whose values are
sacrebleu's own score objects.
Depends on: base, bleu, chrf, corpus, ter; sacrebleu.
Rows are sacrebleu's segment statistics either way (see corpus.py); here their sums are scored by
sacrebleu too, one after the other, where ours score all draws of a bootstrap in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evalharness.metrics.base import NO_TARGET, Judged
from evalharness.metrics.bleu import Bleu, SentenceBleu
from evalharness.metrics.chrf import Chrf
from evalharness.metrics.corpus import SacrebleuRows
from evalharness.metrics.ter import Ter

if TYPE_CHECKING:
    from evalharness.contracts import Array


class _BySacrebleu(SacrebleuRows):
    """A corpus metric whose sums are scored by sacrebleu."""

    def reduce(self, sums: Array) -> Array:
        """Values [...] from sums [..., k], each by sacrebleu's own code."""
        score = self.engine._compute_score_from_stats  # noqa: SLF001  (no public row interface)
        values = [score(one).score for one in sums.reshape(-1, sums.shape[-1]).tolist()]
        return np.array(values, dtype=np.float64).reshape(sums.shape[:-1])


class ReferenceBleu(_BySacrebleu, Bleu):
    """Corpus BLEU by sacrebleu."""


class ReferenceChrf(_BySacrebleu, Chrf):
    """Corpus chrF by sacrebleu."""


class ReferenceTer(_BySacrebleu, Ter):
    """Corpus TER by sacrebleu."""


class ReferenceSentenceBleu(SentenceBleu):
    """The mean of sacrebleu's `sentence_score`, at most 100."""

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One BLEU an answer."""
        engine = self.corpus.engine
        judged: list[Judged] = [
            min(100.0, engine.sentence_score(item.text, list(item.sample.targets)).score)
            if item.sample.targets
            else NO_TARGET
            for item in items
        ]
        self.corpus.forget()
        return judged
