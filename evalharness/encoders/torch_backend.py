"""A transformer's hidden states by PyTorch: only the layers that are asked for, inference mode.

Reads: a model folder.  Gives: TorchBackend.
Depends on: weights (settings); torch and transformers (extra `bertscore`), imported when opened.
The layers are cut as bert-score 0.3.13 cuts them, so that the last state of the shortened model
is the one that it scores with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalharness.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evalharness.encoders.weights import EncoderSettings

_ON_CPU: Final = 512
_ON_GPU: Final = 32_768
"""Tokens in one pass where a suite names no number: small passes stay in a core's cache."""


class TorchBackend:
    """Token vectors [n, length, width] of equally long or padded id lists."""

    def __init__(self, folder: Path, layers: int, settings: EncoderSettings) -> None:
        import torch

        self._torch = torch
        self.device = settings.device
        if self.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.device == "cuda" and not torch.cuda.is_available():
            raise SpecError("device is cuda, but PyTorch sees none", mend="use device: auto")
        dtype = torch.bfloat16 if settings.dtype == "bfloat16" else torch.float32
        self.model = shortened(load_model(folder), layers).to(device=self.device, dtype=dtype)
        self.batch_tokens = settings.batch_tokens or (_ON_GPU if self.device == "cuda" else _ON_CPU)

    def states(self, ids: Sequence[Sequence[int]], pad: int) -> list[NDArray[np.float32]]:
        """Vectors [length, width] of each id list, in order; `pad` fills the shorter ones."""
        torch = self._torch
        longest = max(map(len, ids))
        padded = np.full((len(ids), longest), pad, dtype=np.int64)
        for row, one in enumerate(ids):
            padded[row, : len(one)] = one
        lengths = np.array([len(one) for one in ids])
        mask = None
        if (lengths < longest).any():
            filled = (np.arange(longest) < lengths[:, None]).astype(np.int64)
            mask = torch.from_numpy(filled).to(self.device)
        with torch.inference_mode():
            out = self.model(torch.from_numpy(padded).to(self.device), attention_mask=mask)[0]
            out = out.float().cpu().numpy()
        return [out[row, : len(one)] for row, one in enumerate(ids)]


def load_model(folder: Path) -> Any:  # Any: transformers' models have no common type
    """The encoder of a folder, in evaluation mode. Raises SpecError where it is none."""
    import transformers
    from transformers.utils.logging import disable_progress_bar

    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        kind = (
            transformers.T5EncoderModel
            if config.model_type in ("t5", "mt5", "umt5")
            else transformers.AutoModel
        )
        disable_progress_bar()
        model = kind.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise SpecError(f"'{folder}' cannot be loaded as an encoder: {error}") from error
    model.eval()
    return model.encoder if hasattr(model, "decoder") and hasattr(model, "encoder") else model


def shortened(model: Any, layers: int) -> Any:  # Any: see load_model
    """The model with its first layers only. Raises SpecError for an unknown architecture."""
    import torch

    if hasattr(model, "n_layers"):  # XLM
        model.n_layers = layers
        return model
    for holder, attribute in (
        (model, "layer"),  # XLNet
        (getattr(model, "encoder", None), "block"),  # T5
        (getattr(model, "encoder", None), "layer"),  # BERT, RoBERTa, DeBERTa, MPNet
        (getattr(model, "transformer", None), "layer"),  # DistilBERT
        (model, "block"),  # the encoder of a T5
        (model, "layers"),  # BART, ModernBERT
    ):
        if isinstance(found := getattr(holder, attribute, None), torch.nn.ModuleList):
            setattr(holder, attribute, torch.nn.ModuleList(list(found)[:layers]))
            return model
    if hasattr(getattr(model, "encoder", None), "albert_layer_groups"):
        model.encoder.config.num_hidden_layers = layers
        return model
    raise SpecError(f"the layers of a {type(model).__name__} are not known", mend="use a BERT-like")
