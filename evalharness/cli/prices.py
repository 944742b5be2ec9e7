"""`evalharness prices list|refresh|break-even`: what models cost, from when, and by whose word."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalharness.cli.options import JSON, OUT
from evalharness.errors import DataError

if TYPE_CHECKING:
    from evalharness.spec.suite import PriceSpec

OLD_DAYS = 90
"""A price older than this is marked: providers change theirs several times a year."""


@click.group(name="prices")
def command() -> None:
    """Look at the prices that costs are computed from.

    Your own file (EVALHARNESS_PRICES, or prices.yaml in the user's configuration folder) wins over
    the one that comes with the program. A model that neither knows has no cost, never 0.
    """


@command.command(name="list")
@click.argument("part", required=False, default="")
@JSON
def list_prices(part: str, as_json: bool) -> int:
    """List the known prices in US dollars per million tokens, of models whose name holds PART."""
    from evalharness.clients.pricing import price_files, read_prices

    known: dict[str, PriceSpec] = {}
    for path in reversed(price_files(os.environ)):
        known.update(read_prices(path))
    chosen = {name: known[name] for name in sorted(known) if part.lower() in name}
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(chosen), indent=1).decode())
        return 0
    width = max((len(name) for name in chosen), default=0)
    for name, price in chosen.items():
        click.echo(f"{name:<{width}}  {in_words(price)}")
    if not chosen:
        click.echo("no price is known; a report then says that the cost is unknown", err=True)
    return 0


@command.command(name="refresh")
@click.argument("provider", type=click.Choice(["together"]), default="together")
@JSON
def refresh(provider: str, as_json: bool) -> int:
    """Take today's prices from the provider's catalogue into your own price file.

    Prices of your own in that file stay as they are.
    """
    import asyncio

    import msgspec

    from evalharness.clients.catalogue import fetch_prices, price_file
    from evalharness.clients.pricing import own_file, read_prices
    from evalharness.clients.settings import ClientSettings
    from evalharness.clients.together import main_url
    from evalharness.store.files import write_atomic

    settings = ClientSettings(environment=dict(os.environ))
    found = asyncio.run(fetch_prices(settings))
    path = own_file(os.environ)
    earlier = path.read_text() if path.is_file() else ""
    before = read_prices(path) if earlier else {}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    where = f"{main_url(settings)}/models"
    write_atomic(path, price_file(found, where=where, as_of=today, earlier=earlier).encode())
    read_prices.cache_clear()
    after = read_prices(path)
    changed = {name: price for name, price in after.items() if differs(before.get(name), price)}
    gone = sorted(set(before) - set(after))
    if as_json:
        told = {"file": str(path), "provider": provider, "changed": changed, "gone": gone}
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
        return 0
    for name, price in changed.items():
        earlier_price = before.get(name)
        was = f"  (was {in_words(earlier_price)})" if earlier_price is not None else ""
        click.echo(f"{name}  {in_words(price)}{was}")
    for name in gone:
        click.echo(f"{name}  no longer in the catalogue: its price is unknown now")
    click.echo(f"{len(changed)} changed, {len(gone)} gone, {len(after)} known in {path}")
    return 0


@command.command(name="break-even")
@click.argument("run")
@click.option(
    "--per-hour", type=click.FloatRange(min=0, min_open=True), required=True, metavar="USD"
)
@OUT
@JSON
def break_even(run: str, per_hour: float, out: Path, as_json: bool) -> int:
    """Say from how many requests an hour a rented machine is cheaper than RUN's price by token."""
    from evalharness.cli.output import find_folder
    from evalharness.clients.pricing import break_even_of
    from evalharness.records import Estimate
    from evalharness.store.runs import load_run

    folder = load_run(find_folder(run, out))
    cost = folder.summary().metrics.get("cost_usd")
    if cost is None or not isinstance(cost.estimate, Estimate):
        raise DataError(
            f"run '{folder.path.name}' does not know what its requests cost",
            where=str(folder.path),
            mend="`evalharness prices refresh`, or `price` in a baseline file, and ask again",
        )
    found = break_even_of(cost.estimate, per_hour)
    if found is None:
        raise DataError("its requests cost nothing by token: a rented machine never pays")
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return 0
    upper = "no bound" if found.upper_per_hour is None else f"{found.upper_per_hour:,.0f}"
    click.echo(
        f"${per_hour:g} an hour is cheaper from {found.requests_per_hour:,.0f} "
        f"[{found.lower_per_hour:,.0f}, {upper}] requests an hour on "
        f"({found.requests_per_hour / 3600:,.2f} a second)"
    )
    click.echo(
        f"  by token {folder.manifest().arm} costs ${1000 * found.usd_per_request:.4g} per 1,000 "
        f"requests; at 100 an hour the machine costs ${10 * per_hour:.4g} per 1,000"
    )
    return 0


def in_words(price: PriceSpec) -> str:
    """A price for people, with its date; marked where it is old or has none."""
    parts = []
    if price.prompt_usd_per_mtok is not None and price.completion_usd_per_mtok is not None:
        prompt, completion = price.prompt_usd_per_mtok, price.completion_usd_per_mtok
        parts.append(f"${prompt:g} in, ${completion:g} out per million tokens")
    if price.usd_per_hour is not None:
        parts.append(f"${price.usd_per_hour:g} an hour")
    if price.as_of is None:
        parts.append("not dated")
    else:
        days = (datetime.now(UTC).date() - date.fromisoformat(price.as_of)).days
        parts.append(f"as of {price.as_of}" + (f" ({days} days old)" if days > OLD_DAYS else ""))
    return ", ".join(parts) + (f" ({price.source})" if price.source else "")


def differs(before: PriceSpec | None, after: PriceSpec) -> bool:
    """Whether a price, its date apart, is another one."""
    import msgspec

    if before is None:
        return True
    return msgspec.structs.replace(before, as_of=after.as_of, source=after.source) != after
