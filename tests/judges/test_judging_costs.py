"""What judging costs: planned beforehand, counted in --max-cost, and never paid for twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml

from evalharness.testing.emulator import LatencyPlan, Plan

MODEL = 'openai/constant:{"score": 4}'
PRICE = {"prompt_usd_per_mtok": 1.0, "completion_usd_per_mtok": 2.0}
IN_FLIGHT = 4


@pytest.fixture
def priced(court, emulator, monkeypatch):
    """A court whose judge bills: its address is public, and a proxy leads to the emulator."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://api.example.com")
    monkeypatch.setenv("HTTP_PROXY", emulator.root)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    judge = {"model": MODEL, "generation": {"max_tokens": 50}, "price": PRICE}
    (court.folder / "judge.yaml").write_text(yaml.safe_dump(judge))
    pairs = {**judge, "model": 'openai/constant:{"better": "A"}'}
    (court.folder / "pairs.yaml").write_text(yaml.safe_dump(pairs))
    return court


def rubric(model="judge.yaml", **more):
    return {"name": "helpful", "model": model, "rubric": "Does it help?", **more}


LIKED = {"name": "liked", "kind": "preference", "model": "pairs.yaml"}


def plan(court, candidate, baseline):
    models = ("--candidate", candidate, "--baseline", baseline)
    code, out, err = court.commands.run("plan", court.path, *models, "--json")
    assert 0 == code, err
    return json.loads(out)


def summary(out):
    (path,) = out.glob("*/summary.json")
    found = json.loads(path.read_text())
    return found["n"], found["metrics"], found["spent"]["judge_requests"]


# --- the plan ----------------------------------------------------------------------------------


def test_a_plan_counts_the_very_requests_that_a_gate_then_makes(priced, emulator):
    priced.suite(rubric(), LIKED)
    first = priced.answers("first", lambda k: f"a{k}")
    second = priced.answers("second", lambda k: f"a{k}" if k % 4 == 0 else f"b{k}")
    told = {one["judge"]: one for one in plan(priced, first, second)["judges"]}
    assert 2 * priced.n == told["helpful"]["requests"]
    assert 2 * priced.n * 3 // 4 == told["liked"]["requests"]  # equal answers: nobody is asked
    assert f"openai/{MODEL.removeprefix('openai/')}" == told["helpful"]["by"]
    assert 0 == emulator.state()["requests"]
    arms = ("--candidate", first, "--baseline", second)
    priced.commands.json("gate", priced.path, *arms, "--no-cache")
    state = emulator.state()
    assert sum(one["requests"] for one in told.values()) == state["requests"]
    billed = state["billed_prompt_tokens"] + 2 * state["billed_completion_tokens"]
    assert billed / 1e6 < sum(one["price_usd"] for one in told.values())


def test_what_was_judged_is_not_planned_again(priced):
    priced.suite(rubric(), LIKED)
    first = priced.answers("first", lambda k: f"a{k}")
    second = priced.answers("second", lambda k: f"b{k}")
    priced.commands.json("gate", priced.path, "--candidate", first, "--baseline", second)
    by_arm = {
        json.loads(path.read_text())["arm"]: path.parent
        for path in priced.commands.out.glob("*/run.json")
    }
    told = plan(priced, by_arm["first"], by_arm["second"])["judges"]
    assert [0, 0] == [one["requests"] for one in told]


def test_answers_that_are_still_to_be_given_are_priced_at_their_longest(priced):
    priced.suite(rubric())
    text = priced.path.read_text() + "generation: {max_tokens: 300, repeats: 2}\n"
    priced.path.write_text(text)
    told = plan(priced, "scripted/echo", "scripted/constant")
    (judge,) = told["judges"]
    assert 2 * 2 * priced.n == judge["requests"]
    assert judge["prompt_tokens"] > judge["requests"] * 300
    assert judge["requests"] * 50 == judge["answer_tokens_at_most"]
    price = (judge["prompt_tokens"] + 2 * judge["answer_tokens_at_most"]) / 1e6
    assert price == pytest.approx(judge["price_usd"])


def test_a_plan_says_what_the_judges_and_everything_together_cost(priced):
    priced.suite(rubric())
    arms = [priced.answers(name, lambda k, name=name: name) for name in ("a", "b")]
    _, out, _ = priced.commands.run(
        "plan", priced.path, "--candidate", arms[0], "--baseline", arms[1]
    )
    assert "judge    helpful, by openai/constant" in out
    assert "in all   at most $0.0" in out
    assert "--max-cost counts answers and judgements together" in out


def test_recorded_judgements_cost_nothing_and_are_not_planned(priced):
    said = [{"id": f"q{k}", "output": '{"score": 3}'} for k in range(priced.n)]
    priced.commands.jsonl("suite/judged.jsonl", said)
    priced.suite(rubric("judged.jsonl"))
    arms = [priced.answers(name, lambda k, name=name: name) for name in ("a", "b")]
    assert [] == plan(priced, *arms)["judges"]


# --- the budget --------------------------------------------------------------------------------


