"""Two suites and two baselines in one verdict, through the command line, and its calibration."""

from __future__ import annotations

import numpy as np

SUITE = """
name: NAME
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.08}
"""


def recordings(commands, name, rights, n=300):
    """The suite's file, and one recording an arm that is right so often."""
    suite = commands.suite(SUITE.replace("NAME", name), name=name)
    rows = [{"id": f"q{k}", "input": f"{name} {k}", "target": str(k)} for k in range(n)]
    commands.jsonl(f"{name}/data.jsonl", rows)
    hard = np.random.default_rng(len(name)).random(n)
    found = {}
    for arm, right in rights.items():
        outputs = [
            {"id": row["id"], "output": row["target"] if hard[k] < right else "no"}
            for k, row in enumerate(rows)
        ]
        (commands.folder / "baselines" / name).mkdir(parents=True, exist_ok=True)
        found[arm] = commands.jsonl(f"baselines/{name}/{arm}.jsonl", outputs)
    return suite, found


def gate(commands, monkeypatch, candidate_on_second, *flags):
    monkeypatch.chdir(commands.folder)
    first, _ = recordings(commands, "one", {"new": 0.9, "old": 0.9, "big": 0.92})
    rights = {"new": candidate_on_second, "old": 0.8, "big": 0.8}
    second, _ = recordings(commands, "second", rights)
    return commands.run(
        "gate", first, second, "--candidate", "new", "--baseline", "old", "--baseline", "big",
        "--exit-zero", "-q", *flags,
    )  # fmt: skip


def test_ready_needs_every_suite_against_every_baseline(commands, monkeypatch):
    _, out, err = gate(commands, monkeypatch, 0.8)
    assert out.startswith("READY"), err or out
    assert "all 4 gates pass" in out
    told = " ".join(out.split())
    assert "ranking: one: exact_match: " in told
    assert "ranking: second: exact_match: " in told
    assert "new and big pass against old" in told or "big and new pass against old" in told


def test_one_lost_suite_loses_the_verdict_and_names_it(commands, monkeypatch):
    _, out, _ = gate(commands, monkeypatch, 0.55)
    assert out.startswith("NOT_READY")
    assert "second" in out
    assert "big is the only rung that passes against old" in " ".join(out.split())


def test_calibration_shows_the_realised_rates_of_both_suites(commands, monkeypatch):
    _, out, _ = gate(commands, monkeypatch, 0.8, "--calibrate", "100")
    rows = [line for line in out.splitlines() if "just not fulfilled" in line]
    assert 2 == len(rows)
    for row in rows:
        assert float(row.split("READY")[1].split("%")[0]) <= 5 + 3 * 2.2
