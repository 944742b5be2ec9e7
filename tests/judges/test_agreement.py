"""Judges and people: agreement, and scores that people correct; through the command line."""

from __future__ import annotations

import gzip
import hashlib
import json

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evalharness.errors import TooFewSamples
from evalharness.metrics.agreement import JudgeAgreement, JudgeCorrected
from evalharness.stats.agreement import cohen_kappa, krippendorff_alpha
from evalharness.stats.corpus import corpus_effect
from evalharness.stats.ppi import corrected_mean, ppi_mean
from evalharness.text.judgement import Shape, Unreadable, read_verdict

LABELS = st.integers(1, 4)


def says(score):
    return json.dumps({"reason": "r", "score": score})


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


# --- coefficients ------------------------------------------------------------------------------


@given(st.lists(st.tuples(LABELS, LABELS), min_size=2, max_size=30))
def test_kappa_is_that_of_scikit_learn(pairs):
    one, other = zip(*pairs, strict=True)
    assume(len({*one, *other}) > 1)
    assert cohen_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@given(
    table=st.lists(st.lists(st.none() | LABELS, min_size=3, max_size=3), min_size=2, max_size=20)
)
def test_alpha_is_that_of_the_package_krippendorff(level, table):
    raters = [list(rater) for rater in zip(*table, strict=True)]
    kept = [[x for x in unit if x is not None] for unit in table]
    assume(len({x for unit in kept if len(unit) > 1 for x in unit}) > 1)
    theirs = krippendorff.alpha(
        [[np.nan if x is None else x for x in rater] for rater in raters],
        level_of_measurement=level,
    )
    assert krippendorff_alpha(raters, level=level) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("labels", [[[1, 1], [1, 1]], [[1, None], [None, 2]]])
def test_agreement_that_cannot_be_told_is_refused(labels):
    with pytest.raises(TooFewSamples):
        krippendorff_alpha(labels, level="nominal")


def test_kappa_needs_equally_many_labels():
    with pytest.raises(ValueError, match="2 labels and 1"):
        cohen_kappa([1, 2], [1])


@pytest.mark.shared
def test_pandalms_annotators_agree_as_published(shared_data):
    folder = shared_data / "pandalm"
    lines = gzip.decompress((folder / "testset.jsonl.gz").read_bytes()).decode().splitlines()
    rows = [json.loads(line) for line in lines]
    wanted = json.loads((folder / "expected.json").read_text())["human_pairwise_kappa"]
    for pair, kappa in wanted.items():
        one, other = ([row[f"annotator{k}"] for row in rows] for k in pair.split("-"))
        assert kappa == pytest.approx(cohen_kappa(one, other), abs=1e-12)


@pytest.mark.shared
def test_pandalms_judge_is_as_often_right_as_published(shared_data):
    folder = shared_data / "pandalm"

    def rows(name):
        text = gzip.decompress((folder / name).read_bytes()).decode()
        return [json.loads(line) for line in text.splitlines()]

    wanted = json.loads((folder / "expected.json").read_text())
    people = {
        row["idx"]: max((1, 2, 0), key=[row[f"annotator{k}"] for k in (1, 2, 3)].count)
        for row in rows("testset.jsonl.gz")
    }
    shape = Shape("word", choices={"1": 1.0, "2": 2.0, "tie": 0.0}, pattern=r"^(1|2|Tie)$")
    right = unread = 0
    for row in rows("judge_gpt-3.5-turbo.jsonl.gz"):
        try:
            right += read_verdict(row["result"], shape)["score"] == people[row["idx"]]
        except Unreadable:
            unread += 1
    assert (wanted["accuracy"], wanted["unparsed"]) == (right / wanted["n"], unread)


# --- correction --------------------------------------------------------------------------------


def cases(root):
    return json.loads((root / "tests" / "vectors" / "ppi_mean.json").read_text())["cases"]


