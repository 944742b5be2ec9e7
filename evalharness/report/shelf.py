"""The page over a folder of runs: per suite the metrics over time, the verdicts, every run.

Reads: History.  Gives: HTML, through the template `shelf.html.j2`.
Depends on: history, svg, intervals (ticks), arms, wording, html (the template's rules).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.records import Estimate
from evalharness.report import clean, numbers, svg
from evalharness.report.arms import answered_words, estimate_words, in_order
from evalharness.report.exhibits import INKS
from evalharness.report.history import GateEntry, History, RunEntry
from evalharness.report.html import render_page
from evalharness.report.intervals import round_ticks, tick_places
from evalharness.report.numbers import Medium
from evalharness.report.reasons import why
from evalharness.report.svg import Axis
from evalharness.report.wording import name_of, state_words
from evalharness.results import Facts, MetricSummary

MOST_POINTS: Final = 60
"""Runs that one timeline shows: the latest."""

MOST_TIMELINES: Final = 4
MOST_RUNS: Final = 200
"""Runs and gates that a suite lists: the latest; all of them are counted."""

STILL_S: Final = 120.0
"""An unfinished run whose journal grew within so many seconds is taken to be running."""

WIDTH: Final = 520.0
HEIGHT: Final = 190.0
LEFT: Final = 58.0
RIGHT: Final = 14.0
TOP: Final = 14.0
BOTTOM: Final = 26.0


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run as the table shows it."""

    entry: RunEntry
    ink: str
    when: str
    state: str
    values: tuple[tuple[str, str], ...]
    failed: str


@dataclass(frozen=True, slots=True)
class GateLine:
    """One gate or comparison as the table shows it."""

    entry: GateEntry
    when: str
    state: str
    state_text: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class SuiteShelf:
    """Everything of one suite, latest first."""

    name: str
    columns: tuple[str, ...]
    timelines: tuple[tuple[str, str], ...]
    runs: tuple[RunLine, ...]
    gates: tuple[GateLine, ...]
    n_runs: int
    n_gates: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """The whole page. refresh_s: how soon it should be asked for again; 0 where nothing runs."""

    where: str
    suites: tuple[SuiteShelf, ...]
    damaged: tuple[tuple[str, str], ...]
    refresh_s: int


def render_shelf(history: History, *, where: str, now: float) -> str:
    """The page. where: the folder, as a heading.  now: seconds since the epoch, for what runs."""
    shelf = Shelf(
        where=clean.one_line(where),
        suites=tuple(_suite(history, name, now) for name in history.suites),
        damaged=history.damaged,
        refresh_s=5 if any(_running(run, now) for run in history.runs) else 0,
    )
    return render_page("shelf.html.j2", shelf)


def _running(run: RunEntry, now: float) -> bool:
    return run.summary is None and now - run.touched < STILL_S


def _suite(history: History, name: str, now: float) -> SuiteShelf:
    runs = [run for run in history.runs if run.suite == name]
    gates = [gate for gate in history.gates if name in gate.suites]
    metrics = _metrics(runs)
    names = dict.fromkeys(run.arm for run in runs)
    ink = {arm: f"arm-{number % INKS}" for number, arm in enumerate(names)}
    columns = in_order(metrics, _gated(gates))[:MOST_TIMELINES]
    return SuiteShelf(
        name=clean.one_line(name),
        columns=tuple(name_of(column, metrics[column].scale, None) for column in columns),
        timelines=tuple(
            (name_of(column, metrics[column].scale, None), picture)
            for column in columns
            if (picture := render_timeline(runs, column, ink)) is not None
        ),
        runs=tuple(
            _run_line(run, columns, ink[run.arm], now) for run in runs[: -MOST_RUNS - 1 : -1]
        ),
        gates=tuple(_gate_line(gate) for gate in gates[: -MOST_RUNS - 1 : -1]),
        n_runs=len(runs),
        n_gates=len(gates),
    )


def _metrics(runs: Sequence[RunEntry]) -> dict[str, MetricSummary]:
    known: dict[str, MetricSummary] = {}
    for run in runs:
        if run.summary is not None:
            known |= run.summary.metrics
    return known


def _gated(gates: Sequence[GateEntry]) -> list[str]:
    """The metrics of the latest gate, the deciding ones first."""
    rows = gates[-1].file.gates if gates else ()
    ordered = sorted(rows, key=lambda row: row.role == "diagnostic")
    return list(dict.fromkeys(row.metric for row in ordered))


