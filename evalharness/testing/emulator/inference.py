"""Chat and text completions, whole and streamed, good and spoiled.

Reads: request bodies.  Gives: what goes on the wire.
Depends on: shapes, streaming, models, faults, ledger, plan, wire.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

from evalharness.testing.emulator.faults import Fault, error, refusal
from evalharness.testing.emulator.ledger import Ledger, fault_for, over_capacity, ttft_s
from evalharness.testing.emulator.models import answer, digest, messages_of
from evalharness.testing.emulator.plan import Plan
from evalharness.testing.emulator.shapes import Asked, billed_tokens, whole
from evalharness.testing.emulator.streaming import stream_answer
from evalharness.testing.emulator.wire import HttpRequest, Wire


async def complete(request: HttpRequest, wire: Wire, ledger: Ledger) -> None:
    """Answer one completion request as the plan says."""
    try:
        body = request.json()
    except ValueError:
        wire.send_json(error("We could not parse the JSON body of your request"), status=400)
        return
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        wire.send_json(error("you must provide a model parameter"), status=400)
        return
    fingerprint = digest(json.dumps(body, sort_keys=True))
    model = body["model"]
    hit = ledger.enter(fingerprint, model, request.headers.get("idempotency-key", ""))
    try:
        if refuse(request, wire, ledger, model):
            return
        asked = Asked(
            body,
            model,
            answer(ledger.plan.programs.get(model) or model, body, ledger.plan.answers),
            fingerprint,
            request.path.endswith("/chat/completions"),
            ledger.requests,
        )
        turns = messages_of(body)
        last = str(turns[-1].get("content") or "") if turns else ""
        fault = fault_for(ledger.plan, model, fingerprint, last, hit)
        if fault is not None and fault.when == "stream" and not body.get("stream"):
            fault = None
        if fault is not None:
            ledger.faults[fault.name] = ledger.faults.get(fault.name, 0) + 1
        await respond(asked, fault, wire, ledger)
    finally:
        ledger.in_flight -= 1


def refuse(request: HttpRequest, wire: Wire, ledger: Ledger, model: str) -> bool:
    """Refuse for a wrong key, an unknown model or load; whether it did."""
    plan = ledger.plan
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if plan.keys and key not in plan.keys:
        wire.send_json(
            error(f"Incorrect API key provided: {key}", code="invalid_api_key"), status=401
        )
        return True
    if plan.models and model.partition("#")[0] not in plan.models:
        wire.send_json(
            error(f"The model `{model}` does not exist", code="model_not_found"), status=404
        )
        return True
    wait_s = ledger.refused_for_load(key, time.monotonic())
    if wait_s is not None:
        headers = {"Retry-After": f"{wait_s:.3f}", "X-RateLimit-Reset": f"{wait_s:.3f}"}
        wire.send_json(error("Rate limit reached"), status=429, headers=headers)
        return True
    if over_capacity(plan.limits, ledger.in_flight):
        ledger.throttled += 1
        wire.send_json(error("The server is over capacity"), status=503)
        return True
    return False


async def respond(asked: Asked, fault: Fault | None, wire: Wire, ledger: Ledger) -> None:
    """Wait as long as the latency model says, then answer or misbehave."""
    plan = ledger.plan
    stream = bool(asked.body.get("stream"))
    if fault is not None and fault.when == "refuse":
        refused = refusal(fault.name, now_epoch_s=time.time())
        body = refused.body if isinstance(refused.body, str) else json.dumps(refused.body)
        kind = "text/plain" if isinstance(refused.body, str) else "application/json"
        headers = {"Content-Type": kind, **refused.headers}
        wire.send(body.encode(), status=refused.status, headers=headers)
        return
    if fault is not None and fault.name in BEFORE:
        await BEFORE[fault.name](wire, plan)
        return
    wait_s = ttft_s(plan.latency, plan.seed, asked.number, ledger.by_model[asked.model])
    tokens = len(asked.said.tokens)
    if not stream:
        wait_s += plan.latency.per_token_s * tokens
    if wait_s > 0:
        await asyncio.sleep(wait_s)
    # Counted before a byte is sent: who has the answer finds it in the counts.
    if fault is None or fault.billed:
        ledger.bill(asked.fingerprint, asked.said.prompt_tokens, billed_tokens(asked.said))
    if fault is None or fault.expect is None:
        ledger.answer(asked.fingerprint)
    if fault is not None and fault.name in AFTER:
        await AFTER[fault.name](asked, wire, plan)
    elif stream and (fault is None or fault.name != "stream_as_json"):
        await stream_answer(asked, fault, wire, plan)
    else:
        wire.send_json(whole(asked, fault, plan))


async def _reset_before(wire: Wire, _: Plan) -> None:
    wire.reset()


async def _close_before(wire: Wire, _: Plan) -> None:
    wire.close()


async def _hang(wire: Wire, plan: Plan) -> None:
    await asyncio.sleep(plan.hang_s)
    wire.close()


async def _not_http(wire: Wire, _: Plan) -> None:
    wire.raw(b"220 smtp.example.com ESMTP\r\n\r\n")
    wire.close()


BEFORE: Final = {
    "reset_before": _reset_before,
    "close_before": _close_before,
    "hang": _hang,
    "not_http": _not_http,
}


async def _reset_after(_: Asked, wire: Wire, __: Plan) -> None:
    wire.reset()


async def _slow_headers(asked: Asked, wire: Wire, plan: Plan) -> None:
    await asyncio.sleep(plan.trickle_s * 4)
    if asked.body.get("stream"):
        await stream_answer(asked, None, wire, plan)
    else:
        wire.send_json(whole(asked, None, plan))


async def _broken_json(asked: Asked, wire: Wire, plan: Plan) -> None:
    content = json.dumps(whole(asked, None, plan)).encode()
    wire.send(content[: len(content) // 2], headers={"Content-Type": "application/json"})


async def _short_body(asked: Asked, wire: Wire, plan: Plan) -> None:
    content = json.dumps(whole(asked, None, plan)).encode()
    headers = {"Content-Type": "application/json"}
    wire.send(content, headers=headers, claimed_length=len(content) + 100)


AFTER: Final = {
    "reset_after": _reset_after,
    "slow_headers": _slow_headers,
    "broken_json": _broken_json,
    "short_body": _short_body,
}
