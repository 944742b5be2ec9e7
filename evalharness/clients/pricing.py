"""What an answer cost: token prices from a small dated file, or from the user.

Reads: prices.yaml beside this module, and the user's own file (see `own_file`).
Gives: price_of, price_files, cost_usd, PricedClient, break_even_requests_per_hour.
Depends on: spec.suite, records, contracts, errors.
A price that is not known is None, never 0: a report then shows no cost at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from evalharness.clients.calls import facts_of
from evalharness.errors import ClientError, SpecError
from evalharness.records import Record
from evalharness.spec.suite import PriceSpec

if TYPE_CHECKING:
    from evalharness.contracts import Client, Identity
    from evalharness.records import Completion, Estimate, Request, Usage

MTOK: Final = 1e6
SHIPPED: Final = Path(__file__).with_name("prices.yaml")


def price_of(identity: Identity, environment: Mapping[str, str]) -> PriceSpec | None:
    """The price of a model: the user's file first, then ours; None where neither knows it.

    Raises SpecError for a file that is wrong.
    """
    name = f"{identity.provider}/{identity.model}".lower()
    for path in price_files(environment):
        found = read_prices(path).get(name)
        if found is not None:
            return found
    return None


def price_files(environment: Mapping[str, str]) -> list[Path]:
    """The files that prices are looked up in, the first that knows a model wins."""
    own = own_file(environment)
    named = "EVALHARNESS_PRICES" in environment
    return [own, SHIPPED] if named or own.is_file() else [SHIPPED]


def own_file(environment: Mapping[str, str]) -> Path:
    """The user's own price file: what EVALHARNESS_PRICES names, or one in the user's folder."""
    named = environment.get("EVALHARNESS_PRICES")
    if named:
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("evalharness") / "prices.yaml"


@lru_cache(maxsize=8)
def read_prices(path: Path) -> dict[str, PriceSpec]:
    """`provider/model` in lower case -> price, from a price file; raises SpecError."""
    import yaml

    try:
        loaded = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as error:
        raise SpecError(f"cannot read the price file: {error}", where=str(path)) from error
    except yaml.YAMLError as error:
        raise SpecError(f"not a YAML file: {error}", where=str(path)) from error
    if not isinstance(loaded, dict) or loaded.get("unit") != "usd_per_mtok":
        raise SpecError(
            "a price file says `unit: usd_per_mtok` and lists `prices`", where=str(path)
        )
    sources = loaded.get("sources") or {}
    prices = {}
    for name, entry in (loaded.get("prices") or {}).items():
        prices[str(name).lower()] = read_price(entry, sources, where=f"{path}, {name}")
    return prices


def read_price(entry: Any, sources: Mapping[str, Any], *, where: str) -> PriceSpec:
    """One line of a price file: `{prompt, completion, source}`; the source gives the date."""
    if not isinstance(entry, dict):
        raise SpecError("a price is a mapping with `prompt` and `completion`", where=where)
    source = sources.get(str(entry.get("source")), {})
    fields = {
        "prompt_usd_per_mtok": entry.get("prompt"),
        "completion_usd_per_mtok": entry.get("completion"),
        "usd_per_hour": entry.get("per_hour"),
        "as_of": str(source["as_of"]) if "as_of" in source else None,
        "source": source.get("where"),
    }
    try:
        return msgspec.convert(fields, PriceSpec)
    except msgspec.ValidationError as error:
        raise SpecError(f"price is wrong: {error}", where=where) from error


def cost_usd(usage: Usage | None, price: PriceSpec | None) -> float | None:
    """What the tokens cost in US dollars; None where the usage or a price is not known.

    >>> from evalharness.records import Usage
    >>> price = PriceSpec(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=2.0)
    >>> cost_usd(Usage(prompt_tokens=500_000, completion_tokens=250_000), price)
    1.0
    """
    if usage is None or price is None:
        return None
    if price.prompt_usd_per_mtok is None or price.completion_usd_per_mtok is None:
        return None
    prompt_usd = usage.prompt_tokens * price.prompt_usd_per_mtok / MTOK
    return prompt_usd + usage.completion_tokens * price.completion_usd_per_mtok / MTOK


def break_even_requests_per_hour(usd_per_hour: float, usd_per_request: float) -> float | None:
    """From how many requests an hour on a dedicated endpoint is cheaper than paying by token.

    None where a request costs nothing by token: the endpoint never pays.
    """
    return usd_per_hour / usd_per_request if usd_per_request > 0 else None


class BreakEven(Record, frozen=True, kw_only=True):
    """From how many requests an hour on a rented machine is cheaper than paying by token.

    lower_per_hour, upper_per_hour: the bounds of the mean cost, turned into requests; None where
    a request may cost nothing.  level: of both together.
    """

    usd_per_hour: float
    usd_per_request: float
    requests_per_hour: float
    lower_per_hour: float
    upper_per_hour: float | None
    level: float


def break_even_of(cost: Estimate, usd_per_hour: float) -> BreakEven | None:
    """The break-even of a mean cost a request; None where a request costs nothing."""
    value = break_even_requests_per_hour(usd_per_hour, cost.value)
    lower = break_even_requests_per_hour(usd_per_hour, cost.upper)
    if value is None or lower is None:
        return None
    return BreakEven(
        usd_per_hour=usd_per_hour,
        usd_per_request=cost.value,
        requests_per_hour=value,
        lower_per_hour=lower,
        upper_per_hour=break_even_requests_per_hour(usd_per_hour, cost.lower),
        level=cost.level,
    )


class PricedClient:
    """A client whose completions say what they cost, where they do not say so themselves."""

    def __init__(self, client: Client, price: PriceSpec) -> None:
        self.identity = client.identity
        self.capabilities = client.capabilities
        self.limits = client.limits
        self._client = client
        self._price = price

    async def complete(self, request: Request) -> Completion:
        """The client's answer with its price; a failure that was billed says so too."""
        try:
            completion = await self._client.complete(request)
        except ClientError as error:
            facts = facts_of(error)
            if facts.usage is not None and hasattr(error, "facts"):
                cost = cost_usd(facts.usage, self._price)
                error.facts = msgspec.structs.replace(facts, cost_usd=cost)
            raise
        if completion.cost_usd is not None:
            return completion
        return msgspec.structs.replace(completion, cost_usd=cost_usd(completion.usage, self._price))

    async def close(self) -> None:
        """Close the client within."""
        await self._client.close()
