"""One client for every server that speaks OpenAI's protocol.

Reads: nothing.  Gives: open_openai, OpenAIClient (a Client).
Depends on: lines, payloads, answers, streams, refusals, addresses, moments, settings.
One call, one request: no loop, no retry, no queue.  Why no SDK: docs/decisions/004.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import orjson

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.answers import Answer, read_answer, usage_or_estimate
from evalharness.clients.calls import CallFacts, TransientCall, transient
from evalharness.clients.lines import Reply, Streamed, open_line
from evalharness.clients.logprobs import continuation_part, scored_prompt
from evalharness.clients.moments import utc_text
from evalharness.clients.payloads import Dialect, encode_request, encode_score
from evalharness.clients.refusals import error_in_answer, refusal
from evalharness.clients.settings import (
    ClientSettings,
    option_choice,
    option_text,
    refuse_unknown_options,
    with_query,
)
from evalharness.clients.streams import StreamReader
from evalharness.clients.transport import Endpoint
from evalharness.contracts import Capabilities, Client, Identity, Limits
from evalharness.errors import ClientError
from evalharness.records import Completion, Provenance, Request

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"

OPTIONS: Final = (
    "api",
    "logprobs_as",
    "stream_usage",
    "max_tokens_field",
    "score_by",
    "api_key_env",
    "mode",
)


def open_openai(model: str, settings: ClientSettings) -> Client:
    """The client for `openai/<model>`: OpenAI itself, or any server at OPENAI_BASE_URL.

    options: `api: chat|completions`, `logprobs_as: flag|count`, `stream_usage: ask|given`,
    `max_tokens_field`, `score_by: none|echo|prompt_logprobs`, `api_key_env`,
    `mode: live|batch`.
    Raises UsageError for a wrong base URL, SpecError for a wrong option. Where OpenAI's own address
    is to be asked without a key, the first question raises Fatal(auth).
    """
    name, settings = with_query(model, settings)
    environment = settings.environment
    named = settings.base_url or environment.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL
    refuse_unknown_options(settings.options, OPTIONS, provider="openai")
    variable = option_text(settings.options, "api_key_env") or "OPENAI_API_KEY"
    key = environment.get(variable, "").strip()
    address = normalise_base_url(named)
    endpoint = Endpoint(
        provider="openai",
        model=name,
        address=address,
        key=key,
        lacks=variable if not key and address.host == "api.openai.com" else "",
        dialect=read_dialect(settings, Dialect()),
    )
    return client_of(endpoint, settings, files="openai")


def client_of(
    endpoint: Endpoint, settings: ClientSettings, *, files: Literal["openai", "together"]
) -> Client:
    """The client of an endpoint, live or by batch as the option `mode` says.

    files: how the provider takes files, for batches.
    """
    if option_choice(settings.options, "mode", ("live", "batch"), "live") == "live":
        return OpenAIClient(endpoint, settings)
    from evalharness.clients.batch_api import BatchApiClient

    return BatchApiClient(endpoint, settings, files)


def read_dialect(settings: ClientSettings, default: Dialect) -> Dialect:
    """How the server wants options spelled, from the client's options."""
    options = settings.options
    api = option_choice(options, "api", ("chat", "completions"), default.api)
    as_ = option_choice(options, "logprobs_as", ("flag", "count"), default.chat_logprobs)
    usage = option_choice(options, "stream_usage", ("ask", "given"), default.stream_usage)
    by = option_choice(options, "score_by", ("none", "echo", "prompt_logprobs"), default.score_by)
    field_name = option_text(options, "max_tokens_field") or default.max_tokens_field
    return Dialect(
        api=api,  # type: ignore[arg-type]  # checked by option_choice
        chat_logprobs=as_,  # type: ignore[arg-type]
        stream_usage=usage,  # type: ignore[arg-type]
        max_tokens_field=field_name,
        score_by=by,  # type: ignore[arg-type]
    )


@dataclass(slots=True)
class Timing:
    """When a call was sent, when its first words came and when it ended, in monotonic seconds."""

    sent: float
    spoke: float | None = None
    ended: float | None = None


