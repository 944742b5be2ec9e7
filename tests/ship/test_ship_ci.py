"""The action's and the template's own steps, run here on a sample repository, for every verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
TEMPLATE = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())[".evalharness"]

SUITE = """
name: greetings
data: {path: heldout.jsonl}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.1}
"""
N = 100
VERDICTS = {
    "READY": ("good.jsonl", 0),
    "NOT_READY": ("bad.jsonl", 1),
    "INCONCLUSIVE": ("near.jsonl", 2),
    "INVALID": ("gaps.jsonl", 3),
}


def recording(right: int, n: int = N) -> str:
    rows = [{"id": f"q{i}", "output": "yes" if i < right else "no"} for i in range(n)]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def repository(tmp_path):
    """A repository with a suite, a baseline and four candidates, one for each verdict."""
    folder = tmp_path / "repository"
    (folder / "suites" / "greetings").mkdir(parents=True)
    (folder / "suites" / "greetings" / "suite.yaml").write_text(SUITE)
    rows = [{"id": f"q{i}", "input": f"{i}?", "target": "yes"} for i in range(N)]
    heldout = folder / "suites" / "greetings" / "heldout.jsonl"
    heldout.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "base.jsonl").write_text(recording(80))
    (folder / "good.jsonl").write_text(recording(95))
    (folder / "bad.jsonl").write_text(recording(20))
    (folder / "near.jsonl").write_text(recording(72))
    (folder / "gaps.jsonl").write_text(recording(40, n=40))
    return folder


class Runner:
    """What a runner does with a composite action: fill in expressions, run steps, keep outputs."""

    def __init__(self, folder: Path, inputs: dict[str, str], extra: dict[str, str]) -> None:
        self.folder = folder
        defaults = {name: given.get("default", "") for name, given in ACTION["inputs"].items()}
        self.values = {f"inputs.{name}": value for name, value in (defaults | inputs).items()}
        self.values |= {
            "github.event_name": "pull_request",
            "github.event.pull_request.number": "7",
        }
        self.files = {
            name: folder.parent / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for path in self.files.values():
            path.write_text("")
        self.extra = extra
        self.stdout = ""

    def filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda m: self.values.get(m[1], ""), text)

    def wanted(self, condition: str) -> bool:
        """Conditions of the form `a != b && c == d`, which are all that the action has."""
        for part in condition.removeprefix("${{").removesuffix("}}").split("&&"):
            left, sign, right = part.split()
            same = self.values.get(left, "") == right.strip("'")
            if same != (sign == "=="):
                return False
        return True

    def run(self) -> int:
        """The exit code of the first step that fails, else 0."""
        for step in ACTION["runs"]["steps"]:
            if "run" not in step or not self.wanted(step.get("if", "") or "a == ''"):
                continue
            code = self.step(step)
            if code:
                return code
        return 0

    def step(self, step: dict) -> int:
        bin_folder = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            **{name: str(path) for name, path in self.files.items()},
            **{name: self.filled(value) for name, value in step.get("env", {}).items()},
            **self.extra,
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.stdout += done.stdout + done.stderr
        if "id" in step:
            for line in self.files["GITHUB_OUTPUT"].read_text().splitlines():
                name, _, value = line.partition("=")
                self.values[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode


class Comments(ThreadingHTTPServer):
    """As much of GitHub's comments as the script asks for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.comments: list[dict] = [{"id": 1, "body": "Nice."}]
        self.tokens: set[str] = set()
        self.forbids = False


