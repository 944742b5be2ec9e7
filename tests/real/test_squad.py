"""SQuAD v1.1 and v2.0: EM and F1 of every prediction file, as the official script gives them."""

from __future__ import annotations

import pytest

V1 = """
name: squad-v1
data: {format: squad}
metrics: [squad_em, f1]
"""
V2 = """
name: squad-v2
data: {format: squad, slices: [answerable]}
metrics: [{name: squad_em, variant: v2}, {name: f1, variant: v2}]
"""


@pytest.mark.parametrize("model", ["bert_ensemble", "logistic_regression", "match_lstm_ensemble"])
def test_squad_v1_equals_the_official_script(commands, shared_data, expected, model):
    figures = next(
        value for name, value in expected("squad").items() if name.startswith("v1.1 on dev")
    )[model]
    facts = commands.json(
        "score", commands.suite(V1), shared_data / f"squad/pred_v1.1_{model}.json.gz",
        "--data", shared_data / "squad/dev_v1.1_sample.json.gz",
    )  # fmt: skip
    assert figures["total"] == facts["n"]
    assert figures["missing_predictions"] == facts["n_failed"]
    assert figures["exact"] == pytest.approx(100 * facts["metrics"]["squad_em"]["value"], abs=1e-9)
    assert figures["f1"] == pytest.approx(100 * facts["metrics"]["f1"]["value"], abs=1e-9)
    assert not figures["missing_predictions"] or any("missing" in w for w in facts["warnings"])


@pytest.mark.parametrize("model", ["bert_single", "bidaf_selfattn_elmo_single"])
def test_squad_v2_equals_the_official_script_with_and_without_answers(
    commands, shared_data, expected, model
):
    figures = expected("squad")["v2.0 on dev_v2.0_sample.json"][model]
    facts = commands.json(
        "score", commands.suite(V2), shared_data / f"squad/pred_v2.0_{model}.json.gz",
        "--data", shared_data / "squad/dev_v2.0_sample.json.gz",
    )  # fmt: skip
    whole, has, no = facts["metrics"], *(facts["slices"][f"answerable={x}"] for x in ("has", "no"))
    for prefix, metrics in (("", whole), ("HasAns_", has), ("NoAns_", no)):
        for name, label in (("exact", "squad_em"), ("f1", "f1")):
            value = 100 * metrics[label]["value"]
            assert figures[prefix + name] == pytest.approx(value, abs=1e-9), prefix + name
    assert figures["HasAns_total"] == has["f1"]["n"]
    assert figures["NoAns_total"] == no["f1"]["n"]


def test_extra_ids_are_reported_and_left_out(commands, shared_data):
    """The published predictions cover the whole development set, the sample a part of it."""
    facts = commands.json(
        "score", commands.suite(V2), shared_data / "squad/pred_v1.1_bert_ensemble.json.gz",
        "--data", shared_data / "squad/dev_v2.0_sample.json.gz",
    )  # fmt: skip
    assert any("ids that the data lacks; left out" in warning for warning in facts["warnings"])
    assert facts["n"] == 6078
