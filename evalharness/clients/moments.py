"""Points in time as text: ISO 8601 in UTC, to the millisecond.

Reads: nothing.  Gives: utc_text.
Depends on: the standard library.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def utc_text(epoch_s: float) -> str:
    """ISO 8601 in UTC, to the millisecond; what is beyond it is cut off.

    >>> utc_text(1.5)
    '1970-01-01T00:00:01.500+00:00'
    """
    millis = int(epoch_s * 1000)
    return f"{_second(millis // 1000)}.{millis % 1000:03d}+00:00"


@lru_cache(maxsize=16)
def _second(epoch_s: int) -> str:
    """A whole second; many answers come within one."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
