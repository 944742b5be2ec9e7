"""The published CoQA protocol, decomposed: the example's tables are those of its guide."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COQA_ROWS = 300


@pytest.fixture(scope="module")
def told(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the example prints, and the folder that it leaves."""
    out = tmp_path_factory.mktemp("coqa")
    command = [sys.executable, "examples/coqa_protocol/run.py", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout, out


def table(text: str, head: str) -> dict[str, list[str]]:
    """The rows of a Markdown table by their first cells."""
    lines = text[text.index(head) :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_the_guide_shows_what_the_example_prints(root, told, request):
    """`pytest tests/examples --update-golden` writes the guide's figures anew."""
    path = root / "docs/guides/coqa-protocol.md"
    tables, gate = told[0].split("The gate under the published protocol:")
    guide = path.read_text(encoding="utf-8")
    first, last = guide.index("| history |"), guide.index("\n\nThe recipe sees")
    start = guide.index("```text\n") + len("```text\n")
    end = guide.index("\n```", start)
    expected = f"{guide[:first]}{tables.strip()}{guide[last:start]}{gate.strip()}{guide[end:]}"
    if request.config.getoption("--update-golden"):
        path.write_text(expected, encoding="utf-8")
    assert expected == path.read_text(encoding="utf-8")


def test_most_of_the_published_gain_is_the_missing_answers(told):
    gained = {name: float(row[4]) for name, row in table(told[0], "| mended so far").items()}
    assert gained["as published"] > 0.3
    assert gained["answers shown in the conversation"] < 0.15
    assert "as published" == next(iter(gained))


def test_a_gate_under_the_published_protocol_is_invalid_for_its_uncounted_failures(told):
    gate = told[0].split("The gate under the published protocol:")[1]
    assert gate.strip().startswith("INVALID")
    assert "the policy asks for 98.0%" in gate


def test_every_way_of_asking_leaves_a_run_with_its_history(told):
    _, out = told
    arms = {json.loads(path.read_text())["arm"] for path in (out / "runs").glob("*/run.json")}
    for history in ("none", "gold", "predicted"):
        assert {f"base-{history}-pinned", f"tuned-{history}-pinned"} <= arms
    assert {"base-none-sampled", "tuned-none-sampled"} <= arms


def test_the_invented_stories_are_the_same_everywhere_and_never_ask_a_question_twice(root):
    spec = importlib.util.spec_from_file_location(
        "coqa_stories", root / "examples/coqa_protocol/stories.py"
    )
    stories = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stories)
    rows = list(stories.rows())
    assert rows == list(stories.rows())
    assert COQA_ROWS == len(rows) == len({row["id"] for row in rows})
    assert all(4 == len(row["target"]) for row in rows)
    assert all("{" not in json.dumps(row["target"]) for row in rows)
