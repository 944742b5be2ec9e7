"""Answers asked once: the response cache in front of whatever asks.

Reads and writes: store.cache.  Gives: Caching, an Asker's `ask` and `ask_batch` with a memory.
Depends on: pricing, store.cache, records.
Only answers are kept, never failures.  A hit says `cached` in its provenance and has no attempts:
nothing was asked and nothing was paid.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from evalharness.clients.pricing import cost_usd
from evalharness.records import Answered, Completion, Outcome, Request
from evalharness.spec.suite import PriceSpec

if TYPE_CHECKING:
    from evalharness.store.cache import ResponseCache

Ask = Callable[[Request], Awaitable[Outcome]]
AskBatch = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]


class Caching:
    """Looks each request up before it is asked, and keeps each answer.

    price: of answers that were taken before it was known.
    """

    def __init__(
        self, ask: Ask, ask_batch: AskBatch, cache: ResponseCache, *, price: PriceSpec | None = None
    ) -> None:
        self._ask = ask
        self._ask_batch = ask_batch
        self._cache = cache
        self._price = price

    async def ask(self, request: Request) -> Outcome:
        """The kept answer, or a new one."""
        kept = self._cache.get(request.key)
        if kept is not None:
            return as_cached(kept, self._price)
        outcome = await self._ask(request)
        self._keep(request, outcome)
        return outcome

    async def ask_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """Kept answers where there are, one batch for the rest; in the order of the requests."""
        outcomes: list[Outcome | None] = []
        missed = []
        for request in requests:
            kept = self._cache.get(request.key)
            outcomes.append(None if kept is None else as_cached(kept, self._price))
            if kept is None:
                missed.append(request)
        asked = iter(await self._ask_batch(missed) if missed else ())
        found = []
        for request, outcome in zip(requests, outcomes, strict=True):
            if outcome is None:
                new = next(asked)
                self._keep(request, new)
                found.append(new)
            else:
                found.append(outcome)
        return found

    def close(self) -> None:
        """Let go of the cache's files, so that they may be pruned; may be called twice."""
        self._cache.close()

    def _keep(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Answered):
            self._cache.put(request.key, outcome.completion)


def as_cached(completion: Completion, price: PriceSpec | None) -> Answered:
    """An answer of an earlier run, marked as such; its time, sitting and cost stay."""
    cost = completion.cost_usd
    if cost is None:
        cost = cost_usd(completion.usage, price)
    provenance = msgspec.structs.replace(completion.provenance, source="cached")
    return Answered(
        completion=msgspec.structs.replace(completion, provenance=provenance, cost_usd=cost)
    )
