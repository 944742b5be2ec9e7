"""`evalharness plan SUITE --candidate M --baseline M`: what it takes, before a token is spent."""

from __future__ import annotations

import click

from evalharness.cli.options import DATA, JSON, LIMIT, OUT, SEED, Output, taking
from evalharness.errors import UsageError
from evalharness.stages.options import RunOptions
from evalharness.stages.planning.pilot import Assumed


@click.command(name="plan")
@click.argument("suite")
@click.option("--candidate", required=True, metavar="M", help="The model that wants to ship.")
@click.option("--baseline", required=True, metavar="M", help="What would be used otherwise.")
@click.option(
    "--assume",
    default="rate=0.75,phi=0.5,gain=0.05",
    show_default=True,
    metavar="NAME=VALUE,...",
    help="Share of right answers, correlation of the arms, and a gain that would matter.",
)
@taking(OUT, DATA, LIMIT, SEED, JSON)
def command(
    suite: str,
    candidate: str,
    baseline: str,
    assume: str,
    options: RunOptions,
    output: Output,
) -> int:
    """Plan a gate: P(READY), samples by gate, the margins in reach, requests, tokens, price, time.

    Earlier runs of both arms below --out are the pilot; without them the power rests on --assume.
    Nothing is asked. The plan is written to OUT/plans, and a later gate says whether it kept to it.
    """
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.planning.foresee import foresee
    from evalharness.stages.planning.sealed import seal

    spec = read_suite(find_suite(suite))
    facts = foresee(spec, (baseline, candidate), options, parse_assumptions(assume))
    sealed = seal(facts, options.out)
    if output.as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(facts), indent=1).decode())
    else:
        from evalharness.report.plan_text import render_plan

        click.echo(render_plan(facts, sealed=sealed))
    return 0


def parse_assumptions(text: str) -> Assumed:
    """`rate=0.75,phi=0.5,gain=0.05` as a record. Raises UsageError."""
    import msgspec

    values: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            raise UsageError(
                f"--assume takes NAME=NUMBER, got '{part}'", mend="--assume rate=0.8,phi=0.6"
            ) from None
    known = {"rate", "phi", "gain"}
    if set(values) - known or not all(0.0 <= value <= 1.0 for value in values.values()):
        raise UsageError(
            f"--assume knows rate, phi and gain between 0 and 1, got '{text}'",
            mend="--assume rate=0.8,phi=0.6,gain=0.05",
        )
    return msgspec.convert(values, Assumed)
