"""Deterministic answers."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.scripted import open_scripted, scripted_client
from evalharness.clients.settings import ClientSettings
from evalharness.errors import DataError, Permanent, SpecError
from evalharness.records import FAILURE_KINDS, Answered, Failed, Message, Request


def answers(model, requests, **options):
    client = open_scripted(model, ClientSettings(options=options))
    return asyncio.run(client.complete_batch(requests))


def texts(outcomes):
    return [
        outcome.completion.text if isinstance(outcome, Answered) else f"!{outcome.kind}"
        for outcome in outcomes
    ]


def plain(text, sample_id="q", repeat=0):
    messages = (Message(role="user", content=text), Message(role="assistant", content="no"))
    return Request(key="0" * 32, sample_id=sample_id, repeat=repeat, messages=messages)


@given(st.text())
def test_echo_and_reverse_answer_with_the_last_question(text):
    assert [text] == texts(answers("echo", [plain(text)]))
    assert [text[::-1]] == texts(answers("reverse", [plain(text)]))


def test_a_constant_says_always_the_same():
    assert texts(answers("constant?text=4%202", [plain("a"), plain("b")])) == ["4 2", "4 2"]
    assert texts(answers("constant", [plain("a")], text="x")) == ["x"]


@pytest.mark.parametrize("kind", FAILURE_KINDS)
def test_every_kind_of_failure_can_be_rehearsed(kind):
    outcome = answers(f"fail?kind={kind}", [plain("a")])[0]
    assert isinstance(outcome, Failed)
    assert kind == outcome.kind
    client = open_scripted(f"fail?kind={kind}", ClientSettings())
    with pytest.raises(Permanent) as failed:
        asyncio.run(client.complete(plain("a")))
    assert kind == failed.value.kind


def test_a_share_of_requests_fails_and_always_the_same_ones():
    requests = [plain(f"{n}", sample_id=f"q{n}") for n in range(1000)]
    first = texts(answers("fail?kind=timeout&p=0.1&seed=3", requests))
    assert 70 <= first.count("!timeout") <= 130
    assert first == texts(answers("fail?kind=timeout&p=0.1&seed=3", requests))
    assert first[::-1] == texts(answers("fail?kind=timeout&p=0.1&seed=3", requests[::-1]))
    assert first != texts(answers("fail?kind=timeout&p=0.1&seed=4", requests))


def test_times_and_cost_can_be_scripted():
    completion = answers("echo?latency_s=0.5&ttft_s=0.1&cost_usd=0.002", [plain("a b")])[
        0
    ].completion
    assert (completion.latency_s, completion.ttft_s, completion.cost_usd) == (0.5, 0.1, 0.002)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (3, 2)
    assert completion.usage.estimated


SCRIPT = """
q1: Paris
"q1@1": London
q2: {text: "4", latency_s: 0.5, finish: length, prompt_tokens: 7, completion_tokens: 1}
q3: {fail: throttle}
What is up?: not much
"*": {text: else}
"""


def test_a_file_answers_by_id_repeat_question_and_default(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text(SCRIPT)
    requests = [
        plain("x", "q1"),
        plain("x", "q1", repeat=1),
        plain("x", "q1", repeat=2),
        plain("x", "q2"),
        plain("x", "q3"),
        plain("What is up?", "q9"),
        plain("y", "q9"),
    ]
    outcomes = answers(str(path), requests)
    assert texts(outcomes) == ["Paris", "London", "Paris", "4", "!throttle", "not much", "else"]
    four = outcomes[3].completion
    assert (four.finish, four.latency_s, four.usage.estimated) == ("length", 0.5, False)


def test_what_a_script_lacks_is_missing():
    client = scripted_client({"q1": "Paris"})
    outcomes = asyncio.run(client.complete_batch([plain("a", "q1"), plain("a", "q2")]))
    assert texts(outcomes) == ["Paris", "!missing"]


def test_a_changed_script_is_another_model(tmp_path):
    path = tmp_path / "answers.json"
    identities = []
    for text in ('{"q": "a"}', '{"q": "b"}'):
        path.write_text(text)
        identities.append(open_scripted(str(path), ClientSettings()).identity)
    assert identities[0] != identities[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a", "mapping"),
        ("q1: 5", "q1"),
        ("q1: {text: a, fail: throttle}", "either"),
        ("q1: {}", "either"),
        ("q1: {fail: tired}", "q1"),
        ("q1: {texxt: a}", "q1"),
        ("q1: [", "YAML"),
        ("q1: {text: a, cost_usd: .nan}", "finite"),
    ],
)
def test_a_wrong_script_is_refused_with_its_place(tmp_path, content, words):
    path = tmp_path / "answers.yaml"
    path.write_text(content)
    with pytest.raises(DataError) as refused:
        open_scripted(str(path), ClientSettings())
    assert words in str(refused.value)
    assert "answers.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("ecko", "did you mean 'echo'"),
        ("no/such/file.yaml", "script file"),
        ("echo?sped=3", "option 'sped'"),
        ("echo?latency_s=soon", "number"),
        ("fail?kind=tyred", "failure kind"),
    ],
)
def test_a_wrong_name_or_option_is_refused(model, words):
    with pytest.raises(SpecError) as refused:
        open_scripted(model, ClientSettings())
    assert words in str(refused.value)
