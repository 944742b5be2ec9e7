"""A loopback server that misbehaves on a plan, and short ways to ask it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from evalharness.clients.openai_http import OpenAIClient, open_openai
from evalharness.clients.settings import ClientSettings
from evalharness.records import Completion, Message, Request, Sampling
from evalharness.testing.emulator import Emulator, FaultRule, Plan, serve


@pytest.fixture(scope="session")
def server() -> Iterator[Emulator]:
    with serve() as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Emulator) -> Emulator:
    server.set_plan(Plan())
    return server


@pytest.fixture
def fault(emulator: Emulator) -> Callable[..., None]:
    def plan(*names: str, times: int | None = None, **more: Any) -> None:
        rule = FaultRule(faults=names, times=times)
        emulator.set_plan(Plan(rules=(rule,), hang_s=5.0, **more))

    return plan


@pytest.fixture
def settings(emulator: Emulator) -> ClientSettings:
    return ClientSettings(
        base_url=emulator.root, ttft_timeout_s=2.0, idle_timeout_s=2.0, session="sitting-1"
    )


@pytest.fixture
def question() -> Callable[..., Request]:
    return make_question


def make_question(
    text: str = "What is the capital of France?", *, sample_id: str = "q1", **more: Any
) -> Request:
    messages = more.pop("messages", (Message(role="user", content=text),))
    sampling = more.pop("sampling", Sampling(max_tokens=64))
    key = hashlib.sha256(repr((messages, sampling, more)).encode()).hexdigest()[:32]
    return Request(
        key=more.pop("key", key), sample_id=sample_id, messages=messages, sampling=sampling, **more
    )


def asking(client: OpenAIClient, request: Request) -> Completion:
    """One question, and the client closed behind it."""

    async def ask() -> Completion:
        try:
            return await client.complete(request)
        finally:
            await client.close()

    return asyncio.run(ask())


def in_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine function in a loop of its own."""

    async def run() -> Any:
        return await work()

    return asyncio.run(run())


@pytest.fixture
def ask() -> Callable[[OpenAIClient, Request], Completion]:
    return asking


@pytest.fixture
def run() -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    return in_loop


@pytest.fixture
def client_at() -> Callable[..., OpenAIClient]:
    def make(url: str, model: str = "echo", **more: Any) -> OpenAIClient:
        times = {"ttft_timeout_s": 2.0, "idle_timeout_s": 2.0}
        return open_openai(model, ClientSettings(base_url=url, **{**times, **more}))

    return make
