"""--max-cost: stops before it is exceeded, whatever happens in flight."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.budget import Budget, BudgetedClient, most_usd
from evalharness.clients.calls import NOT_BILLED, transient
from evalharness.clients.settings import ClientSettings
from evalharness.clients.stack import Shared, build_asker, open_client
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import BudgetExceeded, UsageError
from evalharness.records import Answered, Completion, Message, Sampling, ToolCall
from evalharness.spec.suite import PriceSpec
from evalharness.testing.emulator import FaultRule, LatencyPlan, Plan

PRICE = PriceSpec(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=2.0)


class Costly:
    """Costs what it is told, after a moment."""

    identity = Identity(provider="costly", model="m")
    capabilities = Capabilities()
    limits = Limits()

    def __init__(self, costs):
        self.costs = iter(costs)
        self.asked = 0

    async def complete(self, request):
        self.asked += 1
        await asyncio.sleep(0)
        cost = next(self.costs)
        if cost is None:
            raise transient("connection", "broke")
        if cost == "refused":
            raise transient("throttle", "no", NOT_BILLED)
        return Completion(text="x", cost_usd=cost)

    async def close(self):
        pass


def spend(costs, *, max_usd, most=1.0, together=1):
    budget = Budget(max_usd)
    client = BudgetedClient(Costly(costs), budget, lambda _: most)
    stopped = []

    async def worker(count):
        for _ in range(count):
            try:
                await client.complete(None)
            except BudgetExceeded as error:
                stopped.append(error)
                return
            except Exception:  # noqa: BLE001  # the failure is the point
                continue

    async def all_of_them():
        await asyncio.gather(*(worker(len(costs) // together) for _ in range(together)))

    asyncio.run(all_of_them())
    return budget, client._client.asked, stopped


def test_it_stops_before_the_request_that_could_exceed_it():
    budget, asked, stopped = spend([0.4] * 10, max_usd=3.0)
    assert (asked, len(stopped)) == (6, 1)
    assert budget.spent_usd == pytest.approx(2.4)
    assert "--max-cost 3" in str(stopped[0])


def test_a_refused_attempt_costs_nothing_and_a_broken_one_its_most():
    budget, asked, _ = spend(["refused"] * 5, max_usd=1.0)
    assert (asked, budget.spent_usd) == (5, 0.0)
    budget, asked, stopped = spend([None] * 5, max_usd=3.0)
    assert (asked, budget.spent_usd, len(stopped)) == (3, 3.0, 1)


def test_requests_wait_for_answers_in_flight_before_they_give_up():
    budget, asked, stopped = spend([0.1] * 16, max_usd=2.0, together=8)
    assert asked == 11
    assert budget.spent_usd == pytest.approx(1.1)
    assert len(stopped) == 8 or budget.spent_usd + 1.0 > 2.0


@given(
    st.lists(st.floats(0, 1) | st.none() | st.just("refused"), max_size=24),
    st.floats(0, 8),
    st.integers(1, 6),
)
def test_it_is_never_exceeded(costs, max_usd, together):
    budget, _, _ = spend(costs, max_usd=max_usd, together=together)
    assert budget.spent_usd <= max_usd + 1e-9
    assert budget.reserved_usd == 0.0


def test_once_it_stopped_everyone_is_stopped():
    async def stop():
        budget = Budget(1.0)
        with pytest.raises(BudgetExceeded):
            await budget.reserve(2.0)
        with pytest.raises(BudgetExceeded):
            await budget.reserve(0.0)

    asyncio.run(stop())


def test_a_budget_of_nothing_asks_nothing():
    _, asked, stopped = spend([0.1], max_usd=0.0)
    assert (asked, len(stopped)) == (0, 1)


def test_the_most_a_request_can_cost_bounds_tokens_by_bytes(question):
    request = question("12345", sampling=Sampling(max_tokens=10))
    assert most_usd(request, PRICE) == pytest.approx((16 + 5 + 20) / 1e6)
    scored = question("12345", kind="score", continuation="abc", sampling=Sampling())
    assert most_usd(scored, PRICE) == pytest.approx((16 + 5 + 3 + 2) / 1e6)


@given(st.text(max_size=50), st.integers(1, 100))
def test_more_text_never_costs_less(text, limit):
    def most(content, tokens):
        messages = (Message(role="user", content=content),)
        from evalharness.records import Request

        request = Request(
            key="0" * 32, sample_id="q", messages=messages, sampling=Sampling(max_tokens=tokens)
        )
        return most_usd(request, PRICE)

    assert most(text, limit) <= most(text + "x", limit) <= most(text + "x", limit + 1)


def test_tools_and_tool_calls_count(question):
    call = Message(role="assistant", tool_calls=(ToolCall(name="f", arguments="{}"),))
    plain = question("x")
    with_tools = question(
        messages=(*plain.messages, call), tools=({"type": "function"},), sampling=plain.sampling
    )
    assert most_usd(with_tools, PRICE) > most_usd(plain, PRICE)


def test_an_answer_without_bound_is_refused(question):
    with pytest.raises(UsageError, match="max_tokens"):
        most_usd(question(sampling=Sampling()), PRICE)


def test_an_unknown_price_is_refused_for_a_provider_that_bills():
    settings = ClientSettings(base_url="https://api.example.com", max_cost_usd=1.0)
    with pytest.raises(UsageError, match="price of openai/some-model is not known"):
        build_asker(open_client("openai", "some-model", settings), settings)


def test_a_local_server_needs_no_price(emulator, settings):
    from dataclasses import replace

    free = replace(settings, max_cost_usd=1.0)
    assert build_asker(open_client("openai", "echo", free), free)


@pytest.mark.parametrize("max_usd", [0.0004, 0.002])
def test_a_run_with_faults_stays_below_its_limit_by_the_servers_own_count(
    emulator, run, question, max_usd
):
    rule = FaultRule(faults=("reset_after", "null_content", "error_500"), share=0.3)
    emulator.set_plan(Plan(rules=(rule,), latency=LatencyPlan(ttft_s=0.001)))
    # A public name makes the client bill; the proxy leads it to the emulator.
    settings = ClientSettings(
        base_url="http://api.example.com",
        environment={"HTTP_PROXY": emulator.root},
        price=PRICE,
        max_cost_usd=max_usd,
    )
    shared = Shared()
    asker = build_asker(open_client("openai", "echo", settings), settings, shared=shared)
    outcomes = []

    async def worker(numbers):
        for number in numbers:
            try:
                outcomes.append(await asker.ask(question(f"question {number}")))
            except BudgetExceeded:
                return

    async def all_of_them():
        numbers = iter(range(400))
        await asyncio.gather(*(worker(numbers) for _ in range(8)))
        await asker.close()

    run(all_of_them)
    state = emulator.state()
    billed_usd = (state["billed_prompt_tokens"] + 2 * state["billed_completion_tokens"]) / 1e6
    assert billed_usd <= shared.budget.spent_usd + 1e-12
    assert shared.budget.spent_usd <= max_usd
    assert any(isinstance(outcome, Answered) for outcome in outcomes)
    assert len(outcomes) < 400
