"""sealed: a plan is written down before a token is spent, and a gate tells whether it kept to it.

Reads and writes: OUT/plans/<suite>-<8 digits>.json.
Depends on: power (PlanFacts), store.runs.
The digits are of the policy and the data, so a plan of another policy is another file: nothing that
was planned is ever overwritten by what came to be wanted later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalharness.stages.planning.facts import PlanFacts
from evalharness.store.keys import sha256_of
from evalharness.store.runs import read_json, write_json

PLANS = "plans"


@dataclass(frozen=True, slots=True)
class Kept:
    """The plan that a gate answers to. sha256: of its file; warning: where the gate strays."""

    sha256: str | None = None
    warning: str | None = None


def seal(facts: PlanFacts, out: Path) -> Path:
    """Write a plan; gives its file, the same for the same policy and data. Raises WriteError."""
    path = _path(out, facts.suite, facts.hashes)
    write_json(path, facts)
    return path


def kept(out: Path, suite: str, hashes: Mapping[str, str], *, n: int) -> Kept:
    """Whether a gate over `suite` is the planned one. Without any plan there is nothing to keep.

    hashes: "policy" and "data" of the gate.  n: samples judged.  Raises StoreError.
    """
    path = _path(out, suite, hashes)
    if path.is_file():
        plan = read_json(path, PlanFacts)
        sealed = hashlib.sha256(path.read_bytes()).hexdigest()
        if n < plan.n:
            return Kept(sealed, f"{suite}: {plan.n} samples were planned, {n} are judged")
        return Kept(sealed)
    others = sorted(path.parent.glob(f"{path.stem[:-8]}????????.json"))
    if not others:
        return Kept()
    return Kept(
        warning=f"{suite} was planned with another policy or other data "
        f"({PLANS}/{others[-1].name}); this gate keeps to no plan"
    )


def _path(out: Path, suite: str, hashes: Mapping[str, str]) -> Path:
    digits = sha256_of((hashes["policy"], hashes["data"]))[:8]
    return out / PLANS / f"{suite.replace('/', '-')}-{digits}.json"
