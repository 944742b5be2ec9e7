"""How many requests are in flight: slow start, back off when refused, recover.

Reads: how calls went.  Gives: AdaptiveLimiter, and Limiters that share one by server and model.
Depends on: the standard library.
Source: additive increase, multiplicative decrease with slow start as in TCP (RFC 5681), a window
being the requests that were sent between two decreases.  Providers raise dynamic limits for
traffic that ramps up and refuse bursts, so even 256 connections begin with a few.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

FIRST_LIMIT: Final = 32
DECREASE: Final = 0.7
"""Milder than TCP's half: a refused request costs us a retry, not a lost packet of a window."""


class AdaptiveLimiter:
    """Slots for requests in flight; how many there are follows from how calls go.

    most: the upper limit, from --max-connections.  limit: what is allowed now, 1 <= limit <= most.
    """

    __slots__ = (
        "_decreased_at",
        "_launched",
        "_slow_start",
        "_waiting",
        "in_flight",
        "limit",
        "most",
    )

    def __init__(self, most: int, *, first: int = FIRST_LIMIT) -> None:
        self.most = most
        self.limit = float(max(1, min(first, most)))
        self.in_flight = 0
        self._slow_start = True
        self._launched = 0
        self._decreased_at = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> int:
        """Wait for a slot; the ticket says when the request was launched, for `refused`."""
        if self._waiting or self.in_flight >= int(self.limit):
            await self._wait()
        else:
            self.in_flight += 1
        self._launched += 1
        return self._launched

    def release(self) -> None:
        """Give a slot back and let the next in line go."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self) -> None:
        """A call was answered: allow one more in flight (slow start), later one more a window."""
        if self.limit < self.most:
            self.limit = min(
                float(self.most), self.limit + (1.0 if self._slow_start else 1.0 / self.limit)
            )

    def refused(self, ticket: int) -> None:
        """A call was refused by rate limit or capacity: allow fewer, once for each window."""
        self._slow_start = False
        if ticket > self._decreased_at:
            self.limit = max(1.0, self.limit * DECREASE)
            self._decreased_at = self._launched

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the slot had been given: pass it on
            raise

    def _wake(self) -> None:
        while self._waiting and self.in_flight < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


class Limiters:
    """One limiter for each server and model, shared by all arms and suites of a command."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], AdaptiveLimiter] = {}

    def of(self, base_url: str, model: str, most: int) -> AdaptiveLimiter:
        """The limiter of a model on a server; `most` counts when it is asked for first."""
        found = self._by_name.get((base_url, model))
        if found is None:
            found = self._by_name[(base_url, model)] = AdaptiveLimiter(most)
        return found
