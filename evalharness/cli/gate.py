"""`evalharness gate SUITE... --candidate M --baseline M`: run what is missing, compare, decide."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from evalharness.cli.options import A_A, CALIBRATE, EXIT_ZERO, GENERATING, REPORTS, Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.errors import UsageError
from evalharness.spec.suite import Suite
from evalharness.stages.options import RunOptions


@click.command(name="gate")
@click.argument("suites", nargs=-1, required=True, metavar="SUITE [SUITE2...]")
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    metavar="M",
    help="The model that wants to ship; may be repeated.",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="M",
    help="What would be used otherwise; may be repeated.",
)
@click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another policy than the suite's; stamps the verdict EXPLORATORY, never READY.",
)
@taking(REPORTS, EXIT_ZERO, CALIBRATE, A_A, *GENERATING)
def command(
    suites: tuple[str, ...],
    candidates: tuple[str, ...],
    baselines: tuple[str, ...],
    policy: Path | None,
    options: RunOptions,
    output: Output,
) -> int:
    """Decide whether a candidate is READY, over all suites and baselines at once.

    The exit code is the verdict: 0 READY, 1 NOT_READY, 2 INCONCLUSIVE, 3 INVALID.
    """
    from evalharness.cli.output import print_facts
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_policy, read_suite
    from evalharness.stages.decide import GateRequest, gate

    specs = tuple(read_suite(find_suite(name)) for name in suites)
    if output.a_a == bool(candidates) or not baselines:
        raise UsageError(
            "gate takes a candidate and a baseline, or --a-a and baselines alone",
            mend="evalharness gate SUITE --candidate M --baseline M",
        )
    if output.a_a:
        return _against_itself(specs, baselines, options, output)
    request = GateRequest(
        suites=specs,
        candidates=candidates,
        baselines=baselines,
        policy=read_policy(policy) if policy else None,
        reproduce=shlex.join(["evalharness", *sys.argv[1:]]),
    )
    with showing_progress(quiet=output.quiet) as report:
        folder = gate(request, options, report)
    code = print_facts(folder, out=options.out, output=output)
    if output.calibrate:
        from evalharness.report.plan_text import render_calibration
        from evalharness.stages.decide import calibration

        rows = calibration(folder, options, draws=output.calibrate)
        alpha = request.suites[0].policy.alpha
        click.echo(render_calibration(rows, alpha), err=output.as_json)
    return 0 if output.exit_zero else code


def _against_itself(
    suites: tuple[Suite, ...], baselines: tuple[str, ...], options: RunOptions, output: Output
) -> int:
    """The self-test of the policy: 0 as it should be, 1 where a gate sees what cannot be."""
    import msgspec

    from evalharness.report.self_test_text import render_self_tests
    from evalharness.stages.deciding.self_test import self_tests

    with showing_progress(quiet=output.quiet) as report:
        tests = self_tests(suites, baselines, options, report)
    if output.as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(tests), indent=1).decode())
    else:
        click.echo(render_self_tests(tests))
    if any(test.state == "INVALID" for test in tests):
        return 0 if output.exit_zero else 3
    alarmed = any(gate.alarm for test in tests for gate in test.gates)
    return int(alarmed and not output.exit_zero)
