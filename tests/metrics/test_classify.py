"""Accuracy, macro F1, Matthews' correlation and kappa, against scikit-learn."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import SpecError
from evalharness.records import Completion, Item, Sample
from evalharness.testing import check_metric, score_texts
from evalharness.testing.metric_kit import value_of

LABELS = ["cat", "dog", "cow", "pig"]
TABLES = st.lists(
    st.tuples(st.sampled_from([*LABELS, "newt"]), st.sampled_from(LABELS)), min_size=1, max_size=25
)


def sklearn_value(name, answers, targets):
    metrics = pytest.importorskip("sklearn.metrics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "macro_f1":
            return metrics.f1_score(targets, answers, average="macro", zero_division=0)
        if name == "mcc":
            return metrics.matthews_corrcoef(targets, answers)
        return metrics.cohen_kappa_score(targets, answers)


def ours(name, pairs, **options):
    metric = make_metric(name, options)
    return value_of(metric, metric.measure(items_of(pairs)).rows_nk)


def items_of(pairs):
    return [
        Item(
            sample=Sample(id=str(n), targets=(target,)), completion=Completion(text=text), text=text
        )
        for n, (text, target) in enumerate(pairs)
    ]


@pytest.mark.parametrize("name", ["macro_f1", "mcc", "kappa"])
@settings(max_examples=25)
@given(pairs=TABLES)
def test_values_are_scikit_learns(name, pairs):
    answers, targets = zip(*pairs, strict=True)
    wanted = sklearn_value(name, answers, targets)
    options = {"classes": "seen"} if name == "macro_f1" else {}
    value = ours(name, pairs, **options)
    if math.isnan(wanted):
        assert math.isnan(value)
    else:
        assert value == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("name", ["macro_f1", "mcc", "kappa"])
@given(pairs=TABLES)
def test_with_the_labels_given_the_value_is_the_same(name, pairs):
    # one unknown label only: several are told apart without, and are one class with the labels
    seen = ours(name, pairs)
    given_labels = ours(name, pairs, labels=LABELS)
    assert given_labels == pytest.approx(seen, abs=1e-12, nan_ok=True)


@given(pairs=TABLES)
def test_a_made_up_label_costs_recall_and_is_no_class_of_its_own(pairs):
    value = ours("macro_f1", pairs)
    assert value >= ours("macro_f1", pairs, classes="seen") - 1e-12
    renamed = [("toad" if text == "newt" else text, target) for text, target in pairs]
    assert ours("macro_f1", renamed) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", ["macro_f1", "mcc", "kappa"])
@given(pairs=TABLES, seed=st.integers(0, 1000))
def test_weights_are_repetitions(name, pairs, seed):
    metric = make_metric(name, {})
    rows_nk = metric.measure(items_of(pairs)).rows_nk
    weights_bn = np.random.default_rng(seed).integers(0, 3, (2, len(pairs))).astype(float)
    values = metric.reduce_weighted(rows_nk, weights_bn)
    for value, weights in zip(values, weights_bn, strict=True):
        repeated = np.repeat(rows_nk, weights.astype(int), axis=0)
        if len(repeated):
            assert value == pytest.approx(value_of(metric, repeated), abs=1e-12, nan_ok=True)
        else:
            assert math.isnan(value)


@given(pairs=TABLES)
def test_accuracy_is_the_share_of_equal_labels(pairs):
    assert ours("accuracy", pairs) == pytest.approx(sum(a == t for a, t in pairs) / len(pairs))


def test_all_right_is_one_everywhere():
    pairs = [(label, label) for label in LABELS]
    for name in ("accuracy", "macro_f1", "mcc", "kappa"):
        assert ours(name, pairs) == 1


def test_a_single_class_has_no_kappa_and_a_correlation_of_zero():
    pairs = [("cat", "cat")] * 4
    assert math.isnan(ours("kappa", pairs))
    assert ours("mcc", pairs) == 0


def test_labels_are_compared_without_extra_white_space_and_case_if_asked():
    assert score_texts(make_metric("accuracy", {}), [" card  lost\n"], [["card lost"]]) == 1
    assert score_texts(make_metric("accuracy", {}), ["Card"], [["card"]]) == 0
    assert score_texts(make_metric("accuracy", {"ignore_case": True}), ["Card"], [["card"]]) == 1
    assert score_texts(make_metric("macro_f1", {"ignore_case": True}), ["Card"], [["card"]]) == 1


def test_an_answer_that_equals_any_reference_is_right(item):
    metric = make_metric("macro_f1", {})
    rows = metric.measure([item("b", ["a", "b"]), item("c", ["a", "b"])])
    assert rows.rows_nk[0, 0] == rows.rows_nk[0, 1]
    assert rows.rows_nk[1, 0] != rows.rows_nk[1, 1]
    assert score_texts(make_metric("accuracy", {}), ["b"], [["a", "b"]]) == 1


def test_a_reference_outside_the_given_labels_is_unscored(item):
    rows = make_metric("macro_f1", {"labels": ["a"]}).measure([item("a", ["b"]), item("a")])
    assert "none of the 1 labels" in rows.reasons[0]
    assert rows.reasons[1] == "the sample has no reference answer"


def test_given_labels_make_a_metric_of_sums_with_three_columns_a_label():
    metric = make_metric("macro_f1", {"labels": LABELS})
    assert metric.kind == "corpus"
    assert len(metric.columns) == 3 * len(LABELS) + 1
    without = make_metric("macro_f1", {})
    assert without.kind == "refit"
    with pytest.raises(TypeError, match="no function of sums"):
        without.reduce(np.zeros(3))


@given(pairs=TABLES, cut=st.integers(0, 25))
def test_sums_of_parts_reduce_to_the_value_of_the_whole(pairs, cut):
    metric = make_metric("mcc", {"labels": LABELS})
    rows_nk = metric.measure(items_of(pairs)).rows_nk
    parts = rows_nk[:cut].sum(axis=0) + rows_nk[cut:].sum(axis=0)
    assert metric.reduce(parts) == pytest.approx(metric.reduce(rows_nk.sum(axis=0)))


def test_the_labels_are_in_the_signature_by_number_and_digest():
    one = make_metric("macro_f1", {"labels": ["a", "b"]}).signature
    other = make_metric("macro_f1", {"labels": ["a", "c"]}).signature
    assert one.startswith("macro_f1|labels:2-")
    assert one != other


@pytest.mark.parametrize("options", [{"labels": ["a", "a "]}, {"labels": "ab"}, {"ignore_case": 1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(SpecError):
        make_metric("macro_f1", options)
    with pytest.raises(SpecError, match="classes must be"):
        make_metric("macro_f1", {"classes": "all"})


@pytest.mark.parametrize("name", ["macro_f1", "mcc", "kappa"])
def test_the_bounds_are_no_label_and_the_reference(name):
    samples = [Sample(id="1", targets=("a",)), Sample(id="2", targets=("b",)), Sample(id="3")]
    for options in ({}, {"labels": ["a", "b"]}):
        metric = make_metric(name, options)
        worst, best = metric.bounds(samples)
        assert value_of(metric, best[:2]) == 1
        assert value_of(metric, worst[:2]) <= 0
        assert not worst[2].any()


@pytest.mark.parametrize("name", ["macro_f1", "mcc", "kappa"])
def test_forms_with_labels_keep_the_contract(name):
    check_metric(make_metric(name, {"labels": ["Paris", "42", "B", "something"]}))
