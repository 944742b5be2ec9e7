"""Public data sets as their authors ship them: counts, traps, pairing with recordings."""

from __future__ import annotations

import json

import pytest

from evalharness.data.checks import check_data
from evalharness.data.recordings import open_recording
from evalharness.data.rows import Row, iter_rows
from evalharness.data.sources import open_source
from evalharness.data.training import check_training
from evalharness.records import Answered
from evalharness.spec.suite import CodeSpec, DataSpec

pytestmark = pytest.mark.shared


def samples(folder, name, **spec):
    return list(open_source(DataSpec(path=name, **spec), base=folder))


def expected(folder):
    return json.loads((folder / "expected.json").read_text())


def test_squad_2_has_its_answerable_and_unanswerable_questions(shared_data):
    read = samples(shared_data / "squad", "dev_v2.0_sample.json.gz")
    totals = expected(shared_data / "squad")["v2.0 on dev_v2.0_sample.json"]["bert_single"]

    assert totals["total"] == len(read)
    assert totals["HasAns_total"] == sum(s.slices["answerable"] == "has" for s in read)
    assert totals["NoAns_total"] == sum(not s.targets for s in read)
    assert len({s.cluster for s in read}) > 100
    assert all(target in s.metadata["context"] for s in read for target in s.targets)


def test_squad_1_has_one_reference_each(shared_data):
    read = samples(shared_data / "squad", "dev_v1.1_sample.json.gz")

    assert 1190 == len(read)
    assert {1} == {len(s.targets) for s in read}
    assert {()} == {tuple(s.slices) for s in read}


@pytest.mark.parametrize("system", ["bert_ensemble", "logistic_regression", "match_lstm_ensemble"])
def test_squad_predictions_lack_what_the_reference_says(shared_data, system):
    folder = shared_data / "squad"
    read = samples(folder, "dev_v1.1_sample.json.gz")
    (totals,) = [v for k, v in expected(folder).items() if k.startswith("v1.1 on dev")]
    with open_recording(folder / f"pred_v1.1_{system}.json.gz", fields={}) as recording:
        found = [recording.lookup(sample.id) for sample in read]
        n_extra = len(recording.extra_ids(sample.id for sample in read))

        assert totals[system]["missing_predictions"] == sum(outcome is None for outcome in found)
        assert recording.n - (len(read) - found.count(None)) == n_extra


def test_gsm8k_solutions_pair_with_the_test_set_by_question(shared_data):
    """The recordings number their rows; the test set has no ids, so both are named by question."""
    folder = shared_data / "gsm8k"
    read = samples(
        folder, "test.jsonl.gz", fields={"id": "question", "input": "question", "target": "answer"}
    )
    for model, figures in expected(folder)["models"].items():
        fields = {"id": "question", "output": "solution"}
        with open_recording(folder / f"{model}.jsonl.gz", fields=fields) as recording:
            answers = [recording.lookup(sample.id) for sample in read]
            assert [] == recording.extra_ids(sample.id for sample in read)
        right = sum(
            answer.completion.text.rpartition("A: ")[2].replace(",", "")
            == sample.targets[0].rpartition("#### ")[2].replace(",", "")
            for answer, sample in zip(answers, read, strict=True)
        )
        assert (figures["n"], figures["correct"]) == (len(read), right)


def test_banking77_leaks_six_texts(shared_data):
    folder = shared_data / "banking77"
    spec = DataSpec(
        path="test.csv.gz", train="train.csv.gz", fields={"input": "text", "target": "category"}
    )
    figures = expected(folder)
    leaks = [f for f in check_data(spec, base=folder) if f.code == "leak"]

    assert figures["train_test_exact_text_overlap"] == sum(f.severity == "error" for f in leaks)
    assert figures["test_rows"] == len(samples(folder, "test.csv.gz", fields=spec.fields))
    assert figures["train_rows"] == len(samples(folder, "train.csv.gz", fields=spec.fields))


def test_chat_files_pass_as_the_service_s_own_check_says(shared_data):
    folder = shared_data / "chat_jsonl"
    for name, figures in expected(folder)["files"].items():
        findings = check_training(folder / name)
        passed = not any(finding.severity == "error" for finding in findings)
        assert figures["together_check_file"]["is_check_passed"] == passed
        rows = list(iter_rows(folder / name, "jsonl"))
        assert figures["lines"] == len(rows)


