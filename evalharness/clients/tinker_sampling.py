"""Sampling and log-probabilities by Tinker's SDK: token ids there, token ids back.

Reads: nothing.  Gives: TinkerSampler.
Depends on: hf_generate (chat templates), lines, calls, refusals, records; the packages `tinker` and
transformers, when the first question is asked.
The SDK has a thread and a loop of its own, waits for minutes where a server cannot be reached and
pauses for an hour where there is no money: so our own transport knocks first, opening and closing
are never waited for longer than a question may take, and its retries are off as far as it lets us.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import orjson

from evalharness.clients.addresses import Address
from evalharness.clients.calls import NOT_BILLED, fatal, permanent, transient
from evalharness.clients.hf_generate import earliest_stop, render
from evalharness.clients.lines import open_line
from evalharness.clients.refusals import refusal
from evalharness.clients.settings import ClientSettings
from evalharness.clients.transport import Endpoint
from evalharness.errors import ClientError, MissingExtra
from evalharness.records import (
    Completion,
    Finish,
    Provenance,
    Request,
    Sampling,
    TokenLogprob,
    Usage,
)

CLOSE_S: Final = 5.0
"""How long the end of a session is waited for; Tinker ends it itself some time later."""

KNOCK: Final = "/api/v1/get_server_capabilities"
EXTRA: Final = frozenset({"top_k"})
"""Decoding options beyond ours that the SDK takes."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Opened:
    """A session. All three are the SDK's or transformers' own (Any: typed in their packages)."""

    service: Any
    sampling: Any
    tokenizer: Any


