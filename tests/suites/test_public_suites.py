"""Suites of public sets: their field mappings fit the real files, and prompts can be rendered.

The files are read where they lie, beside the checkout; without them these tests are skipped aloud.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys

import pytest
from written_suites import ALL, SUITES, WRITTEN, rows

from evalharness.catalog import make_metric
from evalharness.data.sources import open_source
from evalharness.prompts.build import build_program
from evalharness.records import Completion, Item
from evalharness.spec.read import read_suite
from evalharness.stages.extraction import build_extractor

PUBLIC = sorted(set(ALL) - set(WRITTEN))


def samples(suite, path, limit=None):
    return list(open_source(suite.data, base=SUITES, override=path, limit=limit))


def render(suite, sample):
    return build_program(suite.prompt, base=SUITES, where=suite.name).render(sample)


def unpack(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_the_public_suites_are_these():
    assert PUBLIC == [
        "banking77",
        "coqa",
        "gsm8k",
        "humaneval",
        "humaneval-plus",
        "mbpp",
        "mbpp-plus",
        "squad",
        "squad-v2",
        "wmt-de-en",
        "xsum",
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_no_data_of_a_public_set_is_shipped(name):
    kinds = {path.suffix for path in (SUITES / name).iterdir()}
    assert kinds <= {".yaml", ".md", ".py"}


def test_gsm8k_reads_the_authors_test_file(shared_data):
    suite = read_suite(SUITES / "gsm8k/suite.yaml")
    found = samples(suite, shared_data / "gsm8k/test.jsonl.gz")
    assert len(found) == 1319
    assert found[0].targets[0].endswith("#### 18")
    assert render(suite, found[0])[0].role == "system"


@pytest.mark.parametrize(("model", "right"), [("6b_finetuning", 286), ("175b_finetuning", 458)])
def test_gsm8k_solutions_are_extracted_as_their_authors_graded(shared_data, model, right):
    suite = read_suite(SUITES / "gsm8k/solutions.yaml")
    path = shared_data / f"gsm8k/{model}.jsonl.gz"
    found = {sample.id: sample for sample in samples(suite, path)}
    extract = build_extractor(suite.extract, where="suite")
    solutions = unpack(path)
    texts = [extract(row[suite.outputs["output"]]) for row in solutions]
    items = [
        Item(
            sample=found[str(row["id"])],
            completion=Completion(text=row["solution"]),
            text=text or "",
        )
        for row, text in zip(solutions, texts, strict=True)
    ]
    judged = make_metric("numeric_match", {}).measure(items)
    flags = judged.rows_nk[:, 0] == 1.0
    assert [row["is_correct"] for row in solutions] == flags.tolist()
    assert flags.sum() == right


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2 + 2 = 4\nA: 4", "4"),
        ("A: 3\nWait, no.\nA: 5", "5"),
        ("**A: 1,200**", "1,200**"),
        ("so\n#### 18", "18"),
        ("A: $42.50", "42.50"),
        ("The total is 7.", None),
    ],
)
def test_gsm8k_takes_what_stands_after_the_last_mark(text, number):
    suite = read_suite(SUITES / "gsm8k/suite.yaml")
    assert build_extractor(suite.extract, where="suite")(text) == number


@pytest.mark.parametrize(
    ("name", "file", "n", "unanswerable"),
    [("squad", "dev_v1.1_sample", 1190, 0), ("squad-v2", "dev_v2.0_sample", 6078, None)],
)
def test_squad_reads_the_authors_json(shared_data, name, file, n, unanswerable):
    suite = read_suite(SUITES / name / "suite.yaml")
    found = samples(suite, shared_data / f"squad/{file}.json.gz")
    assert len(found) == n
    if unanswerable == 0:
        assert all(sample.targets for sample in found)
    else:
        assert 0.3 < sum(not sample.targets for sample in found) / n < 0.7
    message = render(suite, found[0])[-1].content
    assert "Passage: " in message
    assert message.endswith(found[0].input)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("unanswerable", ""),
        (" Unanswerable.\n", ""),
        ("", ""),
        ("Denver Broncos", "Denver Broncos"),
        ("unanswerable questions", "unanswerable questions"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_squad_v2_abstains_by_a_word(text, kept):
    suite = read_suite(SUITES / "squad-v2/suite.yaml")
    assert build_extractor(suite.extract, where="suite")(text) == kept


def test_squad_v2_keeps_every_recorded_prediction(shared_data):
    suite = read_suite(SUITES / "squad-v2/suite.yaml")
    extract = build_extractor(suite.extract, where="suite")
    path = shared_data / "squad/pred_v2.0_bert_single.json.gz"
    predictions = json.loads(gzip.decompress(path.read_bytes()))
    assert all(extract(text) == text.strip() for text in predictions.values())


def test_coqa_reads_chat_rows_as_turns_with_their_history(shared_data):
    suite = read_suite(SUITES / "coqa/suite.yaml")
    found = samples(suite, shared_data / "chat_jsonl/small_coqa_10.jsonl")
    turns = sum(
        sum(message["role"] == "assistant" for message in row["messages"])
        for row in rows(shared_data / "chat_jsonl/small_coqa_10.jsonl")
    )
    assert len(found) == turns
    assert len({sample.cluster for sample in found}) == 10
    second = found[1]
    assert [turn.role for turn in render(suite, second)] == ["system", "user", "assistant", "user"]


STORY = {
    "id": "s1",
    "source": "wikipedia",
    "story": "Ann has a red kite.",
    "questions": [{"input_text": "Who?"}, {"input_text": "What color?"}],
    "answers": [{"input_text": "Ann"}, {"input_text": "red"}],
    "additional_answers": {
        "0": [{"input_text": "She"}, {"input_text": "Red"}],
        "1": [{"input_text": "Ann"}, {"input_text": "it is red"}],
    },
}


def test_coqa_is_converted_from_the_authors_form_with_all_references(tmp_path):
    source, out = tmp_path / "coqa.json", tmp_path / "coqa.jsonl"
    source.write_text(json.dumps({"data": [STORY]}), encoding="utf-8")
    script = SUITES / "coqa/convert.py"
    command = [sys.executable, str(script), "--source", str(source), "--out", str(out)]
    subprocess.run(command, check=True, timeout=60)
    suite = read_suite(SUITES / "coqa/suite.yaml")
    found = samples(suite, out)
    assert [sample.id for sample in found] == ["s1#1", "s1#2"]
    assert found[1].targets == ("red", "Red", "it is red")
    assert [sample.cluster for sample in found] == ["s1", "s1"]
    asked = render(suite, found[1])
    assert [turn.content for turn in asked[1:]] == ["Who?", "Ann", "What color?"]


def test_xsum_takes_rows_made_of_the_gold_lines(shared_data, tmp_path):
    suite = read_suite(SUITES / "xsum/suite.yaml")
    gold = gzip.decompress((shared_data / "xsum/gold.txt.gz").read_bytes()).decode().split("\n")
    data = tmp_path / "gold.jsonl"
    lines = [
        json.dumps({"id": str(number), "document": "", "summary": line.strip()})
        for number, line in enumerate(gold[:50])
    ]
    data.write_text("\n".join(lines), encoding="utf-8")
    found = samples(suite, data)
    assert len(found) == 50
    assert found[0].targets[0].startswith("on the first day in his new job")


def test_wmt_reaches_into_the_translation_object(tmp_path):
    suite = read_suite(SUITES / "wmt-de-en/suite.yaml")
    data = tmp_path / "wmt.jsonl"
    data.write_text('{"translation": {"de": "Guten Tag.", "en": "Good day."}}\n', encoding="utf-8")
    (sample,) = samples(suite, data)
    assert (sample.input, sample.targets) == ("Guten Tag.", ("Good day.",))


def test_banking77_reads_the_authors_csv(shared_data):
    suite = read_suite(SUITES / "banking77/suite.yaml")
    found = samples(suite, shared_data / "banking77/test.csv.gz")
    assert len(found) == 3080
    assert len({sample.targets for sample in found}) == 77


def test_variants_of_a_suite_differ_in_their_data_only():
    for suite, variant in (("banking77", "hub"), ("gsm8k", "solutions")):
        one = read_suite(SUITES / suite / "suite.yaml")
        other = read_suite(SUITES / suite / f"{variant}.yaml")
        assert (one.prompt, one.extract, one.metrics, one.policy) == (
            other.prompt,
            other.extract,
            other.metrics,
            other.policy,
        )
        assert other.name == f"{suite}-{variant}"


@pytest.mark.parametrize(
    ("name", "file"),
    [("humaneval", "HumanEval"), ("humaneval-plus", "HumanEvalPlus-OriginFmt")],
)
def test_humaneval_reads_the_authors_tasks(shared_data, name, file):
    suite = read_suite(SUITES / name / "suite.yaml")
    found = samples(suite, shared_data / f"humaneval/{file}.jsonl.gz", limit=20)
    raw = unpack(shared_data / f"humaneval/{file}.jsonl.gz")[:20]
    for sample, row in zip(found, raw, strict=True):
        assert sample.id == row["task_id"]
        assert sample.code.prompt == row["prompt"] == sample.input
        assert sample.code.entry_point == row["entry_point"]
        assert sample.code.tests == row["test"]
        assert sample.code.canonical == row["canonical_solution"]
        assert render(suite, sample)[-1].content == row["prompt"]


def test_mbpp_shows_its_asserts_and_is_judged_by_them(shared_data):
    suite = read_suite(SUITES / "mbpp/suite.yaml")
    found = samples(suite, shared_data / "mbpp/mbpp.jsonl.gz")
    assert len(found) == 974
    first = found[0]
    assert len(re.findall(r"^assert min_cost", first.code.tests, re.MULTILINE)) == 3
    shown = render(suite, first)[-1].content
    assert shown.startswith(first.input)
    assert all(line in shown for line in first.code.tests.splitlines())


def test_mbpp_plus_is_converted_to_tasks_with_checks(shared_data, tmp_path):
    out = tmp_path / "mbpp-plus.jsonl"
    source = shared_data / "mbpp/MbppPlus.jsonl.gz"
    script = SUITES / "mbpp-plus/convert.py"
    command = [sys.executable, str(script), "--source", str(source), "--out", str(out)]
    subprocess.run(command, check=True, timeout=60)
    suite = read_suite(SUITES / "mbpp-plus/suite.yaml")
    found = samples(suite, out)
    assert len(found) == 375
    for sample in found[:40]:
        compile(sample.code.tests, sample.id, "exec")
    for sample in found:
        assert "def check(candidate):" in sample.code.tests
    tuples = next(sample for sample in found if sample.id == "Mbpp/2")
    assert "INPUTS = [[(3, 4, 5, 6), (5, 7, 4, 10)]" in tuples.code.tests
    assert render(suite, tuples)[-1].content.startswith("Write a function")
