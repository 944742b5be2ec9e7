"""open_loop: questions arrive when users would ask them, whether or not the last was answered.

Reads: a suite, an arm, a rate.  Writes: a run folder like any other, and load.json beside it.
Depends on: execute's parts, generate, clients.stack.
A closed loop (N workers) asks less while the server is slow, and so never sees the queue that it
would cause ("coordinated omission").  Here arrivals are a Poisson process drawn beforehand, and
every latency counts from the moment a question was due, however late it could be sent.  Each is
asked once: a refusal is what a user would have met.
Sources: Schroeder, Wierman & Harchol-Balter (2006), "Open versus closed: a cautionary tale"; Tene,
"How not to measure latency".
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from evalharness.clients.limiter import AdaptiveLimiter, Limiters
from evalharness.clients.settings import RetryPolicy
from evalharness.clients.stack import Asker, Shared, build_asker, open_client
from evalharness.clients.warmup import PROBE
from evalharness.contracts import BatchClient, Client, Limits
from evalharness.errors import Transient, UsageError
from evalharness.records import FORMAT, Answered, Outcome, Record, Request
from evalharness.spec.suite import MetricSpec, Suite
from evalharness.stages.arms import Arm
from evalharness.stages.asking import settings_of
from evalharness.stages.execute import check_scoring, finish
from evalharness.stages.generate import generate
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.plan import Plan, heldout, make_plan
from evalharness.store.keys import derive_seed
from evalharness.store.runs import RunFolder, write_json

if TYPE_CHECKING:
    from evalharness.contracts import Array

CONNECTIONS: Final = 1024
"""Requests in flight at most, unless --max-connections says otherwise."""

LATE_S: Final = 0.1
LATE_SHARE: Final = 0.01
"""The rate was not sent where more than this share went out later than LATE_S after it was due."""

WARMUP: Final = 2
MEASURED: Final = (
    "error_rate",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "ttft_p50_s",
    "ttft_p95_s",
)
"""What every open-loop run is scored with, beside the suite's own metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How questions arrive: on average rate_per_s, for duration_s (None: each sample once)."""

    rate_per_s: float
    duration_s: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate_per_s) and self.rate_per_s > 0):
            raise UsageError("--rate must be above 0", mend="--rate 20/s")


class LoadFacts(Record, frozen=True, kw_only=True):
    """load.json: what was offered, what went out, what came back.

    offered_per_s: asked for.  due_per_s: of the arrivals that were drawn.  sent_per_s: as they went
    out.  answered_per_s: answers over the time from the first question due to the last answer.
    late_p99_s: how much later than due a question went out, 99th percentile.
    late_share: share of questions sent over 0.1 s late; above 1 % the rate was not kept.
    max_in_flight: most questions open at a time.
    """

    offered_per_s: float
    due_per_s: float
    sent_per_s: float
    answered_per_s: float
    n: int
    n_failed: int
    span_s: float
    late_p99_s: float
    late_share: float
    max_in_flight: int
    kept_up: bool
    format: int = FORMAT


