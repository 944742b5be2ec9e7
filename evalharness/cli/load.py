"""`--rate 20/s --duration 60s` of `run`: how questions arrive when nobody waits for answers.

Depends on: click, stages.open_loop.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from evalharness.errors import UsageError

if TYPE_CHECKING:
    from evalharness.stages.open_loop import Arrival


RATE = click.option(
    "--rate",
    metavar="N/s",
    help="Open loop: questions arrive at this rate (Poisson), e.g. 20/s or 90/min.",
)
DURATION = click.option(
    "--duration", metavar="T", help="With --rate: at least this long, e.g. 60s or 5min."
)
UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}


def arrival_of(rate: str | None, duration: str | None) -> Arrival | None:
    """What the two options mean; None without --rate. Raises UsageError."""
    if rate is None:
        if duration is not None:
            raise UsageError("--duration needs --rate", mend="--rate 20/s --duration 60s")
        return None
    from evalharness.stages.open_loop import Arrival

    amount, unit = amount_of(rate, "/s", what="--rate", example="20/s")
    seconds = None
    if duration is not None:
        count, of = amount_of(duration, "s", what="--duration", example="60s")
        seconds = count * UNITS_S[of]
        if seconds <= 0:
            raise UsageError("--duration must be above 0", mend="--duration 60s")
    return Arrival(rate_per_s=amount / UNITS_S[unit], duration_s=seconds)


def amount_of(text: str, usual: str, *, what: str, example: str) -> tuple[float, str]:
    """A number and its unit of time; `usual` is what a bare number means. Raises UsageError."""
    slash = "/" if usual.startswith("/") else ""
    found = re.fullmatch(rf"(\d+(?:\.\d+)?){slash}(s|min|h)", text.strip().replace(" ", ""))
    if found is None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)()", text.strip())
    if found is None:
        raise UsageError(f"{what} cannot be '{text}'", mend=f"e.g. {what} {example}")
    return float(found.group(1)), found.group(2) or usual.removeprefix("/")
