"""Listing 1,000 runs: how long `view` takes to read a folder and make its page.

    python benchmarks/bench_view.py [RUNS]

Makes one real run of the shipped suite `facts`, copies it so many times (run.json and summary.json,
which is all that a list reads), and measures CPU seconds of the first and of a later look, beside
what decoding the same files as plain JSON takes in the same process.  Goal: at most 1 s.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    from evalharness.api import evaluate
    from evalharness.report.history import HistoryReader
    from evalharness.report.shelf import render_shelf
    from evalharness.stages.options import RunOptions

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        evaluate("facts", "facts-tuned", options=RunOptions(out=out / "one"))
        (source,) = (path for path in (out / "one").iterdir() if (path / "run.json").is_file())
        for number in range(count):
            copy = out / "many" / f"{number:06d}-1"
            copy.mkdir(parents=True)
            for name in ("run.json", "summary.json"):
                shutil.copy(source / name, copy / name)
        render_shelf(HistoryReader(out / "one").read(), where="warm up", now=0.0)
        reader = HistoryReader(out / "many")
        times = []
        for _ in range(3):
            start = time.process_time()
            page = render_shelf(reader.read(), where="many", now=0.0)
            times.append(time.process_time() - start)
        start = time.process_time()
        for path in (out / "many").rglob("*.json"):
            json.loads(path.read_bytes())
        plain = time.process_time() - start
        print(f"{count:,} runs, page {len(page) / 1e3:.0f} kB; CPU seconds:")
        print(f"first look {times[0]:.2f}, later look {min(times[1:]):.2f}")
        print(f"plain json.loads of the same files {plain:.2f}: first look {times[0] / plain:.1f}x")


if __name__ == "__main__":
    main()
