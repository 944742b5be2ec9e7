"""Log-probabilities by Tinker's real SDK against the emulator, which speaks its protocol."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest

from evalharness.cli.main import main
from evalharness.clients.settings import ClientSettings
from evalharness.clients.tinker import open_tinker
from evalharness.errors import Fatal, Permanent, Transient
from evalharness.records import Message, Sampling
from evalharness.testing import check_client
from evalharness.testing.emulator import FaultRule, LatencyPlan, Plan
from evalharness.testing.emulator.bytewise import ROLE_IDS, encode, write_tokenizer
from evalharness.testing.emulator.sampler import ROOT, likelihood

PATH = "tinker://run-1/sampler_weights/echo"
KEY = "tml-secret"


@pytest.fixture(scope="module", autouse=True)
def sdk():
    return pytest.importorskip("tinker", reason="the tinker SDK is not installed")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    pytest.importorskip("transformers", reason="transformers is not installed")
    return write_tokenizer(tmp_path_factory.mktemp("bytewise"))


@pytest.fixture
def settings(emulator, tokenizer):
    def make(key=KEY, **more):
        options = {"tokenizer": str(tokenizer), **more.pop("options", {})}
        environment = {"TINKER_API_KEY": key, "TINKER_BASE_URL": f"{emulator.root}{ROOT}"}
        return ClientSettings(environment=environment, options=options, session="s", **more)

    return make


def prompt_of(text: str) -> list[int]:
    """The ids of one user's turn, as the tokenizer's template writes it."""
    return [ROLE_IDS["user"], *encode(text), 260, ROLE_IDS["assistant"]]


def expected(prompt: list[int], text: str, own: str) -> list[float]:
    """The emulator's log-probabilities of a text behind a prompt, for a model that says `own`."""
    ids, said = encode(text), encode(own)
    numbers = []
    for place, token in enumerate(ids):
        likes = said[place] if ids[:place] == said[:place] and place < len(said) else None
        numbers.append(likelihood(token, [*prompt, *ids[:place]], likes))
    return numbers


def test_an_answer_carries_the_log_probability_of_each_of_its_tokens(settings, ask, question):
    request = question("hello", sampling=Sampling(max_tokens=64, logprobs=0))
    answer = ask(open_tinker(PATH, settings()), request)
    assert ("hello", "stop", 8, 6) == (
        answer.text,
        answer.finish,
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    assert list("hello") == [token.token for token in answer.logprobs]
    numbers = [token.logprob for token in answer.logprobs]
    assert pytest.approx(expected(prompt_of("hello"), "hello", "hello"), abs=1e-6) == numbers


def test_alternatives_are_given_where_they_are_asked_for(settings, ask, question):
    request = question("ab", sampling=Sampling(max_tokens=64, logprobs=2))
    first, second = ask(open_tinker(PATH, settings()), request).logprobs
    assert ({"a", "b"}, {"b", "c"}) == (set(first.top), set(second.top))
    assert first.top["a"] == first.logprob > first.top["b"]


def test_a_continuation_is_scored_token_by_token(settings, ask, question, emulator):
    request = question("the sky", kind="score", continuation="the sea")
    scored = ask(open_tinker(PATH, settings()), request)
    numbers = [token.logprob for token in scored.logprobs]
    assert pytest.approx(expected(prompt_of("the sky"), "the sea", "the sky"), abs=1e-6) == numbers
    assert ("the sea", scored.logprobs, 17, 1) == (
        scored.text,
        scored.prompt_logprobs,
        scored.usage.prompt_tokens,
        scored.usage.completion_tokens,
    )
    assert 17 == emulator.state()["billed_prompt_tokens"]


def test_a_conversation_goes_through_the_chat_template(settings, ask, question):
    turns = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="one"),
        Message(role="assistant", content="two"),
        Message(role="user", content="naïve 首都 🙂"),
    )
    request = question(messages=turns, sampling=Sampling(max_tokens=64, logprobs=0))
    assert "naïve 首都 🙂" == ask(open_tinker(PATH, settings()), request).text


