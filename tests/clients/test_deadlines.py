"""Time limits on one timer: they end what runs too long, exactly as asyncio's own would."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.deadlines import Deadlines
from evalharness.clients.moments import utc_text


async def timed(deadlines, seconds, work_s):
    """Whether the work came to its end, and when that was known."""
    started = time.monotonic()
    try:
        with deadlines.within(seconds):
            await asyncio.sleep(work_s)
    except TimeoutError:
        return "late", time.monotonic() - started
    return "in time", time.monotonic() - started


def test_each_call_is_ended_at_its_own_time_whatever_the_order():
    async def run():
        deadlines = Deadlines()
        return await asyncio.gather(
            timed(deadlines, 5.0, 0.01),
            timed(deadlines, 0.2, 5.0),
            timed(deadlines, 0.05, 5.0),
            timed(deadlines, 0.1, 0.0),
        )

    found = asyncio.run(run())
    assert ["in time", "late", "late", "in time"] == [what for what, _ in found]
    assert 0.05 <= found[2][1] < found[1][1] < 2


def test_no_time_at_all_ends_at_the_first_wait():
    assert "late" == asyncio.run(timed(Deadlines(), 0.0, 1.0))[0]
    assert "late" == asyncio.run(timed(Deadlines(), -3.0, 1.0))[0]


def test_limits_go_on_in_the_next_event_loop():
    deadlines = Deadlines()
    for _ in range(2):
        assert "in time" == asyncio.run(timed(deadlines, 60.0, 0.0))[0]
        assert "late" == asyncio.run(timed(deadlines, 0.02, 1.0))[0]


def test_a_cancellation_from_outside_stays_one():
    async def run():
        task = asyncio.create_task(timed(Deadlines(), 60.0, 60.0))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_a_cancellation_at_the_moment_of_the_deadline_is_heard_too():
    async def run():
        task = asyncio.create_task(timed(Deadlines(), 0.0, 60.0))
        asyncio.get_running_loop().call_later(0.0, task.cancel)
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_another_error_than_the_deadline_goes_through():
    async def run():
        with Deadlines().within(1.0):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        asyncio.run(run())


@given(st.integers(0, 4_000_000_000_000))
def test_a_moment_is_written_as_datetime_writes_it(millis):
    said = datetime.fromtimestamp(millis // 1000, UTC).replace(microsecond=millis % 1000 * 1000)
    assert said.isoformat(timespec="milliseconds") == utc_text((millis + 0.5) / 1000)
