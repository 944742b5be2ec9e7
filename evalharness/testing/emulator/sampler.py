"""Tinker's own protocol, as its SDK speaks it: sessions, samples as futures, answers as protobuf.

Reads: token ids.  Gives: Samplers, handle_sampler.
Depends on: bytewise, protobuf, models, faults, ledger, wire.
Only what sampling and log-probabilities need.  A model likes what it would say itself: its own
next token is likelier than any other (`likelihood`), so that a choice by likelihood is right as
often as its answers are.  Source of routes and messages: the SDK `tinker` 0.38.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evalharness.records import JsonObject
from evalharness.testing.emulator.bytewise import BYTES, END, conversation, decode, encode
from evalharness.testing.emulator.faults import error, refusal
from evalharness.testing.emulator.ledger import Ledger, fault_for, ttft_s, unit
from evalharness.testing.emulator.models import answer, digest
from evalharness.testing.emulator.protobuf import blob, number
from evalharness.testing.emulator.wire import HttpRequest, Wire

ROOT: Final = "/services/tinker-prod"
"""Where Tinker's routes stand; its SDK is given this with the host in front."""

SAMPLER: Final = re.compile(r"/api/v1/samplers/(?P<id>[\w.:-]+)")
FINISH: Final = re.compile(r"/api/v1/sessions/[\w.:-]+/finish")
LONG_POLL_S: Final = 0.2
"""An answer that takes longer is told to be asked for again."""

PROTOBUF: Final = "application/x-protobuf"


@dataclass(slots=True)
class Future:
    """A sample that was asked for. left_s: how long it still takes."""

    answer: bytes
    left_s: float


@dataclass(slots=True)
class Samplers:
    """Sampling sessions (id -> model) and the samples that were not fetched yet."""

    models: dict[str, str] = field(default_factory=dict)
    futures: dict[str, Future] = field(default_factory=dict)
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a model made of a prompt, in token ids."""

    tokens: list[int]
    finish: str


async def handle_sampler(
    samplers: Samplers, request: HttpRequest, wire: Wire, ledger: Ledger
) -> bool:
    """Answer a request, if its path is one of ours; whether it was."""
    path = request.path.removeprefix(ROOT)
    if not path.startswith("/api/v1/"):
        return False
    if refuse_key(request, wire, ledger):
        return True
    found = SAMPLER.fullmatch(path)
    if found:
        show_sampler(samplers, found["id"], wire)
    elif path == "/api/v1/create_sampling_session":
        create(samplers, request, wire, ledger)
    elif path == "/api/v1/asample":
        sample(samplers, request, wire, ledger)
    elif path == "/api/v1/retrieve_future":
        await retrieve(samplers, request, wire)
    elif path in PLAIN or FINISH.fullmatch(path):
        wire.send_json(PLAIN.get(path, {}))
    else:
        return False
    return True


PLAIN: Final[dict[str, JsonObject]] = {
    "/api/v1/client/config": {"use_pyqwest_transport": False},
    "/api/v1/client/dynamic_config": {},
    "/api/v1/create_session": {"session_id": "session-1"},
    "/api/v1/session_heartbeat": {},
    "/api/v1/get_server_capabilities": {"supported_models": []},
    "/api/v1/telemetry": {"status": "accepted"},
    "/api/v1/cancel_future": {},
}
"""Routes that always say the same."""


def refuse_key(request: HttpRequest, wire: Wire, ledger: Ledger) -> bool:
    """Refuse a key that the plan does not accept; whether it did."""
    keys = ledger.plan.keys
    if not keys or request.headers.get("x-api-key", "") in keys:
        return False
    wire.send_json(error("Invalid API key", code="invalid_api_key"), status=401)
    return True


def show_sampler(samplers: Samplers, name: str, wire: Wire) -> None:
    """Which model a session samples from."""
    model = samplers.models.get(name)
    if model is None:
        wire.send_json(error(f"no sampler {name}"), status=404)
        return
    wire.send_json({"sampler_id": name, "base_model": "emulator/bytewise", "model_path": model})


def create(samplers: Samplers, request: HttpRequest, wire: Wire, ledger: Ledger) -> None:
    """A sampling session for a model's path or a base model's name."""
    body = request.json()
    model = body.get("model_path") or body.get("base_model") or ""
    if ledger.plan.models and model not in ledger.plan.models:
        wire.send_json(error(f"The model `{model}` does not exist"), status=404)
        return
    name = f"sampler-{len(samplers.models) + 1}"
    samplers.models[name] = model
    wire.send_json({"type": "create_sampling_session", "sampling_session_id": name})


def sample(samplers: Samplers, request: HttpRequest, wire: Wire, ledger: Ledger) -> None:
    """Take a sample in; the answer is fetched by `retrieve`. Refusals come here."""
    body = request.json()
    model = samplers.models.get(body.get("sampling_session_id") or "", "")
    asked = {name: body[name] for name in ("prompt", "sampling_params") if name in body}
    fingerprint = digest(json.dumps([model, asked, body.get("prompt_logprobs")], sort_keys=True))
    hit = ledger.enter(fingerprint, model, request.headers.get("x-idempotency-key", ""))
    ledger.in_flight -= 1
    prompt = [token for chunk in body["prompt"]["chunks"] for token in chunk["tokens"]]
    fault = fault_for(ledger.plan, model, fingerprint, decode(prompt), hit)
    if refuse_load(request, wire, ledger):
        return
    if fault is not None and fault.when == "refuse":
        ledger.faults[fault.name] = ledger.faults.get(fault.name, 0) + 1
        refused = refusal(fault.name, now_epoch_s=0.0)
        wire.send_json(refused.body, status=refused.status, headers=refused.headers)
        return
    made = sampled(ledger.plan.programs.get(model) or model, prompt, body, ledger)
    ledger.bill(fingerprint, len(prompt), len(made.tokens))
    ledger.answer(fingerprint)
    samplers.asked += 1
    name = f"{body['sampling_session_id']}:{samplers.asked}"
    wait_s = ttft_s(ledger.plan.latency, ledger.plan.seed, samplers.asked, hit)
    samplers.futures[name] = Future(response(made, prompt, body, ledger, model), wait_s)
    wire.send_json({"request_id": name, "sample_sequence_ids": [f"{name}:0"]})


def refuse_load(request: HttpRequest, wire: Wire, ledger: Ledger) -> bool:
    """Refuse for load, as the other routes do; whether it did."""
    key = request.headers.get("x-api-key", "")
    wait_s = ledger.refused_for_load(key, time.monotonic())
    if wait_s is None:
        return False
    wire.send_json(
        error("Rate limit reached"), status=429, headers={"Retry-After": f"{wait_s:.3f}"}
    )
    return True


async def retrieve(samplers: Samplers, request: HttpRequest, wire: Wire) -> None:
    """The answer of a sample, or that it must be asked for again."""
    name = request.json().get("request_id", "")
    future = samplers.futures.get(name)
    if future is None:
        wire.send_json({"error": f"no request {name}", "category": "user"})
        return
    waited_s = min(future.left_s, LONG_POLL_S)
    await asyncio.sleep(waited_s)
    future.left_s -= waited_s
    if future.left_s > 0:
        wire.send_json({"type": "try_again", "request_id": name, "queue_state": "active"})
        return
    del samplers.futures[name]
    wire.send(future.answer, headers={"Content-Type": PROTOBUF})


def sampled(program: str, prompt: Sequence[int], body: JsonObject, ledger: Ledger) -> Sampled:
    """What a program says to a prompt, cut off at the limit."""
    params = body.get("sampling_params") or {}
    limit = params.get("max_tokens")
    tokens = own_answer(program, prompt, params, ledger)
    if limit is not None and len(tokens) > limit:
        return Sampled(tokens[:limit], "length")
    return Sampled(tokens, "stop")


def own_answer(
    program: str, prompt: Sequence[int], params: JsonObject, ledger: Ledger
) -> list[int]:
    """What a program would say to a prompt's conversation, with the token that ends it."""
    asked, _ = conversation(prompt)
    options = {name: params[name] for name in ("temperature", "seed", "stop") if params.get(name)}
    said = answer(program, {**asked, **options}, ledger.plan.answers)
    return [*encode(said.text), END]


