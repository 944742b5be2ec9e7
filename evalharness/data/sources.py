"""Held-out sets as streams of samples.

Reads: the suite's `data` block, files, hub data sets.  Gives: a Source.
Depends on: rows, samples, squad, hub, identity, errors.  Knows nothing of models or prompts.
JSON Lines, CSV and plain lines are streamed: memory does not grow with the file beyond 20 bytes a
sample, for finding duplicate ids.  A JSON document (SQuAD) is read whole, at most 256 MiB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from evalharness.contracts import Source
from evalharness.data.identity import SeenIds
from evalharness.data.lines import Line, at, iter_lines, require_file
from evalharness.data.plugins import plugin_source
from evalharness.data.rows import FORMATS, Row, RowFormat, format_of, iter_rows, parse_json_line
from evalharness.data.samples import SampleMaker, is_named_by_content
from evalharness.data.squad import is_squad, squad_samples
from evalharness.errors import DataError, UsageError, did_you_mean
from evalharness.records import Sample
from evalharness.spec.suite import DataSpec


def open_source(
    spec: DataSpec, *, base: Path, override: Path | None = None, limit: int | None = None
) -> Source:
    """The held-out set of a suite, ready to be iterated, as often as wanted.

    base: where relative paths of the suite start.  override: `--data`, taken as it is.
    limit: the first samples only.
    Raises DataError for a file that is absent or of unknown format, SpecError for a wrong mapping,
    UsageError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit}")
    named = str(override) if override is not None else spec.path
    if named is not None and (plugged := plugin_source(named, base=base, limit=limit)):
        return plugged
    if override is not None or spec.path is not None:
        path = override if override is not None else base / str(spec.path)
        return FileSource(path, spec, fmt=resolve_format(path, spec, given=override), limit=limit)
    if spec.hf is not None:
        from evalharness.data.hub import HubSource

        return HubSource(spec, limit=limit)
    raise DataError(
        "the suite names no data", where="data", mend="set data.path, or give --data PATH"
    )


def resolve_format(path: Path, spec: DataSpec, *, given: Path | None) -> RowFormat:
    """How to read the file: as the suite says for its own file, else as the name says.

    Raises DataError if neither says.
    """
    require_file(path)
    named = format_of(path)
    said: RowFormat | None = "json" if spec.format == "squad" else spec.format
    fmt = (named or said) if given is not None else (said or named)
    if fmt is None:
        suffix = Path(path.name.removesuffix(".gz")).suffix
        near = did_you_mean(suffix, FORMATS) if suffix else None
        raise DataError(
            f"the format of {path.name!r} is unknown",
            where=str(path),
            mend=near or "set data.format: jsonl, json, csv, squad or lines",
        )
    return fmt


class FileSource:
    """A held-out file as a Source: iterating twice gives the same samples in the same order.

    where: the file, for messages.  path: the same, for hashing.
    """

    def __init__(
        self, path: Path, spec: DataSpec, *, fmt: RowFormat, limit: int | None = None
    ) -> None:
        self.path = path
        self.where = str(path)
        self._format = fmt
        self._limit = limit
        self._maker = SampleMaker(spec)

    def __iter__(self) -> Iterator[Sample]:
        """Every sample. Raises DataError with the line at the first one that is wrong."""
        return islice(self._checked(), self._limit)

    def ids(self) -> Iterator[str]:
        """The id of every sample in order, without building those that carry one.

        What else may be wrong with a row, and ids that stand twice, only iterating finds.
        Raises DataError where an id cannot be had.
        """
        spec = self._maker.spec
        if self._format == "jsonl" and spec.turns == "last" and "id" not in spec.fields:
            return islice(self._ids_of_lines(), self._limit)
        return (sample.id for sample in self)

    def _ids_of_lines(self) -> Iterator[str]:
        for line in iter_lines(self.path):
            if isinstance(line, DataError):
                raise line
            sample_id = _id_of_line(line.text)
            if sample_id is not None:
                yield sample_id
            elif line.text and not line.text.isspace():
                yield from self._ids_built(line)

    def _ids_built(self, line: Line) -> Iterator[str]:
        row = parse_json_line(self.path, line, at(self.path))
        if isinstance(row, DataError):
            raise row
        for sample in samples_of(row, self._maker):
            yield sample.id

    def _checked(self) -> Iterator[Sample]:
        seen = SeenIds()
        for number, (row, sample) in enumerate(self._samples()):
            if not seen.add(sample.id):
                self._refuse_duplicate(row, sample, n_before=number)
            yield sample
        if not seen:
            raise DataError(
                "the file holds no samples", where=self.where, mend="check how it was written"
            )

    def _samples(self) -> Iterator[tuple[Row, Sample]]:
        for row in iter_rows(self.path, self._format):
            if isinstance(row, DataError):
                raise row
            for sample in samples_of(row, self._maker):
                yield row, sample

    def _refuse_duplicate(self, row: Row, sample: Sample, *, n_before: int) -> None:
        """Look for the earlier sample of this id; two ids that share a hash are no fault."""
        for earlier, other in islice(self._samples(), n_before):
            if other.id == sample.id:
                raise duplicate(sample, earlier, row)


@runtime_checkable
class Listed(Protocol):
    """A source that can tell its samples' ids without building the samples."""

    def ids(self) -> Iterator[str]:
        """The id of every sample, in order."""
        ...


def ids_of(source: Source) -> Iterator[str]:
    """The id of every sample of a source, in order, as cheaply as the source can tell."""
    if isinstance(source, Listed):
        return source.ids()
    return (sample.id for sample in source)


class _NamedLine(msgspec.Struct):
    """What a line must hold to be one sample with an id of its own; the rest is passed over."""

    id: str
    paragraphs: Any = None  # Any: whatever stands there, the line is then an article of SQuAD


_NAMED: Final = msgspec.json.Decoder(_NamedLine)


def _id_of_line(text: bytes) -> str | None:
    """The id that a line gives as a text; None where more must be known to tell."""
    try:
        line = _NAMED.decode(text)
    except msgspec.DecodeError:
        return None
    return line.id if line.paragraphs is None and line.id.strip() else None


def samples_of(row: Row, maker: SampleMaker) -> Iterable[Sample]:
    """The samples of one row, or of one SQuAD article."""
    if is_squad(row.values):
        return squad_samples(row, maker.spec)
    return maker.samples(row)


def duplicate(sample: Sample, first: Row, second: Row) -> DataError:
    """The refusal of an id that two rows have, or of two equal rows without ids."""
    places = f"{_spot(first)} and {_spot(second)}"
    if is_named_by_content(sample):
        return DataError(
            f"{places} are the same sample, without an id",
            where=second.where,
            mend="remove one of them: counted twice it is no further evidence",
        )
    return DataError(
        f"{places} have the same id {sample.id!r}", where=second.where, mend="give each its own id"
    )


def _spot(row: Row) -> str:
    """The row's place within its file: `line 17`, `item 3`."""
    _, found, unit = row.place.rpartition(": ")
    return f"{unit if found else 'line '}{row.number}"
