"""ROUGE: rouge-score's numbers to the last bit, on random and real pairs, and its traps."""

from __future__ import annotations

import gzip
import json
import random
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.metrics import overlap, rouge_union
from evalharness.metrics.rouge_lsum import summary_hits
from evalharness.records import Completion, Item, Sample
from evalharness.testing import check_metric, score_texts

TYPES = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l", "rougeLsum": "rouge_lsum"}
FIELDS = {"f1": "fmeasure", "precision": "precision", "recall": "recall"}
ALPHABET = [
    *"abcdefghijklmnopqrstuvwxyz",
    "wx",
    "yz1",
    "running",
    "flies",
    "İ",
    "ß",
    "K",
    "né",
    "我",
]


@pytest.fixture(scope="module")
def scorers():
    module = pytest.importorskip("rouge_score.rouge_scorer")
    return {
        stemmed: module.RougeScorer(list(TYPES), use_stemmer=stemmed) for stemmed in (False, True)
    }


def item(text, targets):
    return Item(
        sample=Sample(id="s", targets=tuple(targets)), completion=Completion(text=text), text=text
    )


def random_text(rng):
    words = ALPHABET[: rng.choice([2, 3, 5, len(ALPHABET)])]
    length = rng.choice([0, 1, 2, 3, 3, 4, 6, 9])
    ends = [" ", " ", " ", "\n", ". ", " \n\n"]
    return "".join(rng.choice(words) + rng.choice(ends) for _ in range(length))


def random_pairs(seed, count):
    rng = random.Random(seed)
    return [
        (random_text(rng), [random_text(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))])
        for _ in range(count)
    ]


def assert_identical(pairs, scorer, *, stemmed, statistics=("f1",)):
    items = [item(text, targets) for text, targets in pairs]
    theirs = [scorer.score_multi(targets, text) for text, targets in pairs]
    for rouge_type, name in TYPES.items():
        for statistic in statistics:
            metric = make_metric(name, {"stemmer": stemmed, "statistic": statistic})
            ours = metric.measure(items).rows_nk[:, 0].tolist()
            wanted = [getattr(one[rouge_type], FIELDS[statistic]) for one in theirs]
            wrong = [place for place, value in enumerate(wanted) if value != ours[place]]
            assert not wrong, (name, statistic, pairs[wrong[0]])


@pytest.mark.parametrize("stemmed", [False, True])
def test_ten_thousand_random_pairs_score_bit_for_bit_as_rouge_score(scorers, stemmed):
    assert_identical(random_pairs(11 + stemmed, 10_000), scorers[stemmed], stemmed=stemmed)


@pytest.mark.parametrize("statistic", sorted(FIELDS))
def test_precision_and_recall_are_those_of_the_best_reference(scorers, statistic):
    pairs = random_pairs(5, 1_500)
    assert_identical(pairs, scorers[False], stemmed=False, statistics=(statistic,))


@pytest.mark.slow
@pytest.mark.parametrize("stemmed", [False, True])
def test_a_hundred_thousand_random_pairs_score_bit_for_bit_as_rouge_score(scorers, stemmed):
    for seed in range(10):
        pairs = random_pairs(100 + seed, 10_000)
        assert_identical(pairs, scorers[stemmed], stemmed=stemmed, statistics=tuple(FIELDS))


def real_pairs(shared_data, name, *, by_line):
    folder = shared_data / name

    def read(file):
        lines = gzip.decompress((folder / file).read_bytes()).splitlines()
        return [json.loads(line) for line in lines]

    reference = {doc["doc_id"]: doc["reference"] for doc in read("docs.jsonl.gz")}
    for one in read("outputs.jsonl.gz"):
        answer, target = one["summary"], reference[one["doc_id"]]
        if by_line:
            answer, target = answer.replace(" . ", " .\n"), target.replace(" . ", " .\n")
        yield answer, [target]


def test_real_summaries_line_by_line_score_as_rouge_score(scorers, shared_data):
    pairs = list(real_pairs(shared_data, "summeval", by_line=True))[::5]
    assert any("\n" in answer for answer, _ in pairs)
    assert_identical(pairs, scorers[True], stemmed=True, statistics=tuple(FIELDS))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["summeval", "realsumm"])
@pytest.mark.parametrize("stemmed", [False, True])
def test_all_real_summaries_score_as_rouge_score(scorers, shared_data, name, stemmed):
    for by_line in (False, True):
        pairs = list(real_pairs(shared_data, name, by_line=by_line))
        assert_identical(pairs, scorers[stemmed], stemmed=stemmed)


