"""One client and its wrappers, put together: what the generate stage asks.

Reads: nothing.  Gives: build_asker, Asker, Shared, open_client.
Depends on: retry, limiter, budget, pricing, caching, settings, store.cache, catalog.
From the outside in: cache, warm-up, retry with its limiter, budget, price, client.  The budget
stands inside the retries, so that every single attempt is covered by what is set aside for it.
The stage owns the only task loop; an asker starts no tasks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from evalharness.catalog import CLIENTS, load
from evalharness.clients.addresses import is_local
from evalharness.clients.budget import Budget, BudgetedBatchClient, BudgetedClient, most_usd
from evalharness.clients.limiter import Limiters
from evalharness.clients.pricing import PricedClient, price_of
from evalharness.clients.retry import Retrying
from evalharness.clients.settings import ClientSettings, with_general_options
from evalharness.clients.warmup import Warming
from evalharness.contracts import BatchClient, Capabilities, Client, Identity, Limits
from evalharness.errors import SpecError, UsageError
from evalharness.records import Failed, Outcome, Request
from evalharness.spec.suite import PriceSpec

if TYPE_CHECKING:
    from evalharness.clients.caching import Ask, Caching

UNCACHED: Final = frozenset({"replay", "scripted", "echo", "majority", "nearest_neighbour"})
"""Providers whose answers cost nothing to have again."""


class Asker(Protocol):
    """What the generate stage holds for an arm.

    connections: how many requests may be in flight at most.
    batch_size: 1 where `ask` is to be used, more where `ask_batch` answers that many at once.
    """

    identity: Identity
    capabilities: Capabilities
    limits: Limits
    connections: int
    batch_size: int

    async def ask(self, request: Request) -> Outcome:
        """One outcome. Raises Fatal, BudgetExceeded and MissingExtra only."""
        ...

    async def ask_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One outcome a request, in order; raises as `ask` does."""
        ...

    async def close(self) -> None:
        """Release connections, weights and files; may be called twice."""
        ...


@dataclass(slots=True)
class Shared:
    """What all arms of a command share: limiters by server and model, one budget, one cache."""

    limiters: Limiters = field(default_factory=Limiters)
    budget: Budget | None = None


def open_client(provider: str, model: str, settings: ClientSettings) -> Client:
    """The client for `provider/model`, built in or a plug-in.

    Raises SpecError for a provider that nobody offers, and what the provider's factory raises.
    """
    client = load(provider, "client", CLIENTS)(model, settings)
    if not isinstance(client, Client):
        raise SpecError(f"client '{provider}' does not keep the Client contract")
    return client


def build_asker(client: Client, settings: ClientSettings, *, shared: Shared | None = None) -> Asker:
    """The client with price, budget, retries and cache around it, as the settings ask.

    Raises UsageError where --max-cost is given and the model's price is not known.
    """
    import numpy as np

    settings = with_general_options(settings)
    held = shared or Shared()
    price = settings.price or price_of(client.identity, settings.environment)
    inner = (
        client if price is None or isinstance(client, BatchClient) else PricedClient(client, price)
    )
    if held.budget is None and settings.max_cost_usd is not None:
        held.budget = Budget(settings.max_cost_usd)
    if held.budget is not None and bills(client.identity):
        inner = budgeted(inner, held.budget, price)
    identity = client.identity
    most = min(settings.max_connections, client.limits.max_connections)
    retrying = Retrying(
        inner,
        settings.retry,
        limiter=held.limiters.of(identity.base_url, identity.model, most),
        rng=np.random.default_rng([settings.seed, name_seed(identity)]),
        timeout_s=settings.timeout_s,
    )
    ask = warmed(retrying, inner, settings)
    return StackedAsker(inner, most, ask, open_cache(settings, ask, inner, price))


def warmed(retrying: Retrying, client: Client, settings: ClientSettings) -> Ask:
    """Asking with retries, behind a warm-up where one is wanted.

    The model of a fine-tuning job may have to be loaded first, so it is asked one question ahead
    if nothing else is said.
    """
    probes = settings.warmup
    if probes is None:
        probes = 1 if "job" in client.identity.details else 0
    if not probes:
        return retrying.ask
    return Warming(retrying.ask, client, probes, ready_timeout_s=settings.ready_timeout_s).ask


def budgeted(client: Client, budget: Budget, price: PriceSpec | None) -> Client:
    """The client behind its budget; raises UsageError where the price is not known."""
    most = partial(most_usd, price=known(price, client))
    if isinstance(client, BatchClient):
        return BudgetedBatchClient(client, budget, most)
    return BudgetedClient(client, budget, most)


def open_cache(
    settings: ClientSettings, ask: Ask, client: Client, price: PriceSpec | None
) -> Caching | None:
    """The cache in front of a client; None where there is nothing to save or it is off."""
    if settings.cache_dir is None or client.identity.provider in UNCACHED:
        return None
    from evalharness.clients.caching import Caching
    from evalharness.store.cache import ResponseCache

    cache = ResponseCache(settings.cache_dir)
    return Caching(ask, partial(batch_outcomes, client), cache, price=price)


def bills(identity: Identity) -> bool:
    """Whether a provider may send a bill: anything asked over a network that is not ours."""
    from urllib.parse import urlsplit

    return bool(identity.base_url) and not is_local(urlsplit(identity.base_url).hostname or "")


def known(price: PriceSpec | None, client: Client) -> PriceSpec:
    """The price, where it is whole; raises UsageError where it is not."""
    if price is None or price.prompt_usd_per_mtok is None or price.completion_usd_per_mtok is None:
        name = f"{client.identity.provider}/{client.identity.model}"
        raise UsageError(
            f"--max-cost cannot be kept: the price of {name} is not known",
            mend="give it in a file that EVALHARNESS_PRICES names, or as `price` of a baseline",
        )
    return price


async def batch_outcomes(client: Client, requests: Sequence[Request]) -> Sequence[Outcome]:
    """Ask a batch client; raises what it raises, and for a client without batches."""
    if not isinstance(client, BatchClient):
        raise SpecError(f"client '{client.identity.provider}' answers one request at a time")
    outcomes = await client.complete_batch(requests)
    if len(outcomes) != len(requests):
        detail = f"the client gave {len(outcomes)} outcomes for {len(requests)} requests"
        return [Failed(kind="malformed", detail=detail) for _ in requests]
    return outcomes


class StackedAsker:
    """A client in its wrappers; see `build_asker`."""

    def __init__(self, client: Client, connections: int, ask: Ask, caching: Caching | None) -> None:
        self.identity = client.identity
        self.capabilities = client.capabilities
        self.limits = client.limits
        self.connections = connections
        self.batch_size = client.limits.batch_size if isinstance(client, BatchClient) else 1
        self._client = client
        self._caching = caching
        self._ask = ask if caching is None else caching.ask
        self._ask_batch = partial(batch_outcomes, client) if caching is None else caching.ask_batch

    async def ask(self, request: Request) -> Outcome:
        """One outcome; see Asker."""
        return await self._ask(request)

    async def ask_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One outcome a request, in order; see Asker."""
        return await self._ask_batch(requests)

    async def close(self) -> None:
        """Close the client and the cache; may be called twice."""
        await self._client.close()
        if self._caching is not None:
            self._caching.close()


def name_seed(identity: Identity) -> int:
    """A seed of its own for each arm's jitter."""
    name = f"{identity.provider}\0{identity.model}\0{identity.base_url}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
