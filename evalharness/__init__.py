"""Prove that a fine-tuned model is ready: paired, calibrated A/B readiness verdicts.

The names below are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalharness.api import compare, evaluate, gate, load_run

    __version__: str

__all__ = ["__version__", "compare", "evaluate", "gate", "load_run"]


def __getattr__(name: str) -> Any:  # Any: whatever the name stands for
    if name == "__version__":
        from evalharness.version import VERSION

        return VERSION
    if name in __all__:
        from evalharness import api

        return getattr(api, name)
    raise AttributeError(f"module 'evalharness' has no attribute '{name}'")
