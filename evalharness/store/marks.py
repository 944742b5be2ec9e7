"""marks.jsonl: every unit's rows, self-contained, so that a comparison needs nothing else.

Reads and writes: marks.jsonl.  Gives: `MarkLine`, `MarkHeader`, `MarkTable` (columns in memory).
Depends on: records, files, keys, journal's header check.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from evalharness.errors import StoreError
from evalharness.records import FORMAT, Record
from evalharness.store.keys import unit_hash

if TYPE_CHECKING:
    from evalharness.contracts import Array, Mask, Words


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
    """The first line of marks.jsonl."""

    metrics: tuple[MetricColumns, ...]
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

    stored_nj: the rows without a last column that is 1 throughout (a mean's weights).
    best: number of a failed unit -> the best row it could have got.
    scored_n: rows that exist (scored, or failed with bounds).  answered_n: rows from an answer.
    """

    columns: MetricColumns
    stored_nj: Array
    best: dict[int, tuple[float, ...]]
    scored_n: Mask
    answered_n: Mask
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def rows_nk(self) -> Array:
        """Rows [n, k]; the worst that could have been where the unit failed."""
        import numpy as np

        if self.stored_nj.shape[1] == len(self.columns.columns):
            return self.stored_nj
        return np.column_stack([self.stored_nj, np.ones(len(self.stored_nj))])

    @property
    def best_nk(self) -> Array:
        """Rows [n, k]; the best that could have been where the unit failed."""
        rows_nk = self.rows_nk
        if self.best:
            rows_nk = rows_nk.copy()
            rows_nk[list(self.best)] = list(self.best.values())
        return rows_nk


@dataclass(slots=True)
class MarkTable:
    """marks.jsonl in memory, a few bytes a unit; units in the order of the file.

    unit_n, sample_n: 64-bit hashes of (id, repeat) and of the id.  sha_n: 64 bits of the content
    hash.  cluster_n: hash of the cluster, or of the sample where none is declared.
    failed_n, unparsed_n, live_n: masks.  slices: "name=value" -> mask.
    sessions: every sitting in which answers were taken.
    """

    path: Path
    header: MarkHeader
    unit_n: Words
    sample_n: Words
    sha_n: Words
    cluster_n: Words
    failed_n: Mask
    unparsed_n: Mask
    live_n: Mask
    slices: dict[str, Mask]
    failures: dict[str, int]
    sessions: tuple[str, ...]
    clustered: bool
    metrics: dict[str, MetricTable]

    def __len__(self) -> int:
        return len(self.unit_n)


def iterate_marks(path: Path) -> Iterator[MarkHeader | MarkLine]:
    """The header, then every line. Raises StoreError with the line number."""
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
        for number, line in enumerate(file, start=1):
            try:
                yield (
                    msgspec.json.decode(line, type=MarkHeader)
                    if number == 1
                    else decoder.decode(line)
                )
            except msgspec.DecodeError as error:
                raise StoreError(
                    f"not a marks file of this version: {error}",
                    where=f"{path}:{number}",
                    mend="score the run again: `evalharness score SUITE RUN`",
                ) from error


def read_marks(path: Path) -> MarkTable:
    """The whole file as columns. Raises StoreError."""
    lines = iterate_marks(path)
    header = next(lines, None)
    if not isinstance(header, MarkHeader):
        raise StoreError("an empty marks file", where=str(path))
    builder = _Builder(path, header)
    for line in lines:
        if isinstance(line, MarkLine):
            builder.add(line)
    return builder.table()


