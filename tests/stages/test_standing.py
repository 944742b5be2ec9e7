"""How several arms stand to each other: joint claims, ties, dominance, the ladder; through the CLI."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.facts import build_facts
from evalharness.report.html import render_html
from evalharness.report.markdown import render_markdown
from evalharness.stages.standings.ranking import letters_of

SUITE = """
name: ladder
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: cost_usd, role: primary, test: max_ratio, ratio: RATIO, recorded: allowed}
    - {metric: latency_mean_s, role: diagnostic, test: max_ratio, ratio: 1.2, recorded: allowed}
"""
N = 600


class Bench:
    """Recordings of arms that are right so often, at such a price, so fast."""

    def __init__(self, commands):
        self.commands = commands
        self.rows = [{"id": f"q{k}", "input": f"say {k}", "target": str(k)} for k in range(N)]

    def arm(self, name, *, right, usd, seconds=1.0, seed=0, n=N):
        rng = np.random.default_rng([seed, 5])
        hard = np.random.default_rng(1).random(N)  # all arms find the same questions hard
        noise = rng.random(N)
        rows = []
        for k, row in enumerate(self.rows[:n]):
            good = (hard[k] if noise[k] < 0.8 else rng.random()) < right
            rows.append(
                {
                    "id": row["id"],
                    "output": row["target"] if good else "no",
                    "cost_usd": usd * float(np.exp(0.2 * rng.normal())),
                    "latency_s": seconds * float(np.exp(0.2 * rng.normal())),
                }
            )
        return self.commands.jsonl(f"{name}.jsonl", rows)

    def suite(self, ratio=0.5):
        suite = self.commands.suite(SUITE.replace("RATIO", str(ratio)))
        self.commands.jsonl("suite/data.jsonl", self.rows)
        return suite

    def gate(self, candidates, baselines, *, ratio=0.5):
        arguments = [self.suite(ratio)]
        for flag, arms in (("--candidate", candidates), ("--baseline", baselines)):
            for arm in arms:
                arguments += [flag, arm]
        return self.commands.json("gate", *arguments, "--exit-zero")


@pytest.fixture
def bench(commands):
    return Bench(commands)


def shown(bench):
    """The facts of the only gate, and its reports."""
    (folder,) = (bench.commands.out / "gates").iterdir()
    return build_facts(folder, out=bench.commands.out), folder


def test_no_worse_and_an_eighth_of_the_cost_is_one_claim_with_a_bound(bench):
    facts = bench.gate(
        [bench.arm("tuned", right=0.8, usd=0.0002, seed=1)],
        [bench.arm("large", right=0.8, usd=0.002, seed=2)],
        ratio=0.125,
    )
    (claim,) = facts["standings"]["claims"]
    assert "PASS" == claim["outcome"]
    quality, cost = claim["parts"]
    assert quality["bound"] > -0.05
    assert 0.1 < cost["bound"] < 0.125
    assert claim["p_value"] == max(row["p_value"] for row in facts["gates"][:2])
    built, folder = shown(bench)
    assert "exact_match not worse than by 5.0 pp" in render_markdown(built)
    assert "AND cost\\_usd at most 0.125x" in render_markdown(built).replace(
        "cost_usd", "cost\\_usd"
    )
    assert "shown together (one-sided 95 % bounds" in render_html(built)
    assert "shown together" in (folder / "report.md").read_text()


def test_a_claim_with_one_part_refuted_is_refuted(bench):
    facts = bench.gate(
        [bench.arm("tuned", right=0.8, usd=0.0008, seed=1)],
        [bench.arm("large", right=0.8, usd=0.002, seed=2)],
        ratio=0.125,
    )
    assert "FAIL" == facts["standings"]["claims"][0]["outcome"]


def test_the_ladder_names_the_cheapest_rung_that_passes(bench):
    arms = {
        "prompt": bench.arm("prompt", right=0.5, usd=0.0001, seed=3),
        "lora": bench.arm("lora", right=0.82, usd=0.0002, seed=4),
        "lora_rag": bench.arm("lora_rag", right=0.83, usd=0.0006, seed=5),
    }
    large = bench.arm("large", right=0.8, usd=0.002, seed=6)
    facts = bench.gate([arms["lora"], arms["lora_rag"]], [large, arms["prompt"]])
    ladder = facts["standings"]["ladder"]
    assert "lora" == ladder["answer"]
    assert "large" == ladder["reference"]
    assert ["prompt", "lora", "lora_rag"] == [rung["arm"] for rung in ladder["rungs"]]
    assert ["FAIL", "PASS", "PASS"] == [rung["outcome"] for rung in ladder["rungs"]]
    _, out, _ = bench.commands.run(
        "gate", bench.suite(), "--candidate", arms["lora"], "--baseline", large,
        "--baseline", arms["prompt"], "--exit-zero", "-q",
    )  # fmt: skip
    assert "lora is the only rung that passes against large" in " ".join(out.split())


def test_without_prices_no_rung_is_called_the_cheapest(commands):
    code, out, _ = commands.run(
        "gate", "facts", "--candidate", "facts-tuned", "--baseline", "facts-base",
        "--baseline", "facts-undertrained", "-q",
    )  # fmt: skip
    told = " ".join(out.split())
    assert 0 == code
    assert "not all their prices are known, so none is cheapest" in told
    assert "facts-tuned [LoRA] PASS" in told
    (folder,) = (commands.out / "gates").iterdir()
    assert {"LoRA", "prompt", "LoRA, stopped early"} == {
        arm["rung"] for arm in json.loads((folder / "facts.json").read_text())["arms"]
    }


def test_arms_that_cannot_be_told_apart_share_a_place(bench):
    arms = [bench.arm(f"same{k}", right=0.8, usd=0.001, seed=20 + k) for k in range(3)]
    worse = bench.arm("worse", right=0.6, usd=0.001, seed=30)
    facts = bench.gate([arms[0]], [arms[1], arms[2], worse])
    ranking = next(r for r in facts["standings"]["rankings"] if r["metric"] == "exact_match")
    places = {arm["arm"]: (arm["best_rank"], arm["worst_rank"]) for arm in ranking["arms"]}
    assert {"same0": (1, 3), "same1": (1, 3), "same2": (1, 3), "worse": (4, 4)} == places
    assert "cannot be told apart" in render_markdown(shown(bench)[0])


def test_only_what_the_intervals_say_is_dominated(bench):
    best = bench.arm("best", right=0.85, usd=0.0002, seconds=0.5, seed=41)
    dear = bench.arm("dear", right=0.85, usd=0.004, seconds=2.0, seed=42)
    quick = bench.arm("quick", right=0.5, usd=0.0001, seconds=0.1, seed=43)
    facts = bench.gate([best], [dear, quick])
    (front,) = facts["standings"]["fronts"]
    assert ["exact_match", "cost_usd", "latency_mean_s"] == front["axes"]
    beaten = {arm["arm"]: arm["dominated_by"] for arm in front["arms"]}
    assert {"best": [], "dear": ["best"], "quick": []} == beaten


def test_comparing_several_arms_ranks_them_without_a_verdict(bench):
    arms = [
        bench.arm(f"arm{k}", right=right, usd=0.001, seed=50 + k)
        for k, right in enumerate((0.5, 0.7, 0.9))
    ]
    facts = bench.commands.json("compare", *arms, "--suite", bench.suite())
    ranking = facts["standings"]["rankings"][0]
    assert ["arm2", "arm1", "arm0"] == [arm["arm"] for arm in ranking["arms"]]
    assert ["a", "b", "c"] == [arm["letters"] for arm in ranking["arms"]]


def test_two_arms_get_no_ranking_and_no_ladder(bench):
    facts = bench.gate(
        [bench.arm("one", right=0.8, usd=0.001, seed=1)],
        [bench.arm("two", right=0.8, usd=0.002, seed=2)],
    )
    assert [] == facts["standings"]["rankings"] == facts["standings"]["fronts"]
    assert facts["standings"]["ladder"] is None


@given(st.integers(2, 6).flatmap(lambda n: st.lists(st.booleans(), min_size=15, max_size=15)))
def test_two_arms_share_a_letter_exactly_where_nothing_tells_them_apart(bits):
    arms = "uvwxyz"
    apart = {
        frozenset(two): bit for two, bit in zip(itertools.combinations(arms, 2), bits, strict=True)
    }
    letters = letters_of(arms, apart)
    for (one, two), told in ((sorted(two), told) for two, told in apart.items()):
        assert bool(set(letters[one]) & set(letters[two])) != told
