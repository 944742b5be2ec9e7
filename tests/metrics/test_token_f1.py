"""SQuAD and CoQA scores: the official rules restated here as the oracle, and their traps."""

from __future__ import annotations

import os
import random
import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import SpecError
from evalharness.metrics.token_f1 import leave_one_out
from evalharness.testing import check_metric, score_texts

WORDS = [
    "the",
    "a",
    "A",
    "cat",
    "cat.",
    "Cat",
    "dog",
    "24th-century",
    "é",
    "–",
    "!",
    "東京",
    "İ",
    "\x00",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.text(max_size=12)
REFERENCES = st.lists(TEXTS, min_size=1, max_size=4)


def words(text):
    unmarked = "".join(mark for mark in text.lower() if mark not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", unmarked).split()


def pair_f1(text, target, *, both_empty):
    given_words, wanted = words(text), words(target)
    if not given_words and not wanted:
        return both_empty
    same = sum((Counter(given_words) & Counter(wanted)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(given_words), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def oracle(text, targets, variant):
    """(exact match, F1) by the official scripts."""
    if variant == "v2":
        targets = [target for target in targets if words(target)] or [""]
    both_empty = 0.0 if variant == "v1" else 1.0
    exact = [float(words(text) == words(target)) for target in targets]
    f1 = [pair_f1(text, target, both_empty=both_empty) for target in targets]
    if variant != "coqa" or len(targets) == 1:
        return max(exact), max(f1)
    out = []
    for scores in (exact, f1):
        total = 0.0
        for place in range(len(scores)):
            total += max(scores[:place] + scores[place + 1 :])
        out.append(total / len(scores))
    return tuple(out)


@pytest.mark.parametrize("variant", ["v1", "v2", "coqa"])
@given(text=TEXTS, targets=REFERENCES)
def test_scores_are_those_of_the_official_rules_to_the_last_bit(variant, text, targets):
    exact = score_texts(make_metric("squad_em", {"variant": variant}), [text], [targets])
    f1 = score_texts(make_metric("f1", {"variant": variant}), [text], [targets])
    assert (exact, f1) == oracle(text, targets, variant)


def assert_official(item, variant, *, seed, count):
    """Random answers in batches of 500, as the score stage has them: counted by arrays."""
    rng = random.Random(seed)
    vocabulary = [*WORDS, *(f"word{n}" for n in range(40)), "a-word-of-many-more-than-16-bytes"]

    def text():
        return " ".join(rng.choices(vocabulary, k=rng.choice([0, 1, 2, 5, 12, 30])))

    pairs = [(text(), [text() for _ in range(rng.choice([1, 1, 2, 3]))]) for _ in range(count)]
    pairs = [(targets[0] if rng.random() < 0.2 else one, targets) for one, targets in pairs]
    for start in range(0, count, 500):
        batch = pairs[start : start + 500]
        items = [item(*pair) for pair in batch]
        expected = [oracle(*pair, variant) for pair in batch]
        for place, name in enumerate(("squad_em", "f1")):
            rows_nk = make_metric(name, {"variant": variant}).measure(items).rows_nk
            assert [one[place] for one in expected] == rows_nk[:, 0].tolist()


@pytest.mark.parametrize("variant", ["v1", "v2", "coqa"])
def test_batches_score_as_the_official_rules_to_the_last_bit(item, variant):
    assert_official(item, variant, seed=1, count=1_000)


OFFICIAL = {"v1": "evaluate-v1.1.py", "v2": "evaluate-v2.0.py", "coqa": "evaluate-v1.0.py"}
SCRIPTS = "EVALHARNESS_OFFICIAL_SCRIPTS"
STRANGE = [
    *WORDS,
    *("Ⅷ", "ǅ", "ß", "ſ", "\u0130stanbul", "e\u0301", "\u200b", "\ufeff", "“the”", "the’s", "a–b"),
    *("\x1c", "\x85", "\u2028", "\u00a0", "\x7f", "\ud800", "\udfff", "a\x00the", "an\x1cox"),
    *("$5", "1,000", "_the_", "the_", "THE", "An", "a.", "नमस्ते", "🙂"),
]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["v1", "v2", "coqa"])
def test_a_hundred_thousand_answers_score_as_the_official_script_itself(item, variant):
    """Run with the folder of the three scripts, as their authors publish them, in SCRIPTS."""
    if SCRIPTS not in os.environ:
        pytest.skip(f"{SCRIPTS} names no folder with the official scripts")
    script = os.path.join(os.environ[SCRIPTS], OFFICIAL[variant])
    rng = random.Random(7)

    def text():
        words = rng.choices(STRANGE, k=rng.choice([0, 1, 2, 3, 6, 12, 400 // rng.randint(1, 400)]))
        return rng.choice([" ", " ", ""]).join(words)

    pairs = [(text(), [text() for _ in range(rng.choice([1, 1, 2, 3]))]) for _ in range(100_000)]
    pairs = [(targets[-1] if rng.random() < 0.2 else one, targets) for one, targets in pairs]
    for start in range(0, len(pairs), 500):
        items = [item(*pair) for pair in pairs[start : start + 500]]
        for name in ("squad_em", "f1"):
            own = make_metric(name, {"variant": variant}).measure(items).rows_nk
            options = {"variant": variant, "impl": "reference", "script": script}
            theirs = make_metric(name, options).measure(items).rows_nk
            assert own.tolist() == theirs.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["v1", "v2", "coqa"])
def test_a_hundred_thousand_answers_score_as_the_official_rules(item, variant):
    assert_official(item, variant, seed=2, count=100_000)


@given(batch=st.lists(st.tuples(TEXTS, REFERENCES), min_size=1, max_size=8))
def test_a_batch_scores_as_its_items_do(batch, item):
    for name in ("squad_em", "f1"):
        for variant in ("v1", "v2", "coqa"):
            metric = make_metric(name, {"variant": variant})
            items = [item(text, targets) for text, targets in batch]
            alone = [metric.measure([one]).rows_nk[0].tolist() for one in items]
            assert metric.measure(items).rows_nk.tolist() == alone


@given(text=TEXTS, targets=REFERENCES)
def test_an_exact_match_with_words_has_an_f1_of_one(text, targets):
    if score_texts(make_metric("squad_em", {}), [text], [targets]) == 1 and words(text):
        assert score_texts(make_metric("f1", {}), [text], [targets]) == 1


@given(text=TEXTS, target=TEXTS)
def test_f1_is_symmetric(text, target):
    metric = make_metric("f1", {})
    assert score_texts(metric, [text], [[target]]) == score_texts(metric, [target], [[text]])


@given(text=TEXTS, targets=REFERENCES, extra=TEXTS)
def test_another_reference_never_lowers_a_maximum(text, targets, extra):
    metric = make_metric("f1", {})
    more = score_texts(metric, [text], [[*targets, extra]])
    assert more >= score_texts(metric, [text], [targets])


@pytest.mark.parametrize(
    ("variant", "text", "targets", "exact", "f1"),
    [
        ("v1", "", [""], 1, 0),
        ("v2", "", [""], 1, 1),
        ("coqa", "", [""], 1, 1),
        ("v1", "A", ["A"], 1, 0),
        ("v2", "the", ["a"], 1, 1),
        ("v2", "B", ["A"], 0, 0),
        ("v2", "", [], 1, 1),
        ("v2", "something", [], 0, 0),
        ("v2", "A", ["A", "B"], 0, 0),
        ("v2", "...", [""], 1, 1),
        ("v1", "big dog runs", ["dog runs big"], 0, 1),
        ("v1", "東京都", ["東京"], 0, 0),
    ],
)
def test_known_traps(variant, text, targets, exact, f1):
    assert score_texts(make_metric("squad_em", {"variant": variant}), [text], [targets]) == exact
    assert score_texts(make_metric("f1", {"variant": variant}), [text], [targets]) == f1


def test_a_sample_without_references_is_unscored_with_a_hint_at_v2(item):
    rows = make_metric("f1", {}).measure([item("x", [])])
    assert "say variant: v2" in rows.reasons[0]
    assert make_metric("f1", {"variant": "coqa"}).measure([item("x", [])]).reasons
    assert not make_metric("f1", {"variant": "v2"}).measure([item("x", [])]).reasons


def test_exact_match_is_binary_except_by_leave_one_out():
    assert make_metric("squad_em", {}).kind == "binary"
    assert make_metric("squad_em", {"variant": "v2"}).kind == "binary"
    assert make_metric("squad_em", {"variant": "coqa"}).kind == "continuous"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=7))
def test_leave_one_out_is_the_mean_of_the_best_of_the_others(scores):
    wanted = 0.0
    for place in range(len(scores)):
        wanted += max(scores[:place] + scores[place + 1 :])
    assert leave_one_out(scores) == wanted / len(scores)


@pytest.mark.parametrize("name", ["f1", "squad_em"])
@pytest.mark.parametrize("variant", ["v1", "v2", "coqa"])
def test_every_variant_keeps_the_contract(name, variant):
    metric = make_metric(name, {"variant": variant})
    check_metric(metric)
    assert variant in metric.signature


def test_an_unknown_variant_is_refused():
    with pytest.raises(SpecError, match="variant must be one of"):
        make_metric("f1", {"variant": "v3"})


def test_giants_are_scored_in_seconds(item):
    answer = " ".join(f"word{number}" for number in range(17_000))
    metric = make_metric("f1", {})
    rows = metric.measure([item(answer, [answer[::2]] * 3)] * 3 + [item("x", ["y"] * 10_000)])
    assert rows.scored_n.all()
