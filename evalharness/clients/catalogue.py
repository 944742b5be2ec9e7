"""Prices as Together's catalogue gives them, written as a price file of the user's own.

Reads: GET /v1/models.  Gives: fetch_prices, price_file.
Depends on: rest, together, addresses, payloads, settings, spec.suite.
The catalogue's prices are US dollars per million tokens.  A model without a price, or with one that
is no number, is left out: unknown is not free.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.calls import fatal
from evalharness.clients.rest import Rest
from evalharness.clients.settings import ClientSettings
from evalharness.clients.together import DIALECT, main_url, together_key
from evalharness.clients.transport import Endpoint
from evalharness.errors import Transient
from evalharness.spec.suite import PriceSpec

SOURCE: Final = "catalogue"


async def fetch_prices(settings: ClientSettings) -> dict[str, PriceSpec]:
    """`together/<model>` -> price, for every model of the catalogue that has one.

    Raises Fatal without a key or where the catalogue cannot be had.
    """
    endpoint = Endpoint(
        provider="together",
        model="catalogue",
        address=normalise_base_url(main_url(settings)),
        key=together_key(settings),
        dialect=DIALECT,
    )
    rest = Rest(endpoint, settings)
    try:
        listed = (await rest.call("GET", "/models")).json()
    except Transient as error:
        raise fatal("connection", f"the catalogue cannot be had: {error.message}") from error
    finally:
        await rest.close()
    return read_catalogue(listed)


def read_catalogue(listed: Any) -> dict[str, PriceSpec]:  # Any: parsed JSON
    """The prices in a catalogue: a bare list, or an object with the list under `data`."""
    models = listed.get("data") if isinstance(listed, dict) else listed
    prices = {}
    for model in models if isinstance(models, list) else ():
        if not isinstance(model, dict) or not isinstance(model.get("pricing"), dict):
            continue
        prompt, completion = (amount(model["pricing"].get(name)) for name in ("input", "output"))
        # The catalogue writes 0 for models that are only served by the hour.
        if prompt and completion and isinstance(model.get("id"), str):
            prices[f"together/{model['id']}"] = PriceSpec(
                prompt_usd_per_mtok=prompt, completion_usd_per_mtok=completion
            )
    return prices


def amount(value: Any) -> float | None:  # Any: parsed JSON
    """A price as a number, also where it is written as text; None for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def price_file(
    prices: Mapping[str, PriceSpec], *, where: str, as_of: str, earlier: str = ""
) -> str:
    """The text of a price file with the catalogue's prices.

    where: the address of the catalogue.  as_of: the day it was read, ISO 8601.
    earlier: the text of the file before; its prices from elsewhere (the user's own) stay and win.
    """
    import yaml

    before = yaml.safe_load(earlier) if earlier else {}
    own = {
        str(name): entry
        for name, entry in ((before or {}).get("prices") or {}).items()
        if not isinstance(entry, dict) or entry.get("source") != SOURCE
    }
    listed = {
        name: {
            "prompt": price.prompt_usd_per_mtok,
            "completion": price.completion_usd_per_mtok,
            "source": SOURCE,
        }
        for name, price in prices.items()
        if name.lower() not in {kept.lower() for kept in own}
    }
    content = {
        "format": 1,
        "unit": "usd_per_mtok",
        "currency": "USD",
        "sources": {
            **((before or {}).get("sources") or {}),
            SOURCE: {"where": where, "as_of": as_of},
        },
        "prices": dict(sorted({**listed, **own}.items())),
    }
    return str(yaml.safe_dump(content, sort_keys=False))