class TinkerSampler:
    """One model behind the SDK, opened when it is first asked."""

    def __init__(
        self, endpoint: Endpoint, settings: ClientSettings, *, tokenizer: str | None
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._tokenizer = tokenizer
        self._root = sdk_root(endpoint.address.root)
        self._opening = asyncio.Lock()
        self._opened: Opened | None = None

    async def complete(self, request: Request) -> Completion:
        """An answer with its log-probabilities, or those of a given continuation.

        Raises Transient, Permanent, Fatal, and MissingExtra without the SDK.
        """
        self._endpoint.check_key()
        try:
            opened = await self._open()
            if request.kind == "score":
                return await self._score(opened, request)
            return await self._sample(opened, request)
        except (ClientError, MissingExtra) as error:
            raise without_key(error, self._endpoint.key) from error.__cause__
        except Exception as error:  # the SDK's many errors, told apart by `error_of`
            raise without_key(error_of(error), self._endpoint.key) from error

    async def close(self) -> None:
        """End the session; may be called twice."""
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):  # answers are journalled by now: nothing is lost with it
                await asyncio.wait_for(
                    in_thread(lambda: opened.service.close("success").result()), CLOSE_S
                )

    async def _open(self) -> Opened:
        async with self._opening:
            if self._opened is None:
                await self._knock()
                self._opened = await in_thread(self._start)
            return self._opened

    async def _knock(self) -> None:
        """Raise what keeps the SDK from working, before it waits for it."""
        endpoint = replace(self._endpoint, address=Address(self._root), key="")
        headers = {**self._settings.headers, "X-API-Key": self._endpoint.key}
        line = open_line(endpoint, replace(self._settings, headers=headers))
        try:
            reply = await line.whole("GET", KNOCK, b"", "")
        finally:
            await line.close()
        if reply.status != 200:
            try:
                said = orjson.loads(reply.body)
            except ValueError:
                said = reply.body.decode("utf-8", "replace")
            raise refusal(reply.status, reply.headers, said, now_epoch_s=time.time())

    def _start(self) -> Opened:
        # What a prompt or an error says is nobody's business but the model's.
        os.environ.setdefault("TINKER_TELEMETRY", "0")
        try:
            import tinker
            from tinker.lib.retry_handler import RetryConfig
        except ImportError:
            raise MissingExtra(
                "tinker", extra="tinker", needed_for="log-probabilities from Tinker"
            ) from None
        service = tinker.ServiceClient(
            {"client": "evalharness"}, base_url=self._root, api_key=self._endpoint.key
        )
        model = self._endpoint.model
        named = "model_path" if model.startswith("tinker://") else "base_model"
        sampling = service.create_sampling_client(
            **{named: model}, retry_config=RetryConfig(enable_retry_logic=False)
        ).result()
        return Opened(service, sampling, self._load_tokenizer(sampling))

    def _load_tokenizer(self, sampling: Any) -> Any:
        try:
            if self._tokenizer is None:
                return sampling.get_tokenizer()
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(self._tokenizer)
        except Exception as error:
            name = self._tokenizer or sampling.get_base_model()
            raise fatal(
                "bad_request",
                f"the tokenizer of {name} cannot be loaded: {error}",
                mend="give a folder or a hub name with the client option tokenizer=...",
            ) from error

    async def _sample(self, opened: Opened, request: Request) -> Completion:
        prompt = render(opened.tokenizer, request.messages)
        refuse_unsendable(request, prompt)
        from tinker import ModelInput

        sampling = request.sampling
        started = time.perf_counter()
        response = await opened.sampling.sample(
            prompt=ModelInput.from_ints(prompt),
            num_samples=1,
            sampling_params=params_of(sampling),
            topk_sample_logprobs=sampling.logprobs or 0,
        )
        latency_s = time.perf_counter() - started
        sequence = response.sequences[0]
        kept = without_end(sequence.tokens, opened.tokenizer)
        text = opened.tokenizer.decode(kept, skip_special_tokens=True)
        stopped = earliest_stop(text, sampling.stop)
        logprobs = None
        if sampling.logprobs is not None and sequence.logprobs is not None:
            tops = sequence.topk_logprobs or [None] * len(kept)
            logprobs = token_logprobs(opened.tokenizer, kept, sequence.logprobs, tops)
        finish: Finish = "length" if sequence.stop_reason == "length" else "stop"
        usage = Usage(
            prompt_tokens=len(prompt),
            completion_tokens=len(sequence.tokens),
            cached_tokens=response.prompt_cache_hit_tokens,
        )
        return self._completion(
            text=text if stopped is None else text[:stopped],
            finish=finish,
            usage=usage,
            latency_s=latency_s,
            logprobs=logprobs,
        )

    async def _score(self, opened: Opened, request: Request) -> Completion:
        text = request.continuation or ""
        prompt = render(opened.tokenizer, request.messages)
        rest = list(opened.tokenizer(text, add_special_tokens=False)["input_ids"])
        refuse_unsendable(request, prompt)
        if not rest:
            raise permanent("bad_request", "the continuation is empty", NOT_BILLED)
        from tinker import ModelInput

        started = time.perf_counter()
        numbers = await opened.sampling.compute_logprobs(
            ModelInput.from_ints([*prompt, *rest]), prompt_logprobs_last_n=len(rest)
        )
        latency_s = time.perf_counter() - started
        scored = numbers[len(prompt) :]
        if len(scored) != len(rest) or any(number is None for number in scored):
            raise transient("malformed", "a token of the continuation has no log-probability")
        found = token_logprobs(opened.tokenizer, rest, scored, [None] * len(rest))
        completion = self._completion(
            text=text,
            finish="stop",
            # One token is made, and billed, behind a prompt that is only to be scored.
            usage=Usage(prompt_tokens=len(prompt) + len(rest), completion_tokens=1),
            latency_s=latency_s,
            logprobs=found,
        )
        import msgspec

        return msgspec.structs.replace(completion, prompt_logprobs=found)

    def _completion(
        self,
        *,
        text: str,
        finish: Finish,
        usage: Usage,
        latency_s: float,
        logprobs: tuple[TokenLogprob, ...] | None,
    ) -> Completion:
        taken_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Completion(
            text=text,
            finish=finish,
            usage=usage,
            latency_s=latency_s,
            logprobs=logprobs,
            served_model=self._endpoint.model,
            provenance=Provenance(source="live", session=self._settings.session, taken_at=taken_at),
        )


