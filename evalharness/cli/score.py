"""`evalharness score SUITE RUN_OR_OUTPUTS`: (re)score stored answers without any model."""

from __future__ import annotations

from dataclasses import replace

import click

from evalharness.cli.options import NO_REPORTS, SCORING, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.errors import UsageError
from evalharness.stages.options import RunOptions


@click.command(name="score")
@click.argument("suite")
@click.argument("answers", metavar="RUN_OR_OUTPUTS")
@taking(NO_REPORTS, *SCORING)
def command(suite: str, answers: str, options: RunOptions, output: Output) -> int:
    """Score stored answers again: a run folder, or a file of recorded outputs."""
    from evalharness.cli.show import print_runs
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.arms import resolve
    from evalharness.stages.execute import execute

    options = replace(options, judging="stored")
    spec = read_suite(find_suite(suite))
    arm = resolve(answers, suite=spec.name)
    if arm.run is None and not arm.recorded:
        raise UsageError(
            f"'{answers}' would ask a model; score takes stored answers only",
            mend=f"evalharness run {suite} --model {answers}",
        )
    with showing_progress(quiet=output.quiet) as report:
        folders = execute(spec, [arm], options, report)
    print_runs(folders, as_json=output.as_json, formats=output.formats)
    return 0
