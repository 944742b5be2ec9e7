"""A client in all its wrappers: what a run asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest

from evalharness.cli.options import cache_folder
from evalharness.clients.openai_http import open_openai
from evalharness.clients.settings import ClientSettings, RetryPolicy
from evalharness.clients.stack import Shared, build_asker, open_client
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import SpecError
from evalharness.records import Answered, Failed
from evalharness.spec.suite import PriceSpec
from evalharness.testing.emulator import FaultRule, LatencyPlan, LimitPlan, Plan
from evalharness.testing.emulator.faults import FAULTS

PRICE = PriceSpec(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=2.0)
QUICK = RetryPolicy(max_attempts=6, base_s=0.002, cap_s=0.01)
SLOW_TO_REPEAT = {"hang", "slow_headers", "stream_stall", "stream_open_after_done", "throttle_long",
                  "throttle_int", "throttle_date"}  # fmt: skip


def ask_all(asker, requests, *, workers=32):
    outcomes = {}

    async def worker(work):
        for request in work:
            outcomes[request.sample_id] = await asker.ask(request)

    async def all_of_them():
        work = iter(requests)
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker(work))
        await asker.close()

    asyncio.run(all_of_them())
    return outcomes


def requests_of(question, count, **more):
    return [question(f"question {n}", sample_id=f"q{n}", **more) for n in range(count)]


@pytest.mark.parametrize("stream", ["on", "off"])
def test_a_mix_of_all_passing_faults_loses_nothing_and_the_bill_agrees(
    emulator, settings, question, stream
):
    passing = tuple(
        name
        for name, fault in FAULTS.items()
        if (fault.retry == "again" or fault.expect is None) and name not in SLOW_TO_REPEAT
    )
    rule = FaultRule(faults=passing, share=0.2, times=1)
    emulator.set_plan(Plan(rules=(rule,), latency=LatencyPlan(ttft_s=0.002)))
    mixed = replace(settings, stream=stream, retry=QUICK, price=PRICE)
    asker = build_asker(open_openai("echo", mixed), mixed)
    requests = requests_of(question, 600)
    outcomes = ask_all(asker, requests)
    assert len(outcomes) == 600
    for request in requests:
        outcome = outcomes[request.sample_id]
        assert isinstance(outcome, Answered), outcome
        assert outcome.completion.text == request.messages[0].content
    state = emulator.state()
    assert 0 == state["answered_twice"]
    assert sum(state["faults"].values()) > 70
    attempts = [attempt for outcome in outcomes.values() for attempt in outcome.attempts]
    assert state["requests"] == len(attempts)
    billed = [attempt.billed for attempt in attempts]
    assert billed.count("yes") <= state["billed_requests"]
    assert state["billed_requests"] <= billed.count("yes") + billed.count("unknown")


@pytest.mark.parametrize("stream", ["on", "off"])
def test_a_mix_of_lasting_faults_gives_each_sample_one_outcome_of_its_kind(
    emulator, settings, question, stream
):
    lasting = tuple(
        name
        for name, fault in FAULTS.items()
        if fault.retry != "stop" and name not in SLOW_TO_REPEAT
    )
    emulator.set_plan(Plan(rules=(FaultRule(faults=lasting, share=0.2, times=None),)))
    quick = RetryPolicy(max_attempts=2, max_throttled=2, base_s=0.001, cap_s=0.001)
    mixed = replace(settings, stream=stream, retry=quick)
    requests = requests_of(question, 400)
    outcomes = ask_all(build_asker(open_openai("echo", mixed), mixed), requests)
    assert len(outcomes) == 400
    failed = [outcome for outcome in outcomes.values() if isinstance(outcome, Failed)]
    expected = {FAULTS[name].expect for name in emulator.state()["faults"]} - {None}
    assert expected >= {outcome.kind for outcome in failed}
    assert len({outcome.kind for outcome in failed}) >= 8
    for request in requests:
        outcome = outcomes[request.sample_id]
        if isinstance(outcome, Answered):
            assert outcome.completion.text == request.messages[0].content


def test_a_rate_limit_is_lived_with(emulator, settings, question):
    limits = LimitPlan(rate_per_s=400.0, burst=10.0, max_in_flight=8)
    emulator.set_plan(Plan(limits=limits, latency=LatencyPlan(ttft_s=0.005)))
    patient = replace(settings, retry=RetryPolicy(max_throttled=100, base_s=0.01, cap_s=0.2))
    asker = build_asker(open_openai("echo", patient), patient)
    outcomes = ask_all(asker, requests_of(question, 300), workers=64)
    assert all(isinstance(outcome, Answered) for outcome in outcomes.values())
    state = emulator.state()
    assert state["throttled"] > 0
    # Feeling its way, the limiter loses far fewer requests than 64 workers would.
    assert state["throttled"] < 300
    assert state["answered"] == 300


def test_what_was_answered_once_is_never_asked_again(emulator, settings, question, tmp_path):
    cached = replace(settings, cache_dir=tmp_path / "responses", price=PRICE)
    requests = requests_of(question, 50)
    first = ask_all(build_asker(open_openai("echo", cached), cached), requests)
    emulator.set_plan(Plan())
    again = ask_all(build_asker(open_openai("echo", cached), cached), requests)
    assert emulator.state()["requests"] == 0
    for sample_id, outcome in again.items():
        assert outcome.completion.text == first[sample_id].completion.text
        assert outcome.completion.cost_usd == first[sample_id].completion.cost_usd
        assert (
            outcome.completion.provenance.source, outcome.completion.provenance.session
        ) == ("cached", "sitting-1")  # fmt: skip
        assert outcome.attempts == ()


def test_an_answer_that_was_kept_before_its_price_was_known_is_priced(settings, question, tmp_path):
    cached = replace(settings, cache_dir=tmp_path / "responses")
    (request,) = requests_of(question, 1)
    costs = []
    for price in (None, PRICE, None):
        now = replace(cached, price=price)
        outcome = ask_all(build_asker(open_openai("echo", now), now), [request])["q0"]
        costs.append(outcome.completion.cost_usd)
    usage = outcome.completion.usage
    expected = (usage.prompt_tokens + 2.0 * usage.completion_tokens) / 1e6
    assert [None, pytest.approx(expected), None] == costs


def test_failures_are_not_kept(emulator, settings, question, tmp_path, fault):
    cached = replace(settings, cache_dir=tmp_path / "responses", retry=QUICK)
    fault("refusal_field")
    first = ask_all(build_asker(open_openai("echo", cached), cached), requests_of(question, 3))
    assert all(isinstance(outcome, Failed) for outcome in first.values())
    emulator.set_plan(Plan())
    again = ask_all(build_asker(open_openai("echo", cached), cached), requests_of(question, 3))
    assert all(isinstance(outcome, Answered) for outcome in again.values())


def test_another_key_is_another_question(emulator, settings, question, tmp_path):
    cached = replace(settings, cache_dir=tmp_path / "responses")
    for repeat in range(2):
        requests = requests_of(question, 5, repeat=repeat)
        ask_all(build_asker(open_openai("echo", cached), cached), requests)
    assert emulator.state()["requests"] == 10


def test_batches_are_cached_and_keep_their_order(tmp_path, question, run):
    script = tmp_path / "script.json"
    script.write_text('{"q0": "zero", "q1": {"fail": "refusal"}, "*": "else"}')
    settings = ClientSettings(cache_dir=tmp_path / "responses")

    class Remembered:
        """A scripted client whose answers are worth keeping."""

        def __init__(self) -> None:
            self.inner = open_client("scripted", str(script), settings)
            self.identity = Identity(provider="slow", model="m")
            self.capabilities = Capabilities()
            self.limits = Limits(batch_size=8)
            self.seen = 0

        async def complete(self, request):
            return await self.inner.complete(request)

        async def complete_batch(self, requests):
            self.seen += len(requests)
            return await self.inner.complete_batch(requests)

        async def close(self):
            await self.inner.close()

    requests = requests_of(question, 4)
    seen = []
    for _ in range(2):
        client = Remembered()
        asker = build_asker(client, settings)
        assert asker.batch_size == 8
        outcomes = run(lambda asker=asker: asker.ask_batch(requests))
        assert [
            outcome.kind if isinstance(outcome, Failed) else outcome.completion.text
            for outcome in outcomes
        ] == ["zero", "refusal", "else", "else"]
        seen.append(client.seen)
    assert seen == [4, 1]


class Short:
    identity = Identity(provider="short", model="m")
    capabilities = Capabilities()
    limits = Limits(batch_size=4)

    async def complete(self, request):
        raise AssertionError

    async def complete_batch(self, requests):
        return []

    async def close(self):
        pass


def test_a_batch_client_that_loses_outcomes_fails_them(question, run):
    asker = build_asker(Short(), ClientSettings())
    outcomes = run(lambda: asker.ask_batch(requests_of(question, 3)))
    assert [outcome.kind for outcome in outcomes] == ["malformed"] * 3


def test_a_client_without_batches_is_not_asked_for_them(emulator, settings, question, run):
    asker = build_asker(open_openai("echo", settings), settings)
    assert (asker.batch_size, asker.connections) == (1, 64)
    with pytest.raises(SpecError):
        run(lambda: asker.ask_batch([question()]))


def test_a_recording_and_a_script_are_never_cached(tmp_path, question, run):
    settings = ClientSettings(cache_dir=tmp_path / "responses")
    asker = build_asker(open_client("scripted", "echo", settings), settings)
    assert isinstance(run(lambda: asker.ask(question("x"))), Answered)
    assert not (tmp_path / "responses").exists()


def test_arms_of_one_command_share_limiter_and_budget(emulator, settings):
    shared = Shared()
    limited = replace(settings, max_cost_usd=1.0, price=PRICE)
    for _ in range(2):
        build_asker(open_openai("echo", limited), limited, shared=shared)
    assert shared.budget.max_usd == 1.0
    assert len(shared.limiters._by_name) == 1


def test_an_unknown_provider_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'openai'"):
        open_client("opnai", "m", ClientSettings())


def test_the_cache_lies_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALHARNESS_CACHE_DIR", str(tmp_path))
    assert tmp_path == cache_folder()
    monkeypatch.delenv("EVALHARNESS_CACHE_DIR")
    assert "evalharness" in str(cache_folder())


def test_the_same_options_may_stand_in_a_baseline_file(emulator, run, question):
    options = {"base_url": emulator.root, "stream": True, "timeout_s": 9, "max_connections": 3}
    settings = ClientSettings(options=options)
    asker = build_asker(open_client("openai", "echo", settings), settings)
    assert asker.connections == 3
    outcome = run(lambda: asker.ask(question("a b")))
    assert outcome.completion.ttft_s is not None
    run(asker.close)


def test_opening_a_client_imports_no_transport():
    program = (
        "import sys\n"
        "from evalharness.clients.settings import ClientSettings\n"
        "from evalharness.clients.stack import open_client\n"
        "open_client('openai', 'm', ClientSettings(base_url='http://localhost:1'))\n"
        "print([name for name in ('aiohttp', 'numpy', 'yaml', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
