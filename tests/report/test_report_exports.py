"""CSV, LaTeX, badge, GitLab, pandas and matplotlib."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import handmade_facts as made
import msgspec
import pytest
from test_report_clean import HOSTILE, infected

from evalharness.report import charts
from evalharness.report.badges import render_badge, render_gitlab_metrics
from evalharness.report.latex import render_latex
from evalharness.report.tables import (
    COMPARISON_COLUMNS,
    GATE_COLUMNS,
    METRIC_COLUMNS,
    metric_rows,
    render_gates_csv,
    render_metrics_csv,
    to_pandas,
)
from evalharness.report.write import write_reports

SHORT = [name for name in HOSTILE if len(HOSTILE[name]) < 500]


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_the_exports_are_the_golden_ones(kind, golden):
    facts = made.EVERY[kind]()
    golden(f"export/{kind}-metrics.csv", render_metrics_csv(facts))
    golden(f"export/{kind}-gates.csv", render_gates_csv(facts))
    golden(f"export/{kind}.tex", render_latex(facts))
    golden(f"export/{kind}-badge.json", render_badge(facts))
    golden(f"export/{kind}-metrics.txt", render_gitlab_metrics(facts))


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_csv_holds_every_metric_of_every_slice_with_all_its_digits():
    rows = read(render_metrics_csv(made.not_ready()))
    assert tuple(rows[0]) == METRIC_COLUMNS
    assert len(rows) == 1 + 2 * (4 + 2)
    values = [float(row[METRIC_COLUMNS.index("upper")]) for row in rows[1:]]
    assert 0.43 in values
    assert 0.9480000000000001 in values


def test_an_undetermined_metric_is_an_empty_cell_with_a_reason():
    facts = made.run()
    arm = facts.arms[0]
    summary = msgspec.structs.replace(arm.summary, metrics={"bleu": made.metric(None)}, slices={})
    facts = msgspec.structs.replace(facts, arms=(msgspec.structs.replace(arm, summary=summary),))
    row = dict(zip(METRIC_COLUMNS, read(render_metrics_csv(facts))[1], strict=True))
    assert row["value"] == row["lower"] == ""
    assert row["reason"] == "no answer was scored"


def test_the_csv_of_a_comparison_holds_its_rows():
    assert tuple(read(render_gates_csv(made.compare()))[0]) == COMPARISON_COLUMNS
    assert tuple(read(render_gates_csv(made.ready()))[0]) == GATE_COLUMNS


@pytest.mark.parametrize("name", SHORT)
def test_no_cell_of_a_csv_starts_a_formula_or_breaks_a_row(name):
    for text in (
        render_metrics_csv(infected(HOSTILE[name])),
        render_gates_csv(infected(HOSTILE[name])),
    ):
        rows = read(text)
        assert len({len(row) for row in rows}) == 1
        texts = [cell for row in rows for cell in row if not re.fullmatch(r"-?[\d.e-]+", cell)]
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in texts)


def test_a_formula_in_a_name_is_quoted():
    facts = infected("=HYPERLINK(1)")
    assert "'=HYPERLINK(1)" in render_gates_csv(facts)


@pytest.mark.parametrize("name", SHORT)
def test_no_text_is_a_command_of_latex(name):
    told = render_latex(infected(HOSTILE[name]))
    known = {
        "begin",
        "end",
        "toprule",
        "midrule",
        "bottomrule",
        "scriptsize",
        "textbackslash",
        "textasciicircum",
        "textasciitilde",
        "textless",
        "textgreater",
        "textbar",
    }
    assert set(re.findall(r"\\([a-zA-Z]+)", told)) <= known
    body = re.sub(r"\\[{}%$#&_]", "", told)
    assert body.count("{") == body.count("}")


@pytest.mark.parametrize("state", ["ready", "not_ready", "inconclusive", "invalid", "run"])
def test_a_badge_is_a_shields_endpoint(state):
    badge = json.loads(render_badge(made.EVERY[state]()))
    assert badge["schemaVersion"] == 1
    assert badge["message"] == {"run": "no verdict"}.get(state, state.replace("_", " "))
    assert re.fullmatch("#[0-9a-f]{6}", badge["color"])


@pytest.mark.parametrize("name", ["script", "controls", "rtl", "table", "entity"])
def test_gitlab_metrics_are_open_metrics(name):
    lines = render_gitlab_metrics(infected(HOSTILE[name])).splitlines()
    assert lines[-1] == "# EOF"
    line_form = re.compile(
        r'[a-zA-Z_][a-zA-Z0-9_]*(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? -?[\d.e+-]+'
    )
    assert all(line_form.fullmatch(line) for line in lines[:-1])


def test_the_candidate_keeps_its_name_in_gitlab_from_commit_to_commit():
    assert 'arm="candidate"' in render_gitlab_metrics(made.ready())
    assert "ft-3b" not in render_gitlab_metrics(made.ready())


def test_pandas_holds_the_same_rows():
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = to_pandas(made.not_ready())
    assert list(frame.columns) == list(METRIC_COLUMNS)
    assert len(frame) == len(metric_rows(made.not_ready()))
    assert frame.loc[0, "value"] == 0.412


# --- plots -----------------------------------------------------------------------------------


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.mark.parametrize("chart", list(charts.CHARTS))
def test_every_plot_is_well_formed(chart, matplotlib):
    first = charts.render_chart(made.full(), chart)
    assert ET.fromstring(first).tag.endswith("svg")
    assert b"<dc:date>" not in first


def test_a_plot_is_the_same_bytes_every_time(matplotlib):
    first, second = (charts.render_chart(made.full(), "latency") for _ in range(2))
    assert first == second


def test_plots_are_drawn_as_png_too(tmp_path, matplotlib):
    facts = msgspec.structs.replace(made.full(), arms=(), differences=())
    written = write_reports(facts, tmp_path, ["png"])
    assert written["png"].read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "chart-gates.png",
        "chart-power.png",
        "chart-reliability.png",
    ]


def test_a_plot_without_its_facts_is_none(matplotlib):
    nothing = msgspec.structs.replace(made.invalid(), arms=())
    assert [charts.render_chart(nothing, chart) for chart in charts.CHARTS] == [None] * 8


def test_plots_set_no_global_state(matplotlib):
    before = dict(matplotlib.rcParams)
    charts.render_chart(made.full(), "gates")
    assert dict(matplotlib.rcParams) == before


def test_a_name_with_mathematics_is_no_mathematics(matplotlib):
    facts = infected("$\\frac{1}{0}$ $x")
    assert charts.render_chart(facts, "gates") is not None
