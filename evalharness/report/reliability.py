"""Reliability: of what was said to be 70 % sure, how much was so?  From marks to a picture.

Reads: marks.jsonl of a run that was scored with `ece`.  Gives: Reliability records, pictures.
Depends on: store.marks, results, svg.
The bins are those of the metric, whose rows hold count, probability and frequency by bin.
Source: DeGroot & Fienberg (1983); Niculescu-Mizil & Caruana (2005) for the diagram.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evalharness.report import svg
from evalharness.report.svg import Axis
from evalharness.results import Reliability
from evalharness.store.marks import MarkHeader, iterate_marks, read_marks
from evalharness.store.runs import RunFolder

METRIC: Final = "ece"
SIDE: Final = 260.0
EDGE: Final = 44.0


def reliability_of(suite: str, arm: str, run: RunFolder) -> Iterator[Reliability]:
    """One record for every `ece` that a run was scored with; none without."""
    header = next(iterate_marks(run.marks_path), None)
    if not isinstance(header, MarkHeader) or all(one.name != METRIC for one in header.metrics):
        return
    for label, metric in read_marks(run.marks_path).metrics.items():
        if metric.columns.name != METRIC:
            continue
        counts, probabilities, happened = (
            metric.rows_nk[metric.answered_n].sum(axis=0).reshape(3, -1)
        )
        filled = counts > 0
        if filled.any():
            yield Reliability(
                suite=suite,
                arm=arm,
                metric=label,
                counts=tuple(int(count) for count in counts[filled]),
                probabilities=tuple((probabilities[filled] / counts[filled]).tolist()),
                frequencies=tuple((happened[filled] / counts[filled]).tolist()),
            )


def render_reliability(found: Reliability) -> str:
    """The diagram: a dot a bin, its area by count, against the diagonal of a calibrated model."""
    across = Axis(0.0, 1.0, EDGE, EDGE + SIDE)
    rise = Axis(0.0, 1.0, EDGE / 2 + SIDE, EDGE / 2)
    floor = EDGE / 2 + SIDE
    parts = [svg.line(across.at(0.0), rise.at(0.0), across.at(1.0), rise.at(1.0), "reference")]
    for share in (0.0, 0.5, 1.0):
        text = f"{100 * share:.0f} %"
        parts.append(svg.line(EDGE, rise.at(share), EDGE + SIDE, rise.at(share), "grid"))
        parts.append(
            svg.label(EDGE - 6, rise.at(share) + 4, text, classes="soft small", anchor="end")
        )
        parts.append(
            svg.label(across.at(share), floor + 16, text, classes="soft small", anchor="middle")
        )
    total = sum(found.counts)
    bins = list(zip(found.counts, found.probabilities, found.frequencies, strict=True))
    points = [(across.at(p), rise.at(f)) for _, p, f in bins]
    if len(points) > 1:
        parts.append(svg.path(points, "curve arm-0"))
    for (count, p, f), (x, y) in zip(bins, points, strict=True):
        told = f"said {p:.0%}, so in {f:.0%} of {count:,}"
        parts.append(svg.dot(x, y, 2.5 + 6.0 * (count / total) ** 0.5, "arm-0", title=told))
    parts.append(svg.label(EDGE, 14, "\u2191 how often it was so", classes="soft small"))
    parts.append(
        svg.label(EDGE + SIDE, floor + 32, "probability \u2192", classes="soft small", anchor="end")
    )
    told = ", ".join(f"said {p:.0%}: {f:.0%} of {count:,}" for count, p, f in bins)
    title = f"{found.metric} of {found.arm}: {told}"
    return svg.picture(2 * EDGE + SIDE, floor + EDGE, title, *parts, classes="chart plot")
