"""The verdict in small: a badge, and GitLab's metrics report.

Reads: Facts.  Gives: text.  Depends on: tables, wording, clean.
Sources: shields.io, "Endpoint badge"; docs.gitlab.com, "Metrics reports" (OpenMetrics text).
"""

from __future__ import annotations

import json
import re
from typing import Final

from evalharness.report import clean
from evalharness.report.numbers import Medium
from evalharness.report.tables import Value, metric_rows
from evalharness.report.wording import read_gate, state_words
from evalharness.results import Facts

BADGE_COLOUR: Final = {
    "READY": "#1c6b4f",
    "NOT_READY": "#a6322b",
    "INCONCLUSIVE": "#7a5500",
    "INVALID": "#5c4c8a",
}


def render_badge(facts: Facts) -> str:
    """A shields.io endpoint: the verdict as a badge. Without a verdict it says so, in grey."""
    state = facts.verdict.state if facts.verdict else None
    badge = {
        "schemaVersion": 1,
        "label": "evalharness",
        "message": state_words(state).lower() if state else "no verdict",
        "color": BADGE_COLOUR[state] if state else "#68645a",
        "isError": state == "INVALID",
    }
    return json.dumps(badge, indent=1) + "\n"


def render_gitlab_metrics(facts: Facts) -> str:
    """OpenMetrics text for GitLab's `artifacts:reports:metrics`, which shows what changed.

    Names are metric, arm and slice, so that a merge request's value stands beside the target's;
    the candidate goes by its role, since its name changes with every commit.
    """
    lines = []
    for row in metric_rows(facts):
        value = row["value"]
        if isinstance(value, int | float):
            arm = row["role"] if row["role"] == "candidate" else row["arm"]
            labels = {"suite": row["suite"], "arm": arm, "slice": row["slice"]}
            lines.append(f"{_metric_name(str(row['metric']))}{_labels(labels)} {value!r}")
    for gate in facts.gates:
        reading = read_gate(gate, Medium.TERMINAL)
        labels = {"suite": gate.suite, "gate": reading.label, "baseline": gate.baseline}
        passed = int(gate.outcome == "PASS")
        lines.append(f"evalharness_gate_passed{_labels(labels | {'test': gate.test})} {passed}")
    return "\n".join([*lines, "# EOF", ""])


def _metric_name(name: str) -> str:
    """A name of OpenMetrics: letters, digits and underscores."""
    return "evalharness_" + re.sub(r"[^a-zA-Z0-9_]", "_", clean.one_line(name))


def _labels(labels: dict[str, Value]) -> str:
    told = []
    for name, value in labels.items():
        if value:
            text = clean.one_line(str(value)).replace("\\", "\\\\").replace('"', '\\"')
            told.append(f'{name}="{text}"')
    return "{" + ",".join(told) + "}" if told else ""