def test_text_alone_is_asked_of_the_endpoint_unless_the_sdk_is_named(settings, ask, question):
    plain = question("hi", sampling=Sampling(max_tokens=64))
    by_endpoint = ask(open_tinker(PATH, settings()), plain)
    client = open_tinker(PATH, settings(options={"via": "sdk"}))
    by_sdk = ask(client, plain)
    assert ("hi", "hi", 1, 3) == (
        by_endpoint.text,
        by_sdk.text,
        by_endpoint.usage.completion_tokens,  # the endpoint counts words, the SDK bytes and an end
        by_sdk.usage.completion_tokens,
    )
    assert "sdk" == client.identity.details["via"]


def test_limits_stops_and_seeds_are_sent(settings, ask, question):
    client = settings(options={"via": "sdk"})
    cut = ask(open_tinker(PATH, client), question("abcdef", sampling=Sampling(max_tokens=3)))
    assert ("abc", "length") == (cut.text, cut.finish)
    sampling = Sampling(max_tokens=9, stop=("d",), seed=4, temperature=0.5, top_p=0.9)
    stopped = ask(open_tinker(PATH, client), question("abcdef", sampling=sampling))
    assert ("abc", "stop") == (stopped.text, stopped.finish)


def test_the_sdk_polls_until_a_slow_answer_is_there(settings, ask, question, emulator):
    emulator.set_plan(Plan(latency=LatencyPlan(ttft_s=0.5)))
    request = question("slow", kind="score", continuation="x")
    assert ask(open_tinker(PATH, settings()), request).latency_s >= 0.5


def test_the_client_keeps_its_contract(settings):
    check_client(open_tinker(PATH, settings(options={"via": "sdk"})))


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        ("bad_request_400", (Permanent, "bad_request")),
        ("context_400", (Permanent, "context_overflow")),
        ("key_401", (Fatal, "auth")),
        ("model_404", (Fatal, "bad_request")),
    ],
)
def test_refusals_are_taken_for_what_they_are(settings, ask, question, emulator, fault, refused):
    emulator.set_plan(Plan(rules=(FaultRule(faults=(fault,), times=None),)))
    error, kind = refused
    with pytest.raises(error) as raised:
        ask(open_tinker(PATH, settings()), question("x", kind="score", continuation="y"))
    assert kind == raised.value.kind


def test_a_wrong_key_is_told_before_the_sdk_is_opened_and_never_shown(
    settings, ask, question, emulator
):
    emulator.set_plan(Plan(keys=("tml-right",)))
    with pytest.raises(Fatal) as raised:
        ask(open_tinker(PATH, settings()), question("x", kind="score", continuation="y"))
    assert ("auth", False) == (raised.value.kind, KEY in str(raised.value))


def test_a_key_that_the_sdk_does_not_take_is_told(settings, ask, question):
    with pytest.raises(Fatal, match="tml-' prefix") as raised:
        ask(open_tinker(PATH, settings(key="ik")), question("x", kind="score", continuation="y"))
    assert "check TINKER_API_KEY" == raised.value.mend


def test_an_unknown_model_is_told(settings, ask, question, emulator):
    emulator.set_plan(Plan(models=("another",)))
    with pytest.raises(Fatal, match="does not exist"):
        ask(open_tinker(PATH, settings()), question("x", kind="score", continuation="y"))


def test_a_server_that_is_not_there_is_told_at_once(tokenizer, ask, question):
    environment = {"TINKER_API_KEY": KEY, "TINKER_BASE_URL": "http://127.0.0.1:9"}
    options = {"tokenizer": str(tokenizer)}
    client = open_tinker(PATH, ClientSettings(environment=environment, options=options))
    with pytest.raises(Transient) as raised:
        ask(client, question("x", kind="score", continuation="y"))
    assert "connection" == raised.value.kind


