"""`evalharness judge SUITE RUN...`: let the suite's judges judge what they have not judged yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evalharness.cli.options import GENERATING, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.errors import SpecError, UsageError
from evalharness.stages.options import RunOptions

if TYPE_CHECKING:
    from evalharness.stages.judging.tournament import PairStanding, Standing


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
    """One judge's win rates, ratings, bill and notes."""
    click.echo(f"{standing.judge}, by {standing.by}")
    width = max(len(one.candidate) + len(one.baseline) for one in standing.pairs) + 8
    for one in standing.pairs:
        click.echo(f"  {one.candidate} vs {one.baseline}".ljust(width) + f"  {_said(one)}")
    for place in standing.ratings:
        click.echo(
            f"  {place.elo:6.0f}  [{place.lower:.0f}, {place.upper:.0f}]  {place.arm}"
            "  (Bradley-Terry)"
        )
    if standing.requests:
        price = "" if standing.cost_usd is None else f", ${standing.cost_usd:.4f}"
        click.echo(
            f"  judged: requests {standing.requests:,}, tokens {standing.prompt_tokens:,} in, "
            f"{standing.completion_tokens:,} out{price}"
        )
    for note in standing.notes:
        click.echo(f"  note: {note}")


def _said(pair: PairStanding) -> str:
    """What one judge says of two arms, on one line."""
    if pair.win_rate is None:
        return f"undetermined: {pair.reason}"
    line = f"wins {pair.win_rate:.1%}"
    if pair.lower is not None and pair.upper is not None:
        line += f" [{pair.lower:.1%}, {pair.upper:.1%}]"
    if pair.standard_error is not None:
        line += f"  se {pair.standard_error:.1%}"
    if pair.length_controlled is not None:
        line += f"  at equal length {pair.length_controlled:.1%}"
    if pair.difficulty_controlled is not None:
        line += f" (difficulty shared {pair.difficulty_controlled:.1%})"
    if pair.flip_rate is not None:
        line += f"  flips {pair.flip_rate:.1%}"
    return f"{line}  ties {pair.ties} of {pair.n}"
