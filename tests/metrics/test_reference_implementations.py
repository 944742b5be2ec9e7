"""`impl: reference`: the reference library itself, in the place of each metric that has one."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys

import numpy as np
import pytest

from evalharness.catalog import ENCODER_METRICS, METRICS, REFERENCES, make_metric
from evalharness.errors import SpecError
from evalharness.testing import check_metric, score_texts
from evalharness.testing.metric_kit import value_of

SQUAD = ("squad_em", "f1")
PACKAGES = {"rouge": "rouge_score", "sklearn": "sklearn", "bleu": "sacrebleu"}
PLAIN = sorted(set(REFERENCES) - ENCODER_METRICS - set(SQUAD))
SCORES = {"positive": "yes", "score": "text"}
OPTIONS = dict.fromkeys(("auroc", "average_precision", "brier", "log_loss"), SCORES)

NORMAL = """
import re, string, collections, functools

@functools.lru_cache
def normalize_answer(s):
    kept = "".join(mark for mark in s.lower() if mark not in string.punctuation)
    return " ".join(re.sub(r"\\b(a|an|the)\\b", " ", kept).split())

def shared(prediction, truth, nothing):
    first, second = normalize_answer(prediction).split(), normalize_answer(truth).split()
    same = sum((collections.Counter(first) & collections.Counter(second)).values())
    if nothing and not (first and second):
        return int(first == second)
    if not same:
        return 0
    precision, recall = same / len(first), same / len(second)
    return 2 * precision * recall / (precision + recall)
"""
SCRIPTS = {
    "v1": """
def f1_score(prediction, ground_truth):
    return shared(prediction, ground_truth, False)

def exact_match_score(prediction, ground_truth):
    return normalize_answer(prediction) == normalize_answer(ground_truth)

def metric_max_over_ground_truths(metric_fn, prediction, ground_truths):
    return max(metric_fn(prediction, truth) for truth in ground_truths)
""",
    "v2": """
def get_raw_scores(dataset, preds):
    exact, f1 = {}, {}
    for question in (qa for one in dataset for p in one["paragraphs"] for qa in p["qas"]):
        text = preds[question["id"]]
        golds = [a["text"] for a in question["answers"] if normalize_answer(a["text"])] or [""]
        exact[question["id"]] = max(normalize_answer(text) == normalize_answer(g) for g in golds)
        f1[question["id"]] = max(shared(text, g, True) for g in golds)
    return exact, f1
""",
    "coqa": """
class CoQAEvaluator:
    @staticmethod
    def _compute_turn_score(golds, pred):
        left_out = [golds[:i] + golds[i + 1:] for i in range(len(golds))]
        if len(golds) == 1:
            left_out = [golds]
        em = f1 = 0.0
        for one in left_out:
            em += max(int(normalize_answer(g) == normalize_answer(pred)) for g in one)
            f1 += max(shared(pred, g, True) for g in one)
        return {"em": em / len(golds), "f1": f1 / len(golds)}
