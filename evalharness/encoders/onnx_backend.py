"""A transformer's hidden states by onnxruntime: the same numbers to 1e-6, faster on a CPU.

Reads: a model folder.  Writes: the exported graph, once, under the encoder cache.
Gives: OnnxBackend.
Depends on: torch_backend (to cut the layers), weights; onnxruntime and onnx (extra `onnx`).
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalharness.encoders.torch_backend import load_model, shortened
from evalharness.errors import MissingExtra, SpecError, WriteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evalharness.encoders.weights import EncoderSettings

_ON_CPU: Final = 512
_OPSET: Final = 17


class OnnxBackend:
    """Token vectors of padded id lists, on the CPU.

    graph: where the exported graph is kept; made at the first use.
    Raises MissingExtra without onnxruntime or onnx, SpecError for a model that has no export.
    """

    def __init__(self, folder: Path, layers: int, settings: EncoderSettings, graph: Path) -> None:
        for package in ("onnxruntime", "onnx"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtra(package, extra="onnx", needed_for="backend: onnx")
        import onnxruntime
        import torch

        if not graph.is_file():
            export(shortened(load_model(folder), layers).float(), graph)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session: Any = onnxruntime.InferenceSession(  # Any: untyped package
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self.batch_tokens = settings.batch_tokens or _ON_CPU

    def states(self, ids: Sequence[Sequence[int]], pad: int) -> list[NDArray[np.float32]]:
        """Vectors [length, width] of each id list, in order; `pad` fills the shorter ones."""
        longest = max(map(len, ids))
        padded = np.full((len(ids), longest), pad, dtype=np.int64)
        mask = np.zeros_like(padded)
        for row, one in enumerate(ids):
            padded[row, : len(one)] = one
            mask[row, : len(one)] = 1
        out = self.session.run(None, {"ids": padded, "mask": mask})[0]
        return [out[row, : len(one)] for row, one in enumerate(ids)]


def export(model: Any, graph: Path) -> None:  # Any: see torch_backend.load_model
    """Write a model's graph, whole or not at all. Raises SpecError, WriteError."""
    import torch

    class States(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
        """Ids and mask to the last state."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:  # Any: tensors
            """The last hidden state, [n, tokens, width]."""
            return self.model(ids, attention_mask=mask)[0]

    ids = torch.tensor([[0, 1, 2, 3, 1, 2, 3], [3, 2, 1, 0, 3, 2, 1]])
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    axes = {0: "n", 1: "tokens"}
    try:
        graph.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=graph.parent, suffix=".part")
        os.close(handle)
    except OSError as error:
        raise WriteError(f"cannot write '{graph}': {error}", where=str(graph)) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every constant
            torch.onnx.export(
                States().eval(),
                (ids, mask),
                part,
                input_names=["ids", "mask"],
                output_names=["states"],
                dynamic_axes={"ids": axes, "mask": axes, "states": axes},
                dynamo=False,
                opset_version=_OPSET,
            )
        Path(part).replace(graph)
    except (RuntimeError, ValueError, TypeError) as error:
        raise SpecError(
            f"the encoder cannot be exported to ONNX: {error}", mend="use backend: torch"
        ) from error
    finally:
        Path(part).unlink(missing_ok=True)
