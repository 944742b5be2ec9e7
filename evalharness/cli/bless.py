"""`evalharness bless RUN`: keep a run as a baseline in git."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import OUT


@click.command(name="bless")
@click.argument("run")
@click.option("--as", "name", metavar="NAME", help="How gates call it; the arm's name if left out.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("baselines"),
    show_default=True,
    help="Folder that holds baselines.",
)
@click.option(
    "--answers/--no-answers",
    default=True,
    show_default=True,
    help="Keep the answers' texts too, so that reports show them.",
)
@OUT
def command(run: str, name: str | None, into: Path, answers: bool, out: Path) -> int:
    """Write a complete run as baselines/SUITE/NAME/, small enough for git.

    A gate with --baseline NAME then needs no provider for that arm. A blessed baseline whose
    samples, metrics, prompt or extraction have changed since makes the gate INVALID.
    """
    from evalharness.cli.output import find_folder
    from evalharness.stages.blessed import bless, bless_with_answers
    from evalharness.store.runs import load_run

    write = bless_with_answers if answers else bless
    blessed = write(load_run(find_folder(run, out)), name=name, root=into)
    suite, called = blessed.file.manifest.suite.name, blessed.file.name
    click.echo(f"blessed {blessed.path}: {blessed.file.summary.n} units of {suite}")
    click.echo(f"next:\n  evalharness gate {suite} --candidate M --baseline {called}")
    return 0
