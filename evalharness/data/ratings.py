"""Human labels of answers: JSONL, one label a line.

    {"id": "q1", "annotator": "anna", "score": 4, "answer_sha256": "9f86d0..."}

Reads: a JSONL file.  Gives: `Rating`, `read_ratings`.
Depends on: records, lines, errors.
A label is about one answer, named by its hash (`evalharness rate` writes it) or by the arm that
gave it; a label that names neither is refused, since it would be counted for every arm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from evalharness.data.lines import iter_lines, require_file
from evalharness.errors import DataError
from evalharness.records import Record, require_finite


class Rating(Record, frozen=True, kw_only=True):
    """What one person says of one answer.

    answer_sha256: of the answer's text as it is scored; or arm: whose answer it is.
    """

    id: str
    score: float
    annotator: str = "human"
    repeat: int = 0
    answer_sha256: str | None = None
    arm: str | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        require_finite("Rating", score=self.score)

    def is_about(self, arm: str, answer_sha256: str) -> bool:
        """Whether this label is of this arm's answer as it is now."""
        if self.answer_sha256 is not None:
            return self.answer_sha256 == answer_sha256
        return self.arm == arm


def read_ratings(path: Path, *, low: float, high: float) -> Iterator[Rating]:
    """Every label of a file. Raises DataError with the line and the key."""
    require_file(path)
    decoder = msgspec.json.Decoder(Rating)
    for line in iter_lines(path):
        if isinstance(line, DataError):
            raise line
        if not line.text.strip():
            continue
        where = f"{path}:{line.number}"
        try:
            rating = decoder.decode(line.text)
        except (msgspec.DecodeError, ValueError) as error:
            raise DataError(f"no label: {error}", where=where, mend="see docs/judges.md") from error
        if not low <= rating.score <= high:
            raise DataError(
                f"the score {rating.score:g} of '{rating.id}' is not from {low:g} to {high:g}",
                where=f"{where}, score",
            )
        if rating.answer_sha256 is None and rating.arm is None:
            raise DataError(
                f"the label of '{rating.id}' does not say which answer it is about",
                where=where,
                mend='add "arm": the name of the model, or "answer_sha256"',
            )
        yield rating
