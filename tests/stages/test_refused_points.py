"""Where the statistics refuse an interval, the values themselves are still told."""

from __future__ import annotations

import json

import pytest

SUITE = """
name: few
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: latency_p95_s, role: guardrail, test: max_ratio, ratio: 1.2, recorded: allowed}
    - {metric: latency_p95_s, role: guardrail, test: at_most, value: 5, recorded: allowed}
    - {metric: completion_tokens, role: guardrail, test: non_inferiority, margin: 5}
"""


@pytest.fixture
def gate(commands):
    def run(*flags):
        suite = commands.suite(SUITE)
        rows = [{"id": f"q{k}", "input": f"say {k}", "target": str(k)} for k in range(30)]
        commands.jsonl("suite/data.jsonl", rows)
        arms = []
        for name, seconds in (("new", 2.0), ("old", 4.0)):
            recorded = [
                {
                    "id": row["id"],
                    "output": row["target"],
                    "latency_s": seconds,
                    "usage": {"prompt_tokens": 9, "completion_tokens": 7},
                }
                for row in rows
            ]
            arms.append(commands.jsonl(f"{name}.jsonl", recorded))
        new, old = arms
        return commands.run("gate", suite, "--candidate", new, "--baseline", old, *flags)

    return run


def test_a_refused_gate_tells_its_values_without_an_interval(gate):
    code, out, err = gate("--json", "-q")
    assert 2 == code, err
    _, ratio, bar, tokens = json.loads(out)["gates"]
    assert (ratio["candidate"], ratio["baseline_value"], ratio["difference"]) == (2.0, 4.0, 0.5)
    assert (bar["candidate"], bar["baseline_value"], bar["difference"]) == (2.0, None, 2.0)
    assert (tokens["candidate"], tokens["baseline_value"], tokens["difference"]) == (7.0, 7.0, 0.0)
    for row in (ratio, bar, tokens):
        assert (row["outcome"], row["lower"], row["upper"]) == ("INCONCLUSIVE", None, None)


def test_the_terminal_shows_the_values_beside_the_refusal(gate):
    code, out, err = gate("-q")
    assert 2 == code, err
    assert "2.0 s vs 4.0 s" in out or "2.00 s vs 4.00 s" in out or "2 s vs 4 s" in out
    assert "needs 200 samples, got 30" in out
