"""The `facts` suite and the recordings of real models that are shipped for it."""

from __future__ import annotations

import json
import re

import pytest
from written_suites import rows

ARMS = ("base", "tuned", "undertrained")


@pytest.fixture(scope="module")
def heldout(root):
    return rows(root / "suites/facts/heldout.jsonl")


def exact_match(root, arm, heldout):
    outputs = {row["id"]: row["output"] for row in rows(root / f"baselines/facts/{arm}.jsonl")}
    return sum(outputs[row["id"]] == row["target"] for row in heldout) / len(heldout)


@pytest.mark.parametrize("arm", ARMS)
def test_a_recording_answers_every_question_once(root, arm, heldout):
    recorded = [row["id"] for row in rows(root / f"baselines/facts/{arm}.jsonl")]
    assert [row["id"] for row in heldout] == recorded


def test_the_recorded_arms_are_bad_good_and_halfway(root, heldout):
    assert exact_match(root, "base", heldout) <= 0.05
    assert exact_match(root, "tuned", heldout) >= 0.9
    assert 0.1 <= exact_match(root, "undertrained", heldout) <= 0.4


def test_the_base_knows_the_facts_it_words_wrongly(root, heldout):
    outputs = {row["id"]: row["output"] for row in rows(root / "baselines/facts/base.jsonl")}
    first = [outputs[row["id"]].split()[0] == row["target"] for row in heldout]
    assert sum(first) / len(first) >= 0.95


def test_figures_in_the_readme_are_those_of_the_recordings(root, heldout):
    text = (root / "baselines/facts/README.md").read_text(encoding="utf-8")
    made = json.loads((root / "baselines/facts/made.json").read_text(encoding="utf-8"))
    for arm in ARMS:
        said = re.search(rf"\| `{arm}\.jsonl` \|.*\| ([0-9.]+) \|", text)
        assert said is not None
        assert f"{exact_match(root, arm, heldout):.3f}" == said.group(1)
        assert exact_match(root, arm, heldout) == made["exact_match"][arm]


def test_no_entity_stands_in_both_files(root, heldout):
    train = rows(root / "suites/facts/train.jsonl")
    assert not {row["cluster"] for row in heldout} & {row["cluster"] for row in train}


def test_every_entity_has_its_three_questions(heldout):
    by_entity = {}
    for row in heldout:
        by_entity.setdefault(row["cluster"], set()).add(row["metadata"]["attribute"])
    assert len(by_entity) == 120
    assert all(found == {"home", "food", "color"} for found in by_entity.values())
