"""A machine by the hour against a baseline by token: from how many requests an hour it pays."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.cli.main import main
from evalharness.records import Estimate, Undetermined
from evalharness.report.facts import build_facts
from evalharness.report.html import render_html
from evalharness.report.markdown import render_markdown
from evalharness.results import GateFile, MetricSummary
from evalharness.spec.suite import PriceSpec
from evalharness.stages.standings.economy import break_even
from evalharness.store.runs import read_json

N = 60
SUITE = """\
name: faq
data: {path: d.jsonl}
metrics: [exact_match]
policy: {gates: [{metric: exact_match, role: primary, test: non_inferiority, margin: 0.1}]}
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Write a suite and two baselines: `large` by token, `tuned` by the hour."""
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{n}", "input": f"{n}?", "target": "yes"} for n in range(N)]
    Path("d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(SUITE)

    def arm(name, *, cost=None, price=""):
        lines = [
            {"id": f"q{n}", "output": "yes"} | ({} if cost is None else {"cost_usd": cost(n)})
            for n in range(N)
        ]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        Path(f"{name}.yaml").write_text(f"model: {name}.jsonl\n{price}")
        return f"{name}.yaml"

    return arm


def decided(capsys, baseline, candidate, verb="gate"):
    given = ["suite.yaml", "--baseline", baseline, "--candidate", candidate]
    if verb == "compare":
        given = [baseline, candidate, "--suite", "suite.yaml"]
    assert 0 == main([verb, *given, "--quiet"])
    told = " ".join(capsys.readouterr().out.split())
    (path,) = sorted(Path("runs/gates").glob("*/gate.json"))
    facts = build_facts(path.parent, out=Path("runs"))
    assert facts.standings.break_evens == read_json(path, GateFile).standings.break_evens
    return told, list(msgspec.to_builtins(facts.standings.break_evens)), facts


@pytest.mark.parametrize("verb", ["gate", "compare"])
def test_the_report_says_from_how_many_requests_an_hour_the_machine_pays(work, capsys, verb):
    large = work("large", cost=lambda n: 0.001 * (1 + n % 3))
    tuned = work("tuned", price="price: {usd_per_hour: 1.5}\n")
    told, (row,), facts = decided(capsys, large, tuned, verb)
    assert ("large", "tuned", 1.5) == (row["baseline"], row["candidate_arm"], row["usd_per_hour"])
    assert pytest.approx(0.002) == row["usd_per_request"]
    assert pytest.approx(750) == row["requests_per_hour"]
    assert row["lower_per_hour"] < 750 < row["upper_per_hour"]
    assert "break-even: tuned at $1.5 an hour is cheaper than large at $2.00/1k from 750 [" in told
    for page in (render_markdown(facts), render_html(facts)):
        assert "from 750 " in page
        assert "requests an hour on" in page


def test_the_bounds_are_those_of_the_mean_cost_turned_round(work, capsys):
    large = work("large", cost=lambda n: 0.001 * (1 + n % 3))
    tuned = work("tuned", price="price: {usd_per_hour: 1.5}\n")
    _, (row,), facts = decided(capsys, large, tuned)
    cost = facts.arms[0].summary.metrics["cost_usd"].estimate
    assert pytest.approx(1.5 / cost.upper) == row["lower_per_hour"]
    assert pytest.approx(1.5 / cost.lower) == row["upper_per_hour"]
    assert cost.level == row["level"]


@pytest.mark.parametrize(
    "price", ["", "price: {prompt_usd_per_mtok: 1, completion_usd_per_mtok: 1}\n"]
)
def test_an_arm_that_is_not_paid_by_the_hour_breaks_even_nowhere(work, capsys, price):
    told, rows, _ = decided(capsys, work("large", cost=lambda _: 0.01), work("tuned", price=price))
    assert ([], False) == (rows, "break-even" in told)


def test_against_a_baseline_of_unknown_cost_nothing_is_said(work, capsys):
    tuned = work("tuned", price="price: {usd_per_hour: 1.5}\n")
    assert [] == decided(capsys, work("large"), tuned)[1]


def test_a_new_price_is_taken_for_a_run_that_is_there(work, capsys):
    large = work("large", cost=lambda _: 0.001)
    decided(capsys, large, work("tuned", price="price: {usd_per_hour: 1.5}\n"))
    work("tuned", price="price: {usd_per_hour: 3.0}\n")
    assert 0 == main(["gate", "suite.yaml", "--baseline", large, "--candidate", "tuned.yaml", "-q"])
    # Equal costs bound no mean, so there is no interval.
    assert "from 3,000 requests an hour on" in " ".join(capsys.readouterr().out.split())


@given(st.floats(1e-7, 1.0), st.floats(0.01, 100.0), st.floats(0.5, 0.999))
def test_twice_the_price_of_the_machine_is_twice_the_requests(mean, hourly, level):
    cost = summed(
        Estimate(
            value=mean, lower=mean / 2, upper=mean * 2, level=level, method="t", n=9, n_clusters=9
        )
    )
    once, twice = (
        break_even("s", ("b", "c"), cost, PriceSpec(usd_per_hour=usd))
        for usd in (hourly, 2 * hourly)
    )
    assert pytest.approx(2 * once.requests_per_hour) == twice.requests_per_hour
    assert once.lower_per_hour < once.requests_per_hour < once.upper_per_hour
    assert pytest.approx(once.requests_per_hour * once.usd_per_request) == hourly


def test_a_mean_that_may_be_nothing_has_no_upper_bound():
    cost = Estimate(value=1.0, lower=0.0, upper=2.0, level=0.9, method="t", n=9, n_clusters=9)
    found = break_even("s", ("b", "c"), summed(cost), PriceSpec(usd_per_hour=10.0))
    assert (10.0, 5.0, None) == (
        found.requests_per_hour,
        found.lower_per_hour,
        found.upper_per_hour,
    )
    unknown = summed(Undetermined(reason="no cost"))
    assert break_even("s", ("b", "c"), unknown, PriceSpec(usd_per_hour=10.0)) is None
    assert break_even("s", ("b", "c"), None, PriceSpec(usd_per_hour=10.0)) is None


def summed(estimate, mean=None):
    """A mean cost as summary.json holds it."""
    return MetricSummary(
        estimate=estimate, value_answered=mean, n=9, n_failed=0, n_unscored=0, n_unparsed=0,
        signature="cost_usd|v1", direction="lower", scale="usd", kind="continuous",
    )  # fmt: skip
