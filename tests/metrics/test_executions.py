"""Pass rates from sandbox evidence: unbiased estimates, unknown outcomes, failed repeats."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.contracts import ItemGroup
from evalharness.errors import SpecError
from evalharness.records import Completion, Item, Sample
from evalharness.testing import check_metric


def value(name, group, **options):
    rows = make_metric(name, options).measure([group])
    return rows.reasons.get(0, rows.rows_nk[0, 0])


@given(n=st.integers(1, 7), passes=st.integers(0, 7), k=st.integers(1, 7))
def test_chances_are_counted_over_all_ways_to_draw_k_repeats(n, passes, k, groups):
    passes, k = min(passes, n), min(k, n)
    draws = list(itertools.combinations([True] * passes + [False] * (n - passes), k))
    group = groups(n, passes)
    assert value("pass_at_k", group, k=k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert value("pass_hat_k", group, k=k) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_a_repeat_without_an_answer_did_not_pass(groups):
    assert value("pass_at_k", groups(1, 1, failed=1)) == 0.5
    assert value("pass_hat_k", groups(1, 1, failed=1), k=2) == 0


def test_too_few_repeats_are_unscored_with_how_many_are_needed(groups):
    reason = value("pass_at_k", groups(3, 1), k=5)
    assert reason == "pass_at_k needs 5 repeats of a sample, there are 3"


@pytest.mark.parametrize("status", ["infra_error", "checker_error"])
def test_a_broken_check_is_nobodys_failure(status, groups):
    assert "the check itself broke" in value("pass_at_k", groups(2, 1, status=status))
    item = groups(2, 1, status=status).items[1]
    assert "the check itself broke" in make_metric("passed", {}).measure([item]).reasons[0]


@pytest.mark.parametrize("status", ["timeout_wall", "crash", "denied", "memory", "exit_early"])
def test_every_other_status_is_a_failure(status, groups):
    assert value("pass_at_k", groups(2, 1, status=status)) == 0.5


def test_programs_that_did_not_run_are_unscored_with_the_command_that_runs_them():
    item = Item(sample=Sample(id="s"), completion=Completion(text="x"), text="x")
    group = ItemGroup(sample=item.sample, items=(item,))
    for name, batch in (("passed", item), ("pass_at_k", group)):
        rows = make_metric(name, {}).measure([batch])
        assert "evalharness score" in rows.reasons[0]


def test_passed_is_binary_by_repeat(groups):
    metric = make_metric("passed", {})
    assert metric.kind == "binary"
    assert metric.measure(groups(3, 2).items).rows_nk[:, 0].tolist() == [1, 1, 0]


@pytest.mark.parametrize("k", [0, -1, True, 1.5, "1"])
def test_a_wrong_k_is_refused(k):
    with pytest.raises(SpecError, match="k must be a whole number"):
        make_metric("pass_at_k", {"k": k})


@pytest.mark.parametrize("name", ["pass_at_k", "pass_hat_k"])
def test_chances_keep_the_contract(name):
    metric = make_metric(name, {"k": 2})
    check_metric(metric)
    assert "k:2" in metric.signature
    assert metric.bounds([Sample(id="s")])[1].tolist() == [[1, 1]]
