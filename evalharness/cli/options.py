"""Options that several verbs share, and what they become.

Depends on: click, stages.options.
"""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from evalharness.errors import UsageError
from evalharness.stages.options import RunOptions

Function = TypeVar("Function", bound=Callable[..., Any])

USUAL_REPORTS = "html,md,json,junit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How a verb shows what it found.

    formats: of the reports to write.  calibrate: draws of the policy's self-audit, 0 for none.
    a_a: the baselines against themselves, instead of a candidate.
    """

    quiet: bool = False
    as_json: bool = False
    formats: tuple[str, ...] = ()
    exit_zero: bool = False
    calibrate: int = 0
    a_a: bool = False


OUT = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder that holds runs.",
)
DATA = click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    help="This held-out file instead of the suite's source.",
)
LIMIT = click.option("--limit", type=click.IntRange(min=1), help="The first N samples only.")
SEED = click.option("--seed", type=int, help="Seed of decoding and resampling.")
QUIET = click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
JSON = click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
FIELDS = click.option(
    "--fields",
    multiple=True,
    metavar="OURS=THEIRS",
    help="A recording's own field names, e.g. output=solution.",
)
REPORTS = click.option(
    "--reports",
    default=USUAL_REPORTS,
    show_default=True,
    help="Which reports to write, or none; also csv, tex, badge, gitlab, github, svg and png.",
)
NO_REPORTS = click.option(
    "--reports", default="none", show_default=True, help="Which reports to write."
)
EXIT_ZERO = click.option(
    "--exit-zero", is_flag=True, help="Exit 0 whatever the verdict (not on errors)."
)
CALIBRATE = click.option(
    "--calibrate",
    type=click.IntRange(min=0),
    default=0,
    metavar="DRAWS",
    help="Re-simulate this policy on this data's shape, e.g. 1000 times.",
)
A_A = click.option(
    "--a-a",
    is_flag=True,
    help="No candidate: every baseline against itself; exit 1 if a gate sees a difference.",
)
MAX_CONNECTIONS = click.option(
    "--max-connections", type=click.IntRange(min=1), help="Requests in flight."
)
MAX_COST = click.option(
    "--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Stop before this is exceeded."
)
NO_CACHE = click.option("--no-cache", is_flag=True, help="Ask again what the response cache holds.")
SHARD = click.option(
    "--shard", metavar="K/N", help="Part K of N of the samples, by hash of their id."
)
SCORING = (OUT, DATA, LIMIT, SEED, FIELDS, QUIET, JSON)
GENERATING = (*SCORING, MAX_CONNECTIONS, MAX_COST, NO_CACHE, SHARD)

RUN_NAMES = (
    "out",
    "data",
    "limit",
    "seed",
    "fields",
    "max_connections",
    "max_cost",
    "no_cache",
    "shard",
)
OUTPUT_NAMES = ("quiet", "as_json", "reports", "exit_zero", "calibrate", "a_a")


def taking(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Give a verb shared options, gathered as `options: RunOptions` and `output: Output`."""

    def decorate(function: Function) -> Function:
        """Add the options and gather them before the command is called."""

        @functools.wraps(function)
        def call(**given: Any) -> Any:  # Any: click's values, typed by the options above
            """Call the command with its gathered options."""
            run = {name: given.pop(name) for name in RUN_NAMES if name in given}
            shown = {name: given.pop(name) for name in OUTPUT_NAMES if name in given}
            return function(options=run_options(run), output=output_options(shown), **given)

        command = cast("Function", call)
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def run_options(given: dict[str, Any]) -> RunOptions:  # Any: see `taking`
    """What the shared options mean for a run. Raises UsageError."""
    return RunOptions(
        out=given["out"],
        data=given.get("data"),
        limit=given.get("limit"),
        seed=given.get("seed"),
        shard=parse_shard(given.get("shard")),
        max_connections=given.get("max_connections"),
        max_cost_usd=given.get("max_cost"),
        cache_dir=None if given.get("no_cache") else cache_folder(),
        session=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{uuid.uuid4().hex[:6]}",
        fields=parse_fields(given.get("fields", ())),
        environment=dict(os.environ),
    )


def output_options(given: dict[str, Any]) -> Output:  # Any: see `taking`
    """What the shared options mean for what is shown. Raises UsageError."""
    return Output(
        quiet=given.get("quiet", False),
        as_json=given.get("as_json", False),
        formats=parse_reports(given["reports"]) if "reports" in given else (),
        exit_zero=given.get("exit_zero", False),
        calibrate=given.get("calibrate", 0),
        a_a=given.get("a_a", False),
    )


def cache_folder() -> Path:
    """Where the response cache lives: EVALHARNESS_CACHE_DIR or the platform's cache folder."""
    chosen = os.environ.get("EVALHARNESS_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("evalharness")


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """K/N as two numbers. Raises UsageError."""
    if text is None:
        return None
    k, slash, n = text.partition("/")
    if not (slash and k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise UsageError(
            f"--shard takes K/N with 1 <= K <= N, got '{text}'", mend="e.g. --shard 1/4"
        )
    return int(k), int(n)


def parse_fields(pairs: Sequence[str]) -> dict[str, str]:
    """["output=solution"] as a mapping; commas separate too. Raises UsageError."""
    fields: dict[str, str] = {}
    for pair in (part for text in pairs for part in text.split(",") if part):
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise UsageError(
                f"--fields takes OURS=THEIRS, got '{pair}'", mend="--fields output=text"
            )
        fields[ours] = theirs
    return fields


def parse_reports(text: str) -> tuple[str, ...]:
    """Comma-separated names as a tuple; `none` as nothing. Raises UsageError."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if names == ("none",):
        return ()
    from evalharness.report.write import FORMATS

    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise UsageError(
            f"no report format '{unknown[0]}'", mend=f"any of {', '.join(FORMATS)}, or none"
        )
    return names
