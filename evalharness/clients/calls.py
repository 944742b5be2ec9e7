"""What one call to a provider leaves behind when it fails, and how failures are told apart.

Reads: nothing.  Gives: exceptions that carry the facts of the call, for the attempt's journal.
Depends on: errors, records.  Knows nothing of any transport.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from evalharness.errors import ClientError, Fatal, Permanent, Transient
from evalharness.records import FailureKind, Usage

MAX_DETAIL_CHARS = 300


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call that gave no answer.

    status: of the HTTP response, if one came.  billed: `no` for a refusal, `unknown` once a
    request was sent and nothing usable came back.  cost_usd: of the usage, where both are known.
    """

    status: int | None = None
    billed: Literal["yes", "no", "unknown"] = "unknown"
    usage: Usage | None = None
    ttft_s: float | None = None
    cost_usd: float | None = None


NO_FACTS = CallFacts()
NOT_BILLED = CallFacts(billed="no")


class TransientCall(Transient):
    """A failed call that is worth another try, with its facts."""

    facts: CallFacts = NO_FACTS


class PermanentCall(Permanent):
    """A failed call that would fail again, with its facts."""

    facts: CallFacts = NO_FACTS


class FatalCall(Fatal):
    """A failed call after which no other can succeed, with its facts."""

    facts: CallFacts = NO_FACTS


def transient(
    kind: FailureKind, detail: str, facts: CallFacts = NO_FACTS, *, wait_s: float | None = None
) -> TransientCall:
    """A failure worth another try; wait_s is what the server asked for, if it did."""
    error = TransientCall(shorten(detail), kind=kind, retry_after_s=wait_s)
    error.facts = facts
    return error


def permanent(kind: FailureKind, detail: str, facts: CallFacts = NO_FACTS) -> PermanentCall:
    """A failure that would come again for this request."""
    error = PermanentCall(shorten(detail), kind=kind)
    error.facts = facts
    return error


def fatal(
    kind: FailureKind, detail: str, facts: CallFacts = NOT_BILLED, *, mend: str | None = None
) -> FatalCall:
    """A failure that would come again for every request of the run."""
    error = FatalCall(shorten(detail), kind=kind, mend=mend)
    error.facts = facts
    return error


def facts_of(error: ClientError) -> CallFacts:
    """The facts that a client's error carries; unknown ones for a plug-in's plain error."""
    facts = getattr(error, "facts", NO_FACTS)
    return facts if isinstance(facts, CallFacts) else NO_FACTS


def shorten(text: str) -> str:
    """Words of a server, short enough for a journal line, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_DETAIL_CHARS else line[: MAX_DETAIL_CHARS - 3] + "..."
