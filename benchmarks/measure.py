"""CPU seconds and memory of whole commands, interleaved so that drift hits all alike.

Every claim of the benchmarks is a ratio of CPU seconds within one run: these are user + system
seconds of the child and its children, the median over the rounds.
"""

from __future__ import annotations

import compileall
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def cpu_seconds(command: Sequence[str], *, cwd: Path | None = None) -> float:
    """CPU seconds of one run of a command; its output is dropped, a failure is an error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"{command}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def interleaved(commands: Mapping[str, Sequence[str]], *, rounds: int) -> dict[str, float]:
    """Median CPU seconds of each command over rounds in which all take turns."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(cpu_seconds(command))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def peak_mb(command: Sequence[str]) -> float:
    """Peak resident memory of a command in MB, measured in a process of its own."""
    return cpu_and_peak(command)[1]


def cpu_and_peak(command: Sequence[str], *, cwd: Path | None = None) -> tuple[float, float]:
    """CPU seconds and peak resident memory in MB of one run of a command."""
    program = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    code, seconds, kilobytes = done.stdout.split()
    if code not in ("0", "1", "2"):
        raise RuntimeError(f"{command}: exit {code}\n{done.stderr[-2000:]}")
    return float(seconds), int(kilobytes) / 1024


def claim(what: str, measured: float, limit: float, *, unit: str = "x") -> None:
    """One line: what was claimed, what came out, whether it holds."""
    verdict = "ok  " if measured <= limit else "MISS"
    print(f"{verdict} {what}: {measured:.3g}{unit} (claim: at most {limit:g}{unit})")


def evalharness(*arguments: str) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-m", "evalharness", *arguments]


os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
compileall.compile_dir(Path(__file__).parent.parent / "evalharness", quiet=2)  # as pip does
