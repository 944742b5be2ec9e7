"""Gates fail closed: every way in which the nearest peers say PASS without evidence.

Each row of the study of peers' gates ("candidate produced 10 of 100 answers: PASS", "no common
ids: PASS", "every item slightly worse: PASS") with the answer it should get.
"""

from __future__ import annotations

import json
import random

import pytest

from evalharness.report.facts import build_facts
from evalharness.report.markdown import render_markdown
from evalharness.stats.multiplicity import benjamini_hochberg

SUITE = """
name: words
data: {{path: data.jsonl}}
metrics: [exact_match, f1]
policy:
  min_coverage: 0.98
  gates:
    - {{metric: {metric}, role: primary, test: {test}, {bar}}}
"""
WORDS = [f"word{n}" for n in range(50)]


def samples(n, *, prefix="q", salt=""):
    rng = random.Random(7)
    return [
        {
            "id": f"{prefix}{k}",
            "input": f"question {k}{salt}",
            "target": " ".join(rng.sample(WORDS, 16)),
        }
        for k in range(n)
    ]


def answers(rows, right):
    """Right answers for the samples that `right` accepts, wrong ones for the others."""
    return [
        {"id": row["id"], "output": row["target"] if right(k) else "nothing of the kind"}
        for k, row in enumerate(rows)
    ]


class Bench:
    """A suite in a folder, and verdicts on recordings."""

    def __init__(self, commands, n=100):
        self.commands = commands
        self.rows = samples(n)
        commands.folder.joinpath("suite").mkdir(exist_ok=True)
        self.write("suite/data.jsonl", self.rows)

    def write(self, name, rows):
        return self.commands.jsonl(name, rows)

    def gate(
        self,
        candidate,
        baseline,
        *,
        metric="exact_match",
        test="non_inferiority",
        bar="margin: 0.05",
    ):
        suite = self.commands.suite(SUITE.format(metric=metric, test=test, bar=bar))
        return self.commands.json(
            "gate", suite, "--candidate", self.write("candidate.jsonl", candidate),
            "--baseline", self.write("baseline.jsonl", baseline), "--reports", "none", "--exit-zero",
        )  # fmt: skip


@pytest.fixture
def bench(commands):
    return Bench(commands)


def test_ten_of_a_hundred_answers_are_no_evidence(bench):
    whole = answers(bench.rows, lambda _: True)
    facts = bench.gate(whole[:10], whole)
    assert "INVALID" == facts["verdict"]
    assert ["coverage"] == [reason["code"] for reason in facts["invalid"]]
    assert "10.0%" in facts["why"][0]


def test_a_recording_without_any_common_id_is_invalid(bench):
    strangers = [{"id": f"other{k}", "output": "x"} for k in range(100)]
    facts = bench.gate(strangers, answers(bench.rows, lambda _: True))
    assert "INVALID" == facts["verdict"]


def test_runs_over_other_samples_cannot_be_compared(bench):
    commands = bench.commands
    suite = commands.suite(SUITE.format(metric="f1", test="non_inferiority", bar="margin: 0.05"))
    runs = []
    for prefix in ("q", "z"):
        rows = samples(50, prefix=prefix)
        data = commands.jsonl(f"{prefix}.jsonl", rows)
        recording = commands.jsonl(f"{prefix}-out.jsonl", answers(rows, lambda _: True))
        facts = commands.json("run", suite, "--model", recording, "--data", data)
        runs.append(commands.out / facts["run"])
    code, _, err = commands.run("compare", *runs)
    assert 3 == code
    assert "share no sample" in err


def test_the_same_ids_over_other_questions_are_invalid(bench):
    commands = bench.commands
    suite = commands.suite(SUITE.format(metric="f1", test="non_inferiority", bar="margin: 0.05"))
    runs = []
    for salt in ("", " (reordered)"):
        rows = samples(50, salt=salt)
        data = commands.jsonl("data.jsonl", rows)
        recording = commands.jsonl(f"out{len(runs)}.jsonl", answers(rows, lambda _: True))
        facts = commands.json("run", suite, "--model", recording, "--data", data)
        runs.append(commands.out / facts["run"])
    code, _, err = commands.run("compare", *runs)
    assert 3 == code
    assert "50 of 50 samples have other content" in err
    facts = commands.json(
        "gate", suite, "--candidate", runs[1], "--baseline", runs[0], "--data",
        commands.folder / "data.jsonl", "--reports", "none", "--exit-zero",
    )  # fmt: skip
    assert "INVALID" == facts["verdict"]
    assert "content" in {reason["code"] for reason in facts["invalid"]}