def _run_line(run: RunEntry, columns: Sequence[str], ink: str, now: float) -> RunLine:
    if run.summary is None:
        state = "running" if _running(run, now) else "unfinished"
        told = f"{numbers.count(run.answered)} answers so far"
        return RunLine(run, ink, when(run.created_at), state, (), told)
    metrics = run.summary.metrics
    values = tuple(_value(metrics[name]) if name in metrics else ("\u2013", "") for name in columns)
    failed = numbers.share(run.summary.n_failed, run.summary.n)
    return RunLine(run, ink, when(run.created_at), "", values, failed)


def _value(metric: MetricSummary) -> tuple[str, str]:
    value, interval = estimate_words(metric.estimate, metric.scale, Medium.PAGE)
    if isinstance(metric.estimate, Estimate):
        return value, interval
    return value, answered_words(metric, Medium.PAGE)


def _gate_line(gate: GateEntry) -> GateLine:
    verdict = gate.file.verdict
    sides = [
        ", ".join(dict.fromkeys(arm.name for arm in gate.file.arms if arm.role == role))
        for role in ("candidate", "baseline")
    ]
    reasons = why(_facts(gate), Medium.PAGE)
    return GateLine(
        entry=gate,
        when=when(gate.created_at),
        state=verdict.state.lower() if verdict else "",
        state_text=state_words(verdict.state).capitalize() if verdict else "Comparison",
        who=clean.one_line(" vs ".join(filter(None, sides))),
        why=reasons[0] if reasons else "",
    )


def _facts(gate: GateEntry) -> Facts:
    """As much of a gate's facts as its reasons need."""
    return Facts(
        kind=gate.kind,
        title="",
        verdict=gate.file.verdict,
        arms=(),
        gates=gate.file.gates,
        invalid=gate.file.invalid,
    )


def when(created_at: str) -> str:
    """A time stamp to the minute, as it was written.

    >>> when("2026-01-02T03:04:05+00:00")
    '2026-01-02 03:04'
    """
    return clean.one_line(created_at[:16].replace("T", " "))


def render_timeline(runs: Sequence[RunEntry], metric: str, ink: Mapping[str, str]) -> str | None:
    """One metric over the latest runs, in the order they were made; None where none has it.

    ink: arm -> class of its colour.
    """
    points: list[tuple[RunEntry, Estimate, str]] = []
    for run in runs:
        summary = run.summary.metrics.get(metric) if run.summary else None
        if summary is not None and isinstance(summary.estimate, Estimate):
            points.append((run, summary.estimate, summary.scale))
    points = points[-MOST_POINTS:]
    if not points:
        return None
    scale = points[-1][2]
    ends = [end for _, found, _ in points for end in (found.lower, found.upper)]
    low, high = svg.padded(ends, 0.1)
    if scale == "fraction":
        low, high = max(0.0, low), min(1.0, high)
    rise = Axis(low, high, HEIGHT - BOTTOM, TOP)
    run_axis = Axis(-0.5, len(points) - 0.5, LEFT, WIDTH - RIGHT)
    parts = _timeline_frame(rise, scale)
    for number, (run, found, _) in enumerate(points):
        x = run_axis.at(float(number))
        told, interval = estimate_words(found, scale, Medium.PAGE)
        title = f"{run.arm}, {when(run.created_at)}: {told} {interval}"
        colour = ink[run.arm]
        parts.append(svg.line(x, rise.at(found.lower), x, rise.at(found.upper), f"thin {colour}"))
        parts.append(svg.dot(x, rise.at(found.value), 4, f"spot {colour}", title=title))
    names = ", ".join(dict.fromkeys(clean.one_line(run.arm) for run, _, _ in points))
    title = f"{metric} over {len(points)} runs of {names}"
    return svg.picture(WIDTH, HEIGHT, title, *parts, classes="chart plot")


def _timeline_frame(rise: Axis, scale: str) -> list[str]:
    ticks = round_ticks(rise, scale, 4)
    places = tick_places(ticks, scale)
    floor = HEIGHT - BOTTOM
    parts = [svg.line(LEFT, floor, WIDTH - RIGHT, floor, "frame")]
    for tick in ticks:
        y = rise.at(tick)
        text = numbers.value(tick, scale, Medium.PAGE, places=places)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        parts.append(svg.label(LEFT - 8, y + 4, text, classes="soft small", anchor="end"))
    below = "runs, latest on the right \u2192"
    parts.append(svg.label(WIDTH - RIGHT, HEIGHT - 6, below, classes="soft small", anchor="end"))
    return parts
