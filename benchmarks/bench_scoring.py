"""Scoring recorded answers against rouge-score alone, a paired comparison, and memory.

100,000 answers of 30 words, one arm, EM + F1 + ROUGE-L; `--small` takes a tenth.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from measure import claim, cpu_seconds, evalharness, peak_mb

SUITE = """
name: words
data: {path: d.jsonl}
metrics: [exact_match, f1, rouge_l]
policy: {gates: [{metric: exact_match, test: non_inferiority, margin: 0.02}]}
"""


def write_set(folder: Path, n: int) -> None:
    rng = random.Random(1)
    words = [f"w{k}" for k in range(3000)]
    with (folder / f"d{n}.jsonl").open("w") as data, (folder / f"o{n}.jsonl").open("w") as out:
        for k in range(n):
            reference = rng.choices(words, k=30)
            answer = [w if rng.random() > 0.35 else rng.choice(words) for w in reference]
            sample = {"id": f"q{k}", "input": f"question {k}", "target": " ".join(reference)}
            data.write(json.dumps(sample) + "\n")
            out.write(json.dumps({"id": f"q{k}", "output": " ".join(answer)}) + "\n")


def rouge_score_seconds(folder: Path, n: int, *, taken: int = 3000) -> float:
    """CPU seconds that rouge-score would need for n pairs, from `taken` of them."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    pairs = [
        (json.loads(a)["target"], json.loads(b)["output"])
        for a, b in zip(
            (folder / f"d{n}.jsonl").read_text().splitlines()[:taken],
            (folder / f"o{n}.jsonl").read_text().splitlines()[:taken],
            strict=True,
        )
    ]
    started = time.process_time()
    for target, answer in pairs:
        scorer.score(target, answer)
    return (time.process_time() - started) * n / len(pairs)


def paired_binary_seconds(n: int) -> float:
    """CPU seconds of a binary paired comparison with 10,000 draws over n samples."""
    import numpy as np

    from evalharness.stats.corpus import paired_corpus_effect

    rng = np.random.default_rng(1)
    once = np.ones(n)
    candidate = np.column_stack([(rng.random(n) < 0.8).astype(float), once])
    baseline = np.column_stack([(rng.random(n) < 0.78).astype(float), once])
    started = time.process_time()
    effect = paired_corpus_effect(
        candidate, baseline, lambda s: s[..., 0] / s[..., 1], rng=rng, value_range=(0.0, 1.0)
    )
    effect.bounds(0.05)
    return time.process_time() - started


def main() -> None:
    n = 10_000 if "--small" in sys.argv else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.yaml").write_text(SUITE)
        for size in (1000, n):
            write_set(folder, size)

        def score(size: int, out: str) -> list[str]:
            return evalharness(
                "score", str(folder), str(folder / f"o{size}.jsonl"), "--quiet", "--out",
                str(folder / out), "--data", str(folder / f"d{size}.jsonl"),
            )  # fmt: skip

        rouge = rouge_score_seconds(folder, n)
        ours = cpu_seconds(score(n, "a"))
        print(f"     rouge-score, ROUGE-L, {n} pairs: {rouge:.2f} CPU s")
        print(f"     evalharness score, EM + F1 + ROUGE-L, all stages: {ours:.2f} CPU s")
        claim("scoring, all stages, against rouge-score alone", ours / rouge, 0.25)
        small, large = peak_mb(score(1000, "b")), peak_mb(score(n, "c"))
        print(f"     peak memory: {small:.1f} MB at 1,000, {large:.1f} MB at {n}")
        claim(f"memory from 1,000 to {n} samples", large / small, 1.1)
    seconds = paired_binary_seconds(100_000)
    claim("binary paired comparison, 10,000 draws, 100,000 samples", seconds, 0.1, unit=" CPU s")


if __name__ == "__main__":
    main()
