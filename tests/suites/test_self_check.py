"""`evalharness validate SUITE`: the references of a suite score full marks, or it is broken."""

from __future__ import annotations

import json

import pytest
from written_suites import WRITTEN

PUBLIC = {
    "banking77": "banking77/test.csv.gz",
    "coqa": "chat_jsonl/small_coqa_10.jsonl",
    "gsm8k": "gsm8k/test.jsonl.gz",
    "humaneval": "humaneval/HumanEval.jsonl.gz",
    "mbpp": "mbpp/mbpp.jsonl.gz",
    "squad": "squad/dev_v1.1_sample.json.gz",
    "squad-v2": "squad/dev_v2.0_sample.json.gz",
}


def validate(capsys, *arguments) -> tuple[int, list[dict]]:
    from evalharness.cli.main import main

    code = main(["validate", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)["findings"]


@pytest.mark.parametrize("name", WRITTEN)
def test_every_suite_of_ours_passes_its_own_check(capsys, name):
    assert (0, []) == validate(capsys, name)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_suite_of_a_public_set_passes_its_check_on_the_real_file(capsys, shared_data, name):
    code, found = validate(capsys, name, "--data", shared_data / PUBLIC[name])
    assert 0 == code
    assert not [one for one in found if one["code"] in {"self_check", "suite", "slice"}]


SUITE = """
name: broken
data: {{path: heldout.jsonl}}
metrics: [{metric}]
"""


@pytest.mark.parametrize(
    ("metric", "extract", "message"),
    [
        ("f1", r"extract: {pattern: 'A: (\w)'}", "f1: the reference answers themselves miss full"),
        ("{name: regex, pattern: '^[0-9]+$'}", "", "regex: the reference answers themselves miss"),
        ("{name: length, max: 1}", "", "length: the reference answers themselves miss full marks"),
    ],
)
def test_a_suite_whose_own_references_lose_marks_is_reported_broken(
    commands, capsys, metric, extract, message
):
    path = commands.suite(SUITE.format(metric=metric) + extract, name="broken")
    rows = [{"id": f"q{n}", "input": f"Say {n}.", "target": f"A: word {n}"} for n in range(4)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (path.parent / "heldout.jsonl").write_text(text, encoding="utf-8")
    code, found = validate(capsys, path)
    assert 65 == code
    (only,) = [one for one in found if one["code"] == "self_check"]
    assert only["message"].startswith(message)
    assert "(first: sample 'q0', \"A: word 0\")" in only["message"]


def test_references_that_differ_are_no_fault_of_a_rule_that_leaves_one_out(commands, capsys):
    path = commands.suite(
        "name: c\ndata: {path: heldout.jsonl, turns: all}\nmetrics: [{name: f1, variant: coqa}]\n"
    )
    messages = [{"role": "user", "content": "Who?"}]
    row = {"id": "s#1", "messages": messages, "target": ["Ada", "Ada Flint", "it was Ada"]}
    (path.parent / "heldout.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert (0, []) == validate(capsys, path)


def test_a_metric_that_is_0_on_every_sample_is_reported(commands):
    path = commands.suite("name: zero\ndata: {path: heldout.jsonl}\nmetrics: [exact_match]\n")
    rows = [{"id": f"q{n}", "input": f"Say {n}.", "target": str(n)} for n in range(12)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (path.parent / "heldout.jsonl").write_text(text, encoding="utf-8")
    answers = commands.jsonl("a.jsonl", [{"id": row["id"], "output": "no"} for row in rows])
    code, out, err = commands.run("score", path, answers)
    assert 0 == code
    assert "exact_match is 0 on every sample: is the suite broken" in out + err


def test_a_run_of_a_suite_whose_references_all_fail_says_that_the_suite_is_broken(commands):
    path = commands.suite(SUITE.format(metric="{name: regex, pattern: '^[0-9]+$'}"), name="broken")
    rows = [{"id": f"q{n}", "input": f"Say {n}.", "target": f"word {n}"} for n in range(4)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (path.parent / "heldout.jsonl").write_text(text, encoding="utf-8")
    answers = commands.jsonl("a.jsonl", [{"id": f"q{n}", "output": str(n)} for n in range(4)])
    code, out, err = commands.run("score", path, answers)
    assert 0 == code
    assert "regex: the reference answers themselves miss full marks, 4 of 4" in " ".join(
        (out + err).split()
    )
