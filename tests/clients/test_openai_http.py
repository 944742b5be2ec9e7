"""The HTTP client over loopback: answers, streams, times, keys, limits."""

from __future__ import annotations

import asyncio

import pytest

from evalharness.clients.openai_http import open_openai
from evalharness.clients.settings import ClientSettings
from evalharness.errors import Fatal, Permanent, SpecError, Transient, UsageError
from evalharness.records import Message, Sampling
from evalharness.testing.emulator import FaultRule, LatencyPlan, Plan


def test_an_answer_comes_with_all_that_is_known_of_it(emulator, settings, ask, question):
    answer = ask(open_openai("echo", settings), question("Bonjour, ça va?"))
    assert (
        answer.text,
        answer.finish,
        answer.served_model,
        answer.system_fingerprint,
    ) == ("Bonjour, ça va?", "stop", "echo", "fp_emulator")
    assert answer.usage.completion_tokens == 3
    assert not answer.usage.estimated
    assert 0 < answer.latency_s < 2
    assert answer.ttft_s is None
    assert (answer.provenance.source, answer.provenance.session) == ("live", "sitting-1")
    assert answer.provenance.taken_at.endswith("+00:00")


def test_a_stream_gives_the_same_answer_and_the_time_of_its_first_token(
    emulator, client_at, ask, question
):
    latency = LatencyPlan(ttft_s=0.05, per_token_s=0.02)
    emulator.set_plan(Plan(latency=latency))
    answer = ask(client_at(emulator.url, stream="on"), question("one two three four five"))
    assert answer.text == "one two three four five"
    assert 0.05 <= answer.ttft_s < answer.latency_s
    assert answer.latency_s >= 0.05 + 5 * 0.02
    assert answer.usage.completion_tokens == 5


@pytest.mark.parametrize("stream", ["on", "off"])
@pytest.mark.parametrize("dialect", ["openai", "together"])
def test_every_dialect_gives_usage_and_a_finish(
    emulator, client_at, ask, question, stream, dialect
):
    emulator.set_plan(Plan(dialect=dialect))
    answer = ask(client_at(emulator.url, stream=stream), question("a b c"))
    assert (
        answer.finish,
        answer.usage.completion_tokens,
        answer.usage.estimated,
    ) == ("stop", 3, False)


@pytest.mark.parametrize("stream", ["on", "off"])
def test_a_cut_answer_says_so(emulator, client_at, ask, question, stream):
    request = question("a b c d", sampling=Sampling(max_tokens=2))
    answer = ask(client_at(emulator.url, stream=stream), request)
    assert (answer.text, answer.finish) == ("a b", "length")


@pytest.mark.parametrize("stream", ["on", "off"])
def test_tool_calls_and_reasoning_arrive_whole(emulator, client_at, ask, question, stream):
    call = ask(client_at(emulator.url, "tool", stream=stream), question("Paris")).tool_calls[0]
    assert (call.name, call.arguments) == ("look_up", '{"query": "Paris"}')
    thought = ask(client_at(emulator.url, "think", stream=stream), question("why"))
    assert (thought.text, thought.reasoning) == ("why", "the question is 'why'")


@pytest.mark.parametrize("stream", ["on", "off"])
@pytest.mark.parametrize("options", [{}, {"logprobs_as": "count"}, {"api": "completions"}])
def test_logprobs_are_read_in_every_shape(emulator, client_at, ask, question, stream, options):
    client = client_at(emulator.url, stream=stream, options=options)
    answer = ask(client, question("a b c", sampling=Sampling(logprobs=1)))
    assert [token.token for token in answer.logprobs] == ["a", " b", " c"]
    assert all(-4 < token.logprob < 0 for token in answer.logprobs)


@pytest.mark.parametrize(
    "options",
    [
        {"api": "completions", "score_by": "echo"},
        {"api": "completions", "score_by": "prompt_logprobs"},
        {"score_by": "prompt_logprobs"},
    ],
)
def test_a_continuation_is_scored(emulator, client_at, ask, question, options):
    request = question("the answer is", kind="score", continuation=" forty two")
    scored = ask(client_at(emulator.url, options=options), request)
    assert scored.text == " forty two"
    assert [token.token.strip() for token in scored.prompt_logprobs] == ["forty", "two"]
    assert scored.logprobs == scored.prompt_logprobs


