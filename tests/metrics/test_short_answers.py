"""Exact match, contains, regex, numeric match, multiple choice, DROP: short answers."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import SpecError
from evalharness.metrics.choice import MultipleChoice
from evalharness.metrics.drop import drop_normalize
from evalharness.records import Completion, Item, Sample
from evalharness.testing import check_metric, score_texts

TEXTS = st.text(alphabet=st.sampled_from("aB1 .,\t\0é-"), max_size=10)
CATASTROPHE = "^(a|a)*$"
CATASTROPHIC_TEXT = "a" * 60 + "b"


def score(name, text, targets, **options):
    return score_texts(make_metric(name, options), [text], [targets])


# --- exact match -----------------------------------------------------------------------------


@given(text=TEXTS, targets=st.lists(TEXTS, min_size=1, max_size=3))
def test_exact_match_without_normalisation_is_equality(text, targets):
    assert score("exact_match", text, targets, normalize="none") == float(text in targets)


@given(text=TEXTS, target=TEXTS)
def test_exact_match_by_default_ignores_white_space_at_the_ends_only(text, target):
    assert score("exact_match", text, [target]) == float(text.strip() == target.strip())


@given(text=TEXTS, target=TEXTS)
def test_exact_match_is_symmetric(text, target):
    for normalize in ("none", "strip", "squad"):
        one = score("exact_match", text, [target], normalize=normalize)
        assert one == score("exact_match", target, [text], normalize=normalize)


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=6), targets=st.lists(TEXTS, min_size=6, max_size=6)
)
def test_the_reference_implementation_compares_as_numpy_does(texts, targets):
    targets = targets[: len(texts)]
    wanted = float(np.mean(np.asarray(texts) == np.asarray(targets)))
    metric = make_metric("exact_match", {"normalize": "none", "impl": "reference"})
    assert score_texts(metric, texts, [[one] for one in targets]) == pytest.approx(
        wanted, abs=1e-12
    )


@pytest.mark.parametrize(
    ("text", "target", "options", "value"),
    [
        ("The cat. ", "The cat.", {"normalize": "none"}, 0),
        ("The cat. ", "The cat.", {}, 1),
        ("ab\0", "ab", {"normalize": "none"}, 0),
        ("ab\0", "ab", {"normalize": "none", "impl": "reference"}, 1),
        ("STRASSE", "straße", {"ignore_case": True}, 0),
        ("a.b", "ab", {"ignore_punctuation": True}, 1),
        ("72 apples", "apples", {"ignore_numbers": True, "normalize": "none"}, 0),
        ("so #### 42", "42", {"regexes_to_ignore": ["(?s).*#### "]}, 1),
        ("YELLING", "yelling", {"regexes_to_ignore": ["yell"], "ignore_case": True}, 0),
        ("The U.S.", "us", {"normalize": "squad"}, 1),
    ],
)
def test_known_exact_matches(text, target, options, value):
    assert score("exact_match", text, [target], **options) == value


def test_a_pattern_to_ignore_that_hangs_leaves_the_answer_unscored(item):
    metric = make_metric("exact_match", {"regexes_to_ignore": [CATASTROPHE]})
    began = time.process_time()
    rows = metric.measure([item(CATASTROPHIC_TEXT, ["x"]), item("x", ["x"])])
    assert "took longer than 1 s" in rows.reasons[0]
    assert rows.rows_nk[1].tolist() == [1, 1]
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "options",
    [{"regexes_to_ignore": ["("]}, {"normalize": "all"}, {"ignore_case": 1}, {"impl": "numpy"}],
)
def test_wrong_options_of_exact_match_are_refused(options):
    with pytest.raises(SpecError, match="metric 'exact_match'"):
        make_metric("exact_match", options)


def test_options_of_exact_match_are_in_its_signature():
    metric = make_metric(
        "exact_match",
        {"ignore_punctuation": True, "ignore_numbers": True, "regexes_to_ignore": [","]},
    )
    assert metric.signature == "exact_match|norm:strip|case:mixed|punct:no|numbers:no|drop:,|v1"
    check_metric(metric)


# --- contains and regex ----------------------------------------------------------------------


@given(text=TEXTS, targets=st.lists(TEXTS, min_size=1, max_size=3))
def test_contains_any_is_at_least_contains_all(text, targets):
    assert score("contains", text, targets) >= score("contains", text, targets, mode="all")


@given(text=TEXTS, target=TEXTS)
def test_contains_is_pythons_in(text, target):
    assert score("contains", text, [target], ignore_case=False) == float(target in text)


@pytest.mark.parametrize(
    ("text", "targets", "options", "value"),
    [
        ("It is PARIS.", ["paris"], {}, 1),
        ("It is PARIS.", ["paris"], {"ignore_case": False}, 0),
        ("cats", ["cat"], {}, 1),
        ("cats", ["cat"], {"words": True}, 0),
        ("cats, a cat!", ["cat"], {"words": True}, 1),
        ("x and y", ["x", "y"], {"mode": "all"}, 1),
        ("x", ["x", "y"], {"mode": "all"}, 0),
        ("we will refund", [], {"values": ["refund", "return"]}, 1),
    ],
)
def test_known_contents(text, targets, options, value):
    assert score("contains", text, targets, **options) == value


def test_contains_needs_references_only_without_values():
    assert make_metric("contains", {}).needs == {"targets"}
    assert make_metric("contains", {"values": ["x"]}).needs == frozenset()
    with pytest.raises(SpecError, match="must be a list"):
        make_metric("contains", {"values": "x"})


@pytest.mark.parametrize(
    ("text", "targets", "options", "value"),
    [
        ("Yes.", [], {"pattern": "^Yes"}, 1),
        ("No. Yes.", [], {"pattern": "^Yes"}, 0),
        ("Yes.", [], {"pattern": "Yes", "mode": "fullmatch"}, 0),
        ("clean", [], {"pattern": "(?i)as an ai", "mode": "absent"}, 1),
        ("As an AI", [], {"pattern": "(?i)as an ai", "mode": "absent"}, 0),
        ("code 7", ["x", r"code \d"], {}, 1),
    ],
)
def test_known_pattern_matches(text, targets, options, value):
    assert score("regex", text, targets, **options) == value


def test_a_pattern_that_hangs_is_given_up(item):
    metric = make_metric("regex", {"pattern": CATASTROPHE})
    began = time.process_time()
    rows = metric.measure([item(CATASTROPHIC_TEXT), item("aaa")])
    assert "took longer than 1 s" in rows.reasons[0]
    assert rows.rows_nk[1].tolist() == [1, 1]
    assert time.process_time() - began < 5


def test_a_reference_that_is_no_pattern_leaves_its_sample_unscored(item):
    rows = make_metric("regex", {}).measure([item("x", ["("])])
    assert "is no regular expression" in rows.reasons[0]


def test_a_wrong_pattern_is_refused_when_the_suite_is_read():
    with pytest.raises(SpecError, match="is no regular expression"):
        make_metric("regex", {"pattern": "("})
    with pytest.raises(SpecError, match="must be a text"):
        make_metric("regex", {"pattern": 5})


@pytest.mark.parametrize("options", [{"pattern": "a+"}, {"pattern": "a", "mode": "absent"}])
def test_regex_keeps_the_contract(options):
    check_metric(make_metric("regex", options))


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "targets", "options", "value"),
    [
        ("so she pays $1,200.00.", ["1200"], {}, 1),
        ("42.0", ["42"], {}, 1),
        ("3/4", ["0.75"], {}, 1),
        ("0.1 + 0.2 = 0.3", ["0.3"], {}, 1),
        ("first 5 then 6", ["5"], {}, 0),
        ("first 5 then 6", ["5"], {"take": "first"}, 1),
        ("about 101", ["100"], {"rel_tol": 0.01}, 1),
        ("about 102", ["100"], {"rel_tol": 0.01}, 0),
        ("1.05", ["1"], {"abs_tol": 0.05}, 1),
        ("50%", ["50"], {}, 1),
        ("50%", ["0.5"], {"percent": "fraction"}, 1),
        ("none", ["1"], {}, 0),
        ("-3", ["3"], {}, 0),
        ("7", ["#### 7", "8"], {}, 1),
        ("1e-9", ["0.000000001"], {}, 1),
    ],
)
def test_known_numeric_matches(text, targets, options, value):
    assert score("numeric_match", text, targets, **options) == value


def test_a_reference_without_a_number_leaves_its_sample_unscored(item):
    rows = make_metric("numeric_match", {}).measure([item("5", ["five"])])
    assert rows.reasons == {0: "no reference answer holds a number"}


@pytest.mark.parametrize("value", [-1, "x", True, float("nan"), float("inf")])
def test_a_wrong_tolerance_is_refused(value):
    with pytest.raises(SpecError, match="abs_tol must be a number"):
        make_metric("numeric_match", {"abs_tol": value})


@given(st.integers(-(10**9), 10**9), st.integers(0, 1000))
def test_a_number_matches_itself_within_any_tolerance(number, tolerance):
    assert score("numeric_match", f"is {number}", [f"{number:,}"], abs_tol=tolerance) == 1


# --- letters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(b)", "B"),
        (" **C**. ", "C"),
        ("The answer is (B).", "B"),
        ("The answer is B because A is wrong.", "B"),
        ("Answer: D", "D"),
        ("**Answer:** D", "D"),
        ("answer = (E)", "E"),
        ("The correct answer is option C", "C"),
        (r"The answer is $\boxed{B}$", "B"),
        ("The answer is (A). No, the answer is (C).", "C"),
        ("B) because it is", "B"),
        ("C. Paris", "C"),
        ("I think (D) fits best", "D"),
        ("The answer is a cat", None),
        ("The answer is Always", None),
        ("A cat sat", None),
        ("I do not know", None),
        ("", None),
        ("Z", None),
    ],
)
def test_the_letter_that_an_answer_chooses(text, letter):
    assert MultipleChoice().chosen(text, Sample(id="s")) == letter


def test_a_choice_is_also_known_by_its_text():
    sample = Sample(id="s", targets=("Rome",), metadata={"choices": ["Paris", "Rome", 3]})
    metric = MultipleChoice()
    items = [
        Item(sample=sample, completion=Completion(text=text), text=text)
        for text in ("rome.", "B", "The answer is (A)", "Paris", "3")
    ]
    assert metric.measure(items).rows_nk[:, 0].tolist() == [1, 1, 0, 0, 0]


def test_a_reference_that_is_no_choice_leaves_its_sample_unscored(item):
    rows = make_metric("multiple_choice", {}).measure([item("A", ["Paris"]), item("A", ["a"])])
    assert "no reference is one of the letters" in rows.reasons[0]
    assert rows.rows_nk[1].tolist() == [1, 1]


@pytest.mark.parametrize("letters", ["", "AA", "ab", "A1"])
def test_wrong_letters_are_refused(letters):
    with pytest.raises(SpecError, match="different capital letters"):
        make_metric("multiple_choice", {"letters": letters})


def test_only_the_declared_letters_count():
    assert MultipleChoice(letters="AB").chosen("The answer is (C)", Sample(id="s")) is None


@given(st.text(alphabet="AB ()*.:answeri\n", max_size=80))
def test_any_answer_chooses_a_letter_or_none(text):
    assert MultipleChoice(letters="AB").chosen(text, Sample(id="s")) in {"A", "B", None}


def test_long_hostile_answers_are_read_in_linear_time():
    metric = MultipleChoice()
    began = time.process_time()
    for text in (
        "answer " * 20_000,
        "answer:" + "(" * 100_000,
        "_" * 100_000,
        "answer is" + " " * 100_000,
    ):
        metric.chosen(text, Sample(id="s"))
    assert time.process_time() - began < 10


# --- DROP ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Well-Known", "well known"),
        ("5.0", "5.0"),
        ("5", "5.0"),
        ("5,000", "5000.0"),
        ("$5", "5.0"),
        ("a", ""),
        ("nan", "nan"),
    ],
)
def test_drops_normal_forms(text, normal):
    assert drop_normalize(text) == normal


@pytest.mark.parametrize(
    ("text", "targets", "exact", "f1"),
    [
        ("5 yards", ["5"], 0, 0.67),
        ("6 yards", ["5 yards"], 0, 0),
        ("Smith|Jones", ["Jones|Smith"], 1, 1),
        ("Smith", ["Jones|Smith"], 0, 0.5),
        ("Smith|Jones|Brown", ["Jones"], 0, 0.33),
        ("x", ["y", "x"], 1, 1),
        ("", ["x"], 0, 0),
    ],
)
def test_known_drop_scores(text, targets, exact, f1):
    assert score("drop_em", text, targets, separator="|") == exact
    assert score("drop_f1", text, targets, separator="|") == f1


def test_blank_drop_references_do_not_count(item):
    assert make_metric("drop_f1", {}).measure([item("", ["", " "])]).reasons
    assert score("drop_f1", "", ["", "x"]) == 0


@given(spans=st.lists(st.sampled_from(["one", "two three", "4", "the"]), min_size=1, max_size=4))
def test_drop_spans_match_in_any_order(spans):
    text, target = "|".join(spans), "|".join(reversed(spans))
    assert score("drop_em", text, [target], separator="|") == 1
    assert score("drop_f1", text, [target], separator="|") == 1


@pytest.mark.parametrize("separator", ["", 5])
def test_a_wrong_separator_is_refused(separator):
    with pytest.raises(SpecError, match="separator must be"):
        make_metric("drop_f1", {"separator": separator})


def test_thousands_of_spans_are_aligned_in_seconds():
    text = "|".join(f"span {number}" for number in range(5_000))
    assert 0 < score("drop_f1", text, [text], separator="|") <= 1
