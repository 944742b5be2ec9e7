"""BERTScore by the reference library itself: `impl: reference` runs bert-score.

Reads: items and an encoder's folder.  Gives: ReferenceBertScore.
Depends on: metrics.bertscore, encoder, torch_backend; bert-score (extra `bertscore`) when called.
bert-score 0.3.13 raises on an empty text and on a tokeniser without a maximum, and takes any path
that holds "t5" for a T5: empty texts are therefore not sent to it, the maximum is set, and it is
handed a loaded model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from evalharness.encoders.encoder import Encoder, readable
from evalharness.encoders.torch_backend import load_model, shortened
from evalharness.errors import MissingExtra
from evalharness.metrics.bertscore import BertScore, Pair
from evalharness.records import Unscored

BATCH = 64  # bert-score's default


class ReferenceBertScore(BertScore):
    """BERTScore with bert-score's own encoding and matching; nothing is remembered."""

    encoder: Encoder
    implementation = ("impl:reference",)

    def pair_scores(self, pairs: Iterable[Pair]) -> dict[Pair, tuple[float, ...] | Unscored]:
        """Raw (precision, recall, F1) of each (answer, reference), by `bert_cos_score_idf`.

        Raises MissingExtra if bert-score is not installed.
        """
        try:
            from bert_score.utils import bert_cos_score_idf
        except ImportError as error:
            raise MissingExtra(
                "bert-score", extra="bertscore", needed_for="bertscore with impl: reference"
            ) from error
        wanted = list(pairs)
        tokens = self.encoder.tokens(text for pair in wanted for text in pair)
        empty = self.encoder.n_special()
        full = [pair for pair in wanted if all(len(tokens[text]) > empty for text in pair)]
        scores: dict[Pair, tuple[float, ...] | Unscored] = dict.fromkeys(wanted, (0.0, 0.0, 0.0))
        if not full:
            return scores
        model, tokenizer = self._loaded()
        weigh = self._weigher()
        idf = defaultdict(lambda: weigh.other, weigh.known)
        triples = bert_cos_score_idf(
            model,
            [readable(reference) for _, reference in full],
            [readable(answer) for answer, _ in full],
            tokenizer,
            idf,
            batch_size=BATCH,
            device="cpu",
        ).tolist()
        for pair, triple in zip(full, triples, strict=True):
            finite = all(one == one for one in triple)  # noqa: PLR0124  (NaN differs from itself)
            scores[pair] = tuple(triple) if finite else Unscored(reason="bert-score gave no number")
        return scores

    def _loaded(self) -> tuple[Any, Any]:  # Any: transformers' classes have no common type
        """A model cut at the layer, and a tokeniser with a maximum."""
        from transformers import AutoTokenizer

        model = shortened(load_model(self.encoder.folder), self.encoder.layers).float()
        tokenizer = AutoTokenizer.from_pretrained(self.encoder.folder, local_files_only=True)
        tokenizer.model_max_length = self.encoder.max_length
        return model, tokenizer
