"""What a command may change about a run, and how a long stage tells where it stands.

Reads: nothing.  Gives: RunOptions, Progress.
Depends on: nothing above records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of a run.

    out: the folder that holds runs.  data: this file instead of the suite's source.
    limit: the first N samples only.  seed: of decoding and of resampling; None: the suite's.
    shard: (k, n), this part of the samples by hash of their id, k in 1..n.
    max_cost_usd: stop before it is exceeded.  cache_dir: of the response cache, None without.
    judging: `ask` lets the suite's judges judge what they have not; `stored` takes what they said.
    session: names this sitting.  environment: where clients find their keys.
    """

    out: Path
    data: Path | None = None
    limit: int | None = None
    seed: int | None = None
    shard: tuple[int, int] | None = None
    max_connections: int | None = None
    max_cost_usd: float | None = None
    cache_dir: Path | None = None
    judging: Literal["ask", "stored"] = "ask"
    session: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a stage stands. total is None where it is not known beforehand."""

    stage: Literal["plan", "generate", "evidence", "score", "compare", "tune"]
    arm: str
    done: int
    total: int | None = None
    failed: int = 0
    cost_usd: float | None = None


Report: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
