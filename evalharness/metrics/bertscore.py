"""BERTScore: how well the tokens of an answer and a reference match in an encoder's eyes.

Reads: answers and references; an encoder that is handed in.  Gives: rows (score, 1).
Depends on: base, numpy.  Knows nothing of files or of how vectors are made.
Sources: Zhang et al. (2020), "BERTScore: Evaluating Text Generation with BERT", ICLR, section 3;
the numbers are those of bert-score 0.3.13 for the same model, layer, idf and baseline.
Where bert-score raises (an empty text) its documented rule is kept: precision, recall and F are 0.
Where it divides by 0 (every token has idf weight 0), the answer is unscored, with the reason.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import numpy as np

from evalharness.metrics.base import NO_TARGET, Judged, MeanMetric, choice
from evalharness.records import Sample, Unscored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]

Pair: TypeAlias = tuple[str, str]
"""(answer, reference)"""

STATISTICS: Final = ("precision", "recall", "f1")

_BLOCK_TOKENS: Final = 65_536  # vectors of one block of pairs: 100 MB at a width of 384
_NO_WEIGHT: Final = "idf gives every token of the answer or of the reference the weight 0"
_NOT_FINITE: Final = "the encoder's vectors are not finite numbers"


class TextEncoder(Protocol):
    """What the metric asks of an encoder; `encoders.encoder.Encoder` is one."""

    @property
    def signature(self) -> str:
        """What decides the vectors, without a path."""
        ...

    def tokens(self, texts: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
        """Text -> token ids with the special ones."""
        ...

    def n_special(self) -> int:
        """How many tokens an empty text has."""
        ...

    def special_ids(self) -> frozenset[int]:
        """Ids of the tokens that begin and end every text."""
        ...

    def vectors(
        self, tokens: Mapping[str, tuple[int, ...]], *, keep: Iterable[str] = ()
    ) -> Mapping[str, Vectors]:
        """Text -> vectors [tokens, width]; those of `keep` are remembered."""
        ...

    def remembered(self, kind: str, pairs: Iterable[Pair]) -> dict[Pair, tuple[float, ...]]:
        """Scores of this kind that were computed before."""
        ...

    def remember(self, kind: str, scores: Mapping[Pair, Sequence[float]]) -> None:
        """Keep scores for the next run."""
        ...


@dataclass(frozen=True, slots=True)
class IdfTexts:
    """The documents over which idf counts; tokens of all others are the rarest.

    An idf over the batch's own references (bert-score's default) would make a row depend on its
    batch; the same texts given here give the same numbers.
    """

    texts: tuple[str, ...]

    @property
    def digest(self) -> str:
        """12 hexadecimal digits of the documents, whatever their order."""
        total = hashlib.sha256()
        for text in sorted(self.texts):
            data = text.encode("utf-8", "surrogatepass")
            total.update(len(data).to_bytes(8, "big") + data)
        return total.hexdigest()[:12]

    def weights(self, encoder: TextEncoder) -> IdfWeights:
        """log((N + 1) / (documents with the token + 1)) of every token."""
        tokens = encoder.tokens(self.texts)
        counts = Counter(token for text in self.texts for token in set(tokens[text]))
        n = len(self.texts)
        known = {token: math.log((n + 1) / (count + 1)) for token, count in counts.items()}
        return IdfWeights(known, math.log(n + 1))


@dataclass(frozen=True, slots=True)
class IdfWeights:
    """Token -> weight, and the weight of all others."""

    known: Mapping[int, float]
    other: float

    def of(self, ids: Sequence[int]) -> Vectors:
        """Weights [tokens]."""
        return np.array([self.known.get(one, self.other) for one in ids], dtype=np.float32)


class BertScore(MeanMetric):
    """Greedy matching of contextual token vectors by cosine; precision, recall or F1.

    encoder: gives the vectors.  statistic: `f1`, `precision` or `recall`; with several references
    the greatest of each, taken independently.  idf: documents for idf weights, None for equal
    ones, or `references`: those of all samples, which `prepare` gives.
    baseline: the value that is rescaled to 0, for this statistic and layer, or None.
    A token's match is never below 0, as in every padded batch of bert-score.
    Raises ValueError for an unknown statistic or a baseline that is not below 1.
    """

    name = "bertscore"

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        statistic: str = "f1",
        idf: IdfTexts | Literal["references"] | None = None,
        baseline: float | None = None,
    ) -> None:
        self.encoder = encoder
        self.statistic = choice("statistic", statistic, STATISTICS)
        self.idf = idf
        self.baseline = baseline
        self._weights: IdfWeights | None = None
        if baseline is not None and not baseline < 1:
            raise ValueError(f"a baseline is below 1; got {baseline}")
        if baseline is not None:
            self.range = (self.rescaled(0.0), 1.0)
        self._sign()

    def _sign(self) -> None:
        """The signature, which names the documents of idf."""
        super().__init__(
            self.encoder.signature,
            f"idf:{self._idf_name()}",
            f"rescale:{'no' if self.baseline is None else f'{self.baseline:.6g}'}",
            f"stat:{self.statistic}",
            "compat:bert-score-0.3.13",
        )

    def _idf_name(self) -> str:
        """How the signature and the cache call the idf weights."""
        return self.idf.digest if isinstance(self.idf, IdfTexts) else self.idf or "no"

    def prepare(self, samples: Iterable[Sample]) -> None:
        """With idf `references`: count over every reference of the set, as bert-score does."""
        if self.idf == "references":
            texts = tuple(target for sample in samples for target in sample.targets)
            self.idf = IdfTexts(texts)
            self._sign()

    def rescaled(self, score: float) -> float:
        """The score on the scale on which the baseline is 0."""
        if self.baseline is None:
            return score
        return (score - self.baseline) / (1 - self.baseline)

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One score an answer."""
        pairs = dict.fromkeys((item.text, one) for item in items for one in item.sample.targets)
        scores = self.pair_scores(pairs)
        place = STATISTICS.index(self.statistic)
        judged: list[Judged] = []
        for item in items:
            found = [scores[item.text, one] for one in item.sample.targets]
            refused = [one for one in found if isinstance(one, Unscored)]
            if not found:
                judged.append(NO_TARGET)
            elif refused:
                judged.append(refused[0])
            else:
                best = max(one[place] for one in found if not isinstance(one, Unscored))
                judged.append(self.rescaled(best))
        return judged

    def pair_scores(self, pairs: Iterable[Pair]) -> dict[Pair, tuple[float, ...] | Unscored]:
        """Raw (precision, recall, F1) of each (answer, reference), or why there is none."""
        wanted = list(pairs)
        kind = f"bertscore {self.version} idf {self._idf_name()}"
        scores: dict[Pair, tuple[float, ...] | Unscored] = {}
        scores.update(self.encoder.remembered(kind, wanted))
        missing = [pair for pair in wanted if pair not in scores]
        if not missing:
            return scores
        tokens = self.encoder.tokens(text for pair in missing for text in pair)
        weigh = self._weigher()
        for block in blocks(missing, tokens):
            fresh = self._block_scores(block, tokens, weigh)
            scores.update(fresh)
            self.encoder.remember(
                kind, {pair: one for pair, one in fresh.items() if not isinstance(one, Unscored)}
            )
        return scores

    def _weigher(self) -> IdfWeights:
        """The weights of tokens; without idf 1 for every token and 0 for the special ones.

        Raises ValueError if idf is to count over references that `prepare` has not seen.
        """
        if self._weights is None:
            if self.idf is None:
                special = dict.fromkeys(self.encoder.special_ids(), 0.0)
                self._weights = IdfWeights(special, 1.0)
            elif isinstance(self.idf, IdfTexts):
                self._weights = self.idf.weights(self.encoder)
            else:
                raise ValueError("idf: true counts over all references: call prepare(samples)")
        return self._weights

    def _block_scores(
        self, block: Sequence[Pair], tokens: Mapping[str, tuple[int, ...]], weigh: IdfWeights
    ) -> dict[Pair, tuple[float, ...] | Unscored]:
        """Scores of pairs whose vectors fit into memory together."""
        empty = self.encoder.n_special()
        full = [pair for pair in block if all(len(tokens[text]) > empty for text in pair)]
        texts = dict.fromkeys(text for pair in full for text in pair)
        vectors = self.encoder.vectors(
            {text: tokens[text] for text in texts}, keep={reference for _, reference in full}
        )
        units = {text: unit_vectors(vectors[text]) for text in texts}
        weights = {text: weigh.of(tokens[text]) for text in texts}
        scores: dict[Pair, tuple[float, ...] | Unscored] = dict.fromkeys(block, (0.0, 0.0, 0.0))
        for pair in full:
            answer, reference = pair
            scores[pair] = matched(
                (units[answer], weights[answer]), (units[reference], weights[reference])
            )
        return scores


