"""`together/...`: Together's models by our transport; jobs and checkpoints by its SDK.

Reads: nothing.  Gives: open_together.
Depends on: openai_http, transport, payloads, settings; together_jobs where a job is named.
Together answers inference on a host of its own and everything else on its main one; a base URL
that is given (or TOGETHER_BASE_URL) stands for both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.calls import fatal
from evalharness.clients.openai_http import OPTIONS as HTTP_OPTIONS
from evalharness.clients.openai_http import client_of, read_dialect
from evalharness.clients.payloads import Dialect
from evalharness.clients.settings import (
    ClientSettings,
    option_choice,
    refuse_unknown_options,
    with_query,
)
from evalharness.clients.transport import Endpoint
from evalharness.contracts import Client

INFERENCE_URL: Final = "https://api-inference.together.ai/v1"
MAIN_URL: Final = "https://api.together.ai/v1"
HOSTS: Final = {"inference": INFERENCE_URL, "main": MAIN_URL}
KEY: Final = "TOGETHER_API_KEY"
JOB: Final = "job:"

DIALECT: Final = Dialect(chat_logprobs="count", stream_usage="given")


def open_together(model: str, settings: ClientSettings) -> Client:
    """The client for `together/<model>`, or for the model of a job: `together/job:ft-...`.

    `together/job:ft-...@step-N` is the job's checkpoint at that step.

    options: those of `openai`, and `host: inference|main`, which of Together's own hosts is asked.
    Raises Fatal for a job that has no model (yet) or without TOGETHER_API_KEY to look it up,
    UsageError for a wrong base URL, SpecError for a wrong option, MissingExtra where a job needs
    the SDK. For any other model the first question raises Fatal(auth) without a key.
    """
    name, settings = with_query(model, settings)
    refuse_unknown_options(settings.options, (*HTTP_OPTIONS, "host"), provider="together")
    key = settings.environment.get(KEY, "").strip()
    details: dict[str, str] = {}
    if name.startswith(JOB):
        from evalharness.clients.together_jobs import job_model

        details["job"] = name.removeprefix(JOB)
        name = job_model(details["job"], settings)
    endpoint = Endpoint(
        provider="together",
        model=name,
        address=normalise_base_url(inference_url(settings)),
        key=key,
        lacks="" if key else KEY,
        dialect=together_dialect(settings),
        details=details,
    )
    return client_of(endpoint, settings, files="together")


def together_dialect(settings: ClientSettings) -> Dialect:
    """How Together spells options; text completions can echo their prompt's log-probabilities."""
    api = option_choice(settings.options, "api", ("chat", "completions"), "chat")
    default = DIALECT if api == "chat" else replace(DIALECT, score_by="echo")
    return read_dialect(settings, default)


def together_key(settings: ClientSettings) -> str:
    """The key from the environment; raises Fatal(auth) where there is none."""
    key = settings.environment.get(KEY, "").strip()
    if not key:
        raise fatal("auth", f"{KEY} is not set", mend=f"export {KEY}=...")
    return key


def given_url(settings: ClientSettings) -> str | None:
    """The base URL that the user gave, for both of Together's hosts."""
    return settings.base_url or settings.environment.get("TOGETHER_BASE_URL")


def inference_url(settings: ClientSettings) -> str:
    """Where models are asked."""
    host = option_choice(settings.options, "host", tuple(HOSTS), "inference")
    return given_url(settings) or HOSTS[host]


def main_url(settings: ClientSettings) -> str:
    """Where files, jobs and endpoints are managed."""
    return given_url(settings) or MAIN_URL
