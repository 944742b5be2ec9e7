"""Texts -> token ids and vectors: deduplicated, in buckets of like length, kept on disk.

Reads: a model folder (when first needed), the vault.  Gives: Encoder, open_encoder.
Depends on: weights, vault, torch_backend or onnx_backend; transformers (extra `bertscore`).
Nothing heavy is imported and no weights are loaded before a text is met that is not in the vault.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evalharness.encoders.vault import Vault, cache_folder, content_key
from evalharness.encoders.weights import (
    EncoderSettings,
    chosen_layers,
    hidden_width,
    longest_input,
    model_folder,
    weights_digest,
)
from evalharness.errors import MissingExtra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


class Backend(Protocol):
    """What computes hidden states."""

    batch_tokens: int

    def states(self, ids: Sequence[Sequence[int]], pad: int) -> list[Vectors]:
        """Vectors [length, width] of each id list, in order."""
        ...


class Encoder:
    """One encoder at one layer.

    digest: of weights, configuration and tokeniser.  layers: how many are run.
    signature: what decides the vectors, without a path.
    Raises SpecError where there is no such model.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self.settings = settings
        self.folder = model_folder(settings.model)
        self.digest = weights_digest(self.folder)
        self.layers = chosen_layers(settings, self.folder)
        self.max_length = longest_input(self.folder)
        dtype = {"float32": "f32", "bfloat16": "bf16"}[settings.dtype]
        backend = "" if settings.backend == "torch" else f"|backend:{settings.backend}"
        self.signature = (
            f"enc:{self.digest[:12]}|L:{self.layers}|dtype:{dtype}"
            f"|maxlen:{self.max_length}{backend}"
        )

    def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle asks for
        return open_encoder, (self.settings,)

    @property
    def vault(self) -> Vault:
        """What was computed before, wherever EVALHARNESS_CACHE_DIR points now."""
        return Vault(cache_folder(), content_key(self.digest, self.signature).hex())

    def tokens(self, texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Text -> token ids with the special ones, cut at max_length. Never raises on a text.

        White space at the ends is dropped, as bert-score does; a text of nothing else has the
        special tokens only.  A lone surrogate is read as the replacement character.
        """
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "sequence is longer": it is cut in the same call
            ids = self._tokenizer(
                [readable(text.strip()) for text in distinct],
                add_special_tokens=True,
                truncation=True,
                max_length=self.max_length,
                padding=False,
                return_attention_mask=False,
            )["input_ids"]
        return {text: tuple(one) for text, one in zip(distinct, ids, strict=True)}

    def n_special(self) -> int:
        """How many tokens an empty text has."""
        return len(self._tokenizer("", add_special_tokens=True)["input_ids"])

    def special_ids(self) -> frozenset[int]:
        """Ids of the tokens that begin and end every text.

        They weigh 0, as in bert-score; a tokeniser without them (GPT-2) has none.
        """
        ids = (self._tokenizer.sep_token_id, self._tokenizer.cls_token_id)
        return frozenset(int(one) for one in ids if one is not None)

    def remembered(
        self, kind: str, pairs: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[float, ...]]:
        """Scores of this kind that were computed before, in this run or another."""
        keys = {pair: content_key(kind, *pair) for pair in pairs}
        found = self.vault.scores(keys.values())
        return {pair: found[key] for pair, key in keys.items() if key in found}

    def remember(self, kind: str, scores: Mapping[tuple[str, str], Sequence[float]]) -> None:
        """Keep scores of pairs."""
        self.vault.keep_scores({content_key(kind, *pair): one for pair, one in scores.items()})

    def vectors(
        self, tokens: Mapping[str, tuple[int, ...]], *, keep: Iterable[str] = ()
    ) -> dict[str, Vectors]:
        """Text -> vectors [tokens, width], float32.

        keep: texts whose vectors go to the vault (references: the next model meets them again).
        """
        kept = {text: content_key("vectors", text) for text in keep if text in tokens}
        stored = self.vault.vectors(kept.values(), self._width)
        found = {text: stored[key] for text, key in kept.items() if key in stored}
        by_ids: dict[tuple[int, ...], list[str]] = {}
        for text, ids in tokens.items():
            if text not in found:
                by_ids.setdefault(ids, []).append(text)
        for ids, states in self._encode(by_ids):
            found.update(dict.fromkeys(by_ids[ids], states))
        self.vault.keep_vectors(
            {key: found[text] for text, key in kept.items() if key not in stored}
        )
        return found

    def _encode(self, ids: Iterable[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], Vectors]]:
        """Vectors of id lists, in passes of like length."""
        for batch in buckets(ids, self._limit):
            yield from zip(batch, self._backend.states(batch, self._pad), strict=True)

    @property
    def _limit(self) -> int:
        return self._backend.batch_tokens

    @property
    def _pad(self) -> int:
        return int(self._tokenizer.pad_token_id or 0)

    @cached_property
    def _width(self) -> int:
        return hidden_width(self.folder)

    @cached_property
    def _tokenizer(self) -> Any:  # Any: transformers' tokenisers have no common type
        _require("transformers", self.settings.model)
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder, local_files_only=True)

    @cached_property
    def _backend(self) -> Backend:
        _require("torch", self.settings.model)
        if self.settings.backend == "onnx":
            from evalharness.encoders.onnx_backend import OnnxBackend

            graph = cache_folder() / f"{self.digest[:32]}-{self.layers}.onnx"
            return OnnxBackend(self.folder, self.layers, self.settings, graph)
        from evalharness.encoders.torch_backend import TorchBackend

        return TorchBackend(self.folder, self.layers, self.settings)


def open_encoder(settings: EncoderSettings) -> Encoder:
    """The encoder of these settings; one a process, so that metrics share its weights.

    Raises SpecError where there is no such model.
    """
    return _opened(settings, weights_digest(model_folder(settings.model)))


@cache
def _opened(settings: EncoderSettings, _digest: str) -> Encoder:
    """One encoder for each content."""
    return Encoder(settings)


def buckets(ids: Iterable[tuple[int, ...]], batch_tokens: int) -> Iterator[list[tuple[int, ...]]]:
    """Id lists in passes of at most `batch_tokens` tokens with padding, longest first.

    A pass pads by an eighth at most; one list always fits.
    """
    batch: list[tuple[int, ...]] = []
    for one in sorted(ids, key=len, reverse=True):
        if batch:
            longest = len(batch[0])
            if (len(batch) + 1) * longest > batch_tokens or len(one) * 8 < longest * 7:
                yield batch
                batch = []
        batch.append(one)
    if batch:
        yield batch


def readable(text: str) -> str:
    """The text with lone surrogates replaced, since tokenisers take UTF-8 only."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _require(package: str, model: str) -> None:
    """Raises MissingExtra where a package is absent."""
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise MissingExtra(package, extra="bertscore", needed_for=f"encoder '{model}'")
