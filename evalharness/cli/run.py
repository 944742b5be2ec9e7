"""`evalharness run SUITE --model M`: ask and score; an incomplete run is resumed by itself."""

from __future__ import annotations

import click

from evalharness.cli.options import GENERATING, Output, taking
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
@taking(*GENERATING)
def command(suite: str, models: tuple[str, ...], options: RunOptions, output: Output) -> int:
    """Ask one or more models and score their answers.

    SUITE is a suite's name, folder or file. Ask again and nothing is paid twice.
    """
    from evalharness.cli.show import print_runs
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.arms import distinct, resolve_all
    from evalharness.stages.execute import execute

    spec = read_suite(find_suite(suite))
    arms = distinct(resolve_all(models, options, suite=spec.name))
    with showing_progress(quiet=output.quiet) as report:
        folders = execute(spec, arms, options, report)
    print_runs(folders, as_json=output.as_json)
    return 0
