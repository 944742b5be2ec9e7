"""How many requests are in flight."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.limiter import FIRST_LIMIT, AdaptiveLimiter, Limiters


def test_it_starts_with_few_and_doubles_each_window():
    limiter = AdaptiveLimiter(256, first=4)
    for _ in range(4):
        limiter.succeeded()
    assert limiter.limit == 8
    for _ in range(300):
        limiter.succeeded()
    assert limiter.limit == 256


def test_it_never_starts_above_what_is_allowed():
    assert AdaptiveLimiter(3).limit == 3
    assert AdaptiveLimiter(10_000).limit == FIRST_LIMIT


def test_one_window_of_refusals_is_one_decrease(run):
    limiter = AdaptiveLimiter(64, first=40)

    async def refuse_all():
        tickets = [await limiter.acquire() for _ in range(40)]
        for ticket in tickets:
            limiter.refused(ticket)
            limiter.release()
        return limiter.limit

    assert run(refuse_all) == 28


def test_a_refusal_of_a_later_window_decreases_again(run):
    limiter = AdaptiveLimiter(64, first=40)

    async def two_windows():
        for _ in range(2):
            ticket = await limiter.acquire()
            limiter.refused(ticket)
            limiter.release()
        return limiter.limit

    assert run(two_windows) < 20


def test_after_a_refusal_it_recovers_one_by_one(run):
    limiter = AdaptiveLimiter(64, first=10)

    async def refuse():
        limiter.refused(await limiter.acquire())
        limiter.release()

    run(refuse)
    low = limiter.limit
    for _ in range(int(low) + 1):
        limiter.succeeded()
    assert low + 0.5 < limiter.limit < low + 2


def test_it_never_goes_below_one(run):
    limiter = AdaptiveLimiter(4)

    async def refuse_often():
        for _ in range(50):
            limiter.refused(await limiter.acquire())
            limiter.release()

    run(refuse_often)
    assert limiter.limit == 1


def test_those_who_wait_go_in_order(run):
    limiter = AdaptiveLimiter(1)
    order = []

    async def use(number):
        await limiter.acquire()
        order.append(number)
        await asyncio.sleep(0)
        limiter.release()

    async def all_of_them():
        await asyncio.gather(*(use(number) for number in range(20)))

    run(all_of_them)
    assert order == list(range(20))
    assert limiter.in_flight == 0


def test_one_who_gives_up_waiting_takes_no_slot(run):
    limiter = AdaptiveLimiter(1)

    async def give_up():
        await limiter.acquire()
        waiting = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # while it waits
        limiter.release()
        waiting[1].cancel()  # when it has been given its slot, but does not know yet
        ends = await asyncio.gather(*waiting[:2], return_exceptions=True)
        await asyncio.wait_for(waiting[2], 10)
        limiter.release()
        return [type(end) for end in ends], limiter.in_flight

    assert ([asyncio.CancelledError] * 2, 0) == run(give_up)


@given(st.integers(1, 9), st.lists(st.sampled_from(["ok", "refused", "cancelled"]), max_size=60))
def test_there_are_never_more_in_flight_than_allowed(most, fates):
    limiter = AdaptiveLimiter(most)
    peak = []

    async def call(fate):
        ticket = await limiter.acquire()
        try:
            peak.append(limiter.in_flight)
            assert limiter.in_flight <= most
            await asyncio.sleep(0)
            if fate == "ok":
                limiter.succeeded()
            elif fate == "refused":
                limiter.refused(ticket)
        finally:
            limiter.release()

    async def all_of_them():
        tasks = [asyncio.create_task(call(fate)) for fate in fates]
        await asyncio.sleep(0)
        for task, fate in zip(tasks, fates, strict=True):
            if fate == "cancelled":
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(all_of_them())
    assert limiter.in_flight == 0
    assert 1 <= limiter.limit <= most


def test_arms_of_one_model_share_a_limiter():
    limiters = Limiters()
    first = limiters.of("http://a", "m", 8)
    assert first is limiters.of("http://a", "m", 8)
    assert first is not limiters.of("http://a", "other", 8)
    assert first is not limiters.of("http://b", "m", 8)
