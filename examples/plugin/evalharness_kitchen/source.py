"""recipes:FILE: held-out questions from plain text, `Q: ...` and `A: ...` lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import DataError
from evalharness.records import Sample


def open_recipes(rest: str, base: Path) -> Recipes:
    """The source for `data: {path: "recipes:FILE"}`; FILE starts at the suite's folder."""
    return Recipes(base / rest)


@dataclass(frozen=True)
class Recipes:
    """Keeps `evalharness.contracts.Source`: iterating twice gives the same samples in order."""

    path: Path

    @property
    def where(self) -> str:
        """The file, for messages."""
        return str(self.path)

    def __iter__(self) -> Iterator[Sample]:
        """Every question with its answer. Raises DataError with the line."""
        question = None
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise DataError(f"cannot read it: {error.strerror}", where=self.where) from error
        for number, line in enumerate(lines, start=1):
            mark, _, text = line.partition(":")
            if mark == "Q":
                question = text.strip()
            elif mark == "A" and question:
                yield Sample(id=f"line-{number}", input=question, targets=(text.strip(),))
            elif line.strip():
                raise DataError(
                    f"neither Q: nor A:: {line!r}", where=f"{self.where}:{number}", mend="Q: ..."
                )