def test_corrected_means_are_those_of_ppi_python(root):
    for case in cases(root):
        found = ppi_mean(case["labels"], case["judged"], case["rest"])
        assert found.value == pytest.approx(case["value"], abs=1e-12)
        assert 0.0 <= found.power <= 1.0


def test_intervals_are_near_those_of_ppi_python(root):
    for case in cases(root):  # theirs tunes the power at another point estimate
        bounds = ppi_mean(case["labels"], case["judged"], case["rest"]).bounds(0.05)
        assert bounds.lower == pytest.approx(case["lower"], abs=1e-9)
        assert bounds.upper == pytest.approx(case["upper"], abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=20),
       st.lists(st.floats(0, 1), min_size=2, max_size=20))  # fmt: skip
def test_sums_of_parts_give_what_the_whole_gives(both, rest):
    labels, judged = map(np.array, zip(*both, strict=True))
    rest = np.array(rest)
    sums = np.array([len(rest), rest.sum(), len(labels), labels.sum(), judged.sum(),
                     (labels * judged).sum(), (judged**2).sum() + (rest**2).sum()])  # fmt: skip
    assert float(corrected_mean(sums)) == pytest.approx(ppi_mean(labels, judged, rest).value)
    assert float(corrected_mean(np.stack([sums, 2 * sums]))[0]) == float(corrected_mean(sums))


def test_a_judge_that_says_nothing_leaves_the_labels_alone():
    found = ppi_mean([0.0, 1.0, 1.0], [0.5, 0.5, 0.5], [0.5] * 10)
    assert (found.power, found.value) == (0.0, pytest.approx(2 / 3))


def test_a_perfect_judge_is_believed():
    labels = [0.0, 1.0] * 50
    found = ppi_mean(labels, labels, [1.0, 0.0, 0.0, 0.0] * 1000)
    assert found.power > 0.9
    assert 0.25 <= found.value < 0.30


def biased(rng, n, n_labelled):
    """People's scores, and a judge that is 0.2 too kind; rows of the metric."""
    truth = (rng.random(n) < 0.6).astype(float)
    judged = np.where(rng.random(n) < 0.2, 1.0, truth)
    rows = np.zeros((n, 9))
    rows[:n_labelled, 3:8] = np.column_stack(
        [np.ones(n), truth, judged, truth * judged, judged**2])[:n_labelled]  # fmt: skip
    rows[n_labelled:, 1:3] = np.column_stack([np.ones(n), judged])[n_labelled:]
    rows[n_labelled:, 7] = judged[n_labelled:] ** 2
    return rows, judged.mean()


def test_the_corrected_interval_holds_the_truth_where_the_judges_does_not():
    rng = np.random.default_rng(11)
    metric = JudgeCorrected()
    inside = believed = 0
    for _ in range(150):
        rows, plain = biased(rng, 400, 100)
        bounds = corpus_effect(rows, metric.reduce, rng=rng, value_range=(0.0, 1.0), draws=600)
        interval = bounds.bounds(0.05)
        inside += interval.lower <= 0.6 <= interval.upper
        believed += abs(plain - 0.6) < 0.04
    assert 0.84 <= inside / 150 <= 0.97
    assert believed / 150 < 0.2


def test_agreement_from_sums_is_that_of_the_coefficient():
    rng = np.random.default_rng(3)
    label = rng.integers(1, 6, 40).astype(float)
    judged = np.clip(label + rng.integers(-1, 2, 40), 1, 5).astype(float)
    rows = np.column_stack(
        [np.ones(40), label, judged, label**2 + judged**2, (label - judged) ** 2]
    )
    wanted = krippendorff_alpha([label.tolist(), judged.tolist()], level="interval")
    assert float(JudgeAgreement().reduce(rows.sum(axis=0))) == pytest.approx(wanted)


# --- through the command line ------------------------------------------------------------------


