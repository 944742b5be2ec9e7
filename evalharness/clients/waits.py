"""How long a server asks us to wait: `retry-after` in all its forms, and rate-limit resets.

Reads: response headers.  Gives: seconds, or None where nothing was asked.
Depends on: the standard library.
Sources: RFC 9110, 10.2.3 (Retry-After: seconds or a date); `retry-after-ms` and
`x-ratelimit-reset-requests: 6m0s` as OpenAI sends them; `x-ratelimit-reset` (seconds) as
Together's documentation names its retry hint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

EPOCH_FROM_S: Final = 1e9
"""A reset above this is a point in time (1e9 s is the year 2001), not a length of time."""

EPOCH_MS_FROM: Final = 1e12
DURATION: Final = re.compile(
    r"^(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?$"
)
UNITS_S: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def asked_wait_s(headers: Mapping[str, str], *, now_epoch_s: float) -> float | None:
    """Seconds that a response asks us to wait before another try; None if it does not say.

    headers: looked up in lower case, so hand in a case-insensitive mapping or lower-case names.
    now_epoch_s: wall clock, for dates.
    Never negative: a date in the past is 0.  `retry-after` wins over rate-limit resets.
    """
    millis = number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    after = headers.get("retry-after")
    if after is not None:
        wait = retry_after_s(after, now_epoch_s=now_epoch_s)
        if wait is not None:
            return wait
    reset = headers.get("x-ratelimit-reset")
    if reset is not None:
        wait = reset_s(reset, now_epoch_s=now_epoch_s)
        if wait is not None:
            return wait
    return exhausted_reset_s(headers, now_epoch_s=now_epoch_s)


def retry_after_s(value: str, *, now_epoch_s: float) -> float | None:
    """`Retry-After`: seconds (also with a fraction) or an HTTP date; None if it is neither.

    >>> retry_after_s("1.5", now_epoch_s=0.0)
    1.5
    >>> retry_after_s("Thu, 01 Jan 1970 00:02:00 GMT", now_epoch_s=60.0)
    60.0
    """
    seconds = number(value)
    if seconds is not None:
        return seconds
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value.strip()).timestamp() - now_epoch_s)
    except (TypeError, ValueError, OverflowError):
        return None


def reset_s(value: str, *, now_epoch_s: float) -> float | None:
    """A rate limit's reset: seconds, a duration like `6m0s`, or a point in time.

    >>> reset_s("1m30.5s", now_epoch_s=0.0)
    90.5
    """
    seconds = number(value)
    if seconds is None:
        return duration_s(value)
    if seconds >= EPOCH_MS_FROM:
        return max(0.0, seconds / 1000 - now_epoch_s)
    if seconds >= EPOCH_FROM_S:
        return max(0.0, seconds - now_epoch_s)
    return seconds


def exhausted_reset_s(headers: Mapping[str, str], *, now_epoch_s: float) -> float | None:
    """The longest reset among the limits whose `remaining` is 0."""
    waits = []
    for what in ("requests", "tokens"):
        remaining = number(headers.get(f"x-ratelimit-remaining-{what}"))
        reset = headers.get(f"x-ratelimit-reset-{what}")
        if reset is not None and remaining == 0:
            wait = reset_s(reset, now_epoch_s=now_epoch_s)
            if wait is not None:
                waits.append(wait)
    return max(waits, default=None)


def duration_s(value: str) -> float | None:
    """A duration written with units (`6m0s`, `20ms`, `1d2h`); None if it is not one."""
    found = DURATION.match(value.strip())
    if not found or not any(found.groupdict().values()):
        return None
    return sum(float(count) * UNITS_S[unit] for unit, count in found.groupdict().items() if count)


def number(value: str | None) -> float | None:
    """A finite number that is not negative, or None."""
    if value is None:
        return None
    try:
        parsed = float(value)
    except ValueError:
        return None
    return parsed if math.isfinite(parsed) and parsed >= 0 else None
