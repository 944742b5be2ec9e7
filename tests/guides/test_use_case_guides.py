"""Every command of the guides runs, in order, against the emulator; files stand as printed.

A fence ```yaml title="PATH" is written; a fence ```sh is run; a fence ```text that begins with `$ ` is
what that command printed.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalharness.testing.emulator import Plan, serve

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"
ENDS = {
    "legal-summariser": {"gate": 2},
    "judged-rag-bot": {"gate helpdesk/corrected.yaml": 2},
}
"""Exit codes other than 0, by guide and beginning of the command: gates that stay undecided."""

UNSTEADY = re.compile(r"^  (?:see:|ranking: latency|front:|sealed ).*\n(?:   .*\n)*", re.MULTILINE)
"""Lines that name a folder or rest on times; a guide leaves them out."""
POWER = re.compile(
    r"^P\(READY.*\n|^  basis .*\n|^  gate +passes(?:.*\n)+?  needed.*\n", re.MULTILINE
)
"""A plan's simulated figures, which a guide leaves out too."""

STAND_INS = {
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": "gold@0.86",
    "meta-llama/Llama-3.3-70B-Instruct": "gold@0.97",
    "you/Llama-3.2-3B-Instruct-faq": "gold@0.97",
    "meta-llama/Llama-3.2-3B-Instruct": "gold@0.7",
    "house/llama-3b-legal": "gold@0.96",
    "you/Qwen2.5-Coder-7B-quayside": "gold@0.97",
    "Qwen/Qwen2.5-Coder-32B-Instruct": "gold@0.8",
    "gpt-4o-mini": "judge@0.95",
}


def rows(suite: str) -> Iterator[dict[str, str]]:
    with (ROOT / "suites" / suite / "heldout.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def answers() -> dict[str, str]:
    """What is asked, as the suites' templates render it -> what is right."""
    faq = {
        f"Help page:\n{row['article']}\n\nQuestion: {row['question']}": row["answer"]
        for row in rows("support-faq")
    }
    faq |= {
        f"Passage:\n{row['article']}\n\nQuestion: {row['question']}": row["answer"]
        for row in rows("support-faq")
    }
    legal = {f"Contract:\n\n{row['contract']}": row["summary"] for row in rows("contract-summary")}
    code = {row["input"]: f"```python\n{row['canonical']}\n```" for row in rows("internal-code")}
    return faq | legal | code


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    plan = Plan(answers=answers(), programs=STAND_INS, dialect="together", job_polls=0)
    with serve(plan) as emulator:
        keys = {"OPENAI_API_KEY": "k", "TOGETHER_API_KEY": "k"}
        bases = {"OPENAI_BASE_URL": emulator.url, "TOGETHER_BASE_URL": emulator.url}
        cache = {"EVALHARNESS_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
        yield {**os.environ, **keys, **bases, **cache, "COLUMNS": "100"}


def fences(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\S[^\n]*)\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)


def commands(body: str) -> list[str]:
    """The commands of a block as written, a continued one with its line ends."""
    found = re.findall(r"^evalharness (?:[^\\\n#]|\\\n)+", body, flags=re.MULTILINE)
    return [command.strip() for command in found]


def run(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, its `*` filled in as a shell does."""
    words: list[str] = []
    for word in shlex.split(command.replace("\\\n", " ")):
        words += (sorted(glob.glob(word, root_dir=folder)) or [word]) if "*" in word else [word]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def fill_in(pack: Path) -> None:
    """What three people return: a right answer gets a 5, any other a 1, and now and then a slip."""
    text = (pack / "rate.csv").read_text(encoding="utf-8-sig")
    items = list(csv.DictReader(io.StringIO(text, newline="")))
    for who in ("anna", "bea", "chris"):
        for number, item in enumerate(items):
            right = item["answer"] == item["shown: reference"]
            slips = (number * 7 + len(who)) % 10 == 0
            item["score"] = str((5 if right else 1) + (-1 if right else 1) * slips)
        said = {item["item"]: {"score": int(item["score"])} for item in items}
        returned = {"pack": items[0]["pack"], "annotator": who, "answers": said}
        if who == "chris":
            with (pack / "chris.csv").open("w", encoding="utf-8", newline="") as file:
                table = csv.DictWriter(file, items[0])
                table.writeheader()
                table.writerows(items[: len(items) // 2])
        else:
            (pack / f"{who}.json").write_text(json.dumps(returned), encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["faq-bot", "legal-summariser", "code-generation", "judged-rag-bot"]
)
def test_the_guide_works_from_its_first_line_to_its_last(name, tmp_path, environment, request):
    place = GUIDES / f"{name}.md"
    page = place.read_text(encoding="utf-8")
    printed: dict[str, str] = {}
    for kind, body in fences(page):
        if title := re.search(r'title="([^"]+)"', kind):
            file = tmp_path / title[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(body, encoding="utf-8")
        for command in commands(body) if kind == "sh" else ():
            if "--collect" in command:
                fill_in(tmp_path / "pack")
            code, out, err = run(command, tmp_path, environment)
            ends = ENDS.get(name, {}).items()
            expected = next(
                (code for start, code in ends if command.startswith(f"evalharness {start}")), 0
            )
            assert expected == code, f"{command}\n{out}\n{err}"
            printed[command] = out
        if kind == "text":
            [command] = [each for each in printed if body.startswith(f"$ {each}\n")]
            shown = f"$ {command}\n{POWER.sub('', UNSTEADY.sub('', printed[command]))}"
            if request.config.getoption("update_golden"):
                page = page.replace(body, shown)
                place.write_text(page, encoding="utf-8")
            else:
                assert shown == body, "`pytest tests/guides --update-golden` writes it anew"
    assert len(printed) >= 5