def test_a_tokenizer_that_is_not_there_says_which_option_names_one(settings, ask, question):
    client = open_tinker(PATH, settings(options={"tokenizer": "./nowhere"}))
    with pytest.raises(Fatal, match="tokenizer of ./nowhere cannot be loaded") as raised:
        ask(client, question("x", kind="score", continuation="y"))
    assert "tokenizer=" in raised.value.mend


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tools": ({"type": "function"},)}, "calls no tools"),
        ({"sampling": Sampling(response_format={"type": "json_object"})}, "no response_format"),
        ({"sampling": Sampling(extra={"guided_json": {}})}, "no generation.extra.guided_json"),
    ],
)
def test_what_the_sdk_has_no_words_for_is_refused(settings, ask, question, more, words):
    client = open_tinker(PATH, settings(options={"via": "sdk"}))
    with pytest.raises(Permanent, match=words) as raised:
        ask(client, question("x", **more))
    assert "unsupported" in raised.value.kind


def test_many_questions_at_once_each_get_their_own_answer(settings, question, emulator):
    client = open_tinker(PATH, settings())
    texts = [f"question {n}" for n in range(60)]

    async def run():
        try:
            asked = [question(text, kind="score", continuation=text) for text in texts]
            return await asyncio.gather(*(client.complete(request) for request in asked))
        finally:
            await client.close()

    scored = asyncio.run(run())
    for text, one in zip(texts, scored, strict=True):
        total = math.fsum(expected(prompt_of(text), text, text))
        assert pytest.approx(total, abs=1e-4) == math.fsum(t.logprob for t in one.logprobs)


# --- through the command line -------------------------------------------------------------------


@pytest.fixture
def workplace(tmp_path, monkeypatch, emulator):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    monkeypatch.setenv("TINKER_BASE_URL", f"{emulator.root}{ROOT}")
    return tmp_path


def rows_of(n: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"q{k}",
            "input": f"question {k}?",
            "target": f"answer {k}",
            "metadata": {"choices": [f"wrong {k}", f"answer {k}", f"another {k}"]},
        }
        for k in range(n)
    ]


def run_suite(text: str, model: str, capsys) -> dict[str, object]:
    rows = rows_of(20)
    Path("d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text("name: s\ndata: {path: d.jsonl}\n" + text)
    common = ["--quiet", "--json", "--no-cache"]
    assert 0 == main(["run", "suite.yaml", "--model", model, *common])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("program", "band"), [("gold@1", (1.0, 1.0)), ("gold@0.6", (0.4, 0.85))])
def test_multiple_choice_by_likelihood_through_the_command_line(
    workplace, emulator, tokenizer, capsys, program, band
):
    gold = {str(row["input"]): str(row["target"]) for row in rows_of(20)}
    emulator.set_plan(Plan(answers=gold))
    model = f"tinker/tinker://run-1/sampler_weights/{program}?tokenizer={tokenizer}"
    found = run_suite("ask: choices\nmetrics: [choice_likelihood]\n", model, capsys)
    value = found["metrics"]["choice_likelihood"]["value"]
    # A wrong answer of gold@p is "no idea", which no choice is: those are luck, one in three.
    assert (True, 0, 60) == (
        band[0] <= value <= band[1],
        found["n_failed"],
        emulator.state()["requests"],
    )


def test_perplexity_of_references_and_of_answers_through_the_command_line(
    workplace, emulator, tokenizer, capsys
):
    gold = {str(row["input"]): str(row["target"]) for row in rows_of(20)}
    emulator.set_plan(Plan(answers=gold))
    model = f"tinker/tinker://run-1/sampler_weights/gold@1?tokenizer={tokenizer}"
    found = run_suite("ask: target\nmetrics: [perplexity, bits_per_byte]\n", model, capsys)
    numbers = [
        number
        for row in rows_of(20)
        for number in expected(prompt_of(row["input"]), row["target"], row["target"])
    ]
    mean = math.fsum(numbers) / len(numbers)
    metrics = found["metrics"]
    assert pytest.approx(math.exp(-mean), rel=1e-5) == metrics["perplexity"]["value"]
    assert pytest.approx(-mean / math.log(2), rel=1e-5) == metrics["bits_per_byte"]["value"]
    text = "generation: {max_tokens: 64, logprobs: 0}\nmetrics: [perplexity, exact_match]\n"
    sampled = run_suite(text, model, capsys)["metrics"]
    assert 1.0 == sampled["exact_match"]["value"]
    # An answer's own tokens are the ones that the reference had.
    assert pytest.approx(math.exp(-mean), rel=1e-5) == sampled["perplexity"]["value"]