def test_the_key_is_sent_and_a_wrong_one_stops_the_run_without_being_shown(
    emulator, settings, ask, question
):
    emulator.set_plan(Plan(keys=("right-key",)))
    good = ClientSettings(base_url=emulator.url, environment={"OPENAI_API_KEY": " right-key\n"})
    assert ask(open_openai("echo", good), question("hi")).text == "hi"
    bad = ClientSettings(base_url=emulator.url, environment={"OPENAI_API_KEY": "wrong-key"})
    with pytest.raises(Fatal) as stopped:
        ask(open_openai("echo", bad), question("hi"))
    assert stopped.value.kind == "auth"
    assert "wrong-key" not in str(stopped.value)
    assert "[key]" in str(stopped.value)
    assert "right-key" not in repr(good)


def test_another_variable_may_hold_the_key(emulator, ask, question):
    emulator.set_plan(Plan(keys=("k2",)))
    settings = ClientSettings(
        base_url=emulator.url,
        environment={"MY_KEY": "k2"},
        options={"api_key_env": "MY_KEY"},
    )
    assert ask(open_openai("echo", settings), question("hi")).text == "hi"


def test_openai_itself_is_not_asked_without_a_key(ask, question):
    client = open_openai("gpt-4o", ClientSettings())
    with pytest.raises(Fatal, match="OPENAI_API_KEY is not set") as raised:
        ask(client, question("hi"))
    assert "export OPENAI_API_KEY=..." == raised.value.mend


def test_an_unknown_model_stops_the_run(emulator, client_at, ask, question):
    emulator.set_plan(Plan(models=("known",)))
    with pytest.raises(Fatal) as stopped:
        ask(client_at(emulator.url, "unknown"), question())
    assert "model" in stopped.value.mend


def test_the_address_comes_from_the_settings_the_query_or_the_environment(emulator, ask, question):
    environment = {"OPENAI_BASE_URL": emulator.root}
    for model, settings in (
        ("echo", ClientSettings(base_url=emulator.url)),
        ("echo", ClientSettings(environment=environment)),
        (f"echo?base_url={emulator.root}", ClientSettings()),
        ("echo", ClientSettings(options={"base_url": emulator.url, "stream": True})),
    ):
        client = open_openai(model, settings)
        assert client.identity.base_url == emulator.url
        assert client.identity.model == "echo"
        assert ask(client, question("hi")).text == "hi"


def test_a_question_is_sent_with_one_idempotency_key_however_often(
    emulator, settings, run, question
):
    client = open_openai("echo", settings)

    async def twice():
        await client.complete(question("a"))
        await client.complete(question("a"))
        await client.complete(question("b"))
        await client.close()

    run(twice)
    assert (emulator.state()["requests"], emulator.state()["idempotency_keys"]) == (3, 2)


@pytest.mark.parametrize("stream", ["on", "off"])
def test_connections_are_used_again(emulator, client_at, run, question, stream):
    before = emulator.connections.opened
    client = client_at(emulator.url, stream=stream)

    async def many():
        for number in range(20):
            await client.complete(question(f"q{number}"))
        await client.close()

    run(many)
    assert emulator.connections.opened - before == 1


def test_an_attempt_ends_when_nothing_comes(emulator, client_at, ask, question, fault):
    fault("hang")
    with pytest.raises(Transient) as failed:
        ask(client_at(emulator.url, ttft_timeout_s=0.1), question())
    assert (failed.value.kind, failed.value.facts.billed) == ("timeout", "unknown")


def test_a_stream_that_stalls_ends_after_the_idle_time(emulator, client_at, ask, question, fault):
    fault("stream_stall")
    client = client_at(emulator.url, stream="on", ttft_timeout_s=5, idle_timeout_s=0.3)
    with pytest.raises(Transient) as failed:
        ask(client, question("one two three four"))
    assert failed.value.kind == "timeout"
    assert 0 < failed.value.facts.ttft_s < 5


