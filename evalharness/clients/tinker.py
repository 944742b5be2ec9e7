"""`tinker/...`: Tinker's checkpoints through its OpenAI-compatible endpoint.

Reads: nothing.  Gives: open_tinker.
Depends on: openai_http, transport, payloads, settings.
A model is a base model's name or a `tinker://...` path of sampler weights; it is sent as it is.
"""

from __future__ import annotations

from typing import Final

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.calls import fatal
from evalharness.clients.openai_http import OPTIONS as HTTP_OPTIONS
from evalharness.clients.openai_http import OpenAIClient, read_dialect
from evalharness.clients.payloads import Dialect
from evalharness.clients.settings import ClientSettings, refuse_unknown_options, with_query
from evalharness.clients.transport import Endpoint

BASE_URL: Final = "https://tinker.thinkingmachines.dev/services/tinker-prod/oai/api/v1"


def open_tinker(model: str, settings: ClientSettings) -> OpenAIClient:
    """The client for `tinker/<model>`; options are those of `openai`.

    Raises Fatal(auth) without TINKER_API_KEY, UsageError for a wrong base URL, SpecError for a
    wrong option.
    """
    name, settings = with_query(model, settings)
    refuse_unknown_options(settings.options, HTTP_OPTIONS, provider="tinker")
    key = settings.environment.get("TINKER_API_KEY", "").strip()
    if not key:
        raise fatal("auth", "TINKER_API_KEY is not set", mend="export TINKER_API_KEY=...")
    endpoint = Endpoint(
        provider="tinker",
        model=name,
        address=normalise_base_url(settings.base_url or BASE_URL),
        key=key,
        dialect=read_dialect(settings, Dialect()),
    )
    return OpenAIClient(endpoint, settings)
