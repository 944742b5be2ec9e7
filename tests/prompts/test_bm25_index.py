"""BM25: the numbers of the formula, the order of ties, the same answer in every process."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.prompts.index import (
    DECIMALS,
    K1,
    VARIANT,
    B,
    Bm25Index,
    best,
    digest_texts,
    words,
)

WORDS = st.sampled_from(["card", "pin", "fee", "bank", "cash", "top", "up"])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=8)
QUERIES = st.lists(st.sampled_from(["card", "pin", "fee", "never", "up"]), max_size=6).map(" ".join)


def oracle(texts: list[str], query: str) -> list[float]:
    """Lucene's BM25, written out: Kamphuis et al. (2020), table 1."""
    documents = [text.split() for text in texts]
    n = len(documents)
    mean_length = sum(len(document) for document in documents) / n
    scores = []
    for document in documents:
        counts = Counter(document)
        score = 0.0
        for word in query.split():
            df = sum(word in other for other in documents)
            if not counts[word]:
                continue
            idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
            norm = K1 * (1 - B + B * len(document) / mean_length)
            score += idf * counts[word] / (counts[word] + norm)
        scores.append(score)
    return scores


def test_a_score_worked_out_by_hand():
    index = Bm25Index(["a cat sat", "a dog"], needed_for="this test")
    # N = 2, df(cat) = 1, tf = 1, length 3, mean length 2.5
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 1 / (1 + 1.5 * (1 - 0.75 + 0.75 * 3 / 2.5))
    assert index.scores("cat").tolist() == pytest.approx([expected, 0.0], abs=1e-12)
    assert expected == pytest.approx(0.254366, abs=5e-7)


@given(TEXTS, QUERIES)
@settings(max_examples=200)
def test_scores_are_those_of_the_formula(texts, query):
    scores = Bm25Index(texts, needed_for="this test").scores(query)
    assert scores.tolist() == pytest.approx(oracle(texts, query), abs=1e-12)


@given(TEXTS, QUERIES, st.integers(1, 10))
def test_the_nearest_are_the_formulas_best_with_ties_in_order(texts, query, k):
    hits = Bm25Index(texts, needed_for="this test").nearest(query, k)
    scores = oracle(texts, query)
    ranked = sorted(range(len(texts)), key=lambda place: (-round(scores[place], DECIMALS), place))
    assert [hit.position for hit in hits] == ranked[:k]


@given(TEXTS, QUERIES)
def test_equal_texts_are_found_in_their_order(texts, query):
    doubled = texts + texts
    hits = Bm25Index(doubled, needed_for="this test").nearest(query, len(doubled))
    place = {hit.position: rank for rank, hit in enumerate(hits)}
    assert all(place[n] < place[n + len(texts)] for n in range(len(texts)))


@given(TEXTS, QUERIES)
def test_case_punctuation_and_composition_do_not_matter(texts, query):
    index = Bm25Index(texts, needed_for="this test")
    assert index.scores(query).tolist() == index.scores(f"¿{query.upper()}?!").tolist()


def test_the_order_of_the_words_does_not_move_a_tie():
    texts = ["one two three four five", "five four three two one"]
    for query in ("one two three four five", "five one four two three", "three three one"):
        hits = Bm25Index(texts, needed_for="this test").nearest(query, 2)
        assert [hit.position for hit in hits] == [0, 1]


@pytest.mark.parametrize("query", ["", "   ", "?!", "unheard of"])
def test_a_query_without_a_known_word_scores_every_text_zero(query):
    index = Bm25Index(["a cat", "a dog"], needed_for="this test")
    assert index.scores(query).tolist() == [0.0, 0.0]
    assert [hit.position for hit in index.nearest(query, 2)] == [0, 1]


@pytest.mark.parametrize("texts", [[""], ["", "?!"], ["...", "\n"]])
def test_texts_without_words_can_be_indexed_and_score_zero(texts):
    index = Bm25Index(texts, needed_for="this test")
    assert [hit.score for hit in index.nearest("a cat", 5)] == [0.0] * len(texts)


def test_an_empty_text_among_others_scores_zero():
    index = Bm25Index(["", "a cat"], needed_for="this test")
    assert [hit.position for hit in index.nearest("cat", 2)] == [1, 0]


def test_texts_in_scripts_without_spaces_are_found():
    index = Bm25Index(["我想更换银行卡", "如何联系客服", "手续费是多少"], needed_for="this test")
    assert index.nearest("银行卡丢了", 1)[0].position == 0
    assert index.nearest("联系谁", 1)[0].position == 1


def test_asking_for_more_than_there_is_gives_all():
    assert len(Bm25Index(["a", "b"], needed_for="this test").nearest("a", 99)) == 2


@given(
    st.lists(st.floats(0, 9, width=16), min_size=1, max_size=30),
    st.integers(1, 40),
)
def test_best_is_a_stable_sort_cut_off(scores, k):
    rounded = [round(score, DECIMALS) for score in scores]
    expected = sorted(range(len(scores)), key=lambda place: -rounded[place])[:k]
    assert [hit.position for hit in best(np.array(scores), k)] == expected


def test_scores_that_differ_by_rounding_error_alone_are_ties():
    scores = np.array([1.0, 1.0 + 1e-12, 1.0 - 1e-12])
    assert [hit.position for hit in best(scores, 2)] == [0, 1]


def test_words_split_at_apostrophes_and_keep_digits():
    assert words("Don't pay £3.50 at O'Hare") == ["don", "t", "pay", "3", "50", "at", "o", "hare"]


def test_the_variant_says_all_that_moves_a_score():
    assert VARIANT == "bm25|method:lucene|k1:1.5|b:0.75|tok:cjk"
    assert Bm25Index(["a"], needed_for="this test").signature == VARIANT


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_digest_tells_lists_of_texts_apart(left, right):
    assert (digest_texts(left) == digest_texts(right)) == (left == right)


def test_a_digest_takes_lone_surrogates():
    assert digest_texts(["\ud800"]) != digest_texts(["?"])


IN_ANOTHER_PROCESS = """
import sys
from evalharness.prompts.index import Bm25Index
texts = [f"{a} {b} card" for a in ("pin", "fee", "cash", "top") for b in ("bank", "up", "fee")]
index = Bm25Index(texts, needed_for="this test")
print([index.nearest(query, 7) for query in ("pin card", "fee up", "none")])
"""


def test_the_seed_of_pythons_hashes_does_not_matter():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "Hit(position=" in outputs.pop()


WITHOUT_BM25S = """
import sys
sys.modules["bm25s"] = None  # as if it were not installed
from evalharness.errors import MissingExtra
from evalharness.prompts.index import Bm25Index
try:
    Bm25Index(["a"], needed_for="few_shot `select: bm25`")
except MissingExtra as error:
    print(error, error.exit_code, sep="\\n")
"""


def test_without_bm25s_the_error_says_how_to_install_it():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BM25S], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "few_shot `select: bm25` needs the package 'bm25s', which is not installed",
        "  mend:  pip install 'evalharness[rag]'",
        "69",
    ]