class _Answers(BaseHTTPRequestHandler):
    server: Comments

    def answer(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(403 if self.server.forbids else status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.tokens.add(self.headers["Authorization"])

    def body(self) -> str:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def do_GET(self):
        assert self.path.startswith("/repos/you/models/issues/7/comments?per_page=100&page=")
        page = int(self.path.rpartition("=")[2])
        self.answer(self.server.comments[100 * (page - 1) : 100 * page])

    def do_POST(self):
        body = self.body()
        if not self.server.forbids:
            self.server.comments.append({"id": len(self.server.comments) + 1, "body": body})
        self.answer({}, 201)

    def do_PATCH(self):
        number = int(self.path.rpartition("/")[2])
        assert self.path == f"/repos/you/models/issues/comments/{number}"
        self.server.comments[number - 1]["body"] = self.body()
        self.answer({})

    def log_message(self, *_):
        pass


@pytest.fixture
def github():
    server = Comments()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def runner(repository, github, candidate, **inputs):
    given = {
        "suites": "greetings",
        "candidate": candidate,
        "baselines": "base.jsonl\n",
        "package": "",
        "token": "secret-token",
        **inputs,
    }
    extra = {
        "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}",
        "GITHUB_REPOSITORY": "you/models",
    }
    return Runner(repository, given, extra)


@pytest.mark.parametrize("state", VERDICTS)
def test_the_actions_steps_end_with_the_verdict(repository, github, state):
    candidate, code = VERDICTS[state]
    made = runner(repository, github, candidate)
    assert code == made.run(), made.stdout
    assert state == made.values["steps.gate.outputs.verdict"]
    folder = repository / made.values["steps.gate.outputs.folder"]
    assert {"report.html", "report.md", "facts.json", "junit.xml", "badge.json"} <= {
        path.name for path in folder.iterdir()
    }
    level = "notice" if state == "READY" else "error"
    assert f"::{level} title=" in made.stdout
    assert "greetings" in made.files["GITHUB_STEP_SUMMARY"].read_text()
    assert 2 == len(github.comments)
    assert github.comments[1]["body"].startswith("<!-- evalharness gate")
    assert {"Bearer secret-token"} == github.tokens
    assert "secret-token" not in made.stdout


def test_the_comment_is_updated_in_place_also_on_a_later_page(repository, github):
    github.comments = [{"id": n, "body": f"{n}"} for n in range(1, 131)]
    assert 1 == runner(repository, github, "bad.jsonl").run()
    first = github.comments[130]["body"]
    assert 0 == runner(repository, github, "good.jsonl").run()
    assert 131 == len(github.comments)
    assert first != github.comments[130]["body"]


def test_a_token_that_may_not_comment_does_not_change_the_verdict(repository, github):
    github.forbids = True
    made = runner(repository, github, "good.jsonl")
    assert 0 == made.run()
    assert "no comment was written" in made.stdout


def test_exit_zero_passes_a_verdict_but_no_error(repository, github):
    assert 0 == runner(repository, github, "bad.jsonl", **{"exit-zero": "true"}).run()
    made = runner(repository, github, "absent.jsonl", **{"exit-zero": "true"})
    assert 64 == made.run(), made.stdout
    assert "" == made.values.get("steps.gate.outputs.verdict", "")


def test_an_input_is_data_and_never_a_command(repository, github):
    hostile = '"; touch stolen; $(touch stolen) `touch stolen`'
    assert 64 == runner(repository, github, hostile, comment="false").run()
    assert not (repository / "stolen").exists()
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_outside_of_github_nothing_is_said_to_it(repository):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    command = ["gate", "greetings", "--candidate", "bad.jsonl", "--baseline", "base.jsonl"]
    done = subprocess.run(
        [sys.executable, "-m", "evalharness", *command],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == done.returncode
    assert "::error" not in done.stdout


@pytest.mark.parametrize("state", ["READY", "NOT_READY"])
def test_the_gitlab_template_leaves_the_reports_that_it_names(repository, state):
    candidate, code = VERDICTS[state]
    variables = {
        **TEMPLATE["variables"],
        "EVALHARNESS_SUITES": "greetings",
        "EVALHARNESS_CANDIDATE": candidate,
        "EVALHARNESS_BASELINES": "base.jsonl",
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **variables, "PATH": path}

    def run(lines):
        script = "set -e\n" + "\n".join(lines)
        return subprocess.run(["sh", "-c", script], cwd=repository, env=environment, check=False)

    assert code == run(TEMPLATE["script"]).returncode
    assert 0 == run(TEMPLATE["after_script"]).returncode
    reports = TEMPLATE["artifacts"]["reports"]
    assert "<testsuite" in (repository / reports["junit"]).read_text()
    assert "evalharness_gate_passed" in (repository / reports["metrics"]).read_text()


def test_the_commands_of_the_page_run(tmp_path):
    page = (ROOT / "docs" / "ci.md").read_text()
    (block,) = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    for line in block.splitlines():
        command = [sys.executable, "-m", *line.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
