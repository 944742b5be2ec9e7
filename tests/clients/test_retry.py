"""Asking again: waits, deadlines, and a record of every attempt; time is virtual, HTTP is real."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from evalharness.clients.limiter import AdaptiveLimiter
from evalharness.clients.openai_http import open_openai
from evalharness.clients.retry import Pace, Retrying
from evalharness.clients.scripted import open_scripted
from evalharness.clients.settings import ClientSettings, RetryPolicy
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import BudgetExceeded, Fatal, MissingExtra
from evalharness.records import Answered, Failed
from evalharness.testing.emulator import FaultRule, Plan
from evalharness.testing.emulator.faults import FAULTS

TRANSIENT = [
    name
    for name, fault in FAULTS.items()
    if fault.retry == "again" and fault.expect is not None and name not in ("hang", "stream_stall")
]


PATIENT = RetryPolicy()


class Waits:
    """Sleeps that take no time but are written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def outcome(emulator, waits, run, question):
    def get(*, policy=PATIENT, timeout_s=300.0, request=None, client=None, **more):
        settings = ClientSettings(
            base_url=emulator.url, **{"ttft_timeout_s": 2.0, "idle_timeout_s": 2.0, **more}
        )
        asked = client or open_openai("echo", settings)
        retrying = Retrying(
            asked,
            policy,
            limiter=AdaptiveLimiter(8),
            rng=np.random.default_rng(7),
            timeout_s=timeout_s,
            pace=Pace(sleep=waits.sleep),
        )

        async def ask():
            try:
                return await retrying.ask(request or question("hi there"))
            finally:
                await asked.close()

        return run(ask)

    return get


@pytest.mark.parametrize("name", TRANSIENT)
def test_a_passing_fault_loses_no_answer(fault, outcome, name):
    fault(name, times=2)
    stream = "on" if FAULTS[name].when == "stream" else "off"
    got = outcome(stream=stream)
    assert isinstance(got, Answered)
    assert got.completion.text == "hi there"
    kind = FAULTS[name].expect
    assert [kind, kind, None] == [attempt.error for attempt in got.attempts]
    assert got.attempts[-1].billed == "yes"


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("throttle_int", 1.0, 1.1),
        ("throttle_float", 0.25, 0.275),
        ("throttle_date", 0.5, 2.2),
        ("throttle_zero", 0.0, 0.0),
        ("throttle_long", 120.0, 132.0),
        ("throttle_ms", 0.15, 0.165),
        ("throttle_reset", 0.4, 0.44),
        ("throttle_dynamic", 0.1, 0.11),
        ("throttle_bare", 0.0, 0.5),
    ],
)
def test_the_wait_that_the_server_asks_for_is_kept(fault, outcome, waits, name, low, high):
    fault(name, times=1)
    got = outcome()
    assert isinstance(got, Answered)
    assert len(waits.slept) == 1
    assert low <= waits.slept[0] <= high
    assert got.attempts[1].wait_s == waits.slept[0]


def test_a_wait_past_the_deadline_is_not_begun(fault, outcome, waits):
    fault("throttle_long")
    got = outcome(timeout_s=60.0)
    assert (got.kind, len(got.attempts), waits.slept) == ("throttle", 1, [])
    assert "120 s" in got.detail


def test_waits_grow_with_full_jitter_up_to_the_cap(fault, outcome, waits):
    fault("error_500")
    policy = RetryPolicy(max_throttled=10, base_s=1.0, cap_s=8.0)
    got = outcome(policy=policy)
    assert (got.kind, len(got.attempts)) == ("overload", 10)
    for number, wait_s in enumerate(waits.slept):
        assert 0 <= wait_s <= min(8.0, 2.0**number)
    assert len(set(waits.slept)) == 9


def test_faults_of_the_connection_have_fewer_tries_than_throttles(fault, outcome):
    fault("reset_after")
    policy = RetryPolicy(max_attempts=3, max_throttled=9)
    assert len(outcome(policy=policy).attempts) == 3
    fault("throttle_zero")
    assert len(outcome(policy=policy).attempts) == 9


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.retry == "never"])
def test_what_would_fail_again_is_asked_once(fault, outcome, emulator, name):
    fault(name)
    got = outcome()
    assert isinstance(got, Failed)
    assert (FAULTS[name].expect, 1) == (got.kind, len(got.attempts))
    assert emulator.state()["requests"] == 1


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.retry == "stop"])
def test_what_no_request_can_mend_leaves_at_once(fault, outcome, emulator, name):
    fault(name)
    with pytest.raises(Fatal) as stopped:
        outcome()
    assert stopped.value.mend
    assert emulator.state()["requests"] == 1