def test_judging_stops_before_max_cost_and_goes_on_where_it_stopped(priced, emulator):
    priced.suite(rubric())
    first = priced.answers("first", lambda k: f"a{k}")
    asked = ["run", priced.path, "--model", first, "--no-cache", "-q"]
    priced.commands.out = priced.commands.folder / "whole"
    assert 0 == priced.commands.run(*asked)[0]
    whole, asked_in_all = summary(priced.commands.out), emulator.state()["requests"]

    priced.commands.out = priced.commands.folder / "parts"
    emulator.set_plan(emulator.ledger.plan)
    for _ in range(40):
        code, _, err = priced.commands.run(*asked, "--max-cost", "0.003")
        state = emulator.state()
        if code == 0:
            break
        assert 75 == code, err
        assert "what is answered is kept" in err
        told = [one["id"] for one in priced.evidence_in(priced.commands.out)]
        assert state["requests"] == len(told) == len(set(told))
    assert 3 < asked_in_all
    assert asked_in_all == emulator.state()["requests"]
    assert whole == summary(priced.commands.out)


def test_answers_judgements_and_pairs_share_one_budget(priced, emulator):
    priced.suite(rubric(), LIKED)
    arms = [priced.answers(name, lambda k, name=name: f"{name}{k}") for name in ("a", "b")]
    asked = ["gate", priced.path, "--candidate", arms[0], "--baseline", arms[1], "--no-cache", "-q"]
    spent = 0.0
    while True:
        code, _, err = priced.commands.run(*asked, "--max-cost", "0.02")
        state = emulator.state()
        billed = (state["billed_prompt_tokens"] + 2 * state["billed_completion_tokens"]) / 1e6
        assert billed - spent <= 0.02
        spent = billed
        if code != 75:
            break
    assert 0 == code, err
    assert 4 * priced.n == emulator.state()["requests"]
    assert spent > 0.02


def test_judge_counts_runs_and_pairs_in_one_budget(priced, emulator):
    priced.suite(rubric(), LIKED)
    arms = [priced.answers(name, lambda k, name=name: f"{name}{k}") for name in ("a", "b")]
    code, _, _ = priced.commands.run(
        "judge", priced.path, *arms, "--max-cost", "0.02", "--no-cache", "-q"
    )
    state = emulator.state()
    assert 75 == code
    assert (state["billed_prompt_tokens"] + 2 * state["billed_completion_tokens"]) / 1e6 <= 0.02


def test_a_judge_without_a_bound_is_refused_before_the_arms_are_asked(priced, emulator):
    priced.suite(rubric(MODEL))
    model = {"model": "openai/echo", "price": PRICE, "generation": {"max_tokens": 5}}
    arm = priced.folder / "arm.yaml"
    arm.write_text(yaml.safe_dump(model))
    asked = ["run", priced.path, "--model", arm, "-q", "--max-cost", "1"]
    code, _, err = priced.commands.run(*asked)
    assert 64 == code
    assert "the price of openai/constant" in err
    bare = {"model": MODEL, "price": PRICE}
    (priced.folder / "judge.yaml").write_text(yaml.safe_dump(bare))
    priced.suite(rubric())
    code, _, err = priced.commands.run(*asked)
    assert (64, True) == (code, "add `generation: {max_tokens: 300}` to the judge" in err), err
    assert 0 == emulator.state()["requests"]


# --- kill -9 -----------------------------------------------------------------------------------


def start(arguments):
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "evalharness", *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process):
    """What a process printed that was left alone."""
    out, err = process.communicate(timeout=200)
    assert 0 == process.returncode, err.decode()
    return out.decode()


def kill_until_done(arguments, rng, takes_s, *, at_most):
    """Start and kill, from a third on: what comes before is Python's start; the kills made."""
    killed = 0
    while killed < at_most:
        process = start(arguments)
        try:
            process.communicate(timeout=rng.uniform(takes_s / 3, takes_s))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
            killed += 1
        else:
            break
    return killed


@pytest.mark.parametrize(
    ("verb", "kills"),
    [
        ("run", 3),
        pytest.param("run", 80, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
        pytest.param("judge", 40, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_judging_killed_at_random_moments_ends_as_one_left_alone(priced, emulator, verb, kills):
    """`run` judges single answers, `judge` both orders of pairs."""
    emulator.set_plan(Plan(latency=LatencyPlan(ttft_s=0.03)))
    priced.suite(rubric() if verb == "run" else LIKED)
    arms = [priced.answers(name, lambda k, name=name: f"{name}{k}") for name in ("a", "b")]
    asks = priced.n if verb == "run" else 2 * priced.n
    given = ["--model", arms[0]] if verb == "run" else arms
    options = ["--no-cache", "--quiet", "--json", "--max-connections", IN_FLIGHT]

    def judging(out):
        return [verb, priced.path, *given, "--out", priced.folder / out, *options]

    def told(out, printed):
        return summary(priced.folder / out) if verb == "run" else json.loads(printed)

    begun = time.monotonic()
    whole = told("whole", finished(start(judging("whole"))))
    takes_s = time.monotonic() - begun
    rng = random.Random(kills)
    killed = 0
    while killed < kills:
        emulator.set_plan(emulator.ledger.plan)
        out = f"killed-{killed}"
        here = kill_until_done(judging(out), rng, takes_s, at_most=kills - killed)
        assert whole == told(out, finished(start(judging(out))))
        pattern = "*/evidence.jsonl" if verb == "run" else "pairs/*/evidence.jsonl"
        (journal,) = (priced.folder / out).glob(pattern)
        keys = [json.loads(line)["key"] for line in journal.read_text().splitlines()[1:]]
        assert asks == len(keys) == len(set(keys))
        # At most what was in flight at each kill was asked again; nothing journalled ever was.
        assert emulator.state()["requests"] <= asks + here * IN_FLIGHT
        killed += here
