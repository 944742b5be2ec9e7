"""Plots by matplotlib, as SVG and PNG, for slides, papers and notebooks (extra `report`).

Reads: Facts.  Gives: figures and their bytes; the HTML report draws its own (see `svg`) and needs
none of this.  Depends on: exhibits, forest, arms, numbers; matplotlib, when a plot is made.
The same facts give the same bytes: no date, no random ids, no global state (pyplot is not used).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from evalharness.errors import MissingExtra
from evalharness.records import Estimate
from evalharness.report import clean, numbers
from evalharness.report.arms import gated_metrics, in_order
from evalharness.report.exhibits import SPREAD_NAMES, by_suite, front_points
from evalharness.report.forest import equal_place, place
from evalharness.report.front import front_of
from evalharness.report.numbers import Medium
from evalharness.report.svg import nice_log
from evalharness.report.wording import name_of, read_gate
from evalharness.results import Facts, GateRow, MetricSummary, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#23211c"
SOFT: Final = "#656157"
LINE: Final = "#e3dfd3"
PAPER: Final = "#fbfaf6"
OUTCOME: Final = {"PASS": "#1c6b4f", "FAIL": "#a6322b", "INCONCLUSIVE": "#7a5500"}
WASH: Final = "#f8e6e2"
ARMS: Final = (
    "#1f4e79",
    "#94622a",
    "#3b7a66",
    "#8c3f5b",
    "#6a64a6",
    "#b0543a",
    "#47799f",
    "#74763a",
    "#5e5e5e",
    "#a05f86",
)
STYLE: Final[Mapping[str, object]] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same bytes on every machine
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": SOFT,
    "axes.facecolor": PAPER,
    "axes.labelcolor": SOFT,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.unicode_minus": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "savefig.facecolor": PAPER,
    "svg.hashsalt": "evalharness",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "ytick.major.size": 0,
}


def draw(facts: Facts, chart: str) -> Figure | None:
    """One chart as a matplotlib figure; None where the facts hold nothing for it.

    chart: a key of CHARTS.  Raises MissingExtra where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtra("matplotlib", extra="report", needed_for="a plot") from error
    with mpl.rc_context(dict(STYLE)):
        return CHARTS[chart](facts)