class OpenAIClient:
    """Asks one model on one OpenAI-compatible server, one question at a time."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: ClientSettings,
        *,
        clock: Callable[[], float] = time.perf_counter,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        dialect = endpoint.dialect
        details = {**endpoint.details, **({"api": dialect.api} if dialect.api != "chat" else {})}
        self.identity = Identity(
            provider=endpoint.provider,
            model=endpoint.model,
            base_url=endpoint.address.root,
            details=details,
        )
        self.capabilities = Capabilities(
            score=dialect.score_by != "none", logprobs=True, seed=True, tools=dialect.api == "chat"
        )
        self.limits = Limits(max_connections=settings.max_connections)
        self._endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._wall_clock = wall_clock
        self._route = "/chat/completions" if dialect.api == "chat" else "/completions"
        self._line = open_line(endpoint, settings)

    async def complete(self, request: Request) -> Completion:
        """Ask once; raises Transient, Permanent or Fatal with the facts of the call."""
        self._endpoint.check_key()
        try:
            if request.kind == "score":
                return await self._score(request)
            return await self._generate(request)
        except ClientError as error:
            raise self._without_key(error) from error.__cause__

    async def close(self) -> None:
        """Close all connections; may be called twice."""
        await self._line.close()

    async def get_json(self, path: str) -> Any:  # Any: parsed JSON
        """One GET on the same server (`/models`); raises as `complete` does."""
        self._endpoint.check_key()
        return self._parse(await self._line.whole("GET", path, b"", ""))

    async def _generate(self, request: Request) -> Completion:
        stream = self._settings.stream
        endpoint = self._endpoint
        body = encode_request(request, endpoint.model, endpoint.dialect, stream=stream)
        timing = Timing(self._clock())
        if stream == "on":
            answer = await self._stream(body, request, timing)
        else:
            status, parsed = await self._post(body, request)
            answer = read_answer(parsed, status)
        return self._completion(answer, request, timing)

    async def _score(self, request: Request) -> Completion:
        endpoint = self._endpoint
        body = encode_score(request, endpoint.model, endpoint.dialect)
        timing = Timing(self._clock())
        status, parsed = await self._post(body, request)
        facts = CallFacts(status=status)
        if not isinstance(parsed, dict):
            raise transient("malformed", "not a JSON object", facts)
        if parsed.get("error"):
            raise error_in_answer(parsed, facts)
        tokens = scored_prompt(parsed, facts=facts)
        answer = read_answer(parsed, status)
        completion = self._completion(answer, request, timing)
        found = continuation_part(tokens, request.continuation or "", facts=facts)
        return scored_completion(completion, request.continuation or "", found)

    async def _post(self, body: bytes, request: Request) -> tuple[int, Any]:
        key = self._idempotency_key(request)
        reply = await self._line.whole("POST", self._route, body, key)
        return reply.status, self._parse(reply)

    async def _stream(self, body: bytes, request: Request, timing: Timing) -> Answer:
        key = self._idempotency_key(request)
        async with self._line.streamed(self._route, body, key) as coming:
            kind = coming.headers.get("content-type", "")
            if coming.status != 200 or not kind.startswith("text/event-stream"):
                pieces = []
                while piece := await coming.piece():
                    pieces.append(piece)
                reply = Reply(coming.status, coming.headers, b"".join(pieces))
                return read_answer(self._parse(reply), coming.status)
            try:
                return await self._follow(coming, timing)
            except ClientError as error:
                raise with_ttft(error, timing) from error.__cause__

    async def _follow(self, coming: Streamed, timing: Timing) -> Answer:
        reader = StreamReader(coming.status)
        while piece := await coming.piece():
            reader.feed(piece)
            if reader.spoke and timing.spoke is None:
                timing.spoke = self._clock()
            if reader.done:
                timing.ended = self._clock()
                await coming.drain()
                break
        return reader.answer()

    def _parse(self, reply: Reply) -> Any:
        status = reply.status
        try:
            parsed = orjson.loads(reply.body)
        except ValueError:
            parsed = None
        if status != 200:
            said = reply.body.decode("utf-8", "replace") if parsed is None else parsed
            raise refusal(status, reply.headers, said, now_epoch_s=self._wall_clock())
        if parsed is None:
            facts = CallFacts(status=status)
            raise transient("malformed", f"not JSON: {reply.body[:80]!r}", facts)
        return parsed

    def _completion(self, answer: Answer, request: Request, timing: Timing) -> Completion:
        ended = self._clock() if timing.ended is None else timing.ended
        return Completion(
            text=answer.text,
            finish=answer.finish,
            tool_calls=answer.tool_calls,
            reasoning=answer.reasoning,
            usage=usage_or_estimate(answer, request),
            latency_s=ended - timing.sent,
            ttft_s=None if timing.spoke is None else timing.spoke - timing.sent,
            logprobs=answer.logprobs,
            served_model=answer.model,
            system_fingerprint=answer.fingerprint,
            provenance=Provenance(
                source="live",
                session=self._settings.session,
                taken_at=utc_text(self._wall_clock()),
            ),
        )

    def _idempotency_key(self, request: Request) -> str:
        # One sitting asks a question once, however often it tries; another sitting asks anew.
        return f"{request.key}-{self._settings.session}" if self._settings.session else request.key

    def _without_key(self, error: ClientError) -> ClientError:
        key = self._endpoint.key
        if key and key in error.message:
            error.message = error.message.replace(key, "[key]")
            error.args = (error.message,)
        return error


def with_ttft(error: ClientError, timing: Timing) -> ClientError:
    """The error of a stream, with the time of the first token where one had come."""
    if timing.spoke is not None and isinstance(error, TransientCall):
        error.facts = msgspec.structs.replace(error.facts, ttft_s=timing.spoke - timing.sent)
    return error


def scored_completion(
    completion: Completion, continuation: str, found: tuple[Any, ...]
) -> Completion:
    """The completion of a `score` request: the continuation and its tokens' log-probabilities."""
    return msgspec.structs.replace(
        completion, text=continuation, finish="stop", logprobs=found, prompt_logprobs=found
    )
