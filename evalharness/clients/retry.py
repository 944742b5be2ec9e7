"""Ask until there is an outcome: waits, deadlines, and a record of every attempt.

Reads: a client.  Gives: Retrying, whose `ask` never raises for one sample's failure.
Depends on: calls, deadlines, limiter, moments, settings, records, errors.
Only Fatal (no request can succeed) and errors that are not a client's (a budget, a missing
package) leave `ask`; everything else becomes `Failed` with its attempts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from evalharness.clients.calls import NO_FACTS, CallFacts, facts_of, fatal, shorten
from evalharness.clients.deadlines import Deadlines
from evalharness.clients.limiter import AdaptiveLimiter
from evalharness.clients.moments import utc_text
from evalharness.clients.settings import RetryPolicy
from evalharness.errors import BudgetExceeded, ClientError, Fatal, HarnessError, Transient
from evalharness.records import (
    FAILURE_KINDS,
    Answered,
    Attempt,
    Completion,
    Failed,
    FailureKind,
    Outcome,
    Request,
)

if TYPE_CHECKING:
    import numpy as np

    from evalharness.contracts import Client

THROTTLES: Final = ("throttle", "overload")
RETRY_AFTER_JITTER: Final = 0.1
"""A wait that the server asked for grows by up to a tenth, so that clients do not return as one."""


@dataclass(slots=True)
class Tries:
    """The attempts of one request so far, and the time that is left to it."""

    left_s: float
    attempts: list[Attempt] = field(default_factory=list)
    failed: int = 0
    throttled: int = 0
    wait_s: float = 0.0

    def note(self, attempt: Attempt) -> None:
        """Keep an attempt; its time comes off what is left."""
        self.attempts.append(attempt)
        self.left_s -= attempt.latency_s


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes: monotonic seconds, and how to wait."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


REAL_TIME: Final = Pace()


class Retrying:
    """A client that is asked again where that helps.

    timeout_s: for all attempts and waits of a request, time in the limiter's queue apart.
    rng: draws the jitter.
    """

    def __init__(
        self,
        client: Client,
        policy: RetryPolicy,
        *,
        limiter: AdaptiveLimiter,
        rng: np.random.Generator,
        timeout_s: float = 300.0,
        pace: Pace = REAL_TIME,
    ) -> None:
        self.client = client
        self.limiter = limiter
        self._policy = policy
        self._timeout_s = timeout_s
        self._clock = pace.clock
        self._sleep = pace.sleep
        self._rng = rng
        self._deadlines = Deadlines()
        self._reached = False

    async def ask(self, request: Request) -> Outcome:
        """One outcome, with every attempt in it.

        Raises Fatal where no request of the run can succeed, BudgetExceeded before the first
        attempt that the budget does not allow.
        """
        tries = Tries(self._timeout_s)
        while True:
            try:
                answer = await self._attempt(request, tries)
            except BudgetExceeded as error:
                if not tries.attempts:
                    raise
                return Failed(kind="budget", detail=error.message, attempts=tuple(tries.attempts))
            if isinstance(answer, Completion):
                return Answered(completion=answer, attempts=tuple(tries.attempts))
            wait_s = self._next_wait_s(answer, tries)
            if wait_s is None:
                return self._give_up(answer, tries)
            tries.wait_s = wait_s
            tries.left_s -= wait_s
            await self._sleep(wait_s)

    async def _attempt(self, request: Request, tries: Tries) -> Completion | ClientError:
        ticket = await self.limiter.acquire()
        started_at, started = utc_text(time.time()), self._clock()
        answer: Completion | ClientError
        try:
            with self._deadlines.within(tries.left_s):
                answer = await self.client.complete(request)
        except TimeoutError:
            answer = Transient("no answer before the request's deadline", kind="timeout")
            tries.left_s = 0.0
        except Fatal:
            raise
        except ClientError as error:
            answer = error
        except HarnessError:
            raise
        except Exception as error:  # noqa: BLE001  # the one boundary: a plug-in's bug is one sample's failure
            answer = ClientError(f"{type(error).__name__}: {error}", kind="unknown")
        finally:
            self.limiter.release()
        latency_s = self._clock() - started
        if isinstance(answer, Completion):
            self.limiter.succeeded()
            self._reached = True
            tries.note(good_attempt(answer, started_at, latency_s, tries.wait_s))
        else:
            if answer.kind in THROTTLES:
                self.limiter.refused(ticket)
            tries.note(bad_attempt(answer, started_at, latency_s, tries.wait_s))
        return answer

    def _next_wait_s(self, error: ClientError, tries: Tries) -> float | None:
        """How long to wait before another try; None to give up."""
        if not isinstance(error, Transient):
            return None
        if error.kind in THROTTLES:
            tries.throttled += 1
        else:
            tries.failed += 1
        policy = self._policy
        if tries.failed >= policy.max_attempts or tries.throttled >= policy.max_throttled:
            return None
        asked_s = error.retry_after_s
        if asked_s is None:
            tried = len(tries.attempts) - 1
            ceiling_s = min(policy.cap_s, policy.base_s * 2 ** min(tried, 30))
            wait_s = float(self._rng.uniform(0.0, ceiling_s))
        else:
            wait_s = asked_s * (1.0 + RETRY_AFTER_JITTER * float(self._rng.random()))
        return wait_s if wait_s < tries.left_s else None

    def _give_up(self, error: ClientError, tries: Tries) -> Failed:
        facts = facts_of(error)
        if error.kind == "connection" and not self._reached and unreached(tries.attempts, facts):
            raise fatal(
                "connection",
                f"the server cannot be reached: {error.message}",
                facts,
                mend="check the base URL, the network and that the server runs",
            )
        detail = error.message
        if error.retry_after_s is not None and error.retry_after_s >= tries.left_s:
            detail = f"asked to wait {error.retry_after_s:g} s, past the deadline: {detail}"
        return Failed(kind=kind_of(error), detail=shorten(detail), attempts=tuple(tries.attempts))


def unreached(attempts: list[Attempt], facts: CallFacts) -> bool:
    """Whether no attempt came as far as sending a request."""
    return facts.billed == "no" and all(
        attempt.status is None and attempt.billed == "no" for attempt in attempts
    )


def good_attempt(
    completion: Completion, started_at: str, latency_s: float, wait_s: float
) -> Attempt:
    """The attempt that gave the answer."""
    live = completion.provenance.source == "live"
    return Attempt(
        started_at=started_at,
        latency_s=latency_s,
        status=200 if live else None,
        ttft_s=completion.ttft_s,
        usage=completion.usage,
        billed="yes" if live else "no",
        wait_s=wait_s,
    )


def bad_attempt(error: ClientError, started_at: str, latency_s: float, wait_s: float) -> Attempt:
    """An attempt that gave none; a status of 200 with usage in it was billed."""
    facts = facts_of(error) if isinstance(error, ClientError) else NO_FACTS
    return Attempt(
        started_at=started_at,
        latency_s=latency_s,
        status=facts.status,
        error=kind_of(error),
        detail=shorten(error.message),
        ttft_s=facts.ttft_s,
        usage=facts.usage,
        billed="yes" if facts.usage is not None else facts.billed,
        wait_s=wait_s,
        cost_usd=facts.cost_usd,
    )


def kind_of(error: ClientError) -> FailureKind:
    """The error's kind; `unknown` for a word that the journal does not know."""
    return error.kind if error.kind in FAILURE_KINDS else "unknown"  # type: ignore[return-value]  # just checked
