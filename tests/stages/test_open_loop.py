"""`run --rate`: arrivals that wait for nobody, and times that count from when each was due."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evalharness.cli.load import arrival_of
from evalharness.cli.main import main
from evalharness.errors import UsageError
from evalharness.testing.emulator import FaultRule, LatencyPlan, Plan, serve

SAMPLES = 60


@pytest.fixture(scope="module")
def server():
    with serve() as emulator:
        yield emulator


@pytest.fixture
def emulator(server, tmp_path, monkeypatch):
    rows = [{"id": f"q{n}", "input": f"{n}?", "target": f"{n}?"} for n in range(SAMPLES)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    (tmp_path / "suite.yaml").write_text(
        "name: echoes\ndata: {path: d.jsonl}\nmetrics: [exact_match]\ngeneration: {max_tokens: 9}\n"
        "policy: {gates: [{metric: latency_p50_s, role: primary, test: at_most, value: 0.25}]}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.set_plan(Plan(latency=LatencyPlan(ttft_s=0.05)))
    return server


def load(tmp_path, *more):
    assert 0 == main(["run", "suite.yaml", "--model", "openai/echo", "--quiet", "--json", *more])
    (path,) = (tmp_path / "runs").glob("*/load.json")
    summary = json.loads((path.parent / "summary.json").read_text())
    lines = (path.parent / "outcomes.jsonl").read_text().splitlines()[1:]
    outcomes = [json.loads(line)["outcome"] for line in lines]
    return json.loads(path.read_text()), summary, outcomes


def test_questions_arrive_at_the_rate_and_none_is_asked_twice(emulator, tmp_path):
    facts, summary, outcomes = load(tmp_path, "--rate", "100/s")
    assert (SAMPLES, 0, 100.0) == (facts["n"], facts["n_failed"], facts["offered_per_s"])
    assert facts["due_per_s"] == pytest.approx(100, rel=0.5)
    assert facts["max_in_flight"] > 1
    assert SAMPLES == len(outcomes)
    assert SAMPLES + 2 == emulator.state()["requests"], "two warm-ups, in no figure"
    assert all(one["completion"]["ttft_s"] >= 0.05 for one in outcomes)
    assert "estimate" == summary["metrics"]["latency_p50_s"]["estimate"]["estimate"]


def test_a_wait_that_the_load_causes_is_part_of_every_latency(emulator, tmp_path):
    facts, summary, outcomes = load(tmp_path, "--rate", "60/s", "--max-connections", "1")
    # One at a time at 50 ms is a third of what arrives: the queue grows to the end.
    served = [one["attempts"][0]["latency_s"] for one in outcomes]
    felt = [one["completion"]["latency_s"] for one in outcomes]
    assert np.median(served) < 0.2
    assert np.median(felt) > 0.6
    assert felt[-1] > facts["span_s"] / 3
    assert not facts["kept_up"]
    assert any("the offered rate was not sent" in note for note in summary["warnings"])


def test_a_refusal_is_what_the_user_met_and_is_not_asked_again(emulator, tmp_path):
    emulator.set_plan(Plan(rules=(FaultRule(faults=("throttle_zero",), share=0.5),)))
    facts, summary, outcomes = load(tmp_path, "--rate", "200/s")
    refused = [one for one in outcomes if one["outcome"] == "failed"]
    assert {"throttle"} == {one["kind"] for one in refused}
    assert len(refused) == facts["n_failed"] == summary["n_failed"]
    assert 15 < len(refused) < 45
    assert SAMPLES + 2 <= emulator.state()["requests"] <= SAMPLES + 3


def test_a_duration_takes_whole_rounds_over_the_samples(emulator, tmp_path):
    facts, summary, _ = load(tmp_path, "--rate", "150/s", "--duration", "0.6s")
    assert (120, SAMPLES) == (facts["n"], summary["n_samples"])


def test_a_short_duration_takes_the_first_samples(emulator, tmp_path):
    facts, _, _ = load(tmp_path, "--rate", "100", "--duration", "0.2s")
    assert 20 == facts["n"]


def test_a_service_level_is_gated(emulator, tmp_path, capsys):
    facts, _, _ = load(tmp_path, "--rate", "60/s", "--max-connections", "1")
    assert not facts["kept_up"]
    (run,) = (tmp_path / "runs").glob("*-1")
    capsys.readouterr()
    given = ["gate", "suite.yaml", "--candidate", str(run), "--baseline", str(run), "--json"]
    assert 1 == main([*given, "--quiet", "--reports", "none"])
    (gate,) = json.loads(capsys.readouterr().out)["gates"]
    assert ("latency_p50_s", "FAIL") == (gate["metric"], gate["outcome"])
    assert gate["lower"] > 0.25


@pytest.mark.parametrize(
    ("given", "rate", "duration"),
    [
        (("20/s", None), 20.0, None),
        (("90/min", "5min"), 1.5, 300.0),
        (("0.5", "90"), 0.5, 90.0),
        (("3600/h", "1.5h"), 1.0, 5400.0),
    ],
)
def test_rates_and_durations_have_units(given, rate, duration):
    arrival = arrival_of(*given)
    assert (rate, duration) == (pytest.approx(arrival.rate_per_s), arrival.duration_s)


@pytest.mark.parametrize(
    "given", [("0/s", None), ("fast", None), ("-1/s", None), (None, "5s"), ("2/s", "0s")]
)
def test_a_wrong_rate_is_a_usage_error(given):
    with pytest.raises(UsageError):
        arrival_of(*given)


def test_a_recording_cannot_be_put_under_load(emulator, tmp_path, capsys):
    (tmp_path / "outputs.jsonl").write_text('{"id": "q1", "output": "x"}\n')
    assert 64 == main(["run", "suite.yaml", "--model", "outputs.jsonl", "--rate", "5/s"])
    assert "cannot be asked at a rate" in capsys.readouterr().err
    assert 64 == main(["run", "suite.yaml", "--model", "scripted/echo", "--rate", "5/s"])
