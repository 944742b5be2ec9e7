"""Which encoder: a folder or a hub name, the layer, the number format; told apart by content.

Reads: a model folder, or the hub's cache (a network only where the hub package would use one).
Gives: EncoderSettings, the folder, the digest of its files, the layer.
Depends on: errors; huggingface_hub for a hub name (extra `bertscore`).
Sources: the layers of LAYERS are those that Zhang et al. (2020), "BERTScore", tuned on WMT16, as
bert-score 0.3.13 uses them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from evalharness.errors import MissingExtra, SpecError

DTYPES: Final = ("float32", "bfloat16")
BACKENDS: Final = ("torch", "onnx")
DEVICES: Final = ("auto", "cpu", "cuda")
LAYERS: Final = {
    "albert-base-v2": 9,
    "allenai/scibert_scivocab_uncased": 8,
    "bert-base-chinese": 8,
    "bert-base-multilingual-cased": 9,
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "distilbert-base-uncased": 5,
    "microsoft/deberta-base-mnli": 9,
    "microsoft/deberta-large-mnli": 18,
    "microsoft/deberta-xlarge-mnli": 40,
    "microsoft/mpnet-base": 8,
    "roberta-base": 10,
    "roberta-large": 17,
    "roberta-large-mnli": 19,
    "xlm-roberta-base": 9,
    "xlm-roberta-large": 17,
}
"""Hub name -> the layer to take where a suite names none."""

_TOKENIZER_FILES: Final = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_OFFSET_POSITIONS: Final = ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet")
"""Their positions start after the padding's index, so that as many are lost."""

_WEIGHT_PATTERNS: Final = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Everything that decides the vectors, and how they are computed.

    model: a folder (starting with `/`, `.` or `~`) or a hub name.  num_layers: how many layers
    are run; None takes the tuned layer of a known hub name.  dtype: of the computation.
    backend: torch or onnx (onnxruntime).  batch_tokens: tokens in one forward pass, padding
    included; None leaves it to the device.  device: auto, cpu or cuda.
    """

    model: str
    num_layers: int | None = None
    dtype: str = "float32"
    backend: str = "torch"
    batch_tokens: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model.strip():
            raise ValueError("model must be a folder or a hub name")
        for option, given, allowed in (
            ("dtype", self.dtype, DTYPES),
            ("backend", self.backend, BACKENDS),
            ("device", self.device, DEVICES),
        ):
            if given not in allowed:
                raise ValueError(f"{option} must be one of {', '.join(allowed)}; got {given!r}")
        for option, count in (("num_layers", self.num_layers), ("batch_tokens", self.batch_tokens)):
            if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
                raise ValueError(f"{option} must be a whole number; got {count!r}")
            if count is not None and count < 1:
                raise ValueError(f"{option} must be 1 or more; got {count}")
        if self.backend == "onnx" and self.dtype != "float32":
            raise ValueError("backend onnx computes in float32 only")


def model_folder(model: str) -> Path:
    """The folder of an encoder.

    A bare name is a hub name and never a folder that happens to lie in the working folder.
    Raises SpecError where there is no such model, MissingExtra without huggingface_hub.
    """
    if model.startswith(("/", ".", "~")):
        folder = Path(model).expanduser()
        if not (folder / "config.json").is_file():
            raise SpecError(
                f"no encoder in '{model}'", mend="name a folder that holds config.json and weights"
            )
        return folder
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise MissingExtra(
            "transformers", extra="bertscore", needed_for=f"encoder {model}"
        ) from error
    patterns = [*_TOKENIZER_FILES, *_WEIGHT_PATTERNS]
    try:
        return Path(snapshot_download(model, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise SpecError(
            f"no encoder '{model}' on the hub or in its cache: {error}".splitlines()[0],
            mend=f"check the name; a folder is written './{model}' or as an absolute path",
        ) from error


def weights_digest(folder: Path) -> str:
    """SHA-256 over the weights, configuration and tokeniser files: 64 hexadecimal digits.

    Two machines agree wherever the folder lies.  A file is read again only if its size or time
    changes.  Raises SpecError for a folder without weights.
    """
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not weights:
        raise SpecError(f"no weights in '{folder}'", mend="it needs *.safetensors files")
    total = hashlib.sha256()
    files = [folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()]
    for path in [*files, *weights]:
        stat = path.stat()
        digest = _file_digest(path, stat.st_size, stat.st_mtime_ns)
        total.update(f"{path.name} {digest}\n".encode())
    return total.hexdigest()


@cache
def _file_digest(path: Path, _size: int, _mtime_ns: int) -> str:
    """SHA-256 of a file as it was at that size and time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def chosen_layers(settings: EncoderSettings, folder: Path) -> int:
    """How many layers are run. Raises SpecError where nothing says, or the model has fewer."""
    layers = settings.num_layers or LAYERS.get(settings.model)
    text = (folder / "config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    keys = ("num_hidden_layers", "n_layers", "num_layers", "encoder_layers", "n_layer")
    depth = next((config[key] for key in keys if isinstance(config.get(key), int)), None)
    if layers is None:
        known = f"1 to {depth}" if depth else "1 or more"
        raise SpecError(
            f"encoder '{settings.model}': nothing says which layer to take",
            mend=f"give num_layers ({known})",
        )
    if depth is not None and layers > depth:
        raise SpecError(f"num_layers is {layers}, but '{settings.model}' has {depth} layers")
    return layers


def longest_input(folder: Path) -> int:
    """Tokens that the encoder takes: the tokeniser's maximum, but no more than it has positions.

    A tokeniser without a maximum says 10^30, with which bert-score fails; 512 where neither knows.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    place = folder / "tokenizer_config.json"
    tokenizer = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if isinstance(positions, int) and config.get("model_type") in _OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id", 1)) + 1
    limits = [tokenizer.get("model_max_length"), positions]
    known = [int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 1e6]
    return min(known, default=512)


def hidden_width(folder: Path) -> int:
    """Numbers in one token's vector. Raises SpecError where the configuration does not say."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for key in ("hidden_size", "d_model", "dim", "emb_dim", "n_embd"):
        if isinstance(config.get(key), int):
            return int(config[key])
    raise SpecError(f"'{folder}': config.json does not say how wide the vectors are")
