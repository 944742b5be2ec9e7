"""A model that is still waking up: ask until it answers, and leave those answers out.

Reads: a client.  Gives: Warming, an `ask` that waits for it.
Depends on: retry, calls, contracts, records, errors.
The first calls of a dedicated endpoint or an adapter wait for weights to load. They would be
counted as this arm's latency; so some short questions go first and are neither journalled nor
timed.  They cost one token each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from evalharness.clients.calls import fatal
from evalharness.clients.retry import REAL_TIME, Pace
from evalharness.errors import Fatal, Permanent, Transient
from evalharness.records import Message, Request, Sampling

if TYPE_CHECKING:
    from evalharness.clients.caching import Ask
    from evalharness.contracts import Client
    from evalharness.records import Outcome

PROBE: Final = Request(
    key="0" * 32,
    sample_id="warm-up",
    messages=(Message(role="user", content="Hi"),),
    sampling=Sampling(max_tokens=1),
)
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 15.0


class Warming:
    """An `ask` whose first question waits until the model has answered `probes` others.

    client: what the probes are sent to, past retries and cache.  ready_timeout_s: how long a model
    may take to wake up; it is no part of any request's deadline.
    pace: how time passes, for tests.
    """

    def __init__(
        self,
        ask: Ask,
        client: Client,
        probes: int,
        *,
        ready_timeout_s: float = 600.0,
        pace: Pace = REAL_TIME,
    ) -> None:
        self._ask = ask
        self._client = client
        self._probes = probes
        self._ready_timeout_s = ready_timeout_s
        self._pace = pace
        self._turn = asyncio.Lock()

    async def ask(self, request: Request) -> Outcome:
        """The outcome, once the model is awake; raises Fatal where it never is."""
        if self._probes:
            async with self._turn:
                while self._probes:
                    await self._probe()
                    self._probes -= 1
        return await self._ask(request)

    async def _probe(self) -> None:
        """Ask until there is an answer, or a refusal that only a model that is awake gives."""
        started = self._pace.clock()
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await self._client.complete(PROBE)
            except Fatal:
                raise
            except Permanent:
                return
            except Transient as error:
                if self._pace.clock() - started + wait_s > self._ready_timeout_s:
                    waited = f"{self._ready_timeout_s:g} s"
                    raise fatal(
                        "overload",
                        f"the model is not ready after {waited}: {error.message}",
                        mend="look at the endpoint's state, or set ready_timeout_s higher",
                    ) from error
                await self._pace.sleep(wait_s)
                wait_s = min(LONGEST_WAIT_S, wait_s * 1.5)
            else:
                return
