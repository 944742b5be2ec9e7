"""What a metric, a client, a source, a prompt program and an executor must offer.

Reads: nothing.  Gives: Protocols and the small records that only they need.
Depends on: records.  Knows nothing of any implementation.
`evalharness.testing` holds the conformance kit that says whether an object keeps these contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from evalharness.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalharness.records import (
        Completion,
        Item,
        Message,
        Outcome,
        Request,
        Sample,
    )

    Array: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]
    Words: TypeAlias = NDArray[np.uint64]

MetricKind: TypeAlias = Literal["binary", "continuous", "count", "corpus", "ordered", "refit"]
Need: TypeAlias = Literal[
    "targets", "code", "execution", "judgement", "logprobs", "prompt_logprobs", "tool_calls"
]
Scale: TypeAlias = Literal["fraction", "points", "seconds", "usd", "tokens", "count", "plain"]


# --- metrics ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rows:
    """What `measure` gives: one row of statistics an item, in the order of the items.

    rows_nk: float64, [n, k]; a row that is not scored holds zeros.
    scored_n: bool, [n].  reasons: index -> why that item is not scored.
    """

    rows_nk: Array
    scored_n: Mask
    reasons: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """All repeats of one sample, for metrics whose row belongs to a sample (pass@k).

    items: the answered repeats.  n_failed: repeats that gave no answer; they count as failures.
    """

    sample: Sample
    items: tuple[Item, ...]
    n_failed: int = 0


class Metric(Protocol):
    """Rows plus a function of their sum.

    name: as written in a suite.  version: rises when numbers change.  signature: name, version and
    every option that moves a number, e.g. "bleu|tok:13a|smooth:exp|v2.6.0"; unequal signatures are
    never compared.
    sees: `answers` gets `Item`s (answered only), `groups` gets `ItemGroup`s (one row a sample),
    `outcomes` gets `Asked`s, failures included.
    direction: which way is better.  range: the value's least and greatest, None where unbounded.
    kind: decides the interval.  `binary`: rows are (0 or 1, 1).  `continuous`: (value, 1).
    `count`: (part, whole), a ratio of sums.  `corpus`: any function of the sums.  `ordered` and
    `refit` are no function of sums and give `reduce_weighted` instead.
    scale: how a value reads; fractions are 0..1, points 0..100.
    columns: names of the k statistics.  needs: what an item must carry.
    An optional attribute `independent = True` says that samples of one cluster do not share their
    fate in this metric (a failed connection says nothing about a story).
    """

    name: str
    version: str
    signature: str
    sees: Literal["answers", "groups", "outcomes"]
    direction: Literal["higher", "lower"]
    range: tuple[float | None, float | None]
    kind: MetricKind
    scale: Scale
    columns: tuple[str, ...]
    needs: frozenset[Need]

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item, ItemGroup or Asked, by `sees`
        """One row an item; pure, and independent of what else stands in the batch."""
        ...

    def reduce(self, sums: Array) -> Array:
        """Values [...] from sums of rows [..., k]; pure, vectorised over leading axes.

        A value that the sums do not determine (0 of 0) is NaN here and `Undetermined` outside.
        """
        ...

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] from rows under b weightings; only `ordered` and `refit` metrics need it."""
        ...

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:
        """The worst and the best row each sample could have got, [n, k] each.

        None where there is no such thing (latency, cost, perplexity): failures are left out then.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """A metric that must know the whole set before a row can be measured (idf over references)."""

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Called once, with every sample of the set, before the first `measure`.

        Rows are as pure as ever afterwards; what was learnt stands in `signature`.
        """
        ...


@runtime_checkable
class Advising(Protocol):
    """A metric that may warn before its numbers are trusted."""

    def advice(self, samples: Sequence[Sample], /) -> tuple[str, ...]:
        """What a user should know about this metric on samples like these; often nothing."""
        ...


@runtime_checkable
class SignedBySamples(Protocol):
    """A metric whose signature also names a property of the set (sacrebleu's `nrefs`)."""

    def signature_of(self, samples: Iterable[Sample]) -> str:
        """The signature over these samples, without the metric's name and version."""
        ...


MetricFactory: TypeAlias = Callable[..., Metric]


# --- clients ---------------------------------------------------------------------------------


class Identity(Record, frozen=True, kw_only=True):
    """Who answers; part of every request's key and shown in every report.

    provider: "openai", "replay", ...  model: opaque, as the provider wants it.
    base_url: without credentials.  details: whatever else tells two models apart (adapter,
    revision, dtype, file hash).
    """

    provider: str
    model: str
    base_url: str = ""
    details: dict[str, str] = {}


class Capabilities(Record, frozen=True, kw_only=True):
    """What a client can do. `prompts`: it reads the rendered messages (a recording does not)."""

    generate: bool = True
    score: bool = False
    logprobs: bool = False
    seed: bool = False
    tools: bool = False
    prompts: bool = True
    deterministic: bool = False


class Limits(Record, frozen=True, kw_only=True):
    """How hard a client may be asked: requests in flight, and requests in one batch call."""

    max_connections: int = 64
    batch_size: int = 1


@runtime_checkable
class Client(Protocol):
    """Transport only: how to ask one model one question. No loops, retries, printing."""

    identity: Identity
    capabilities: Capabilities
    limits: Limits

    async def complete(self, request: Request) -> Completion:
        """Ask once. Raises Transient, Permanent or Fatal; never gives an error as an answer."""
        ...

    async def close(self) -> None:
        """Release connections and files; may be called twice."""
        ...


@runtime_checkable
class BatchClient(Client, Protocol):
    """A client that answers many requests at once (local weights, recordings)."""

    async def complete_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One outcome a request, in order. A failed request is `Failed`; raises only Fatal."""
        ...


# --- data and prompts ------------------------------------------------------------------------


class Source(Protocol):
    """A held-out set, streamed: iterating twice gives the same samples in the same order.

    where: the file or the hub name, for messages.  Iterating raises DataError with the line.
    """

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def __iter__(self) -> Iterator[Sample]:
        """Every sample, one at a time; memory does not grow with the set."""
        ...


class PromptProgram(Protocol):
    """Sample -> messages. Pure: the same sample gives the same messages on every machine.

    sha256: of everything that shapes the messages (templates, shots, index, options).
    """

    sha256: str

    def render(self, sample: Sample, answers: Sequence[str] = ()) -> tuple[Message, ...]:
        """The messages to send.

        answers: the model's own answers to the earlier turns of this conversation, given where
        the history policy asks for them.
        Raises SpecError where the template needs a field that the sample lacks.
        """
        ...


# --- work ------------------------------------------------------------------------------------

Work = TypeVar("Work")
Result = TypeVar("Result")


class Executor(Protocol):
    """Where CPU work runs: here, in processes, on other machines."""

    def map(
        self, function: Callable[[Work], Result], pieces: Iterable[Work], *, timeout_s: float | None
    ) -> Iterator[Result | TimeoutError]:
        """Results in order. A piece that runs past `timeout_s` is ended and gives TimeoutError."""
        ...
