"""The published CoQA protocol against two emulated models: what each of its defects does.

Reads: conversations, this example's own unless `--data` names others.
Gives: the tables of suites/coqa/decompose.py, and the verdict under the published protocol.
Needs: no network beyond this machine, no key.

    python examples/coqa_protocol/run.py [--data FILE] [--out runs/coqa]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import stories

from evalharness.data.sources import open_source
from evalharness.records import Sample
from evalharness.spec.suite import DataSpec
from evalharness.testing.emulator import FaultRule, Plan, serve

ROOT = Path(__file__).resolve().parents[2]
BASE, TUNED = "reader@0.75", "tuned-reader@0.85"
REFUSED = FaultRule(faults=("context_400",), share=0.08, times=None, model=TUNED)
"""The tuned model's server refuses some requests, as a shared adapter server does."""


def gold(samples: Iterable[Sample], brief: str) -> dict[str, str]:
    """What the emulated models know: a conversation without their own turns -> one of the answers.

    Which of the references they give goes by the turn, so that half of them are not the first.
    """
    known: dict[str, str] = {}
    for number, sample in enumerate(samples):
        said = [turn.content or "" for turn in sample.messages if turn.role != "assistant"]
        answer = sample.targets[number % len(sample.targets)]
        known["\n".join(said)] = answer
        known["\n".join([brief, *said])] = answer
    return known


def decompose_module() -> ModuleType:
    """suites/coqa/decompose.py, for the words that it adds to a prompt."""
    path = ROOT / "suites/coqa/decompose.py"
    spec = importlib.util.spec_from_file_location("decompose", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["decompose"] = module
    spec.loader.exec_module(module)
    return module


def run(command: Sequence[str], address: str) -> int:
    """Run a command against the emulator; its exit code."""
    environment = os.environ | {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "none"}
    return subprocess.run([sys.executable, *command], env=environment, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the models, print the tables, then the gate; 0 if both ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/coqa"))
    options = parser.parse_args(arguments)
    data = options.data
    if data is None:
        data = options.out / "conversations.jsonl"
        data.parent.mkdir(parents=True, exist_ok=True)
        data.write_text("".join(json.dumps(row) + "\n" for row in stories.rows()), "utf-8")
    samples = open_source(DataSpec(turns="all"), base=Path(), override=data)
    plan = Plan(answers=gold(samples, decompose_module().BRIEF), rules=(REFUSED,))
    models = ["--base", f"openai/{BASE}", "--tuned", f"openai/{TUNED}"]
    with serve(plan) as emulator:
        script = str(ROOT / "suites/coqa/decompose.py")
        code = run([script, *models, "--data", str(data), "--out", str(options.out)], emulator.url)
        if code != 0:
            return code
        print("\nThe gate under the published protocol:\n", flush=True)
        gate = ["-m", "evalharness", "gate", str(ROOT / "suites/coqa/cookbook.yaml")]
        gate += ["--candidate", models[3], "--baseline", models[1]]
        gate += ["--data", str(options.out / "rows/published.jsonl"), "--reports", "none"]
        code = run([*gate, "--quiet", "--out", str(options.out / "runs")], emulator.url)
    return 0 if code in (0, 1, 2, 3) else code


if __name__ == "__main__":
    sys.exit(main())
