"""What a check found: one record for each fault, and a list that does not grow without end.

Reads: nothing.  Gives: `Finding`, `Findings`.
Depends on: records, errors.  Knows nothing of files.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal, TypeAlias

from evalharness.errors import DataError
from evalharness.records import Record

Severity: TypeAlias = Literal["error", "warning"]

MAX_SHOWN: Final = 20
"""Findings of one kind that are shown; the others are counted."""
MAX_ALIKE: Final = 3
"""Findings of the same words that are shown: the fourth place teaches nothing."""

CODES: Final[dict[str, str]] = {
    "file": "the file cannot be read",
    "line": "a line cannot be read",
    "field": "a field is absent or of the wrong kind",
    "format": "the row has no known training format, or another one than the rows before",
    "column": "a training row has a column that its format does not know",
    "roles": "messages do not alternate as the fine-tuning services demand",
    "tools": "tool calls and their answers do not match",
    "weight": "a message's weight is not 0 or 1",
    "encoding": "a text was read or saved in the wrong encoding, or holds control characters",
    "empty": "an input or target has no text",
    "targets": "nothing to judge an answer by",
    "duplicate": "the same sample stands in the file twice",
    "contradiction": "the same input has different targets",
    "leak": "a held-out sample stands in the training file",
}
"""Every finding's code and what it means."""


class Finding(Record, frozen=True, kw_only=True):
    """One fault: how bad, which kind, where, what, and how to mend it.

    severity: an `error` makes the file unusable or its evidence unfair; a `warning` is to be known.
    code: one of CODES.  where: file and line.  count: faults that it speaks for.
    """

    severity: Severity
    code: str
    where: str
    message: str
    mend: str | None = None
    count: int = 1


class Findings:
    """Findings in the order they come, at most `limit` of each severity and code.

    Of those with the same words the first MAX_ALIKE are kept.  The others are counted, and
    `listed` says how many there are.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[Severity, str]] = Counter()
        self._shown: Counter[tuple[Severity, str]] = Counter()
        self._alike: Counter[tuple[str, str]] = Counter()

    def add(self, finding: Finding) -> None:
        """Keep it, or count it if there are enough of its kind."""
        kind = (finding.severity, finding.code)
        self._counts[kind] += 1
        if self._shown[kind] == self._limit:
            return
        words = (finding.code, finding.message)
        self._alike[words] += 1
        if self._alike[words] <= MAX_ALIKE:
            self._shown[kind] += 1
            self._kept.append(finding)

    def refuse(self, error: DataError, code: str, *, where: str) -> None:
        """Keep a refusal as a finding; `where` stands in if it names no place."""
        self.add(
            Finding(
                severity="error",
                code=code,
                where=error.where or where,
                message=error.message,
                mend=error.mend,
            )
        )

    def listed(self, where: str) -> list[Finding]:
        """All that were kept, and one more for each kind of which there were too many."""
        left = {kind: count - self._shown[kind] for kind, count in self._counts.items()}
        more = [
            Finding(
                severity=severity,
                code=code,
                where=where,
                message=f"{count} more of this kind {'is' if count == 1 else 'are'} not shown "
                f"({self._counts[severity, code]} in all)",
                count=count,
            )
            for (severity, code), count in left.items()
            if count
        ]
        return [*self._kept, *more]
