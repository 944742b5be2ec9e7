"""Baselines that need no model: the commonest answer, and the answer of the nearest question.

    majority/train.jsonl             the commonest answer of the train split, to everything
    nearest_neighbour/train.jsonl    the answer of the train question nearest by BM25
    echo/input                       the question itself

Reads: a train file, once.  Gives: open_majority, open_nearest_neighbour, open_echo.
Depends on: data, prompts.index, scripted, settings, records.
What these reach is what a model has to beat.  They read the train split only; an item that bears
the asked sample's own id is passed over.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Final

from evalharness.clients.scripted import Line, Script, ScriptedClient, last_user_text, open_scripted
from evalharness.clients.settings import (
    ClientSettings,
    refuse_unknown_options,
    split_query,
    text_mapping,
)
from evalharness.contracts import Identity
from evalharness.data.sources import open_source
from evalharness.errors import DataError
from evalharness.records import Request, Sample
from evalharness.spec.suite import DataSpec

OPTIONS: Final = ("fields",)


def open_majority(model: str, settings: ClientSettings) -> ScriptedClient:
    """The commonest first target of a train file, the earliest of equals.

    options: `fields` maps our names to the file's.
    Raises DataError for a file that is absent, wrong or without targets.
    """
    path, samples = read_train(model, settings, provider="majority")
    counted = Counter(sample.targets[0] for sample in samples)
    answer = Line(text=counted.most_common(1)[0][0])

    def always(_: Request) -> Line:
        """The same answer to everybody."""
        return answer

    return trained_client("majority", path, always, settings)


def open_nearest_neighbour(model: str, settings: ClientSettings) -> ScriptedClient:
    """The first target of the train item whose question is nearest by BM25.

    options: `fields` maps our names to the file's.
    Raises DataError as `open_majority` does, MissingExtra without bm25s.
    """
    from evalharness.prompts.index import Bm25Index

    path, samples = read_train(model, settings, provider="nearest_neighbour")
    index = Bm25Index(
        [question_of(sample) for sample in samples], needed_for="the client nearest_neighbour"
    )

    def nearest(request: Request) -> Line:
        """The answer of the nearest training sample that is not the sample itself."""
        for hit in index.nearest(last_user_text(request), 2):
            found = samples[hit.position]
            if found.id != request.sample_id.partition("#")[0]:
                return Line(text=found.targets[0])
        return Line(fail="missing")

    return trained_client("nearest_neighbour", path, nearest, settings)


def open_echo(model: str, settings: ClientSettings) -> ScriptedClient:
    """The question as its own answer; `echo/input` is the same as `scripted/echo`."""
    name, _ = split_query(model)
    client = open_scripted("echo", settings)
    client.identity = Identity(provider="echo", model=name)
    return client


def read_train(model: str, settings: ClientSettings, *, provider: str) -> tuple[Path, list[Sample]]:
    """The train file and its samples that have a target."""
    refuse_unknown_options(settings.options, OPTIONS, provider=provider)
    path = Path(model)
    spec = DataSpec(path=str(path), fields=text_mapping(settings.options, "fields"))
    samples = [sample for sample in open_source(spec, base=Path()) if sample.targets]
    if not samples:
        raise DataError(f"client '{provider}' needs a train file with targets", where=str(path))
    return path, samples


def question_of(sample: Sample) -> str:
    """What a train item asks: its input, or its last user message."""
    if sample.input is not None:
        return sample.input
    said = [turn.content for turn in sample.messages if turn.role == "user" and turn.content]
    return said[-1] if said else ""


def trained_client(
    provider: str, path: Path, script: Script, settings: ClientSettings
) -> ScriptedClient:
    """A scripted client that says what it was made from."""
    details = {"train_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    identity = Identity(provider=provider, model=path.name, details=details)
    return ScriptedClient(script, identity, session=settings.session)