@pytest.mark.slow
def test_real_headlines_score_as_rouge_score(scorers, shared_data):
    lines = {
        name: gzip.decompress((shared_data / "xsum" / f"{name}.txt.gz").read_bytes())
        .decode()
        .split("\n")
        for name in ("gold", "ptgen", "convs2s", "lead")
    }
    for system in ("ptgen", "convs2s", "lead"):
        pairs = [(a, [t]) for a, t in zip(lines[system], lines["gold"], strict=True)]
        assert_identical(pairs, scorers[False], stemmed=False)


def test_huge_texts_score_as_rouge_score(scorers):
    rng = random.Random(3)
    words = [f"w{number}" for number in range(300)]
    pairs = []
    for end in (" ", "\n"):
        text = end.join(" ".join(rng.choices(words, k=20)) for _ in range(20))
        target = end.join(" ".join(rng.choices(words, k=20)) for _ in range(20))
        pairs.append((text, [target]))
    assert_identical(pairs, scorers[False], stemmed=False, statistics=tuple(FIELDS))


@pytest.mark.parametrize("name", sorted(TYPES.values()))
@pytest.mark.parametrize("tokenizer", ["ascii", "unicode", "character", "cjk", "space"])
def test_the_reference_implementation_agrees_for_every_tokeniser(name, tokenizer):
    pytest.importorskip("rouge_score")
    texts = ["我爱 the cat\nsat", "Café naïve", "", "running flies", "\ud800 x"]
    targets = [["我爱北京 cat sat\ndown"], ["cafe naïve", "Café"], ["x"], ["runs fly"], ["x"]]
    for stemmer in (False, True):
        options = {"tokenizer": tokenizer, "stemmer": stemmer}
        own = make_metric(name, options)
        reference = make_metric(name, {**options, "impl": "reference"})
        items = [item(*pair) for pair in zip(texts, targets, strict=True)]
        assert own.measure(items).rows_nk.tolist() == reference.measure(items).rows_nk.tolist()
        assert own.signature == reference.signature


# --- properties ------------------------------------------------------------------------------

TEXTS = st.text(alphabet=st.sampled_from("ab c\n"), max_size=30) | st.text(max_size=30)


@pytest.mark.parametrize("name", sorted(TYPES.values()))
@given(text=TEXTS, target=TEXTS)
def test_a_score_is_a_fraction_and_one_only_for_shared_words(name, text, target):
    value = score_texts(make_metric(name, {}), [text], [[target]])
    assert 0 <= value <= 1


@pytest.mark.parametrize("name", ["rouge_1", "rouge_2", "rouge_l"])
@given(text=TEXTS, target=TEXTS)
def test_f1_is_symmetric(name, text, target):
    metric = make_metric(name, {})
    assert score_texts(metric, [text], [[target]]) == score_texts(metric, [target], [[text]])


@given(text=TEXTS, target=TEXTS)
def test_precision_one_way_is_recall_the_other(text, target):
    precision = make_metric("rouge_1", {"statistic": "precision"})
    recall = make_metric("rouge_1", {"statistic": "recall"})
    assert score_texts(precision, [text], [[target]]) == score_texts(recall, [target], [[text]])


@pytest.mark.parametrize("name", sorted(TYPES.values()))
@given(text=st.lists(st.sampled_from(["x", "yy", "zz", "\n"]), min_size=3, max_size=12))
def test_a_text_scores_one_against_itself(name, text):
    line = " ".join(text)
    expected = 1.0 if len(line.split()) >= (2 if name == "rouge_2" else 1) else 0.0
    assert score_texts(make_metric(name, {}), [line], [[line]]) == expected


@given(texts=st.lists(TEXTS, min_size=1, max_size=4), target=TEXTS)
def test_another_reference_never_lowers_the_score(texts, target):
    metric = make_metric("rouge_l", {})
    alone = score_texts(metric, [texts[0]], [[target]])
    assert score_texts(metric, [texts[0]], [[target, *texts[1:]]]) >= alone


@given(text=TEXTS, target=TEXTS)
def test_on_one_line_lsum_is_l(text, target):
    text, target = text.replace("\n", " "), target.replace("\n", " ")
    values = [
        score_texts(make_metric(name, {}), [text], [[target]]) for name in ("rouge_l", "rouge_lsum")
    ]
    assert values[0] == values[1]