def test_the_deadline_covers_all_attempts(fault, outcome):
    fault("hang")
    got = outcome(timeout_s=0.5, ttft_timeout_s=0.2, policy=RetryPolicy(base_s=1e-6))
    assert got.kind == "timeout"
    assert 2 <= len(got.attempts) <= 3
    assert sum(attempt.latency_s for attempt in got.attempts) < 2
    assert all(attempt.billed == "unknown" for attempt in got.attempts)


def test_every_attempt_says_what_is_known_of_it(fault, outcome):
    fault("null_content", times=1)
    first, second = outcome().attempts
    assert (
        first.status, first.error, first.billed, first.usage.completion_tokens
    ) == (200, "empty", "yes", 2)  # fmt: skip
    assert (second.status, second.error, second.billed) == (200, None, "yes")
    assert first.started_at.endswith("+00:00")
    assert first.started_at <= second.started_at


def test_refusals_were_not_billed_and_broken_connections_may_have_been(fault, outcome):
    fault("overload_503", times=1)
    assert [attempt.billed for attempt in outcome().attempts] == ["no", "yes"]
    fault("reset_after", times=1)
    assert [attempt.billed for attempt in outcome().attempts] == ["unknown", "yes"]


def test_the_time_of_a_first_token_is_kept_for_broken_streams(fault, outcome):
    fault("stream_no_end", times=1)
    first = outcome(stream="on").attempts[0]
    assert (first.error, first.ttft_s > 0) == ("truncated_stream", True)


def test_a_server_that_was_never_reached_stops_the_run(outcome, client_at):
    client = client_at("http://127.0.0.1:9")
    with pytest.raises(Fatal, match="cannot be reached"):
        outcome(client=client, policy=RetryPolicy(max_attempts=2))


def test_a_server_that_goes_away_fails_samples_only(emulator, outcome, run, question):
    # The first answer proves that the address is right; what follows are failures of samples.
    asked = open_openai("echo", ClientSettings(base_url=emulator.url))
    retrying = Retrying(
        asked,
        RetryPolicy(max_attempts=2, base_s=0.001),
        limiter=AdaptiveLimiter(8),
        rng=np.random.default_rng(7),
    )

    async def both():
        first = await retrying.ask(question("a"))
        emulator.set_plan(Plan(rules=(FaultRule(faults=("reset_before",), times=None),)))
        second = await retrying.ask(question("b"))
        await asked.close()
        return first, second

    first, second = run(both)
    assert isinstance(first, Answered)
    assert second.kind == "connection"


class Broken:
    """A plug-in with a bug, or one that raises an error of ours."""

    identity = Identity(provider="broken", model="m")
    capabilities = Capabilities()
    limits = Limits()

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def complete(self, request):
        raise self.error

    async def close(self):
        pass


def test_a_plug_ins_bug_is_one_samples_failure(outcome):
    got = outcome(client=Broken(KeyError("choices")))
    assert (got.kind, len(got.attempts)) == ("unknown", 1)
    assert "KeyError" in got.detail


@pytest.mark.parametrize(
    "error", [BudgetExceeded("no money"), MissingExtra("torch", extra="local", needed_for="hf")]
)
def test_errors_that_are_no_clients_leave(outcome, error):
    with pytest.raises(type(error)):
        outcome(client=Broken(error))


def test_a_scripted_failure_keeps_its_kind(outcome):
    client = open_scripted("fail?kind=refusal", ClientSettings())
    assert outcome(client=client).kind == "refusal"


def test_cancelling_gives_the_slot_back(fault, emulator, run, question):
    fault("hang")
    limiter = AdaptiveLimiter(2)
    client = open_openai("echo", ClientSettings(base_url=emulator.url))
    retrying = Retrying(client, RetryPolicy(), limiter=limiter, rng=np.random.default_rng(0))

    async def cancel():
        task = asyncio.create_task(retrying.ask(question("x")))
        await asyncio.sleep(0.1)
        held = limiter.in_flight
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
        return held, limiter.in_flight

    assert run(cancel) == (1, 0)


def test_the_same_seed_waits_the_same(fault, outcome, waits):
    fault("error_500", times=3)
    outcome()
    first = list(waits.slept)
    waits.slept.clear()
    fault("error_500", times=3)
    outcome()
    assert first == waits.slept
