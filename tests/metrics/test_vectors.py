"""Every shared reference vector of metrics.json, by the implementation and tolerance it names."""

from __future__ import annotations

import json
import math
import re

import pytest

from evalharness.catalog import make_metric
from evalharness.metrics.corpus import SacrebleuRows
from evalharness.records import Completion, Item, Sample, TokenLogprob
from evalharness.testing import score_texts

FLEXIBLE_NUMBER = r"(-?[$0-9.,]{2,})|(-?[0-9]+)"
STRICT_NUMBER = r"#### (\-?[0-9\.\,]+)"


@pytest.fixture(scope="module")
def vectors(shared_vectors):
    found = json.loads((shared_vectors / "metrics.json").read_text())
    assert len(found) >= 85
    return found


def of(vectors, *metrics):
    chosen = [vector for vector in vectors if vector["metric"] in metrics]
    assert chosen, metrics
    return chosen


def close(vector, key, value):
    expected = float(vector["expected"][key])
    if math.isnan(expected):
        assert math.isnan(value), vector["id"]
    else:
        assert abs(value - expected) <= vector["tolerance"], (vector["id"], key, value, expected)


def by_sample(references):
    return [[one] if isinstance(one, str) else one for one in references]


def scored(name, options, vector, references=None):
    references = by_sample(vector["references"]) if references is None else references
    return score_texts(make_metric(name, options), vector["predictions"], references)


@pytest.mark.parametrize(("version", "key"), [("v1", "exact_match"), ("v2", "exact")])
def test_squad_vectors(vectors, version, key):
    for vector in of(vectors, f"squad_{version}"):
        close(vector, key, 100 * scored("squad_em", {"variant": version}, vector))
        close(vector, "f1", 100 * scored("f1", {"variant": version}, vector))


def test_coqa_vectors(vectors):
    for vector in of(vectors, "coqa"):
        close(vector, "em", scored("squad_em", {"variant": "coqa"}, vector))
        close(vector, "f1", scored("f1", {"variant": "coqa"}, vector))


def test_exact_match_vectors(vectors):
    for vector in of(vectors, "exact_match"):
        options = {"normalize": "none", "impl": "reference", **vector["options"]}
        close(vector, "exact_match", scored("exact_match", options, vector))


def test_drop_vectors(vectors):
    for vector in of(vectors, "drop"):
        spans = vector["predictions"] + vector["references"]
        several = any(not isinstance(one, str) for one in spans)
        flat = {
            side: ["|".join(one) if isinstance(one, list) else one for one in vector[side]]
            for side in ("predictions", "references")
        }
        options = {"separator": "|"} if several else {}
        for name, key in (("drop_em", "em"), ("drop_f1", "f1")):
            close(vector, key, scored(name, options, vector | flat))


def test_bleu_chrf_and_ter_vectors(vectors):
    names = {"smooth_method": "smooth"}
    for vector in of(vectors, "bleu", "chrf", "ter"):
        options = dict(vector["options"])
        level, layout = options.pop("level", "corpus"), options.pop("references_layout", None)
        references = vector["references"]
        if level == "sentence":
            references = [references]
        elif layout == "streams":
            references = [list(one) for one in zip(*references, strict=True)]
        options = {names.get(key, key): value for key, value in options.items()}
        metric = make_metric(vector["metric"], options)
        close(vector, "score", score_texts(metric, vector["predictions"], references))
        if "signature" in vector["expected"]:
            assert isinstance(metric, SacrebleuRows)
            samples = [Sample(id="s", targets=tuple(one)) for one in references]
            assert metric.signature_of(samples) == vector["expected"]["signature"]


def test_bleu_statistics_of_the_vectors(vectors):
    for vector in of(vectors, "bleu"):
        expected, options = vector["expected"], dict(vector["options"])
        if "counts" not in expected or options.pop("references_layout") != "streams":
            continue
        options.pop("level")
        options = {{"smooth_method": "smooth"}.get(k, k): v for k, v in options.items()}
        items = [
            Item(
                sample=Sample(id="s", targets=tuple(targets)),
                completion=Completion(text=text),
                text=text,
            )
            for text, *targets in zip(vector["predictions"], *vector["references"], strict=True)
        ]
        sums = make_metric("bleu", options).measure(items).rows_nk.sum(axis=0).tolist()
        wanted = [
            expected["sys_len"],
            expected["ref_len"],
            *expected["counts"],
            *expected["totals"],
        ]
        assert sums == wanted, vector["id"]


@pytest.mark.parametrize("impl", ["own", "reference"])
def test_rouge_vectors_to_the_last_bit(vectors, impl):
    types = {
        "rouge1": "rouge_1",
        "rouge2": "rouge_2",
        "rougeL": "rouge_l",
        "rougeLsum": "rouge_lsum",
    }
    for vector in of(vectors, "rouge"):
        for key, name in types.items():
            expected = vector["expected"][key]
            triple = expected if isinstance(expected, list) else [None, None, expected]
            for statistic, value in zip(("precision", "recall", "f1"), triple, strict=True):
                options = {
                    "stemmer": vector["options"].get("use_stemmer", False),
                    "statistic": statistic,
                    "impl": impl,
                }
                if value is not None:
                    assert scored(name, options, vector) == value, (vector["id"], key, statistic)