@dataclass(slots=True)
class Sent:
    """One question's times, in seconds since the first could be due."""

    due_s: float
    sent_s: float
    ended_s: float
    answered: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """How time passes: monotonic seconds, and how to wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Unlimited(AdaptiveLimiter):
    """A limiter that no refusal makes more careful: users do not know of each other."""

    def refused(self, ticket: int) -> None:
        """Go on as before."""


class UnlimitedLimiters(Limiters):
    """An `Unlimited` one for every server and model."""

    def of(self, base_url: str, model: str, most: int) -> AdaptiveLimiter:  # noqa: ARG002  # see Limiters
        """A limiter that lets `most` out at once."""
        return Unlimited(most, first=most)


class Paced:
    """An asker that lets each question go when it is due, and times it from then.

    gaps: the seconds between two arrivals, drawn one by one.
    """

    batch_size = 1

    def __init__(
        self, inner: Asker, gaps: Callable[[], float], connections: int, clock: Clock
    ) -> None:
        self.identity = inner.identity
        self.capabilities = inner.capabilities
        self.limits = Limits(max_connections=connections)
        self.connections = connections
        self.sent: list[Sent] = []
        self.max_in_flight = 0
        self._inner = inner
        self._gaps = gaps
        self._clock = clock
        self._in_flight = 0
        self._due_s = 0.0
        self._zero: float | None = None

    async def ask(self, request: Request) -> Outcome:
        """The outcome of a question that waits until it is due; see Asker."""
        if self._zero is None:
            self._zero = self._clock.now()
        self._due_s += self._gaps()
        due_s = self._due_s
        ahead_s = due_s - self._elapsed_s()
        if ahead_s > 0:
            await self._clock.sleep(ahead_s)
        sent_s = self._elapsed_s()
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            outcome = await self._inner.ask(request)
        finally:
            self._in_flight -= 1
        ended_s = self._elapsed_s()
        self.sent.append(Sent(due_s, sent_s, ended_s, isinstance(outcome, Answered)))
        return since_due(outcome, ended_s - due_s)

    async def ask_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One after another; a stage never asks for it."""
        return [await self.ask(request) for request in requests]

    async def close(self) -> None:
        """Close the client within; may be called twice."""
        await self._inner.close()

    def _elapsed_s(self) -> float:
        return self._clock.now() - (self._zero or 0.0)


def since_due(outcome: Outcome, latency_s: float) -> Outcome:
    """The outcome with its times counted from when it was due.

    The attempt keeps the server's own time.
    """
    if not isinstance(outcome, Answered) or outcome.completion.latency_s is None:
        return outcome
    completion = outcome.completion
    waited_s = max(0.0, latency_s - (completion.latency_s or 0.0))
    ttft_s = None if completion.ttft_s is None else completion.ttft_s + waited_s
    timed = msgspec.structs.replace(completion, latency_s=latency_s, ttft_s=ttft_s)
    return msgspec.structs.replace(outcome, completion=timed)


def run_open_loop(
    suite: Suite, arms: Sequence[Arm], arrival: Arrival, options: RunOptions, report: Report
) -> list[RunFolder]:
    """One arm after another under the given load; gives their complete, scored runs.

    Raises UsageError for an arm that has no server to put under load; otherwise as `execute`.
    """
    for arm in arms:
        if arm.run is not None or arm.recorded:
            raise UsageError(
                f"'{arm.reference}' is a recording: it cannot be asked at a rate",
                mend="--rate needs a model behind a server",
            )
    suite, options = spread(measured(suite), arrival, options)
    check_scoring(suite)
    return [_run_one(suite, arm, arrival, options, report) for arm in arms]


def measured(suite: Suite) -> Suite:
    """The suite with every service level among its metrics."""
    known = {metric.key for metric in suite.metrics}
    more = [MetricSpec(name=name) for name in MEASURED if name not in known]
    return msgspec.structs.replace(suite, metrics=(*suite.metrics, *more))


def spread(suite: Suite, arrival: Arrival, options: RunOptions) -> tuple[Suite, RunOptions]:
    """The suite and options that ask as many questions as the duration takes.

    Whole rounds over the samples, as repeats, where there are fewer samples than arrivals.
    """
    options = replace(options, cache_dir=None)
    if arrival.duration_s is None:
        return suite, options
    wanted = max(1, round(arrival.rate_per_s * arrival.duration_s))
    samples = sum(1 for _ in heldout(suite, options))
    if wanted <= samples:
        return suite, replace(options, limit=wanted)
    rounds = math.ceil(wanted / max(1, samples))
    generation = msgspec.structs.replace(suite.generation, repeats=rounds)
    return msgspec.structs.replace(suite, generation=generation), options


