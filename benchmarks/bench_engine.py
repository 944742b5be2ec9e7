"""The engine: CPU per question of the whole harness against a plain aiohttp script, in one run.

    python benchmarks/bench_engine.py [--quick] [--connections 64 256]

An emulator in a process of its own answers at once.  Both sides ask the same questions, check every
answer by exact match and write it to disk; the harness also keys, retries, journals each attempt,
resumes and sums up.  Compared is the CPU of one more question: (CPU of 9,000 - CPU of 1,000) over
8,000, children included, the sides taking turns, median over the rounds.
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
from pathlib import Path

from measure import claim, cpu_and_peak, cpu_seconds, evalharness

FEW, MANY = 1_000, 9_000
SIZES = (1_000, 10_000, 100_000)
QUICK_SIZES = (1_000, 4_000, 16_000)

PLAIN = """
import asyncio, json, sys
import aiohttp
path, connections, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]

async def main():
    rows = [json.loads(line) for line in open(path)]
    queue, right = iter(rows), 0
    with open(path + ".out", "w") as out:
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(connector=connector) as session:
            async def worker():
                nonlocal right
                for row in queue:
                    body = {
                        "model": "echo",
                        "messages": [{"role": "user", "content": row["input"]}],
                        "temperature": 0.0,
                        "max_tokens": 64,
                    }
                    headers = {"Authorization": "Bearer k"}
                    async with session.post(
                        url + "/chat/completions", json=body, headers=headers
                    ) as response:
                        answer = await response.json()
                    text = answer["choices"][0]["message"]["content"]
                    right += text.strip() == row["target"].strip()
                    out.write(json.dumps({"id": row["id"], "output": text}) + "\\n")
            await asyncio.gather(*(worker() for _ in range(connections)))
    assert right == len(rows)

asyncio.run(main())
"""

CLIENT = """
import asyncio, hashlib, json, sys
from evalharness.clients.settings import ClientSettings
from evalharness.clients.stack import build_asker, open_client
from evalharness.records import Message, Request, Sampling
path, connections, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]

async def main():
    settings = ClientSettings(
        base_url=url, max_connections=connections, environment={"OPENAI_API_KEY": "k"}
    )
    asker = build_asker(open_client("openai", "echo", settings), settings)
    queue, right, count = open(path), 0, 0
    async def worker():
        nonlocal right, count
        for line in queue:
            row = json.loads(line)
            request = Request(
                key=hashlib.sha256(line.encode()).hexdigest()[:32],
                sample_id=row["id"],
                messages=(Message(role="user", content=row["input"]),),
                sampling=Sampling(max_tokens=64),
            )
            outcome = await asker.ask(request)
            right += outcome.completion.text == row["target"]
            count += 1
    await asyncio.gather(*(worker() for _ in range(connections)))
    await asker.close()
    assert right == count > 0

asyncio.run(main())
"""


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 256])
    arguments = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "evalharness.testing.emulator", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            prepare(work)
            flat = {}
            for connections in arguments.connections:
                rounds = 1 if arguments.quick else 5
                flat[connections] = compare(work, url, connections, rounds)
            if len(flat) > 1:
                most = max(flat)
                growth = flat[most] / flat[min(flat)]
                claim(f"harness at {most} against {min(flat)} connections", growth, 1.1)
            growth(work, url, QUICK_SIZES if arguments.quick else SIZES)
    finally:
        server.terminate()
        server.communicate()


def prepare(work: Path) -> None:
    """Data and suites of both sizes."""
    for count in (FEW, MANY, *SIZES, *QUICK_SIZES):
        text = "Question number {}: what is the capital of France, and why does it matter?"
        with (work / f"{count}.jsonl").open("w") as file:
            for number in range(count):
                row = {"id": f"q{number}", "input": text.format(number)}
                file.write(json.dumps({**row, "target": row["input"]}) + "\n")
        (work / f"{count}.yaml").write_text(
            f"name: echo-{count}\ndata: {{path: {count}.jsonl}}\n"
            "generation: {temperature: 0.0, max_tokens: 64}\nmetrics: [exact_match]\n"
        )


def compare(work: Path, url: str, connections: int, rounds: int) -> float:
    """Print the ratios at one number of connections; gives the harness's CPU per question, us."""
    sides = {
        "plain": lambda count: python(PLAIN, work / f"{count}.jsonl", connections, url),
        "client": lambda count: python(CLIENT, work / f"{count}.jsonl", connections, url),
        "harness": lambda count: harness(work, url, count, connections),
        "cached": lambda count: harness(work, url, count, connections, cache=work / "cache"),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, command in sides.items():
            seconds = {}
            for count in (FEW, MANY):
                for folder in ("runs", "cache"):
                    shutil.rmtree(work / folder, ignore_errors=True)
                seconds[count] = cpu_seconds(command(count), cwd=work)
            taken[name].append((seconds[MANY] - seconds[FEW]) / (MANY - FEW) * 1e6)
    micros = {name: statistics.median(values) for name, values in taken.items()}
    print(f"{connections} connections, CPU us per question:", end=" ")
    print(", ".join(f"{name} {value:.0f}" for name, value in micros.items()))
    pairs = {
        name: statistics.median(
            mine / plain for mine, plain in zip(taken[name], taken["plain"], strict=True)
        )
        for name in ("client", "harness", "cached")
    }
    claim("client with retries, limiter and attempts / plain aiohttp script", pairs["client"], 1.0)
    claim("whole harness / plain aiohttp script", pairs["harness"], 1.3)
    claim("whole harness that fills the cache / plain aiohttp script", pairs["cached"], 1.3)
    return micros["harness"]


def python(program: str, *arguments: object) -> list[str]:
    """A program of this file as a command."""
    return [sys.executable, "-c", program, *map(str, arguments)]


def harness(
    work: Path, url: str, count: int, connections: int, cache: Path | None = None
) -> list[str]:
    """One run of the harness as a command."""
    os.environ.update(OPENAI_BASE_URL=url, OPENAI_API_KEY="k")
    options = ["--model", "openai/echo", "--max-connections", str(connections), "--quiet"]
    if cache is None:
        options.append("--no-cache")
    else:
        os.environ["EVALHARNESS_CACHE_DIR"] = str(cache)
    return evalharness("run", f"{count}.yaml", *options, "--out", str(work / "runs"))


def growth(work: Path, url: str, sizes: tuple[int, ...]) -> None:
    """Print how CPU and memory grow with the number of questions; the last two sizes are judged."""
    seconds, peaks = {}, {}
    for count in sizes:
        shutil.rmtree(work / "runs", ignore_errors=True)
        seconds[count], peaks[count] = cpu_and_peak(harness(work, url, count, 64), cwd=work)
        print(f"{count} questions: {seconds[count]:.1f} s CPU, {peaks[count]:.0f} MB at most")
    least, some, most = sizes
    first = (seconds[some] - seconds[least]) / (some - least)
    later = (seconds[most] - seconds[some]) / (most - some)
    claim(f"CPU of a question, {some} to {most} / {least} to {some}", later / first, 1.05)
    claim(f"memory of {most} / {least} questions", peaks[most] / peaks[least], 1.1)


if __name__ == "__main__":
    main()
