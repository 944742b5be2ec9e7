"""`evalharness cache list|prune`: what the response cache holds, and what of it may go."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalharness.cli.options import JSON, OUT, cache_folder
from evalharness.errors import UsageError

if TYPE_CHECKING:
    from evalharness.records import Record

UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SIZES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


@click.group(name="cache")
def command() -> None:
    """Look at the response cache, or drop answers from it.

    It lies in EVALHARNESS_CACHE_DIR, or in the user's cache folder.
    """


@command.command(name="list")
@JSON
def list_models(as_json: bool) -> int:
    """Say which models' answers are kept, how many, how large and how old."""
    from evalharness.store.cache import ResponseCache

    found = ResponseCache(cache_folder()).summary()
    if as_json:
        print_json(found)
        return 0
    width = max((len(share.model) for share in found.models), default=0)
    for share in found.models:
        click.echo(
            f"{share.model:<{width}}  {share.entries:>9,}  {size_words(share.size_bytes):>9}  "
            f"{share.oldest[:10]} to {share.newest[:10]}"
        )
    damaged = f", {found.unreadable} unreadable lines" if found.unreadable else ""
    click.echo(
        f"{found.entries:,} answers, {size_words(found.size_bytes)}{damaged} in {found.folder}"
    )
    return 0


@command.command(name="prune")
@click.option("--older-than", metavar="AGE", help="Kept for longer than this, e.g. 30d or 12h.")
@click.option("--model", help="Of this model, as `cache list` calls it.")
@click.option("--suite", help="Asked by the runs of this suite below --out.")
@click.option("--keep-bytes", metavar="N", help="The oldest, until this much is left, e.g. 500M.")
@OUT
@JSON
def prune(
    older_than: str | None,
    model: str | None,
    suite: str | None,
    keep_bytes: str | None,
    out: Path,
    as_json: bool,
) -> int:
    """Drop answers that meet every condition given; safe beside a running run."""
    from evalharness.store.cache import Pruning, ResponseCache

    if (older_than, model, suite, keep_bytes) == (None, None, None, None):
        raise UsageError(
            "say which answers are to go",
            mend="--older-than 30d, --model M, --suite S; --keep-bytes 0 drops all",
        )
    pruning = Pruning(
        before=None if older_than is None else datetime.now(UTC) - age_of(older_than),
        model=model,
        keys=None if suite is None else keys_asked_by(suite, out),
        keep_bytes=None if keep_bytes is None else bytes_of(keep_bytes),
    )
    done = ResponseCache(cache_folder()).prune(pruning)
    if as_json:
        print_json(done)
        return 0
    click.echo(
        f"{done.gone:,} answers gone, {size_words(done.freed_bytes)} freed; {done.kept:,} kept"
    )
    if done.busy:
        click.echo(f"{done.busy} segments are being written to and were left alone", err=True)
    return 0


def keys_asked_by(suite: str, out: Path) -> frozenset[str]:
    """The keys of every question that the runs of a suite asked. Raises UsageError if none did."""
    from evalharness.store.journal import OutcomeEntry, read_entries
    from evalharness.store.runs import list_runs

    keys: set[str] = set()
    runs = [run for run in list_runs(out) if run.manifest().suite.name == suite]
    for run in runs:
        keys.update(entry.key for entry in read_entries(run.outcomes_path, OutcomeEntry))
    if not runs:
        raise UsageError(
            f"no run of the suite '{suite}' here", where=str(out), mend="--out names another folder"
        )
    return frozenset(keys)


def age_of(text: str) -> timedelta:
    """`30d`, `12h`, `90min` or `2w` as a time span. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(min|h|d|w)", text.strip())
    if found is None:
        raise UsageError(f"--older-than cannot be '{text}'", mend="e.g. 30d, 12h, 90min or 2w")
    return timedelta(**{UNITS[found.group(2)]: float(found.group(1))})


def bytes_of(text: str) -> int:
    """`500M`, `2G` or a bare number as bytes. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)B?", text.strip())
    if found is None:
        raise UsageError(f"--keep-bytes cannot be '{text}'", mend="e.g. 500M, 2G or 1000000")
    return int(float(found.group(1)) * SIZES[found.group(2)])


def size_words(size_bytes: int) -> str:
    """Bytes for people, in decimal units.

    >>> size_words(999), size_words(1_500_000)
    ('999 B', '1.5 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} B"


def print_json(record: Record) -> None:
    """A record as indented JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(record), indent=1).decode())