def sdk_root(address: str) -> str:
    """The SDK's base URL for the address of the OpenAI-compatible routes.

    >>> sdk_root("https://tinker.example.com/services/tinker-prod/oai/api/v1")
    'https://tinker.example.com/services/tinker-prod'
    """
    return address.removesuffix("/v1").removesuffix("/oai/api")


def params_of(sampling: Sampling) -> Any:  # Any: the SDK's SamplingParams
    """Decoding options in the SDK's words; what the request leaves out stays out."""
    from tinker import SamplingParams

    given: dict[str, Any] = dict(sampling.extra)
    for name in ("max_tokens", "temperature", "top_p", "seed"):
        value = getattr(sampling, name)
        if value is not None:
            given[name] = value
    if sampling.stop:
        given["stop"] = list(sampling.stop)
    return SamplingParams(**given)


def refuse_unsendable(request: Request, prompt: Sequence[int]) -> None:
    """Raise Permanent for what the SDK has no words for."""
    unknown = sorted(set(request.sampling.extra) - EXTRA)
    if request.tools:
        raise permanent("unsupported", "Tinker's SDK calls no tools", NOT_BILLED)
    if request.sampling.response_format is not None:
        raise permanent("unsupported", "Tinker's SDK takes no response_format", NOT_BILLED)
    if unknown:
        detail = f"Tinker's SDK takes no generation.extra.{unknown[0]}"
        raise permanent("unsupported", detail, NOT_BILLED)
    if not prompt:
        raise permanent("bad_request", "the prompt is empty", NOT_BILLED)


def without_end(tokens: Sequence[int], tokenizer: Any) -> list[int]:
    """An answer's tokens without the marks that end it."""
    ends = set(tokenizer.all_special_ids)
    kept = list(tokens)
    while kept and kept[-1] in ends:
        kept.pop()
    return kept


def token_logprobs(
    tokenizer: Any,
    tokens: Sequence[int],
    numbers: Sequence[float],
    tops: Sequence[Sequence[tuple[int, float]] | None],
) -> tuple[TokenLogprob, ...]:
    """Each token's text with its log-probability and the alternatives seen."""
    return tuple(
        TokenLogprob(
            token=tokenizer.decode([token]),
            logprob=float(number),
            top={
                tokenizer.decode([other]): share
                for other, share in top or ()
                if math.isfinite(share)
            },
        )
        for token, number, top in zip(tokens, numbers, tops, strict=False)
    )


def error_of(error: Exception) -> ClientError:
    """The harness's error for one of the SDK's; a refusal reads as on our own transport."""
    import tinker

    answered = next(
        (one for one in (error, error.__cause__) if isinstance(one, tinker.APIStatusError)), None
    )
    if answered is not None:
        said = answered.body or str(answered)
        return refusal(
            answered.status_code, answered.response.headers, said, now_epoch_s=time.time()
        )
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, tinker.APITimeoutError | TimeoutError):
        return transient("timeout", detail)
    if isinstance(error, tinker.APIConnectionError):
        return transient("connection", detail)
    if isinstance(error, tinker.RequestFailedError):
        if getattr(error.category, "value", "") == "user":
            return permanent("bad_request", detail, NOT_BILLED)
        return transient("overload", detail)
    if isinstance(error, tinker.TinkerError):
        return fatal("auth", detail, mend="check TINKER_API_KEY")
    return permanent("unknown", detail)


def without_key(error: Any, key: str) -> Any:  # Any: whichever of our errors it is
    """The error, with the key cut out of what it says."""
    if key and key in error.message:
        error.message = error.message.replace(key, "[key]")
        error.args = (error.message,)
    return error


async def in_thread(work: Callable[[], Made]) -> Made:
    """Run what blocks in a thread that does not keep the process alive; raises what it raises.

    Whoever stops waiting leaves the thread to its own end.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Made] = loop.create_future()

    def settle(result: Made | None, error: BaseException | None) -> None:
        """Hand the outcome to whoever still waits for it."""
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only beside an error

    def run() -> None:
        """Call the SDK and report back to the loop."""
        result: Made | None = None
        failed: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
            failed = error
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="tinker-open", daemon=True).start()
    return await done
