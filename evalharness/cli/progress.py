"""Where a long stage stands: a bar on a terminal, plain lines elsewhere, nothing when quiet.

Writes: stderr only.  Depends on: rich (on a terminal), stages.options.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from evalharness.stages.options import Progress, Report, silent

PLAIN_EVERY_S = 5.0


@contextmanager
def showing_progress(*, quiet: bool) -> Iterator[Report]:
    """The function that stages report to, for the length of one command."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bars() as report:
            yield report
    else:
        yield _Lines().report


class _Lines:
    """One plain line a stage and arm every few seconds, and one at its end."""

    def __init__(self) -> None:
        self.started: dict[tuple[str, str], float] = {}
        self.last: dict[tuple[str, str], float] = {}
        self.told: dict[tuple[str, str], Progress] = {}

    def report(self, progress: Progress) -> None:
        """Print where a stage stands, if enough time has passed."""
        now = time.monotonic()
        name = (progress.stage, progress.arm)
        started = self.started.setdefault(name, now)
        over = progress.total is not None and progress.done >= progress.total
        if now - self.last.get(name, started) < PLAIN_EVERY_S and not (over and now - started > 1):
            return
        if self.told.get(name) == progress:  # a stage reports its end once more
            return
        self.last[name], self.told[name] = now, progress
        click.echo(line(progress, elapsed_s=now - started), err=True)


def line(progress: Progress, *, elapsed_s: float) -> str:
    """A stage's standing in words: count, rate, time left, failures, cost.

    >>> line(Progress(stage="generate", arm="tuned", done=50, total=100), elapsed_s=10.0)
    'generate tuned: 50/100, 5.0/s, 10 s left'
    """
    rate = progress.done / elapsed_s if elapsed_s > 0 else 0.0
    total = f"/{progress.total}" if progress.total is not None else ""
    parts = [f"{progress.stage} {progress.arm}: {progress.done}{total}"]
    if rate:
        parts.append(f"{rate:.1f}/s")
        if progress.total is not None and progress.total > progress.done:
            parts.append(f"{(progress.total - progress.done) / rate:.0f} s left")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.cost_usd is not None:
        parts.append(f"${progress.cost_usd:.4f} so far")
    return ", ".join(parts)


@contextmanager
def _bars() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[tuple[str, str], TaskID] = {}
    started = time.monotonic()

    def report(progress: Progress) -> None:
        """Draw a stage's bar anew."""
        name = (progress.stage, progress.arm)
        if name not in tasks:
            text = f"{progress.stage} {progress.arm}"
            tasks[name] = bars.add_task(text, total=progress.total, rate="", note="")
        rate = progress.done / max(time.monotonic() - started, 1e-9)
        note = [f"{progress.failed} failed"] if progress.failed else []
        if progress.cost_usd is not None:
            note.append(f"${progress.cost_usd:.4f}")
        bars.update(
            tasks[name],
            completed=progress.done,
            total=progress.total,
            rate=f"{rate:.1f}/s",
            note=", ".join(note),
        )

    with bars:
        yield report