def test_an_empty_recording_is_refused(bench):
    suite = bench.commands.suite(
        SUITE.format(metric="f1", test="non_inferiority", bar="margin: 0.05")
    )
    (bench.commands.folder / "empty.jsonl").write_text("")
    recording = bench.write("whole.jsonl", answers(bench.rows, lambda _: True))
    code, _, err = bench.commands.run(
        "gate", suite, "--candidate", bench.commands.folder / "empty.jsonl", "--baseline", recording
    )
    assert code in (3, 65)
    assert "empty" in err


@pytest.mark.parametrize("n", [3, 10])
def test_a_few_ties_are_not_enough(commands, n):
    bench = Bench(commands, n)
    whole = answers(bench.rows, lambda _: True)
    facts = bench.gate(whole, whole)
    assert "INCONCLUSIVE" == facts["verdict"]
    (gate,) = facts["gates"]
    assert gate["lower"] < gate["difference"] < gate["upper"]
    assert gate["n_more"] > 0


def test_many_ties_are(commands):
    bench = Bench(commands, 400)
    whole = answers(bench.rows, lambda _: True)
    assert "READY" == bench.gate(whole, whole)["verdict"]


def test_every_item_slightly_worse_is_not_ready(commands):
    bench = Bench(commands, 200)
    shortened = [
        {"id": row["id"], "output": " ".join(row["target"].split()[:14])} for row in bench.rows
    ]
    facts = bench.gate(
        shortened, answers(bench.rows, lambda _: True), metric="f1", bar="margin: 0.02"
    )
    assert "NOT_READY" == facts["verdict"]


def test_five_points_better_is_ready(commands):
    bench = Bench(commands, 2000)
    facts = bench.gate(
        answers(bench.rows, lambda k: k % 20 < 16), answers(bench.rows, lambda k: k % 20 < 15)
    )
    assert "READY" == facts["verdict"]


def test_a_drop_of_the_margin_itself_is_not_ready(commands):
    bench = Bench(commands, 2000)
    facts = bench.gate(
        answers(bench.rows, lambda k: k % 20 < 15), answers(bench.rows, lambda k: k % 20 < 16)
    )
    assert facts["verdict"] in ("NOT_READY", "INCONCLUSIVE")


def test_the_order_of_a_recording_does_not_matter(bench):
    candidate = answers(bench.rows, lambda k: k % 3)
    baseline = answers(bench.rows, lambda k: k % 4)
    straight = bench.gate(candidate, baseline)["gates"]
    shuffled = random.Random(1).sample(candidate, len(candidate))
    assert straight == bench.gate(shuffled, baseline)["gates"]


def test_failed_calls_of_the_candidate_count_against_it(commands):
    bench = Bench(commands, 400)
    whole = answers(bench.rows, lambda _: True)
    failing = [
        {"id": row["id"], "error": "timeout"} if k < 8 else row for k, row in enumerate(whole)
    ]
    facts = bench.gate(failing, whole, bar="margin: 0.03")
    (gate,) = facts["gates"]
    assert -8 / 400 == pytest.approx(gate["difference"])
    assert "PASS" == gate["outcome_answered"]
    assert "READY" != facts["verdict"]


def test_failed_calls_of_the_baseline_count_for_the_baseline(commands):
    bench = Bench(commands, 400)
    half = answers(bench.rows, lambda k: k % 2)
    failing = [
        {"id": row["id"], "error": "timeout"} if k < 8 else row for k, row in enumerate(half)
    ]
    (gate,) = bench.gate(half, failing)["gates"]
    assert -4 / 400 == pytest.approx(gate["difference"])
    assert 204 / 400 == pytest.approx(gate["baseline_value"])


def test_too_many_failures_are_invalid_whatever_they_would_decide(bench):
    whole = answers(bench.rows, lambda _: True)
    failing = [{"id": row["id"], "error": "overload"} for row in whole[:5]] + whole[5:]
    facts = bench.gate(whole, failing)
    assert "INVALID" == facts["verdict"]
    assert "baseline" == facts["invalid"][0]["arm"]


