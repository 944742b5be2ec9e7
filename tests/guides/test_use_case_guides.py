"""Every command of the three guides runs, in order, against the emulator; files stand as printed.

A fence ```yaml title="PATH" is written; a fence ```sh is run; a fence ```text that begins with `$ ` is
what that command printed.
"""

from __future__ import annotations

import glob
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
ENDS = {"legal-summariser": {"gate": 2}}
"""Exit codes other than 0, by guide and verb: the legal guide's gate stays undecided."""

UNSTEADY = re.compile(r"^  (?:see:|ranking: latency|front:).*\n(?:   .*\n)*", re.MULTILINE)
"""Lines that name a folder or rest on times; a guide leaves them out."""

STAND_INS = {
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": "gold@0.86",
    "meta-llama/Llama-3.3-70B-Instruct": "gold@0.97",
    "you/Llama-3.2-3B-Instruct-faq": "gold@0.97",
    "meta-llama/Llama-3.2-3B-Instruct": "gold@0.7",
    "house/llama-3b-legal": "gold@0.96",
    "you/Qwen2.5-Coder-7B-quayside": "gold@0.97",
    "Qwen/Qwen2.5-Coder-32B-Instruct": "gold@0.8",
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
    legal = {f"Contract:\n\n{row['contract']}": row["summary"] for row in rows("contract-summary")}
    code = {row["input"]: f"```python\n{row['canonical']}\n```" for row in rows("internal-code")}
    return faq | legal | code


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    plan = Plan(answers=answers(), programs=STAND_INS, dialect="together", job_polls=0)
    with serve(plan) as emulator:
        keys = {"OPENAI_API_KEY": "k", "TOGETHER_API_KEY": "k"}
        bases = {"OPENAI_BASE_URL": emulator.url, "TOGETHER_BASE_URL": emulator.url}
        yield {**os.environ, **keys, **bases, "COLUMNS": "100"}


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


@pytest.mark.parametrize("name", ["faq-bot", "legal-summariser", "code-generation"])
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
            code, out, err = run(command, tmp_path, environment)
            expected = ENDS.get(name, {}).get(command.split()[1], 0)
            assert expected == code, f"{command}\n{out}\n{err}"
            printed[command] = out
        if kind == "text":
            [command] = [each for each in printed if body.startswith(f"$ {each}\n")]
            shown = f"$ {command}\n{UNSTEADY.sub('', printed[command])}"
            if request.config.getoption("update_golden"):
                page = page.replace(body, shown)
                place.write_text(page, encoding="utf-8")
            else:
                assert shown == body, "`pytest tests/guides --update-golden` writes it anew"
    assert len(printed) >= 5
