"""Together and Tinker by our own transport; baselines that need no model."""

from __future__ import annotations

import json

import pytest

from evalharness.catalog import CLIENTS, load
from evalharness.clients.settings import ClientSettings
from evalharness.clients.stack import open_client
from evalharness.clients.tinker import BASE_URL as TINKER_URL
from evalharness.clients.tinker import open_tinker
from evalharness.clients.together import INFERENCE_URL, MAIN_URL, open_together
from evalharness.clients.trained_answers import open_echo, open_majority, open_nearest_neighbour
from evalharness.contracts import Client
from evalharness.errors import DataError, Fatal, HarnessError, SpecError, UsageError
from evalharness.records import Failed, Sampling
from evalharness.testing import check_client
from evalharness.testing.client_kit import check_http_client
from evalharness.testing.emulator import Plan
from evalharness.testing.emulator.server import TINKER

TOGETHER_KEY = {"TOGETHER_API_KEY": "tk"}
TINKER_KEY = {"TINKER_API_KEY": "ik"}


def test_every_client_of_the_catalogue_can_be_loaded():
    for name in CLIENTS:
        assert callable(load(name, "client", CLIENTS))


@pytest.mark.parametrize(
    ("environment", "options", "url"),
    [
        ({}, {}, INFERENCE_URL),
        ({}, {"host": "main"}, MAIN_URL),
        ({"TOGETHER_BASE_URL": "https://proxy.example.com"}, {}, "https://proxy.example.com/v1"),
        ({}, {"base_url": "https://own.example.com/v1"}, "https://own.example.com/v1"),
    ],
)
def test_together_is_asked_on_the_right_host(environment, options, url):
    settings = ClientSettings(environment={**TOGETHER_KEY, **environment}, options=options)
    client = open_together("meta-llama/Llama-3.2-3B-Instruct-Turbo", settings)
    assert url == client.identity.base_url
    assert "together" == client.identity.provider


@pytest.mark.parametrize("kind", ["generate", "score"])
@pytest.mark.parametrize("opener", [open_together, open_tinker])
def test_a_key_that_is_not_set_is_said_when_a_question_must_be_sent(opener, kind, ask, question):
    client = opener("m", ClientSettings())
    with pytest.raises(Fatal, match="_API_KEY is not set") as raised:
        ask(client, question("hi", kind=kind, continuation="x" if kind == "score" else None))
    assert "auth" == raised.value.kind


def test_a_batch_is_not_sent_without_a_key(question, run):
    client = open_together("m?mode=batch", ClientSettings())
    with pytest.raises(Fatal, match="TOGETHER_API_KEY is not set"):
        run(lambda: client.complete_batch([question("hi")]))


def test_a_job_is_not_looked_up_without_a_key():
    with pytest.raises(Fatal, match="TOGETHER_API_KEY is not set"):
        open_together("job:ft-1", ClientSettings())


@pytest.mark.parametrize("stream", ["on", "off"])
def test_together_speaks_its_own_dialect(emulator, ask, question, stream):
    emulator.set_plan(Plan(dialect="together", keys=("tk",)))
    settings = ClientSettings(base_url=emulator.root, environment=TOGETHER_KEY, stream=stream)
    request = question("a b c", sampling=Sampling(logprobs=1))
    answer = ask(open_together("meta/echo", settings), request)
    assert ("a b c", "stop", 3, False) == (
        answer.text,
        answer.finish,
        answer.usage.completion_tokens,
        answer.usage.estimated,
    )
    assert ["a", " b", " c"] == [token.token for token in answer.logprobs]


def test_together_scores_by_echo_in_text_completions(emulator, ask, question):
    options = {"api": "completions"}
    settings = ClientSettings(base_url=emulator.root, environment=TOGETHER_KEY, options=options)
    client = open_together("echo", settings)
    assert client.capabilities.score
    scored = ask(client, question("the answer is", kind="score", continuation=" 42"))
    assert [" 42"] == [token.token for token in scored.logprobs]


def test_tinker_is_asked_at_its_openai_compatible_address(emulator, ask, question):
    path = "tinker://run-1/sampler_weights/000080"
    client = open_tinker(path, ClientSettings(environment=TINKER_KEY))
    assert (TINKER_URL, path) == (client.identity.base_url, client.identity.model)
    emulator.set_plan(Plan(keys=("ik",), models=(path,)))
    settings = ClientSettings(base_url=f"{emulator.root}{TINKER}/v1", environment=TINKER_KEY)
    assert ask(open_tinker(path, settings), question("hi")).text == "hi"