def _run_one(
    suite: Suite, arm: Arm, arrival: Arrival, options: RunOptions, report: Report
) -> RunFolder:
    """Ask one arm at the rate, write down what was offered and kept, score."""
    import numpy as np

    connections = options.max_connections or CONNECTIONS
    settings = replace(
        settings_of(arm, replace(options, max_connections=connections), dict(arm.options)),
        retry=RetryPolicy(max_attempts=1, max_throttled=1),
        stream="on",
    )
    client = open_client(arm.provider, arm.model, settings)
    if isinstance(client, BatchClient) or not client.identity.base_url:
        raise UsageError(
            f"'{arm.reference}' answers in this process: a rate would measure this machine",
            mend="serve it (vLLM, llama.cpp, ...) and ask it by its address",
        )
    name = f"{arrival.rate_per_s:g}/s, {options.session}"
    identity = msgspec.structs.replace(
        client.identity, details={**client.identity.details, "arrival": name}
    )
    source = heldout(suite, options)
    plan = make_plan(suite, arm, identity, options, reads="prompts", source=source)
    shared = Shared(limiters=UnlimitedLimiters())
    asker = build_asker(client, settings, shared=shared)
    rng = np.random.default_rng(derive_seed(plan.seed, "arrivals"))
    gaps = lambda: float(rng.exponential(1.0 / arrival.rate_per_s))  # noqa: E731  # one draw a call
    paced = Paced(asker, gaps, connections, Clock())
    asyncio.run(_ask(plan, paced, client, report))
    facts = load_facts(arrival, paced)
    write_json(plan.folder.path / "load.json", facts)
    note = msgspec.structs.replace(plan.folder.manifest(), notes=tuple(words(facts)))
    write_json(plan.folder.manifest_path, note)
    finish(suite, plan.folder, options, report, shared=shared, source=source)
    return plan.folder


async def _ask(plan: Plan, paced: Paced, client: Client, report: Report) -> None:
    """Wake the model and the connections, then let the arrivals begin."""
    try:
        for _ in range(WARMUP):
            with contextlib.suppress(Transient):
                await client.complete(PROBE)
        await generate(plan, paced, report)
    finally:
        await paced.close()


def load_facts(arrival: Arrival, paced: Paced) -> LoadFacts:
    """What the sent questions amount to."""
    import numpy as np

    sent = sorted(paced.sent, key=lambda one: one.due_s)
    due, out = (
        np.array(column) for column in zip(*((s.due_s, s.sent_s) for s in sent), strict=True)
    )
    late = np.maximum(0.0, out - due)
    answered = sum(one.answered for one in sent)
    span_s = max(max(one.ended_s for one in sent) - float(due[0]), 1e-9)
    share = float((late > LATE_S).mean())
    return LoadFacts(
        offered_per_s=arrival.rate_per_s,
        due_per_s=_rate(due),
        sent_per_s=_rate(np.sort(out)),
        answered_per_s=answered / span_s,
        n=len(sent),
        n_failed=len(sent) - answered,
        span_s=span_s,
        late_p99_s=float(np.quantile(late, 0.99)),
        late_share=share,
        max_in_flight=paced.max_in_flight,
        kept_up=share <= LATE_SHARE,
    )


def _rate(times: Array) -> float:
    """Events a second between the first and the last; 0 where there is no between."""
    width = float(times[-1] - times[0])
    return (len(times) - 1) / width if width > 0 else 0.0


def words(facts: LoadFacts) -> list[str]:
    """The load in one line for every report, and a second where the rate was not kept."""
    kept = (
        f"open loop: {facts.offered_per_s:g}/s offered (Poisson), {facts.sent_per_s:.1f}/s sent, "
        f"{facts.answered_per_s:.1f}/s answered over {facts.span_s:.1f} s, "
        f"at most {facts.max_in_flight} in flight; times count from when a question was due, "
        f"and were sent {1000 * facts.late_p99_s:.0f} ms late at the 99th percentile"
    )
    lines = [kept]
    if not facts.kept_up:
        lines.append(
            f"the offered rate was not sent: {100 * facts.late_share:.1f} % of the questions went "
            f"out over {LATE_S:g} s late, because this machine or --max-connections did not "
            "allow more; the latencies hold that wait"
        )
    return lines