def blocks(pairs: Iterable[Pair], tokens: Mapping[str, tuple[int, ...]]) -> Iterator[list[Pair]]:
    """Pairs in blocks whose distinct texts have few enough tokens; equal references together."""
    block: list[Pair] = []
    seen: set[str] = set()
    held = 0
    for pair in sorted(pairs, key=lambda pair: pair[1]):
        fresh = sum(len(tokens[text]) for text in set(pair) - seen)
        if block and held + fresh > _BLOCK_TOKENS:
            yield block
            block, seen, held = [], set(), 0
            fresh = sum(len(tokens[text]) for text in set(pair))
        block.append(pair)
        seen.update(pair)
        held += fresh
    if block:
        yield block


def unit_vectors(vectors: Vectors) -> Vectors:
    """Each token's vector at length 1."""
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def matched(
    answer: tuple[Vectors, Vectors], reference: tuple[Vectors, Vectors]
) -> tuple[float, ...] | Unscored:
    """(precision, recall, F1) of two texts, each as (unit vectors [t, width], weights [t]).

    Special tokens take part in the matching and weigh nothing in the mean.
    """
    (units_a, weights_a), (units_r, weights_r) = answer, reference
    total_a, total_r = float(weights_a.sum()), float(weights_r.sum())
    if total_a <= 0 or total_r <= 0:
        return Unscored(reason=_NO_WEIGHT)
    alike = np.clip(units_a @ units_r.T, 0.0, 1.0).astype(np.float64)
    precision = float(alike.max(axis=1) @ weights_a) / total_a
    recall = float(alike.max(axis=0) @ weights_r) / total_r
    if not (math.isfinite(precision) and math.isfinite(recall)):
        return Unscored(reason=_NOT_FINITE)
    precision, recall = min(precision, 1.0), min(recall, 1.0)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both > 0 else 0.0
