"""Model weights in this process: loaded once, shared by all arms that differ in adapters only.

Reads: a folder of weights or a hub name, and adapter folders.  Gives: Weights, weights_for.
Depends on: calls, errors; torch, transformers and peft when weights are loaded.
Base and tuned arms share one set of weights: switching an adapter off reproduces the base exactly.
"""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from evalharness.clients.calls import fatal
from evalharness.errors import MissingExtra, SpecError

EDGE_BYTES: Final = 1 << 20
"""Of each weight file so much of its start and end goes into the fingerprint, with its size."""

_loaded: WeakValueDictionary[Place, Weights] = WeakValueDictionary()
"""Weights that some client holds; the last client to close lets them go."""

_loading = threading.Lock()
"""Arms start at once: the first one loads, the others wait and share what it loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which weights, and how they are held. base: a folder or a hub name."""

    base: str
    revision: str = "main"
    dtype: str = "auto"
    device: str = "auto"


def weights_for(place: Place) -> Weights:
    """The weights of a place, loaded if no client holds them yet.

    Raises MissingExtra without torch and transformers, Fatal where they cannot be loaded.
    """
    with _loading:
        found = _loaded.get(place)
        if found is None:
            found = Weights(place)
            _loaded[place] = found
        return found


class Weights:
    """A causal language model, its tokenizer and the adapters loaded so far.

    model and tokenizer are transformers' own (Any: its classes are made at run time).
    lock: one thread at a time may run the model, since adapters are switched on it.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.lock = threading.Lock()
        self.tokenizer, self.model = load(place)
        self.device = next(self.model.parameters()).device
        self._adapters: dict[str, str] = {}

    @property
    def max_tokens(self) -> int | None:
        """The longest sequence that the model can hold, if its configuration says."""
        longest = getattr(self.model.config, "max_position_embeddings", None)
        return longest if isinstance(longest, int) and longest > 0 else None

    def end_ids(self) -> frozenset[int]:
        """The ids of tokens that end an answer."""
        found = self.model.generation_config.eos_token_id
        ids = found if isinstance(found, list) else [found, self.tokenizer.eos_token_id]
        return frozenset(number for number in ids if isinstance(number, int))

    @contextmanager
    def using(self, adapter: str | None) -> Iterator[Any]:  # Any: a transformers or peft model
        """The model with one adapter switched on, or with none; hold `lock` meanwhile.

        Raises Fatal where the adapter does not fit the weights.
        """
        if adapter is not None:
            self._switch_on(adapter)
            yield self.model
        elif self._adapters:
            with self.model.disable_adapter():
                yield self.model
        else:
            yield self.model

    def _switch_on(self, adapter: str) -> None:
        name = self._adapters.get(adapter)
        if name is None:
            name = f"adapter_{len(self._adapters)}"
            self._load_adapter(adapter, name)
            self._adapters[adapter] = name
        self.model.set_adapter(name)

    def _load_adapter(self, adapter: str, name: str) -> None:
        try:
            from peft import PeftModel
        except ImportError:
            raise MissingExtra("peft", extra="local", needed_for="an adapter") from None
        try:
            with warnings.catch_warnings():  # peft calls what transformers will rename
                warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
                if self._adapters:
                    self.model.load_adapter(adapter, adapter_name=name)
                else:
                    self.model = PeftModel.from_pretrained(self.model, adapter, adapter_name=name)
        except (OSError, ValueError, RuntimeError) as error:
            raise fatal(
                "bad_request",
                f"the adapter {adapter} does not load on {self.place.base}: {error}",
                mend="check that it was trained on this base model",
            ) from error
        self.model.eval()


def load(place: Place) -> tuple[Any, Any]:
    """Tokenizer and model of a place, ready to generate."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar
    except ModuleNotFoundError as error:
        missing = error.name or "transformers"
        raise MissingExtra(missing, extra="local", needed_for=f"hf/{place.base}") from None
    except ImportError as error:
        raise fatal(
            "bad_request",
            f"torch or transformers is there and does not import: {error}",
            mend="pip install --force-reinstall 'evalharness[local]'",
        ) from error
    disable_progress_bar()
    local = Path(place.base).is_dir()
    options = {} if local else {"revision": place.revision}
    try:
        tokenizer = AutoTokenizer.from_pretrained(place.base, local_files_only=local, **options)
        dtype = "auto" if place.dtype == "auto" else getattr(torch, place.dtype)
        model = AutoModelForCausalLM.from_pretrained(
            place.base, local_files_only=local, dtype=dtype, **options
        )
    except (OSError, ValueError) as error:
        raise fatal(
            "bad_request",
            f"no model can be loaded from {place.base}: {error}",
            mend="give a folder with config.json and weights, or a name of the hub",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    device = place.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return tokenizer, model.to(device).eval()


def adapter_base(adapter: Path) -> str | None:
    """The base model that an adapter folder names; None where the folder is no adapter.

    Raises SpecError for a broken adapter_config.json.
    """
    path = adapter / "adapter_config.json"
    if not path.is_file():
        return None
    try:
        named = json.loads(path.read_bytes()).get("base_model_name_or_path")
    except (ValueError, AttributeError) as error:
        raise SpecError(f"not a JSON object: {error}", where=str(path)) from error
    return named if isinstance(named, str) and named else None


def fingerprint(folder: Path) -> str:
    """A hash that tells one set of weights from another without reading all of it.

    It covers the configuration, the tokenizer and, of each weight file, its size, first and last
    MiB; retrained weights differ in all of these.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jinja", ".model", ".txt"):
            digest.update(path.name.encode() + path.read_bytes())
        elif path.suffix in (".safetensors", ".bin", ".pt"):
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(EDGE_BYTES))
                file.seek(max(0, size - EDGE_BYTES))
                digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()


def describe(place: Place, adapter: str | None) -> Mapping[str, str]:
    """What tells this arm from others: fingerprints of folders, revision, dtype."""
    details = {"dtype": place.dtype}
    base = Path(place.base)
    if base.is_dir():
        details["weights_sha256"] = fingerprint(base)
    else:
        details["revision"] = place.revision
    if adapter is not None:
        details["adapter"] = Path(adapter).name
        details["adapter_sha256"] = fingerprint(Path(adapter))
    return details
