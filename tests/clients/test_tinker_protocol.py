"""The emulator's side of Tinker's protocol, and the client where the SDK is not installed."""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Template

from evalharness.clients.settings import ClientSettings
from evalharness.clients.tinker import open_tinker
from evalharness.clients.tinker_sampling import sdk_root
from evalharness.errors import ClientError
from evalharness.testing.emulator import LatencyPlan, Plan
from evalharness.testing.emulator.bytewise import (
    CHAT_TEMPLATE,
    END,
    ROLE_IDS,
    ROLES,
    conversation,
    decode,
    encode,
    write_tokenizer,
)
from evalharness.testing.emulator.protobuf import blob, number, varint
from evalharness.testing.emulator.sampler import ROOT, likelihood

TURNS = st.lists(st.tuples(st.sampled_from(ROLES), st.text(max_size=20)), min_size=1, max_size=5)


def ids_of(turns, begun=None):
    ids = [id_ for role, said in turns for id_ in (ROLE_IDS[role], *encode(said), END)]
    return ids if begun is None else [*ids, ROLE_IDS["assistant"], *encode(begun)]


# --- tokens -------------------------------------------------------------------------------------


@given(st.text())
def test_a_text_is_its_tokens(text):
    legible = text.encode("utf-8", "replace").decode()
    assert legible == decode(encode(text))


@given(TURNS, st.text(max_size=9).filter(lambda text: text.isprintable()))
def test_a_conversation_is_read_back_from_its_tokens(turns, begun):
    body, found = conversation(ids_of(turns, begun))
    said = [(turn["role"], turn["content"]) for turn in body["messages"]]
    assert ([(role, decode(encode(text))) for role, text in turns], encode(begun)) == (said, found)


