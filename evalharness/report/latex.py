"""Arms by metric as a LaTeX table, for papers.

Reads: Facts.  Gives: text that needs the package booktabs.  Depends on: arms, numbers, clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evalharness.records import Estimate
from evalharness.report import clean, numbers
from evalharness.report.arms import estimate_words, gated_metrics, in_order
from evalharness.report.numbers import Medium
from evalharness.results import ArmFacts, Facts

_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def latex(text: str) -> str:
    r"""Text as LaTeX sets it; nothing in it is a command.

    >>> latex("50% of f_1 \\input{x}")
    '50\\% of f\\_1 \\textbackslash{}input\\{x\\}'
    """
    return "".join(_LATEX.get(letter, letter) for letter in clean.one_line(text))


def render_latex(facts: Facts) -> str:
    """A booktabs table of arms by metric, values with their intervals below; needs booktabs."""
    blocks = []
    for suite in dict.fromkeys(arm.summary.suite for arm in facts.arms):
        arms = [arm for arm in facts.arms if arm.summary.suite == suite]
        blocks.append(_latex_table(suite, arms, gated_metrics(facts)))
    return "\n".join(blocks)


def _latex_table(suite: str, arms: Sequence[ArmFacts], gated: Sequence[str]) -> str:
    known = {name: metric for arm in reversed(arms) for name, metric in arm.summary.metrics.items()}
    names = in_order(known, gated)
    head = " & ".join(latex(numbers.unit_label(name, known[name].scale)) for name in names)
    lines = [
        f"% made by evalharness: {latex(suite)}",
        f"\\begin{{tabular}}{{l{'r' * len(names)}}}",
        "\\toprule",
        f"arm & {head} \\\\",
        "\\midrule",
    ]
    for arm in arms:
        cells = [latex(arm.name)]
        for name in names:
            metric = arm.summary.metrics.get(name)
            if metric is None:
                cells.append("--")
                continue
            value, interval = estimate_words(metric.estimate, metric.scale, Medium.PAGE)
            bounds = interval if isinstance(metric.estimate, Estimate) else ""
            cells.append(f"{latex(value)} {{\\scriptsize {latex(bounds)}}}" if bounds else "--")
        lines.append(" & ".join(cells) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])
