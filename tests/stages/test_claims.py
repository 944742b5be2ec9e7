"""What a gate claims, and how bounds decide it; never a point estimate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.spec.suite import GateSpec
from evalharness.stages.deciding.claims import Claim, claims_of, decide_claims
from evalharness.stats.binary import PairedBinary
from evalharness.stats.intervals import Proportion
from evalharness.stats.mean import mean_effect


def gate(test, **numbers):
    return GateSpec(metric="m", test=test, **numbers)


@pytest.mark.parametrize(
    ("spec", "direction", "expected"),
    [
        (gate("non_inferiority", margin=0.03), "higher", (Claim("above", -0.03),)),
        (gate("non_inferiority", margin=0.03), "lower", (Claim("below", 0.03),)),
        (gate("superiority"), "higher", (Claim("above", 0.0),)),
        (gate("superiority", min_gain=0.1), "lower", (Claim("below", -0.1),)),
        (gate("equivalence", margin=0.1), "lower", (Claim("above", -0.1), Claim("below", 0.1))),
        (gate("max_ratio", ratio=0.125), "lower", (Claim("below", 0.125),)),
        (gate("min_ratio", ratio=2.0), "higher", (Claim("above", 2.0),)),
        (gate("at_most", value=0.02), "lower", (Claim("below", 0.02),)),
        (gate("at_least", value=0.9), "higher", (Claim("above", 0.9),)),
    ],
)
def test_a_test_claims_what_the_contract_says(spec, direction, expected):
    assert expected == claims_of(spec, direction)


def tables():
    """(gain, loss, n) of paired right/wrong answers."""
    counts = st.integers(0, 200)
    return st.tuples(counts, counts, counts).map(lambda t: (t[0], t[1], t[0] + t[1] + t[2] + 1))


@given(tables(), st.floats(0.01, 0.5), st.sampled_from([0.01, 0.025, 0.05, 0.1]))
def test_pass_and_fail_are_read_off_the_bounds(table, margin, alpha):
    gain, loss, n = table
    effect = PairedBinary(gain=gain, loss=loss, n=n)
    decision = decide_claims(effect, (Claim("above", -margin),), alpha)
    bounds = effect.bounds(alpha)
    assert (decision.outcome == "PASS") == (bounds.lower > -margin)
    assert (decision.outcome == "FAIL") == (bounds.upper < -margin)
    assert 0.0 <= decision.p_pass <= 1.0
    assert 0.0 <= decision.p_fail <= 1.0


@given(tables(), st.floats(0.01, 0.3))
def test_a_wider_margin_never_turns_a_pass_around(table, margin):
    gain, loss, n = table
    effect = PairedBinary(gain=gain, loss=loss, n=n)
    narrow = decide_claims(effect, (Claim("above", -margin),), 0.05)
    wide = decide_claims(effect, (Claim("above", -2 * margin),), 0.05)
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    assert order[wide.outcome] >= order[narrow.outcome]


@given(tables(), st.floats(0.01, 0.3))
def test_swapping_the_arms_mirrors_an_equivalence(table, margin):
    gain, loss, n = table
    claims = (Claim("above", -margin), Claim("below", margin))
    one = decide_claims(PairedBinary(gain=gain, loss=loss, n=n), claims, 0.05)
    other = decide_claims(PairedBinary(gain=loss, loss=gain, n=n), claims, 0.05)
    assert one.outcome == other.outcome
    assert one.p_pass == pytest.approx(other.p_pass, abs=1e-9)


def test_a_refused_effect_is_inconclusive_however_clear_it_looks():
    effect = mean_effect([1.0, 1.1, 0.9, 1.0, 1.2])
    assert effect.refusal is not None
    assert decide_claims(effect, (Claim("above", 0.0),), 0.05).outcome == "INCONCLUSIVE"


def test_an_equivalence_fails_on_either_side():
    claims = (Claim("above", -0.05), Claim("below", 0.05))
    better = PairedBinary(gain=300, loss=0, n=1000)
    worse = PairedBinary(gain=0, loss=300, n=1000)
    assert decide_claims(better, claims, 0.05).outcome == "FAIL"
    assert decide_claims(worse, claims, 0.05).outcome == "FAIL"
    equal = PairedBinary(gain=50, loss=50, n=1000)
    assert decide_claims(equal, claims, 0.05).outcome == "PASS"


def test_an_absolute_bar_speaks_of_the_candidate_alone():
    rate = Proportion(successes=0, n=360)
    assert decide_claims(rate, (Claim("below", 0.02),), 0.05).outcome == "PASS"
    assert decide_claims(rate, (Claim("below", 0.005),), 0.05).outcome == "INCONCLUSIVE"
