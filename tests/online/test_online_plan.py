"""The A/B test that a READY hands over: boundaries and sizes against published values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evalharness.online.plan import looks_of
from evalharness.stats.sequential import inflation, obrien_fleming, pocock
from evalharness.stats.srm import srm_sequential, srm_test

SUITE = """
name: shop
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  alpha: 0.05
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.03}
    - {metric: latency_mean_s, role: guardrail, test: max_ratio, ratio: 1.2, recorded: allowed}
    - {metric: error_rate, role: guardrail, test: at_most, value: 0.02}
"""


@pytest.mark.parametrize(
    ("looks", "expected"),
    [  # Lan-DeMets O'Brien-Fleming-type spending, one-sided 0.025; gsDesign's sfLDOF prints these
        (4, [4.333, 2.963, 2.359, 2.014]),
        (5, [4.877, 3.357, 2.680, 2.290, 2.031]),
    ],
)
def test_looks_have_the_published_boundaries(looks, expected):
    information = [(k + 1) / looks for k in range(looks)]
    plan = looks_of(10_000, information, alpha=0.025)
    assert expected == [round(look.ship_z, 3) for look in plan]
    assert 0.025 == pytest.approx(plan[-1].alpha_spent)
    assert 0.025 == pytest.approx(plan[-1].harm_spent)
    assert plan[0].harm_z < plan[0].ship_z  # harm is acted on early
    assert [round(1000 * share) for share in information] == [look.n_candidate for look in plan]


def test_classical_boundaries_are_those_of_jennison_and_turnbull():
    # Jennison & Turnbull (2000), tables 2.1 and 2.3, two-sided 0.05, 4 looks.
    assert [2.004, 2.024, 2.040] == [round(obrien_fleming(k)[-1], 3) for k in (3, 4, 5)]
    assert [4.049, 2.863, 2.337, 2.024] == [round(z, 3) for z in obrien_fleming(4)]
    assert [2.361] * 4 == [round(z, 3) for z in pocock(4)]


@pytest.fixture
def bench(commands):
    def gate(*, right=0.9, n=3000, seconds=1.0):
        suite = commands.suite(SUITE)
        rows = [{"id": f"q{k}", "input": f"say {k}", "target": str(k)} for k in range(n)]
        commands.jsonl("suite/data.jsonl", rows)
        arms = []
        for name, rate, wait in (("new", right, seconds), ("old", 0.9, 1.0)):
            rng = np.random.default_rng([3, len(arms)])
            hard = np.random.default_rng(1).random(n)
            recorded = [
                {
                    "id": row["id"],
                    "output": row["target"] if hard[k] < rate else "no",
                    "latency_s": wait * float(np.exp(0.3 * rng.normal())),
                }
                for k, row in enumerate(rows)
            ]
            arms.append(commands.jsonl(f"{name}.jsonl", recorded))
        facts = commands.json(
            "gate", suite, "--candidate", arms[0], "--baseline", arms[1], "--exit-zero"
        )
        (folder,) = (commands.out / "gates").iterdir()
        return facts, folder

    return gate


def test_a_ready_verdict_writes_the_plan_and_shows_it(bench):
    facts, folder = bench()
    assert "READY" == facts["verdict"]
    plan = json.loads((folder / "online_plan.json").read_text())
    assert plan == facts["online"]
    gates = {gate["metric"]: gate for gate in plan["gates"]}
    assert {"exact_match": "labels", "latency_mean_s": "logs", "error_rate": "logs"} == {
        name: gate["seen"] for name, gate in gates.items()
    }
    # (z_.05 + z_.8)^2 p(1-p) (1/.1 + 1/.9) / delta^2 at the null rate 0.87, times 4 looks' price
    fixed = (1.6449 + 0.8416) ** 2 * 0.87 * 0.13 * (10 + 1 / 0.9) / 0.03**2
    looked = fixed * inflation([0.25, 0.5, 0.75, 1.0], alpha=0.05, power=0.8)
    assert gates["exact_match"]["n_total"] == pytest.approx(looked, rel=0.02)
    assert plan["n_total"] == max(gate["n_total"] for gate in plan["gates"])
    assert plan["looks"][-1]["n_total"] == plan["n_total"]
    assert (0.01, 0.001, 7) == (plan["srm_alarm"], plan["srm_final"], plan["least_days"])
    for report in ("report.md", "report.html"):
        assert "The A/B test that this earns" in (folder / report).read_text()


def test_a_bar_is_sized_so_that_it_can_be_kept_at_all(bench):
    _, folder = bench()
    plan = json.loads((folder / "online_plan.json").read_text())
    bar = next(gate for gate in plan["gates"] if gate["metric"] == "error_rate")
    candidate = 0.1 * bar["n_total"]
    assert 1 - 0.05 ** (1 / candidate) < 0.02  # without any error the bound lies below the bar


def test_what_is_not_ready_hands_nothing_over(bench):
    facts, folder = bench(right=0.7)
    assert "NOT_READY" == facts["verdict"]
    assert facts["online"] is None
    assert not (folder / "online_plan.json").exists()


def test_the_planned_split_alarms_where_it_should():
    # a tenth planned: 10.5 % of 60,000 is a mismatch, 10.1 % is not
    assert srm_test([53_700, 6_300], [0.9, 0.1]).p_value < 0.001
    assert srm_test([53_940, 6_060], [0.9, 0.1]).p_value > 0.001
    assert srm_sequential([53_400, 6_600], [0.9, 0.1]).p_value < 0.01
