"""marks.jsonl: every unit's rows, self-contained, so that a comparison needs nothing else.

Reads and writes: marks.jsonl.  Gives: `MarkLine`, `MarkHeader`, `MarkTable` (columns in memory).
Depends on: records, files, keys, journal's header check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from evalharness.errors import StoreError
from evalharness.records import FORMAT, Record
from evalharness.store.columns import Column, ColumnFile
from evalharness.store.keys import unit_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalharness.contracts import Array, Mask, Words

    Number = TypeVar("Number", bound=np.generic)

BLOCK_BYTES = 1 << 16
"""Read and turned into columns at once: some hundreds of lines."""


class MetricColumns(Record, frozen=True, kw_only=True):
    """What a reader must know of a metric to use its rows without the metric's code.

    independent: each request fares on its own, whatever content it shares with others.
    """

    label: str
    name: str
    options: dict[str, object] = {}
    version: str
    signature: str
    direction: Literal["higher", "lower"]
    kind: str
    scale: str
    sees: str
    low: float | None
    high: float | None
    columns: tuple[str, ...]
    independent: bool = False


class MarkHeader(Record, frozen=True, kw_only=True):
    """The first line of marks.jsonl. advice: what the metrics say of the set, for the report."""

    metrics: tuple[MetricColumns, ...]
    advice: tuple[str, ...] = ()
    suite: str = ""
    arm: str = ""
    format: int = FORMAT
    file: str = "marks"


class MarkLine(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One unit: its identity, how asking went, and one row (or a reason) a metric.

    sha: first 16 hex digits of the sample's content hash.  failed: the failure's kind.
    rows: label -> statistics; a missing label was not scored, see `reasons`.
    For a failed unit `rows` holds the worst that could have been, `best` the best.
    """

    id: str
    repeat: int = 0
    sha: str = ""
    cluster: str | None = None
    slices: dict[str, str] = {}
    failed: str | None = None
    unparsed: bool = False
    live: bool = True
    session: str = ""
    rows: dict[str, tuple[float, ...]] = {}
    best: dict[str, tuple[float, ...]] = {}
    reasons: dict[str, str] = {}


@dataclass(slots=True)
class MetricTable:
    """One metric's rows over all units, with masks [n].

    stored_nj: the rows, or the column on disk that holds them.
    best: number of a failed unit -> the best row it could have got.
    scored_n: rows that exist (scored, or failed with bounds).  answered_n: rows from an answer.
    """

    columns: MetricColumns
    stored_nj: Array | Column
    best: dict[int, tuple[float, ...]]
    scored_n: Mask
    answered_n: Mask
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def rows_nk(self) -> Array:
        """Rows [n, k]; the worst that could have been where the unit failed."""
        return _loaded(self.stored_nj)

    @property
    def best_nk(self) -> Array:
        """Rows [n, k]; the best that could have been where the unit failed."""
        rows_nk = self.rows_nk
        if self.best:
            rows_nk = rows_nk.copy() if rows_nk is self.stored_nj else rows_nk
            rows_nk[list(self.best)] = list(self.best.values())
        return rows_nk


@dataclass(slots=True)
class MarkTable:
    """marks.jsonl as columns, most of them on disk; units in the order of the file.

    units, samples: 64-bit hashes of (id, repeat) and of the id, one and the same where no sample
    was asked twice.  shas: 64 bits of the content hash.  clusters: hash of the cluster, or of the
    sample where none is declared.  Arrays [n], or the columns that hold them.
    failed_n, unparsed_n, live_n: masks.  slices: "name=value" -> mask.
    sessions: every sitting in which answers were taken.
    """

    path: Path
    header: MarkHeader
    units: Words | Column
    samples: Words | Column
    shas: Words | Column
    clusters: Words | Column
    failed_n: Mask
    unparsed_n: Mask
    live_n: Mask
    slices: dict[str, Mask]
    failures: dict[str, int]
    sessions: tuple[str, ...]
    clustered: bool
    metrics: dict[str, MetricTable]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def unit_n(self) -> Words:
        """Hashes of (id, repeat)."""
        return _loaded(self.units)

    @property
    def sample_n(self) -> Words:
        """Hashes of ids."""
        return _loaded(self.samples)

    @property
    def sha_n(self) -> Words:
        """The first 64 bits of content hashes, 0 where there is none."""
        return _loaded(self.shas)

    @property
    def cluster_n(self) -> Words:
        """Hashes of clusters."""
        return _loaded(self.clusters)

    @property
    def repeated(self) -> bool:
        """Whether a sample has several units."""
        return self.samples is not self.units

    @property
    def first_n(self) -> Mask:
        """The first repeat of each sample, on whose line a metric of groups has its row."""
        import numpy as np

        if not self.repeated:
            return np.ones(len(self), dtype=np.bool_)
        first_n: Mask = self.unit_n == self.sample_n
        return first_n


