"""The ladder, live: prompt, examples, passages, tuning, tuning with passages; which rung suffices?

Reads: the arms beside this file.  Gives: a trained model in runs/tiny_lora, a verdict and a report.
Needs the extras `local` and `rag`; no network, no key, no GPU.

    python examples/tiny_lora/ladder.py [--train-with OPTIONS] [GATE OPTIONS ...]
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CANDIDATE, BASELINES = "tuned", ("base", "few_shot", "rag", "undertrained", "lora_rag")
TRAINED = ("tuned", "undertrained", "reader")
MODELS = Path("runs/tiny_lora")


def gate_command(options: Sequence[str]) -> list[str]:
    """The one command that asks all six arms and decides.

    The first baseline is the rung that the others are measured against.
    """
    here = HERE.relative_to(ROOT)
    arms = here / "arms"
    command = ["evalharness", "gate", f"{here}/suite.yaml"]
    command += ["--candidate", f"{arms}/{CANDIDATE}.yaml"]
    for name in BASELINES:
        command += ["--baseline", f"{arms}/{name}.yaml"]
    return [*command, *options]


def run(command: Sequence[str]) -> int:
    """Show a command, run it from the root of the project, and give its exit code."""
    print("$ " + shlex.join(command), flush=True)
    module = ["-m", "evalharness"] if command[0] == "evalharness" else []
    return subprocess.run([sys.executable, *module, *command[1:]], cwd=ROOT, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Train unless that is done, then gate; the exit code is the verdict's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-with", default="", help="options of train.py, in quotes")
    options, for_gate = parser.parse_known_args(arguments)
    weights = [ROOT / MODELS / name / "adapter_model.safetensors" for name in TRAINED]
    if not all(path.is_file() for path in weights):
        script = str(HERE.relative_to(ROOT) / "train.py")
        command = ["python", script, "--out", str(MODELS), "--recordings", "none"]
        code = run([*command, *shlex.split(options.train_with)])
        if code != 0:
            return code
    return run(gate_command(for_gate))


if __name__ == "__main__":
    sys.exit(main())
