"""Likelihoods: perplexity, bits per byte, and multiple choice by likelihood.

Reads: log-probabilities of completions, whoever supplied them.  Gives: rows (log-likelihood,
units), or (0 or 1, 1).
Depends on: base, choice.  Sources: Jelinek et al. (1977) for perplexity; lm-evaluation-harness for
the units and for normalising choices by length (Brown et al., 2020).
Log-probabilities are natural logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from evalharness.contracts import ItemGroup, MetricKind, Need, Rows, Scale
from evalharness.metrics.base import (
    NO_TARGET,
    ItemMetric,
    Judged,
    MeanMetric,
    RowMetric,
    choice,
    ratio,
)
from evalharness.metrics.choice import MultipleChoice
from evalharness.records import Item, Sample, TokenLogprob, Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array

_NO_LOGPROBS: Final = Unscored(reason="the answer has no log-probabilities")


def utf8_length(tokens: Sequence[TokenLogprob]) -> int:
    """Bytes of the tokens' texts, end to end."""
    return len("".join(token.token for token in tokens).encode("utf-8", "surrogatepass"))


_UNITS: Final[dict[str, Callable[[Sequence[TokenLogprob]], int]]] = {
    "token": len,
    "word": lambda tokens: len("".join(token.token for token in tokens).split()),
    "byte": utf8_length,
    "sample": lambda _tokens: 1,
}


class _Likelihood(RowMetric):
    """Rows (log-likelihood, units); of the answer, or of the prompt (`of: prompt`)."""

    direction: Literal["higher", "lower"] = "lower"
    range: tuple[float | None, float | None] = (0.0, None)
    kind: MetricKind = "corpus"
    scale: Scale = "plain"
    columns: tuple[str, ...] = ("log_likelihood", "units")

    def __init__(self, *, unit: str, of: str) -> None:
        self.unit = choice("unit", unit, tuple(_UNITS))
        self.of = choice("of", of, ("answer", "prompt"))
        need: Need = "logprobs" if self.of == "answer" else "prompt_logprobs"
        self.needs = frozenset({need})
        super().__init__(f"unit:{self.unit}", f"of:{self.of}")

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows (sum of log-probabilities, units), [n, 2]."""
        rows_nk = np.zeros((len(items), 2))
        scored_n = np.zeros(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for index, item in enumerate(items):
            completion = item.completion
            tokens = completion.logprobs if self.of == "answer" else completion.prompt_logprobs
            units = _UNITS[self.unit](tokens) if tokens else 0
            if not tokens or not units:
                reasons[index] = _NO_LOGPROBS.reason if not tokens else f"no {self.unit} in it"
                continue
            rows_nk[index] = math.fsum(token.logprob for token in tokens), units
            scored_n[index] = True
        return Rows(rows_nk, scored_n, reasons)

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] under weights [b, n]."""
        return self.reduce(weights_bn @ rows_nk)

    def reduce(self, sums: Array) -> Array:
        """Values [...] from sums [..., 2]."""
        raise NotImplementedError

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:  # noqa: ARG002
        """None: nothing is the most surprising text."""
        return None


class Perplexity(_Likelihood):
    """exp of the mean negative log-likelihood a unit, over all samples together.

    unit: `token` (default; comparable only between models with one tokeniser), `word`, `byte`, or
    `sample` (exp of the mean over samples).  of: the `answer`'s tokens (default) or the `prompt`'s.
    Infinite values are undetermined.
    """

    name = "perplexity"

    def __init__(self, *, unit: str = "token", of: str = "answer") -> None:
        super().__init__(unit=unit, of=of)

    def reduce(self, sums: Array) -> Array:
        """exp(-log-likelihood / units)."""
        mean = -ratio(sums[..., 0], sums[..., 1])
        return np.asarray(np.where(mean < 700, np.exp(np.minimum(mean, 700)), np.nan))


