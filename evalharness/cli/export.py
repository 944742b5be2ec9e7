"""`evalharness export RUN`: the figures, or every unit, as a table for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from evalharness.api import TABLES, load_run
from evalharness.cli.options import OUT
from evalharness.errors import UsageError
from evalharness.store.export import Form, encode_rows
from evalharness.store.files import write_atomic

FORMS = (*get_args(Form), "latex")


@click.command(name="export")
@click.argument("folder", metavar="RUN_OR_GATE")
@click.option("--format", "form", type=click.Choice(FORMS), default="csv", show_default=True)
@click.option(
    "--table",
    type=click.Choice(TABLES),
    default="metrics",
    show_default=True,
    help="Metrics by arm and slice, gates, comparisons, or every unit.",
)
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file instead of stdout.",
)
@OUT
def command(folder: str, form: str, table: str, to: Path | None, out: Path) -> int:
    """Write a run, comparison or gate as CSV, JSON lines, Parquet or a LaTeX table of metrics."""
    from evalharness.cli.output import find_folder

    loaded = load_run(find_folder(folder, out))
    if form == "latex":
        if table != "metrics":
            raise UsageError(
                "LaTeX shows metrics by arm alone", mend=f"--format csv --table {table}"
            )
        from evalharness.report.latex import render_latex

        content = render_latex(loaded.facts).encode()
    else:
        chosen = next(known for known in get_args(Form) if known == form)
        name = next(known for known in TABLES if known == table)
        content = encode_rows(loaded.rows(name), chosen)
    if to is not None:
        write_atomic(to, content)
    elif form == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is no text", mend="name a file with --to FILE")
    else:
        click.echo(content, nl=False)
    return 0
