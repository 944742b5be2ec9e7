"""Batches at a provider: all questions in one file, answered within a day at half the price.

    openai/gpt-4o-mini?mode=batch        together/meta-llama/...?mode=batch

Reads and writes: a small note of each submitted batch in the cache folder, so that a run that is
killed follows its batch instead of paying for it again.
Gives: BatchApiClient (a BatchClient).
Depends on: rest, uploads, payloads, answers, refusals, pricing, settings.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import orjson

from evalharness.clients.answers import read_answer, usage_or_estimate
from evalharness.clients.calls import NOT_BILLED, fatal, permanent
from evalharness.clients.payloads import encode_request
from evalharness.clients.pricing import cost_usd, price_of
from evalharness.clients.refusals import refusal
from evalharness.clients.rest import Rest, Sending
from evalharness.clients.settings import ClientSettings
from evalharness.clients.transport import Endpoint
from evalharness.clients.uploads import download, upload_form, upload_signed
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import ClientError, Transient
from evalharness.records import (
    Answered,
    Completion,
    Failed,
    JsonObject,
    Outcome,
    Provenance,
    Request,
)
from evalharness.store.files import write_atomic

BATCH_SIZE: Final = 10_000
DISCOUNT: Final = 0.5
"""Both providers bill a batch at half of the price of single requests."""

WINDOW_S: Final = 24 * 3600.0
POLL_S: Final = 30.0
BATCHES: Final = 3
"""Batches that one set of questions may take, where each expires before it is through."""

UNASKED: Final = frozenset({"batch_expired", "batch_cancelled"})
"""OpenAI's codes of lines that were never asked; they stand in the error file."""

ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
Protocol = Literal["openai", "together"]


