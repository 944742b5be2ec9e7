"""What `--model M` means: a run folder, a baseline file, a recording, a name, a provider's model.

Reads: the file system, to see what exists; baseline files.  Gives: `Arm`s.
Depends on: spec, store, catalog, options, errors; clients.expand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalharness.catalog import CLIENTS, entry_points
from evalharness.clients.expand import CHECKPOINTS, expand_models
from evalharness.clients.settings import ClientSettings, split_query
from evalharness.errors import UsageError, did_you_mean
from evalharness.spec.locate import baseline_names, roots
from evalharness.spec.read import read_baseline
from evalharness.spec.suite import Baseline, GenerationSpec, PriceSpec, PromptSpec
from evalharness.stages.options import RunOptions
from evalharness.store.runs import RunFolder, is_run, load_run

RECORDING_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".csv", ".csv.gz", ".txt", ".gz")

TRAINED = frozenset({"majority", "nearest_neighbour"})
"""Providers whose model is a file of training rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One model as one command uses it.

    name: how results call it.  reference: as the user wrote it.
    run: an existing run, taken as it is; otherwise `provider` and `model` name a client.
    blessed: the folder in git that the run was unpacked from.
    prompt, generation, price, options, outputs: from a baseline file, None or empty without.
    """

    name: str
    reference: str
    run: RunFolder | None = None
    blessed: Path | None = None
    provider: str = ""
    model: str = ""
    prompt: PromptSpec | None = None
    generation: GenerationSpec | None = None
    price: PriceSpec | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    rung: str = ""
    base: Path | None = None
    where: str = ""

    @property
    def recorded(self) -> bool:
        """Whether the answers come from a file."""
        return self.provider == "replay"


def resolve(reference: str, *, suite: str = "") -> Arm:
    """The arm that a reference means; tried in the order of the contract.

    suite: its name; a baseline may be called by `name` alone where `<suite>/<name>` exists.
    Raises UsageError for a reference that means nothing.
    """
    path = Path(reference)
    if is_run(path):
        run = load_run(path)
        return Arm(name=run.manifest().arm, reference=reference, run=run)
    if path.is_file():
        return _from_file(path, reference)
    named = baseline_names()
    for name in (reference, f"{suite}/{reference}"):
        if name in named:
            return _from_file(named[name], reference)
    recording = _named_recording(reference, suite)
    if recording is not None:
        return _from_file(recording, reference)
    return _from_provider(reference, [*named, *recording_names(suite)])


def resolve_all(references: Sequence[str], options: RunOptions, *, suite: str) -> list[Arm]:
    """The arms of several references; a job's `@checkpoints` are one arm each.

    Raises as `resolve` does, and ClientError where a job cannot be asked for its checkpoints.
    """
    arms = []
    for reference in references:
        arms += expand(resolve(reference, suite=suite), options)
    return arms


def expand(arm: Arm, options: RunOptions) -> list[Arm]:
    """An arm that stands for several, as these; any other alone."""
    if CHECKPOINTS not in arm.model or arm.run is not None:
        return [arm]
    settings = ClientSettings(options=dict(arm.options), environment=options.environment)
    models = expand_models(arm.provider, arm.model, settings)
    if models == [arm.model]:
        return [arm]
    return [_checkpoint(arm, model) for model in models]


def _checkpoint(arm: Arm, model: str) -> Arm:
    """One checkpoint of a job; called after its step, and by its own name where it has no file."""
    step = model.partition("?")[0].rpartition("@")[2]
    name = arm.name.removesuffix(CHECKPOINTS)
    reference = arm.reference if arm.where else f"{arm.provider}/{model}"
    return replace(arm, name=f"{name}@{step}", model=model, reference=reference)


def _from_file(path: Path, reference: str) -> Arm:
    if path.suffix in (".yaml", ".yml"):
        return _from_baseline(read_baseline(path), path, reference)
    if not path.name.endswith(RECORDING_SUFFIXES):
        raise UsageError(
            f"'{reference}' is neither a baseline (.yaml) nor recorded outputs",
            mend=f"recorded outputs end in {', '.join(RECORDING_SUFFIXES[:5])}",
        )
    return Arm(name=_stem(path), reference=reference, provider="replay", model=str(path))


def _from_baseline(baseline: Baseline, path: Path, reference: str) -> Arm:
    beside = Path(baseline.base) / baseline.model
    options: Mapping[str, object] = baseline.options
    if beside.is_file():
        provider, model = "replay", str(beside)
    else:
        provider, _, model = baseline.model.partition("/")
        _check_provider(provider, baseline.model, place=f"{path}, model")
        if provider == "replay" and not Path(model).is_file():
            model = str(Path(baseline.base) / model)
        if provider in TRAINED and (Path(baseline.base) / model).is_file():
            model = os.path.normpath(Path(baseline.base) / model)
        if provider == "hf":
            model, options = _local_weights(baseline)
    return Arm(
        name=baseline.name,
        reference=reference,
        provider=provider,
        model=model,
        prompt=baseline.prompt,
        generation=baseline.generation,
        price=baseline.price,
        options=options,
        outputs=baseline.outputs,
        rung=baseline.rung,
        base=Path(baseline.base),
        where=str(path),
    )


def _local_weights(baseline: Baseline) -> tuple[str, Mapping[str, object]]:
    """Model and options of a baseline that names local weights, from the baseline's own folder.

    A path that begins with a dot always starts there, any other one where it leads to a folder:
    it may also start from the working folder, or be a name of the hub.
    """
    path, query = split_query(baseline.model.partition("/")[2])
    options: dict[str, object] = {**baseline.options, **query}
    adapter = options.get("adapter")
    if isinstance(adapter, str):
        options["adapter"] = _from_folder(baseline.base, adapter)
    return _from_folder(baseline.base, path), options


def _from_folder(base: str, path: str) -> str:
    """A path in a baseline file as one from the working folder."""
    beside = Path(base) / path
    return os.path.normpath(beside) if path.startswith(".") or beside.is_dir() else path


def _named_recording(reference: str, suite: str) -> Path | None:
    """A recording below `baselines/`, by `<suite>/<name>` or `<name>` alone."""
    for root in roots("baselines"):
        for name in (reference, f"{suite}/{reference}"):
            for suffix in (".jsonl", ".jsonl.gz"):
                path = root / f"{name}{suffix}"
                if path.is_file():
                    return path
    return None


def recording_names(suite: str) -> list[str]:
    """Recordings below `baselines/<suite>/`, by the name they may be called by."""
    return [
        _stem(path)
        for root in roots("baselines")
        for path in sorted((root / suite).glob("*.jsonl*"))
        if suite
    ]


def _from_provider(reference: str, names: Sequence[str]) -> Arm:
    provider, slash, model = reference.partition("/")
    if not slash or not model:
        near = did_you_mean(reference, [*names, *CLIENTS])
        raise UsageError(
            f"'{reference}' is no run folder, file, baseline or provider/model",
            mend=near or "for example openai/gpt-4o-mini, outputs.jsonl or a name under baselines/",
        )
    _check_provider(provider, reference, place="--model")
    path, query = split_query(model)
    path = query.get("adapter", path)
    name = path.rstrip("/").rpartition("/")[2] or model
    return Arm(name=_stem(Path(name)), reference=reference, provider=provider, model=model)


def _check_provider(provider: str, reference: str, *, place: str) -> None:
    if provider in CLIENTS:
        return
    known = {*CLIENTS, *(point.name for point in entry_points("client"))}
    if provider not in known:
        near = did_you_mean(provider, known)
        raise UsageError(
            f"'{reference}' is no file, and '{provider}' is no provider",
            where=place,
            mend=near or f"providers: {', '.join(sorted(known))}; or check the file's path",
        )


def _stem(path: Path) -> str:
    name = path.name
    for suffix in RECORDING_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return name[: -len(suffix)]
    return name


def distinct(arms: Sequence[Arm]) -> list[Arm]:
    """The same arms, with names told apart: the second "base" becomes "base-2"."""
    seen: dict[str, int] = {}
    told_apart: list[Arm] = []
    for arm in arms:
        seen[arm.name] = seen.get(arm.name, 0) + 1
        count = seen[arm.name]
        told_apart.append(arm if count == 1 else replace(arm, name=f"{arm.name}-{count}"))
    return told_apart