class BitsPerByte(_Likelihood):
    """Negative log-likelihood in bits, a byte of text; comparable between tokenisers.

    of: the `answer`'s tokens (default) or the `prompt`'s.
    """

    name = "bits_per_byte"

    def __init__(self, *, of: str = "answer") -> None:
        super().__init__(unit="byte", of=of)

    def reduce(self, sums: Array) -> Array:
        """-log-likelihood / bytes / ln 2."""
        return -ratio(sums[..., 0], sums[..., 1]) / math.log(2)


class LetterLikelihood(ItemMetric):
    """1 where the most probable letter, by the alternatives of the first token, is the reference's.

    letters: the choices' letters (A to J).  Unscored where no letter is among the alternatives.
    """

    name = "letter_likelihood"
    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset({"targets", "logprobs"})

    def __init__(self, *, letters: str = "ABCDEFGHIJ") -> None:
        self._choice = MultipleChoice(letters=letters)
        super().__init__(f"letters:{letters}")

    def value(self, item: Item) -> Judged:
        """1 or 0."""
        wanted = self._choice.wanted(item.sample)
        if not wanted:
            return Unscored(reason=f"no reference is one of the letters {self._choice.letters}")
        if not item.completion.logprobs:
            return _NO_LOGPROBS
        for token in item.completion.logprobs:
            shares: dict[str, float] = {}
            for text, logprob in {**token.top, token.token: token.logprob}.items():
                letter = text.strip().strip("(").upper()
                if len(letter) == 1 and letter in self._choice.letters:
                    shares[letter] = shares.get(letter, 0.0) + math.exp(logprob)
            if shares:
                return float(max(shares, key=lambda letter: shares[letter]) in wanted)
        return Unscored(reason="no letter is among the alternatives of any token")


class ChoiceLikelihood(MeanMetric):
    """1 where the choice with the highest likelihood is the reference.

    A sample's repeats are its choices, each scored as a continuation: repeat r is choice r, its
    text `metadata.choices[r]` or what the completion says.  normalize: compare the `sum` of
    log-probabilities (default), or the sum over `token`s or `byte`s.
    The reference is a choice's text or letter.  Unscored unless every choice has a likelihood.
    """

    name = "choice_likelihood"
    sees: Literal["answers", "groups", "outcomes"] = "groups"
    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset({"targets", "logprobs"})

    def __init__(self, *, normalize: str = "sum") -> None:
        self.normalize = choice("normalize", normalize, ("sum", "token", "byte"))
        super().__init__(f"norm:{self.normalize}")

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: ItemGroup
        """One judgement a sample."""
        return [self.value(group) for group in items]

    def value(self, group: ItemGroup) -> Judged:
        """1 or 0."""
        if not group.sample.targets:
            return NO_TARGET
        items = sorted(group.items, key=lambda item: item.repeat)
        if group.n_failed or not items or any(not item.completion.logprobs for item in items):
            return Unscored(reason="not every choice has a likelihood")
        unit = _UNITS["sample" if self.normalize == "sum" else self.normalize]
        scores = []
        for item in items:
            tokens = item.completion.logprobs or ()
            scores.append(math.fsum(token.logprob for token in tokens) / max(1, unit(tokens)))
        best = items[max(range(len(items)), key=scores.__getitem__)]
        names = {place: self._names(place, item) for place, item in enumerate(items)}
        if not any(set(group.sample.targets) & known for known in names.values()):
            return Unscored(reason="no choice is the reference")
        return float(bool(set(group.sample.targets) & names[items.index(best)]))

    @staticmethod
    def _names(place: int, item: Item) -> set[str]:
        """What a reference may call a choice: its text or its letter."""
        choices = item.sample.metadata.get("choices")
        listed = choices[place] if isinstance(choices, list) and place < len(choices) else None
        text = listed if isinstance(listed, str) else item.text
        return {text, text.strip(), chr(ord("A") + place)}
