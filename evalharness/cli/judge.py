"""`evalharness judge SUITE RUN...`: let the suite's judges judge what they have not judged yet."""

from __future__ import annotations

import click

from evalharness.cli.options import GENERATING, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.errors import SpecError, UsageError
from evalharness.stages.options import RunOptions


@click.command(name="judge")
@click.argument("suite")
@click.argument("answers", nargs=-1, required=True, metavar="RUN_OR_OUTPUTS...")
@taking(*GENERATING)
def command(suite: str, answers: tuple[str, ...], options: RunOptions, output: Output) -> int:
    """Ask the suite's judges about stored answers; nothing is judged twice.

    Give several runs and preference judges compare every two of them.
    """
    from evalharness.cli.show import print_runs
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.arms import distinct, resolve
    from evalharness.stages.execute import execute

    spec = read_suite(find_suite(suite))
    if not spec.judges:
        raise SpecError(
            f"suite '{spec.name}' has no judges",
            where=f"{spec.base}/suite.yaml",
            mend="add `judges:`, see docs/judges.md",
        )
    arms = distinct([resolve(name, suite=spec.name) for name in answers])
    for arm in arms:
        if arm.run is None and not arm.recorded:
            raise UsageError(
                f"'{arm.reference}' would ask the model itself; judge takes stored answers",
                mend=f"evalharness run {suite} --model {arm.reference}",
            )
    with showing_progress(quiet=output.quiet) as report:
        folders = execute(spec, arms, options, report)
    print_runs(folders, as_json=output.as_json)
    return 0