def test_a_gate_on_latency_needs_one_sitting(commands):
    bench = Bench(commands, 300)
    timed = [row | {"latency_s": 0.5} for row in answers(bench.rows, lambda _: True)]
    bar = "ratio: 1.2"
    facts = bench.gate(timed, timed, metric="latency_mean_s", test="max_ratio", bar=bar)
    assert "INCONCLUSIVE" == facts["verdict"]
    assert "recorded" in facts["gates"][0]["reason"]
    allowed = f"{bar}, recorded: allowed"
    facts = bench.gate(timed, timed, metric="latency_mean_s", test="max_ratio", bar=allowed)
    assert "READY" == facts["verdict"]


def test_a_suite_without_gates_decides_nothing(bench):
    suite = bench.commands.suite("name: words\ndata: {path: data.jsonl}\nmetrics: [f1]\n")
    recording = bench.write("whole.jsonl", answers(bench.rows, lambda _: True))
    code, _, err = bench.commands.run(
        "gate", suite, "--candidate", recording, "--baseline", recording
    )
    assert 65 == code
    assert "no gates" in err


def test_a_policy_of_ones_own_never_gives_ready(commands):
    bench = Bench(commands, 400)
    whole = bench.write("whole.jsonl", answers(bench.rows, lambda _: True))
    suite = commands.suite(SUITE.format(metric="f1", test="non_inferiority", bar="margin: 0.05"))
    policy = commands.folder / "policy.yaml"
    policy.write_text("gates: [{metric: f1, test: non_inferiority, margin: 0.9}]")
    facts = commands.json(
        "gate", suite, "--candidate", whole, "--baseline", whole, "--policy", policy,
        "--reports", "none", expect=2,
    )  # fmt: skip
    assert "INCONCLUSIVE" == facts["verdict"]
    assert facts["stamps"][0] == "EXPLORATORY"


def test_an_all_wrong_suite_is_suspected(bench):
    wrong = answers(bench.rows, lambda _: False)
    facts = bench.gate(wrong, wrong)
    assert any("0 on every sample" in warning for warning in facts["warnings"])


def test_one_cluster_is_too_little_for_any_verdict(commands):
    bench = Bench(commands, 200)
    bench.write("suite/data.jsonl", [row | {"cluster": "only"} for row in bench.rows])
    whole = answers(bench.rows, lambda k: k % 2)
    facts = bench.gate(whole, whole)
    assert "INCONCLUSIVE" == facts["verdict"]
    assert "clusters" in facts["gates"][0]["reason"]


def test_no_output_holds_nan(commands):
    bench = Bench(commands, 5)
    whole = answers(bench.rows, lambda _: False)
    bench.gate(whole, whole)
    for path in commands.out.rglob("*.json*"):
        assert "NaN" not in path.read_text()


def test_duplicated_items_with_cluster_ids_change_no_bound(bench):
    def facts(copies):
        rows = [
            {**row, "id": f"{row['id']}-{copy}", "cluster": row["id"]}
            for row in bench.rows
            for copy in range(copies)
        ]
        bench.write("suite/data.jsonl", rows)
        right = lambda k: k // copies % 7 != 3  # noqa: E731
        other = lambda k: k // copies % 6 != 2  # noqa: E731
        return bench.gate(answers(rows, right), answers(rows, other))["gates"][0]

    once, thrice = facts(1), facts(3)
    for field in ("outcome", "lower", "upper", "p_value", "method", "n_clusters"):
        assert once[field] == thrice[field], field


def test_too_many_failures_are_invalid_and_both_extremes_are_shown(bench):
    whole = answers(bench.rows, lambda k: k % 10 != 0)
    facts = bench.gate(whole[:80], whole)
    assert "INVALID" == facts["verdict"]
    (folder,) = (bench.commands.out / "gates").iterdir()
    rows = json.loads((folder / "gate.json").read_text())["comparisons"]
    row = next(r for r in rows if r["metric"] == "exact_match" and r["slice"] is None)
    assert row["lower"] < row["difference"] < 0 < row["best_difference"] < row["best_upper"]
    assert row["difference_answered"] == 0.0

    assert "failures could put it anywhere in" in render_markdown(
        build_facts(folder, out=bench.commands.out)
    )


def test_slices_take_benjamini_hochberg(commands):
    commands.run("gate", "facts", "--candidate", "facts-tuned", "--baseline", "facts-undertrained")
    (folder,) = (commands.out / "gates").iterdir()
    rows = json.loads((folder / "gate.json").read_text())["comparisons"]
    sliced = [row for row in rows if row["slice"] is not None and row["p_value"] is not None]

    assert len(sliced) > 3
    assert [row["q_value"] for row in sliced] == benjamini_hochberg(
        [row["p_value"] for row in sliced]
    )
