"""Gates: which number each test needs, and which numbers make no sense."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import SpecError
from evalharness.records import GateTest
from evalharness.spec.gates import RELATIVE_TESTS, TEST_KEYS, check_gate, threshold
from evalharness.spec.suite import GateSpec

KEYS = ("margin", "min_gain", "ratio", "value")
TESTS = get_args(GateTest)
PLACE = "suite.yaml:4, policy.gates[0]"


def refused(gate: GateSpec) -> SpecError:
    with pytest.raises(SpecError) as caught:
        check_gate(gate, PLACE)
    assert (caught.value.where or "").startswith(PLACE)
    return caught.value


def test_every_test_has_its_key_and_every_key_its_test():
    assert set(TEST_KEYS) == set(TESTS)
    assert {key for key, _ in TEST_KEYS.values()} == set(KEYS)


def test_tests_without_a_baseline_are_the_two_absolute_ones():
    assert set(TESTS) - RELATIVE_TESTS == {"at_most", "at_least"}


@pytest.mark.parametrize("test", TESTS)
def test_a_gate_with_its_own_number_is_fine(test):
    key, _ = TEST_KEYS[test]
    gate = GateSpec(metric="f1", test=test, **{key: 0.1})
    check_gate(gate, PLACE)
    assert threshold(gate) == 0.1


@pytest.mark.parametrize("test", TESTS)
def test_a_gate_without_its_number_is_refused_but_for_plain_superiority(test):
    gate = GateSpec(metric="f1", test=test)
    if test == "superiority":
        check_gate(gate, PLACE)
        assert threshold(gate) == 0.0
        return
    error = refused(gate)
    key, _ = TEST_KEYS[test]
    assert error.message == f"the gate on 'f1' lacks its `{key}`: a missing one is never taken as 0"
    assert (error.mend or "").startswith(f"add `{key}: ...`")


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("other", KEYS)
def test_a_number_of_another_test_is_refused(test, other):
    key, _ = TEST_KEYS[test]
    if other == key:
        return
    error = refused(GateSpec(metric="f1", test=test, **{key: 0.1, other: 0.1}))
    assert error.message == f"the test `{test}` takes `{key}`, not `{other}`"
    assert error.where == f"{PLACE}.{other}"


@pytest.mark.parametrize("test", ["non_inferiority", "equivalence"])
@pytest.mark.parametrize("margin", [0, -0.0, -0.03])
def test_a_margin_that_allows_nothing_is_refused(test, margin):
    error = refused(GateSpec(metric="f1", test=test, margin=margin))
    assert error.message == f"`margin` must be greater than 0, got {margin:g}"
    assert error.mend == "use `test: superiority` to ask for strictly better"


@pytest.mark.parametrize("test", ["max_ratio", "min_ratio"])
@pytest.mark.parametrize("ratio", [0, -0.5])
def test_a_ratio_that_nothing_meets_is_refused(test, ratio):
    error = refused(GateSpec(metric="cost_usd", test=test, ratio=ratio))
    assert error.where == f"{PLACE}.ratio"


@pytest.mark.parametrize("gain", [-0.1, 0, 0.1])
def test_a_gain_may_have_any_sign(gain):
    gate = GateSpec(metric="f1", test="superiority", min_gain=gain)
    check_gate(gate, PLACE)
    assert threshold(gate) == gain


@pytest.mark.parametrize("value", [-5, 0, 100])
def test_an_absolute_bar_may_be_any_number(value):
    check_gate(GateSpec(metric="bleu", test="at_least", value=value), PLACE)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_gates_alpha_lies_between_zero_and_a_half(alpha):
    gate = GateSpec(metric="f1", test="superiority", alpha=alpha)
    if 0 < alpha < 0.5:
        check_gate(gate, PLACE)
    else:
        assert refused(gate).where == f"{PLACE}.alpha"


@pytest.mark.parametrize("name", ["topic", "", "topic:cards"])
def test_a_slice_without_an_equals_sign_is_refused(name):
    error = refused(GateSpec(metric="f1", test="superiority", slice=name))
    assert error.message == f"a slice is written name=value, got '{name}'"


def test_a_slice_may_hold_anything_after_its_equals_sign():
    check_gate(GateSpec(metric="f1", test="superiority", slice="topic=a=b c"), PLACE)
