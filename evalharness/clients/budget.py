"""`--max-cost`: never send a request that could cost more than what is left.

Reads: requests, prices.  Gives: Budget, BudgetedClient, BudgetedBatchClient.
Depends on: pricing, calls, contracts, errors.
Before each attempt the most that it can cost is set aside; afterwards what it did cost is booked
and the rest freed.  While answers in flight hold the rest, a request waits for them rather than
stop the run.  An attempt whose billing is unknown is booked at its most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from evalharness.clients.calls import facts_of
from evalharness.errors import BudgetExceeded, ClientError, UsageError
from evalharness.records import Answered

if TYPE_CHECKING:
    from evalharness.contracts import BatchClient, Client
    from evalharness.records import Completion, Outcome, Request
    from evalharness.spec.suite import PriceSpec

TOKENS_PER_MESSAGE: Final = 16
"""What a chat template adds around a message, at most; measured templates add 3 to 9."""

MTOK: Final = 1e6


class Budget:
    """Money for one command, shared by all its arms, in US dollars.

    spent_usd: booked so far.  reserved_usd: the most that requests in flight may still cost.
    """

    def __init__(self, max_usd: float) -> None:
        self.max_usd = max_usd
        self.spent_usd = 0.0
        self.reserved_usd = 0.0
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False

    async def reserve(self, most_usd: float) -> None:
        """Set `most_usd` aside, waiting for answers in flight where they hold what is left.

        Raises BudgetExceeded where it cannot fit, and from then on for every request.
        """
        while not self._closed and self.spent_usd + self.reserved_usd + most_usd > self.max_usd:
            if self.reserved_usd <= 0.0:
                self._closed = True
                self._wake()
                break
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        if self._closed:
            raise BudgetExceeded(
                f"--max-cost {self.max_usd:g}: {self.spent_usd:.6g} USD are spent and the next"
                f" request may cost {most_usd:.3g} USD",
                mend="raise --max-cost and run again: what is answered is kept",
            )
        self.reserved_usd += most_usd

    def settle(self, most_usd: float, actual_usd: float) -> None:
        """Book what a request did cost and free the rest of what was set aside."""
        self.reserved_usd = max(0.0, self.reserved_usd - most_usd)
        if self.reserved_usd < 1e-12:
            self.reserved_usd = 0.0
        self.spent_usd += actual_usd
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


class BudgetedClient:
    """A client that asks its budget before each attempt."""

    def __init__(
        self, client: Client, budget: Budget, most_usd_of: Callable[[Request], float]
    ) -> None:
        self.identity = client.identity
        self.capabilities = client.capabilities
        self.limits = client.limits
        self._client = client
        self._budget = budget
        self._most_usd_of = most_usd_of

    async def complete(self, request: Request) -> Completion:
        """Ask if the money reaches; raises BudgetExceeded where it does not."""
        most_usd = self._most_usd_of(request)
        await self._budget.reserve(most_usd)
        actual_usd = most_usd
        try:
            completion = await self._client.complete(request)
        except ClientError as error:
            if facts_of(error).billed == "no":
                actual_usd = 0.0
            raise
        else:
            if completion.cost_usd is not None:
                actual_usd = completion.cost_usd
            return completion
        finally:
            self._budget.settle(most_usd, actual_usd)

    async def close(self) -> None:
        """Close the client within."""
        await self._client.close()


class BudgetedBatchClient(BudgetedClient):
    """A batch client that asks its budget before each batch, for all of it at once."""

    def __init__(
        self, client: BatchClient, budget: Budget, most_usd_of: Callable[[Request], float]
    ) -> None:
        super().__init__(client, budget, most_usd_of)
        self._batch_client = client

    async def complete_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """Ask if the money reaches for the whole batch; raises BudgetExceeded where not."""
        most_usd = sum(map(self._most_usd_of, requests))
        await self._budget.reserve(most_usd)
        actual_usd = most_usd
        try:
            outcomes = await self._batch_client.complete_batch(requests)
            actual_usd = sum(map(cost_of, outcomes))
            return outcomes
        finally:
            self._budget.settle(most_usd, actual_usd)


def cost_of(outcome: Outcome) -> float:
    """What one outcome of a batch is known to have cost, in US dollars."""
    return (outcome.completion.cost_usd or 0.0) if isinstance(outcome, Answered) else 0.0


def most_usd(request: Request, price: PriceSpec) -> float:
    """The most that one attempt at a request can cost, in US dollars.

    A token is at least one byte of UTF-8, so the bytes of the prompt bound its tokens.
    Raises UsageError where nothing bounds the answer's length.
    """
    limit = request.sampling.max_tokens if request.kind == "generate" else 1
    if limit is None:
        raise UsageError(
            "--max-cost needs a bound on each answer's length",
            mend="set generation.max_tokens in the suite",
        )
    asked = sum(
        TOKENS_PER_MESSAGE
        + len((turn.content or "").encode("utf-8", "replace"))
        + sum(
            len(call.name) + len(call.arguments.encode("utf-8", "replace"))
            for call in turn.tool_calls
        )
        for turn in request.messages
    )
    asked += len((request.continuation or "").encode("utf-8", "replace"))
    asked += sum(len(repr(tool)) for tool in request.tools)
    prompt_usd = asked * (price.prompt_usd_per_mtok or 0.0) / MTOK
    return prompt_usd + limit * (price.completion_usd_per_mtok or 0.0) / MTOK
