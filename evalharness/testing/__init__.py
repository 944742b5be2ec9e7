"""The conformance kit: does a metric or a client keep its contract?

Reads: nothing.  Gives: `check_metric`, `score_texts`, `check_client`, each loaded when asked for.
Depends on: contracts.  Outside plug-ins run the same checks as the built-ins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalharness.testing.client_kit import check_client
    from evalharness.testing.metric_kit import check_metric, score_texts

__all__ = ["check_client", "check_metric", "score_texts"]

_HOMES = {
    "check_client": "evalharness.testing.client_kit",
    "check_metric": "evalharness.testing.metric_kit",
    "score_texts": "evalharness.testing.metric_kit",
}


def __getattr__(name: str) -> Any:  # Any: a module attribute
    """A public name, loaded from its module on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)
