"""From an HTTP refusal to a kind of failure: what it is, whether to ask again, how long to wait.

Reads: status, headers and body of a response.  Gives: TransientCall, PermanentCall or FatalCall.
Depends on: calls, waits.  Knows nothing of sockets.
Providers disagree on status codes (a prompt that is too long is 400, 403, 413 or 422; a spent
account is 402, 403 or 429), so a refusal is told by its words as well as by its number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from evalharness.clients.calls import (
    CallFacts,
    fatal,
    permanent,
    shorten,
    transient,
)
from evalharness.clients.waits import asked_wait_s
from evalharness.errors import ClientError

CONTEXT_OVERFLOW: Final = re.compile(
    r"context[_ ]length|maximum context|context window|too many (input )?tokens|prompt is too long"
    r"|inputs? tokens (and|\+) max_new_tokens|max(imum)? (input )?(sequence|prompt) length"
    r"|(input|prompt) (is )?(too long|exceeds)|exceeds? the (available |model'?s )?context",
    re.IGNORECASE,
)
CONTENT_FILTER: Final = re.compile(
    r"content[_ ](filter|policy)|content management policy|moderation|flagged|safety system",
    re.IGNORECASE,
)
NO_MONEY: Final = re.compile(
    r"insufficient[_ ](quota|funds|balance|credits?)|exceeded your current quota"
    r"|billing[_ ](hard_limit|not_active)|payment required|credit limit|out of credits",
    re.IGNORECASE,
)
UNKNOWN_MODEL: Final = re.compile(
    r"model[_ ]not[_ ](found|available|supported)|(no such|unknown|invalid) model"
    r"|model\b.{0,120}\b(does not exist|not found|is not supported|doesn't exist|was not found)"
    r"|unable to access model",
    re.IGNORECASE,
)
UNSUPPORTED_OPTION: Final = re.compile(
    r"unsupported[_ ](parameter|value)|unrecognized request argument|unknown (parameter|field)"
    r"|extra (inputs|fields) (are )?not permitted",
    re.IGNORECASE,
)
BAD_KEY: Final = re.compile(
    r"(invalid|incorrect|wrong|missing) (api[_ ]?)?key|invalid_api_key|unauthori[sz]ed"
    r"|authentication",
    re.IGNORECASE,
)
OVERLOADED: Final = re.compile(
    r"overload|over capacity|at capacity|server[_ ](is )?(busy|error)|unavailable|internal"
    r"|try again",
    re.IGNORECASE,
)
THROTTLED: Final = re.compile(r"rate[_ ]?limit|too many requests|_limited\b|throttl", re.IGNORECASE)


def refusal(
    status: int, headers: Mapping[str, str], body: Any, *, now_epoch_s: float
) -> ClientError:  # body Any: parsed JSON, or text
    """The error that a response with a status other than 2xx stands for.

    headers: case-insensitive or lower-case names.  body: parsed JSON, or the text as it came.
    """
    said = words_of(body)
    detail = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    facts = CallFacts(status=status, billed="no")
    deterministic = by_words(detail, facts)
    if deterministic is not None and status not in (408, 409, 425, *range(500, 600)):
        return deterministic
    wait_s = asked_wait_s(headers, now_epoch_s=now_epoch_s)
    if status == 429:
        return transient("throttle", detail, facts, wait_s=wait_s)
    if status in (408, 504, 524):
        billed = CallFacts(status=status, billed="unknown")
        return transient("timeout", detail, billed, wait_s=wait_s)
    if status == 501:
        return permanent("unsupported", detail, facts)
    if status in (409, 425) or status >= 500:
        return transient("overload", detail, facts, wait_s=wait_s)
    return by_status(status, detail, facts)


def by_words(detail: str, facts: CallFacts) -> ClientError | None:
    """The refusals that their own words give away, whatever the status; None if they do not."""
    if NO_MONEY.search(detail):
        return fatal("auth", detail, facts, mend="the account has no credit or quota left")
    if CONTEXT_OVERFLOW.search(detail):
        return permanent("context_overflow", detail, facts)
    if facts.status == 429:
        return None
    if CONTENT_FILTER.search(detail):
        return permanent("content_filter", detail, facts)
    if UNKNOWN_MODEL.search(detail):
        return fatal("bad_request", detail, facts, mend="check the model's name")
    if UNSUPPORTED_OPTION.search(detail):
        return fatal(
            "bad_request",
            detail,
            facts,
            mend="leave the option out of `generation`, or set the client option"
            " max_tokens_field: max_completion_tokens where the server asks for it",
        )
    return None


def by_status(status: int, detail: str, facts: CallFacts) -> ClientError:
    """The refusals that only their number tells."""
    if 300 <= status < 400:
        return fatal("bad_request", detail, facts, mend="the server moved: correct the base URL")
    if status in (401, 403, 407):
        return fatal("auth", detail, facts, mend="check the API key in the environment")
    if status == 402:
        return fatal("auth", detail, facts, mend="the account has no credit left")
    if status in (404, 405, 410):
        return fatal("bad_request", detail, facts, mend="check the model's name and the base URL")
    if status == 413:
        return permanent("context_overflow", detail, facts)
    return permanent("bad_request", detail, facts)


def error_in_answer(body: Any, facts: CallFacts) -> ClientError:
    """The error that an `{"error": ...}` body stands for where the status said 200.

    A number in `code` is taken as the status that it should have had.
    """
    error = body.get("error") if isinstance(body, dict) else body
    said = words_of(body)
    detail = f"HTTP {facts.status} with an error: {said}"
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return refusal(code, {}, body, now_epoch_s=0.0)
    found = by_words(detail, facts)
    if found is not None:
        return found
    if THROTTLED.search(said):
        return transient("throttle", detail, facts)
    if BAD_KEY.search(said):
        return fatal("auth", detail, facts, mend="check the API key in the environment")
    if OVERLOADED.search(said):
        return transient("overload", detail, facts)
    return transient("malformed", detail, facts)


def words_of(body: Any) -> str:
    """What a refusal says, as one line: its message, type and code, or its text without tags."""
    if isinstance(body, dict):
        error = body.get("error", body)
        if isinstance(error, dict):
            fields = ("message", "detail", "type", "code", "error_type")
            parts = [str(error[name]) for name in fields if error.get(name)]
            outer = body.get("error_type")
            return shorten(" ".join([*parts, str(outer)] if outer else parts)) or shorten(str(body))
        return shorten(f"{error} {body.get('message', '')}".strip())
    return shorten(re.sub(r"<[^>]{0,200}>", " ", str(body)))
