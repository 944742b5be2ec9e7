"""How a fine-tuning job went: the task metric at each checkpoint under the training loss.

Reads: a `Tune`.  Gives: a table for the terminal or Markdown, and a picture with its own style.
Depends on: tune.recipe (the record), svg, numbers.  Knows nothing of services.
The two panels share the axis of training steps: a loss that goes on falling while the task metric
stands still or falls is what one looks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evalharness.records import Estimate
from evalharness.report import numbers, svg
from evalharness.report.arms import estimate_words
from evalharness.report.clean import one_line
from evalharness.report.front import axis_below
from evalharness.report.intervals import round_ticks, tick_places
from evalharness.report.markdown import prose, table
from evalharness.report.numbers import Medium
from evalharness.report.svg import Axis
from evalharness.tune.recipe import Judged, JudgedMetric, Tune

WIDTH: Final = 560.0
PANEL: Final = 170.0
LEFT: Final = 62.0
RIGHT: Final = 20.0
TOP: Final = 30.0
BOTTOM: Final = 44.0

STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#23211c}.soft{fill:#656157}"
    ".grid{stroke:#e3dfd3}.frame,.tick{stroke:#656157}.curve{stroke:#94622a;stroke-width:2}"
    ".bar{stroke:#1f4e79;stroke-width:2}.spot{fill:#1f4e79}.bound{stroke:#656157;"
    "stroke-dasharray:4 3}"
)
"""The picture stands alone, so it carries its colours (the page's light ones)."""


def render_summary(tune: Tune) -> list[str]:
    """The job in plain lines: how it ended, what it cost, what it made."""
    state = tune.state
    if state is None:
        return [f"no job yet: {tune.tune}"]
    steps = f", {state.steps} steps" if state.steps else ""
    recipe = tune.recipe
    how = f" on {tune.train}, {recipe.epochs} epochs" if recipe is not None else ""
    lines = [f"{state.status}  {state.job}: {state.base}{how}{steps}, {_price(tune)}"]
    if state.model is not None:
        lines.append(f"  model: together/job:{state.job} ({state.model})")
    if tune.losses:
        first, last = tune.losses[0], tune.losses[-1]
        lines.append(
            f"  training loss: {first.loss:.3f} at step {first.step}, "
            f"{last.loss:.3f} at step {last.step}"
        )
    lines += [f"  note: {note}" for note in tune.notes]
    return [line[: len(line) - len(line.lstrip())] + one_line(line) for line in lines]


def _price(tune: Tune) -> str:
    paid = tune.state.price_usd if tune.state is not None else None
    told = f"cost {numbers.money(paid)}" if paid is not None else "price not known"
    if tune.estimate_usd is None:
        return told
    return f"{told} (estimated {numbers.money(tune.estimate_usd)})"


def columns_of(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    """(suite, metric) of every gated metric, in the order of the gates."""
    return list(dict.fromkeys((m.suite, m.metric) for one in judged for m in one.metrics))


def rows_of(judged: Sequence[Judged], medium: Medium) -> tuple[list[str], list[list[str]]]:
    """Head and body of the table: one row a checkpoint, its verdict and its gated metrics."""
    columns = columns_of(judged)
    several = len({suite for suite, _ in columns}) > 1
    head = ["step", "training loss"]
    head += [f"{suite}: {metric}" if several else metric for suite, metric in columns]
    body = []
    for one in judged:
        found = {(m.suite, m.metric): m for m in one.metrics}
        cells = [
            str(one.step) if one.step is not None else "result",
            f"{one.loss:.3f}" if one.loss is not None else "not recorded",
        ]
        cells += [_cell(found.get(column), medium) for column in columns]
        body.append([*cells, one.verdict, one.gate])
    return [*head, "verdict", "gate"], body


def _cell(metric: JudgedMetric | None, medium: Medium) -> str:
    if metric is None:
        return "not gated"
    value, interval = estimate_words(metric.estimate, metric.scale, medium)
    return f"{value} {interval}".strip()


def render_table(judged: Sequence[Judged]) -> str:
    """The table in aligned plain text."""
    head, body = rows_of(judged, Medium.TERMINAL)
    widths = [max(len(row[at]) for row in [head, *body]) for at in range(len(head))]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *body]
    ]
    return "\n".join(lines)


def render_page(tune: Tune) -> str:
    """tune.md: the job, the table, where the picture is, and what choosing among several means."""
    parts = [f"# Fine-tuning job {prose(tune.state.job if tune.state else tune.tune)}", ""]
    parts += [prose(line.strip()) + "  " for line in render_summary(tune)]
    if tune.judged:
        head, body = rows_of(tune.judged, Medium.PAGE)
        cells = [[prose(cell) for cell in row] for row in body]
        parts += [
            "",
            table([prose(name) for name in head], cells),
            "",
            "![loss and task metric](training.svg)",
        ]
    if len(tune.judged) > 1:
        parts += ["", choice_line(tune.judged)]
    return "\n".join(parts) + "\n"


