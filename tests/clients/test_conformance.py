"""Every client against its contract, and every HTTP client against every fault by name."""

from __future__ import annotations

import contextlib
import json

import pytest

from evalharness.clients.openai_http import open_openai
from evalharness.clients.replay import open_replay
from evalharness.clients.scripted import open_scripted, scripted_client
from evalharness.clients.settings import ClientSettings
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import ClientError, Permanent
from evalharness.records import Answered, Completion
from evalharness.testing.client_kit import ask, check_client, check_http_client, check_http_load
from evalharness.testing.emulator.faults import FAULTS


def open_at(url: str, **more) -> object:
    settings = ClientSettings(base_url=url, ttft_timeout_s=1.0, idle_timeout_s=1.0, **more)
    return open_openai("echo", settings)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_taken_for_what_it_is_in_whole_answers(name):
    check_http_client(open_at, [name])


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_taken_for_what_it_is_in_streams(name):
    check_http_client(lambda url: open_at(url, stream="on"), [name])


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.when != "stream"])
def test_each_fault_is_taken_for_what_it_is_in_text_completions(name):
    check_http_client(lambda url: open_at(url, options={"api": "completions"}), [name])


def test_the_catalogue_of_faults_is_as_long_as_promised():
    assert len(FAULTS) >= 60


@pytest.mark.parametrize("model", ["echo", "reverse", "constant?text=42", "fail?kind=overload"])
def test_scripted_clients_keep_the_contract(model):
    check_client(open_scripted(model, ClientSettings()))


def test_a_recording_keeps_the_contract(tmp_path):
    path = tmp_path / "outputs.jsonl"
    path.write_text(json.dumps({"id": "q1", "output": "Paris"}) + "\n")
    check_client(open_replay(str(path), ClientSettings()))


def test_the_http_client_keeps_the_contract(emulator):
    check_client(open_at(emulator.url))


class Lying:
    """A client that breaks rules, to see that the kit notices."""

    identity = Identity(provider="lying", model="m", base_url="http://user:pw@host/v1")
    capabilities = Capabilities(deterministic=True)
    limits = Limits(batch_size=4)

    def __init__(self) -> None:
        self.calls = 0

    async def complete(self, request):
        self.calls += 1
        return Completion(text=str(self.calls), latency_s=1.0, ttft_s=2.0)

    async def close(self):
        pass


def test_the_kit_lists_what_a_client_says_wrongly_of_itself():
    with pytest.raises(AssertionError) as found:
        check_client(Lying())
    assert "credentials" in str(found.value)
    assert "no complete_batch" in str(found.value)


class Careless(Lying):
    identity = Identity(provider="careless", model="m")

    async def complete_batch(self, requests):
        return [Answered(completion=await self.complete(request)) for request in requests][:2]


def test_the_kit_lists_what_a_client_does_wrongly():
    with pytest.raises(AssertionError) as found:
        check_client(Careless())
    for words in ("two answers to one request", "after the last", "unsupported", "gave 2 outcomes"):
        assert words in str(found.value)


class Crashing(Lying):
    identity = Identity(provider="crashing", model="m")
    limits = Limits()

    async def complete(self, request):
        if request.kind == "score":
            raise Permanent("no", kind="no such kind")
        raise KeyError("choices")


def test_the_kit_notices_errors_that_are_not_a_clients():
    with pytest.raises(AssertionError) as found:
        check_client(Crashing())
    assert "KeyError" in str(found.value)
    assert "no such kind" in str(found.value)


class Gullible(Lying):
    """Gives the same answer to everything."""

    identity = Identity(provider="gullible", model="m")
    limits = Limits()

    async def complete(self, request):
        return Completion(text="")


class Faithless(Gullible):
    """Asks, and takes every fault for an answer."""

    def __init__(self, url):
        self.client = open_at(url)

    async def complete(self, request):
        with contextlib.suppress(ClientError):
            await self.client.complete(request)
        return Completion(text="")

    async def close(self):
        await self.client.close()


def test_the_kit_notices_a_failure_taken_for_an_answer():
    with pytest.raises(AssertionError) as found:
        check_http_client(Faithless, ["error_in_200", "key_401"])
    assert "error_in_200: a failure was taken for the answer" in str(found.value)
    assert "key_401" in str(found.value)


def test_the_kit_notices_answers_to_other_questions():
    with pytest.raises(AssertionError, match="200 of 200 answers"):
        check_http_load(lambda _: Gullible())


@pytest.mark.parametrize("stream", ["on", "off"])
def test_under_load_each_question_gets_its_own_answer(stream):
    check_http_load(lambda url: open_at(url, stream=stream))


def test_the_kit_accepts_a_client_of_a_plain_table():
    check_client(scripted_client({"q1": "Paris", "*": "?"}), ask("anything"))
