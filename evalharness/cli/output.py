"""What a verb prints at its end: the answer, the evidence, where to look.

Depends on: report.  Prints to stdout; in GitHub Actions also the step's summary, annotations and
outputs, in the files that the runner names.
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
from evalharness.results import Facts
from evalharness.store.files import writing
from evalharness.store.runs import is_run

DETAILED = frozenset({"html", "json", "svg", "png"})
"""Reports that show every sample, for which the runs are read a second time."""


def print_facts(folder: Path, *, out: Path, output: Output) -> int:
    """Write a folder's reports and print its facts; gives the verdict's exit code (0 without)."""
    facts = build_facts(folder, out=out)
    written: dict[str, Path] = {}
    if output.formats:
        from evalharness.report.write import write_reports

        if not DETAILED.isdisjoint(output.formats):
            from evalharness.report.units import add_units

            facts = add_units(facts, folder, out=out)
        written = write_reports(facts, folder, output.formats)
    if output.as_json:
        from evalharness.report.contract_json import contract_json

        click.echo(contract_json(facts, {name: str(path) for name, path in written.items()}))
    else:
        style = Style.COLOUR if _wants_colour() else Style.PLAIN
        click.echo(render(facts, style=style, width=_width()))
        if written:
            click.echo("  see: " + (str(written["html"]) if "html" in written else str(folder)))
    if facts.verdict is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        _tell_github(facts, folder, output)
    return facts.verdict.exit_code if facts.verdict else 0


def _tell_github(facts: Facts, folder: Path, output: Output) -> None:
    """The verdict where GitHub Actions shows it. Annotations stay out of --json's stdout."""
    from evalharness.report.github import render_annotations, render_step_summary

    if not output.as_json:
        click.echo(render_annotations(facts), nl=False)
    _append("GITHUB_STEP_SUMMARY", render_step_summary(facts))
    state = facts.verdict.state if facts.verdict else ""
    _append("GITHUB_OUTPUT", f"verdict={state}\ngate={folder.name}\nfolder={folder}\n")


def _append(variable: str, text: str) -> None:
    """Add to the file that an environment variable names; nothing where it names none."""
    name = os.environ.get(variable)
    if name:
        with writing(Path(name)), Path(name).open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)


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
