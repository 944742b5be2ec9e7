"""The record layer is frozen: one of each is built, written and read back."""

from __future__ import annotations

import math
import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import records, results
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.records import (
    Answered,
    Asked,
    Attempt,
    CodeTask,
    Completion,
    Estimate,
    Execution,
    Failed,
    Item,
    Judgement,
    Message,
    Provenance,
    Record,
    Request,
    Sample,
    Sampling,
    Scored,
    TokenLogprob,
    ToolCall,
    Undetermined,
    Unscored,
    Usage,
)
from evalharness.spec import suite as spec
from evalharness.store import journal, marks, runs

CALL = ToolCall(name="search", arguments='{"q": "caves"}', id="c1")
MESSAGE = Message(role="assistant", content=None, tool_calls=(CALL,))
CODE = CodeTask(tests="def check(f): assert f(1) == 1", entry_point="f", preload=("math",))
SAMPLE = Sample(
    id="q1#2",
    input="où?",
    messages=(MESSAGE,),
    targets=("a", "b"),
    cluster="story-7",
    slices={"lang": "fr"},
    metadata={"n": [1, None, {"deep": True}]},
    code=CODE,
    tools=({"type": "function"},),
    target_tool_calls=(CALL,),
    content_sha256="ab" * 32,
)
USAGE = Usage(prompt_tokens=3, completion_tokens=1, cached_tokens=2, reasoning_tokens=1)
COMPLETION = Completion(
    text="ici\x00\u202e",
    finish="stop",
    tool_calls=(CALL,),
    reasoning="hm",
    usage=USAGE,
    latency_s=0.5,
    ttft_s=0.1,
    cost_usd=1e-6,
    logprobs=(TokenLogprob(token="i", logprob=-0.1),),
    served_model="m-1",
    system_fingerprint="fp",
    provenance=Provenance(source="live", session="s"),
)
ATTEMPT = Attempt(started_at="2026-01-01T00:00:00Z", latency_s=0.5, status=200, billed="yes")
ANSWERED = Answered(completion=COMPLETION, attempts=(ATTEMPT,))
FAILED = Failed(kind="throttle", detail="429", attempts=(ATTEMPT,))
REQUEST = Request(
    key="k",
    sample_id="q1",
    repeat=2,
    kind="score",
    messages=(MESSAGE,),
    continuation=" yes",
    sampling=Sampling(temperature=0.7, seed=3, stop=("\n",)),
    tools=({"type": "function"},),
)
EXECUTION = Execution(task="q1", program_sha256="0" * 64, status="timeout_cpu", cpu_s=3.0)
JUDGEMENT = Judgement(judge="j", outcome=ANSWERED, parsed={"score": 4})

ONE_OF_EACH = [
    CALL, MESSAGE, CODE, SAMPLE, Sampling(), REQUEST, USAGE, COMPLETION, ATTEMPT, ANSWERED, FAILED,
    EXECUTION, JUDGEMENT, Provenance(), TokenLogprob(token="a", logprob=-1.0, top={"b": -2.0}),
    Item(sample=SAMPLE, completion=COMPLETION, text="ici", evidence={"execution": EXECUTION}),
    Asked(sample=SAMPLE, outcome=FAILED, unparsed=True),
    Scored(row=(0.5, 1.0)), Unscored(reason="no reference"),
    Estimate(value=0.5, lower=0.4, upper=0.6, level=0.9, method="wilson", n=10, n_clusters=10),
    Undetermined(reason="one cluster", n=4),
    Identity(provider="openai", model="m", base_url="http://x", details={"rev": "1"}),
    Capabilities(), Limits(),
    journal.OutcomeEntry(id="q1", key="k", outcome=ANSWERED),
    journal.EvidenceEntry(id="q1", name="execution", evidence=EXECUTION),
    marks.MarkLine(id="q1", rows={"f1": (0.5, 1.0)}, best={"f1": (1.0, 1.0)}, failed="missing"),
    spec.Suite(name="s", metrics=(spec.MetricSpec(name="f1", options={"variant": "v2"}),)),
    spec.Baseline(name="b", model="openai/m", prompt=spec.PromptSpec()),
]  # fmt: skip


@pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda record: type(record).__name__)
def test_a_record_reads_back_equal(record):
    encoded = msgspec.json.encode(record)
    assert record == msgspec.json.decode(encoded, type=type(record))


@pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda record: type(record).__name__)
def test_a_record_is_immutable(record):
    name = msgspec.structs.fields(record)[0].name
    with pytest.raises(AttributeError):
        setattr(record, name, None)


@pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda record: type(record).__name__)
def test_a_record_refuses_unknown_keys(record):
    raw = msgspec.to_builtins(record) | {"surprise": 1}
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        msgspec.convert(raw, type(record))


def test_every_record_of_the_layer_stands_in_this_test_or_is_a_result():
    layer = {kind for kind in vars(records).values() if _is_record(kind)} - {Record}
    assert set() == layer - {type(record) for record in ONE_OF_EACH}
    assert {kind.__name__ for kind in vars(results).values() if _is_record(kind)} >= {"Facts"}
    assert _is_record(runs.Manifest)


def _is_record(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_record_holds_a_number_that_json_would_lose(number):
    with pytest.raises(ValueError, match="finite"):
        Completion(text="", latency_s=number)
    with pytest.raises(ValueError, match="finite"):
        Scored(row=(number,))
    with pytest.raises(ValueError, match="finite"):
        Estimate(value=number, lower=0, upper=1, level=0.9, method="t", n=2, n_clusters=2)
    with pytest.raises(ValueError, match="finite"):
        Sampling(temperature=number)
    with pytest.raises(ValueError, match="finite"):
        TokenLogprob(token="a", logprob=number)


def test_outcomes_are_told_apart_by_their_tag():
    for outcome in (ANSWERED, FAILED):
        decoded = msgspec.json.decode(msgspec.json.encode(outcome), type=records.Outcome)
        assert type(outcome) is type(decoded)


def test_every_failure_kind_is_explained():
    assert set(typing.get_args(records.FailureKind)) == set(records.FAILURE_KINDS)


@given(st.text(), st.text())
def test_any_text_survives_the_codec(answer, reasoning):
    text = answer.encode("utf-8", "replace").decode()
    completion = Completion(text=text, reasoning=reasoning.encode("utf-8", "replace").decode())
    assert completion == msgspec.json.decode(msgspec.json.encode(completion), type=Completion)