def render_chart(
    facts: Facts, chart: str, *, form: Literal["svg", "png"] = "svg", dpi: int = 150
) -> bytes | None:
    """One chart as bytes of a file; None where the facts hold nothing for it."""
    figure = draw(facts, chart)
    if figure is None:
        return None
    import matplotlib as mpl

    file = io.BytesIO()
    metadata = {"Date": None, "Creator": "evalharness"} if form == "svg" else {"Software": None}
    with mpl.rc_context(dict(STYLE)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # names in any script
        figure.savefig(file, format=form, dpi=dpi, bbox_inches="tight", metadata=metadata)
    return file.getvalue()


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _colours(facts: Facts) -> dict[str, str]:
    ordered = sorted(facts.arms, key=lambda arm: arm.role != "candidate")
    names = dict.fromkeys(arm.name for arm in ordered)
    return {name: ARMS[index % len(ARMS)] for index, name in enumerate(names)}


# --- gates -----------------------------------------------------------------------------------


def gates(facts: Facts) -> Figure | None:
    """The gates as a forest plot: every threshold on one line, better to the right."""
    rows = [row for row in facts.gates if place(row, row.difference) is not None]
    if not rows:
        return None
    figure = _figure(7.2, 0.9 + 0.42 * len(rows))
    axes = figure.add_subplot()
    axes.axvspan(-1.15, 0, color=WASH, linewidth=0)
    axes.axvline(0, color=INK, linewidth=1)
    for y, row in enumerate(reversed(rows)):
        _gate(axes, row, float(y))
    axes.set_yticks(range(len(rows)), [read_gate(row, Medium.PAGE).label for row in reversed(rows)])
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlabel("worse than the policy asks \u2190      \u2192 better")
    axes.set_title(_title(facts))
    return figure


def _gate(axes: Axes, row: GateRow, y: float) -> None:
    """One row on its own scale: the farthest of its marks reaches the edge."""
    marks = [place(row, number) for number in (row.lower, row.difference, row.upper)]
    known = [mark for mark in marks if mark is not None]
    reach = max(map(abs, known), default=1.0) or 1.0
    left, point, right = (None if mark is None else mark / reach for mark in marks)
    ends = sorted((-1.15 if left is None else left, 1.15 if right is None else right))
    colour = OUTCOME[row.outcome]
    equal = equal_place(row)
    if equal and abs(equal) <= reach:
        axes.plot([equal / reach] * 2, [y - 0.22, y + 0.22], color=SOFT, linewidth=1)
    axes.plot(ends, [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    if point is not None:
        axes.plot([point], [y], "o", color=colour, markersize=6)
    reading = read_gate(row, Medium.PAGE)
    axes.annotate(
        f"{reading.effect}   {row.outcome}",
        (1.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=colour,
        annotation_clip=False,
    )


def _log(axes: Axes, low: float, high: float) -> None:
    """A logarithmic axis whose ticks are plain numbers."""
    axes.set_xscale("log")
    ticks = [tick for tick in nice_log(low, high) if low * 0.6 <= tick <= high * 1.6]
    axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    axes.minorticks_off()


def _title(facts: Facts) -> str:
    state = facts.verdict.state.replace("_", " ") + ": " if facts.verdict else ""
    return state + clean.clip(clean.one_line(facts.title), 80)


# --- intervals -------------------------------------------------------------------------------


def intervals(facts: Facts) -> Figure | None:
    """Every metric of every arm of the first suite with its interval, a panel a metric."""
    arms = next(iter(by_suite(facts).values()), [])
    known: dict[str, MetricSummary] = {}
    for arm in arms:
        known = arm.summary.metrics | known
    names = [
        name
        for name in in_order(known, gated_metrics(facts))
        if any(isinstance(_estimate(arm.summary.metrics, name), Estimate) for arm in arms)
    ]
    if not names:
        return None
    columns = min(2, len(names))
    lines = -(-len(names) // columns)
    figure = _figure(3.6 * columns, lines * (0.75 + 0.26 * len(arms)))
    colours = _colours(facts)
    for index, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, index + 1)
        for y, arm in enumerate(reversed(arms)):
            found = _estimate(arm.summary.metrics, name)
            if found is not None:
                factor = _factor(known[name].scale)
                ends = [found.lower * factor, found.upper * factor]
                axes.plot(ends, [y, y], color=colours[arm.name], linewidth=2)
                axes.plot([found.value * factor], [y], "o", color=colours[arm.name], markersize=5)
        axes.set_yticks(range(len(arms)), [_short(arm.name) for arm in reversed(arms)])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_ylim(-0.6, len(arms) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.set_title(_unit(name, known[name].scale))
    return figure


def _estimate(metrics: Mapping[str, MetricSummary], name: str) -> Estimate | None:
    found = metrics[name].estimate if name in metrics else None
    return found if isinstance(found, Estimate) else None


def _short(name: str) -> str:
    return clean.clip(clean.one_line(name), 26)


def _factor(scale: str) -> float:
    """From a metric's own unit to the one that is shown: percent, dollars per 1,000."""
    return numbers.shown(1.0, scale, Medium.PAGE)


def _unit(name: str, scale: str) -> str:
    units = {"fraction": " (%)", "usd": " ($)"}
    return name_of(name, scale, None) + units.get(scale, "")


# --- fronts and spreads ----------------------------------------------------------------------


def front(facts: Facts) -> Figure | None:
    """Quality against cost, and against latency: the line joins arms that none beats on both."""
    found = front_points(facts)
    if not found:
        return None
    figure = _figure(4.2 * len(found), 3.4)
    colours = _colours(facts)
    for index, (scales, points) in enumerate(found):
        axes = figure.add_subplot(1, len(found), index + 1)
        across, up = _factor(scales.x_scale), _factor(scales.y_scale)
        line = front_of(points)
        farthest = max(point.x[2] for point in points)
        right = farthest * 1.15
        xs = [point.x[1] * across for point in line] + [right * across]
        ys = [point.y[1] * up for point in line] + [line[-1].y[1] * up]
        axes.step(xs, ys, where="post", color=SOFT, linewidth=1, linestyle=(0, (5, 4)))
        for point in points:
            x, y = point.x[1] * across, point.y[1] * up
            colour = colours.get(point.name, INK)
            axes.plot([point.x[0] * across, point.x[2] * across], [y, y], color=colour, linewidth=1)
            axes.plot([x, x], [point.y[0] * up, point.y[2] * up], color=colour, linewidth=1)
            axes.plot([x], [y], "o", color=colour, markersize=6)
            axes.annotate(
                _short(point.name),
                (x, y),
                xytext=(-6, 6) if point.x[2] == farthest else (6, 6),
                textcoords="offset points",
                ha="right" if point.x[2] == farthest else "left",
            )
        low = min(point.x[0] for point in points)
        if low > 0 and max(point.x[2] for point in points) / low >= 5:
            _log(axes, low * across, right * across)
        axes.set_xlabel(_unit(scales.x_name.removesuffix("/1k"), scales.x_scale))
        axes.set_ylabel(_unit(scales.y_name, scales.y_scale))
        axes.margins(0.18)
    return figure


def latency(facts: Facts) -> Figure | None:
    """How many answers had arrived after how long, with the 50th, 95th and 99th percentile."""
    return _arrivals(facts, "latency_s")


def tokens(facts: Facts) -> Figure | None:
    """How long answers are, in tokens."""
    return _arrivals(facts, "completion_tokens")


def _arrivals(facts: Facts, name: str) -> Figure | None:
    found: list[tuple[str, Spread]] = [
        (arm.name, spread)
        for arms in by_suite(facts).values()
        for arm in arms
        for spread in arm.spreads
        if spread.name == name and len(spread.quantiles) >= 2
    ]
    if not found:
        return None
    figure = _figure(5.4, 3.2)
    axes = figure.add_subplot()
    colours = _colours(facts)
    for arm, spread in found:
        last = len(spread.quantiles) - 1
        shares = [100 * index / last for index in range(last + 1)]
        axes.plot(spread.quantiles, shares, color=colours[arm], linewidth=1.6, label=_short(arm))
        marks = [round(share * last) for share in (0.5, 0.95, 0.99)]
        axes.plot(
            [spread.quantiles[mark] for mark in marks],
            [shares[mark] for mark in marks],
            "o",
            color=colours[arm],
            markersize=4,
        )
    axes.set_xlabel(SPREAD_NAMES.get(name, name))
    axes.set_ylabel("answers within (%)")
    axes.set_ylim(0, 101)
    axes.legend(loc="lower right")
    return figure


def differences(facts: Facts) -> Figure | None:
    """Paired differences of each metric, samples laid out from the most lost to the most gained."""
    if not facts.differences:
        return None
    found = facts.differences[:6]
    columns = min(2, len(found))
    lines = -(-len(found) // columns)
    figure = _figure(3.6 * columns, 2.1 * lines)
    lower = {row.metric for row in facts.comparisons if row.direction == "lower"}
    for index, paired in enumerate(found):
        axes = figure.add_subplot(lines, columns, index + 1)
        _gains(axes, paired.spread, better=-1 if paired.spread.name in lower else 1)
        against = f"{_short(paired.candidate_arm)} against {_short(paired.baseline)}"
        axes.set_title(_unit(paired.spread.name, paired.spread.scale))
        axes.set_xlabel(f"samples, most lost first (%); {against}", fontsize=7.5)
    return figure


def _gains(axes: Axes, spread: Spread, *, better: int) -> None:
    factor = _factor(spread.scale)
    values: Sequence[float] = sorted(better * number * factor for number in spread.quantiles)
    last = len(values) - 1
    shares = [100 * index / last for index in range(last + 1)]
    worse, gain = [min(v, 0.0) for v in values], [max(v, 0.0) for v in values]
    axes.fill_between(shares, worse, 0, color="#e8b4ab", linewidth=0)
    axes.fill_between(shares, gain, 0, color="#a9d3c0", linewidth=0)
    axes.plot(shares, values, color=INK, linewidth=1)
    axes.axhline(0, color=SOFT, linewidth=0.8)


def power(facts: Facts) -> Figure | None:
    """P(PASS) of each gate against the number of samples, if the arms are equal."""
    curves = [curve for curve in facts.power if len(curve.ns) >= 2]
    if not curves:
        return None
    figure = _figure(5.4, 3.2)
    axes = figure.add_subplot()
    for index, curve in enumerate(curves):
        colour = ARMS[index % len(ARMS)]
        label = f"{clean.one_line(curve.metric)} against {_short(curve.baseline)}"
        shares = [100 * chance for chance in curve.chances]
        axes.plot(curve.ns, shares, color=colour, linewidth=1.6, label=label)
        axes.axvline(curve.n, color=colour, linewidth=0.8, linestyle=(0, (3, 3)))
    _log(axes, min(curve.ns[0] for curve in curves), max(curve.ns[-1] for curve in curves))
    axes.set_ylim(0, 101)
    axes.set_xlabel("samples")
    axes.set_ylabel("chance to pass if equal (%)")
    axes.legend(loc="lower right")
    return figure


def reliability(facts: Facts) -> Figure | None:
    """How often it was so, against the probability that was said; the diagonal is calibrated."""
    if not facts.reliability:
        return None
    figure = _figure(4.2, 4.0)
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color=SOFT, linewidth=0.8, linestyle=(0, (3, 3)))
    for index, found in enumerate(facts.reliability):
        colour = ARMS[index % len(ARMS)]
        said = [100 * share for share in found.probabilities]
        was = [100 * share for share in found.frequencies]
        total = sum(found.counts)
        sizes = [10 + 150 * count / total for count in found.counts]
        label = f"{_short(found.arm)}, {clean.one_line(found.metric)}"
        axes.plot(said, was, color=colour, linewidth=1.2, label=label)
        axes.scatter(said, was, s=sizes, color=colour, linewidth=0)
    axes.set_xlim(0, 101)
    axes.set_ylim(0, 101)
    axes.set_xlabel("probability (%)")
    axes.set_ylabel("how often it was so (%)")
    axes.legend(loc="upper left")
    return figure


CHARTS: Final[Mapping[str, Callable[[Facts], Figure | None]]] = {
    "gates": gates,
    "intervals": intervals,
    "front": front,
    "latency": latency,
    "tokens": tokens,
    "differences": differences,
    "power": power,
    "reliability": reliability,
}
"""Chart name -> how it is drawn; each gives None where the facts hold nothing for it."""
