"""`evalharness judge SUITE RUN...`: let the suite's judges judge what they have not judged yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evalharness.cli.options import GENERATING, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.errors import SpecError, UsageError
from evalharness.stages.options import RunOptions

if TYPE_CHECKING:
    from evalharness.stages.judging.tournament import Standing


@click.command(name="judge")
@click.argument("suite")
@click.argument("answers", nargs=-1, required=True, metavar="RUN_OR_OUTPUTS...")
@taking(*GENERATING)
def command(suite: str, answers: tuple[str, ...], options: RunOptions, output: Output) -> int:
    """Ask the suite's judges about stored answers; nothing is judged twice.

    Give several runs and preference judges compare every two of them.
    """
    import msgspec

    from evalharness.cli.show import print_runs
    from evalharness.clients.stack import Shared
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.arms import distinct, resolve
    from evalharness.stages.execute import execute
    from evalharness.stages.judging.tournament import tournament

    spec = read_suite(find_suite(suite))
    if not spec.judges:
        raise SpecError(
            f"suite '{spec.name}' has no judges",
            where=spec.place,
            mend="add `judges:`, see docs/judges.md",
        )
    arms = distinct([resolve(name, suite=spec.name) for name in answers])
    for arm in arms:
        if arm.run is None and not arm.recorded:
            raise UsageError(
                f"'{arm.reference}' would ask the model itself; judge takes stored answers",
                mend=f"evalharness run {suite} --model {arm.reference}",
            )
    shared = Shared()
    with showing_progress(quiet=output.quiet) as report:
        folders = execute(spec, arms, options, report, shared=shared)
        several = len(folders) > 1
        standings = tournament(spec, folders, options, report, shared=shared) if several else []
    if not standings:
        print_runs(folders, as_json=output.as_json)
    elif output.as_json:
        click.echo(msgspec.json.encode(standings))
    else:
        for standing in standings:
            _print(standing)
    return 0


def _print(standing: Standing) -> None:
    """One judge's win rates and ratings."""
    click.echo(f"{standing.judge}, by {standing.by}")
    width = max(len(one.candidate) + len(one.baseline) for one in standing.pairs) + 4
    for one in standing.pairs:
        line = f"  {one.candidate} vs {one.baseline}".ljust(width + 4)
        if one.win_rate is None:
            click.echo(f"{line}  undetermined: {one.reason}")
            continue
        line += f"  wins {one.win_rate:.1%}"
        if one.lower is not None and one.upper is not None:
            line += f" [{one.lower:.1%}, {one.upper:.1%}]"
        if one.standard_error is not None:
            line += f"  se {one.standard_error:.1%}"
        if one.length_controlled is not None:
            line += f"  at equal length {one.length_controlled:.1%}"
        if one.difficulty_controlled is not None:
            line += f" (difficulty shared {one.difficulty_controlled:.1%})"
        if one.flip_rate is not None:
            line += f"  flips {one.flip_rate:.1%}"
        click.echo(f"{line}  ties {one.ties} of {one.n}")
    for place in standing.ratings:
        click.echo(
            f"  {place.elo:6.0f}  [{place.lower:.0f}, {place.upper:.0f}]  {place.arm}"
            "  (Bradley-Terry)"
        )
    for note in standing.notes:
        click.echo(f"  note: {note}")
