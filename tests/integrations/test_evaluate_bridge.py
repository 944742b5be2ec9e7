"""The evaluate bridge, both ways, with module scripts that the tests write; no network."""

from __future__ import annotations

import importlib.util
import pickle

import numpy as np
import pytest

from evalharness.catalog import make_metric
from evalharness.errors import DataError, SpecError
from evalharness.records import Completion, Item, Sample, Unscored
from evalharness.testing import score_texts

SCRIPT = """
import datasets
import evaluate

class Module(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="d", citation="c", inputs_description="i",
            features=datasets.Features({{
                "predictions": datasets.Value("{dtype}"),
                "references": datasets.Value("{dtype}"),
            }}),
        )

    def _compute(self, predictions, references, scale=1.0):
        {body}
"""
OVERLAP = """
        if "boom" in predictions:
            raise RuntimeError("boom")
        hits = sum(a == b for a, b in zip(predictions, references))
        return {"hits": scale * hits / len(predictions), "n": len(predictions)}
"""
F1 = """
        both = sum(a == b == 1 for a, b in zip(predictions, references))
        return {"f1": 2 * both / max(1, sum(predictions) + sum(references))}
"""


@pytest.fixture(scope="module", autouse=True)
def _installed():
    for package in ("evaluate", "datasets"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"optional package absent: {package}")


def script(folder, name, body, dtype):
    place = folder / name
    place.mkdir()
    (place / f"{name}.py").write_text(SCRIPT.format(body=body.strip(), dtype=dtype))
    return place


@pytest.fixture
def overlap(tmp_path):
    return script(tmp_path, "overlap", OVERLAP, "string")


@pytest.fixture
def label_f1(tmp_path):
    return script(tmp_path, "label_f1", F1, "int64")


def items(answers, references):
    return [
        Item(sample=Sample(id=str(n), targets=(one,)), completion=Completion(text=text), text=text)
        for n, (text, one) in enumerate(zip(answers, references, strict=True))
    ]


def test_a_module_scores_each_pair_and_takes_the_mean(overlap):
    metric = make_metric(f"evaluate:{overlap}", {"value": "hits", "range": [0, 1]})
    assert 0.5 == score_texts(metric, ["a", "b"], [["a"], ["x"]])
    assert (0.0, 1.0) == tuple(metric.range)
    assert str(overlap) not in metric.signature
    assert "module:" in metric.signature
    copy = pickle.loads(pickle.dumps(metric))
    assert copy.signature == metric.signature


def test_arguments_reach_the_module_and_its_signature(overlap):
    plain = make_metric(f"evaluate:{overlap}", {"value": "hits"})
    double = make_metric(f"evaluate:{overlap}", {"value": "hits", "arguments": {"scale": 2.0}})
    assert 2.0 == score_texts(double, ["a"], [["a"]])
    assert plain.signature != double.signature


def test_a_module_that_raises_leaves_one_answer_unscored(overlap):
    metric = make_metric(f"evaluate:{overlap}", {"value": "hits"})
    rows = metric.measure(items(["boom", "b"], ["a", "b"]))
    assert [False, True] == rows.scored_n.tolist()
    assert "RuntimeError" in rows.reasons[0]
    assert 1.0 == rows.rows_nk[1, 0]


def test_several_results_need_a_name(overlap):
    metric = make_metric(f"evaluate:{overlap}", {})
    assert "name one as `value`" in metric.measure(items(["a"], ["a"])).reasons[0]


def test_a_changed_script_changes_the_signature(tmp_path, overlap):
    before = make_metric(f"evaluate:{overlap}", {"value": "hits"}).signature
    path = overlap / "overlap.py"
    path.write_text(path.read_text() + "\n# changed\n")
    assert before != make_metric(f"evaluate:{overlap}", {"value": "hits"}).signature


def test_a_bare_name_never_runs_a_script_of_the_working_folder(overlap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="of the working folder"):
        make_metric("evaluate:overlap", {"value": "hits"})
    assert make_metric("evaluate:./overlap", {"value": "hits"}).name == "evaluate:overlap"


def test_a_corpus_module_over_labels_is_computed_again_for_each_resample(label_f1):
    metric = make_metric(f"evaluate:{label_f1}", {"unit": "corpus", "labels": ["no", "yes"]})
    rows = metric.measure(items(["yes", "no", "yes", "maybe"], ["yes", "yes", "no", "no"]))
    assert [True, True, True, False] == rows.scored_n.tolist()
    values = metric.reduce_weighted(rows.rows_nk[:3], np.array([[1.0, 1, 1], [2, 0, 0], [0, 1, 1]]))
    assert [0.5, 1.0, 0.0] == values.tolist()
    with pytest.raises(SpecError, match="too slow to resample"):
        metric.reduce_weighted(np.zeros((30_000, 2)), np.ones((1000, 30_000)))


def test_a_corpus_module_over_texts_is_refused(overlap):
    with pytest.raises(SpecError, match="use unit: sample"):
        make_metric(f"evaluate:{overlap}", {"unit": "corpus"})


@pytest.mark.parametrize(
    ("options", "message"),
    [({"unit": "line"}, "unit must be"), ({"range": [1]}, "range is"), ({"x": 1}, "no option 'x'")],
)
def test_wrong_options_are_refused(overlap, options, message):
    with pytest.raises(SpecError, match=message):
        make_metric(f"evaluate:{overlap}", options)


def test_ours_is_an_evaluate_module():
    import evaluate

    from evalharness.integrations.evaluate import load

    module = load("f1")
    assert isinstance(module, evaluate.EvaluationModule)
    result = module.compute(predictions=["the cat sat", "dog"], references=["cat sat", "dog"])
    assert {"f1": 1.0} == result
    many = module.compute(predictions=["dog"], references=[["cat", "dog"]])
    assert {"f1": 1.0} == many
    module.add_batch(predictions=["dog"], references=["cat"])
    assert {"f1": 0.0} == module.compute()


def test_ours_refuses_metrics_of_outcomes_and_unscored_pairs():
    from evalharness.integrations.evaluate import load, value_of

    with pytest.raises(SpecError, match="needs more"):
        load("error_rate")
    with pytest.raises(DataError, match="1 predictions but 2"):
        value_of(make_metric("f1", {}), ["a"], ["a", "b"])


def test_results_that_are_no_number_say_so():
    from evalharness.metrics.hf_evaluate import picked

    assert 0.5 == picked({"x": [0.5]}, None)
    for result in ({}, {"x": float("nan")}, {"x": "text"}, None):
        assert isinstance(picked(result, "x"), Unscored)
