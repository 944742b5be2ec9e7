"""Human preferences between two answers: JSONL, one vote a line.

    {"id": "q1", "annotator": "anna", "better": "9f86d0...", "answers": ["9f86d0...", "60303a..."]}

Reads: a JSONL file.  Gives: `Preference`, `read_preferences`.
Depends on: records, lines, errors.
Answers are named by their hashes, so a vote says nothing of an answer that has changed since.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from evalharness.data.lines import iter_lines, require_file
from evalharness.errors import DataError
from evalharness.records import Record

TIE = "tie"


class Preference(Record, frozen=True, kw_only=True):
    """One person's vote. better: the better answer's hash, or `tie`.  answers: both hashes."""

    id: str
    better: str
    answers: tuple[str, str]
    annotator: str = "human"
    repeat: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        if self.better not in (TIE, *self.answers):
            raise ValueError("`better` is neither of the `answers`, nor `tie`")

    def share(self, candidate: str, baseline: str) -> float | None:
        """The candidate's share of the win; None if the vote is about other answers."""
        if sorted(self.answers) != sorted((candidate, baseline)):
            return None
        return 0.5 if self.better == TIE else float(self.better == candidate)


def read_preferences(path: Path) -> Iterator[Preference]:
    """Every vote of a file. Raises DataError with the line and the key."""
    require_file(path)
    decoder = msgspec.json.Decoder(Preference)
    for line in iter_lines(path):
        if isinstance(line, DataError):
            raise line
        if line.text.strip():
            try:
                yield decoder.decode(line.text)
            except (msgspec.DecodeError, ValueError) as error:
                raise DataError(
                    f"no preference: {error}",
                    where=f"{path}:{line.number}",
                    mend="`evalharness rate --collect` writes such a file",
                ) from error
