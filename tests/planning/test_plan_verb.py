"""`evalharness plan`: what a gate takes and decides, told and written down before anything is asked."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from evalharness.stats.exact_power import n_tango, power_tango
from evalharness.stats.intervals import wilson_interval
from evalharness.stats.special import normal_cdf

SUITE = """
name: planned
data: {path: data.jsonl, slices: [lang]}
generation: {repeats: REPEATS}
metrics: [exact_match]
policy:
  LEDGER
  gates:
GATES
"""
ONE = "    - {metric: exact_match, test: non_inferiority, margin: 0.05}\n"


@pytest.fixture
def bench(commands):
    """A suite over right/wrong rows with two recorded arms that err alike."""

    def make(gates=ONE, *, n=200, repeats=1, ledger="", noise=0.15, run=True):
        text = SUITE.replace("REPEATS", str(repeats)).replace("GATES", gates)
        suite = commands.suite(text.replace("LEDGER", ledger))
        rows = [
            {"id": f"q{k}", "input": f"say {k}", "target": str(k), "lang": "de" if k % 4 else "en"}
            for k in range(n)
        ]
        commands.jsonl("suite/data.jsonl", rows)
        arms = []
        for number, name in enumerate(("new", "old")):
            rng = np.random.default_rng([3, number])
            recorded = [
                {
                    "id": row["id"],
                    "outputs": [
                        row["target"] if good else "no" for good in rng.random(repeats) > noise
                    ],
                    "latency_s": 0.5,
                }
                for row in rows
            ]
            arms.append(commands.jsonl(f"{name}.jsonl", recorded))
        references = ["--candidate", arms[0], "--baseline", arms[1]]
        if run:
            commands.json("gate", suite, *references, "--exit-zero", "--reports", "none")
        return suite, references

    return make


def planned(commands, *arguments) -> dict:
    """The facts of a plan."""
    code, out, err = commands.run("plan", *arguments, "--json")
    assert 0 == code, err
    return json.loads(out)


def sealed(commands) -> dict:
    """The only plan that was written."""
    (path,) = commands.out.glob("plans/*.json")
    return json.loads(path.read_text())


def hashes(commands) -> dict:
    """What the only verdict is sealed with."""
    (path,) = commands.out.glob("gates/*/gate.json")
    return json.loads(path.read_text())["hashes"]


def discordant(commands) -> int:
    """Pairs that differ, of the earlier run."""
    (path,) = commands.out.glob("gates/*/gate.json")
    (row,) = [
        row
        for row in json.loads(path.read_text())["comparisons"]
        if row["metric"] == "exact_match" and not row.get("slice")
    ]
    return row["wins"] + row["losses"]


def test_size_and_chance_of_equal_arms_are_the_exact_ones(commands, bench):
    suite, references = bench()
    facts = planned(commands, suite, *references)
    (gate,) = facts["gates"]

    seen = wilson_interval(discordant(commands), 200, level=0.6).upper
    assert n_tango(0.05, seen, alpha=0.05, power=0.8) == gate["n_needed"] == facts["n_needed"]
    half = discordant(commands) / 200 / 2
    exact = power_tango(200, half, half, 0.05, alpha=0.05)
    assert facts["ready_if_equal"] == pytest.approx(exact, abs=0.08)  # 400 draws


def test_the_margin_in_reach_is_reached_with_the_samples_at_hand(commands, bench):
    suite, references = bench()
    (gate,) = planned(commands, suite, *references)["gates"]
    assert gate["decides"] > 0.05

    wider = suite.read_text().replace("margin: 0.05", f"margin: {gate['decides']}")
    suite.write_text(wider)
    again = planned(commands, suite, *references)
    assert again["gates"][0]["n_needed"] <= 200
    assert again["ready_if_equal"] > 0.72

    narrower = wider.replace(str(gate["decides"]), str(0.95 * gate["decides"]))
    suite.write_text(narrower)
    assert planned(commands, suite, *references)["gates"][0]["n_needed"] > 200


def test_several_gates_take_more_together_than_the_neediest_alone(commands, bench):
    suite, references = bench(
        ONE
        + "    - {metric: exact_match, test: non_inferiority, margin: 0.08, slice: lang=de}\n"
        + "    - {metric: exact_match, test: non_inferiority, margin: 0.12, slice: lang=en}\n"
    )
    facts = planned(commands, suite, *references)
    alone = [gate["n_needed"] for gate in facts["gates"]]

    assert max(alone) <= facts["n_needed"] < 3 * max(alone)
    assert facts["binding"] in {gate["gate"] for gate in facts["gates"]}
    assert min(gate["passes_if_equal"] for gate in facts["gates"]) >= facts["ready_if_equal"]


def test_a_slice_gate_counts_in_samples_of_the_whole_set(commands, bench):
    slice_gate = ONE.replace("margin: 0.05", "margin: 0.05, slice: lang=en")
    suite, references = bench(slice_gate)
    (gate,) = planned(commands, suite, *references)["gates"]

    assert gate["n_needed"] > 4 * 200  # a quarter of the samples is in the slice


def test_equal_arms_never_show_superiority_and_the_gain_in_reach_is_told(commands, bench):
    suite, references = bench("    - {metric: exact_match, test: superiority}\n")
    _, out, _ = commands.run("plan", suite, *references)
    facts = sealed(commands)
    (gate,) = facts["gates"]

    assert (None, None) == (gate["n_needed"], facts["n_needed"])
    assert "only a better candidate does" in gate["why"]
    assert 0.05 < gate["decides"] < 0.2
    assert "no number of samples reaches the power with equal arms" in out


def test_repeats_of_a_sample_are_not_counted_as_samples(commands, bench):
    suite, references = bench(repeats=4, noise=0.4, n=100)
    facts = planned(commands, suite, *references)
    (gate,) = facts["gates"]

    spread = (2 * 0.4 * 0.6 / 4 / 100) ** 0.5  # of the mean difference; 0.2 if repeats were samples
    assert 100 == facts["n"]
    assert facts["ready_if_equal"] == pytest.approx(normal_cdf(0.05 / spread - 1.645), abs=0.12)
    assert "repeats of each present sample instead of more samples" in gate["instead"]


def test_a_ledger_shares_its_alpha_with_the_plan(commands, bench):
    suite, references = bench(ledger="ledger: {candidates: 5}", run=False)
    facts = planned(commands, suite, *references, "--assume", "rate=0.9,phi=0.5")

    assert 0.01 == pytest.approx(facts["alpha"])
    assert facts["n_needed"] > n_tango(0.05, 0.09, alpha=0.02, power=0.8)


def test_time_is_told_from_an_earlier_run(commands, bench):
    suite, references = bench()
    live = commands.folder / "again.yaml"
    live.write_text("name: new\nmodel: scripted/echo\n")
    _, out, _ = commands.run("plan", suite, "--candidate", live, *references[2:])

    (arm,) = sealed(commands)["arms"]
    assert ("new", 200) == (arm["arm"], arm["requests"])
    assert 200 * 0.5 / arm["seconds"] == round(200 * 0.5 / arm["seconds"]) > 1  # connections
    assert "about 2 s" in out


def test_the_plan_is_sealed_into_the_verdict_that_keeps_it(commands, bench):
    suite, references = bench(run=False)
    planned(commands, suite, *references)
    (path,) = commands.out.glob("plans/planned-*.json")
    facts = commands.json("gate", suite, *references, "--exit-zero")

    assert hashlib.sha256(path.read_bytes()).hexdigest() == hashes(commands)["planned.plan"]
    assert [] == [warning for warning in facts["warnings"] if "planned" in warning]
    assert sealed(commands)["n"] == 200


def test_a_gate_that_strays_from_its_plan_says_so(commands, bench):
    suite, references = bench(run=False)
    planned(commands, suite, *references)
    fewer = commands.json("gate", suite, *references, "--limit", "100", "--exit-zero")
    suite.write_text(suite.read_text().replace("margin: 0.05", "margin: 0.09"))
    other = commands.json("gate", suite, *references, "--exit-zero")

    assert "planned: 200 samples were planned, 100 are judged" in fewer["warnings"]
    (warning,) = [warning for warning in other["warnings"] if "planned" in warning]
    assert "another policy or other data" in warning


def test_a_gate_without_a_plan_says_nothing_of_plans(commands, bench):
    suite, references = bench(run=False)
    facts = commands.json("gate", suite, *references, "--exit-zero")

    assert [] == [warning for warning in facts["warnings"] if "planned" in warning]


def test_the_same_plan_twice_is_the_same_file(commands, bench):
    suite, references = bench(run=False)
    first = commands.run("plan", suite, *references)
    (path,) = commands.out.glob("plans/*.json")
    before = path.read_bytes()

    assert first == commands.run("plan", suite, *references)
    assert before == path.read_bytes()
    assert str(path) in first[1]
