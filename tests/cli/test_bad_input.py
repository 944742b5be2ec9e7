"""Bad input through the command line: one clear error, the right exit code, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

SUITE = """
name: words
data: {path: data.jsonl}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
"""


@pytest.fixture
def words(commands):
    """A good suite with 50 samples and a good recording."""
    suite = commands.suite(SUITE)
    rows = [{"id": f"q{n}", "input": f"say {n}", "target": str(n)} for n in range(50)]
    commands.jsonl("suite/data.jsonl", rows)
    good = [{"id": row["id"], "output": row["target"]} for row in rows]
    commands.recording = commands.jsonl("good.jsonl", good)
    commands.rows = rows
    commands.good = suite
    return commands


def gate(commands, *more, suite=None, candidate=None):
    candidate = candidate or commands.recording
    return commands.run(
        "gate", suite or commands.good, "--candidate", candidate, "--baseline",
        commands.recording, "--reports", "none", "--quiet", *more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (SUITE.replace("metrics:", "metrcs:"), "did you mean 'metrics'?"),
        (SUITE.replace("exact_match]", "exact_mach]"), "did you mean 'exact_match'?"),
        (SUITE.replace("margin: 0.05", "margn: 0.05"), "did you mean 'margin'?"),
        (SUITE.replace(", margin: 0.05", ""), "lacks its `margin`"),
        (SUITE.replace("margin: 0.05", "margin: lots"), "expected `float"),
        (SUITE.replace("name: words", "name: words\nname: twice"), "given twice"),
        (SUITE + "prompt: {template: '{{ inp'}", "template has a syntax error"),
        (SUITE + "extract: {pattern: '('}", "no regular expression"),
        (SUITE.replace("[exact_match]", "[{name: f1, colour: red}]"), "no option 'colour'"),
        ("name: [unclosed", "not valid YAML"),
        ("just text", "a mapping of keys is expected"),
    ],
)
def test_a_wrong_suite_names_its_place_and_mend(words, broken, said):
    broken = broken.replace("data.jsonl", "../suite/data.jsonl")
    code, out, err = gate(words, suite=words.suite(broken, "broken"))
    assert code == 65, err
    assert said in err
    assert "suite.yaml" in err
    assert out == ""


def test_a_template_that_reaches_for_pythons_insides_is_refused(words):
    text = SUITE.replace("data.jsonl", "../suite/data.jsonl")
    text += "prompt: {template: \"{{ ''.__class__.__mro__ }}\"}"
    code, _, err = words.run("run", words.suite(text, "attack"), "--model", "scripted/echo")
    assert code == 65
    assert "__class__" in err


def test_a_template_that_needs_an_absent_field_lists_what_is_there(words):
    text = SUITE.replace("data.jsonl", "../suite/data.jsonl")
    text += 'prompt: {template: "{{ question }}"}'
    code, _, err = words.run("run", words.suite(text, "absent"), "--model", "scripted/echo")
    assert code == 65
    assert "question" in err
    assert "input" in err


def test_a_broken_line_is_named_by_its_number(words):
    lines = [json.dumps({"id": f"q{n}", "input": "x", "target": "y"}) for n in range(5000)]
    lines[4811] = '{"id": "q4811", "input": '
    data = words.folder / "broken.jsonl"
    data.write_text("\n".join(lines))
    code, _, err = gate(words, "--data", data)
    assert code == 65
    assert "broken.jsonl:4812" in err


def test_a_broken_line_is_found_before_a_model_is_asked(words):
    data = words.folder / "broken.jsonl"
    data.write_text('{"id": "a", "input": "x", "target": "y"}\nnot json\n')
    code, _, err = words.run("run", words.good, "--model", "scripted/echo", "--data", data)
    assert code == 65
    assert "broken.jsonl:2" in err
    assert not list(words.out.glob("*/outcomes.jsonl"))


def test_a_recording_that_lacks_three_ids_is_scored_with_three_failures(words):
    some = words.jsonl("some.jsonl", [{"id": f"q{n}", "output": str(n)} for n in range(3, 50)])
    facts = words.json("score", words.good, some)
    assert facts["n"] == 50
    assert facts["failures"] == {"missing": 3}
    assert facts["metrics"]["exact_match"]["value"] == pytest.approx(47 / 50)
    assert facts["metrics"]["exact_match"]["value_answered"] == 1.0


def test_an_unwritable_folder_says_so(words):
    (words.folder / "runs").write_text("a file where the folder should be")
    code, _, err = gate(words)
    assert code == 73
    assert "--out" in err


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from evalharness.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_keeps_what_was_written_and_resumes(words):
    """A limit on the file size stands in for the disk: the same refusal in the middle of a file."""
    rows = [{"id": f"q{n}", "input": f"say {n}", "target": "x" * 50} for n in range(300)]
    data = words.jsonl("large.jsonl", rows)
    arguments = ["run", str(words.good), "--model", "scripted/echo", "--data", str(data)]
    arguments += ["--out", str(words.out), "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 73, done.stderr
    assert "cannot write" in done.stderr
    code, _, err = words.run(*arguments[:-3], "--quiet")
    assert code == 0, err
    lines = next(words.out.glob("*/outcomes.jsonl")).read_bytes().splitlines()
    assert len(lines) == 301


def test_ctrl_c_in_the_middle_says_how_to_resume_and_loses_nothing(words):
    """A real server that takes its time, a real signal: no journalled answer is asked again."""
    from evalharness.testing.emulator import LatencyPlan, Plan, serve

    rows = [{"id": f"q{n}", "input": f"say {n}", "target": str(n)} for n in range(300)]
    data = words.jsonl("many.jsonl", rows)
    with serve(Plan(latency=LatencyPlan(ttft_s=0.02))) as server:
        environment = dict(os.environ, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-test")
        command = [
            sys.executable, "-m", "evalharness", "run", str(words.good), "--model", "openai/echo",
            "--data", str(data), "--out", str(words.out), "--max-connections", "4", "--quiet",
            "--no-cache",
        ]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        journal = wait_for_lines(words.out, 20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130, err
        assert "Resume with" in err
        kept = journal.read_bytes().count(b"\n") - 1
        assert 0 < kept < 300
        before = server.state()["requests"]
        subprocess.run(command, check=True, capture_output=True, env=environment)
        assert server.state()["requests"] - before == 300 - kept
    entries = [json.loads(line)["id"] for line in journal.read_bytes().splitlines()[1:]]
    assert len(entries) == len(set(entries)) == 300


def wait_for_lines(out, least):
    for _ in range(1000):
        time.sleep(0.02)
        journal = next(out.glob("*/outcomes.jsonl"), None)
        if journal is not None and journal.read_bytes().count(b"\n") > least:
            return journal
    raise TimeoutError("no journal was written")


def test_a_fifty_megabyte_line_is_refused_or_read_within_bounds(words):
    data = words.folder / "wide.jsonl"
    with data.open("w") as file:
        file.write('{"id": "a", "target": "y", "input": "')
        for _ in range(50):
            file.write("x" * 1_000_000)
        file.write('"}\n')
    code, _, err = gate(words, "--data", data)
    assert code in (3, 65), err
    assert code != 65 or "wide.jsonl:1" in err


def test_a_csv_with_ragged_rows_names_the_row(words):
    data = words.folder / "ragged.csv"
    data.write_text("id,input,target\na,x,y\nb,x\nc,x,y,z\n")
    code, _, err = gate(words, "--data", data)
    assert code == 65
    assert "ragged.csv:3" in err


def test_hostile_model_text_stays_text_in_every_report(words):
    hostile = "<script>alert(1)</script>\x1b[31m\x00\u202e"
    answers = [{"id": row["id"], "output": hostile} for row in words.rows]
    recording = words.jsonl("hostile.jsonl", answers)
    code, out, err = words.run(
        "gate", words.good, "--candidate", recording, "--baseline", words.recording, "--quiet"
    )
    assert code == 1, err
    assert "\x1b[31m" not in out
    folder = next((words.out / "gates").iterdir())
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\x00" not in page
    for name in ("report.md", "facts.json", "junit.xml"):
        assert (folder / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gat"], "did you mean 'gate'"),
        (["gate", "facts"], "--candidate"),
        (["gate", "fact", "--candidate", "tuned", "--baseline", "base"], "did you mean 'facts'"),
        (["gate", "facts", "--candidate", "tunde", "--baseline", "base"], "tuned"),
        (["gate", "facts", "--candidate", "no/such", "--baseline", "base"], "no provider"),
        (["run", "facts", "--model", "tuned", "--limit", "0"], "0"),
        (["run", "facts", "--model", "tuned", "--shard", "3/2"], "1 <= K <= N"),
        (["run", "facts", "--model", "tuned", "--fields", "output"], "OURS=THEIRS"),
        (
            ["gate", "facts", "--candidate", "tuned", "--baseline", "base", "--reports", "pdf"],
            "pdf",
        ),
        (["compare", "facts"], "baseline and at least one candidate"),
    ],
)
def test_a_wrong_command_line_exits_64_and_says_what_is_meant(commands, arguments, said):
    code, out, err = commands.run(*arguments) if arguments[0] != "gat" else run_bare(commands)
    assert code == 64, err
    assert said in err
    assert out == ""


def run_bare(commands):
    from evalharness.cli.main import main

    code = main(["gat"])
    captured = commands.capsys.readouterr()
    return code, captured.out, captured.err


def test_an_existing_folder_is_never_overwritten_by_init(tmp_path, capsys):
    from evalharness.cli.main import main

    (tmp_path / "kept").write_text("mine")
    assert main(["init", str(tmp_path)]) == 64
    assert (tmp_path / "kept").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_says_so(words):
    words.folder.chmod(0o500)
    try:
        code, _, err = gate(words)
        assert code == 73, err
    finally:
        words.folder.chmod(0o700)


def test_view_serves_runs_on_loopback_until_it_is_interrupted(tmp_path):
    import urllib.request

    command = [sys.executable, "-m", "evalharness", "view", "--port", "0", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().split()[0]
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url) as answer:
        assert b"Content-Security-Policy" in answer.read()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in (0, 130)
