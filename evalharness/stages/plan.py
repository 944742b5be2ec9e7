"""plan: a suite and an arm -> what will be asked, and the run folder that holds it.

Reads: the suite, the held-out data.  Writes: run.json.  Gives: `Plan`, its units and requests.
Depends on: spec, data, prompts, clients (opened by name), store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from evalharness.clients.pricing import price_of
from evalharness.contracts import Identity, PromptProgram, Source
from evalharness.data.identity import input_sha256
from evalharness.data.plugins import plugin_source
from evalharness.data.sources import ids_of, open_source
from evalharness.data.spool import read_once
from evalharness.errors import DataError, UsageError
from evalharness.records import Message, Request, Sample, Sampling
from evalharness.spec.read import digest
from evalharness.spec.suite import DataSpec, GenerationSpec, PriceSpec, Suite
from evalharness.stages.arms import Arm
from evalharness.stages.continuations import continuations, repeats_of
from evalharness.stages.options import RunOptions
from evalharness.stages.standings.rungs import rung_of
from evalharness.store.keys import derive_seed, request_key, sha256_of, unit_hash
from evalharness.store.runs import Manifest, RunFolder, open_run, write_json

SEED_BITS = 31
"""Servers take seeds as signed 32-bit numbers."""

Reads: TypeAlias = Literal["prompts", "contents", "ids"]
"""What a client looks at: the rendered messages; or, as recordings do, which input was asked, or
nothing but the sample's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that `generate` needs to ask: samples, prompt program, decoding, where to write.

    program: None where the client reads no messages: none are rendered then, and no examples or
    documents are needed.
    samplings: the decoding options of each repeat.
    """

    suite: Suite
    arm: Arm
    source: Source
    program: PromptProgram | None
    generation: GenerationSpec
    identity: Identity
    reads: Reads
    folder: RunFolder
    seed: int
    samplings: tuple[Sampling, ...]

    @property
    def name(self) -> str:
        """The arm's name, for the progress line."""
        return self.arm.name

    @property
    def by_id(self) -> bool:
        """Whether `requests_by_id` asks everything, so that no sample need be built."""
        return self.reads == "ids" and not self._chained() and self.suite.ask != "choices"

    def requests_by_id(self) -> Iterator[Request]:
        """The questions of a client that looks at nothing but ids, in the order of the data."""
        for sample_id in ids_of(self.source):
            for repeat in range(self.generation.repeats):
                yield Request(key="", sample_id=sample_id, repeat=repeat)

    def chains(self) -> Iterator[tuple[int, tuple[Sample, ...]]]:
        """(repeat, samples): samples of one chain are asked in order, chains in any order.

        A chain is a whole conversation where its own answers become its history, one sample else.
        """
        chained = self._chained()
        for samples in conversations(self.source) if chained else singles(self.source):
            for repeat in range(self.repeats(samples[0])):
                yield repeat, samples

    def repeats(self, sample: Sample) -> int:
        """How often a sample is asked."""
        if self.suite.ask == "answer":
            return self.generation.repeats
        return repeats_of(self.suite, sample)

    def request(self, sample: Sample, repeat: int, answers: Sequence[str] = ()) -> Request:
        """The question for one sample, rendered. Raises SpecError where the template fails."""
        if self.program is None:  # a recording finds its answer by the sample's id
            return Request(
                key="", sample_id=sample.id, repeat=repeat, input_sha256=input_sha256(sample)
            )
        messages = self.program.render(sample, answers)
        texts = continuations(self.suite, sample)
        if texts:
            return self._score_request(sample, repeat, messages, texts[repeat])
        sampling = self.samplings[repeat]
        return Request(
            key=request_key(self.identity, messages, sampling, repeat=repeat, tools=sample.tools),
            sample_id=sample.id,
            repeat=repeat,
            messages=messages,
            sampling=sampling,
            tools=sample.tools,
            input_sha256=input_sha256(sample),
        )

    def _score_request(
        self, sample: Sample, repeat: int, messages: tuple[Message, ...], text: str
    ) -> Request:
        sampling = Sampling(temperature=0.0, extra=self.generation.extra)
        return Request(
            key=request_key(self.identity, messages, sampling, repeat=repeat, continuation=text),
            sample_id=sample.id,
            repeat=repeat,
            kind="score",
            messages=messages,
            continuation=text,
            sampling=sampling,
            input_sha256=input_sha256(sample),
        )

    def _chained(self) -> bool:
        spec = self.arm.prompt or self.suite.prompt
        return self.suite.data.turns == "all" and spec.history == "predicted"


def make_plan(
    suite: Suite,
    arm: Arm,
    identity: Identity,
    options: RunOptions,
    *,
    reads: Reads,
    source: Source,
) -> Plan:
    """The plan of one arm over one suite, and its run folder (an earlier one if it asks the same).

    source: the held-out samples, see `heldout`.
    Raises DataError, SpecError, UsageError before anything is asked.
    """
    generation = arm.generation or suite.generation
    program = program_of(suite, arm, source, reads)
    seed = options.seed if options.seed is not None else (generation.seed or 0)
    manifest = Manifest(
        run="",
        suite=suite,
        arm=arm.name,
        identity=identity,
        data=source.where,
        fingerprints={
            "data": data_fingerprint(suite.data, suite, options),
            "prompt": program.sha256 if program is not None else "",
            "generation": sha256_of(generation),
            "client": sha256_of(identity),
            **({} if suite.ask == "answer" else {"ask": suite.ask}),
        },
        seed=seed,
        limit=options.limit,
        shard=f"{options.shard[0]}/{options.shard[1]}" if options.shard else None,
        reference=arm.reference,
        session=options.session,
        rung=rung_of(suite, arm, identity),
        price=arm.price or price_of(identity, options.environment),
    )
    return Plan(
        suite=suite,
        arm=arm,
        source=source,
        program=program,
        generation=generation,
        identity=identity,
        reads=reads,
        folder=with_price(open_run(options.out, manifest), manifest.price),
        seed=seed,
        samplings=tuple(
            sampling_of(generation, seed, repeat) for repeat in range(generation.repeats)
        ),
    )


