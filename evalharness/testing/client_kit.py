"""check_client, check_http_client: does a client keep its contract?  Built-ins and plug-ins alike.

Reads: a client.  Gives: nothing, or AssertionError that lists every broken rule.
Depends on: contracts, records, errors, testing.emulator.

`check_client` needs any client: identity, limits, one answer or an honest error, batches in order,
what it says it cannot do, closing twice.  `check_http_client` needs a client that can be pointed
at an address: every fault of the emulator by name, whole and streamed, and no answer given to
another question under load.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from evalharness.contracts import BatchClient, Client, Identity, Limits
from evalharness.errors import ClientError, Fatal, Permanent, Transient
from evalharness.records import (
    FAILURE_KINDS,
    Answered,
    Completion,
    Failed,
    Message,
    Request,
    Sampling,
)
from evalharness.testing.emulator import FaultRule, Plan, serve
from evalharness.testing.emulator.faults import FAULTS, Fault

ASKED: Final = "Wie heißt die Hauptstadt? 首都 🙂 a b c"
LOAD: Final = 200
IN_FLIGHT: Final = 50
PATIENT_TRIES: Final = 5
PATIENCE_S: Final = 20.0
HANG_S: Final = 5.0
"""How long the emulator hangs; a client under test must have given up well before."""


def check_client(client: Client, request: Request | None = None) -> None:
    """Check any client; `request` is one that it can answer, if a plain question is not.

    Raises AssertionError that lists every broken rule.
    """
    broken: list[str] = []
    check_attributes(client, broken)
    if not broken:
        asyncio.run(_check_asking(client, request or ask(ASKED), broken))
    _tell(broken, type(client).__name__)


def check_http_client(
    open_at: Callable[[str], Client], faults: Iterable[str] | None = None
) -> None:
    """Check a client of an OpenAI-compatible server against every fault by name.

    open_at: opens the client for model `echo` at a base URL, with time limits of about a second to
    the first byte and between two pieces.  faults: names of FAULTS; all if None.
    Raises AssertionError that lists every broken rule.
    """
    broken: list[str] = []
    names = tuple(FAULTS) if faults is None else tuple(faults)
    with serve() as emulator:
        for name in names:
            rule = FaultRule(faults=(name,), times=None)
            emulator.set_plan(Plan(rules=(rule,), hang_s=HANG_S))
            outcome = asyncio.run(_ask_once(open_at(emulator.url)))
            met = emulator.state()["faults"].get(name, 0) > 0
            broken += judge(FAULTS[name], outcome, met=met)
    _tell(broken, "client")


def check_http_load(open_at: Callable[[str], Client]) -> None:
    """Ask many questions at once and look whether each got its own answer.

    open_at: as for `check_http_client`.  Raises AssertionError where one did not.
    """
    with serve() as emulator:
        broken = asyncio.run(_check_load(open_at(emulator.url)))
    _tell(broken, "client")


def ask(text: str, *, sample_id: str = "q1", sampling: Sampling | None = None) -> Request:
    """A plain question."""
    return Request(
        key=f"{hash_of(text):032x}",
        sample_id=sample_id,
        messages=(Message(role="user", content=text),),
        sampling=sampling or Sampling(max_tokens=64),
    )


def hash_of(text: str) -> int:
    """128 bits of a text."""
    import hashlib

    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


def check_attributes(client: Client, broken: list[str]) -> None:
    """What a client says of itself."""
    if not isinstance(client, Client):
        broken.append("it lacks identity, capabilities, limits, complete or close")
        return
    identity = client.identity
    if not isinstance(identity, Identity) or not identity.provider or not identity.model:
        broken.append("identity must be an Identity with provider and model")
    elif "@" in identity.base_url.partition("//")[2].partition("/")[0]:
        broken.append("identity.base_url holds credentials")
    limits = client.limits
    if not isinstance(limits, Limits) or limits.max_connections < 1 or limits.batch_size < 1:
        broken.append("limits must be Limits of 1 or more")
    elif limits.batch_size > 1 and not isinstance(client, BatchClient):
        broken.append("limits.batch_size is above 1, but there is no complete_batch")


def check_completion(completion: object, broken: list[str]) -> None:
    """Whether an answer is one, with numbers that make sense."""
    if not isinstance(completion, Completion):
        broken.append(f"complete gave {type(completion).__name__}, not a Completion")
        return
    for name in ("latency_s", "ttft_s", "cost_usd"):
        value = getattr(completion, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            broken.append(f"{name} is {value}")
    if (completion.ttft_s or 0.0) > (completion.latency_s or math.inf):
        broken.append("the first token came after the last")
    usage = completion.usage
    if usage is not None and (usage.prompt_tokens < 0 or usage.completion_tokens < 0):
        broken.append(f"usage is negative: {usage}")


async def _check_asking(client: Client, request: Request, broken: list[str]) -> None:
    first = await _outcome(client, request, broken)
    second = await _outcome(client, request, broken)
    if client.capabilities.deterministic and _text(first) != _text(second):
        broken.append("it says that it is deterministic, and gave two answers to one request")
    if not client.capabilities.score:
        scored = Request(key=request.key, sample_id="s", kind="score", continuation=" Paris")
        outcome = await _outcome(client, scored, broken)
        if not isinstance(outcome, Failed) or outcome.kind != "unsupported":
            broken.append("it cannot score, and did not say `unsupported` when asked to")
    if isinstance(client, BatchClient):
        await _check_batches(client, request, broken)
    await client.close()
    await client.close()


async def _check_batches(client: BatchClient, request: Request, broken: list[str]) -> None:
    if list(await client.complete_batch([])) != []:
        broken.append("an empty batch must give no outcomes")
    requests = [request, ask("another question", sample_id="q2"), request]
    outcomes = list(await client.complete_batch(requests))
    if len(outcomes) != len(requests):
        broken.append(f"a batch of {len(requests)} gave {len(outcomes)} outcomes")
        return
    broken.extend(
        f"a batch gave {type(outcome).__name__}, not an outcome"
        for outcome in outcomes
        if not isinstance(outcome, Answered | Failed)
    )
    if client.capabilities.deterministic:
        alone = [await _outcome(client, each, broken) for each in requests]
        if [_text(outcome) for outcome in outcomes] != [_text(outcome) for outcome in alone]:
            broken.append("answers of a batch differ from those asked alone, or their order does")


async def _outcome(client: Client, request: Request, broken: list[str]) -> Answered | Failed:
    try:
        completion = await client.complete(request)
    except ClientError as error:
        if error.kind not in FAILURE_KINDS:
            broken.append(f"failure kind {error.kind!r} is not one of FAILURE_KINDS")
            return Failed(kind="unknown", detail=error.message)
        return Failed(kind=error.kind, detail=error.message)  # type: ignore[arg-type]  # checked
    except Exception as error:  # noqa: BLE001  # the kit reports whatever a client raises
        broken.append(f"complete raised {type(error).__name__}: {error}")
        return Failed(kind="unknown", detail=str(error))
    check_completion(completion, broken)
    return Answered(completion=completion)


def _text(outcome: Answered | Failed) -> str:
    return outcome.completion.text if isinstance(outcome, Answered) else f"failed: {outcome.kind}"


async def _ask_once(client: Client) -> tuple[Completion | BaseException, float]:
    started = time.monotonic()
    outcome: Completion | BaseException
    try:
        outcome = await asyncio.wait_for(client.complete(ask(ASKED)), PATIENCE_S)
    except Exception as error:  # noqa: BLE001  # the kit reports whatever a client raises
        outcome = error
    finally:
        await client.close()
    return outcome, time.monotonic() - started


def judge(
    fault: Fault, outcome: tuple[Completion | BaseException, float], *, met: bool
) -> list[str]:
    """What is wrong with how a client took a fault.

    met: whether the request came to the fault; one of a stream is not met by a client without.
    """
    got, took_s = outcome
    broken = (
        judge_failure(fault, got)
        if met and fault.expect is not None
        else judge_answer(fault.name, got)
    )
    if took_s >= HANG_S:
        broken.append(f"{fault.name}: took {took_s:.1f} s, past its time limits")
    return broken


def judge_answer(name: str, got: Completion | BaseException) -> list[str]:
    """What is wrong where the answer was still good."""
    if not isinstance(got, Completion):
        return [f"{name}: still an answer, but it raised {got!r}"]
    if got.text != ASKED:
        return [f"{name}: the answer was changed to {got.text!r}"]
    if got.usage is None or got.usage.completion_tokens < 1:
        return [f"{name}: an answer must not cost 0 tokens: {got.usage}"]
    return []


def judge_failure(fault: Fault, got: Completion | BaseException) -> list[str]:
    """What is wrong where there was no answer."""
    if isinstance(got, Completion):
        return [f"{fault.name}: a failure was taken for the answer {got.text!r}"]
    if not isinstance(got, ClientError):
        return [f"{fault.name}: raised {type(got).__name__}: {got}"]
    broken = []
    if got.kind != fault.expect:
        broken.append(f"{fault.name}: is {fault.expect}, was reported as {got.kind}: {got}")
    found = "again" if isinstance(got, Transient) else "stop" if isinstance(got, Fatal) else "never"
    if found != fault.retry or not isinstance(got, Transient | Permanent):
        broken.append(f"{fault.name}: should be {fault.retry}, but is {type(got).__name__}")
    return broken


async def _check_load(client: Client) -> list[str]:
    questions = [f"question {number}?" for number in range(LOAD)]
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def answer(text: str) -> str:
        """Ask until it is answered, a few times."""
        for _ in range(PATIENT_TRIES):
            async with slots:
                try:
                    return (await client.complete(ask(text, sample_id=text))).text
                except Transient:
                    continue  # a busy machine may be too slow for the client's time limits
        return text

    try:
        answers = await asyncio.gather(*map(answer, questions))
    except ClientError as error:
        return [f"under load it raised {error!r}"]
    finally:
        await client.close()
    wrong = sum(got != text for got, text in zip(answers, questions, strict=True))
    return [f"{wrong} of {LOAD} answers were given to another question"] if wrong else []


def _tell(broken: Sequence[str], name: str) -> None:
    if broken:
        raise AssertionError(f"{name} breaks its contract:\n  " + "\n  ".join(broken))