FEW = ["throttle_reset", "throttle_dynamic", "context_403", "quota_429", "error_in_200", "hang",
       "stream_no_end", "null_content", "finish_eos", "no_usage"]  # fmt: skip


@pytest.mark.parametrize("stream", ["on", "off"])
@pytest.mark.parametrize("opener", [open_together, open_tinker])
def test_their_faults_are_taken_for_what_they_are(opener, stream):
    environment = {**TOGETHER_KEY, **TINKER_KEY}

    def open_at(url):
        return opener(
            "echo",
            ClientSettings(
                base_url=url,
                environment=environment,
                stream=stream,
                ttft_timeout_s=1.0,
                idle_timeout_s=1.0,
            ),
        )

    check_http_client(open_at, FEW)


def test_a_wrong_option_of_a_provider_is_refused():
    settings = ClientSettings(environment={**TOGETHER_KEY, **TINKER_KEY}, options={"hots": "main"})
    with pytest.raises(SpecError, match="did you mean 'host'"):
        open_together("m", settings)
    with pytest.raises(SpecError, match="no option 'hots'"):
        open_tinker("m", settings)
    with pytest.raises(UsageError):
        open_tinker("m?base_url=ftp://x", ClientSettings(environment=TINKER_KEY))


TRAIN = [
    ("t1", "what is the capital of France", "Paris"),
    ("t2", "what is the capital of Italy", "Rome"),
    ("t3", "how many legs has a spider", "eight"),
    ("t4", "how many legs has an insect", "six"),
    ("t5", "what is the largest city of France", "Paris"),
]


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "train.jsonl"
    rows = [{"id": id_, "input": text, "target": target} for id_, text, target in TRAIN]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(client, requests, run):
    outcomes = run(lambda: client.complete_batch(requests))
    return [
        f"!{outcome.kind}" if isinstance(outcome, Failed) else outcome.completion.text
        for outcome in outcomes
    ]


def test_the_majority_answers_everything_alike(train, run, question):
    client = open_majority(str(train), ClientSettings())
    assert ["Paris", "Paris"] == texts(client, [question("a"), question("b")], run)
    check_client(client)


def test_the_nearest_neighbour_answers_as_its_question_did(train, run, question):
    pytest.importorskip("bm25s", reason="bm25s is not installed")
    client = open_nearest_neighbour(str(train), ClientSettings())
    asked = [question("legs of a spider?"), question("capital Italy"), question("insect legs")]
    assert ["eight", "Rome", "six"] == texts(client, asked, run)
    check_client(client)


def test_the_nearest_neighbour_is_never_the_sample_itself(train, run, question):
    pytest.importorskip("bm25s", reason="bm25s is not installed")
    client = open_nearest_neighbour(str(train), ClientSettings())
    own = question("how many legs has a spider", sample_id="t3")
    turn = question("how many legs has a spider", sample_id="t3#2")
    assert ["six", "six"] == texts(client, [own, turn], run)


def test_a_chat_file_can_be_the_train_split(tmp_path, run, question):
    path = tmp_path / "chat.jsonl"
    turns = [{"role": "user", "content": "legs?"}, {"role": "assistant", "content": "eight"}]
    path.write_text(json.dumps({"messages": turns}) + "\n")
    assert ["eight"] == texts(open_majority(str(path), ClientSettings()), [question("x")], run)


def test_fields_of_the_train_file_can_be_named(tmp_path, run, question):
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"q": "legs?", "a": "eight"}\n')
    settings = ClientSettings(options={"fields": {"input": "q", "target": "a"}})
    assert ["eight"] == texts(open_majority(str(path), settings), [question("x")], run)


def test_echo_answers_with_the_question(run, question):
    client = open_echo("input", ClientSettings())
    assert ["why?"] == texts(client, [question("why?")], run)
    assert "echo" == client.identity.provider


def test_a_changed_train_file_is_another_model(train):
    first = open_majority(str(train), ClientSettings()).identity
    train.write_text(train.read_text().replace("Paris", "Lyon"))
    assert first != open_majority(str(train), ClientSettings()).identity


def test_a_train_file_without_targets_is_refused(tmp_path):
    path = tmp_path / "bare.jsonl"
    path.write_text('{"id": "a", "input": "x"}\n')
    with pytest.raises(DataError, match="targets"):
        open_majority(str(path), ClientSettings())
    with pytest.raises(HarnessError):
        open_majority(str(tmp_path / "none.jsonl"), ClientSettings())


def test_they_can_be_opened_by_name(train):
    assert isinstance(open_client("majority", str(train), ClientSettings()), Client)
    assert isinstance(open_client("echo", "input", ClientSettings()), Client)
