"""Every fault by name: what it does, whether it is billed, what a good client makes of it.

Reads: nothing.  Gives: FAULTS, and the refusals' statuses, headers and bodies.
Depends on: records.
The catalogue is the conformance suite: `expect` is what a client must report for a request that
meets the fault every time, None where the answer is still good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, Literal

from evalharness.records import FailureKind, JsonObject

When = Literal["refuse", "body", "wire", "stream"]
Retry = Literal["again", "never", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to misbehave.

    when: `refuse` answers with a status and runs no model; `body` spoils a good answer; `wire`
    breaks the connection or the bytes; `stream` happens to streamed answers only.
    billed: whether the provider counts the tokens.  expect: the kind that a client must report.
    retry: `again` is transient, `never` permanent for this request, `stop` ends the run.
    """

    name: str
    when: When
    billed: bool
    expect: FailureKind | None
    retry: Retry = "again"


def _fault(
    name: str, when: When, billed: str, expect: FailureKind | None, retry: Retry = "again"
) -> Fault:
    return Fault(name=name, when=when, billed=billed == "billed", expect=expect, retry=retry)


_CATALOGUE: Final = (
    _fault("throttle_int", "refuse", "free", "throttle"),
    _fault("throttle_float", "refuse", "free", "throttle"),
    _fault("throttle_date", "refuse", "free", "throttle"),
    _fault("throttle_zero", "refuse", "free", "throttle"),
    _fault("throttle_long", "refuse", "free", "throttle"),
    _fault("throttle_ms", "refuse", "free", "throttle"),
    _fault("throttle_reset", "refuse", "free", "throttle"),
    _fault("throttle_bare", "refuse", "free", "throttle"),
    _fault("throttle_dynamic", "refuse", "free", "throttle"),
    _fault("overload_503", "refuse", "free", "overload"),
    _fault("overload_529", "refuse", "free", "overload"),
    _fault("error_500", "refuse", "free", "overload"),
    _fault("html_502", "refuse", "free", "overload"),
    _fault("timeout_504", "refuse", "free", "timeout"),
    _fault("timeout_408", "refuse", "free", "timeout"),
    _fault("conflict_409", "refuse", "free", "overload"),
    _fault("bad_request_400", "refuse", "free", "bad_request", "never"),
    _fault("unprocessable_422", "refuse", "free", "bad_request", "never"),
    _fault("context_400", "refuse", "free", "context_overflow", "never"),
    _fault("context_403", "refuse", "free", "context_overflow", "never"),
    _fault("context_413", "refuse", "free", "context_overflow", "never"),
    _fault("filter_400", "refuse", "free", "content_filter", "never"),
    _fault("key_401", "refuse", "free", "auth", "stop"),
    _fault("key_403", "refuse", "free", "auth", "stop"),
    _fault("payment_402", "refuse", "free", "auth", "stop"),
    _fault("quota_429", "refuse", "free", "auth", "stop"),
    _fault("model_404", "refuse", "free", "bad_request", "stop"),
    _fault("moved_308", "refuse", "free", "bad_request", "stop"),
    _fault("option_400", "refuse", "free", "bad_request", "stop"),
    _fault("error_in_200", "refuse", "free", "overload"),
    _fault("text_in_200", "refuse", "free", "malformed"),
    _fault("list_in_200", "refuse", "free", "malformed"),
    _fault("reset_before", "wire", "free", "connection"),
    _fault("reset_after", "wire", "billed", "connection"),
    _fault("close_before", "wire", "free", "connection"),
    _fault("hang", "wire", "free", "timeout"),
    _fault("slow_headers", "wire", "billed", None),
    _fault("not_http", "wire", "free", "malformed"),
    _fault("broken_json", "wire", "billed", "malformed"),
    _fault("short_body", "wire", "billed", "connection"),
    _fault("no_choices", "body", "billed", "empty"),
    _fault("null_content", "body", "billed", "empty"),
    _fault("no_message", "body", "billed", "empty"),
    _fault("number_content", "body", "billed", "malformed"),
    _fault("refusal_field", "body", "billed", "refusal", "never"),
    _fault("filtered", "body", "billed", "content_filter", "never"),
    _fault("no_usage", "body", "billed", None),
    _fault("null_usage", "body", "billed", None),
    _fault("wrong_usage", "body", "billed", None),
    _fault("finish_eos", "body", "billed", None),
    _fault("finish_unknown", "body", "billed", None),
    _fault("finish_null", "body", "billed", None),
    _fault("same_id", "body", "billed", None),
    _fault("unknown_fields", "body", "billed", None),
    _fault("stream_reset", "stream", "billed", "connection"),
    _fault("stream_error", "stream", "billed", "overload"),
    _fault("stream_error_event", "stream", "billed", "overload"),
    _fault("stream_no_end", "stream", "billed", "truncated_stream"),
    _fault("stream_cut_chunk", "stream", "billed", "connection"),
    _fault("stream_broken_json", "stream", "billed", "malformed"),
    _fault("stream_two_ids", "stream", "billed", "malformed"),
    _fault("stream_stall", "stream", "billed", "timeout"),
    _fault("stream_no_done", "stream", "billed", None),
    _fault("stream_no_finish", "stream", "billed", None),
    _fault("stream_split_utf8", "stream", "billed", None),
    _fault("stream_crlf", "stream", "billed", None),
    _fault("stream_comments", "stream", "billed", None),
    _fault("stream_event_names", "stream", "billed", None),
    _fault("stream_bytewise", "stream", "billed", None),
    _fault("stream_open_after_done", "stream", "billed", None),
    _fault("stream_as_json", "stream", "billed", None),
)

