"""BLEU, chrF, TER, ROUGE and exact match against their references on strange and real text.

The long forms take 100,000 pairs each (`-m slow`); more of ROUGE's, and SQuAD's, stand in
test_rouge.py and test_token_f1.py.
"""

from __future__ import annotations

import gzip
import random
import re
import string

import numpy as np
import pytest

from evalharness.catalog import make_metric
from evalharness.metrics.ter import MOST_WORDS
from evalharness.records import Completion, Item, Sample

WORDS = [
    *("the", "The", "cat", "sat", "on", "a", "mat", "It's", "don't", "state-of-the-art", "x", "y"),
    *("3.5", "1,000", "1.000.000", "$5", "50%", "-", "--", ".", ",", "!?", "(a)", '"q"', "“q”", "…"),
    *("&amp;", "&quot;", "&lt;s&gt;", "<skipped>", "été", "e\u0301te\u0301", "naïve", "ß", "İ", "ǅ"),
    *("我爱", "北京", "東京", "カタカナ", "한국어", "नमस्ते", "ไทย", "العربية", "🙂", "👩‍👩‍👧", "\u200b", "\ufeff"),
    *("\x00", "\x07", "\x1c", "\x7f", "\x85", "\u2028", "\u00a0", "\t", "\n", "\r\n", "\ud800", "\udfff"),
]  # fmt: skip
ENGINES = {"bleu": "BLEU", "sentence_bleu": "BLEU", "chrf": "CHRF", "ter": "TER"}
FORMS = [
    ("bleu", {}, {}),
    ("bleu", {"tokenize": "intl", "lowercase": True}, {"tokenize": "intl", "lowercase": True}),
    ("bleu", {"tokenize": "zh", "smooth": "floor"}, {"tokenize": "zh", "smooth_method": "floor"}),
    ("bleu", {"tokenize": "char", "smooth": "add-k"}, {"tokenize": "char", "smooth_method": "add-k"}),
    ("bleu", {"tokenize": "none", "smooth": "none"}, {"tokenize": "none", "smooth_method": "none"}),
    ("sentence_bleu", {}, {"effective_order": True}),
    ("chrf", {}, {}),
    ("chrf", {"word_order": 2}, {"word_order": 2}),
    ("chrf", {"whitespace": True, "lowercase": True}, {"whitespace": True, "lowercase": True}),
    ("ter", {}, {}),
    ("ter", {"normalized": True, "asian_support": True}, {"normalized": True, "asian_support": True}),
]  # fmt: skip
NAMES = [f"{name}-{'-'.join(map(str, options.values())) or 'plain'}" for name, options, _ in FORMS]


def item(text, targets):
    return Item(
        sample=Sample(id="s", targets=tuple(targets)), completion=Completion(text=text), text=text
    )


def strange_text(rng, *, most=14):
    words = rng.choices(WORDS, k=rng.randint(0, most))
    return rng.choice([" ", " ", " ", "", "  "]).join(words)


