"""The suites through the command line: the demo's verdicts, and references that score full marks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from written_suites import ROOT, SUITES, field, rows, spec


def evalharness(*arguments):
    command = [sys.executable, "-m", "evalharness", *arguments, "--json"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def gate(suite, candidate, baseline, out):
    arms = ("--candidate", candidate, "--baseline", baseline)
    done = evalharness("gate", suite, *arms, "--out", str(out), "--reports", "none")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def outcomes(facts, role):
    return {
        (one["metric"], one["test"]): one["outcome"]
        for one in facts["gates"]
        if one["role"] == role
    }


def test_the_tuned_arm_is_ready_against_its_base(tmp_path):
    code, facts = gate("facts", "facts-tuned", "facts-base", tmp_path)
    assert (code, facts["verdict"]) == (0, "READY")
    assert facts["n_paired"] == 360
    assert set(outcomes(facts, "primary").values()) == {"PASS"}


def test_the_undertrained_arm_is_not_ready_against_the_tuned_one(tmp_path):
    code, facts = gate("facts", "facts-undertrained", "facts-tuned", tmp_path)
    assert (code, facts["verdict"]) == (1, "NOT_READY")
    assert set(outcomes(facts, "primary").values()) == {"FAIL"}


def test_an_arm_is_ready_against_itself(tmp_path):
    code, facts = gate("facts", "facts-undertrained", "facts-undertrained", tmp_path)
    assert (code, facts["verdict"]) == (0, "READY")


@pytest.mark.parametrize(
    ("suite", "better", "worse"),
    [
        ("support-faq", "house-style-rules", "copied-sentence"),
        ("contract-summary", "copied-clauses", "first-sentences"),
    ],
)
def test_the_better_rule_program_is_ready_and_the_worse_is_not(suite, better, worse, tmp_path):
    arms = f"{suite}-{better}", f"{suite}-{worse}"
    assert gate(suite, *arms, tmp_path)[0] == 0
    assert gate(suite, *reversed(arms), tmp_path)[0] == 1


@pytest.mark.parametrize("suite", ["facts", "support-faq", "contract-summary", "general-ability"])
def test_the_references_of_a_suite_score_full_marks(suite, tmp_path):
    target = field(suite, "target")
    lines = []
    for row in rows(SUITES / suite / "heldout.jsonl"):
        answer = row[target][-1] if isinstance(row[target], list) else row[target]
        lines.append(json.dumps({"id": row["id"], "output": answer}) + "\n")
    recording = tmp_path / "references.jsonl"
    recording.write_text("".join(lines), encoding="utf-8")
    done = evalharness("score", suite, str(recording), "--out", str(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["metrics"]
    for metric in spec(suite)["metrics"]:
        name = metric if isinstance(metric, str) else metric.get("label", metric["name"])
        assert metrics[name]["value"] == pytest.approx(1.0, abs=1e-12), name
