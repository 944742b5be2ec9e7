"""A whole run through a mix of every fault: one outcome a sample, and the provider's own bill."""

from __future__ import annotations

import json

import pytest

from evalharness.cli.main import main
from evalharness.testing.emulator import FaultRule, Plan
from evalharness.testing.emulator.faults import FAULTS

SAMPLES = 500
SLOW = frozenset({"hang", "throttle_long", "throttle_date", "stream_stall", "slow_headers",
                  "stream_trickle", "throttle_int"})  # fmt: skip
"""They work, and are tested one by one; each takes seconds."""
UNCOUNTED = frozenset({"no_usage", "null_usage", "wrong_usage", "stream_no_usage"})
"""The server says another number of tokens than it bills, or none."""
FAULT_MIX = tuple(name for name, one in FAULTS.items() if one.retry != "stop" and name not in SLOW)


@pytest.fixture
def go(emulator, tmp_path, monkeypatch, capsys):
    rows = [
        {"id": f"q{n}", "input": f"question {n} {'x ' * (n % 9)}".strip()} for n in range(SAMPLES)
    ]
    (tmp_path / "d.jsonl").write_text(
        "".join(json.dumps({**row, "target": row["input"]}) + "\n" for row in rows)
    )
    (tmp_path / "suite.yaml").write_text(
        "name: echoes\ndata: {path: d.jsonl}\nmetrics: [exact_match, error_rate, cost_usd]\n"
        "generation: {max_tokens: 40}\n"
    )
    (tmp_path / "m.yaml").write_text(
        f"name: m\nmodel: openai/echo\noptions: {{base_url: '{emulator.url}', stream: STREAM,"
        " idle_timeout_s: 2, ttft_timeout_s: 2}\n"
        "price: {prompt_usd_per_mtok: 0.5, completion_usd_per_mtok: 1.5}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k")

    def run(faults, stream):
        arm = tmp_path / "m.yaml"
        arm.write_text(arm.read_text().replace("STREAM", f"'{stream}'"))
        rules = (FaultRule(faults=faults, share=0.2, times=1),)
        emulator.set_plan(Plan(rules=rules, hang_s=1.0))
        command = ["run", "suite.yaml", "--model", "m.yaml", "--no-cache", "--quiet", "--json"]
        assert 0 == main(command)
        (path,) = (tmp_path / "runs").glob("*/summary.json")
        lines = (path.parent / "outcomes.jsonl").read_text().splitlines()[1:]
        return json.loads(path.read_text()), [json.loads(line) for line in lines]

    return run


@pytest.mark.parametrize("stream", ["off", "on"])
def test_every_sample_of_a_run_through_all_faults_has_one_outcome(emulator, go, stream):
    summary, entries = go(FAULT_MIX, stream)
    state = emulator.state()
    assert sum(state["faults"].values()) > 60
    assert SAMPLES == len(entries) == len({entry["id"] for entry in entries}) == summary["n"]
    failed = [one["outcome"] for one in entries if one["outcome"]["outcome"] == "failed"]
    assert len(failed) == summary["n_failed"]
    # Only what is the sample's own fails; what passes is asked again until it is answered.
    own = {one.expect for one in FAULTS.values() if one.retry == "never"}
    assert own >= {one["kind"] for one in failed}
    # Everything that was answered is right: nothing that failed was scored as a wrong answer.
    found = summary["metrics"]
    assert 1.0 == found["exact_match"]["value_answered"]
    assert found["exact_match"]["estimate"]["value"] == pytest.approx(1 - len(failed) / SAMPLES)
    assert found["error_rate"]["estimate"]["value"] == pytest.approx(len(failed) / SAMPLES)
    assert 0 == state["answered_twice"]
    assert state["requests"] == summary["spent"]["attempts"]


@pytest.mark.parametrize("stream", ["off", "on"])
def test_what_a_run_says_it_cost_holds_what_the_provider_billed(emulator, go, stream):
    summary, _ = go(tuple(name for name in FAULT_MIX if name not in UNCOUNTED), stream)
    state = emulator.state()
    billed = (state["billed_prompt_tokens"] * 0.5 + state["billed_completion_tokens"] * 1.5) / 1e6
    spent = summary["spent"]
    assert spent["cost_low_usd"] <= billed * (1 + 1e-9)
    assert billed <= spent["cost_high_usd"] * (1 + 1e-9)
    assert spent["cost_high_usd"] < 1.1 * billed