def test_a_slow_stream_lives_as_long_as_it_speaks(emulator, client_at, ask, question):
    emulator.set_plan(Plan(latency=LatencyPlan(per_token_s=0.25)))
    client = client_at(emulator.url, stream="on", ttft_timeout_s=1.0, idle_timeout_s=1.0)
    answer = ask(client, question("one two three four five six"))
    assert answer.text.endswith("six")
    assert answer.latency_s > 1.25


def test_a_server_that_is_not_there_was_not_billed(client_at, ask, question):
    with pytest.raises(Transient) as failed:
        ask(client_at("http://127.0.0.1:9"), question())
    assert (failed.value.kind, failed.value.facts.billed) == ("connection", "no")


def test_scoring_without_a_way_to_is_refused(emulator, client_at, ask, question):
    with pytest.raises(Permanent) as refused:
        ask(client_at(emulator.url), question(kind="score", continuation="x"))
    assert refused.value.kind == "unsupported"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"apy": "chat"}, SpecError),
        ({"api": "chatt"}, SpecError),
        ({"stream": "sometimes"}, SpecError),
        ({"timeout_s": "soon"}, SpecError),
        ({"headers": {"x": 1}}, SpecError),
        ({"base_url": "ftp://x"}, UsageError),
    ],
)
def test_a_wrong_option_is_refused_when_the_client_is_opened(options, error):
    with pytest.raises(error):
        open_openai("m", ClientSettings(base_url="http://localhost:1", options=options))


def test_headers_of_the_settings_are_sent(emulator, settings, ask, question):
    emulator.set_plan(Plan(keys=("from-header",)))
    options = {"headers": {"Authorization": "Bearer from-header"}}
    client = open_openai("echo", ClientSettings(base_url=emulator.url, options=options))
    assert ask(client, question("hi")).text == "hi"


def test_questions_in_flight_never_get_each_others_answers(emulator, client_at, run, question):
    emulator.set_plan(Plan(latency=LatencyPlan(model="lognormal", mu=-5, sigma=1)))
    client = client_at(emulator.url)
    texts = [f"canary {number}" for number in range(300)]

    async def ask_all():
        answers = await asyncio.gather(*(client.complete(question(text)) for text in texts))
        await client.close()
        return [answer.text for answer in answers]

    assert texts == run(ask_all)


def test_a_conversation_is_answered_at_its_last_turn(emulator, client_at, ask, question):
    messages = (
        Message(role="system", content="sys"),
        Message(role="user", content="one"),
        Message(role="assistant", content="1"),
        Message(role="user", content="two"),
    )
    assert ask(client_at(emulator.url), question(messages=messages)).text == "two"


def test_the_models_can_be_listed(emulator, client_at, run):
    client = client_at(emulator.url)

    async def listed():
        try:
            return await client.get_json("/models")
        finally:
            await client.close()

    assert [model["id"] for model in run(listed)["data"]] == ["echo"]


def test_a_proxy_of_the_environment_is_used(emulator, ask, question):
    # The emulator answers absolute targets too, so it can stand in for a proxy.
    environment = {"HTTP_PROXY": emulator.root}
    settings = ClientSettings(base_url="http://model.example.com", environment=environment)
    assert ask(open_openai("echo", settings), question("by proxy")).text == "by proxy"
    direct = ClientSettings(
        base_url=emulator.url,
        environment={"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"},
    )
    assert ask(open_openai("echo", direct), question("hi")).text == "hi"


@pytest.mark.parametrize("stream", ["on", "off"])
def test_sticky_faults_of_other_models_do_not_reach_this_one(
    emulator, client_at, ask, question, stream
):
    emulator.set_plan(Plan(rules=(FaultRule(faults=("error_500",), model="other", times=None),)))
    assert ask(client_at(emulator.url, stream=stream), question("hi")).text == "hi"
