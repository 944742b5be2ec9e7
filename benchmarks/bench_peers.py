"""The peers: CPU per question of this harness against lm-eval and inspect, on the same work.

    python benchmarks/bench_peers.py [--quick] [--keep DIR]

Each peer is installed into an environment of its own (below --keep, so that a second run finds it;
else below a temporary folder).  All ask the same short questions of one lean emulator in a process
of its own, 64 at once, check every answer by exact match and keep each on disk; all must come out
at the same accuracy.  Compared is CPU for one more question, (CPU of many - CPU of few) / (many -
few), start-up left out, the tools taking turns, median over the rounds.  A peer that cannot be
installed or does not finish is said and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import claim, cpu_seconds, evalharness

CONNECTIONS = 64
RIGHT_EVERY = 5
"""Every fifth reference is another text, so that the accuracy must come out at 0.8."""

LM_TASK = """\
task: echoes
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: generate_until
doc_to_text: "{{input}}"
doc_to_target: "{{target}}"
generation_kwargs: {until: [], max_gen_toks: 64, temperature: 0.0, do_sample: false}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
metadata: {version: 1}
"""

INSPECT_TASK = """\
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import json_dataset, FieldSpec
from inspect_ai.scorer import match
from inspect_ai.solver import generate

task = Task(
    dataset=json_dataset(sys.argv[1], FieldSpec(input="input", target="target", id="id")),
    solver=generate(),
    scorer=match(location="exact"),
)
(log,) = eval(
    task, model="openai-api/bench/echo", model_base_url=sys.argv[2], max_connections=64,
    max_samples=64, max_tokens=64, temperature=0.0, display="none", log_dir=sys.argv[3],
)
print(log.results.scores[0].metrics["accuracy"].value)
"""


@dataclass(frozen=True)
class Tool:
    """A harness: how a run over so many questions is started, and over how many it is compared."""

    name: str
    command: Callable[[int], list[str]]
    accuracy: Callable[[int], float]
    few: int
    many: int


def main() -> None:
    """Print the CPU of every tool and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round instead of three")
    parser.add_argument("--keep", type=Path, help="where the peers are installed, and stay")
    arguments = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "evalharness.testing.emulator", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            kept = (arguments.keep or work / "peers").resolve()
            compare(work, kept, url, rounds=1 if arguments.quick else 3)
    finally:
        server.terminate()
        server.communicate()


def compare(work: Path, kept: Path, url: str, *, rounds: int) -> None:
    """Measure every tool that can be had, and print the claims."""
    os.environ.update(
        OPENAI_BASE_URL=url, OPENAI_API_KEY="k", BENCH_API_KEY="k", HF_HUB_OFFLINE="1",
        HF_DATASETS_OFFLINE="1", HF_HOME=str(work / "hf"), INSPECT_EVAL_SET_RETRY="0",
    )  # fmt: skip
    tools = [ours(work)]
    for name, packages, make in (
        ("lm-eval", ["lm-eval[api]"], lm_eval),
        ("inspect", ["inspect-ai", "openai"], inspect),
    ):
        python = environment(kept / name, packages)
        if python is not None:
            tools.append(make(work, python, url))
    micros: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            micros[tool.name].append(marginal(tool, work))
    for tool in tools:
        listed = ", ".join(f"{value:.0f}" for value in micros[tool.name])
        print(f"{tool.name}: CPU us per question, {tool.few} -> {tool.many}: {listed}")
    for name, share in (("lm-eval", 1 / 10), ("inspect", 1 / 80)):
        if name in micros:
            pairs = zip(micros["evalharness"], micros[name], strict=True)
            ratio = statistics.median(mine / theirs for mine, theirs in pairs)
            claim(f"evalharness / {name}, marginal CPU a question", ratio, share)