def strange_pairs(seed, count, *, huge=0):
    """Answers with one to three references; half of the answers are edited references."""
    rng = random.Random(seed)
    for place in range(count):
        targets = [strange_text(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        words = targets[0].split(" ")
        text = " ".join(w if rng.random() < 0.8 else rng.choice(WORDS) for w in words)
        text = text if rng.random() < 0.5 else strange_text(rng)
        if huge and place % huge == huge - 1:
            text, targets = strange_text(rng, most=4_000), [strange_text(rng, most=4_000)]
        yield text, targets


def real_pairs(shared_data):
    """Every system's translation beside its reference: 18 systems, two pairs of languages."""
    folder = shared_data / "wmt23"

    def lines(name):
        return gzip.decompress((folder / name).read_bytes()).decode("utf-8").split("\n")

    for path in sorted(folder.glob("*.hyp.*.gz")):
        references = lines(f"{path.name.partition('.')[0]}.refA.gz")
        for text, target in zip(lines(path.name), references, strict=True):
            yield text, [target]


def in_batches(pairs, size=1_000):
    batch = []
    for pair in pairs:
        batch.append(pair)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def assert_sacrebleus(form, pairs):
    """Every pair alone, and every thousand as a corpus, bit for bit."""
    import sacrebleu.metrics

    name, options, theirs = form
    engine = getattr(sacrebleu.metrics, ENGINES[name])(**theirs)
    metric = make_metric(name, options)
    count = 0
    for batch in in_batches(pairs):
        rows = metric.measure([item(*pair) for pair in batch])
        assert rows.scored_n.all(), rows.reasons
        wanted = [engine.sentence_score(text, targets).score for text, targets in batch]
        if name == "sentence_bleu":
            assert [min(100.0, one) for one in wanted] == rows.rows_nk[:, 0].tolist()
        else:
            alone = metric.reduce(rows.rows_nk).tolist()
            wrong = [place for place, one in enumerate(wanted) if one != alone[place]]
            assert not wrong, (batch[wrong[0]], wanted[wrong[0]], alone[wrong[0]])
            most = max(len(targets) for _, targets in batch)
            streams = [
                [targets[k] if k < len(targets) else None for _, targets in batch]
                for k in range(most)
            ]
            whole = engine.corpus_score([text for text, _ in batch], streams).score
            assert whole == metric.reduce(rows.rows_nk.sum(axis=0))
        count += len(batch)
    return count


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_strange_pairs_score_as_sacrebleu_to_the_last_bit(form):
    assert assert_sacrebleus(form, strange_pairs(1, 400)) == 400


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_a_hundred_thousand_strange_pairs_score_as_sacrebleu(form):
    huge = 0 if form[0] == "ter" else 10_000  # a TER of 4,000 words is unscored
    assert assert_sacrebleus(form, strange_pairs(2, 100_000, huge=huge)) == 100_000


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_every_real_translation_scores_as_sacrebleu(form, shared_data):
    pairs = [
        (text, targets)
        for text, targets in real_pairs(shared_data)
        if form[0] != "ter" or max(len(one.split()) for one in (text, *targets)) <= MOST_WORDS
    ]
    assert assert_sacrebleus(form, pairs) > 5_000


# --- ROUGE -----------------------------------------------------------------------------------

ROUGE = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l", "rougeLsum": "rouge_lsum"}


def assert_rouge_scores(pairs, *, stemmer):
    """All four types bit for bit, control characters and lone surrogates included."""
    module = pytest.importorskip("rouge_score.rouge_scorer")
    scorer = module.RougeScorer(list(ROUGE), use_stemmer=stemmer)
    metrics = {rouge: make_metric(name, {"stemmer": stemmer}) for rouge, name in ROUGE.items()}
    count = 0
    for batch in in_batches(pairs):
        wanted = [scorer.score_multi(targets, text) for text, targets in batch]
        items = [item(*pair) for pair in batch]
        for rouge, metric in metrics.items():
            ours = metric.measure(items).rows_nk[:, 0].tolist()
            assert [one[rouge].fmeasure for one in wanted] == ours
        count += sum(ours) > 0
    return count


@pytest.mark.parametrize("stemmer", [False, True])
def test_strange_pairs_score_as_rouge_score_to_the_last_bit(stemmer):
    assert assert_rouge_scores(strange_pairs(3, 1_500), stemmer=stemmer)


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("stemmer", [False, True])
def test_a_hundred_thousand_strange_pairs_score_as_rouge_score(stemmer):
    assert assert_rouge_scores(strange_pairs(4, 100_000, huge=25_000), stemmer=stemmer) == 100


# --- exact match -----------------------------------------------------------------------------

EXACT = [
    {},
    {"ignore_case": True},
    {"ignore_punctuation": True, "ignore_numbers": True},
    {"ignore_case": True, "ignore_punctuation": True, "regexes_to_ignore": [r"\s+", "^the "]},
]


def evaluates_matches(answers, targets, options):
    """1.0 or 0.0 a pair, by the numpy operations of evaluate's exact_match, in their order."""
    sides = []
    for texts in (answers, targets):
        array = np.asarray(texts)
        for pattern in options.get("regexes_to_ignore", ()):
            array = np.array([re.sub(pattern, "", text) for text in array])
        if options.get("ignore_case"):
            # numpy's own lower() cuts "İ", which grows, in the longest text of an array
            array = np.array([text.lower() for text in array])
        for option, marks in (
            ("ignore_punctuation", string.punctuation),
            ("ignore_numbers", string.digits),
        ):
            if options.get(option):
                array = np.char.translate(array, str.maketrans("", "", marks))
        sides.append(array)
    return (sides[0] == sides[1]).astype(float).tolist()


def assert_exact_matches(pairs, options):
    metric = make_metric("exact_match", {**options, "normalize": "none", "impl": "reference"})
    own = make_metric("exact_match", {**options, "normalize": "none"})
    matches = 0
    for batch in in_batches((text, targets[0]) for text, targets in pairs):
        wanted = evaluates_matches(*map(list, zip(*batch, strict=True)), options)
        items = [item(text, [target]) for text, target in batch]
        assert wanted == metric.measure(items).rows_nk[:, 0].tolist()
        plain = [set("\0\x1c").isdisjoint("".join(pair)) for pair in batch]
        without = np.flatnonzero(plain).tolist()
        rows_nk = own.measure([items[place] for place in without]).rows_nk
        assert [wanted[place] for place in without] == rows_nk[:, 0].tolist()
        matches += sum(wanted)
    return matches


@pytest.mark.parametrize("options", EXACT)
def test_exact_matches_are_those_of_evaluate(options):
    assert assert_exact_matches(strange_pairs(5, 2_000), options) > 200


@pytest.mark.slow
@pytest.mark.parametrize("options", EXACT)
def test_a_hundred_thousand_exact_matches_are_those_of_evaluate(options):
    assert assert_exact_matches(strange_pairs(6, 100_000, huge=25_000), options) > 10_000