def with_price(folder: RunFolder, price: PriceSpec | None) -> RunFolder:
    """The run folder, an earlier one included, with today's price in its run.json."""
    manifest = folder.manifest()
    if manifest.price != price:
        write_json(folder.manifest_path, msgspec.structs.replace(manifest, price=price))
    return folder


def program_of(suite: Suite, arm: Arm, source: Source, reads: Reads) -> PromptProgram | None:
    """The arm's own prompt program, or the suite's; None for a client that reads no messages.

    For such a client the template is checked all the same, but no examples or documents are read.
    Raises SpecError, DataError.
    """
    from evalharness.prompts.build import build_program

    prompt = arm.prompt or suite.prompt
    place = arm.where if arm.prompt else suite.place
    base = arm.base if arm.prompt and arm.base else Path(suite.base)
    if reads == "prompts":
        return build_program(prompt, base=base, where=place, heldout=source)
    build_program(msgspec.structs.replace(prompt, few_shot=None, rag=None), base=base, where=place)
    return None


def heldout(suite: Suite, options: RunOptions) -> Source:
    """The held-out samples that a command is about: --data, --limit and --shard applied.

    Raises UsageError where the suite names no data and none is given, DataError for a bad file.
    """
    return sharded(whole_set(suite, options), options)


@contextmanager
def held_once(suite: Suite, options: RunOptions) -> Iterator[Source]:
    """As `heldout`, for whoever goes through the samples more than once."""
    with read_once(whole_set(suite, options), options.out) as source:
        yield sharded(source, options)


def whole_set(suite: Suite, options: RunOptions) -> Source:
    """The held-out samples with --data and --limit applied; raises as `heldout` does."""
    if suite.data.path is None and suite.data.hf is None and options.data is None:
        raise UsageError(
            f"suite '{suite.name}' names no data",
            mend="give the held-out file with --data PATH",
        )
    return open_source(
        suite.data, base=Path(suite.base), override=options.data, limit=options.limit
    )


def sharded(source: Source, options: RunOptions) -> Source:
    """The part of a source that --shard asks for."""
    return Shard(source, *options.shard) if options.shard else source


@dataclass(frozen=True, slots=True)
class Shard:
    """Part k of n of a source, by hash of the sample's id; the parts are disjoint and complete."""

    source: Source
    k: int
    n: int

    @property
    def where(self) -> str:
        """The whole source's place."""
        return self.source.where

    def __iter__(self) -> Iterator[Sample]:
        """The samples of this part; a conversation's turns stay together."""
        for sample in self.source:
            if unit_hash(conversation_id(sample), 0) % self.n == self.k - 1:
                yield sample

    def ids(self) -> Iterator[str]:
        """The ids of this part's samples."""
        for sample_id in ids_of(self.source):
            if unit_hash(conversation_name(sample_id), 0) % self.n == self.k - 1:
                yield sample_id


def singles(source: Source) -> Iterator[tuple[Sample, ...]]:
    """Each sample alone."""
    for sample in source:
        yield (sample,)


def conversations(source: Source) -> Iterator[tuple[Sample, ...]]:
    """Neighbouring turns of one conversation together, in order."""
    chain: list[Sample] = []
    for sample in source:
        if chain and conversation_id(chain[0]) != conversation_id(sample):
            yield tuple(chain)
            chain = []
        chain.append(sample)
    if chain:
        yield tuple(chain)


def conversation_id(sample: Sample) -> str:
    """The id before "#turn"; the id itself where a sample is no turn."""
    return conversation_name(sample.id)


def conversation_name(sample_id: str) -> str:
    """What `conversation_id` says of a sample with this id."""
    name, mark, turn = sample_id.rpartition("#")
    return name if mark and turn.isdigit() else sample_id


def sampling_of(generation: GenerationSpec, seed: int, repeat: int) -> Sampling:
    """Decoding options of one repeat: the run's seed for the first, derived ones for the others."""
    sent = None
    if generation.seed is not None or seed:
        sent = seed if repeat == 0 else derive_seed(seed, repeat) % 2**SEED_BITS
    return Sampling(
        temperature=generation.temperature,
        max_tokens=generation.max_tokens,
        top_p=generation.top_p,
        stop=generation.stop,
        seed=sent,
        logprobs=generation.logprobs,
        response_format=generation.response_format,
        extra=generation.extra,
    )


def data_fingerprint(spec: DataSpec, suite: Suite, options: RunOptions) -> str:
    """sha256 of the held-out file's bytes and of how they are read."""
    read_as = sha256_of(msgspec.structs.replace(spec, path=None, train=None))
    path = options.data or (Path(suite.base) / spec.path if spec.path else None)
    if path is None:
        return read_as
    source = plugin_source(str(options.data or spec.path), base=Path(suite.base))
    if source is not None:
        return sha256_of((read_as, [(sample.id, sample.content_sha256) for sample in source]))
    try:
        with path.open("rb") as file:
            return hashlib.sha256(
                hashlib.file_digest(file, "sha256").digest() + read_as.encode()
            ).hexdigest()
    except OSError as error:
        raise DataError(
            f"cannot read the held-out file: {error.strerror}",
            where=str(path),
            mend="check `data.path` in the suite, or give --data PATH",
        ) from error


def policy_hash(suite: Suite) -> str:
    """sha256 of what READY means for a suite."""
    return digest(suite.policy)
