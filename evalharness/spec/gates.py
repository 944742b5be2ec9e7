"""What each gate test needs, and which numbers make sense.

Reads: nothing.  Gives: `check_gate`, `TEST_KEYS`.
Depends on: spec.suite, errors.
"""

from __future__ import annotations

import math
from typing import Final

from evalharness.errors import SpecError
from evalharness.spec.suite import GateSpec

TEST_KEYS: Final[dict[str, tuple[str, bool]]] = {
    "non_inferiority": ("margin", True),
    "superiority": ("min_gain", False),
    "equivalence": ("margin", True),
    "max_ratio": ("ratio", True),
    "min_ratio": ("ratio", True),
    "at_most": ("value", True),
    "at_least": ("value", True),
}
"""Test -> (the key that holds its number, whether it must be given)."""

RELATIVE_TESTS: Final = frozenset(
    {"non_inferiority", "superiority", "equivalence", "max_ratio", "min_ratio"}
)
"""Tests that compare with a baseline; the others are absolute bars for the candidate alone."""


def threshold(gate: GateSpec) -> float:
    """The number that a gate's bound is held against, as written (0 for a plain superiority)."""
    key, _ = TEST_KEYS[gate.test]
    value = getattr(gate, key)
    return 0.0 if value is None else float(value)


def check_gate(gate: GateSpec, place: str) -> None:
    """Refuse a gate that lacks its number, has another test's, or one that makes no sense.

    place: file, line and path for the message.  Raises SpecError.
    """
    key, needed = TEST_KEYS[gate.test]
    for other in ("margin", "min_gain", "ratio", "value"):
        if other != key and getattr(gate, other) is not None:
            raise SpecError(
                f"the test `{gate.test}` takes `{key}`, not `{other}`",
                where=f"{place}.{other}",
                mend=f"write `{key}: ...` or choose another test",
            )
    value = getattr(gate, key)
    if value is None and needed:
        raise SpecError(
            f"the gate on '{gate.metric}' lacks its `{key}`: a missing one is never taken as 0",
            where=place,
            mend=f"add `{key}: ...`, the largest difference that would not matter to you"
            if key == "margin"
            else f"add `{key}: ...`",
        )
    if value is not None and not math.isfinite(value):
        raise SpecError(f"`{key}` must be a finite number, got {value:g}", where=f"{place}.{key}")
    if value is not None and key == "margin" and value <= 0:
        raise SpecError(
            f"`margin` must be greater than 0, got {value:g}",
            where=f"{place}.margin",
            mend="use `test: superiority` to ask for strictly better",
        )
    if value is not None and key == "ratio" and value <= 0:
        raise SpecError(f"`ratio` must be greater than 0, got {value:g}", where=f"{place}.ratio")
    if gate.alpha is not None and not 0 < gate.alpha < 0.5:
        raise SpecError(
            f"`alpha` must lie between 0 and 0.5, got {gate.alpha:g}", where=f"{place}.alpha"
        )
    if gate.slice is not None and "=" not in gate.slice:
        raise SpecError(
            f"a slice is written name=value, got '{gate.slice}'", where=f"{place}.slice"
        )
