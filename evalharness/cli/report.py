"""`evalharness report RUN_OR_GATE...`: write the reports again from what is on disk."""

from __future__ import annotations

import click

from evalharness.cli.options import JSON, OUT, REPORTS, Output, taking
from evalharness.stages.options import RunOptions


@click.command(name="report")
@click.argument("folders", nargs=-1, required=True, metavar="RUN_OR_GATE...")
@taking(REPORTS, OUT, JSON)
def command(folders: tuple[str, ...], options: RunOptions, output: Output) -> int:
    """Write report.html, report.md, facts.json and junit.xml of runs or gates."""
    from evalharness.cli.output import find_folder, print_facts

    for name in folders:
        folder = find_folder(name, options.out)
        print_facts(folder, out=options.out, output=output)
    return 0
