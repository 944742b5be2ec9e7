"""CPU ratios of our metrics against the libraries that people use today, in one run, one core.

    python benchmarks/bench_metrics.py [--quick]

Each line times both sides alternately on the same texts (process CPU seconds, best of several
rounds) and prints the ratio.  Needs the extra `rouge`; the official SQuAD rules are restated here
from the published description, as the plain loop that the official script is.
"""

from __future__ import annotations

import argparse
import random
import re
import string
import time
from collections import Counter

import numpy as np

from evalharness.catalog import make_metric
from evalharness.records import Completion, Item, Sample
from evalharness.text.codes import code_table, squad_table

WORDS = 3000
BATCH = 500  # as the score stage batches
PUNCTUATION = set(string.punctuation)
ROUGE_NAMES = {
    "rouge1": "rouge_1",
    "rouge2": "rouge_2",
    "rougeL": "rouge_l",
    "rougeLsum": "rouge_lsum",
}


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().quick else 9
    rng = random.Random(0)
    vocabulary = [
        "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(WORDS)
    ]
    print(f"{'what':44} {'reference':>12} {'ours':>10} {'ratio':>8}  goal")
    rouge_lines(rng, vocabulary, rounds)
    squad_line(rng, vocabulary, rounds)
    bleu_lines(rng, vocabulary, rounds)
    recorded_lines(rng, vocabulary)


