"""BLEU, chrF and TER: sacrebleu's numbers to the last bit, its traps shut out, bounds and sums."""

from __future__ import annotations

import random
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import MissingExtra, SpecError
from evalharness.metrics.ter import MOST_WORDS
from evalharness.records import Completion, Item, Sample
from evalharness.testing import check_metric, score_texts

WORDS = ["the", "cat", "sat", "on", "a", "mat", ".", "It's", "3.5", "我爱", "&amp;", "-"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join)
SEGMENTS = st.lists(
    st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1, max_size=6
)


def engine(name, **options):
    from sacrebleu.metrics import BLEU, CHRF, TER

    return {"bleu": BLEU, "chrf": CHRF, "ter": TER}[name](**options)


def streams(references):
    """sacrebleu's layout; a segment with fewer references is filled with None."""
    most = max(map(len, references))
    return [
        [one[place] if place < len(one) else None for one in references] for place in range(most)
    ]


def theirs(name, segments, **options):
    answers = [text for text, _ in segments]
    references = [targets for _, targets in segments]
    return engine(name, **options).corpus_score(answers, streams(references)).score


def ours(name, segments, **options):
    answers = [text for text, _ in segments]
    return score_texts(make_metric(name, options), answers, [targets for _, targets in segments])


BLEU_OPTIONS = [
    ({}, {}),
    ({"smooth": "floor"}, {"smooth_method": "floor"}),
    ({"smooth": "floor", "smooth_value": 0.5}, {"smooth_method": "floor", "smooth_value": 0.5}),
    ({"smooth": "add-k"}, {"smooth_method": "add-k"}),
    ({"smooth": "add-k", "smooth_value": 2}, {"smooth_method": "add-k", "smooth_value": 2}),
    ({"smooth": "none"}, {"smooth_method": "none"}),
    ({"effective_order": True}, {"effective_order": True}),
    ({"lowercase": True, "tokenize": "intl"}, {"lowercase": True, "tokenize": "intl"}),
    ({"tokenize": "char"}, {"tokenize": "char"}),
    ({"tokenize": "zh"}, {"tokenize": "zh"}),
    ({"tokenize": "none", "effective_order": True}, {"tokenize": "none", "effective_order": True}),
]


@pytest.mark.parametrize(("own", "reference"), BLEU_OPTIONS)
@settings(max_examples=40)
@given(segments=SEGMENTS)
def test_bleu_is_sacrebleus_to_the_last_bit(own, reference, segments):
    assert ours("bleu", segments, **own) == theirs("bleu", segments, **reference)


CHRF_OPTIONS = [
    {},
    {"word_order": 2},
    {"char_order": 3, "beta": 1},
    {"lowercase": True},
    {"whitespace": True},
    {"eps_smoothing": True},
    {"eps_smoothing": True, "word_order": 1},
]


@pytest.mark.parametrize("options", CHRF_OPTIONS)
@settings(max_examples=30)
@given(segments=SEGMENTS)
def test_chrf_is_sacrebleus_to_the_last_bit(options, segments):
    assert ours("chrf", segments, **options) == theirs("chrf", segments, **options)


@pytest.mark.parametrize(
    "options", [{}, {"normalized": True, "asian_support": True}, {"no_punct": True}]
)
@settings(max_examples=25)
@given(segments=SEGMENTS)
def test_ter_is_sacrebleus_to_the_last_bit(options, segments):
    assert ours("ter", segments, **options) == theirs("ter", segments, **options)


@settings(max_examples=30)
@given(text=TEXTS, targets=st.lists(TEXTS, min_size=1, max_size=3))
def test_sentence_bleu_is_sacrebleus_cut_at_a_hundred(text, targets):
    wanted = engine("bleu", effective_order=True).sentence_score(text, targets).score
    assert ours("sentence_bleu", [(text, targets)]) == min(100.0, wanted)


