"""Reports on disk: each file whole or not at all.

Reads: Facts.  Writes: report.html, report.md, facts.json, junit.xml and the rest, as asked.
Depends on: the renderers (each imported when it is asked for), store.files, errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from evalharness.errors import UsageError, did_you_mean
from evalharness.results import Facts
from evalharness.store.files import write_atomic

Pages: TypeAlias = "Iterator[tuple[str, bytes]]"


def _html(facts: Facts) -> Pages:
    from evalharness.report.html import render_html

    yield "report.html", render_html(facts).encode()


def _markdown(facts: Facts) -> Pages:
    from evalharness.report.markdown import render_markdown

    yield "report.md", render_markdown(facts).encode()


def _json(facts: Facts) -> Pages:
    from evalharness.report.jsonfile import encode_facts

    yield "facts.json", encode_facts(facts)


def _junit(facts: Facts) -> Pages:
    from evalharness.report.junit import render_junit

    yield "junit.xml", render_junit(facts).encode()


def _csv(facts: Facts) -> Pages:
    from evalharness.report.tables import render_gates_csv, render_metrics_csv

    yield "metrics.csv", render_metrics_csv(facts).encode()
    yield "gates.csv", render_gates_csv(facts).encode()


def _latex(facts: Facts) -> Pages:
    from evalharness.report.latex import render_latex

    yield "table.tex", render_latex(facts).encode()


def _badge(facts: Facts) -> Pages:
    from evalharness.report.badges import render_badge

    yield "badge.json", render_badge(facts).encode()


def _gitlab(facts: Facts) -> Pages:
    from evalharness.report.badges import render_gitlab_metrics

    yield "metrics.txt", render_gitlab_metrics(facts).encode()


def _github(facts: Facts) -> Pages:
    from evalharness.report.github import (
        render_annotations,
        render_comment,
        render_step_summary,
    )

    yield "comment.md", render_comment(facts).encode()
    yield "summary.md", render_step_summary(facts).encode()
    yield "annotations.txt", render_annotations(facts).encode()


def _svg(facts: Facts) -> Pages:
    yield from _charts(facts, "svg")


def _png(facts: Facts) -> Pages:
    yield from _charts(facts, "png")


def _charts(facts: Facts, form: Literal["svg", "png"]) -> Pages:
    from evalharness.report.charts import CHARTS, render_chart

    for chart in CHARTS:
        data = render_chart(facts, chart, form=form)
        if data is not None:
            yield f"chart-{chart}.{form}", data


FORMATS: Final[Mapping[str, Callable[[Facts], Pages]]] = {
    "html": _html,
    "md": _markdown,
    "json": _json,
    "junit": _junit,
    "csv": _csv,
    "tex": _latex,
    "badge": _badge,
    "gitlab": _gitlab,
    "github": _github,
    "svg": _svg,
    "png": _png,
}
"""Format -> its files. The order is the order of writing; svg and png need the extra `report`."""

USUAL: Final = ("html", "md", "json", "junit")


def write_reports(facts: Facts, folder: Path, formats: Sequence[str] = USUAL) -> dict[str, Path]:
    """Write the reports that were asked for; gives format -> path of its (first) file.

    folder: made if it is not there.  formats: keys of FORMATS, each written once.
    Raises UsageError for an unknown format before anything is written, MissingExtra for plots
    without matplotlib, WriteError where the folder or the disk refuses.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(
                f"unknown report format '{name}'",
                mend=did_you_mean(name, FORMATS) or f"one of {', '.join(FORMATS)}, or none",
            )
    written: dict[str, Path] = {}
    for name, render in FORMATS.items():
        if name in formats:
            for file_name, data in render(facts):
                write_atomic(folder / file_name, data)
                written.setdefault(name, folder / file_name)
    return written