def kind_judge(court, human):
    model = court.script("judge.yaml", lambda k: says(4))
    court.commands.jsonl("suite/labels.jsonl", human)
    court.suite(
        {"name": "helpful", "model": model, "rubric": "r", "scale": "1..5", "human": "labels.jsonl"}
    )


def label(k, score, text=None, **more):
    named = {"answer_sha256": sha(text)} if text is not None else {"arm": "first"}
    return {"id": f"q{k}", "score": score, "annotator": "anna", **named, **more}


def test_people_correct_a_judge_that_is_too_kind(court):
    kind_judge(court, [label(k, 3, f"a{k}") for k in range(20)])
    metrics = court.run("run", court.answers("first", lambda k: f"a{k}"))["metrics"]
    assert (3.0, 4.0) == (metrics["helpful"]["value"], metrics["helpful_uncorrected"]["value"])
    assert metrics["helpful_agreement"]["value"] is not None
    assert metrics["helpful"]["signature"] != metrics["helpful_uncorrected"]["signature"]


def test_labels_of_another_answer_do_not_count(court):
    kind_judge(court, [label(k, 3, "another answer") for k in range(20)])
    metrics = court.run("run", court.answers("first", lambda k: f"a{k}"))["metrics"]
    assert metrics["helpful"]["value"] is None
    assert 4.0 == metrics["helpful_uncorrected"]["value"]


def test_changed_labels_are_read_again_without_asking_the_judge(court):
    kind_judge(court, [label(k, 3) for k in range(20)])
    first = court.answers("first", lambda k: f"a{k}")
    court.run("run", first)
    asked = len(court.evidence())
    court.commands.jsonl("suite/labels.jsonl", [label(k, 2) for k in range(20)])
    assert 2.0 == court.run("run", first)["metrics"]["helpful"]["value"]
    assert asked == len(court.evidence())


def test_people_alone_are_a_judge(court):
    court.commands.jsonl("suite/labels.jsonl",
                         [label(k, 1 + k % 5) for k in range(court.n)]
                         + [label(k, 5, annotator="bea") for k in range(court.n)])  # fmt: skip
    court.suite({"name": "helpful", "human": "labels.jsonl"})
    metrics = court.run("run", court.answers("first", lambda k: f"a{k}"))["metrics"]
    assert 4.0 == metrics["helpful"]["value"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"id": "q0", "score": 9, "arm": "first"}, "not from 1 to 5"),
        ({"id": "q0", "score": 3}, "which answer it is about"),
        ({"id": "q0", "score": "3", "arm": "first"}, "$.score"),
        ({"id": "q0", "skore": 3, "arm": "first"}, "skore"),
    ],
)
def test_a_broken_label_is_refused_with_its_line(court, row, told):
    kind_judge(court, [label(1, 3), row])
    first = court.answers("first", lambda k: f"a{k}")
    code, _, err = court.commands.run("run", court.path, "--model", first, "-q")
    assert 65 == code
    assert "labels.jsonl:2" in err
    assert told in err


def test_votes_correct_a_judge_of_pairs(court):
    first, second = (court.answers(name, lambda k, n=name: f"{n} {k}") for name in ("one", "two"))
    votes = [
        {"id": f"q{k}", "annotator": "anna", "better": sha(f"two {k}"),
         "answers": [sha(f"one {k}"), sha(f"two {k}")]}
        for k in range(30)
    ]  # fmt: skip
    court.commands.jsonl("suite/votes.jsonl", votes)
    court.suite({"name": "liked", "kind": "preference", "human": "votes.jsonl",
                 "model": 'scripted/constant?text={"better": "A"}'})  # fmt: skip
    rows = court.commands.json("compare", second, first, "--suite", court.path)["comparisons"]
    rows = {row["metric"]: row for row in rows}
    assert 0.0 == rows["liked"]["candidate"]
    assert 0.5 == rows["liked_uncorrected"]["candidate"]
    (standing,) = court.commands.json("judge", court.path, first, second)
    assert 0.0 == standing["pairs"][0]["win_rate"]
