"""Reading held-out samples and recorded answers against the JSON parser alone, and memory.

100,000 lines of about 300 bytes; CPU seconds of one process, everything in turns, medians of five.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
from measure import claim, peak_mb

from evalharness.data.recordings import Recording, open_recording
from evalharness.data.sources import open_source
from evalharness.spec.suite import DataSpec

N = 100_000
ROUNDS = 5

SAMPLES = """
import sys
from pathlib import Path
from evalharness.data.sources import open_source
from evalharness.spec.suite import DataSpec
for sample in open_source(DataSpec(path=sys.argv[1]), base=Path()):
    pass
"""
ANSWERS = """
import sys
from pathlib import Path
from evalharness.data.recordings import open_recording
recording = open_recording(Path(sys.argv[1]), fields={})
for number in range(recording.n):
    recording.lookup(f"q{number}")
"""


def write_lines(path: Path, n: int, name: str) -> Path:
    with path.open("w") as file:
        for k in range(n):
            row = {"id": f"q{k}", name: f"{k} " + "word " * 48, "target": "t", "latency_s": 0.5}
            file.write(json.dumps(row) + "\n")
    return path


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def look_up(recording: Recording, ids: list[str]) -> None:
    for sample_id in ids:
        recording.lookup(sample_id)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held_out = write_lines(folder / "d.jsonl", N, "input")
        answers = write_lines(folder / "o.jsonl", N, "output")
        lines = answers.read_bytes().splitlines()
        in_order = [f"q{k}" for k in range(N)]
        shuffled = random.Random(1).sample(in_order, N)
        recording = open_recording(answers, fields={})
        source = open_source(DataSpec(path=str(held_out)), base=folder)
        work: dict[str, Callable[[], object]] = {
            "parse": lambda: [orjson.loads(line) for line in lines],
            "index": lambda: open_recording(answers, fields={}).close(),
            "in order": lambda: look_up(recording, in_order),
            "shuffled": lambda: look_up(recording, shuffled),
            "samples": lambda: sum(1 for _ in source),
        }
        taken: dict[str, list[float]] = {what: [] for what in work}
        for _ in range(ROUNDS):
            for what, run in work.items():
                taken[what].append(seconds(run))
        medians = {what: statistics.median(times) for what, times in taken.items()}
        for what, cpu_s in medians.items():
            print(f"{what:9} {cpu_s:6.3f} CPU-s, {1e6 * cpu_s / N:5.2f} us a line")
        base = medians["parse"]
        claim("indexing a recording against orjson.loads alone", medians["index"] / base, 4)
        claim("looking answers up in file order", medians["in order"] / base, 5)
        claim("looking answers up in any order", medians["shuffled"] / base, 12)
        claim("making samples with their content hash", medians["samples"] / base, 12)
        for code, path, key in ((SAMPLES, held_out, "input"), (ANSWERS, answers, "output")):
            few = write_lines(folder / f"few-{key}.jsonl", 1_000, key)
            small = peak_mb([sys.executable, "-c", code, str(few)])
            large = peak_mb([sys.executable, "-c", code, str(path)])
            claim(f"memory from 1,000 to {N:,} lines ({key})", large / small, 1.1)


if __name__ == "__main__":
    main()