def marginal(tool: Tool, work: Path) -> float:
    """CPU of one more question, in microseconds; checks the accuracy of both runs."""
    seconds = {}
    for count in (tool.few, tool.many):
        prepare(work, count)
        for folder in ("runs", "lm", "logs"):
            shutil.rmtree(work / folder, ignore_errors=True)
        seconds[count] = cpu_seconds(tool.command(count), cwd=work)
        found = tool.accuracy(count)
        if abs(found - 0.8) > 1e-9:
            raise RuntimeError(f"{tool.name} says {found} where 0.8 is right: not the same work")
    return (seconds[tool.many] - seconds[tool.few]) / (tool.many - tool.few) * 1e6


def prepare(work: Path, count: int) -> None:
    """The questions, and what each tool needs to ask them."""
    data = work / f"{count}.jsonl"
    if data.exists():
        return
    with data.open("w") as file:
        for number in range(count):
            text = f"Question number {number}: what is the capital of France?"
            target = text if number % RIGHT_EVERY else "something else"
            file.write(json.dumps({"id": f"q{number}", "input": text, "target": target}) + "\n")
    (work / f"{count}.yaml").write_text(
        f"name: echo-{count}\ndata: {{path: {count}.jsonl}}\n"
        "generation: {temperature: 0.0, max_tokens: 64}\nmetrics: [exact_match]\n"
    )
    tasks = work / f"tasks-{count}"
    tasks.mkdir()
    (tasks / "echoes.yaml").write_text(LM_TASK.replace("DATA", str(data)))
    (work / "inspect_task.py").write_text(INSPECT_TASK)


def ours(work: Path) -> Tool:
    """This checkout."""

    def command(count: int) -> list[str]:
        options = ["--model", "openai/echo", "--max-connections", str(CONNECTIONS), "--no-cache"]
        return evalharness("run", f"{count}.yaml", *options, "--quiet", "--out", "runs")

    def accuracy(count: int) -> float:  # noqa: ARG001
        (path,) = (work / "runs").glob("*/summary.json")
        return json.loads(path.read_text())["metrics"]["exact_match"]["estimate"]["value"]

    return Tool("evalharness", command, accuracy, 1_000, 9_000)


def lm_eval(work: Path, python: Path, url: str) -> Tool:
    """lm-eval's local-chat-completions with its samples logged."""

    def command(count: int) -> list[str]:
        given = f"model=echo,base_url={url}/chat/completions,num_concurrent={CONNECTIONS}"
        given += ",tokenized_requests=False,max_retries=3"
        return [
            str(python), "-m", "lm_eval", "--model", "local-chat-completions", "--model_args",
            given, "--tasks", "echoes", "--include_path", f"tasks-{count}",
            "--apply_chat_template", "--log_samples", "--output_path", "lm",
        ]  # fmt: skip

    def accuracy(count: int) -> float:  # noqa: ARG001
        (path,) = (work / "lm").rglob("results_*.json")
        return json.loads(path.read_text())["results"]["echoes"]["exact_match,none"]

    return Tool("lm-eval", command, accuracy, 500, 3_000)


def inspect(work: Path, python: Path, url: str) -> Tool:
    """inspect's generate and match, its log written as it does by default."""

    def command(count: int) -> list[str]:
        return ["sh", "-c", f"{python} inspect_task.py {count}.jsonl {url} logs > said.txt"]

    def accuracy(count: int) -> float:  # noqa: ARG001
        return float((work / "said.txt").read_text().split()[-1])

    return Tool("inspect", command, accuracy, 100, 500)


def environment(folder: Path, packages: list[str]) -> Path | None:
    """The Python of a peer's own environment; None, said aloud, where it cannot be made."""
    python = folder / "bin" / "python"
    marker = folder / "installed"
    if not marker.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
        command = [str(python), "-m", "pip", "install", "-q", *packages]
        if made.returncode or subprocess.run(command, check=False, capture_output=True).returncode:
            print(f"left out: {folder.name} cannot be installed here ({' '.join(packages)})")
            return None
        marker.touch()
    command = [str(python), "-m", "pip", "freeze"]
    frozen = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = tuple(package.partition("[")[0].replace("-", "_") for package in packages)
    found = [line for line in frozen.splitlines() if line.replace("-", "_").startswith(names)]
    print(f"{folder.name}: {', '.join(found)}")
    return python


if __name__ == "__main__":
    main()
