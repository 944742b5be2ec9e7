"""Why the verdict is what it is, in sentences."""

from __future__ import annotations

import handmade_facts as made
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.numbers import Medium
from evalharness.report.reasons import failure, undecided, why

TERMINAL, PAGE = Medium.TERMINAL, Medium.PAGE


def test_a_lost_margin_is_told_by_the_bound_that_decided():
    assert failure(made.format_gate(), TERMINAL) == (
        "format_ok against prompted-70b is lower by at least 0.012; it may lose at most 0.010"
    )
    assert failure(made.format_gate(), PAGE) == (
        "format_ok against prompted-70b is lower by at least 1.2 pp; it may lose at most 1.0 pp"
    )


def test_a_rise_of_what_should_fall_is_told_as_higher():
    row = made.gate(
        "unparsed_rate",
        "FAIL",
        direction="lower",
        threshold=0.01,
        difference=0.04,
        lower=0.03,
        upper=0.05,
    )
    assert failure(row, TERMINAL).endswith(
        "is higher by at least 0.030; it may rise by at most 0.010"
    )


def test_a_gain_too_small_is_not_called_a_loss():
    row = made.gate(
        "f1", "FAIL", test="superiority", threshold=0.02, difference=0.01, lower=0.006, upper=0.014
    )
    assert failure(row, TERMINAL).endswith(
        "is better by at most 0.014; it must gain more than 0.020"
    )


def test_a_ratio_is_told_as_a_multiple():
    row = made.gate(
        "latency_p95_s",
        "FAIL",
        test="max_ratio",
        threshold=1.2,
        difference=1.6,
        lower=1.45,
        upper=1.8,
        scale="seconds",
        direction="lower",
    )
    assert failure(row, TERMINAL) == (
        "latency_p95_s against prompted-70b is at least 1.45x; the policy asks for at most 1.2x"
    )


def test_a_saving_too_small_is_told_by_its_best_case():
    row = made.gate(
        "cost_usd",
        "FAIL",
        test="max_ratio",
        threshold=0.125,
        difference=0.5,
        lower=0.45,
        upper=0.55,
        scale="usd",
        direction="lower",
    )
    assert failure(row, TERMINAL).endswith(
        "is at most 2.2x cheaper; the policy asks for at least 8x"
    )


def test_an_absolute_bar_names_no_baseline():
    row = made.gate(
        "error_rate",
        "FAIL",
        test="at_most",
        candidate=0.05,
        baseline_value=None,
        difference=0.05,
        lower=0.04,
        upper=0.06,
        threshold=0.02,
        direction="lower",
    )
    assert failure(row, PAGE) == "error_rate is at least 4.0 %; the policy asks for at most 2.0 %"


def test_an_undecided_gate_says_how_bad_it_may_be_and_what_would_decide():
    told = undecided(made.slice_gate(), PAGE)
    assert "it may be lower by as much as 3.1 pp, and may lose at most 1.0 pp" in told
    assert told.endswith("about 1,240 more samples would decide if the arms are equal")


def test_an_undetermined_gate_says_what_is_missing():
    assert undecided(made.undetermined_gate(), PAGE).endswith(
        "the answers were not taken in the same sitting"
    )


def test_the_surest_failure_comes_first():
    rows = (
        made.format_gate(p_fail=0.01),
        made.format_gate(p_fail=0.0001, slice="lang=de"),
        made.rouge_gate(),
    )
    facts = msgspec.structs.replace(made.not_ready(), gates=rows)
    told = why(facts, TERMINAL)
    assert len(told) == 2
    assert told[0].startswith("format_ok [lang=de]")


def test_with_several_candidates_a_reason_names_its_own():
    rows = (made.format_gate(), msgspec.structs.replace(made.rouge_gate(), candidate_arm="other"))
    told = why(msgspec.structs.replace(made.not_ready(), gates=rows), TERMINAL)
    assert told[0].startswith(f"{rows[0].candidate_arm}: format_ok against")


def test_with_several_suites_a_reason_names_its_own():
    rows = (made.format_gate(), msgspec.structs.replace(made.rouge_gate(), suite="elsewhere"))
    told = why(msgspec.structs.replace(made.not_ready(), gates=rows), TERMINAL)
    assert told[0].startswith(f"{rows[0].suite}: format_ok against")


def test_a_diagnostic_gate_gives_no_reason():
    rows = (made.format_gate(role="diagnostic"), made.slice_gate())
    told = why(msgspec.structs.replace(made.inconclusive(), gates=rows), TERMINAL)
    assert len(told) == 1
    assert told[0].startswith("rouge_l [lang=de]")


def test_a_failure_that_did_not_survive_the_correction_says_so():
    rows = (made.format_gate(), made.rouge_gate())
    told = why(msgspec.structs.replace(made.inconclusive(), gates=rows), TERMINAL)
    assert told[0].endswith("among so many gates that alone is no proof")


@pytest.mark.parametrize("state", ["ready", "invalid"])
def test_other_verdicts_give_their_own_reasons(state):
    facts = made.EVERY[state]()
    assert why(facts, PAGE) == facts.verdict.why


def test_what_the_invalid_evidence_says_is_not_said_twice():
    facts = made.invalid()
    verdict = made.verdict("INVALID", facts.invalid[0].message, "another reason")
    assert why(msgspec.structs.replace(facts, verdict=verdict), PAGE) == ("another reason",)


def test_a_stamped_verdict_keeps_its_own_reason():
    facts = msgspec.structs.replace(
        made.ready(), verdict=made.verdict("INCONCLUSIVE", "stamped", stamps=("EXPLORATORY",))
    )
    assert why(facts, PAGE) == ("stamped",)


def test_a_run_has_no_reasons():
    assert why(made.run(), PAGE) == ()


tests = st.sampled_from(
    [
        "non_inferiority",
        "superiority",
        "equivalence",
        "max_ratio",
        "min_ratio",
        "at_most",
        "at_least",
    ]
)


@given(
    tests,
    st.sampled_from(["higher", "lower"]),
    st.floats(-0.4, 0.4),
    st.floats(0.001, 0.3),
    st.sampled_from(["fraction", "seconds", "usd", "tokens", "points"]),
    st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE"]),
)
def test_every_gate_has_a_sentence_without_a_contradiction(
    test, direction, point, half, scale, outcome
):
    positive = test not in {"non_inferiority", "superiority", "equivalence"}
    centre = abs(point) + half + 0.01 if positive else point
    row = made.gate(
        "m",
        outcome,
        test=test,
        direction=direction,
        difference=centre,
        lower=centre - half,
        upper=centre + half,
        threshold=0.05,
        scale=scale,
    )
    for told in (failure(row, PAGE), undecided(row, PAGE)):
        assert told.startswith("m")
        assert "None" not in told
        assert "--" not in told
        assert "\n" not in told