def test_rouge_155_vectors_agree_where_there_is_no_stemming(vectors):
    types = {"rouge-1": "rouge_1", "rouge-2": "rouge_2", "rouge-l": "rouge_lsum"}
    for vector in of(vectors, "rouge155"):
        if vector["options"].get("stem"):
            continue
        for key, name in types.items():
            for statistic, value in zip(
                ("recall", "precision", "f1"), vector["expected"][key], strict=True
            ):
                got = scored(name, {"statistic": statistic}, vector)
                precision_first = scored(
                    name,
                    {
                        "statistic": {"recall": "precision", "precision": "recall"}.get(
                            statistic, "f1"
                        )
                    },
                    vector,
                )
                assert min(abs(got - value), abs(precision_first - value)) <= 5e-6


def test_classification_vectors(vectors):
    names = {"accuracy": "accuracy", "f1_macro": "macro_f1", "mcc": "mcc", "kappa": "kappa"}
    for vector in of(vectors, "classification"):
        answers = [str(one) for one in vector["predictions"]]
        references = [[str(one)] for one in vector["references"]]
        for key, name in names.items():
            options = {"classes": "seen"} if name == "macro_f1" else {}
            close(vector, key, score_texts(make_metric(name, options), answers, references))


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        ("brier", "brier", "brier"),
        ("log_loss", "log_loss", "log_loss"),
        ("auroc", "auroc", "auroc"),
        ("auroc", "average_precision", "average_precision"),
    ],
)
def test_probability_vectors(vectors, kind, name, key):
    for vector in of(vectors, kind):
        answers = [repr(one) for one in vector["predictions"]]
        references = [[str(one)] for one in vector["references"]]
        metric = make_metric(name, {"positive": "1", "score": "text"})
        close(vector, key, score_texts(metric, answers, references))


def test_calibration_vectors(vectors):
    for vector in of(vectors, "ece"):
        options = {key: vector["options"][key] for key in ("n_bins", "norm")}
        metric = make_metric("ece", {**options, "positive": "1", "score": "text"})
        answers = [repr(one) for one in vector["predictions"]]
        close(
            vector,
            "ece",
            score_texts(metric, answers, [[str(one)] for one in vector["references"]]),
        )


def test_perplexity_vectors(vectors):
    for vector in of(vectors, "perplexity"):
        items = []
        for document in vector["predictions"]:
            weight = document["weight"]
            tokens = tuple(
                TokenLogprob(token="x", logprob=document["loglik"] / weight) for _ in range(weight)
            )
            completion = Completion(text="x" * weight, logprobs=tokens)
            items.append(Item(sample=Sample(id="s"), completion=completion, text="x"))
        for name, options, key in (
            ("perplexity", {}, "weighted_perplexity"),
            ("perplexity", {"unit": "sample"}, "perplexity_of_mean_loglik"),
            ("bits_per_byte", {}, "bits_per_byte"),
        ):
            metric = make_metric(name, options)
            value = float(metric.reduce(metric.measure(items).rows_nk.sum(axis=0)))
            assert math.isclose(value, vector["expected"][key], rel_tol=1e-9)


def test_pass_at_k_vectors(vectors, groups):
    for vector in of(vectors, "pass_at_k"):
        metric = make_metric("pass_at_k", vector["options"])
        batch = [groups(one["n"], one["c"]) for one in vector["predictions"]]
        value = float(metric.reduce(metric.measure(batch).rows_nk.sum(axis=0)))
        close(vector, "pass@k", value)


def test_json_schema_vectors(vectors):
    for vector in of(vectors, "json_schema"):
        options = {"schema": vector["options"]["schema"], "draft": vector["options"]["draft"]}
        references = [[] for _ in vector["predictions"]]
        assert bool(scored("json_valid", {}, vector, references)) == vector["expected"]["parses"]
        assert (
            bool(scored("json_schema", options, vector, references)) == vector["expected"]["valid"]
        )


def test_number_vectors_are_what_their_patterns_find_and_ours_reads_more(vectors):
    # the vectors are another harness's extraction patterns; a suite has them as `extract`
    for vector in of(vectors, "numeric_extract"):
        (text,) = vector["predictions"]
        strict, flexible = re.findall(STRICT_NUMBER, text), re.findall(FLEXIBLE_NUMBER, text)
        last = next((group for group in flexible[-1] if group), "") if flexible else "[invalid]"
        assert (strict[0] if strict else "[invalid]") == vector["expected"]["strict"]
        assert last == vector["expected"]["flexible"]
    metric = make_metric("numeric_match", {})
    answers = ["He pays $1,200.50 in total.", "Answer: 3/4", "x = 1e5", "so 42.0"]
    assert score_texts(metric, answers, [["1200.5"], ["0.75"], ["100000"], ["42"]]) == 1
