"""`tinker/...`: Tinker's checkpoints, by its OpenAI-compatible endpoint and by its SDK.

Reads: nothing.  Gives: open_tinker, TinkerClient.
Depends on: openai_http, tinker_sampling, transport, payloads, settings.
A model is a base model's name or a `tinker://...` path of sampler weights; it is sent as it is.
The endpoint answers in text and applies the chat template itself; log-probabilities, of an answer
or of a given text, are had from the SDK, which is opened at the first question that wants them.
"""

from __future__ import annotations

from typing import Final, Literal

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.openai_http import OPTIONS as HTTP_OPTIONS
from evalharness.clients.openai_http import OpenAIClient, read_dialect
from evalharness.clients.payloads import Dialect
from evalharness.clients.settings import (
    ClientSettings,
    option_choice,
    option_text,
    refuse_unknown_options,
    with_query,
)
from evalharness.clients.tinker_sampling import TinkerSampler
from evalharness.clients.transport import Endpoint
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.records import Completion, Request

ROOT: Final = "https://tinker.thinkingmachines.dev/services/tinker-prod"
"""What the SDK calls its base URL; TINKER_BASE_URL says another."""

KEY: Final = "TINKER_API_KEY"
COMPATIBLE: Final = "/oai/api/v1"
"""Where the OpenAI-compatible routes stand below it."""

BASE_URL: Final = ROOT + COMPATIBLE
OPTIONS: Final = (*HTTP_OPTIONS, "via", "tokenizer")

Via = Literal["auto", "endpoint", "sdk"]


def open_tinker(model: str, settings: ClientSettings) -> TinkerClient:
    """The client for `tinker/<model>`; options are those of `openai`, and two more.

    `via`: who is asked: `auto` (the SDK for log-probabilities, else the endpoint), `endpoint` or
    `sdk`.  `tokenizer`: a folder or hub name, instead of the base model's own.
    Raises UsageError for a wrong base URL, SpecError for a wrong option; the first question raises
    Fatal(auth) without TINKER_API_KEY.
    """
    name, settings = with_query(model, settings)
    refuse_unknown_options(settings.options, OPTIONS, provider="tinker")
    key = settings.environment.get(KEY, "").strip()
    root = settings.environment.get("TINKER_BASE_URL", "").strip().rstrip("/") or ROOT
    via: Via = option_choice(settings.options, "via", ("auto", "endpoint", "sdk"), "auto")  # type: ignore[assignment]  # checked
    tokenizer = option_text(settings.options, "tokenizer")
    endpoint = Endpoint(
        provider="tinker",
        model=name,
        address=normalise_base_url(settings.base_url or root + COMPATIBLE),
        key=key,
        lacks="" if key else KEY,
        dialect=read_dialect(settings, Dialect()),
        details={
            **({"via": via} if via != "auto" else {}),
            **({"tokenizer": tokenizer} if tokenizer else {}),
        },
    )
    sampler = TinkerSampler(endpoint, settings, tokenizer=tokenizer)
    return TinkerClient(OpenAIClient(endpoint, settings), sampler, via)


class TinkerClient:
    """Asks the endpoint for texts and the SDK for log-probabilities, or one of them for all."""

    def __init__(self, endpoint: OpenAIClient, sampler: TinkerSampler, via: Via) -> None:
        self.identity: Identity = endpoint.identity
        able = endpoint.capabilities
        self.capabilities = Capabilities(
            score=via != "endpoint" or able.score,
            logprobs=True,
            seed=True,
            tools=able.tools and via != "sdk",
        )
        self.limits: Limits = endpoint.limits
        self._endpoint = endpoint
        self._sampler = sampler
        self._via = via

    async def complete(self, request: Request) -> Completion:
        """Ask once; raises Transient, Permanent, Fatal, MissingExtra where the SDK is wanted."""
        if self._wants_sdk(request):
            return await self._sampler.complete(request)
        return await self._endpoint.complete(request)

    async def close(self) -> None:
        """Close connections and end the SDK's session; may be called twice."""
        await self._endpoint.close()
        await self._sampler.close()

    def _wants_sdk(self, request: Request) -> bool:
        if self._via != "auto":
            return self._via == "sdk"
        return request.kind == "score" or request.sampling.logprobs is not None
