"""Recorded outputs of a model, looked up by sample id and repeat.

Reads: JSON Lines, CSV, a JSON list, a JSON object {id: text}, plain lines; gzipped or not.
Gives: a Recording, whose memory grows by 17 bytes an answer (29 if looked up out of
order) and not with the answers.
Depends on: entries, lines, errors, records.  Knows nothing of samples' content or of clients.
A JSON object or list is read whole, at most 256 MiB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from evalharness.data.entries import Entries, open_entries
from evalharness.data.identity import SeenIds, file_sha256
from evalharness.data.lines import require_file
from evalharness.data.recorded import outcome
from evalharness.records import Outcome


def open_recording(
    path: Path, *, fields: Mapping[str, str], ids: Iterable[str] | None = None
) -> Recording:
    """A recording, read through once: every entry is checked before the first answer is used.

    fields: our names -> theirs, e.g. {"output": "solution"}; dots reach into objects.
    ids: the data's ids in order, needed for plain lines, which are aligned with them.
    Raises DataError that names the line: not JSON, no id or output, an answer given twice.
    """
    require_file(path)
    return Recording(path, open_entries(path, fields, ids))


class Recording:
    """Answers by (sample id, repeat). Close it, or use it as a context manager.

    path: the file.  n: the number of entries in it (lines, or keys of a JSON object).
    names_inputs: whether any entry says which input it answered.
    """

    def __init__(self, path: Path, entries: Entries) -> None:
        self.path = path
        self.n = len(entries)
        self.names_inputs = entries.names_inputs
        self._entries = entries

    def lookup(self, sample_id: str, repeat: int = 0) -> Outcome | None:
        """What was recorded for one repeat of a sample; None if nothing was.

        An entry with an error, or with null for the answer, is Failed.
        """
        found = self._entries.find(sample_id, repeat)
        if found is None or not found.has(repeat):
            return None
        return outcome(found.entry, repeat, found.text(repeat))

    def input_sha256(self, sample_id: str, repeat: int = 0) -> str | None:
        """The hash of the input that was answered, if the recording says it."""
        if not self.names_inputs:
            return None
        found = self._entries.find(sample_id, repeat)
        return None if found is None else found.entry.input_sha256

    def extra_ids(self, known: Iterable[str]) -> list[str]:
        """The recording's ids that are not among `known`, in file order, each once."""
        seen = SeenIds(known)
        return [sample_id for sample_id in self._entries.ids() if seen.add(sample_id)]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes."""
        return file_sha256(self.path)

    def close(self) -> None:
        """Give up the file; may be called twice."""
        self._entries.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
