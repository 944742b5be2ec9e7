"""The terminal's report: the answer, then the evidence, then where to look.

Reads: Facts.  Gives: text that stands alone; colour is decoration by ANSI codes, asked for by
`Style.COLOUR`, and never the only carrier of a meaning.
Depends on: wording, numbers, clean.  Prints nothing and asks no terminal anything.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from itertools import islice
from typing import Final, TypeAlias

from evalharness.report import clean, numbers
from evalharness.report.arms import by_slice, failed_lines, gated_metrics, read_metric, spent_line
from evalharness.report.numbers import Medium
from evalharness.report.online_words import online_sentence
from evalharness.report.reasons import why
from evalharness.report.standing_words import standing_lines
from evalharness.report.wording import (
    Reading,
    headline,
    invalid_line,
    pairings,
    read_comparison,
    read_gate,
)
from evalharness.results import ComparisonRow, Facts, GateRow, MetricSummary

Metrics: TypeAlias = Mapping[str, MetricSummary]

DEFAULT_WIDTH: Final = 100
NARROW: Final = 60
GAP: Final = 3
MOST_SLICE_ROWS: Final = 16


class Style(Enum):
    """PLAIN is text alone; COLOUR adds ANSI colours and weights."""

    PLAIN = "plain"
    COLOUR = "colour"


_INK: Final = {
    "READY": "1;32",
    "NOT_READY": "1;31",
    "INCONCLUSIVE": "1;33",
    "INVALID": "1;35",
    "PASS": "32",
    "FAIL": "31",
    "dim": "2",
    "strong": "1",
}


def _ink(text: str, name: str, style: Style) -> str:
    if style is Style.PLAIN or name not in _INK or not text:
        return text
    return f"\x1b[{_INK[name]}m{text}\x1b[0m"


def render(
    facts: Facts,
    *,
    style: Style = Style.PLAIN,
    width: int = DEFAULT_WIDTH,
    see: str | None = None,
) -> str:
    """The facts as text, by their kind: a gate, a comparison or a run."""
    by_kind = {"gate": render_gate, "compare": render_compare, "run": render_run}
    return by_kind[facts.kind](facts, style=style, width=width, see=see)


def render_gate(
    facts: Facts,
    *,
    style: Style = Style.PLAIN,
    width: int = DEFAULT_WIDTH,
    see: str | None = None,
) -> str:
    """A gate as text: verdict, gates, failures, why, where the report lies; no last line feed.

    width: terminal columns; rows fold under their name when they do not fit.
    see: what to open next, as a path or a command.
    """
    lines = [_lead(facts, style, width)]
    for invalid in facts.invalid:
        lines += _folded("invalid", invalid_line(invalid), width)
    lines += _tables(facts, style, width)
    lines += _foot(facts, width, see)
    return "\n".join(lines)


def render_compare(
    facts: Facts,
    *,
    style: Style = Style.PLAIN,
    width: int = DEFAULT_WIDTH,
    see: str | None = None,
) -> str:
    """A comparison as text: differences with their intervals, and no verdict."""
    lines = [_ink(clean.clip(headline(facts), width), "strong", style)]
    lines += _tables(facts, style, width)
    lines += _foot(facts, width, see)
    return "\n".join(lines)


def render_run(
    facts: Facts,
    *,
    style: Style = Style.PLAIN,
    width: int = DEFAULT_WIDTH,
    see: str | None = None,
) -> str:
    """A run as text: every metric with its interval, by slice too, and what it cost."""
    lines = [_ink(clean.clip(headline(facts), width), "strong", style)]
    lines += _arms(facts, style, width)
    lines += _foot(facts, width, see)
    return "\n".join(lines)


def _lead(facts: Facts, style: Style, width: int) -> str:
    if facts.verdict is None:
        return _ink(clean.clip(headline(facts), width), "strong", style)
    state = facts.verdict.state
    room = max(NARROW // 2, width - len(state) - 2)
    stamps = [f"[{clean.one_line(stamp)}]" for stamp in facts.verdict.stamps]
    whole = "  ".join([headline(facts), *stamps])
    if len(whole) > room:  # a stamp is never cut: it says what the verdict is not
        whole = "\n  ".join([clean.clip(headline(facts), room), *stamps])
    return f"{_ink(state, state, style)}  {whole}"


def _tables(facts: Facts, style: Style, width: int) -> list[str]:
    """One table a pairing; a heading only where there are several."""
    groups = pairings(facts)
    lines: list[str] = []
    for group in groups:
        if len(groups) > 1:
            suite, candidate, baseline = (clean.one_line(part) for part in group)
            against = f"{candidate} vs {baseline}" if baseline else candidate
            lines.append(_ink(f"  {suite}: {against}", "strong", style))
        gates = [row for row in facts.gates if _pairing(row) == group]
        if gates:
            lines += _table([read_gate(row, Medium.TERMINAL) for row in gates], style, width)
            continue
        every = [row for row in facts.comparisons if _pairing(row) == group]
        shown = _few_comparisons(every)
        lines += _table([read_comparison(row, Medium.TERMINAL) for row in shown], style, width)
        lines += _left_out(len(every) - len(shown))
    return lines


def _pairing(row: GateRow | ComparisonRow) -> tuple[str, str, str]:
    return (row.suite, row.candidate_arm, row.baseline)


def _few_comparisons(rows: Sequence[ComparisonRow]) -> Sequence[ComparisonRow]:
    """All rows, or of the slices the first metric's where they would fill a screen."""
    sliced = [row for row in rows if row.slice is not None]
    if len(sliced) <= MOST_SLICE_ROWS:
        return rows
    return [row for row in rows if row.slice is None or row.metric == sliced[0].metric]


