"""A suite with judges in a folder, recordings to judge, and scripted judges."""

from __future__ import annotations

import json

import pytest
import yaml

from evalharness.testing.emulator import serve

SUITE = """
name: judged
data: {path: data.jsonl}
metrics: [exact_match]
judges:
JUDGES
policy:
  gates:
    - {metric: GATED, role: primary, test: TEST}
"""


class Court:
    """A suite whose judges are scripts, over n questions."""

    def __init__(self, commands, n=60):
        self.commands, self.n = commands, n
        self.folder = commands.folder / "suite"
        self.folder.mkdir()
        self.rows = [
            {"id": f"q{k}", "input": f"question {k}?", "target": f"a{k}", "context": f"fact {k}."}
            for k in range(n)
        ]
        self.data(self.rows)

    def data(self, rows):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / "data.jsonl").write_text(text)

    def suite(self, *judges, gate="exact_match", test="at_least, value: 0.1"):
        told = "".join(f"  - {json.dumps(judge)}\n" for judge in judges)
        text = SUITE.replace("JUDGES", told).replace("GATED", gate).replace("TEST", test)
        self.path = self.commands.suite(text)
        return self.path

    def script(self, name, says):
        """A scripted judge: `says(k)` is its reply about question k."""
        path = self.folder / name
        path.write_text(yaml.safe_dump({f"q{k}": says(k) for k in range(self.n)}))
        return f"scripted/{path}"

    def answers(self, name, says):
        """A recording of `says(k)`."""
        rows = [{"id": f"q{k}", "output": says(k)} for k in range(self.n)]
        return self.commands.jsonl(f"{name}.jsonl", rows)

    def run(self, verb, *models):
        """The facts of a verb over recordings; `run` takes them as models."""
        flags = [part for model in models for part in ("--model", model)]
        given = flags if verb == "run" else models
        return self.commands.json(verb, self.path, *given)

    def evidence(self):
        """Every journalled judgement."""
        return self.evidence_in(self.commands.out)

    def evidence_in(self, out):
        """Every judgement that runs below `out` hold."""
        return [
            json.loads(line)
            for path in sorted(out.glob("*/evidence.jsonl"))
            for line in path.read_text().splitlines()[1:]
        ]


@pytest.fixture
def court(commands):
    return Court(commands)


@pytest.fixture
def emulator():
    with serve() as server:
        yield server


def says(**verdict):
    """A judge's reply: a thought, then its verdict."""
    return "Let me see. " + json.dumps({"reason": "so it is", **verdict})
