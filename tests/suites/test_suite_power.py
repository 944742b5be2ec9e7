"""Every suite of ours can decide by its own policy: P(READY | equal) is at least 0.8."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import floor

import pytest
from equal_arms import Assumed, p_pass, p_ready
from written_suites import SUITES, WRITTEN, field, rows, spec


@dataclass(frozen=True)
class Case:
    """What a suite's README assumes: the variance of the paired difference of every gate that
    decides and compares the arms."""

    suite: str
    icc: float
    variances: dict[str, float]


CASES = [
    Case("facts", 0.1, {"exact_match": 0.08, "f1": 0.08}),
    Case("support-faq", 0.1, {"exact_match": 0.12, "f1": 0.04}),
    Case("general-ability", 0.1, {"exact_match": 0.08}),
    Case("internal-code", 0.05, {"pass_at_1": 0.14}),
    Case(
        "contract-summary",
        0.2,
        {"rouge_lsum": 0.0144, "format_ok": 0.03, "headers": 0.02, "bullets": 0.02, "length": 0.02},
    ),
]


def cluster_sizes(suite):
    clusters = [row[field(suite, "cluster")] for row in rows(SUITES / suite / "heldout.jsonl")]
    return list(Counter(clusters).values())


def paired_gates(case):
    policy = spec(case.suite)["policy"]
    assert policy["alpha"] == 0.05
    gates = [g for g in policy["gates"] if g["role"] != "diagnostic" and "margin" in g]
    assert {gate["metric"] for gate in gates} == set(case.variances)
    return [
        Assumed(gate["metric"], gate["margin"], case.variances[gate["metric"]]) for gate in gates
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.suite)
def test_equal_arms_are_ready_four_times_in_five(case):
    chance = p_ready(paired_gates(case), cluster_sizes(case.suite), case.icc)
    assert chance >= 0.8
    readme = (SUITES / case.suite / "README.md").read_text(encoding="utf-8")
    assert f"P(READY | equal) ≥ {floor(100 * chance) / 100:.2f}" in readme.replace("\n", " ")


@pytest.mark.parametrize(
    ("margin", "psi", "n"),
    [(0.03, 0.05, 344), (0.05, 0.05, 124), (0.03, 0.10, 687), (0.05, 0.20, 495)],
)
def test_the_formula_gives_the_published_sample_sizes(margin, psi, n):
    assert p_pass(Assumed("em", margin, psi), n, 0.05) == pytest.approx(0.8, abs=0.002)


def test_every_suite_of_ours_is_covered():
    assert {case.suite for case in CASES} == set(WRITTEN)


def test_clusters_cost_power():
    gate = [Assumed("em", 0.05, 0.08)]
    assert p_ready(gate, [3] * 120, 0.1) < p_ready(gate, [1] * 360, 0.1)
