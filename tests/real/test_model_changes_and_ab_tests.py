"""Real changes of a model (latency and price per call), and real A/B logs, with known verdicts."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from evalharness.stats.srm import srm_test
from evalharness.stats.twosample import UnpairedBinary

SUITE = """
name: NAME
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: cost_usd, role: guardrail, test: max_ratio, ratio: 1.5, recorded: allowed}
    - {metric: latency_mean_s, role: diagnostic, test: max_ratio, ratio: 1.5, recorded: allowed}
"""


def table(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture
def drift(commands, shared_data):
    """A gate of one snapshot against an earlier one; right is what the authors marked so."""

    def gate(file, column, old, new):
        by_model = {}
        for row in table(shared_data / "llmdrift" / file):
            by_model.setdefault(row["model"].split("/")[1], {})[row["id"]] = row
        ids = sorted(by_model[old])
        suite = commands.suite(SUITE.replace("NAME", "drift"))
        rows = [{"id": name, "input": by_model[old][name]["query"], "target": "1"} for name in ids]
        commands.jsonl("suite/data.jsonl", rows)
        arms = []
        for model in (new, old):
            recorded = [
                {
                    "id": name,
                    "output": str(int(float(by_model[model][name][column]))),
                    "latency_s": float(by_model[model][name]["latency"]),
                    "cost_usd": float(by_model[model][name]["cost"]),
                }
                for name in ids
            ]
            arms.append(commands.jsonl(f"{model}.jsonl", recorded))
        facts = commands.json(
            "gate", suite, "--candidate", arms[0], "--baseline", arms[1], "--exit-zero",
            "--reports", "none",
        )  # fmt: skip
        return facts, {gate["metric"]: gate for gate in facts["gates"]}

    return gate


def test_gpt_4_that_stopped_giving_usable_code_is_not_ready(drift, expected):
    facts, gates = drift("leetcode_easy.csv.gz", "Directly Usable", "gpt-4-0314", "gpt-4-0613")
    known = expected("llmdrift")["tasks"]["LEETCODE_EASY"]
    old, new = known["openaichat/gpt-4-0314"], known["openaichat/gpt-4-0613"]
    assert "NOT_READY" == facts["verdict"]
    quality = gates["exact_match"]
    assert (new["directly_usable"], old["directly_usable"]) == (
        quality["candidate"],
        quality["baseline_value"],
    )
    cost = gates["cost_usd"]
    assert cost["difference"] == pytest.approx(new["cost_mean_usd"] / old["cost_mean_usd"])
    latency = gates["latency_mean_s"]
    assert latency["candidate"] == pytest.approx(new["latency_mean_s"])
    assert latency["difference"] == pytest.approx(new["latency_mean_s"] / old["latency_mean_s"])


def test_a_call_of_two_hours_decides_nothing_about_the_mean(drift, expected):
    _, gates = drift(
        "leetcode_easy.csv.gz", "Directly Usable", "gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613"
    )
    known = expected("llmdrift")["tasks"]["LEETCODE_EASY"]["openaichat/gpt-3.5-turbo-0301"]
    assert known["latency_max_s"] > 7000
    latency = gates["latency_mean_s"]
    assert known["latency_mean_s"] > 30 * 5.0  # 33 times slower on paper, by that one call
    assert "INCONCLUSIVE" == latency["outcome"]
    assert "too uncertain to bound a ratio" in latency["reason"]


@pytest.fixture
def cookie_cats(shared_data):
    """(units, retained on day 7) of control and of treatment."""
    arms = {"gate_30": [], "gate_40": []}
    for row in table(shared_data / "ab_tests" / "cookie_cats.csv.gz"):
        arms[row["version"]].append(row["retention_7"] == "TRUE")
    return [(int(np.sum(arms[name])), len(arms[name])) for name in ("gate_30", "gate_40")]


def test_cookie_cats_is_not_ready_and_its_split_is_named_with_its_level(cookie_cats, expected):
    known = expected("ab_tests")["cookie_cats"]
    control, treatment = cookie_cats
    assert (known["retention_7"]["control"]["x"], known["retention_7"]["control"]["n"]) == control
    effect = UnpairedBinary(treatment, control)
    assert effect.value == pytest.approx(known["retention_7"]["diff"])
    assert effect.bounds(0.05).upper < 0.0  # worse, whatever the margin of equality
    assert effect.p_different(0.0) == pytest.approx(known["retention_7"]["p_two_sided"], rel=1e-3)
    split = srm_test([control[1], treatment[1]], [0.5, 0.5])
    assert split.p_value == pytest.approx(known["srm_50_50"]["p"])
    assert 0.001 < split.p_value < 0.01  # flagged at 0.01, no alarm at 0.001


def test_adsmart_depends_on_who_is_counted_and_its_days_are_split_apart(shared_data, expected):
    known = expected("ab_tests")["adsmart"]
    rows = list(table(shared_data / "ab_tests" / "adsmart.csv.gz"))
    arms = {
        name: [row for row in rows if row["experiment"] == name] for name in ("control", "exposed")
    }
    yes = {name: sum(row["yes"] == "1" for row in found) for name, found in arms.items()}
    answered = {
        name: sum(row["yes"] == "1" or row["no"] == "1" for row in found)
        for name, found in arms.items()
    }
    everyone = UnpairedBinary(
        (yes["exposed"], len(arms["exposed"])), (yes["control"], len(arms["control"]))
    )
    raters = UnpairedBinary(
        (yes["exposed"], answered["exposed"]), (yes["control"], answered["control"])
    )
    assert everyone.p_different(0.0) == pytest.approx(
        known["awareness_yes_all_rows"]["p_two_sided"], rel=2e-3
    )
    assert raters.p_different(0.0) == pytest.approx(
        known["awareness_yes_among_responders"]["p_two_sided"], rel=2e-3
    )
    assert srm_test([len(found) for found in arms.values()], [0.5, 0.5]).p_value > 0.4
    first = [sum(row["date"] == "2020-07-03" for row in found) for found in arms.values()]
    assert [1545, 470] == first
    assert srm_test(first, [0.5, 0.5]).p_value < 1e-12  # balanced in all, broken by day
