"""The emulator: deterministic, honest in its counts, and as broken as it is told to be."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.records import Sampling
from evalharness.testing.emulator import FaultRule, LatencyPlan, LimitPlan, Plan
from evalharness.testing.emulator.faults import FAULTS, refusal
from evalharness.testing.emulator.ledger import Ledger, fault_for, ttft_s
from evalharness.testing.emulator.models import answer, base_name, spoken, tokenise
from evalharness.testing.emulator.wire import parse


def post(url, body, *, key="k", raw=None):
    data = raw if raw is not None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            content = error.read()
            return error.code, json.loads(content) if content[:1] in b"{[" else content.decode()


def get(url):
    with urllib.request.urlopen(url, timeout=20) as response:
        return json.loads(response.read())


def chat(emulator, text, model="echo", **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return post(f"{emulator.url}/chat/completions", body)


def test_the_same_request_gets_the_same_answer(emulator):
    one, two = chat(emulator, "hi"), chat(emulator, "hi")
    assert one[1]["choices"] == two[1]["choices"]
    assert one[1]["id"] != two[1]["id"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("echo", "Paris?"),
        ("some/unknown-model", "Paris?"),
        ("meta/reverse", "?siraP"),
        ("gold@1", "yes"),
        ("gold@0", "no idea"),
        ("json", '{"answer": "yes"}'),
        ("constant:4 2", "4 2"),
        ("words@3", "word0 word1 word2"),
    ],
)
def test_models_answer_by_their_name(emulator, model, said):
    emulator.set_plan(Plan(answers={"Paris?": "yes"}))
    assert said == chat(emulator, "Paris?", model)[1]["choices"][0]["message"]["content"]


def test_a_share_of_gold_answers_is_right():
    gold = {f"q{n}": f"a{n}" for n in range(2000)}
    right = 0
    for question, target in gold.items():
        body = {"messages": [{"role": "user", "content": question}]}
        right += answer("gold@0.8", body, gold).text == target
    assert 1550 < right < 1650


def test_temperature_zero_ignores_the_seed_and_above_it_does_not():
    gold = {"q": "a"}

    def said(**options):
        body = {"messages": [{"role": "user", "content": "q"}], **options}
        return answer("gold@0.5", body, gold).text

    assert 1 == len({said(temperature=0, seed=seed) for seed in range(20)})
    assert 2 == len({said(temperature=1, seed=seed) for seed in range(20)})


@given(st.text(max_size=60))
def test_tokens_join_to_the_text(text):
    assert text == "".join(tokenise(text))


@given(st.text(alphabet="abc/#@:=;", max_size=20))
def test_any_model_name_answers(name):
    assert isinstance(spoken(base_name(name).replace("@", ""), "q", {}, 0.5), str)


def test_a_wrong_request_is_refused(emulator):
    url = f"{emulator.url}/chat/completions"
    assert 400 == post(url, None, raw=b"{nonsense")[0]
    assert 400 == post(url, {"messages": []})[0]
    assert 400 == post(url, [1])[0]
    assert 404 == post(f"{emulator.url}/nowhere", {})[0]


def test_keys_and_models_are_checked(emulator):
    emulator.set_plan(Plan(keys=("right",), models=("known",)))
    assert 401 == chat(emulator, "hi", "known")[0]
    body = {"model": "unknown", "messages": []}
    assert 404 == post(f"{emulator.url}/chat/completions", body, key="right")[0]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{emulator.url}/models")
    emulator.set_plan(Plan(models=("known",)))
    assert ["known"] == [model["id"] for model in get(f"{emulator.url}/models")["data"]]


def test_together_lists_its_models_bare_and_its_prices_per_million(emulator):
    emulator.set_plan(Plan(dialect="together", models=("a/b",)))
    assert "a/b" == get(f"{emulator.url}/models")[0]["id"]
    assert 0.5 == get(f"{emulator.root}/v2/supported-models")["data"][0]["pricing"]["input"]


def test_a_plan_can_be_sent_and_starts_the_counts_anew(emulator):
    chat(emulator, "hi")
    plan = {"rules": [{"faults": ["error_500"], "times": None}]}
    assert {"ok": True} == post(f"{emulator.root}/__plan", plan)[1]
    assert 500 == chat(emulator, "hi")[0]
    state = get(f"{emulator.root}/__state")
    assert (1, {"error_500": 1}) == (state["requests"], state["faults"])
    assert 400 == post(f"{emulator.root}/__plan", {"rulez": []})[0]


def test_bills_are_counted_by_token(emulator):
    body = chat(emulator, "one two three")[1]
    chat(emulator, "one two three")
    state = emulator.state()
    assert (2, 1, 1) == (state["requests"], state["distinct"], state["asked_again"])
    assert 2 * body["usage"]["completion_tokens"] == state["billed_completion_tokens"]
    assert 2 * body["usage"]["prompt_tokens"] == state["billed_prompt_tokens"]
    assert 1 == state["answered_twice"]


def test_a_fault_ends_after_its_times(emulator):
    emulator.set_plan(Plan(rules=(FaultRule(faults=("error_500",), times=2),)))
    assert [500, 500, 200] == [chat(emulator, "hi")[0] for _ in range(3)]
    assert [500, 500, 200] == [chat(emulator, "other")[0] for _ in range(3)]


def test_a_models_suffix_can_name_its_fault(emulator):
    assert [503, 200] == [chat(emulator, "hi", "echo#fault=overload_503;n=1")[0] for _ in range(2)]
    assert [503, 503] == [chat(emulator, "hi", "echo#fault=overload_503")[0] for _ in range(2)]


def test_rules_choose_by_text_model_and_share():
    rules = (
        FaultRule(faults=("error_500",), match="poison", times=None),
        FaultRule(faults=("hang",), model="other"),
        FaultRule(faults=("throttle_int", "html_502"), share=0.2),
    )
    plan = Plan(rules=rules, seed=4)
    assert "error_500" == fault_for(plan, "m", "f", "some poison here", 9).name
    assert "hang" == fault_for(plan, "other", "f", "x", 1).name
    met = [fault_for(plan, "m", f"f{n}", "x", 1) for n in range(1000)]
    names = [fault.name for fault in met if fault]
    assert 150 < len(names) < 250
    assert {"throttle_int", "html_502"} == set(names)
    assert met == [fault_for(plan, "m", f"f{n}", "x", 1) for n in range(1000)]


@pytest.mark.parametrize(
    ("latency", "low", "high"),
    [
        (LatencyPlan(ttft_s=0.3), 0.3, 0.3),
        (LatencyPlan(model="lognormal", mu=-1.0, sigma=0.1), 0.25, 0.55),
        (LatencyPlan(model="bimodal", ttft_s=0.1, slow_s=2.0, p_slow=0.5), 0.1, 2.0),
        (LatencyPlan(model="trace", trace=(0.1, 0.2)), 0.1, 0.2),
    ],
)
def test_latency_is_drawn_by_number_and_always_the_same(latency, low, high):
    drawn = [ttft_s(latency, 7, number, 99) for number in range(200)]
    assert drawn == [ttft_s(latency, 7, number, 99) for number in range(200)]
    assert low <= min(drawn) <= max(drawn) <= high
    assert len(set(drawn)) == {"const": 1, "bimodal": 2, "trace": 2}.get(latency.model, 200)


def test_the_first_calls_of_a_model_take_longer():
    latency = LatencyPlan(ttft_s=0.1, warmup=2, warmup_s=1.0)
    assert [1.1, 1.1, 0.1] == [ttft_s(latency, 0, number, number) for number in (1, 2, 3)]


def test_a_bucket_refuses_when_empty_and_fills_up():
    ledger = Ledger(Plan(limits=LimitPlan(rate_per_s=10.0, burst=2.0)))
    assert [None, None] == [ledger.refused_for_load("k", 0.0) for _ in range(2)]
    assert ledger.refused_for_load("k", 0.0) == pytest.approx(0.1)
    assert ledger.refused_for_load("other", 0.0) is None
    assert ledger.refused_for_load("k", 0.1) is None


def test_a_dynamic_limit_grows_with_what_it_lets_through():
    ledger = Ledger(Plan(limits=LimitPlan(rate_per_s=1.0, burst=1.0, dynamic=2.0)))
    passed = 0
    for tick in range(200):
        passed += ledger.refused_for_load("k", tick / 100) is None
    assert passed > 20


def test_more_in_flight_than_allowed_are_refused(emulator, client_at, run, question):
    limits = LimitPlan(max_in_flight=2)
    emulator.set_plan(Plan(limits=limits, latency=LatencyPlan(ttft_s=0.2)))
    client = client_at(emulator.url)

    async def many():
        asked = [client.complete(question(f"q{n}")) for n in range(6)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        await client.close()
        return sum(isinstance(outcome, Exception) for outcome in outcomes)

    assert 4 == run(many)
    assert 4 == emulator.state()["throttled"]


def test_echo_gives_the_prompts_logprobs(emulator):
    body = {"model": "echo", "prompt": "a b", "echo": True, "logprobs": 1, "max_tokens": 1}
    choice = post(f"{emulator.url}/completions", body)[1]["choices"][0]
    assert ["a", " b", "a"] == choice["logprobs"]["tokens"]
    assert choice["logprobs"]["token_logprobs"][0] is None


def test_every_refusal_has_its_answer():
    for name, fault in FAULTS.items():
        if fault.when == "refuse":
            assert refusal(name, now_epoch_s=0.0).status >= 200
        assert fault.retry in ("again", "never", "stop")


CUT_UP = (
    b"POST /v1/x?a=b%20c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;ext\r\nde\r\n0\r\n\r\n"
)


@given(st.integers(0, len(CUT_UP) - 1))
def test_a_request_is_whole_only_at_its_end(cut):
    assert parse(bytearray(CUT_UP[:cut])) is None
    request, used = parse(bytearray(CUT_UP + b"GET"))
    assert (len(CUT_UP), b"abcde", "/v1/x", {"a": "b c"}) == (
        used, request.body, request.path, dict(request.query)
    )  # fmt: skip


def test_what_is_no_http_is_refused(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=20) as connection:
        connection.sendall(b"hello\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_it_runs_as_a_process_of_its_own(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"answers": {"q": "a"}}))
    command = [sys.executable, "-m", "evalharness.testing.emulator", "--port", "0", "--plan", plan]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        body = {"model": "gold@1", "messages": [{"role": "user", "content": "q"}]}
        status, answered = post(f"{url}/chat/completions", body)
        assert (200, "a") == (status, answered["choices"][0]["message"]["content"])
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_a_prompt_with_stops_and_limits_is_cut(emulator):
    cut = chat(emulator, "one two STOP three", stop=["STOP"])[1]["choices"][0]
    assert ("one two ", "stop") == (cut["message"]["content"], cut["finish_reason"])
    short = chat(emulator, "one two three", max_tokens=1)[1]["choices"][0]
    assert ("one", "length") == (short["message"]["content"], short["finish_reason"])


def test_requests_of_every_sampling_are_told_apart(emulator, client_at, run, question):
    client = client_at(emulator.url)

    async def both():
        for temperature in (0.0, 0.5):
            await client.complete(question("x", sampling=Sampling(temperature=temperature)))
        await client.close()

    run(both)
    assert 2 == emulator.state()["distinct"]