def test_the_mean_of_sentence_bleu_is_not_corpus_bleu():
    segments = [
        ("the cat sat on the mat", ["the cat is on the mat"]),
        ("a dog", ["the dog ran off"]),
    ]
    assert ours("sentence_bleu", segments) != pytest.approx(ours("bleu", segments), abs=0.5)


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
@settings(max_examples=20)
@given(segments=SEGMENTS, cut=st.integers(0, 6))
def test_sums_of_parts_reduce_to_the_value_of_the_whole(name, segments, cut):
    metric = make_metric(name, {})
    rows_nk = metric.measure(items_of(segments)).rows_nk
    whole = metric.reduce(rows_nk.sum(axis=0))
    parts = rows_nk[:cut].sum(axis=0) + rows_nk[cut:].sum(axis=0)
    assert metric.reduce(parts) == pytest.approx(whole, abs=1e-12)
    stacked = metric.reduce(np.stack([rows_nk.sum(axis=0), rows_nk[0]]))
    assert stacked.tolist() == [metric.reduce(rows_nk.sum(axis=0)), metric.reduce(rows_nk[0])]


def items_of(segments):
    return [
        Item(
            sample=Sample(id=str(place), targets=tuple(targets)),
            completion=Completion(text=text),
            text=text,
        )
        for place, (text, targets) in enumerate(segments)
    ]


@pytest.mark.parametrize("name", ["bleu", "chrf"])
@settings(max_examples=20)
@given(segments=SEGMENTS)
def test_scores_are_points(name, segments):
    assert 0 <= ours(name, segments) <= 100 + 1e-9


def test_a_text_against_itself_is_perfect():
    segments = [("the cat sat on the mat today", ["the cat sat on the mat today"])]
    assert ours("bleu", segments) == pytest.approx(100)
    assert ours("chrf", segments) == pytest.approx(100)
    assert ours("ter", segments) == 0
    assert ours("sentence_bleu", segments) == 100


# --- traps -----------------------------------------------------------------------------------


def test_references_stand_by_sample_so_a_mixed_up_layout_cannot_be_silent():
    # sacrebleu's own call gives full marks here: it sees one segment and leaves the other out
    answers, targets = ["this is a fine house", "nonsense"], ["this is a fine house", "a red car"]
    mixed_up = engine("bleu").corpus_score(answers, [[one] for one in targets]).score
    assert mixed_up == pytest.approx(100)
    assert ours("bleu", [(a, [t]) for a, t in zip(answers, targets, strict=True)]) < 80


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="2 answers but 1 lists"):
        score_texts(make_metric("bleu", {}), ["a", "b"], [["a"]])


def test_segments_may_have_different_numbers_of_references():
    segments = [("the cat sat on it", ["a", "the cat sat on it"]), ("x y z w v", ["x y z w v"])]
    metric = make_metric("bleu", {})
    assert ours("bleu", segments) == pytest.approx(100)
    samples = [item.sample for item in items_of(segments)]
    assert metric.signature_of(samples).startswith("nrefs:var|")
    assert metric.signature_of(samples[1:]).startswith("nrefs:1|")


def test_short_identical_texts_are_zero_unless_the_order_is_effective():
    assert ours("bleu", [("happy", ["happy"])]) == 0
    assert ours("bleu", [("happy", ["happy"])], effective_order=True) == pytest.approx(100)


def test_chinese_is_one_token_to_13a_and_many_to_zh():
    segments = [("我爱北京天安门", ["我爱北京天安门"])]
    assert ours("bleu", segments) == 0
    assert ours("bleu", segments, tokenize="zh") == pytest.approx(100)


@pytest.mark.parametrize(("tokenize", "module"), [("ja-mecab", "MeCab"), ("ko-mecab", "mecab_ko")])
def test_a_tokeniser_that_is_not_installed_is_refused_and_never_replaced(tokenize, module):
    import importlib.util

    if importlib.util.find_spec(module):
        assert f"tok:{tokenize}" in make_metric("bleu", {"tokenize": tokenize}).signature
        return
    with pytest.raises(MissingExtra, match="sacrebleu"):
        make_metric("bleu", {"tokenize": tokenize})


def test_the_signature_is_sacrebleus():
    metric = make_metric("bleu", {"smooth": "floor", "lowercase": True})
    metric_signature = metric.signature_of([Sample(id="s", targets=("a", "b"))])
    reference = engine("bleu", smooth_method="floor", lowercase=True)
    reference.corpus_score(["a"], [["a"], ["b"]])
    assert metric_signature == str(reference.get_signature())
    assert metric.signature == f"bleu|{metric_signature.removeprefix('nrefs:2|')}|v1"


