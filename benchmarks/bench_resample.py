"""CPU seconds of the resampling kernel beside arch, scipy and a plain numpy gather.

    python benchmarks/bench_resample.py

One process, one BLAS thread, all ways interleaved, medians of process time; slow ways run with
fewer draws and are scaled.  arch is measured where it is installed (`pip install arch`).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
import resource
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np

from evalharness.stats import mean, permutation, resample

DRAWS = 10_000
ROUNDS = 3


def seconds(function) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def interleaved(ways) -> dict[str, float]:
    """Median CPU seconds at DRAWS draws; ways: name -> (function of draws, draws to run)."""
    taken = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (function, draws) in ways.items():
            taken[name].append(seconds(lambda f=function, d=draws: f(d)) * DRAWS / draws)
    return {name: statistics.median(values) for name, values in taken.items()}


def show(title, taken, ours, target=None, against=()) -> None:
    print(f"\n{title}")
    for name, value in taken.items():
        ratio = value / taken[ours]
        mark = ""
        if name in against and target is not None:
            mark = f"  (target >= {target}x: {'met' if ratio >= target else 'MISSED'})"
        print(f"  {name:42s} {value:8.3f} CPU-s  {ratio:7.1f}x{mark}")


def arch_ways(rows, draws):
    if importlib.util.find_spec("arch") is None:
        print("  (arch is not installed: left out)")
        return {}
    from arch.bootstrap import IIDBootstrap

    def run(count):
        IIDBootstrap(rows, seed=np.random.default_rng(0)).apply(lambda x: x.mean(axis=0), count)

    return {"arch.IIDBootstrap": (run, draws)}


def scipy_way(rows):
    from scipy.stats import bootstrap

    def run(count):
        for column in rows.T:
            bootstrap((column,), np.mean, n_resamples=count, batch=100, method="percentile", rng=1)

    return run


def gather_way(rows):
    def run(count):
        rng = np.random.default_rng(0)
        for _ in range(count):
            rows[rng.integers(0, len(rows), len(rows))].mean(axis=0)

    return run


def kernel_way(rows):
    return lambda count: resample.resample_sums(rows, draws=count, rng=np.random.default_rng(0))


def poisson_way(rows):
    return lambda count: resample.poisson_sums(rows, draws=count, rng=np.random.default_rng(0))


def real_valued(n):
    rows = np.random.default_rng(1).normal(size=(n, 4))
    ways = {
        "ours: resample_sums": (kernel_way(rows), DRAWS),
        "ours: poisson_sums (shards)": (poisson_way(rows), DRAWS // 10),
        **arch_ways(rows, DRAWS // 20),
        "scipy.stats.bootstrap, metric by metric": (scipy_way(rows), DRAWS // 20),
        "numpy gather": (gather_way(rows), DRAWS // 20),
    }
    show(
        f"4 real-valued metrics, n = {n:,}, {DRAWS:,} draws",
        interleaved(ways),
        "ours: resample_sums",
        5,
        {"arch.IIDBootstrap"},
    )


def binary(n):
    rows = (np.random.default_rng(2).random((n, 1)) < 0.7).astype(float)
    ways = {
        "ours: resample_sums": (kernel_way(rows), DRAWS),
        **arch_ways(rows, DRAWS // 20),
        "scipy.stats.bootstrap": (scipy_way(rows), DRAWS // 20),
        "numpy gather": (gather_way(rows), DRAWS // 20),
    }
    taken = interleaved(ways)
    show(
        f"1 binary metric, n = {n:,}, {DRAWS:,} draws",
        taken,
        "ours: resample_sums",
        100,
        {"arch.IIDBootstrap"},
    )
    return taken["ours: resample_sums"]


def closed_form(n):
    values = np.random.default_rng(3).normal(0.0, 0.2, n)

    def gate(count):
        for _ in range(count):
            mean.mean_effect(values, low=-1.0, high=1.0).bounds(0.05)

    each = seconds(lambda: gate(50)) / 50
    print(
        f"\nThe interval that gates use for a mean, n = {n:,}: {1000 * each:.2f} CPU-ms, no draws"
    )


def many_slices() -> None:
    """10 metrics of two arms and 20 slices (4 ways of cutting, 5 values each)."""
    n, metrics = 10_000, 10
    rng = np.random.default_rng(4)
    rows = np.hstack([rng.random((n, 2 * metrics)), np.ones((n, 1))])
    tables = [resample.Table(rows)]
    for _ in range(4):
        values = rng.integers(0, 5, n)
        tables += [
            resample.Table(rows[units], units)
            for units in (np.flatnonzero(values == value) for value in range(5))
        ]
    start = time.process_time()
    sums = resample.resample_tables(tables, n_units=n, draws=DRAWS, rng=rng)
    means = [block[:, :metrics] - block[:, metrics:-1] for block in sums]
    taken = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{taken:.2f} {peak:.0f} {len(means) * metrics}")


def sign_flips(n):
    from scipy.stats import permutation_test

    values = np.random.default_rng(5).normal(size=n)
    ways = {
        "ours: sign_flip_test": (
            lambda count: permutation.sign_flip_test(
                values, rng=np.random.default_rng(0), draws=count
            ),
            DRAWS,
        ),
        "scipy.stats.permutation_test": (
            lambda count: permutation_test(
                (values,),
                lambda x, axis: np.mean(x, axis=axis),
                permutation_type="samples",
                n_resamples=count,
                batch=100,
                vectorized=True,
                rng=1,
            ),
            DRAWS // 20,
        ),
    }
    show(
        f"sign-flip test, n = {n:,}, {DRAWS:,} draws",
        interleaved(ways),
        "ours: sign_flip_test",
        50,
        {"scipy.stats.permutation_test"},
    )


def bleu(sums):
    """BLEU of sums [..., 10] as sacrebleu orders them: lengths, 4 matches, 4 totals."""
    precision = np.log(np.maximum(sums[..., 2:6], 1e-9) / sums[..., 6:10]).mean(axis=-1)
    brevity = np.minimum(0.0, 1.0 - sums[..., 1] / sums[..., 0])
    return 100.0 * np.exp(precision + brevity)


def bleu_bootstrap():
    n, draws = 3000, 1000
    rng = np.random.default_rng(6)
    totals = np.maximum(1, rng.integers(10, 30, (n, 1)) - np.arange(4))
    arms = [
        np.column_stack(
            [totals[:, 0], totals[:, 0] + 1, rng.binomial(totals, [0.6, 0.4, 0.25, 0.15]), totals]
        ).astype(float)
        for _ in range(2)
    ]

    def ours():
        sums = resample.resample_sums(np.hstack(arms), draws=draws, rng=np.random.default_rng(0))
        return bleu(sums[:, :10]) - bleu(sums[:, 10:])

    def gathered():
        index = np.random.default_rng(0).choice(n, size=(draws, n))
        single = [arm.astype(np.float32) for arm in arms]
        scores = [np.array([bleu(rows.sum(0)) for rows in arm[index]]) for arm in single]
        return scores[0] - scores[1]

    taken = {"ours": [], "gather and sum (sacrebleu's way)": []}
    for _ in range(ROUNDS):
        taken["ours"].append(seconds(ours))
        taken["gather and sum (sacrebleu's way)"].append(seconds(gathered))
    show(
        f"BLEU statistics of 2 systems, n = {n:,}, {draws:,} draws",
        {name: statistics.median(values) for name, values in taken.items()},
        "ours",
    )


def main() -> None:
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["slices"]:
        many_slices()
        return
    for n in (1000, 10_000):
        real_valued(n)
    binary(10_000)
    print(f"\n1 binary metric, n = 100,000, {DRAWS:,} draws")
    rows = (np.random.default_rng(2).random((100_000, 1)) < 0.7).astype(float)
    taken = statistics.median(seconds(lambda: kernel_way(rows)(DRAWS)) for _ in range(ROUNDS))
    print(f"  ours {taken:.3f} CPU-s (target <= 0.1: {'met' if taken <= 0.1 else 'MISSED'})")
    closed_form(10_000)
    done = subprocess.run(
        [sys.executable, __file__, "slices"], capture_output=True, text=True, check=True
    )
    cpu, peak, values = done.stdout.split()
    met = "met" if float(cpu) <= 5.0 and float(peak) <= 200.0 else "MISSED"
    print(
        f"\n10 metrics x (20 slices + the whole) x 10,000 items, {DRAWS:,} draws: {values} values"
    )
    print(f"  {cpu} CPU-s, peak {peak} MB (target <= 5 CPU-s and <= 200 MB: {met})")
    sign_flips(10_000)
    bleu_bootstrap()


if __name__ == "__main__":
    main()
