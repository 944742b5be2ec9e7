"""An arm and a command's options -> the settings of its client.

Reads: nothing.  Gives: `settings_of`.
Depends on: arms, options, clients.settings.
"""

from __future__ import annotations

from typing import Final

from evalharness.clients.settings import ClientSettings
from evalharness.records import JsonObject
from evalharness.stages.arms import Arm
from evalharness.stages.options import RunOptions

DEFAULT_CONNECTIONS: Final = 64


def settings_of(arm: Arm, options: RunOptions, given: JsonObject) -> ClientSettings:
    """How a client is opened and wrapped. given: its own options, as a file says them."""
    return ClientSettings(
        options=given,
        environment=options.environment,
        price=arm.price,
        max_cost_usd=options.max_cost_usd,
        session=options.session,
        seed=options.seed or 0,
        cache_dir=options.cache_dir,
        max_connections=options.max_connections or DEFAULT_CONNECTIONS,
    )