# --- counting --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
@given(
    answers=st.lists(st.text(alphabet="abc\U0010ffff", max_size=9), min_size=1, max_size=5),
    references=st.lists(st.text(alphabet="abc\U0010ffff", max_size=9), min_size=1, max_size=5),
)
def test_counting_together_is_counting_one_by_one(order, answers, references):
    owner = [place for place in range(len(answers)) for _ in references]
    pairs = overlap.Pairs(answers, references * len(answers), owner, list(range(len(answers))))
    together = overlap._count_together(pairs, order)
    assert together.tolist() == overlap._count_one_by_one(pairs, order).tolist()


def test_a_giant_answer_with_thousands_of_references_is_counted_without_filling_the_memory():
    answer = " ".join(f"w{number}" for number in range(15_000))
    targets = [f"w{number} w{number + 1}" for number in range(10_000)]
    began = time.process_time()
    metric = make_metric("rouge_2", {})
    rows = metric.measure([item(answer, targets)])
    assert rows.rows_nk[0, 0] == pytest.approx(2 / 15_000)
    assert time.process_time() - began < 20


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_a_score_does_not_depend_on_the_chunk(seed):
    pairs = random_pairs(seed, 30)
    items = [item(text, targets) for text, targets in pairs] * 3
    metric = make_metric("rouge_1", {})
    alone = [metric.measure([one]).rows_nk[0, 0] for one in items[:30]]
    assert metric.measure(items).rows_nk[:, 0].tolist() == alone * 3


# --- many pairs of lines at once -------------------------------------------------------------

CODED = st.lists(st.text(alphabet="abcd", max_size=8), min_size=1, max_size=4)


@given(pairs=st.lists(st.tuples(CODED, CODED), min_size=1, max_size=6))
def test_pairs_of_lines_together_have_the_hits_of_each_alone(pairs):
    references, answers = zip(*pairs, strict=True)
    assume(any(map(any, references + answers)))
    assert rouge_union._hits(references, answers) == [summary_hits(*pair) for pair in pairs]


def coded_lines(rng, *, letters, longest, lines):
    return [
        "".join(rng.choices(letters, k=rng.randint(0, longest)))
        for _ in range(rng.randint(1, lines))
    ]


@pytest.mark.parametrize(
    ("letters", "longest"),
    [
        ("ab", 64),
        ("ab", 70),
        ("abc", 20),
        ("abcdefghijklmnopqrstuvwxyz", 64),
        ("aé我\U0010ffff", 30),
    ],
)
def test_lines_of_any_length_and_tangle_have_the_hits_of_each_alone(letters, longest):
    rng = random.Random(longest)
    form = {"letters": letters, "longest": longest, "lines": 5}
    references = [coded_lines(rng, **form) for _ in range(150)]
    answers = [coded_lines(rng, **form) for _ in range(150)]
    alone = [summary_hits(*pair) for pair in zip(references, answers, strict=True)]
    assert rouge_union.batch_hits(references, answers) == alone
    assert sum(alone) > 100


def test_pairs_with_too_many_matches_are_counted_in_parts():
    rng = random.Random(2)
    references = [["".join(rng.choices("ab", k=50)) for _ in range(9)] for _ in range(8)]
    answers = [["".join(rng.choices("ab", k=500)) for _ in range(2)] for _ in range(8)]
    answers[3] = ["a" * 500] * 50
    references[3] = ["a" * 60] * 50
    alone = [summary_hits(*pair) for pair in zip(references, answers, strict=True)]
    assert 3_000 == alone[3]
    assert rouge_union.batch_hits(references, answers) == alone


def test_a_long_answer_with_many_references_stays_small():
    answer = [f"{chr(200 + n % 900)}a" for n in range(100_000)]
    references = [["ab", chr(200 + n)] for n in range(9)]
    began = time.process_time()
    assert [2] * 9 == rouge_union.batch_hits(references, [answer] * 9)
    assert time.process_time() - began < 20


@pytest.mark.parametrize("words", [2, 4, 30])
def test_dense_lines_score_as_rouge_score(scorers, words):
    rng = random.Random(words)
    names = [f"w{number}" for number in range(words)]

    def text(longest):
        lines = [rng.choices(names, k=rng.randint(0, longest)) for _ in range(rng.randint(1, 5))]
        return "\n".join(" ".join(line) for line in lines)

    pairs = [(text(25), [text(25)]) for _ in range(150)] + [(text(80), [text(80)])] * 3
    assert_identical(pairs, scorers[False], stemmed=False)


