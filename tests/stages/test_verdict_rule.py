"""Gates to a state: intersection-union for READY, Holm for NOT_READY, stamps, invalidity."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.results import GateRow, Invalid
from evalharness.stages.deciding.verdict import surviving_failures, verdict


def row(outcome, *, p_fail=0.5, role="primary", alpha=0.05, baseline="base"):
    return GateRow(
        suite="s", baseline=baseline, candidate_arm="c", metric="f1", slice=None, role=role,
        test="non_inferiority", outcome=outcome, candidate=0.8, baseline_value=0.8,
        difference=-0.1, lower=-0.2, upper=-0.06, threshold=-0.05, alpha=alpha, p_value=0.9,
        p_fail=p_fail, method="tango", n=100, n_clusters=100, n_more=None,
    )  # fmt: skip


def decide(*rows, invalid=(), stamps=()):
    return verdict(rows, invalid, alpha=0.05, n_paired=100, stamps=stamps)


def test_ready_needs_every_deciding_gate():
    assert decide(row("PASS"), row("PASS", role="guardrail")).state == "READY"
    assert decide(row("PASS"), row("INCONCLUSIVE")).state == "INCONCLUSIVE"
    assert decide(row("PASS"), row("PASS", baseline="other")).state == "READY"


def test_diagnostics_never_decide():
    assert decide(row("PASS"), row("FAIL", p_fail=1e-9, role="diagnostic")).state == "READY"
    assert decide(row("PASS", role="diagnostic")).state == "INVALID"


def test_a_failure_must_survive_holm():
    lone = decide(row("FAIL", p_fail=0.03), row("PASS", p_fail=0.9), row("PASS", p_fail=0.9))
    assert lone.state == "INCONCLUSIVE"
    assert "not after Holm" in lone.why[0]
    clear = decide(row("FAIL", p_fail=0.001), row("PASS", p_fail=0.9), row("PASS", p_fail=0.9))
    assert clear.state == "NOT_READY"


def test_a_gate_of_its_own_alpha_is_held_against_that_alpha():
    assert surviving_failures([row("FAIL", p_fail=0.008, alpha=0.01)], 0.05)
    assert not surviving_failures([row("FAIL", p_fail=0.02, alpha=0.01)], 0.05)


def test_invalid_evidence_overrules_everything():
    reason = Invalid(code="content", message="other questions")
    decided = decide(row("PASS"), invalid=(reason,))
    assert decided.state == "INVALID"
    assert decided.exit_code == 3
    assert decided.why == ("other questions",)


def test_a_stamp_forbids_ready_and_nothing_else():
    assert decide(row("PASS"), stamps=("EXPLORATORY",)).state == "INCONCLUSIVE"
    assert decide(row("FAIL", p_fail=1e-6), stamps=("UNSAFE",)).state == "NOT_READY"


@pytest.mark.parametrize(("state", "code"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 2)])
def test_the_exit_code_is_the_verdict(state, code):
    assert decide(row(state, p_fail=1e-6)).exit_code == code


@given(
    st.lists(
        st.tuples(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE"]), st.floats(0, 1)),
        min_size=1,
        max_size=6,
    )
)
def test_the_order_of_gates_changes_no_state(outcomes):
    rows = [row(outcome, p_fail=p) for outcome, p in outcomes]
    states = {decide(*order).state for order in itertools.islice(itertools.permutations(rows), 24)}
    assert len(states) == 1
