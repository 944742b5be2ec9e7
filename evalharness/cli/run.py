"""`evalharness run SUITE --model M`: ask and score; an incomplete run is resumed by itself."""

from __future__ import annotations

import click

from evalharness.cli.load import DURATION, RATE, arrival_of
from evalharness.cli.options import GENERATING, NO_REPORTS, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.stages.options import RunOptions


@click.command(name="run")
@click.argument("suite")
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="M",
    help="A run, a recording, a baseline's name or provider/model; may be repeated.",
)
@RATE
@DURATION
@taking(NO_REPORTS, *GENERATING)
def command(
    suite: str,
    models: tuple[str, ...],
    rate: str | None,
    duration: str | None,
    options: RunOptions,
    output: Output,
) -> int:
    """Ask one or more models and score their answers.

    SUITE is a suite's name, folder or file. Ask again and nothing is paid twice. --reports writes
    each run's own report, as `report RUN` does. With --rate the questions arrive as users' would,
    and times count from when each was due.
    """
    from evalharness.cli.show import print_runs
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.arms import distinct, resolve_all
    from evalharness.stages.execute import execute
    from evalharness.stages.open_loop import run_open_loop

    spec = read_suite(find_suite(suite))
    arms = distinct(resolve_all(models, options, suite=spec.name))
    arrival = arrival_of(rate, duration)
    with showing_progress(quiet=output.quiet) as report:
        if arrival is None:
            folders = execute(spec, arms, options, report)
        else:
            folders = run_open_loop(spec, arms, arrival, options, report)
    print_runs(folders, as_json=output.as_json, formats=output.formats)
    return 0
