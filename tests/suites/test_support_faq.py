"""The `support-faq` suite: its style holds in every answer, and its rule baselines are honest."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from written_suites import rows

ABSENT = "Not in our help pages."


@pytest.fixture(scope="module")
def heldout(root):
    return rows(root / "suites/support-faq/heldout.jsonl")


@pytest.fixture(scope="module")
def train(root):
    return rows(root / "suites/support-faq/train.jsonl")


def test_every_answer_keeps_the_house_style(heldout, train):
    for row in heldout + train:
        words = row["answer"].split()
        assert 2 <= len(words) <= 8, row
        assert row["answer"].endswith("."), row
        assert not re.search(
            r"\b(1 (days|years|points)|hello|dear)\b", row["answer"], re.IGNORECASE
        )


def test_yes_no_questions_are_answered_with_yes_no_or_the_exception(heldout):
    answers = [row["answer"] for row in heldout if row["metadata"]["kind"] == "yes_no"]
    assert all(re.match(r"(Yes|No|Only)\b", answer) for answer in answers)


def test_digits_of_an_answer_stand_on_the_page(heldout, train):
    for row in heldout + train:
        for number in re.findall(r"\d+(?:\.\d+)?", row["answer"]):
            assert number in row["article"], row


def test_questions_without_an_answer_share_no_rule_with_their_page(heldout):
    absent = [row for row in heldout if row["metadata"]["kind"] == "absent"]
    assert 40 <= len(absent) <= 80
    assert all(row["answer"] == ABSENT for row in absent)
    assert all(row["answer"] != ABSENT for row in heldout if row not in absent)


def test_no_shop_stands_in_both_files(heldout, train):
    shops = [{row["metadata"]["shop"] for row in part} for part in (heldout, train)]
    assert len(shops[0]) == 12
    assert len(shops[1]) == 4
    assert not shops[0] & shops[1]


def test_questions_begin_with_a_capital_and_have_no_open_brace(heldout, train):
    for row in heldout + train:
        assert row["question"][0].isupper()
        assert not re.search(r"[{}]", row["question"] + row["article"] + row["answer"])


def test_the_rule_program_writes_the_shipped_recordings(root, tmp_path):
    suite, baseline = tmp_path / "suites/support-faq", tmp_path / "baselines/support-faq"
    suite.mkdir(parents=True)
    baseline.mkdir(parents=True)
    (suite / "heldout.jsonl").write_bytes((root / "suites/support-faq/heldout.jsonl").read_bytes())
    script = baseline / "answer_by_rule.py"
    script.write_bytes((root / "baselines/support-faq/answer_by_rule.py").read_bytes())
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)
    for name in ("copied-sentence.jsonl", "house-style-rules.jsonl"):
        shipped = root / "baselines/support-faq" / name
        assert shipped.read_bytes() == (baseline / name).read_bytes()


def test_the_readme_states_the_exact_match_of_the_recordings(root, heldout):
    text = (root / "baselines/support-faq/README.md").read_text(encoding="utf-8")
    for arm in ("copied-sentence", "house-style-rules"):
        lines = (root / f"baselines/support-faq/{arm}.jsonl").read_text(encoding="utf-8")
        outputs = {row["id"]: row["output"] for row in map(json.loads, lines.splitlines())}
        right = sum(outputs[row["id"]] == row["answer"] for row in heldout) / len(heldout)
        assert re.search(rf"\| `{arm}\.jsonl` \|.*\| {right:.3f} \|", text)
