"""Regular expressions with a time limit: a pattern that hangs is given up, not waited for.

Reads: patterns from suites, texts from models.  Gives: matches, or TimeoutError.
Depends on: the package regex, imported when a pattern is compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import regex

LIMIT_S: Final = 1.0
"""CPU seconds that one pattern may take on one text."""


class TimedPattern:
    """A compiled pattern whose every use ends within LIMIT_S, by TimeoutError if need be.

    Raises ValueError for a pattern that is no regular expression.
    """

    def __init__(self, pattern: str) -> None:
        import regex

        if not isinstance(pattern, str):
            raise ValueError(f"pattern must be a text; got {pattern!r}")  # noqa: TRY004
        self.pattern = pattern
        try:
            self._compiled: regex.Pattern[str] = regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"'{pattern}' is no regular expression: {error}") from error

    def search(self, text: str) -> str | None:
        """The first match anywhere, or None."""
        found = self._compiled.search(text, timeout=LIMIT_S)
        return None if found is None else found.group()

    def fullmatch(self, text: str) -> str | None:
        """The text if all of it matches, or None."""
        found = self._compiled.fullmatch(text, timeout=LIMIT_S)
        return None if found is None else found.group()

    def delete(self, text: str) -> str:
        """The text without what matches."""
        return self._compiled.sub("", text, timeout=LIMIT_S)

    def count(self, text: str) -> int:
        """How many matches there are, not overlapping."""
        return sum(1 for _ in self._compiled.finditer(text, timeout=LIMIT_S))


def too_slow(pattern: str) -> str:
    """The reason of an answer that a pattern could not be tried on in time."""
    return f"the pattern '{pattern}' took longer than {LIMIT_S:g} s on this answer"
