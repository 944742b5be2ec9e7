"""Recordings as models: what was said, what is missing, what belongs to another input."""

from __future__ import annotations

import asyncio
import json

import pytest

from evalharness.clients.replay import open_replay
from evalharness.clients.settings import ClientSettings
from evalharness.errors import DataError, HarnessError, Permanent, SpecError
from evalharness.records import Answered, Failed, Request

ENTRIES = [
    {"id": "a", "output": "one", "latency_s": 0.5, "cost_usd": 0.001},
    {"id": "b", "outputs": ["x", "y"]},
    {"id": "c", "error": "timed out"},
    {"id": "d", "output": "four", "input_sha256": "abc"},
]


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "outputs.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in ENTRIES))
    return path


def request(sample_id, repeat=0, **more):
    return Request(key="0" * 32, sample_id=sample_id, repeat=repeat, **more)


def batch(path, requests, **options):
    async def ask():
        client = open_replay(str(path), ClientSettings(options=options))
        try:
            return await client.complete_batch(requests)
        finally:
            await client.close()

    return asyncio.run(ask())


def test_recorded_answers_come_back_as_recorded(recording):
    one, x, y = batch(recording, [request("a"), request("b"), request("b", 1)])
    assert (
        one.completion.text, one.completion.latency_s, one.completion.cost_usd
    ) == ("one", 0.5, 0.001)  # fmt: skip
    assert (x.completion.text, y.completion.text) == ("x", "y")
    assert one.completion.provenance.source == "recorded"


def test_a_gap_is_a_failure_of_its_own_kind(recording):
    outcomes = batch(recording, [request("z"), request("a", 1), request("c")])
    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert [outcome.kind for outcome in outcomes[:2]] == ["missing", "missing"]
    assert outcomes[2].kind != "missing"


def test_an_answer_to_another_input_is_none(recording):
    wrong, right, unverified = batch(
        recording,
        [
            request("d", input_sha256="xyz"),
            request("d", input_sha256="abc"),
            request("a", input_sha256="xyz"),
        ],
    )
    assert wrong.kind == "mismatch"
    assert isinstance(right, Answered)
    assert isinstance(unverified, Answered)


def test_one_at_a_time_says_the_same(recording):
    async def ask():
        client = open_replay(str(recording), ClientSettings())
        answer = await client.complete(request("a"))
        with pytest.raises(Permanent) as missing:
            await client.complete(request("z"))
        with pytest.raises(Permanent) as scored:
            await client.complete(request("a", kind="score", continuation="x"))
        await client.close()
        return answer.text, missing.value.kind, scored.value.kind

    assert asyncio.run(ask()) == ("one", "missing", "unsupported")


def test_fields_of_a_recording_can_be_named(tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"qid": "a", "solution": "42"}\n')
    outcome = batch(path, [request("a")], fields={"id": "qid", "output": "solution"})[0]
    assert outcome.completion.text == "42"


def test_plain_lines_are_aligned_with_the_ids(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\n")
    outcomes = batch(path, [request("b"), request("a")], ids=["a", "b"])
    assert [outcome.completion.text for outcome in outcomes] == ["two", "one"]


def test_a_changed_recording_is_another_model(recording):
    first = open_replay(str(recording), ClientSettings()).identity
    recording.write_text(recording.read_text().replace("one", "two"))
    assert first != open_replay(str(recording), ClientSettings()).identity


def test_a_recording_reads_no_prompt(recording):
    assert not open_replay(str(recording), ClientSettings()).capabilities.prompts


@pytest.mark.parametrize("options", [{"fields": "output"}, {"fields": {"output": 3}}])
def test_wrong_options_are_refused(recording, options):
    with pytest.raises(SpecError):
        open_replay(str(recording), ClientSettings(options=options))


def test_an_unknown_option_is_refused_with_the_nearest(recording):
    with pytest.raises(SpecError, match="did you mean"):
        open_replay(str(recording), ClientSettings(options={"field": {}}))


def test_a_recording_that_is_not_there_or_broken_is_refused(tmp_path):
    with pytest.raises(HarnessError):
        open_replay(str(tmp_path / "none.jsonl"), ClientSettings())
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "a", "output": "x"}\n{"id": \n')
    with pytest.raises(DataError) as refused:
        open_replay(str(broken), ClientSettings())
    assert "2" in str(refused.value)
