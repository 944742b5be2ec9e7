"""The ledger: re-running until READY does not work, judging the same evidence again is free."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import StoreError
from evalharness.spec.suite import LooksSpec
from evalharness.stages.deciding.spending import look_alpha
from evalharness.store.ledger import LedgerEntry, append_entry, read_ledger

SUITE = """
name: words
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  ledger: {candidates: CANDIDATES, looks: LOOKS}
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: MARGIN}
"""


@pytest.fixture
def bench(commands, monkeypatch):
    monkeypatch.chdir(commands.folder)

    def gate(seed, *, n=400, candidates=2, looks=1, margin=0.05, right=0.9, expect=None):
        text = SUITE.replace("CANDIDATES", str(candidates)).replace("LOOKS", str(looks))
        suite = commands.suite(text.replace("MARGIN", str(margin)))
        rows = [{"id": f"q{k}", "input": f"say {k}", "target": str(k)} for k in range(n)]
        commands.jsonl("suite/data.jsonl", rows)
        rng = random.Random(seed)
        outputs = [
            {"id": row["id"], "output": row["target"] if rng.random() < right else "no"}
            for row in rows
        ]
        baseline = [
            {"id": row["id"], "output": row["target"] if k % 10 else "no"}
            for k, row in enumerate(rows)
        ]
        _, out, err = commands.run(
            "gate", suite, "--candidate", commands.jsonl(f"c{seed}.jsonl", outputs),
            "--baseline", commands.jsonl("base.jsonl", baseline), "--reports", "none", "--json", "-q",
        )  # fmt: skip
        import json

        return json.loads(out) if out else err

    return gate


def test_alpha_is_shared_over_the_declared_candidates(bench):
    facts = bench(1, candidates=5)
    assert facts["alpha"] == pytest.approx(0.01)
    assert facts["gates"][0]["alpha"] == pytest.approx(0.01)
    assert facts["stamps"] == []


def test_the_same_evidence_is_free_and_a_third_candidate_is_refused(bench):
    first = bench(1)
    again = bench(1)
    assert (first["verdict"], first["gates"]) == (again["verdict"], again["gates"])
    assert len(read_ledger_of_words()) == 1
    bench(2)
    third = bench(3)
    assert third["verdict"] == "INVALID"
    assert third["invalid"][0]["code"] == "ledger"
    assert "fresh" in third["why"][0]
    assert len(read_ledger_of_words()) == 2


def read_ledger_of_words():
    from pathlib import Path

    return read_ledger(Path("ledger/words.jsonl"))


def test_a_policy_edited_after_the_results_is_invalid(bench):
    bench(1, margin=0.05)
    edited = bench(1, margin=0.2)
    assert edited["verdict"] == "INVALID"
    assert edited["invalid"][0]["code"] == "policy"


def test_a_policy_without_slots_says_so(commands):
    facts = commands.json(
        "gate", "facts", "--candidate", "tuned", "--baseline", "base", "--reports", "none"
    )
    assert facts["stamps"] == ["SINGLE LOOK, UNACCOUNTED"]


@given(st.integers(1, 20), st.integers(1, 6), st.sampled_from(["obrien_fleming", "pocock"]))
def test_no_slots_ever_spend_more_than_alpha(candidates, looks, spending):
    slots = LooksSpec(candidates=candidates, looks=looks, spending=spending)
    spent = [look_alpha(slots, 0.05, look) for look in range(1, looks + 1)]
    assert all(0.0 <= alpha <= 0.05 / candidates + 1e-9 for alpha in spent)
    assert max(spent) > 0.0
    if spending == "obrien_fleming":
        assert spent == sorted(spent)


def entry(**changes):
    given_ = {
        "suite": "s", "candidate": "c", "name": "n", "evidence": "e", "data": "d", "policy": "p",
        "n": 1, "slot": 1, "look": 1, "alpha": 0.05, "verdict": "READY",
    }  # fmt: skip
    return LedgerEntry(**(given_ | changes))


def test_a_ledger_that_two_branches_grew_reads_each_line_once(tmp_path):
    path = tmp_path / "ledger" / "s.jsonl"
    append_entry(path, entry())
    append_entry(path, entry(evidence="f", look=2))
    path.write_bytes(path.read_bytes() + path.read_bytes())
    assert [one.evidence for one in read_ledger(path)] == ["e", "f"]


def test_a_damaged_ledger_is_refused_and_a_missing_one_is_empty(tmp_path):
    path = tmp_path / "s.jsonl"
    assert read_ledger(path) == []
    append_entry(path, entry())
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(StoreError, match=r"s\.jsonl:2"):
        read_ledger(path)
