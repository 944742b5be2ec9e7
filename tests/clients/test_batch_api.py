"""Batches: submitted once, followed to their end, every line accounted for."""

from __future__ import annotations

import asyncio

import pytest

from evalharness.clients.batch_api import BatchApiClient
from evalharness.clients.openai_http import open_openai
from evalharness.clients.settings import ClientSettings
from evalharness.clients.stack import Shared, build_asker
from evalharness.clients.together import open_together
from evalharness.errors import BudgetExceeded, Fatal
from evalharness.records import Answered, Failed, Sampling
from evalharness.spec.suite import PriceSpec
from evalharness.testing import check_client
from evalharness.testing.emulator import FaultRule, Plan

PRICE = PriceSpec(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=2.0)


@pytest.fixture
def looks():
    return []


@pytest.fixture
def client(emulator, tmp_path, looks):
    def make(provider="openai", **more):
        settings = ClientSettings(
            base_url=emulator.root,
            environment={"TOGETHER_API_KEY": "k"},
            options={"mode": "batch"},
            session="s",
            cache_dir=tmp_path / "cache" / "responses",
            price=PRICE,
            **more,
        )
        opener = open_openai if provider == "openai" else open_together
        opened = opener("echo", settings)

        async def sleep(seconds):
            looks.append(seconds)

        opened._sleep = opened._rest._sleep = sleep  # no test waits for half a minute
        return opened

    return make


@pytest.fixture
def batch(run):
    def get(client, requests):
        async def ask():
            try:
                return await client.complete_batch(requests)
            finally:
                await client.close()

        return run(ask)

    return get


@pytest.fixture
def requests(question):
    return [question(f"question {number}", sample_id=f"q{number}") for number in range(20)]


@pytest.mark.parametrize("provider", ["openai", "together"])
def test_every_question_gets_its_own_answer_at_half_the_price(
    emulator, client, batch, requests, provider, looks
):
    emulator.set_plan(Plan(dialect=provider))
    outcomes = batch(client(provider), requests)
    for request, outcome in zip(requests, outcomes, strict=True):
        completion = outcome.completion
        assert request.messages[0].content == completion.text
        usage = completion.usage
        whole = (usage.prompt_tokens + 2 * usage.completion_tokens) / 1e6
        assert completion.cost_usd == pytest.approx(whole / 2)
        assert completion.latency_s is None
        assert "live" == completion.provenance.source
    assert [30.0] == looks
    assert 20 == emulator.state()["answered"]


def test_lines_that_are_refused_fail_with_their_kind(emulator, client, batch, requests):
    rules = (
        FaultRule(faults=("context_400",), match="question 3", times=None),
        FaultRule(faults=("filter_400",), match="question 5", times=None),
        FaultRule(faults=("error_500",), match="question 7", times=None),
    )
    emulator.set_plan(Plan(rules=rules))
    outcomes = batch(client(), requests)
    kinds = {n: o.kind for n, o in enumerate(outcomes) if isinstance(o, Failed)}
    assert {3: "context_overflow", 5: "content_filter", 7: "overload"} == kinds


def test_what_cannot_be_in_a_batch_fails_alone(client, batch, question):
    requests = [
        question("a", kind="score", continuation="b"),
        question("lone \ud800"),
        question("fine"),
    ]
    outcomes = batch(client(), requests)
    assert ["unsupported", "bad_request"] == [outcome.kind for outcome in outcomes[:2]]
    assert "fine" == outcomes[2].completion.text


def test_a_batch_of_nothing_asks_nothing(emulator, client, batch, question):
    assert batch(client(), []) == []
    assert ["unsupported"] == [
        outcome.kind for outcome in batch(client(), [question("a", kind="score", continuation="b")])
    ]
    assert {} == emulator.jobs.batches


