"""What a verb prints at its end: the answer, the evidence, where to look.

Depends on: report.  Prints to stdout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from evalharness.cli.options import Output
from evalharness.errors import UsageError
from evalharness.report.facts import build_facts
from evalharness.report.terminal import Style, render
from evalharness.store.runs import is_run


def print_facts(folder: Path, *, out: Path, output: Output) -> int:
    """Write a folder's reports and print its facts; gives the verdict's exit code (0 without)."""
    facts = build_facts(folder, out=out)
    written: dict[str, Path] = {}
    if output.formats:
        from evalharness.report.write import write_reports

        written = write_reports(facts, folder, output.formats)
    if output.as_json:
        from evalharness.report.contract_json import contract_json

        click.echo(contract_json(facts, {name: str(path) for name, path in written.items()}))
    else:
        style = Style.COLOUR if _wants_colour() else Style.PLAIN
        click.echo(render(facts, style=style, width=_width()))
        if written:
            click.echo("  see: " + (str(written["html"]) if "html" in written else str(folder)))
    return facts.verdict.exit_code if facts.verdict else 0


def find_folder(name: str, out: Path) -> Path:
    """A run or gate folder by path, or by its name below --out. Raises UsageError."""
    for path in (Path(name), out / name, out / "gates" / name):
        if is_run(path) or (path / "gate.json").is_file():
            return path
    raise UsageError(
        f"'{name}' is no run or gate",
        where=str(out),
        mend="`evalharness list runs` names those here; --out names another folder",
    )


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
