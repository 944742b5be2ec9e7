"""Models that are still waking up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from evalharness.clients.limiter import AdaptiveLimiter
from evalharness.clients.openai_http import open_openai
from evalharness.clients.retry import Pace, Retrying
from evalharness.clients.settings import ClientSettings, RetryPolicy
from evalharness.clients.stack import build_asker
from evalharness.clients.warmup import Warming
from evalharness.errors import Fatal
from evalharness.testing.emulator import FaultRule, LatencyPlan, Plan


def waking(client, **more):
    retrying = Retrying(
        client, RetryPolicy(), limiter=AdaptiveLimiter(8), rng=np.random.default_rng(0)
    )
    return Warming(retrying.ask, client, 1, **more)


def test_the_slow_first_answers_are_left_out_of_the_latency(emulator, settings, run, question):
    emulator.set_plan(Plan(latency=LatencyPlan(warmup=2, warmup_s=0.5)))
    asker = build_asker(open_openai("echo", settings), replace(settings, warmup=2))

    async def several():
        asked = [asker.ask(question(f"q{number}")) for number in range(5)]
        outcomes = await asyncio.gather(*asked)
        await asker.close()
        return [outcome.completion.latency_s for outcome in outcomes]

    assert max(run(several)) < 0.5
    assert 7 == emulator.state()["requests"]


def test_a_model_that_sleeps_is_asked_until_it_answers(emulator, settings, run, question):
    rule = FaultRule(faults=("overload_503",), match="Hi", times=4)
    emulator.set_plan(Plan(rules=(rule,)))
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    client = open_openai("echo", settings)
    warming = waking(client, pace=Pace(sleep=sleep))

    async def ask():
        outcome = await warming.ask(question("real"))
        await client.close()
        return outcome.completion.text

    assert "real" == run(ask)
    assert [1.0, 1.5, 2.25, 3.375] == waits


def test_a_model_that_never_wakes_stops_the_run(emulator, settings, run, question, fault):
    fault("overload_503")
    now = [0.0]

    async def sleep(seconds):
        now[0] += seconds

    client = open_openai("echo", settings)
    warming = waking(client, ready_timeout_s=60, pace=Pace(clock=lambda: now[0], sleep=sleep))

    async def ask():
        try:
            await warming.ask(question("real"))
        finally:
            await client.close()

    with pytest.raises(Fatal, match="not ready after 60 s"):
        run(ask)
    assert now[0] <= 60


@pytest.mark.parametrize(("name", "requests"), [("bad_request_400", 2), ("key_401", 1)])
def test_a_refusal_shows_that_the_model_is_awake_unless_all_is_lost(
    emulator, settings, run, question, name, requests
):
    rule = FaultRule(faults=(name,), match="Hi", times=None)
    emulator.set_plan(Plan(rules=(rule,)))
    client = open_openai("echo", settings)
    warming = waking(client)

    async def ask():
        try:
            return (await warming.ask(question("real"))).completion.text
        except Fatal:
            return "stopped"
        finally:
            await client.close()

    assert ("real" if requests == 2 else "stopped") == run(ask)
    assert requests == emulator.state()["requests"]


def test_nobody_warms_up_unless_told_to(emulator, settings, run, question):
    asker = build_asker(open_openai("echo", settings), settings)

    async def ask():
        await asker.ask(question("a"))
        await asker.close()

    run(ask)
    assert 1 == emulator.state()["requests"]


def test_the_option_may_stand_in_a_baseline_file(emulator, run, question):
    settings = ClientSettings(options={"base_url": emulator.root, "warmup": "2"})
    asker = build_asker(open_openai("echo", settings), settings)

    async def ask():
        await asker.ask(question("a"))
        await asker.close()

    run(ask)
    assert 3 == emulator.state()["requests"]