def test_a_run_that_was_killed_follows_its_batch_instead_of_paying_again(
    emulator, client, batch, requests
):
    killed = client()

    async def die(_):
        raise KeyboardInterrupt

    killed._sleep = die
    with pytest.raises(KeyboardInterrupt):
        batch(killed, requests)
    outcomes = batch(client(), requests)
    assert all(isinstance(outcome, Answered) for outcome in outcomes)
    assert 1 == len(emulator.jobs.batches)
    assert 20 == emulator.state()["billed_requests"]


def test_other_questions_are_another_batch(emulator, client, batch, requests):
    batch(client(), requests)
    batch(client(), requests[:5])
    assert 2 == len(emulator.jobs.batches)


def test_a_batch_that_is_cancelled_leaves_the_rest_as_timeouts(emulator, client, batch, requests):
    emulator.set_plan(Plan(job_end="cancelled"))
    outcomes = batch(client(), requests)
    assert {"timeout"} == {outcome.kind for outcome in outcomes}
    emulator.ledger.plan = Plan()
    outcomes = batch(client(), requests)
    assert all(isinstance(outcome, Answered) for outcome in outcomes), "asked anew, not followed"


def test_what_an_expired_batch_left_is_asked_again_and_nothing_else(
    emulator, client, batch, requests
):
    emulator.set_plan(Plan(job_end="expired"))
    outcomes = batch(client(), requests)
    # 20 questions, half of them answered in each of three batches: 10, 5, 2, and 3 are left.
    assert (3, 17) == (len(emulator.jobs.batches), emulator.state()["billed_requests"])
    assert 0 == emulator.state()["asked_again"]
    left = [request for request, found in zip(requests, outcomes, strict=True)
            if not isinstance(found, Answered)]  # fmt: skip
    assert 3 == len(left)
    emulator.ledger.plan = Plan()
    assert all(isinstance(outcome, Answered) for outcome in batch(client(), left))
    assert 20 == emulator.state()["billed_requests"], "each was paid once"


def test_a_batch_that_is_refused_as_a_whole_stops_the_run(emulator, client, batch, requests):
    emulator.set_plan(Plan(job_end="failed"))
    with pytest.raises(Fatal, match="was refused"):
        batch(client(), requests)


def test_the_budget_covers_a_batch_before_it_is_sent(emulator, client, run, requests):
    public = client(max_cost_usd=0.0001)
    public.identity = type(public.identity)(
        provider="openai", model="echo", base_url="https://api.example.com/v1"
    )
    shared = Shared()
    settings = ClientSettings(price=PRICE, max_cost_usd=0.0001)
    asker = build_asker(public, settings, shared=shared)
    with pytest.raises(BudgetExceeded):
        run(lambda: asker.ask_batch(requests))
    assert {} == emulator.jobs.files
    enough = ClientSettings(price=PRICE, max_cost_usd=1.0)
    shared = Shared()
    asker = build_asker(public, enough, shared=shared)
    outcomes = run(lambda: asker.ask_batch(requests))
    cost = sum(outcome.completion.cost_usd for outcome in outcomes)
    assert shared.budget.spent_usd == pytest.approx(cost)


def test_a_batch_client_keeps_the_contract(client):
    check_client(client())


def test_a_server_that_is_not_there_is_tried_a_few_times(looks, question, run):
    settings = ClientSettings(base_url="http://127.0.0.1:9", options={"mode": "batch"})
    unreachable = open_openai("echo", settings)
    assert isinstance(unreachable, BatchApiClient)

    async def sleep(seconds):
        looks.append(seconds)

    unreachable._rest._sleep = sleep
    with pytest.raises(Fatal, match="cannot be reached"):
        run(lambda: unreachable.complete_batch([question("x")]))
    assert [1.0, 2.0, 4.0] == looks
    asyncio.run(unreachable.close())


def test_sampling_reaches_the_batch(client, batch, question):
    request = question("one two three", sampling=Sampling(max_tokens=2))
    completion = batch(client(), [request])[0].completion
    assert ("one two", "length") == (completion.text, completion.finish)