def rouge_lines(rng, vocabulary, rounds) -> None:
    """ROUGE against rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    three = ("rouge1", "rouge2", "rougeL")
    cases = [
        ("ROUGE-1+2+L 60x60", 60, False, False, three, False, ">= 30"),
        ("ROUGE-1+2+L 60x60, stems warm", 60, False, True, three, False, ">= 28"),
        ("ROUGE-1+2+L 60x60, stems cold", 60, False, True, three, True, ">= 15"),
        ("ROUGE-Lsum 60x60, 5 lines", 60, True, False, ("rougeLsum",), False, ">= 15"),
        ("ROUGE-1+2+L+Lsum 60x60, 5 lines", 60, True, False, tuple(ROUGE_NAMES), False, ">= 15"),
        ("ROUGE-1+2+L 300x300", 300, False, False, three, False, ">= 100"),
        (
            "ROUGE-1+2+L+Lsum 300x300, 25 lines",
            300,
            True,
            False,
            tuple(ROUGE_NAMES),
            False,
            ">= 28",
        ),
    ]
    for what, length, lines, stemmed, types, cold, goal in cases:
        pairs = make_pairs(
            rng, vocabulary, length=length, n=1000 if length == 60 else 200, lines=lines
        )
        items = as_items(pairs)
        few = pairs[: 40 if length == 60 else 4]
        scorer = RougeScorer(list(types), use_stemmer=stemmed)
        metrics = [make_metric(ROUGE_NAMES[name], {"stemmer": stemmed}) for name in types]
        table = code_table("ascii", stemmed=stemmed)

        def reference(few=few, scorer=scorer):
            for target, answer in few:
                scorer.score(target, answer)

        def ours(items=items, metrics=metrics, table=table, cold=cold):
            forget(table, cold=cold)
            in_batches(items, metrics)

        theirs, own = interleaved(reference, ours, rounds)
        line(what, theirs / len(few), own / len(items), goal)


def squad_line(rng, vocabulary, rounds) -> None:
    """SQuAD exact match and F1, three references, against the official rules as a plain loop."""
    questions = []
    for _ in range(2000):
        target = " ".join(rng.choices([*vocabulary, "the", "of", "a"], k=rng.randint(1, 5)))
        targets = tuple(
            target if rng.random() < 0.6 else f"{target} {rng.choice(vocabulary)}" for _ in range(3)
        )
        chance = rng.random()
        answer = (
            targets[0]
            if chance < 0.7
            else " ".join(rng.choices(vocabulary, k=rng.randint(1, 6)))
            if chance < 0.8
            else f"the {targets[1]} {rng.choice(vocabulary)}"
        )
        questions.append((answer, targets))
    items = [
        Item(
            sample=Sample(id=str(place), targets=targets),
            completion=Completion(text=answer),
            text=answer,
        )
        for place, (answer, targets) in enumerate(questions)
    ]
    metrics = [make_metric("squad_em", {}), make_metric("f1", {})]

    def reference():
        for answer, targets in questions:
            max(official_em(answer, target) for target in targets)
            max(official_f1(answer, target) for target in targets)

    for what, cold in (("words seen", False), ("words never seen", True)):

        def ours(cold=cold):
            forget(squad_table(), cold=cold)
            in_batches(items, metrics)

        theirs, own = interleaved(reference, ours, rounds)
        goal = "" if cold else ">= 8"
        line(f"SQuAD EM + F1, 3 references, {what}", theirs / len(items), own / len(items), goal)


def bleu_lines(rng, vocabulary, rounds) -> None:
    """Corpus BLEU and its bootstrap against sacrebleu."""
    from sacrebleu.metrics import BLEU

    pairs = make_pairs(rng, vocabulary, length=25, n=3000, lines=False)
    hypotheses, references = [answer for _, answer in pairs], [target for target, _ in pairs]
    items = as_items(pairs)
    metric = make_metric("bleu", {})

    def reference():
        engine = BLEU()
        engine.corpus_score(hypotheses[:1000], [references[:1000]])
        metric.forget()

    def ours():
        metric.reduce(metric.measure(items[:1000]).rows_nk.sum(axis=0))

    theirs, own = interleaved(reference, ours, max(2, rounds // 3))
    line("BLEU, 1,000 segments of 25 words", theirs / 1000, own / 1000, ">= 1")
    rows_nk = metric.measure(items).rows_nk
    engine = BLEU()
    statistics = rows_nk.astype(int).tolist()

    def their_bootstrap():
        samples = np.array(statistics, dtype="float32")
        generator = np.random.default_rng(1)
        for _ in range(1000):
            drawn = samples[generator.choice(len(samples), size=len(samples), replace=True)]
            engine._compute_score_from_stats(drawn.sum(0))  # noqa: SLF001  (their loop)

    def our_bootstrap():
        generator = np.random.default_rng(1)
        counts_bn = np.empty((1000, len(rows_nk)))
        for draw in range(1000):
            counts_bn[draw] = np.bincount(
                generator.integers(0, len(rows_nk), len(rows_nk)), minlength=len(rows_nk)
            )
        metric.reduce(counts_bn @ rows_nk)

    theirs, own = interleaved(their_bootstrap, our_bootstrap, rounds)
    line("BLEU bootstrap, 1,000 draws of 3,000", theirs, own, ">= 5")


def recorded_lines(rng, vocabulary) -> None:
    """100,000 recorded answers of 30 words: exact match, F1 and ROUGE-L, by batches."""
    from rouge_score.rouge_scorer import RougeScorer

    pairs = make_pairs(rng, vocabulary, length=30, n=100_000, lines=False)
    items = as_items(pairs)
    metrics = [make_metric(name, {}) for name in ("exact_match", "f1", "rouge_l")]
    scorer = RougeScorer(["rougeL"])
    began = time.process_time()
    in_batches(items, metrics)
    own = time.process_time() - began
    began = time.process_time()
    for target, answer in pairs[:5000]:
        scorer.score(target, answer)
    theirs = (time.process_time() - began) * len(pairs) / 5000
    line("100,000 x 30 words: EM + F1 + ROUGE-L", theirs, own, ">= 4 (of ROUGE-L alone)")


def in_batches(items, metrics) -> None:
    """Measure as the score stage does: every metric over one batch, then the next batch."""
    for start in range(0, len(items), BATCH):
        for metric in metrics:
            metric.measure(items[start : start + BATCH])


def forget(table, *, cold) -> None:
    """Start from texts never seen, and when cold from words never seen."""
    if cold:
        table.forget_all()
    else:
        table.forget_texts()


def make_pairs(rng, vocabulary, *, length, n, lines):
    """(reference, answer) pairs that share about two thirds of their words."""
    pairs = []
    for _ in range(n):
        target = rng.choices(vocabulary, k=length)
        answer = [word if rng.random() > 0.35 else rng.choice(vocabulary) for word in target]
        pairs.append((joined(target, lines=lines), joined(answer, lines=lines)))
    return pairs


def joined(words, *, lines) -> str:
    """Words as one line, or as lines of 12."""
    if not lines:
        return " ".join(words)
    return "\n".join(" ".join(words[start : start + 12]) for start in range(0, len(words), 12))


def as_items(pairs):
    """Items of (reference, answer) pairs."""
    return [
        Item(
            sample=Sample(id=str(place), targets=(target,)),
            completion=Completion(text=answer),
            text=answer,
        )
        for place, (target, answer) in enumerate(pairs)
    ]


def interleaved(reference, ours, rounds) -> tuple[float, float]:
    """Best CPU seconds of each side, timed in turn."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for side, function in enumerate((reference, ours)):
            began = time.process_time()
            function()
            best[side] = min(best[side], time.process_time() - began)
    return best[0], best[1]


def line(what, theirs, own, goal) -> None:
    """One row of the table, times in microseconds a unit."""
    print(f"{what:44} {theirs * 1e6:10.1f}us {own * 1e6:8.1f}us {theirs / own:7.1f}x  {goal}")


def official_normalize(text) -> str:
    """The official rules, step by step."""
    text = "".join(mark for mark in text.lower() if mark not in PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def official_em(answer, target) -> bool:
    """Exact match."""
    return official_normalize(answer) == official_normalize(target)


def official_f1(answer, target) -> float:
    """Token F1."""
    answer_tokens = official_normalize(answer).split()
    target_tokens = official_normalize(target).split()
    same = sum((Counter(answer_tokens) & Counter(target_tokens)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(answer_tokens), same / len(target_tokens)
    return 2 * precision * recall / (precision + recall)


if __name__ == "__main__":
    main()
