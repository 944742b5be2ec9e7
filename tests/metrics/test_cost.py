"""What metrics cost before they are used: imports, memory, and batches of other processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from evalharness.catalog import make_metric
from evalharness.records import Completion, Item, Sample

HEAVY = (
    "scipy",
    "sacrebleu",
    "nltk",
    "sklearn",
    "torch",
    "pandas",
    "jsonschema",
    "rouge_score",
    "evaluate",
)


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "name",
    ["exact_match", "f1", "squad_em", "rouge_1", "rouge_l", "rouge_lsum", "numeric_match", "multiple_choice",
     "accuracy", "macro_f1", "error_rate", "latency_p95_s", "cost_usd", "json_valid", "edit_similarity"],
)  # fmt: skip
def test_a_text_metric_loads_no_heavy_package(name):
    program = (
        "import sys; from evalharness.catalog import make_metric;"
        "from evalharness.testing.metric_kit import default_examples;"
        f"metric = make_metric({name!r}, {{}}); metric.measure(default_examples(metric));"
        f"print([one for one in {HEAVY!r} if one in sys.modules])"
    )
    assert run(program) == "[]"


def test_stems_need_no_nltk():
    program = (
        "import sys; from evalharness.catalog import make_metric;"
        "from evalharness.testing import score_texts;"
        "print(score_texts(make_metric('rouge_1', {'stemmer': True}), ['running'], [['runs']]), 'nltk' in sys.modules)"
    )
    assert run(program) == "1.0 False"


def measure(job):
    name, texts = job
    items = [
        Item(
            sample=Sample(id="s", targets=(f"{text} x",)),
            completion=Completion(text=text),
            text=text,
        )
        for text in texts
    ]
    return make_metric(name, {}).measure(items).rows_nk.tolist()


def test_other_processes_give_the_same_rows():
    texts = [f"word{number % 7} and word{number % 5}\nmore" for number in range(60)]
    jobs = [
        (name, texts[start : start + 20]) for name in ("rouge_lsum", "f1") for start in (0, 20, 40)
    ]
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(measure, jobs)) == [measure(job) for job in jobs]


def test_memory_does_not_grow_with_the_number_of_batches():
    program = """
import resource, sys
from evalharness.catalog import make_metric
from evalharness.records import Completion, Item, Sample
metrics = [make_metric(name, {}) for name in ("exact_match", "f1", "rouge_l")]
def batch(start):
    texts = [" ".join(f"w{(number * 31 + word * 7) % 40000}" for word in range(30)) for number in range(start, start + 1000)]
    items = [Item(sample=Sample(id="s", targets=(text[::-1],)), completion=Completion(text=text), text=text) for text in texts]
    for metric in metrics:
        metric.measure(items)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for start in range(0, 3000, 1000):
    batch(start)
early = peak()
for start in range(3000, 12000, 1000):
    batch(start)
print(peak() / early)
"""
    assert float(run(program)) < 1.1