def choice_line(judged: Sequence[Judged]) -> str:
    """What picking the best of several checkpoints does to its verdict."""
    return (
        f"{len(judged)} checkpoints were judged on the same held-out samples: the best of them "
        "looks better than it is. Choose by another set, or declare `policy.ledger` with "
        f"candidates: {len(judged)}."
    )


def render_training(tune: Tune) -> str | None:
    """The picture: training loss above, each gated metric below; None without a checkpoint's step.

    Metrics that only a bill or a clock gives are left out: they do not learn.
    """
    points = [one for one in tune.judged if one.step is not None]
    if not points:
        return None
    shown = [column for column in columns_of(points) if _learns(points, column)]
    steps = [one.step for one in points if one.step is not None]
    steps += [loss.step for loss in tune.losses]
    low, high = (0.0, float(max(steps)))
    x_axis = Axis(low, high or 1.0, LEFT, WIDTH - RIGHT)
    parts = [svg.tag("style", {}, STYLE)]
    tops = [TOP + number * (PANEL + BOTTOM) for number in range(len(shown) + 1)]
    parts += _loss_panel(tune, x_axis, tops[0])
    for column, top in zip(shown, tops[1:], strict=True):
        parts += _metric_panel(points, column, x_axis, top)
    height = tops[-1] + PANEL + BOTTOM
    told = f"training loss and {', '.join(metric for _, metric in shown)} by training step"
    return svg.picture(WIDTH, height, told, *parts)


def _learns(judged: Sequence[Judged], column: tuple[str, str]) -> bool:
    found = [m for one in judged for m in one.metrics if (m.suite, m.metric) == column]
    return all(m.scale not in ("seconds", "usd", "tokens") for m in found)


def _loss_panel(tune: Tune, x_axis: Axis, top: float) -> list[str]:
    if not tune.losses:
        return [svg.label(LEFT, top + PANEL / 2, "no training loss was recorded", classes="soft")]
    low, high = svg.padded([one.loss for one in tune.losses])
    axis = Axis(max(0.0, low), high, top + PANEL, top)
    curve = [(x_axis.at(one.step), axis.at(one.loss)) for one in tune.losses]
    return [*_frame(x_axis, axis, "training loss", "plain"), svg.path(curve, "curve")]


def _metric_panel(
    judged: Sequence[Judged], column: tuple[str, str], x_axis: Axis, top: float
) -> list[str]:
    found = [(one, m) for one in judged for m in one.metrics if (m.suite, m.metric) == column]
    known = [(one, m.estimate) for one, m in found if isinstance(m.estimate, Estimate)]
    baseline = next((m.baseline_value for _, m in found if m.baseline_value is not None), None)
    ends = [end for _, one in known for end in (one.lower, one.value, one.upper)]
    if not ends:
        return [svg.label(LEFT, top + PANEL / 2, f"{column[1]}: no values", classes="soft")]
    scale = found[0][1].scale
    low, high = svg.padded([*ends, *([] if baseline is None else [baseline])])
    if scale == "fraction":
        low, high = max(0.0, low), min(1.0, high)
    axis = Axis(low, high, top + PANEL, top)
    parts = _frame(x_axis, axis, f"{column[0]}: {column[1]}", scale)
    if baseline is not None:
        y = axis.at(baseline)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "bound"))
        parts.append(svg.label(WIDTH - RIGHT, y - 4, "baseline", classes="soft", anchor="end"))
    for one, estimate in known:
        x = x_axis.at(float(one.step or 0))
        parts.append(svg.line(x, axis.at(estimate.lower), x, axis.at(estimate.upper), "bar"))
        parts.append(svg.dot(x, axis.at(estimate.value), 4.5, "spot", title=one.verdict))
    return parts


def _frame(x_axis: Axis, y_axis: Axis, name: str, scale: str) -> list[str]:
    """Ticks of both axes, and the panel's name."""
    floor = y_axis.start
    ticks = round_ticks(y_axis, scale, 4)
    places = tick_places(ticks, scale)
    parts = [svg.label(LEFT, y_axis.end - 8, name, classes="soft")]
    for tick in ticks:
        y = y_axis.at(tick)
        text = numbers.value(tick, scale, Medium.PAGE, places=places)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        parts.append(svg.label(LEFT - 8, y + 4, text, classes="soft", anchor="end"))
    parts.append(svg.line(LEFT, floor, WIDTH - RIGHT, floor, "frame"))
    return parts + axis_below(x_axis, "count", floor)