class _Builder:
    """Collects lines into columns."""

    def __init__(self, path: Path, header: MarkHeader) -> None:
        self.path, self.header = path, header
        self.units, self.samples, self.shas = array("Q"), array("Q"), array("Q")
        self.clusters = array("Q")
        self.failed, self.unparsed, self.live = bytearray(), bytearray(), bytearray()
        self.slices: dict[str, bytearray] = {}
        self.failures: dict[str, int] = {}
        self.sessions: dict[str, None] = {}
        self.repeated = self.grouped = False
        self.columns = {metric.label: _Column(metric) for metric in header.metrics}

    def add(self, line: MarkLine) -> None:
        """One more unit."""
        n = len(self.units)
        sample = unit_hash(line.id, 0)
        if line.repeat and not self.repeated:
            self.repeated = True
            self.samples.extend(self.units)
        if line.cluster is not None and not self.grouped:
            self.grouped = True
            self.clusters.extend(self.samples if self.repeated else self.units)
        self.units.append(unit_hash(line.id, line.repeat) if line.repeat else sample)
        if self.repeated:
            self.samples.append(sample)
        if self.grouped:
            self.clusters.append(sample if line.cluster is None else unit_hash(line.cluster, -1))
        self.shas.append(int(line.sha[:16] or "0", 16))
        self.failed.append(line.failed is not None)
        self.unparsed.append(line.unparsed)
        self.live.append(line.live)
        self.sessions.setdefault(line.session)
        if line.failed is not None:
            self.failures[line.failed] = self.failures.get(line.failed, 0) + 1
        for name, value in line.slices.items():
            mask = self.slices.setdefault(f"{name}={value}", bytearray())
            mask.extend(bytes(n - len(mask)))
            mask.append(1)
        for label, column in self.columns.items():
            column.add(n, line, line.rows.get(label), line.reasons.get(label))

    def table(self) -> MarkTable:
        """Everything added so far."""
        import numpy as np

        n = len(self.units)

        def words(values: array[int]) -> Words:
            return np.frombuffer(values, dtype=np.uint64) if n else np.empty(0, dtype=np.uint64)

        def mask(values: bytearray) -> Mask:
            values.extend(bytes(n - len(values)))
            return np.frombuffer(values, dtype=np.bool_) if n else np.empty(0, dtype=np.bool_)

        unit_n = words(self.units)
        sample_n = words(self.samples) if self.repeated else unit_n
        return MarkTable(
            path=self.path,
            header=self.header,
            unit_n=unit_n,
            sample_n=sample_n,
            sha_n=words(self.shas),
            cluster_n=words(self.clusters) if self.grouped else sample_n,
            failed_n=mask(self.failed),
            unparsed_n=mask(self.unparsed),
            live_n=mask(self.live),
            slices={name: mask(values) for name, values in sorted(self.slices.items())},
            failures=dict(sorted(self.failures.items())),
            sessions=tuple(sorted(self.sessions)),
            clustered=self.grouped or self.repeated,
            metrics={label: column.table(n) for label, column in self.columns.items()},
        )


class _Column:
    """One metric's rows while they are collected; weights of 1 are left out until one differs."""

    def __init__(self, metric: MetricColumns) -> None:
        self.metric = metric
        self.width = len(metric.columns)
        self.light = metric.kind in ("binary", "continuous", "ordered") and self.width == 2
        self.rows = array("d")
        self.scored, self.answered = bytearray(), bytearray()
        self.best: dict[int, tuple[float, ...]] = {}
        self.reasons: dict[str, int] = {}

    def add(
        self, n: int, line: MarkLine, row: tuple[float, ...] | None, reason: str | None
    ) -> None:
        """One more unit's row, or its absence."""
        if row is None:
            row = (0.0,) * (self.width - 1) + (1.0,)
            self.scored.append(0)
        elif len(row) == self.width:
            self.scored.append(1)
        else:
            raise StoreError(
                f"metric '{self.metric.label}' has {len(row)} statistics instead of {self.width} "
                f"for sample '{line.id}'",
                mend="score the run again: `evalharness score SUITE RUN`",
            )
        if self.light and row[1] != 1.0:
            self.spread_out()
        if self.light:
            self.rows.append(row[0])
        else:
            self.rows.extend(row)
        self.answered.append(self.scored[-1] and self.metric.label not in line.best)
        if self.metric.label in line.best:
            self.best[n] = line.best[self.metric.label]
        if reason is not None:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def spread_out(self) -> None:
        """Put the weights of 1 back, once and for all."""
        self.light = False
        self.rows = array("d", (number for value in self.rows for number in (value, 1.0)))

    def table(self, n: int) -> MetricTable:
        """The rows as arrays."""
        import numpy as np

        width = 1 if self.light else self.width
        empty = np.empty(0, dtype=np.bool_)
        return MetricTable(
            columns=self.metric,
            stored_nj=np.frombuffer(self.rows, dtype=np.float64).reshape(n, width)
            if n
            else np.empty((0, width)),
            best=self.best,
            scored_n=np.frombuffer(self.scored, dtype=np.bool_) if n else empty,
            answered_n=np.frombuffer(self.answered, dtype=np.bool_) if n else empty,
            reasons=dict(sorted(self.reasons.items())),
        )