def _loaded(stored: NDArray[Number] | Column) -> NDArray[Number]:
    """The numbers, read from disk where they lie there."""
    return stored.load() if isinstance(stored, Column) else stored


def iterate_marks(path: Path) -> Iterator[MarkHeader | MarkLine]:
    """The header, then every line. Raises StoreError with the line number."""
    for block in _blocks(path):
        yield from block if isinstance(block, list) else (block,)


def read_marks(path: Path) -> MarkTable:
    """The whole file as columns. Raises StoreError."""
    blocks = _blocks(path)
    header = next(blocks, None)
    if not isinstance(header, MarkHeader):
        raise StoreError("an empty marks file", where=str(path))
    builder = _Builder(path, header)
    for block in blocks:
        if isinstance(block, list):
            builder.add(block)
    return builder.table()


def _blocks(path: Path) -> Iterator[MarkHeader | list[MarkLine]]:
    """The header, then the lines some hundreds at a time. Raises StoreError with the line."""
    decoder = msgspec.json.Decoder(MarkLine)
    try:
        file = path.open("rb")
    except OSError as error:
        raise StoreError(
            f"cannot read {path.name}: {error.strerror}",
            where=str(path.parent),
            mend="score the run again: `evalharness score SUITE RUN`",
        ) from error
    with file:
        head = file.readline()
        if head:
            try:
                yield msgspec.json.decode(head, type=MarkHeader)
            except msgspec.DecodeError as error:
                raise _foreign(path, 1, error) from error
        n_before = 1
        while block := file.read(BLOCK_BYTES):
            block += file.readline()
            try:
                lines = decoder.decode_lines(block)
            except msgspec.DecodeError as error:
                raise _first_wrong(path, n_before, block, decoder) from error
            if len(lines) < block.count(b"\n") + (not block.endswith(b"\n")):  # a blank line
                raise _first_wrong(path, n_before, block, decoder)
            yield lines
            n_before += len(lines)


def _first_wrong(
    path: Path, n_before: int, block: bytes, decoder: msgspec.json.Decoder[MarkLine]
) -> StoreError:
    """The refusal of the first line of a block that is no mark."""
    for number, line in enumerate(block.split(b"\n"), start=n_before + 1):
        try:
            decoder.decode(line)
        except msgspec.DecodeError as error:
            return _foreign(path, number, error)
    return StoreError("not a marks file of this version", where=str(path))


def _foreign(path: Path, number: int, error: Exception) -> StoreError:
    return StoreError(
        f"not a marks file of this version: {error}",
        where=f"{path}:{number}",
        mend="score the run again: `evalharness score SUITE RUN`",
    )


class _Builder:
    """Collects blocks of lines into columns."""

    def __init__(self, path: Path, header: MarkHeader) -> None:
        self.path, self.header = path, header
        self.n = 0
        file = ColumnFile()
        self.units, self.samples = Column(file, "Q"), Column(file, "Q")
        self.shas, self.clusters = Column(file, "Q"), Column(file, "Q")
        self.failed, self.unparsed, self.recorded = _Flags(), _Flags(), _Flags()
        self.slices: dict[str, _Flags] = {}
        self.failures: Counter[str] = Counter()
        self.sessions: set[str] = set()
        self.repeated = self.grouped = False
        self.columns = {metric.label: _Column(metric, file) for metric in header.metrics}

    def add(self, lines: Sequence[MarkLine]) -> None:
        """More units."""
        self._add_names(lines)
        self.shas.extend([int(line.sha[:16] or "0", 16) for line in lines])
        self.failed.add(self.n, [line.failed is not None for line in lines])
        self.unparsed.add(self.n, [line.unparsed for line in lines])
        self.recorded.add(self.n, [not line.live for line in lines])
        self.sessions.update([line.session for line in lines])
        self.failures.update([line.failed for line in lines if line.failed is not None])
        for place, line in enumerate(lines, self.n):
            for name, value in line.slices.items() if line.slices else ():
                self.slices.setdefault(f"{name}={value}", _Flags()).set(place)
        plain = not any(line.best or line.reasons for line in lines)
        for column in self.columns.values():
            column.add(self.n, lines, plain=plain)
        self.n += len(lines)

    def _add_names(self, lines: Sequence[MarkLine]) -> None:
        """Hashes of units, and of samples and clusters once they are something else."""
        samples = [unit_hash(line.id, 0) for line in lines]
        if not self.repeated and any(line.repeat for line in lines):
            self.repeated = True
            self.samples.extend(self.units.load().tolist())
        if not self.grouped and any(line.cluster is not None for line in lines):
            self.grouped = True
            earlier = self.samples if self.repeated else self.units
            self.clusters.extend(earlier.load().tolist())
        if self.grouped:
            self.clusters.extend(
                sample if line.cluster is None else unit_hash(line.cluster, -1)
                for line, sample in zip(lines, samples, strict=True)
            )
        if self.repeated:
            self.samples.extend(samples)
            samples = [
                unit_hash(line.id, line.repeat) if line.repeat else sample
                for line, sample in zip(lines, samples, strict=True)
            ]
        self.units.extend(samples)

    def table(self) -> MarkTable:
        """Everything added so far."""
        n = self.n
        samples = self.samples if self.repeated else self.units
        everything = ~_Flags().mask(n)  # shared by the metrics that scored every unit
        return MarkTable(
            path=self.path,
            header=self.header,
            units=self.units,
            samples=samples,
            shas=self.shas,
            clusters=self.clusters if self.grouped else samples,
            failed_n=self.failed.mask(n),
            unparsed_n=self.unparsed.mask(n),
            live_n=~self.recorded.mask(n),
            slices={name: flags.mask(n) for name, flags in sorted(self.slices.items())},
            failures=dict(sorted(self.failures.items())),
            sessions=tuple(sorted(self.sessions)),
            clustered=self.grouped or self.repeated,
            metrics={label: column.table(n, everything) for label, column in self.columns.items()},
        )


