"""INCONCLUSIVE says what to do: samples, tokens, money, the slice, repeats; never from the effect."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.stats.exact_power import n_tango
from evalharness.stats.intervals import wilson_interval

SUITE = """
name: open
data: {path: data.jsonl, slices: [lang]}
generation: {repeats: REPEATS}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: MARGIN}
    - {metric: exact_match, role: guardrail, test: non_inferiority, margin: MARGIN, slice: lang=de}
"""


@pytest.fixture
def bench(commands):
    def gate(*, n=200, margin=0.03, repeats=1, shift=0.0, noise=0.2, flags=()):
        suite = commands.suite(
            SUITE.replace("REPEATS", str(repeats)).replace("MARGIN", str(margin))
        )
        rows = [
            {"id": f"q{k}", "input": f"say {k}", "target": str(k), "lang": "de" if k % 4 else "en"}
            for k in range(n)
        ]
        commands.jsonl("suite/data.jsonl", rows)
        ease = np.random.default_rng(0).random(n)
        arms = []
        for name, add in (("new", shift), ("old", 0.0)):
            rng = np.random.default_rng([4, len(arms)])
            recorded = []
            for k, row in enumerate(rows):
                chance = noise if ease[k] > 0.7 + add else 1.0 - noise
                right = rng.random(repeats) < chance
                recorded.append(
                    {
                        "id": row["id"],
                        "outputs": [row["target"] if good else "no" for good in right],
                        "cost_usd": 0.001,
                        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
                    }
                )
            arms.append(commands.jsonl(f"{name}.jsonl", recorded))
        return commands.json(
            "gate", suite, "--candidate", arms[0], "--baseline", arms[1], "--exit-zero",
            "--reports", "html,json,md", *flags,
        )  # fmt: skip

    return gate


def test_the_number_is_the_exact_one_for_equal_arms(bench):
    facts = bench()
    gate, part = facts["gates"]
    pair = next(r for r in facts_comparisons(facts, bench) if r["slice"] is None)
    discordance = wilson_interval(pair["wins"] + pair["losses"], 200, level=0.6).upper
    assert gate["n_more"] == n_tango(0.03, discordance) - 200
    assert "INCONCLUSIVE" == gate["outcome"] == part["outcome"]


def facts_comparisons(facts, bench):
    import json
    from pathlib import Path

    return json.loads(Path(facts["reports"]["json"]).read_text())["comparisons"]


def test_it_is_told_in_tokens_and_money_and_by_slice(bench):
    whole, part = bench()["gates"]
    assert any("not reachable with this data set" in told for told in whole["advice"])
    tokens = f"about {whole['n_more'] * 30:,} tokens and about ${whole['n_more'] * 0.002:,.2f}"
    assert any(tokens in told for told in whole["advice"])
    assert "all of them in the slice lang=de" in part["advice"]


def test_a_run_of_the_first_samples_may_still_reach_it(bench):
    (gate, _) = bench(flags=("--limit", "100"))["gates"]
    assert not any("not reachable" in told for told in gate["advice"])


def test_repeats_are_weighed_against_samples(bench):
    gate, _ = bench(repeats=2, noise=0.4, margin=0.04)["gates"]
    assert any("repeats of each present sample instead" in told for told in gate["advice"])


def test_the_observed_effect_changes_no_number(bench):
    equal, better = (bench(shift=shift)["gates"][0] for shift in (0.0, 0.005))
    assert equal["n_more"] == pytest.approx(better["n_more"], rel=0.2)


def test_the_report_draws_the_chance_to_pass(bench):
    import json
    from pathlib import Path

    facts = bench()
    curves = json.loads(Path(facts["reports"]["json"]).read_text())["power"]
    assert 2 == len(curves)
    for curve in curves:
        assert curve["ns"] == sorted(curve["ns"])
        assert curve["chances"][-1] > 0.8 > curve["chances"][0]
    assert "Chance to pass" in Path(facts["reports"]["html"]).read_text()