def _left_out(figures: int) -> list[str]:
    return [f"  slices: {figures} more figures in the report and in `export`"] if figures else []


def _table(readings: Sequence[Reading], style: Style, width: int) -> list[str]:
    """Rows in columns; too wide a table gives up its last column first, then all of them."""
    wide = [_cells(reading) for reading in readings]
    for cells in (wide, [row[:4] for row in wide]):
        widths = [max(map(clean.width, column)) for column in zip(*cells, strict=True)]
        if cells and 2 + sum(widths) + GAP * sum(map(bool, widths[1:])) <= width:
            break
    else:
        cells, widths = wide, []
    lines = []
    for reading, row in zip(readings, cells, strict=True):
        lines += [_row(row, widths, style)] if widths else _stacked(row, style, width)
        dropped = [] if len(row) == 5 else [reading.requirement]
        for note in filter(None, (*dropped, reading.note)):
            lines += _wrapped(f"      {note}", width, " " * 6)
    return lines


def _cells(reading: Reading) -> list[str]:
    """The five columns; what is undetermined on both sides says so once."""
    values, effect = reading.values, reading.effect
    if values == f"{numbers.UNDETERMINED} vs {numbers.UNDETERMINED}":
        values, effect = numbers.UNDETERMINED, ""
    return [reading.label, values, effect, reading.outcome, reading.requirement]


def _row(cells: Sequence[str], widths: Sequence[int], style: Style) -> str:
    parts = []
    for cell, columns in zip(cells, widths, strict=True):
        if columns:
            parts.append(_ink(cell, cell, style) + " " * (columns - clean.width(cell)))
    return ("  " + (" " * GAP).join(parts)).rstrip()


def _stacked(cells: Sequence[str], style: Style, width: int) -> list[str]:
    label, values, effect, outcome, requirement = cells
    first = f"  {_ink(outcome, outcome, style)}  {label}" if outcome else f"  {label}"
    gap = " " * GAP
    joined = f"      {values}{gap}{effect}".rstrip()
    figures = [joined] if clean.width(joined) <= width else [f"      {values}", f"      {effect}"]
    return [first, *figures, *([f"      {requirement}"] if requirement else [])]


def _folded(name: str, text: str, width: int) -> list[str]:
    """A line of prose under a name, wrapped with its continuation set in."""
    return _wrapped(f"  {name}: {text}", width, " " * (4 + len(name)))


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, NARROW // 2),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _foot(facts: Facts, width: int, see: str | None) -> list[str]:
    lines: list[str] = []
    for name, told in standing_lines(facts, Medium.TERMINAL):
        lines += _folded(name, told, width)
    if facts.online is not None:
        lines += _folded("online", online_sentence(facts.online), width)
    for name, told in failed_lines(facts):
        lines += _folded(name, told, width)
    for warning in facts.warnings:
        lines += _folded("warning", clean.one_line(warning), width)
    for reason in why(facts, Medium.TERMINAL):
        lines += _folded("why", reason, width)
    if see:
        lines.append(f"  see: {clean.one_line(see)}")
    return lines


def _arms(facts: Facts, style: Style, width: int) -> list[str]:
    lines = []
    for arm in facts.arms:
        if len(facts.arms) > 1:
            name = clean.one_line(f"{arm.name}  {arm.summary.model.get('model', '')}").strip()
            lines.append(_ink(clean.clip(f"  {name}", width), "strong", style))
        (_, overall), *slices = by_slice(arm, gated_metrics(facts))
        told = [(None, overall), *((slice_, _few(metrics, slices)) for slice_, metrics in slices)]
        readings = [
            _with_reason_below(read_metric(name, metric, slice_, Medium.TERMINAL))
            for slice_, metrics in told
            for name, metric in metrics.items()
        ]
        lines += _table(readings, style, width)
        left_out = sum(len(metrics) for _, metrics in slices) - len(readings) + len(overall)
        lines += _left_out(left_out)
        lines += _folded("spent", spent_line(arm), width)
    return lines


def _few(metrics: Metrics, slices: Sequence[tuple[str | None, Metrics]]) -> Metrics:
    """The metrics of a slice that a terminal shows: all, or the first where that fills a screen."""
    if sum(len(each) for _, each in slices) <= MOST_SLICE_ROWS:
        return metrics
    return dict(islice(metrics.items(), 1))


def _with_reason_below(reading: Reading) -> Reading:
    """An undetermined value's reason as a note, so that it widens no column."""
    if reading.values != numbers.UNDETERMINED:
        return reading
    note = "; ".join(
        filter(None, (reading.point.removeprefix("(").removesuffix(")"), reading.note))
    )
    return replace(reading, point="", note=note)