""",
}
"""Stand-ins with the functions of the official scripts, by which `impl: reference` calls them."""


def installed(name):
    target = REFERENCES[name]
    for word, package in PACKAGES.items():
        if word in target:
            pytest.importorskip(package)


def texts(seed, count):
    rng = random.Random(seed)
    words = ["yes", "no", "the", "cat", "Cat.", "", "我爱", "0.5", "20 %", "a\nb", "été"]

    def text():
        return " ".join(rng.choices(words, k=rng.choice([1, 1, 2, 5, 9])))

    return [text() for _ in range(count)], [
        [text() for _ in range(rng.choice([1, 1, 2, 3]))] for _ in range(count)
    ]


def labelled(seed, count):
    rng = random.Random(seed)
    answers = [rng.choice(["yes", "no", "perhaps", "made up"]) for _ in range(count)]
    return answers, [[rng.choice(["yes", "no", "perhaps"])] for _ in range(count)]


def stated(seed, count):
    rng = random.Random(seed)
    answers = [repr(rng.randrange(0, 11) / 10) for _ in range(count)]
    return answers, [[rng.choice(["yes", "no"])] for _ in range(count)]


def rows_of(item, metric, answers, targets):
    return metric.measure([item(*pair) for pair in zip(answers, targets, strict=True)])


# --- every metric that has one ---------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_a_reference_implementation_keeps_the_contract(name):
    installed(name)
    metric = make_metric(name, {"impl": "reference"})
    assert metric.name == name
    check_metric(metric)


@pytest.mark.parametrize("name", PLAIN)
def test_ours_gives_the_reference_implementations_values(name, item):
    installed(name)
    options = OPTIONS.get(name, {})
    own = make_metric(name, {**options, "impl": "own"})
    reference = make_metric(name, {**options, "impl": "reference"})
    make = {"mcc": labelled, "kappa": labelled, "macro_f1": labelled}.get(name, texts)
    answers, targets = (stated if name in OPTIONS else make)(3, 120)
    ours, theirs = (rows_of(item, one, answers, targets) for one in (own, reference))
    assert ours.scored_n.tolist() == theirs.scored_n.tolist()
    assert ours.rows_nk == pytest.approx(theirs.rows_nk, abs=1e-12)
    weights_bn = np.random.default_rng(5).integers(0, 3, (20, len(answers))).astype(float)
    values = own.reduce_weighted(ours.rows_nk, weights_bn)
    assert values == pytest.approx(reference.reduce_weighted(theirs.rows_nk, weights_bn), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "more"),
    [("macro_f1", {}), ("macro_f1", {"classes": "seen"}), ("mcc", {}), ("kappa", {})],
)
def test_given_labels_make_the_same_classes_in_scikit_learn(name, more, item):
    pytest.importorskip("sklearn")
    options = {"labels": ["yes", "no", "perhaps", "never"], **more}
    for seed in range(12):
        answers, targets = labelled(seed, 3 + seed)
        items = [item(*pair) for pair in zip(answers, targets, strict=True)]
        values = []
        for impl in ("own", "reference"):
            metric = make_metric(name, {**options, "impl": impl})
            assert metric.kind == ("corpus" if impl == "own" else "refit")
            values.append(value_of(metric, metric.measure(items).rows_nk))
        assert values[0] == pytest.approx(values[1], abs=1e-12, nan_ok=True)


def test_one_label_and_one_outcome_are_as_undetermined_as_ours(item):
    pytest.importorskip("sklearn")
    same = (["yes", "yes"], [["yes"], ["yes"]])
    for name, wanted in (("mcc", 0.0), ("kappa", math.nan), ("macro_f1", 1.0)):
        for impl in ("own", "reference"):
            metric = make_metric(name, {"impl": impl})
            value = value_of(metric, rows_of(item, metric, *same).rows_nk)
            assert value == pytest.approx(wanted, nan_ok=True)
    for name, outcome, wanted in (
        ("auroc", "yes", math.nan),
        ("auroc", "no", math.nan),
        ("average_precision", "yes", 1.0),
        ("average_precision", "no", math.nan),
    ):
        for impl in ("own", "reference"):
            metric = make_metric(name, {**SCORES, "impl": impl})
            rows = rows_of(item, metric, ["0.5", "0.7"], [[outcome], [outcome]])
            assert value_of(metric, rows.rows_nk) == pytest.approx(wanted, nan_ok=True)


def test_sacrebleu_scores_a_whole_corpus_as_it_does_itself():
    from sacrebleu.metrics import BLEU, CHRF, TER

    answers, targets = texts(8, 60)
    first = [[one[0]] for one in targets]
    for name, engine in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())):
        wanted = engine.corpus_score(answers, [[one[0] for one in targets]]).score
        assert score_texts(make_metric(name, {"impl": "reference"}), answers, first) == wanted


@pytest.mark.parametrize("name", [*PLAIN, *SQUAD])
def test_another_implementation_is_refused_by_name(name):
    with pytest.raises(SpecError, match="impl must be one of own, reference; got 'fast'"):
        make_metric(name, {"impl": "fast"})


def test_a_metric_without_a_reference_has_no_such_option():
    assert set(REFERENCES) <= set(METRICS)
    with pytest.raises(SpecError, match="metric 'cer' has no option 'impl'"):
        make_metric("cer", {"impl": "reference"})


WITHOUT = """
import json, sys
name, package, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.modules[package] = None  # as if it were not installed
from evalharness.catalog import make_metric
from evalharness.errors import MissingExtra
from evalharness.testing import score_texts
try:
    metric = make_metric(name, options)
    score_texts(metric, ["0.5", "0.5"], [["yes"], ["no"]])
except MissingExtra as error:
    print(error.package, error.mend)
