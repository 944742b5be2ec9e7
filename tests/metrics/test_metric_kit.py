"""The conformance kit: every metric of the catalogue passes, every kind of broken one is caught."""

from __future__ import annotations

import math

import numpy as np
import pytest

import evalharness.testing
from evalharness.catalog import ENCODER_METRICS, METRICS, make_metric
from evalharness.contracts import Rows
from evalharness.metrics.base import ItemMetric, MeanMetric
from evalharness.records import Unscored
from evalharness.testing import check_metric, score_texts
from evalharness.testing.metric_kit import default_examples, value_of

REQUIRED = {
    "json_schema": {"schema": {"type": "object"}},
    "headers": {"headers": ["Term"]},
    "length": {"max": 5},
    "format_ok": {"length": {"max": 5}, "forbid": ["x+y"]},
    "language": {"language": "en"},
}
"""Options that a metric cannot do without."""


@pytest.mark.parametrize("name", sorted(set(METRICS) - ENCODER_METRICS))
def test_every_metric_of_the_catalogue_keeps_the_contract(name):
    metric = make_metric(name, REQUIRED.get(name, {}))
    assert metric.name == name
    check_metric(metric)


def test_signatures_are_different():
    names = set(METRICS) - ENCODER_METRICS
    signatures = [make_metric(name, REQUIRED.get(name, {})).signature for name in names]
    assert len(set(signatures)) == len(names)


class Length(ItemMetric):
    """A metric that keeps the contract; each test breaks one rule of it."""

    name = "length"
    range = (0.0, None)
    needs = frozenset()

    def value(self, item):
        return float(len(item.text))

    def bounds(self, samples):
        return None


class NoName(Length):
    name = ""


class WrongKind(Length):
    kind = "average"


class WrongScale(Length):
    scale = "miles"


class WrongDirection(Length):
    direction = "up"


class WrongSees(Length):
    sees = "everything"


class NoColumns(Length):
    columns = ()

    def measure(self, items):
        return Rows(np.zeros((len(items), 0)), np.ones(len(items), dtype=bool))


class EmptyRange(Length):
    range = (1.0, 0.0)


class NotFinite(Length):
    def value(self, item):
        return math.inf


class SilentGap(Length):
    def measure(self, items):
        rows = super().measure(items)
        scored = rows.scored_n.copy()
        scored[:1] = False
        rows.rows_nk[:1] = 0
        return Rows(rows.rows_nk, scored, {})


class GapWithNumbers(Length):
    def measure(self, items):
        rows = super().measure(items)
        scored = rows.scored_n.copy()
        scored[:1] = False
        return Rows(rows.rows_nk, scored, {0: "no"} if len(items) else {})


class EmptyReason(Length):
    def value(self, item):
        return Unscored(reason="") if item.text == "42" else 1.0


class WrongShape(Length):
    def measure(self, items):
        return Rows(np.zeros((len(items), 3)), np.ones(len(items), dtype=bool))


class WrongType(Length):
    def measure(self, items):
        rows = super().measure(items)
        return Rows(rows.rows_nk.astype(np.float32), rows.scored_n)


class NotBinary(Length):
    kind = "binary"


class BatchDependent(MeanMetric):
    name = "batch"
    range = (0.0, None)
    needs = frozenset()

    def values(self, items):
        return [float(len(items))] * len(items)

    def bounds(self, samples):
        return None


class Forgetful(Length):
    calls = 0

    def value(self, item):
        type(self).calls += 1
        return float(type(self).calls)


class OutOfRange(Length):
    range = (0.0, 1.0)


class CrossedBounds(Length):
    range = (0.0, 1.0)

    def value(self, item):
        return 1.0

    def bounds(self, samples):
        ones = np.ones((len(samples), 2))
        return ones * [0.25, 1.0], ones * [0.5, 1.0]


class WrongBounds(Length):
    def bounds(self, samples):
        return np.zeros((1, 1)), np.zeros((1, 1))


class Fragile(Length):
    def value(self, item):
        item.text.encode()
        return 1.0


class Unpicklable(Length):
    def __init__(self):
        super().__init__()
        self.judge = lambda text: text


class ForgetsOnPickling(Length):
    def __init__(self):
        super().__init__("option")

    def __reduce__(self):
        return Length, ()


