"""The nearest texts by meaning: cosine of mean-pooled token states of a local encoder.

Reads: an encoder's folder (transformers format), once; never the network.
Gives: `LocalEncoder`, `EmbeddingIndex`.
Depends on: index, errors; torch and transformers (extra `local`) when an encoder is opened.
Knows nothing of prompts, samples or documents.
Source of the pooling: Reimers & Gurevych (2019), Sentence-BERT, section 3, MEAN strategy.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from evalharness.errors import MissingExtra, SpecError
from evalharness.prompts.index import Hit, best

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH: Final = 32
MAX_TOKENS: Final = 512
"""Longer texts are cut, as they were when such encoders were trained; less if the model says so."""

DECIMALS: Final = 5
"""Cosines are compared after rounding: single precision differs in the sixth between machines."""

_MODEL_FILES: Final = frozenset({".json", ".txt", ".model", ".safetensors", ".bin"})


class Encoder(Protocol):
    """Texts -> vectors. digest: of everything that shapes them (weights, tokeniser, pooling)."""

    digest: str

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a text, [n, d], of length 1 (or 0 for a text without tokens)."""
        ...


class EmbeddingIndex:
    """Texts searched by the cosine of their vectors. texts: at least one."""

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        self.signature = f"embedding|pool:mean|sim:cosine|encoder:{encoder.digest}"
        self._encoder = encoder
        self._vectors_nd = encoder.encode(texts)

    def nearest(self, query: str, k: int) -> list[Hit]:
        """The k best texts, see `index.Index.nearest`."""
        cosines = self._vectors_nd @ self._encoder.encode([query])[0]
        return best(cosines.astype("float64"), k, decimals=DECIMALS)


class LocalEncoder:
    """An encoder from a folder, on the CPU, its last token states averaged over the text.

    folder: what `save_pretrained` wrote, tokeniser included.  where: file and key, for errors.
    Raises SpecError for what is no such folder, MissingExtra without torch or transformers.
    """

    def __init__(self, folder: Path, *, where: str) -> None:
        if not (folder / "config.json").is_file():
            raise SpecError(
                f"no encoder at '{folder}': a local folder with config.json is needed",
                where=where,
                mend="save one there with `save_pretrained`; names of a hub are not looked up",
            )
        self.digest = _digest_folder(folder)
        self._tokenizer, self._model = _open(folder, where)
        self._max_tokens = _max_tokens(self._tokenizer, self._model)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector a text, [n, d], see `Encoder.encode`."""
        import numpy as np

        by_length = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        vectors: list[Any] = [None] * len(texts)  # Any: rows of the batch arrays
        for start in range(0, len(by_length), BATCH):
            chosen = by_length[start : start + BATCH]
            batch = self._encode_batch([texts[position] for position in chosen])
            for position, vector in zip(chosen, batch, strict=True):
                vectors[position] = vector
        return np.stack(vectors)

    def _encode_batch(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np
        import torch

        tokens = self._tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self._max_tokens,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        if tokens["input_ids"].shape[1] == 0:
            return np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1)
        means = states.masked_fill(mask == 0, 0.0).sum(1) / mask.sum(1).clamp(min=1)
        vectors = torch.nn.functional.normalize(means, dim=1).numpy()
        return np.asarray(vectors, dtype=np.float32)


def _open(folder: Path, where: str) -> tuple[Any, Any]:  # Any: transformers is not typed
    """Tokeniser and model, in evaluation mode."""
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="local", needed_for="few_shot `select: embedding`")
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = AutoModel.from_pretrained(
            str(folder), local_files_only=True, dtype=torch.float32
        ).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise SpecError(
            f"the encoder at '{folder}' cannot be opened: {error}",
            where=where,
            mend="it needs config.json, the weights and the tokeniser's files",
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer, model


def _max_tokens(tokenizer: Any, model: Any) -> int:  # Any: transformers is not typed
    """How many tokens of a text are read: the least that tokeniser, model and `MAX_TOKENS` say."""
    positions = getattr(model.config, "max_position_embeddings", None) or MAX_TOKENS
    return int(min(tokenizer.model_max_length, positions, MAX_TOKENS))


def _digest_folder(folder: Path) -> str:
    """sha256 of the names and bytes of a model's files, its subfolders left out."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in _MODEL_FILES:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{path.name}\0{content}\0".encode())
    return digest.hexdigest()