class _Flags:
    """Which units something is true of; takes no memory until it is true of one."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __bool__(self) -> bool:
        return bool(self._bytes)

    def add(self, n: int, flags: Sequence[bool]) -> None:
        """More units, after the first n."""
        if True in flags:
            self._bytes.extend(bytes(n - len(self._bytes)))
            self._bytes.extend(flags)

    def set(self, place: int) -> None:
        """True of the unit at a place, the last so far."""
        self._bytes.extend(bytes(place - len(self._bytes)))
        self._bytes.append(1)

    def mask(self, n: int) -> Mask:
        """A mask over all n units."""
        import numpy as np

        if not self._bytes:
            return np.zeros(n, dtype=np.bool_)
        self._bytes.extend(bytes(n - len(self._bytes)))
        return np.frombuffer(self._bytes, dtype=np.bool_)


class _Column:
    """One metric's rows while they are collected."""

    def __init__(self, metric: MetricColumns, file: ColumnFile) -> None:
        self.metric = metric
        self.width = len(metric.columns)
        self.rows = Column(file, "d", width=self.width)
        self.unscored, self.unanswered = _Flags(), _Flags()
        self.best: dict[int, tuple[float, ...]] = {}
        self.reasons: Counter[str] = Counter()

    def add(self, n: int, lines: Sequence[MarkLine], *, plain: bool) -> None:
        """The rows of more units, after the first n, or their absence.

        plain: no line says more than rows.
        """
        label = self.metric.label
        rows = [line.rows.get(label, ()) for line in lines]
        if not plain or () in rows:
            rows = self._add_gaps(n, lines, rows)
        if set(map(len, rows)) != {self.width}:
            raise self._wrong_width(lines, rows)
        self.rows.extend(chain.from_iterable(rows))

    def _add_gaps(
        self, n: int, lines: Sequence[MarkLine], rows: Sequence[tuple[float, ...]]
    ) -> list[tuple[float, ...]]:
        """Note what was not scored or not answered, and why; rows for all."""
        label = self.metric.label
        absent = [not row for row in rows]
        self.unscored.add(n, absent)
        best = [label in line.best for line in lines]
        self.unanswered.add(n, list(map(or_, absent, best)))
        self.best.update(
            (n + place, line.best[label]) for place, line in enumerate(lines) if label in line.best
        )
        self.reasons.update([line.reasons[label] for line in lines if label in line.reasons])
        nothing = (0.0,) * (self.width - 1) + (1.0,)
        return [row or nothing for row in rows]

    def _wrong_width(
        self, lines: Sequence[MarkLine], rows: Sequence[tuple[float, ...]]
    ) -> StoreError:
        line, row = next(
            (line, row) for line, row in zip(lines, rows, strict=True) if len(row) != self.width
        )
        return StoreError(
            f"metric '{self.metric.label}' has {len(row)} statistics instead of {self.width} "
            f"for sample '{line.id}'",
            mend="score the run again: `evalharness score SUITE RUN`",
        )

    def table(self, n: int, everything: Mask) -> MetricTable:
        """The rows with their masks. everything: a mask that is true of all n units."""
        scored_n = ~self.unscored.mask(n) if self.unscored else everything
        return MetricTable(
            columns=self.metric,
            stored_nj=self.rows,
            best=self.best,
            scored_n=scored_n,
            answered_n=~self.unanswered.mask(n) if self.unanswered else everything,
            reasons=dict(sorted(self.reasons.items())),
        )