class NotVectorised(Length):
    def reduce(self, sums):
        return np.float64(sums.ravel()[0] / sums.ravel()[1])


class WrongWeights(Length):
    def reduce_weighted(self, rows_nk, weights_bn):
        return np.zeros(len(weights_bn))


class OrderMatters(Length):
    kind = "refit"

    def reduce_weighted(self, rows_nk, weights_bn):
        return np.full(len(weights_bn), rows_nk[0, 0])


class BinaryWithoutBounds(Length):
    kind = "binary"

    def value(self, item):
        return 1.0


class NeverScores(Length):
    def value(self, item):
        return Unscored(reason="never")


@pytest.mark.parametrize(
    ("broken", "finding"),
    [
        (NoName, "name must be"),
        (WrongKind, "kind must be"),
        (WrongScale, "scale must be"),
        (WrongDirection, "direction is 'up'"),
        (WrongSees, "sees is 'everything'"),
        (EmptyRange, "range"),
        (SilentGap, "needs a reason"),
        (GapWithNumbers, "must be zeros"),
        (EmptyReason, "reasons must be non-empty"),
        (WrongShape, "shapes"),
        (WrongType, "must be float64"),
        (NotBinary, "0 and 1 only"),
        (BatchDependent, "changes with its batch"),
        (Forgetful, "two calls give different rows"),
        (OutOfRange, "outside the range"),
        (CrossedBounds, "not between the worst"),
        (WrongBounds, "bounds must be two finite arrays"),
        (Fragile, "UnicodeEncodeError"),
        (Unpicklable, "pickles: raised"),
        (ForgetsOnPickling, "another signature"),
        (NotVectorised, "leading axis"),
        (WrongWeights, "reduce_weighted"),
        (OrderMatters, "order of samples"),
        (BinaryWithoutBounds, "worst and a best row"),
        (NeverScores, "no example was scored"),
    ],
)
def test_a_broken_metric_is_caught_and_told_what_is_wrong(broken, finding):
    with pytest.raises(AssertionError, match=finding):
        check_metric(broken())


def test_infinite_rows_and_missing_columns_are_caught():
    with pytest.raises(AssertionError, match="rows must be finite"):
        check_metric(NotFinite())
    with pytest.raises(AssertionError, match="columns must name"):
        check_metric(NoColumns())


def test_a_metric_that_keeps_the_contract_passes():
    check_metric(Length())


def test_a_plug_ins_own_examples_are_used(item):
    class Shouts(ItemMetric):
        name = "shouts"
        kind = "binary"

        def value(self, item):
            if item.sample.targets[0] != "loud":
                return Unscored(reason="not about loudness")
            return float(item.text.isupper())

        def __reduce__(self):
            return make_shouts, ()

    global make_shouts  # noqa: PLW0603  (a pickle finds functions by module)
    make_shouts = Shouts
    make_shouts.__qualname__ = "make_shouts"
    with pytest.raises(AssertionError, match="no example was scored"):
        check_metric(Shouts())
    check_metric(Shouts(), [item("A", ["loud"]), item("b", ["loud"]), item("c", ["quiet"])])


def test_there_are_examples_for_whatever_a_metric_sees():
    for name, kind in (("f1", "Item"), ("pass_at_k", "ItemGroup"), ("error_rate", "Asked")):
        assert {type(one).__name__ for one in default_examples(make_metric(name, {}))} == {kind}


def test_score_texts_refuses_lengths_that_differ_and_answers_that_cannot_be_scored():
    metric = make_metric("f1", {})
    with pytest.raises(ValueError, match="1 answers but 2 lists"):
        score_texts(metric, ["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="not scored"):
        score_texts(metric, ["a"], [[]])


def test_value_of_reduces_by_kind():
    rows_nk = np.array([[1.0, 1.0], [2.0, 1.0], [9.0, 1.0]])
    assert value_of(make_metric("latency_p50_s", {}), rows_nk) == 2
    assert value_of(make_metric("cost_usd", {}), rows_nk) == 4


def test_the_kit_is_loaded_by_name_and_knows_nothing_else():
    assert set(evalharness.testing.__all__) == {"check_client", "check_metric", "score_texts"}
    with pytest.raises(AttributeError, match="no attribute 'check_weather'"):
        evalharness.testing.check_weather  # noqa: B018
