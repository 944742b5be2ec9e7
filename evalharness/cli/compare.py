"""`evalharness compare BASELINE CANDIDATE ...`: the paired table, without a verdict."""

from __future__ import annotations

import click

from evalharness.cli.options import NO_REPORTS, SCORING, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.stages.options import RunOptions


@click.command(name="compare")
@click.argument("runs", nargs=-1, required=True, metavar="BASELINE CANDIDATE [CANDIDATE...]")
@click.option("--suite", help="The suite, where the arms are recordings instead of runs.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="One-sided; intervals show 1 - 2 alpha.",
)
@taking(NO_REPORTS, *SCORING)
def command(
    runs: tuple[str, ...], suite: str | None, alpha: float, options: RunOptions, output: Output
) -> int:
    """Compare candidates with a baseline on the same samples.

    Gives intervals, tests and the samples that flipped; no verdict. Exit 3 if the runs cannot be
    paired.
    """
    from evalharness.cli.output import print_facts
    from evalharness.errors import UsageError
    from evalharness.stages.decide import compare_runs

    if len(runs) < 2:
        raise UsageError("compare takes a baseline and at least one candidate")
    with showing_progress(quiet=output.quiet) as report:
        folder = compare_runs(runs, suite, options, report, alpha=alpha)
    print_facts(folder, out=options.out, output=output)
    return 0
