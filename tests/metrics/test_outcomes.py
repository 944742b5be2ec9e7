"""Outcome metrics and quantiles: failures, what is unknown, and weights as repetitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import SpecError
from evalharness.metrics import base
from evalharness.metrics.outcomes import REFUSAL_OPENINGS
from evalharness.records import Usage

NAMES = (
    "error_rate unparsed_rate truncation_rate refusal_rate latency_mean_s latency_p50_s "
    "latency_p95_s latency_p99_s ttft_p50_s ttft_p95_s cost_usd prompt_tokens completion_tokens"
)
OUTCOMES = NAMES.split()
QUANTILES = {"latency_p50_s": 0.5, "latency_p95_s": 0.95, "latency_p99_s": 0.99}


def one(name, outcome):
    rows = make_metric(name, {}).measure([outcome])
    return rows.reasons[0] if rows.reasons else rows.rows_nk[0, 0]


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome_metrics_see_outcomes_and_less_is_better(name):
    metric = make_metric(name, {})
    assert (metric.sees, metric.direction) == ("outcomes", "lower")
    assert metric.needs == frozenset()


def test_the_error_rate_counts_failures_of_every_kind(asked):
    batch = [asked(), asked(failed="missing"), asked(failed="timeout"), asked()]
    metric = make_metric("error_rate", {})
    rows = metric.measure(batch)
    assert rows.rows_nk.tolist() == [[0, 1], [1, 1], [1, 1], [0, 1]]
    assert metric.reduce(rows.rows_nk.sum(axis=0)) == 0.5
    worst, best = metric.bounds([outcome.sample for outcome in batch])
    assert worst[:, 0].tolist() == [1] * 4
    assert best[:, 0].tolist() == [0] * 4


@pytest.mark.parametrize("name", sorted(set(OUTCOMES) - {"error_rate"}))
def test_a_failure_has_no_number_elsewhere(name, asked):
    assert one(name, asked(failed="timeout")) == "no answer: timeout"


def test_the_unparsed_rate_counts_answers_in_which_nothing_was_found(asked):
    assert one("unparsed_rate", asked(unparsed=True)) == 1
    assert one("unparsed_rate", asked()) == 0


def test_the_truncation_rate_knows_only_recorded_reasons(asked):
    assert one("truncation_rate", asked(finish="length")) == 1
    assert one("truncation_rate", asked(finish="stop")) == 0
    assert "not recorded" in one("truncation_rate", asked())


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", 1),
        ("I’m sorry, but I can’t help.", 1),
        ("  As an AI language model, I cannot do this", 1),
        ("Paris.", 0),
        ("He said: I'm sorry, but I can't come.", 0),
        ("", 0),
    ],
)
def test_refusals_in_prose_are_known_by_their_opening(text, refused, asked):
    assert one("refusal_rate", asked(text)) == refused


def test_refusals_by_provider_or_filter_count(asked):
    assert one("refusal_rate", asked(failed="refusal")) == 1
    assert one("refusal_rate", asked(failed="content_filter")) == 1
    assert one("refusal_rate", asked(finish="filtered")) == 1


def test_refusal_openings_are_lower_case_and_plain():
    assert all(
        opening == opening.lower() and "\u2019" not in opening for opening in REFUSAL_OPENINGS
    )


@pytest.mark.parametrize(
    ("name", "fields", "value"),
    [
        ("latency_mean_s", {"latency_s": 0.5}, 0.5),
        ("latency_p95_s", {"latency_s": 0.5}, 0.5),
        ("ttft_p50_s", {"ttft_s": 0.1}, 0.1),
        ("cost_usd", {"cost_usd": 0.002}, 0.002),
        ("prompt_tokens", {"usage": Usage(prompt_tokens=7, completion_tokens=3)}, 7),
        ("completion_tokens", {"usage": Usage(prompt_tokens=7, completion_tokens=3)}, 3),
    ],
)
def test_amounts_are_read_from_the_completion_and_unscored_if_absent(name, fields, value, asked):
    assert one(name, asked(**fields)) == value
    assert "not" in one(name, asked())
    assert make_metric(name, {}).bounds([asked().sample]) is None


def test_a_free_answer_costs_nothing_and_is_counted(asked):
    assert one("cost_usd", asked(cost_usd=0.0)) == 0


# --- quantiles -------------------------------------------------------------------------------

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


@pytest.mark.parametrize("name", sorted(QUANTILES))
@given(values=VALUES)
def test_a_quantile_is_numpys_linear_one(name, values):
    rows_nk = np.stack([values, np.ones(len(values))], axis=-1)
    value = make_metric(name, {}).reduce_weighted(rows_nk, np.ones((1, len(values))))
    assert value[0] == pytest.approx(np.quantile(values, QUANTILES[name]), rel=1e-12)


@given(values=VALUES, seed=st.integers(0, 1000))
def test_weights_of_a_quantile_are_repetitions(values, seed):
    metric = make_metric("latency_p95_s", {})
    rows_nk = np.stack([values, np.ones(len(values))], axis=-1)
    weights_bn = np.random.default_rng(seed).multinomial(
        len(values), np.full(len(values), 1 / len(values)), size=4
    )
    got = metric.reduce_weighted(rows_nk, weights_bn.astype(float))
    for value, weights in zip(got, weights_bn, strict=True):
        assert value == pytest.approx(np.quantile(np.repeat(values, weights), 0.95), rel=1e-12)


@given(values=VALUES)
def test_a_quantile_without_weights_is_that_of_equal_ones_to_the_last_bit(values):
    metric = make_metric("latency_p95_s", {})
    rows_nk = np.stack([values, np.ones(len(values))], axis=-1)
    alone, beside = np.ones((1, len(values))), np.ones((2, len(values)))
    whole = metric.reduce_weighted(rows_nk, beside)
    assert [metric.reduce_weighted(rows_nk, alone)[0]] * 2 == whole.tolist()


@given(values=VALUES)
def test_a_quantile_does_not_depend_on_the_order(values):
    metric = make_metric("latency_p50_s", {})
    rows_nk = np.stack([values, np.ones(len(values))], axis=-1)
    weights = np.ones((1, len(values)))
    assert metric.reduce_weighted(rows_nk, weights) == metric.reduce_weighted(
        rows_nk[::-1], weights
    )


def test_rows_that_are_not_scored_weigh_nothing():
    metric = make_metric("latency_p50_s", {})
    rows_nk = np.array([[0.0, 0.0], [3.0, 1.0], [5.0, 1.0]])
    assert metric.reduce_weighted(rows_nk, np.ones((1, 3)))[0] == 4


def test_a_quantile_of_nothing_is_undetermined():
    metric = make_metric("latency_p99_s", {})
    assert math.isnan(metric.reduce_weighted(np.zeros((0, 2)), np.zeros((1, 0)))[0])
    assert math.isnan(metric.reduce_weighted(np.ones((2, 2)), np.zeros((1, 2)))[0])
    assert metric.reduce_weighted(np.ones((2, 2)), np.zeros((0, 2))).shape == (0,)
    with pytest.raises(TypeError, match="no function of sums"):
        metric.reduce(np.zeros(2))


def test_many_draws_over_many_rows_are_taken_in_blocks():
    rows_nk = np.stack([np.arange(5_000.0), np.ones(5_000)], axis=-1)
    weights_bn = np.ones((2 * base._BLOCK // 5_000 + 3, 5_000))
    values = make_metric("latency_p50_s", {}).reduce_weighted(rows_nk, weights_bn)
    assert set(values.tolist()) == {2499.5}


# --- means -----------------------------------------------------------------------------------


def test_means_of_nothing_are_undetermined():
    assert math.isnan(make_metric("error_rate", {}).reduce(np.zeros(2)))


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), cut=st.integers(0, 20))
def test_a_mean_of_sums_of_parts_is_that_of_the_whole(values, cut):
    metric = make_metric("cost_usd", {})
    rows_nk = np.stack([values, np.ones(len(values))], axis=-1)
    parts = rows_nk[:cut].sum(axis=0) + rows_nk[cut:].sum(axis=0)
    assert metric.reduce(parts) == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)


def test_bases_that_judge_nothing_say_so(asked, item):
    for judge in (base.MeanMetric("x"), base.ItemMetric("x"), base.OutcomeMetric("x")):
        with pytest.raises(NotImplementedError):
            judge.measure([item("a", ["a"])])
    with pytest.raises(NotImplementedError):
        base.QuantileMetric().measure([asked()])


@pytest.mark.parametrize(("direction", "worst", "best"), [("higher", 0, 1), ("lower", 1, 0)])
def test_bounds_follow_the_direction(direction, worst, best):
    class Oriented(base.MeanMetric):
        name = "oriented"

    metric = Oriented()
    metric.direction = direction
    low, high = metric.bounds([None, None])
    assert (low[:, 0].tolist(), high[:, 0].tolist()) == ([worst] * 2, [best] * 2)


@pytest.mark.parametrize(
    "name", ["latency_mean_s", "cost_usd", "prompt_tokens", "completion_tokens"]
)
def test_what_takes_more_than_the_declared_most_counts_as_that(name, asked):
    metric = make_metric(name, {"most": 3})
    slow = asked(latency_s=9.0, cost_usd=9.0, usage=Usage(prompt_tokens=9, completion_tokens=9))
    quick = asked(latency_s=2.0, cost_usd=2.0, usage=Usage(prompt_tokens=2, completion_tokens=2))
    assert metric.measure([slow, quick, asked(failed="timeout")]).rows_nk[:, 0].tolist() == [
        3,
        2,
        0,
    ]
    assert (metric.range, metric.signature) == ((0.0, 3.0), f"{name}|most:3|v1")
    assert metric.bounds([slow.sample]) is None  # a failure is no answer of three seconds


@pytest.mark.parametrize("most", [0, -1, math.inf, "3"])
def test_a_most_that_is_no_positive_number_is_refused(most):
    with pytest.raises(SpecError, match="most must be a number above 0"):
        make_metric("latency_mean_s", {"most": most})