"""


@pytest.mark.parametrize(
    ("name", "package", "options", "said"),
    [
        ("rouge_l", "rouge_score", {}, "rouge-score pip install 'evalharness[rouge]'"),
        ("mcc", "sklearn", {}, "scikit-learn pip install 'evalharness[sklearn]'"),
        ("brier", "sklearn", SCORES, "scikit-learn pip install 'evalharness[sklearn]'"),
        ("auroc", "sklearn", SCORES, "scikit-learn pip install 'evalharness[sklearn]'"),
        ("f1", "evaluate", {}, "evaluate pip install 'evalharness[hf]'"),
        ("squad_em", "evaluate", {"variant": "v2"}, "evaluate pip install 'evalharness[hf]'"),
    ],
)
def test_a_missing_library_is_refused_with_its_extra(name, package, options, said):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT,
            name,
            package,
            json.dumps({**options, "impl": "reference"}),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{said}\n"


# --- SQuAD and CoQA --------------------------------------------------------------------------


@pytest.fixture
def scripts(tmp_path):
    places = {}
    for variant, body in SCRIPTS.items():
        places[variant] = tmp_path / f"official-{variant}.py"
        places[variant].write_text(NORMAL + body, encoding="utf-8")
    return places


@pytest.mark.parametrize("name", SQUAD)
@pytest.mark.parametrize("variant", sorted(SCRIPTS))
def test_a_script_that_is_named_scores_every_answer(name, variant, scripts, item):
    options = {"variant": variant, "impl": "reference", "script": str(scripts[variant])}
    reference = make_metric(name, options)
    answers, targets = texts(2, 300)
    theirs = rows_of(item, reference, answers, targets)
    own = rows_of(item, make_metric(name, {"variant": variant}), answers, targets)
    assert own.rows_nk.tolist() == theirs.rows_nk.tolist()
    assert 0 < theirs.rows_nk[:, 0].mean() < 1
    unanswerable = reference.measure([item("x", []), item("", [])])
    assert unanswerable.scored_n.all() == (variant == "v2")


def test_a_metric_of_a_script_keeps_the_contract(scripts):
    check_metric(make_metric("f1", {"impl": "reference", "script": str(scripts["v1"])}))


def test_the_signature_holds_a_digest_of_the_script_and_no_path(scripts):
    options = {"impl": "reference", "script": str(scripts["v1"])}
    before = make_metric("f1", options).signature
    assert before.startswith("f1|squad_v1|impl:")
    assert "official" not in before
    with scripts["v1"].open("a", encoding="utf-8") as file:
        file.write("\n# another\n")
    assert make_metric("f1", options).signature != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "coqa"}, "needs script, a path to evaluate-v1.0.py"),
        ({"script": "nowhere.py"}, "there is no Python file 'nowhere.py'"),
        ({"variant": "v2", "script": "{v1}"}, "has no get_raw_scores.*evaluate-v2.0.py"),
        ({"script": "{broken}"}, "cannot be run: SyntaxError"),
        ({"variant": "v3", "script": "{v1}"}, "variant must be one of v1, v2, coqa"),
    ],
)
def test_a_script_that_cannot_score_is_refused(options, message, scripts, tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n", encoding="utf-8")
    places = {**scripts, "broken": tmp_path / "broken.py"}
    options = {key: value.format(**places) for key, value in options.items()}
    with pytest.raises(SpecError, match=message):
        make_metric("f1", {**options, "impl": "reference"})


def test_a_suite_asks_for_it_as_for_any_option(commands, scripts, tmp_path):
    data, recorded = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    samples = [{"id": str(n), "input": "?", "target": ["the cat", "a dog"]} for n in range(4)]
    answers = [{"id": str(n), "output": "Cat!"} for n in range(4)]
    for place, records in ((data, samples), (recorded, answers)):
        place.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    suite = commands.suite(
        "name: reference\ndata: {path: ../data.jsonl}\nmetrics:\n"
        f"  - {{name: f1, impl: reference, script: {scripts['v1']}}}\n"
        "  - {name: bleu, impl: reference}\n"
    )
    facts = commands.json("score", suite, recorded)["metrics"]
    assert facts["f1"]["value"] == 1.0
    assert "impl:" in facts["f1"]["signature"]
    assert "impl:" not in facts["bleu"]["signature"]  # sacrebleu's numbers are ours to the last bit