def likelihood(token: int, before: Sequence[int], expected: int | None) -> float:
    """A made-up log-probability: in (-0.5, 0] for what the model would say, else in (-6, -3]."""
    luck = unit(f"{bytes(value % 256 for value in before[-64:]).hex()}:{len(before)}:{token}")
    return -0.5 * luck if token == expected else -3.0 - 3.0 * luck


def prompt_likelihoods(
    program: str, prompt: Sequence[int], ledger: Ledger, last: int | None
) -> list[float]:
    """A log-probability a token, NaN for the first and for all before the last `last`."""
    _, begun = conversation(prompt)
    start = len(prompt) - len(begun)
    own = own_answer(program, prompt[:start], {}, ledger) if begun else []
    first = 1 if last is None else max(1, len(prompt) - last)
    numbers = [math.nan] * len(prompt)
    for place in range(first, len(prompt)):
        behind = place - start
        agrees = 0 <= behind < len(own) and list(prompt[start:place]) == own[:behind]
        expected = own[behind] if agrees else None
        numbers[place] = likelihood(prompt[place], prompt[:place], expected)
    return numbers


def response(
    made: Sampled, prompt: Sequence[int], body: JsonObject, ledger: Ledger, model: str
) -> bytes:
    """The SampleResponse of one sequence, as protobuf."""
    numbers = [
        likelihood(token, [*prompt, *made.tokens[:place]], token)
        for place, token in enumerate(made.tokens)
    ]
    sequence = number(1, int(made.finish == "length")) + blob(2, int32s(made.tokens))
    sequence += blob(3, floats(numbers))
    top = int(body.get("topk_sample_logprobs") or 0)
    if top:
        sequence += blob(4, alternatives(made.tokens, numbers, top))
    whole = blob(1, sequence)
    if body.get("prompt_logprobs"):
        program = ledger.plan.programs.get(model) or model
        last = body.get("prompt_logprobs_last_n")
        whole += blob(2, floats(prompt_likelihoods(program, prompt, ledger, last)))
    return whole


def alternatives(tokens: Sequence[int], numbers: Sequence[float], top: int) -> bytes:
    """TopkLogprobs: each token itself, then those behind it in the vocabulary, less likely."""
    ids = [(token + rank) % BYTES if rank else token for token in tokens for rank in range(top)]
    shares = [value - 4.0 * rank for value in numbers for rank in range(top)]
    cells = blob(1, int32s(ids)) + blob(2, floats(shares))
    return cells + number(3, top) + number(4, len(tokens))


def int32s(values: Sequence[int]) -> bytes:
    """Little-endian, four bytes each."""
    return struct.pack(f"<{len(values)}i", *values)


def floats(values: Sequence[float]) -> bytes:
    """Little-endian, single precision."""
    return struct.pack(f"<{len(values)}f", *values)