# --- traps -----------------------------------------------------------------------------------


def test_the_union_subsequence_keeps_words_that_match_nothing():
    # leaving "q" out of the answer would choose another longest subsequence, and another union
    rng = random.Random(8)
    module = pytest.importorskip("rouge_score.rouge_scorer")
    scorer = module.RougeScorer(["rougeLsum"])
    metric = make_metric("rouge_lsum", {})
    differ = 0
    for _ in range(400):
        target = "\n".join(" ".join(rng.choices("abc", k=4)) for _ in range(2))
        answer = "\n".join(" ".join(rng.choices("abcqr", k=5)) for _ in range(3))
        wanted = scorer.score(target, answer)["rougeLsum"].fmeasure
        assert score_texts(metric, [answer], [[target]]) == wanted
        thinned = "\n".join(
            " ".join(w for w in line.split() if w in "abc") for line in answer.split("\n")
        )
        hits = scorer.score(target, thinned)["rougeLsum"].recall
        differ += hits != scorer.score(target, answer)["rougeLsum"].recall
    assert differ > 0


def test_only_the_line_feed_ends_a_line():
    metric = make_metric("rouge_lsum", {})
    for text in ("a b\r\nb a", "a b\x0bb a", "a b\u2028b a", "a b\\nb a"):
        one_line = text.replace("\n", " ")
        if "\n" not in text:
            assert score_texts(metric, [text], [["b a b"]]) == score_texts(
                make_metric("rouge_l", {}), [one_line], [["b a b"]]
            )


def test_non_ascii_text_scores_zero_by_the_ascii_tokeniser_and_the_metric_says_so():
    metric = make_metric("rouge_1", {})
    assert score_texts(metric, ["我爱北京"], [["我爱北京"]]) == 0
    samples = [Sample(id="a", targets=("我爱北京",)), Sample(id="b", targets=("plain",))]
    (advice,) = metric.advice(samples)
    assert "1 of 2 references" in advice
    assert "tokenizer: unicode" in advice
    assert make_metric("rouge_1", {"tokenizer": "cjk"}).advice(samples) == ()
    assert metric.advice(samples[1:]) == ()


@pytest.mark.parametrize(
    ("tokenizer", "value"), [("unicode", 0.0), ("character", 0.5), ("cjk", 0.5)]
)
def test_chinese_is_scored_by_the_tokenisers_that_know_it(tokenizer, value):
    metric = make_metric("rouge_1", {"tokenizer": tokenizer})
    assert score_texts(metric, ["我爱北京"], [["我爱中国"]]) == value
    assert f"tok:{tokenizer}" in metric.signature


def test_without_a_reference_an_answer_is_unscored():
    rows = make_metric("rouge_l", {}).measure([item("x", []), item("x", ["x"])])
    assert rows.reasons == {0: "the sample has no reference answer"}
    assert rows.rows_nk.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    "options",
    [
        {"tokenizer": "klingon"},
        {"statistic": "f2"},
        {"impl": "best"},
        {"stemmer": "yes"},
        {"stem": True},
    ],
)
def test_a_wrong_option_is_refused_by_name(options):
    from evalharness.errors import SpecError

    with pytest.raises(SpecError):
        make_metric("rouge_1", options)


def test_every_option_that_moves_a_number_moves_the_signature():
    options = [
        {},
        {"stemmer": True},
        {"tokenizer": "unicode"},
        {"statistic": "recall"},
        {"statistic": "precision", "stemmer": True},
    ]
    signatures = {make_metric("rouge_1", one).signature for one in options}
    assert len(signatures) == len(options)


@pytest.mark.parametrize("name", sorted(TYPES.values()))
@pytest.mark.parametrize(
    "options", [{"tokenizer": "cjk"}, {"stemmer": True, "statistic": "recall"}]
)
def test_every_form_keeps_the_contract(name, options):
    check_metric(make_metric(name, options))


def test_lines_without_words_score_nothing():
    metric = make_metric("rouge_lsum", {})
    for text, target in (("\n\n", "a\nb"), ("a\nb", "\n.\n"), ("!\n?", "!\n?")):
        assert score_texts(metric, [text], [[target]]) == 0


def test_a_sample_with_too_many_references_is_unscored():
    many = ("",) * (overlap._MOST_REFERENCES + 1)
    rows = make_metric("rouge_1", {}).measure([item("x", many)])
    assert "more than" in rows.reasons[0]
    assert not np.any(rows.rows_nk)