class BatchApiClient:
    """Asks by batch: submits, follows, collects.

    protocol: how files are uploaded and batches are shown.
    sleep: how to wait between two looks, for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: ClientSettings,
        protocol: Protocol,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        details = {**endpoint.details, "mode": "batch"}
        self.identity = Identity(
            provider=endpoint.provider,
            model=endpoint.model,
            base_url=endpoint.address.root,
            details=details,
        )
        self.capabilities = Capabilities(logprobs=True, seed=True, tools=True)
        self.limits = Limits(max_connections=1, batch_size=BATCH_SIZE)
        self._endpoint = endpoint
        self._settings = settings
        self._protocol = protocol
        self._price = settings.price or price_of(self.identity, settings.environment)
        self._sleep = sleep
        self._rest = Rest(endpoint, settings, sleep=sleep)

    async def complete(self, request: Request) -> Completion:
        """A batch of one; raises Permanent where it failed."""
        outcome = (await self.complete_batch([request]))[0]
        if isinstance(outcome, Failed):
            raise permanent(outcome.kind, outcome.detail, NOT_BILLED)
        return outcome.completion

    async def complete_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One outcome a request, in order; raises Fatal where the batch as a whole is refused."""
        if not requests:
            return []
        self._endpoint.check_key()
        lines, outcomes = self._lines(requests)
        if lines:
            try:
                outcomes.update(await self._asked(lines, requests))
            except Transient as error:
                raise fatal(
                    "connection",
                    f"the provider cannot be reached: {error.message}",
                    mend="run again: a batch that was submitted goes on and is followed",
                ) from error
        return [outcomes[index] for index in range(len(requests))]

    async def _asked(
        self, lines: dict[int, bytes], requests: Sequence[Request]
    ) -> dict[int, Outcome]:
        """The outcome of every line; what a batch leaves when it expires goes into another one."""
        found: dict[int, Outcome] = {}
        missing = lines
        for _ in range(BATCHES):
            batch = await self._follow(await self._submitted(missing))
            ended = await self._collect(batch, requests)
            found.update({index: ended[index] for index in missing if index in ended})
            answered, missing = missing, {i: lines[i] for i in missing if i not in found}
            status = str(batch.get("status", "")).lower()
            if status != "completed":
                self._forget(answered)
            if not missing or status != "expired":
                break
        return found | {index: self._left_out() for index in missing}

    async def close(self) -> None:
        """Close all connections; may be called twice. Batches go on at the provider."""
        await self._rest.close()

    def _lines(self, requests: Sequence[Request]) -> tuple[dict[int, bytes], dict[int, Outcome]]:
        """The lines of the batch's file by index, and the outcomes of what cannot be sent."""
        lines: dict[int, bytes] = {}
        outcomes: dict[int, Outcome] = {}
        endpoint = self._endpoint
        for index, request in enumerate(requests):
            if request.kind == "score":
                outcomes[index] = failed("unsupported", "a batch cannot score a continuation")
                continue
            try:
                body = encode_request(request, endpoint.model, endpoint.dialect)
            except ClientError as error:
                outcomes[index] = failed(error.kind, error.message)
                continue
            entry = {
                "custom_id": f"{index}",
                "method": "POST",
                "url": self._route(),
                "body": orjson.Fragment(body),
            }
            lines[index] = orjson.dumps(entry) + b"\n"
        return lines, outcomes

    def _route(self) -> str:
        chat = self._endpoint.dialect.api == "chat"
        return "/v1/chat/completions" if chat else "/v1/completions"

    async def _submitted(self, lines: dict[int, bytes]) -> str:
        """The id of the batch of these very lines, submitted now or by a run before."""
        content = b"".join(lines.values())
        note = self._note_path(content)
        if note is not None and note.is_file():
            return str(json.loads(note.read_bytes())["batch"])
        upload = upload_form if self._protocol == "openai" else upload_signed
        purpose = "batch" if self._protocol == "openai" else "batch-api"
        file = await upload(self._rest, "requests.jsonl", content, purpose=purpose)
        asked = {
            "input_file_id": file,
            "endpoint": self._route(),
            "completion_window": "24h",
        }
        made = (await self._rest.call("POST", "/batches", Sending(json=asked))).json()
        shown = made.get("job") or made
        batch = str(shown.get("id") or "")
        if not batch:
            raise fatal("malformed", f"the provider gave no batch: {str(made)[:120]}")
        if note is not None:
            write_atomic(note, json.dumps({"format": 1, "batch": batch}).encode())
        return batch

    def _note_path(self, content: bytes) -> Path | None:
        if self._settings.cache_dir is None:
            return None
        name = hashlib.sha256(self._endpoint.address.root.encode() + b"\0" + content).hexdigest()
        return self._settings.cache_dir.parent / "batches" / f"{name}.json"

    def _forget(self, lines: dict[int, bytes]) -> None:
        """A batch that ended early is not followed again: the same lines are a new one."""
        note = self._note_path(b"".join(lines.values()))
        if note is not None:
            note.unlink(missing_ok=True)

    async def _follow(self, batch: str) -> JsonObject:
        """The batch once it has ended, whatever its end."""
        deadline = time.monotonic() + WINDOW_S
        while True:
            reply = await self._rest.call("GET", f"/batches/{batch}")
            shown: JsonObject = reply.json()
            status = str(shown.get("status", "")).lower()
            if status in ENDED:
                if status == "failed" and not shown.get("output_file_id"):
                    raise fatal("bad_request", f"batch {batch} was refused: {said_of(shown)}")
                return shown
            if time.monotonic() > deadline:
                raise fatal("timeout", f"batch {batch} has not ended within a day")
            await self._sleep(POLL_S)

    async def _collect(self, batch: JsonObject, requests: Sequence[Request]) -> dict[int, Outcome]:
        """The outcomes that the batch's files hold, by index."""
        found: dict[int, Outcome] = {}
        for field in ("output_file_id", "error_file_id"):
            file = batch.get(field)
            if not file:
                continue
            for entry in read_lines(await download(self._rest, str(file))):
                index = index_of(entry, len(requests))
                if index is not None and index not in found and not is_expired(entry):
                    found[index] = self._outcome(entry, requests[index])
        return found

    def _outcome(self, entry: JsonObject, request: Request) -> Outcome:
        response = entry.get("response")
        if not isinstance(response, dict):
            return failed("unknown", said_of(entry))
        status = response.get("status_code", 200)
        body = response.get("body")
        try:
            if status != 200:
                raise refusal(int(status), {}, body, now_epoch_s=0.0)  # one exit
            answer = read_answer(body, 200)
        except ClientError as error:
            return failed(error.kind, error.message)
        usage = usage_or_estimate(answer, request)
        whole = cost_usd(usage, self._price)
        return Answered(
            completion=Completion(
                text=answer.text,
                finish=answer.finish,
                tool_calls=answer.tool_calls,
                reasoning=answer.reasoning,
                usage=usage,
                cost_usd=None if whole is None else whole * DISCOUNT,
                logprobs=answer.logprobs,
                served_model=answer.model,
                system_fingerprint=answer.fingerprint,
                provenance=Provenance(
                    source="live",
                    session=self._settings.session,
                    taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
                ),
            )
        )

    def _left_out(self) -> Failed:
        return Failed(kind="timeout", detail="the batch ended without this request")


def failed(kind: str, detail: str) -> Failed:
    """A failure of one line."""
    return msgspec.convert({"kind": kind, "detail": detail, "outcome": "failed"}, Failed)


def is_expired(entry: JsonObject) -> bool:
    """Whether a line says that the batch ended before it was asked."""
    error = entry.get("error")
    return isinstance(error, dict) and error.get("code") in UNASKED


def said_of(shown: JsonObject) -> str:
    """What a batch or a line says of its failure."""
    return str(shown.get("errors") or shown.get("error") or "no reason given")[:200]


def read_lines(content: bytes) -> Iterator[JsonObject]:
    """The JSON objects of a file, one a line; lines that are none are passed over."""
    for line in content.splitlines():
        try:
            entry: Any = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def index_of(entry: JsonObject, count: int) -> int | None:
    """Which request a line answers, by the id that we gave it; None for a stranger's."""
    named = str(entry.get("custom_id", ""))
    if not named.isdecimal() or int(named) >= count:
        return None
    return int(named)
