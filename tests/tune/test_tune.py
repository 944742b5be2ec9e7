"""`evalharness tune together` through the command line, against the emulator and the real SDK."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest

from evalharness.cli.main import main
from evalharness.testing.emulator import Plan, serve

pytest.importorskip("together", reason="the together SDK is not installed")

SAMPLES = 120
GOLD = {f"question {n}?": f"a{n}" for n in range(SAMPLES)}
SUITE = """\
name: facts40
data: {path: d.jsonl}
metrics: [exact_match]
generation: {max_tokens: 9}
policy:
  gates: [{metric: exact_match, role: primary, test: non_inferiority, margin: 0.1}]
"""


def row(question, answer):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}) + "\n"


@pytest.fixture(scope="module")
def server():
    with serve() as emulator:
        yield emulator


@pytest.fixture
def emulator(server, tmp_path, monkeypatch):
    plan(server)
    rows = [{"id": f"q{n}", "input": f"question {n}?", "target": f"a{n}"} for n in range(SAMPLES)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "train.jsonl").write_text("".join(row(f"topic {n}", f"b{n}") for n in range(12)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOGETHER_API_KEY", "tk-secret")
    monkeypatch.setenv("TOGETHER_BASE_URL", server.root)
    return server


def plan(server, **more):
    server.set_plan(Plan(dialect="together", answers=GOLD, **{"job_polls": 3, **more}))


def tune(*more, train="train.jsonl", model="meta/learner@0.95"):
    given = ["--train", train, "--model", model, "--poll", "0.01", "--quiet", "--no-cache"]
    return main(["tune", "together", *given, *more])


GATE = ("--gate", "suite.yaml", "--baseline", "together/meta/gold@0.75", "--reports", "none")


def test_a_model_is_trained_and_followed_with_its_price(emulator, capsys):
    assert 0 == tune("--epochs", "2", "--suffix", "mine")
    said = capsys.readouterr().out
    assert "completed ft-0001: meta/learner@0.95 on train.jsonl, 2 epochs" in said
    assert "cost $4.20 (estimated $4.20)" in said
    assert "together/job:ft-0001" in said
    (job,) = emulator.jobs.tunes.values()
    assert (2, "mine", 1e-5) == tuple(
        job.asked[name] for name in ("n_epochs", "suffix", "learning_rate")
    )
    assert {"type": "Lora", "lora_r": 16, "lora_alpha": 32}.items() <= (
        job.asked["training_type"].items()
    )


def test_every_checkpoint_is_gated_and_drawn_against_the_training_loss(emulator, capsys, tmp_path):
    assert 0 == tune("--checkpoints", *GATE, "--json")
    found = json.loads(capsys.readouterr().out)
    assert [(10, "NOT_READY"), (20, "INCONCLUSIVE"), (30, "READY")] == [
        (one["step"], one["verdict"]) for one in found["judged"]
    ]
    assert [1.0, 0.667, 0.5] == [round(one["loss"], 3) for one in found["judged"]]
    values = [one["metrics"][0]["estimate"]["value"] for one in found["judged"]]
    assert values == sorted(values)
    (folder,) = (tmp_path / "runs" / "tunes").iterdir()
    picture = ET.fromstring((folder / "training.svg").read_text())  # ours, made just now
    dots = [one for one in picture.iter() if one.tag.endswith("circle")]
    assert ["NOT_READY", "INCONCLUSIVE", "READY"] == [one[0].text for one in dots]
    page = (folder / "tune.md").read_text()
    assert page.count("READY") == 2
    assert "looks better than it is" in page
    asked = emulator.state()["requests"]
    assert 0 == main(["tune", "together", "--job", "ft-0001", "--checkpoints", *GATE, "--quiet"])
    assert asked == emulator.state()["requests"], "gated again, nothing was asked again"


def test_the_exit_code_is_the_verdict_on_the_result(emulator, capsys):
    assert 1 == tune(*GATE, model="meta/learner@0.2")
    said = capsys.readouterr().out
    assert said.startswith("NOT_READY")
    assert "--exit-zero" not in said
    assert 0 == tune(*GATE, "--exit-zero", model="meta/learner@0.2")


@pytest.mark.parametrize("end", ["error", "user_error", "cancelled", "expired"])
def test_a_job_that_ends_without_a_model_is_said(emulator, capsys, end):
    plan(emulator, job_end=end)
    assert 69 == tune()
    said = capsys.readouterr().err
    assert f"ft-0001 ended without a model: its status is {end}; it cost $4.20" in said
    assert 69 == tune()
    assert 1 == len(emulator.jobs.tunes), "the failed job is not begun again unasked"
    plan_of = emulator.ledger.plan
    emulator.ledger.plan = Plan(dialect="together", answers=plan_of.answers)
    assert 0 == tune("--new")
    assert 2 == len(emulator.jobs.tunes)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('{"foo": 1}\n', "no fine-tuning service takes"),
        ('{"messages": "zzz"}\n', "expected a list"),
        ('{"id": "a", "input": "x", "target": "y"}\n', "no fine-tuning service takes"),
        ("", "no rows"),
        (row("q", "a") * 3 + "{broken\n", "4"),
    ],
)
def test_a_bad_training_file_is_refused_before_anything_is_sent(
    emulator, capsys, tmp_path, rows, said
):
    (tmp_path / "bad.jsonl").write_text(rows)
    assert 65 == tune(train="bad.jsonl")
    told = capsys.readouterr().err
    assert said in told
    assert "bad.jsonl" in told
    assert {} == emulator.jobs.files


def test_a_training_file_with_held_out_samples_is_refused(emulator, capsys, tmp_path):
    (tmp_path / "leak.jsonl").write_text(row("question 7?", "a7") * 1 + row("topic", "b") * 1)
    assert 65 == tune(*GATE, train="leak.jsonl")
    assert "holds held-out samples of 'facts40'" in capsys.readouterr().err
    assert {} == emulator.jobs.files


def test_a_file_that_the_service_refuses_begins_no_job(emulator, capsys):
    plan(emulator, file_end="INVALID_FORMAT")
    assert 69 == tune()
    assert "line 1 has no messages" in capsys.readouterr().err
    assert {} == emulator.jobs.tunes


@pytest.mark.parametrize(("price", "said"), [(4.2, "estimated at $4.20"), (None, "cannot")])
def test_a_job_dearer_than_allowed_is_never_begun(emulator, capsys, price, said):
    plan(emulator, job_price_usd=price)
    assert 75 == tune("--max-cost", "4")
    assert said in capsys.readouterr().err
    assert {} == emulator.jobs.tunes


def test_a_job_that_the_account_cannot_pay_is_never_begun(emulator, capsys):
    plan(emulator, job_price_usd=500.0)
    assert 64 == tune()
    assert "its limit is $100" in capsys.readouterr().err
    assert {} == emulator.jobs.tunes


def test_the_same_command_again_follows_the_same_job(emulator, capsys):
    assert 0 == tune()
    files = len(emulator.jobs.files)
    assert 0 == tune()
    assert (1, files) == (len(emulator.jobs.tunes), len(emulator.jobs.files))
    assert 0 == tune("--learning-rate", "2e-5")
    assert 2 == len(emulator.jobs.tunes)
    assert files == len(emulator.jobs.files), "equal bytes are uploaded once"


def test_a_job_whose_begin_was_never_heard_of_is_found_and_not_begun_twice(
    emulator, capsys, tmp_path
):
    assert 0 == tune()
    (path,) = (tmp_path / "runs" / "tunes").glob("*/tune.json")
    tune_file = json.loads(path.read_text())
    path.write_text(json.dumps({**tune_file, "stage": "asking", "state": None}))
    assert 0 == tune()
    assert 1 == len(emulator.jobs.tunes)
    assert "ft-0001" == json.loads(path.read_text())["state"]["job"]


def test_a_job_begun_elsewhere_is_followed_by_its_id(emulator, capsys, tmp_path, monkeypatch):
    assert 0 == tune()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    follow = ["tune", "together", "--poll", "0.01", "--quiet", "--job"]
    assert 0 == main([*follow, "ft-0001"])
    assert "completed ft-0001" in capsys.readouterr().out
    assert 69 == main([*follow, "ft-9999"])
    assert "404" in capsys.readouterr().err


def test_ctrl_c_leaves_the_job_and_says_how_to_follow_it(emulator, tmp_path):
    plan(emulator, job_polls=10_000)
    command = [sys.executable, "-m", "evalharness", "tune", "together", "--train", "train.jsonl"]
    command += ["--model", "meta/echo", "--poll", "0.05"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ),
    )  # fmt: skip
    until = time.monotonic() + 60
    while not any(job.polls > 1 for job in emulator.jobs.tunes.values()):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert 130 == process.returncode
    assert "evalharness tune together --job ft-0001" in said
    assert "no" == emulator.jobs.tunes["ft-0001"].cancelled
    assert "tk-secret" not in said


def test_wandb_needs_its_key_and_the_key_is_written_nowhere(
    emulator, capsys, tmp_path, monkeypatch
):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert 64 == tune("--wandb")
    monkeypatch.setenv("WANDB_API_KEY", "wb-secret")
    assert 0 == tune("--wandb")
    assert "wb-secret" == next(iter(emulator.jobs.tunes.values())).asked["wandb_key"]
    told = capsys.readouterr()
    kept = [path.read_text() for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not any("wb-secret" in text for text in [*kept, told.out, told.err])


@pytest.mark.parametrize("given", [["--train", "train.jsonl"], ["--model", "m"], []])
def test_a_job_needs_a_file_and_a_base(emulator, capsys, given):
    assert 64 == main(["tune", "together", *given])
    assert "--train FILE and --model BASE" in capsys.readouterr().err


def test_a_gate_needs_a_baseline(emulator, capsys):
    assert 64 == tune("--gate", "suite.yaml")
    assert "--baseline" in capsys.readouterr().err
    assert {} == emulator.jobs.tunes


def test_preference_pairs_are_not_trained_on_as_conversations(emulator, capsys, tmp_path):
    pair = {
        "input": {"messages": [{"role": "user", "content": "q"}]},
        "preferred_output": [{"role": "assistant", "content": "a"}],
        "non_preferred_output": [{"role": "assistant", "content": "b"}],
    }
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    assert 65 == tune(train="pairs.jsonl")
    assert "--method dpo" in capsys.readouterr().err
    assert 0 == tune("--method", "dpo", train="pairs.jsonl")


def test_a_provider_that_cannot_be_reached_is_said_and_nothing_is_lost(
    emulator, capsys, monkeypatch
):
    monkeypatch.setenv("TOGETHER_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("evalharness.tune.follow.FILE_TRIES", 1)
    assert 69 == tune()
    monkeypatch.setenv("TOGETHER_BASE_URL", emulator.root)
    assert 0 == tune()
    assert 1 == len(emulator.jobs.tunes)