def test_chrfs_beta_is_in_the_signature_though_sacrebleu_leaves_it_out():
    assert "beta:3" in make_metric("chrf", {"beta": 3}).signature
    assert "beta" not in make_metric("chrf", {}).signature


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bleu", {"tokenize": "klingon"}),
        ("bleu", {"smooth": "sanding"}),
        ("bleu", {"smooth": "floor", "smooth_value": -1}),
        ("bleu", {"smooth": "floor", "smooth_value": float("nan")}),
        ("bleu", {"lowercase": "yes"}),
        ("chrf", {"char_order": 0}),
        ("chrf", {"beta": 0}),
        ("chrf", {"word_order": True}),
        ("ter", {"normalized": 1}),
    ],
)
def test_wrong_options_are_refused(name, options):
    with pytest.raises(SpecError):
        make_metric(name, options)


def test_sacrebleu_never_complains_about_tokenised_text_in_the_log(caplog):
    segments = [("It is so .", ["It is so ."])] * 150
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours("bleu", segments)
    assert caplog.records == []


def test_sacrebleus_caches_are_emptied_after_every_batch():
    metric = make_metric("bleu", {})
    metric.measure(items_of([(f"text number {n}", ["text"]) for n in range(50)]))
    step = type(metric.engine.tokenizer)
    assert vars(step)["__call__"].cache_info().currsize == 0


# --- bounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bleu", "chrf"])
@settings(max_examples=30)
@given(segments=SEGMENTS)
def test_bounds_enclose_every_corpus_value(name, segments):
    # a reference of at least four words: below that BLEU has no perfect score
    segments = [
        (text, [f"{target} one two three four" for target in targets]) for text, targets in segments
    ]
    metric = make_metric(name, {})
    items = items_of(segments)
    worst, best = metric.bounds([item.sample for item in items])
    value = metric.reduce(metric.measure(items).rows_nk.sum(axis=0))
    assert (
        metric.reduce(worst.sum(axis=0)) - 1e-9 <= value <= metric.reduce(best.sum(axis=0)) + 1e-9
    )


def test_the_worst_row_is_that_of_an_empty_answer():
    sample = Sample(id="s", targets=("the cat sat on the mat",))
    for name in ("bleu", "chrf", "ter"):
        metric = make_metric(name, {})
        empty = metric.measure([Item(sample=sample, completion=Completion(text=""), text="")])
        worst, _ = metric.bounds([sample])
        assert worst.tolist() == empty.rows_nk.tolist()


def test_bounds_of_no_samples_and_of_samples_without_references():
    for name in ("bleu", "chrf", "ter"):
        metric = make_metric(name, {})
        for samples in ([], [Sample(id="s")]):
            for bound in metric.bounds(samples):
                assert bound.shape == (len(samples), len(metric.columns))
                assert not bound.any()


# --- size ------------------------------------------------------------------------------------


def test_ter_gives_up_on_giants_with_a_reason_instead_of_hanging(item):
    began = time.process_time()
    long = "word " * (MOST_WORDS + 1)
    rows = make_metric("ter", {}).measure(
        [
            item(long, ["x"]),
            item("x", [long]),
            item("a b", ["a b"]),
            item("x"),
            item("y" * 10**6, ["x"]),
        ]
    )
    assert sorted(rows.reasons) == [0, 1, 3]
    assert "too many for TER" in rows.reasons[0]
    assert rows.scored_n.tolist() == [False, False, True, False, True]
    assert time.process_time() - began < 10


def test_shuffled_words_of_a_usual_length_stay_within_seconds(item):
    rng = random.Random(0)
    words = [f"w{n}" for n in range(40)]
    shuffled = rng.sample(words, len(words))
    began = time.process_time()
    make_metric("ter", {}).measure([item(" ".join(shuffled), [" ".join(words)])])
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bleu", {"tokenize": "char"}),
        ("bleu", {"smooth": "add-k"}),
        ("sentence_bleu", {}),
        ("chrf", {"word_order": 2}),
        ("ter", {"normalized": True}),
    ],
)
def test_forms_keep_the_contract(name, options):
    check_metric(make_metric(name, options))