def test_coqa_conversations_give_a_sample_a_turn(shared_data):
    folder = shared_data / "chat_jsonl"
    sequences = expected(folder)["files"]["small_coqa_10.jsonl"]["role_sequences"]
    n_turns = sum(sequence.split().count("a") * n for sequence, n in sequences.items())
    read = samples(folder, "small_coqa_10.jsonl", turns="all")

    assert n_turns == len(read)
    assert 10 == len({sample.cluster for sample in read})
    assert 10 == len(samples(folder, "small_coqa_10.jsonl"))
    assert all("system" == sample.messages[0].role for sample in read)


def test_the_toy_chat_file_repeats_itself_and_says_so(shared_data):
    path = shared_data / "chat_jsonl" / "toy_chat_fine_tuning.jsonl"
    repeated = [f for f in check_training(path) if f.code == "duplicate"]

    assert 5 == len(repeated)
    assert all(f.severity == "warning" for f in repeated)


def test_instructgpt_tables_are_whole(shared_data):
    rows = list(iter_rows(shared_data / "instructgpt" / "squadv2.csv.gz", "csv"))

    assert all(isinstance(row, Row) for row in rows)
    assert 2400 == len(rows)
    assert {("model_type", "prompt_type", "context", "ref_text", "sample")} == {
        tuple(row.values) for row in rows
    }


@pytest.mark.parametrize("name", ["HumanEval.jsonl.gz", "HumanEvalPlus-OriginFmt.jsonl.gz"])
def test_humaneval_tasks_are_complete(shared_data, name):
    read = samples(
        shared_data / "humaneval",
        name,
        fields={
            "id": "task_id",
            "input": "prompt",
            "tests": "test",
            "canonical": "canonical_solution",
        },
        code=CodeSpec(prompt_is_code=True, preload=("numpy",)),
    )

    assert expected(shared_data / "humaneval")["canonical_solution"]["n"] == len(read)
    for sample in read:
        assert "def check(candidate)" in sample.code.tests
        assert f"def {sample.code.entry_point}(" in sample.code.prompt
        compile(sample.code.prompt + sample.code.canonical, sample.id, "exec")


def test_mbpp_asserts_are_joined(shared_data):
    read = samples(
        shared_data / "mbpp",
        "mbpp.jsonl.gz",
        fields={
            "id": "task_id",
            "input": "text",
            "tests": "test_list",
            "canonical": "code",
            "prompt": "test_setup_code",
        },
        code=CodeSpec(style="asserts"),
    )

    assert expected(shared_data / "mbpp")["mbpp.jsonl"] == len(read)
    assert all(line.startswith("assert") for line in read[0].code.tests.split("\n"))
    assert [str(number) for number in range(1, 975)] == [sample.id for sample in read]


def test_mbpp_sanitised_and_plus_are_read(shared_data):
    fields = {"id": "task_id", "input": "prompt", "canonical": "canonical_solution"}
    counts = expected(shared_data / "mbpp")
    sanitised = samples(
        shared_data / "mbpp", "mbpp_sanitized.jsonl.gz", fields={**fields, "tests": "test"}
    )
    plus = samples(
        shared_data / "mbpp", "MbppPlus.jsonl.gz", fields={**fields, "tests": "assertion"}
    )

    assert counts["mbpp_sanitized.jsonl"] == len(sanitised)
    assert counts["MbppPlus.jsonl"] == len(plus)


def test_fifty_samples_a_task_are_repeats(shared_data):
    path = shared_data / "humaneval_samples" / "codegen16b_T0.8_samples0-49.jsonl.gz"
    fields = {"id": "task_id", "output": "completions"}
    with open_recording(path, fields=fields) as recording:
        texts = [
            recording.lookup(f"HumanEval/{task}", repeat).completion.text
            for task in range(164)
            for repeat in range(50)
        ]
        assert recording.lookup("HumanEval/0", 50) is None

    assert 8200 == len(texts)


@pytest.mark.parametrize(("name", "n"), [("de-en.hyp.AIRC.gz", 549), ("en-zh.hyp.HW-TSC.gz", 2074)])
def test_translations_align_line_by_line(shared_data, name, n):
    ids = [str(number) for number in range(n)]
    with open_recording(shared_data / "wmt23" / name, fields={}, ids=ids) as recording:
        assert n == recording.n
        assert all(isinstance(recording.lookup(sample_id), Answered) for sample_id in ids)


def test_a_table_with_a_byte_order_mark_is_read(shared_data):
    read = samples(
        shared_data / "truthfulqa",
        "TruthfulQA.csv.gz",
        fields={"input": "Question", "target": "Best Answer"},
        slices=("Type", "Category"),
    )

    assert 813 == len(read)
    assert {"Adversarial", "Non-Adversarial"} == {sample.slices["Type"] for sample in read}