FAULTS: Final[dict[str, Fault]] = {fault.name: fault for fault in _CATALOGUE}
"""name -> fault, in the order of the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is none: status, headers and a body that is JSON or text."""

    status: int
    body: Any  # Any: JSON or text
    headers: Mapping[str, str]


def refusal(name: str, *, now_epoch_s: float) -> Refusal:
    """What a `refuse` fault answers. Raises KeyError for another name."""
    status, body, headers = _REFUSALS[name]
    made = headers(now_epoch_s) if callable(headers) else headers
    return Refusal(status=status, body=body, headers=made)


def error(
    message: str, *, kind: str = "invalid_request_error", code: str | None = None
) -> JsonObject:
    """An error body as OpenAI and Together write it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_SLOW: Final = error("Rate limit reached", kind="rate_limit_exceeded", code="rate_limit_exceeded")
_HTML: Final = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_Headers = Mapping[str, str] | Callable[[float], Mapping[str, str]]

_REFUSALS: Final[dict[str, tuple[int, Any, _Headers]]] = {
    "throttle_int": (429, _SLOW, {"Retry-After": "1"}),
    "throttle_float": (429, _SLOW, {"Retry-After": "0.25"}),
    "throttle_date": (429, _SLOW, lambda now: {"Retry-After": formatdate(now + 2, usegmt=True)}),
    "throttle_zero": (429, _SLOW, {"Retry-After": "0"}),
    "throttle_long": (429, _SLOW, {"Retry-After": "120"}),
    "throttle_ms": (429, _SLOW, {"Retry-After-Ms": "150", "Retry-After": "1"}),
    "throttle_reset": (429, _SLOW, {"X-RateLimit-Reset": "0.4", "X-RateLimit-Remaining": "0"}),
    "throttle_bare": (429, "Too Many Requests", {}),
    "throttle_dynamic": (
        429,
        {
            **error("Request was rejected due to dynamic limits"),
            "error_type": "dynamic_request_limited",
        },
        {"X-RateLimit-Reset": "0.1"},
    ),
    "overload_503": (503, error("The engine is currently overloaded", kind="server_error"), {}),
    "overload_529": (529, error("Overloaded", kind="overloaded_error"), {}),
    "error_500": (500, error("The server had an error", kind="server_error"), {}),
    "html_502": (502, _HTML, {"Content-Type": "text/html"}),
    "timeout_504": (504, _HTML, {"Content-Type": "text/html"}),
    "timeout_408": (408, error("Request timeout"), {}),
    "conflict_409": (409, error("Another request holds the lock"), {}),
    "bad_request_400": (400, error("'temperature' must be at most 2"), {}),
    "unprocessable_422": (422, {"detail": [{"msg": "value is not a valid float"}]}, {}),
    "context_400": (
        400,
        error("This model's maximum context length is 8192 tokens", code="context_length_exceeded"),
        {},
    ),
    "context_403": (
        403,
        error("sum of inputs tokens and max_new_tokens must be <= 8193"),
        {},
    ),
    "context_413": (413, error("prompt is too long"), {}),
    "filter_400": (
        400,
        error("flagged by our content policy", code="content_policy_violation"),
        {},
    ),
    "key_401": (401, error("Incorrect API key provided", code="invalid_api_key"), {}),
    "key_403": (403, error("You are not allowed to use this project"), {}),
    "payment_402": (402, error("Payment required"), {}),
    "quota_429": (
        429,
        error(
            "You exceeded your current quota", kind="insufficient_quota", code="insufficient_quota"
        ),
        {},
    ),
    "model_404": (404, error("The model `m` does not exist", code="model_not_found"), {}),
    "moved_308": (308, "", {"Location": "/v2/chat/completions"}),
    "option_400": (
        400,
        error("Unsupported parameter: 'max_tokens'", code="unsupported_parameter"),
        {},
    ),
    "error_in_200": (200, error("The engine is currently overloaded", kind="server_error"), {}),
    "text_in_200": (200, "OK", {"Content-Type": "text/plain"}),
    "list_in_200": (200, ["not", "an", "object"], {}),
}