def test_a_prompt_without_turns_is_plain_text():
    assert ({"prompt": "once upon"}, []) == conversation(encode("once upon"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    folder = write_tokenizer(tmp_path_factory.mktemp("bytewise"))
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


@settings(max_examples=25, deadline=None)
@given(turns=TURNS)
def test_a_tokenizer_of_the_hub_cuts_texts_in_the_same_places(tokenizer, turns):
    messages = [{"role": role, "content": said} for role, said in turns]
    text = Template(CHAT_TEMPLATE).render(messages=messages, add_generation_prompt=True)
    assert ids_of(turns, "") == tokenizer.encode(text, add_special_tokens=False).ids


# --- protobuf -----------------------------------------------------------------------------------


@given(st.integers(0, 2**63))
def test_a_varint_reads_back(value):
    assert value == read_varint(varint(value), 0)[0]


def test_fields_are_what_the_documentation_says():
    # Protocol Buffers, "Encoding": a: 150 -> 08 96 01; b: "testing" -> 12 07 74 ...
    assert ("089601", "120774657374696e67") == (number(1, 150).hex(), blob(2, b"testing").hex())


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    found, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        found[tag >> 3] = value
    return found


def floats(data):
    return list(struct.unpack(f"<{len(data) // 4}f", data))


# --- routes -------------------------------------------------------------------------------------


@pytest.fixture
def call(emulator):
    def post(path, body=None, key="tml-k"):
        request = urllib.request.Request(  # loopback
            f"{emulator.root}{ROOT}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-API-Key": key, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:  # loopback
                content = reply.read()
                proto = "protobuf" in reply.headers["Content-Type"]
                return reply.status, content if proto else json.loads(content)
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    return post


@pytest.fixture
def sample(call):
    """One sample of a model, fetched; the fields of its SampleResponse."""

    def ask(model, prompt, **more):
        session = call("create_sampling_session", {"model_path": model})[1]["sampling_session_id"]
        body = {
            "sampling_session_id": session,
            "seq_id": 0,
            "prompt": {"chunks": [{"type": "encoded_text", "tokens": prompt}]},
            "sampling_params": {"max_tokens": 50},
            **more,
        }
        status, promise = call("asample", body)
        assert (200, 1) == (status, len(promise["sample_sequence_ids"]))
        while True:
            got = call("retrieve_future", {"request_id": promise["request_id"]})[1]
            if isinstance(got, bytes):
                return fields(got)
            assert "try_again" == got["type"]

    return ask


def test_a_sample_says_what_the_stand_in_program_says(sample, emulator):
    emulator.set_plan(Plan(answers={"2+2": "four"}))
    prompt = ids_of([("user", "2+2")], "")
    sequence = fields(sample("tinker://r/w/gold@1", prompt)[1])
    tokens = list(struct.unpack(f"<{len(sequence[2]) // 4}i", sequence[2]))
    assert (0, [*encode("four"), END]) == (sequence[1], tokens)
    numbers = [likelihood(t, [*prompt, *tokens[:k]], t) for k, t in enumerate(tokens)]
    assert pytest.approx(numbers, abs=1e-6) == floats(sequence[3])


def test_a_prompts_log_probabilities_are_high_where_the_program_would_say_so(sample):
    prompt = ids_of([("user", "yes")], "yes")
    found = floats(sample("tinker://r/w/echo", prompt, prompt_logprobs=True)[2])
    assert (len(prompt), True) == (len(found), math.isnan(found[0]))
    assert min(found[-3:]) > -0.5 > -3.0 > max(found[1:-3])
    other = ids_of([("user", "yes")], "yew")
    suffix = floats(
        sample("tinker://r/w/echo", other, prompt_logprobs=True, prompt_logprobs_last_n=2)[2]
    )
    assert all(math.isnan(value) for value in suffix[:-2])
    assert suffix[-2] > -0.5 > -3.0 > suffix[-1]


def test_a_slow_sample_is_asked_for_again(sample, emulator):
    emulator.set_plan(Plan(latency=LatencyPlan(ttft_s=0.5)))
    assert 1 in sample("tinker://r/w/echo", ids_of([("user", "x")], ""))


def test_wrong_keys_unknown_models_samplers_and_requests_are_refused(call, emulator):
    emulator.set_plan(Plan(keys=("tml-k",), models=("m",)))
    assert 401 == call("get_server_capabilities", key="tml-other")[0]
    assert 404 == call("create_sampling_session", {"base_model": "n"})[0]
    assert 404 == call("samplers/sampler-9")[0]
    assert "user" == call("retrieve_future", {"request_id": "none"})[1]["category"]
    assert 404 == call("no_such_route", {})[0]


# --- the client without its SDK ------------------------------------------------------------------


def test_the_sdks_address_is_told_from_that_of_the_compatible_routes():
    for written in ("http://h/services/tinker-prod", "http://h"):
        environment = {"TINKER_API_KEY": "k", "TINKER_BASE_URL": written}
        client = open_tinker("m", ClientSettings(environment=environment))
        assert written == sdk_root(client.identity.base_url)
        assert f"{written}/oai/api/v1" == client.identity.base_url


def test_only_the_endpoint_alone_gives_no_likelihoods():
    environment = {"TINKER_API_KEY": "k"}
    able = [
        open_tinker(f"m?via={via}", ClientSettings(environment=environment)).capabilities.score
        for via in ("auto", "sdk", "endpoint")
    ]
    assert [True, True, False] == able


WITHOUT: str = """
import asyncio, sys
sys.modules["tinker"] = None  # as if it were not installed
from evalharness.clients.settings import ClientSettings
from evalharness.clients.tinker import open_tinker
from evalharness.errors import MissingExtra
from evalharness.records import Message, Request
request = Request(key="k", sample_id="s", kind="score", continuation="x",
                  messages=(Message(role="user", content="q"),))
environment = {"TINKER_API_KEY": "tml-k", "TINKER_BASE_URL": sys.argv[1]}
async def run():
    client = open_tinker("m", ClientSettings(environment=environment))
    try:
        await client.complete(request)
    except MissingExtra as error:
        print(error)
    await client.close()
asyncio.run(run())
"""


def test_without_the_sdk_the_extra_is_named(emulator):
    done = subprocess.run(  # our own program
        [sys.executable, "-c", WITHOUT, f"{emulator.root}{ROOT}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "log-probabilities from Tinker needs the package 'tinker'" in done.stdout
    assert "pip install 'evalharness[tinker]'" in done.stdout


def test_the_key_is_asked_for_before_the_sdk_is(emulator, ask, question):
    emulator.set_plan(Plan(keys=("tml-right",)))
    environment = {"TINKER_API_KEY": "tml-wrong", "TINKER_BASE_URL": f"{emulator.root}{ROOT}"}
    with pytest.raises(ClientError) as raised:
        ask(
            open_tinker("m", ClientSettings(environment=environment)),
            question("x", kind="score", continuation="y"),
        )
    assert ("auth", False) == (raised.value.kind, "tml-wrong" in str(raised.value))
