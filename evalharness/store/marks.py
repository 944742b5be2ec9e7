"""marks.jsonl: every unit's rows, self-contained, so that a comparison needs nothing else.

Reads and writes: marks.jsonl.  Gives: `MarkLine`, `MarkHeader`, `MarkTable` (columns in memory).
Depends on: records, files, keys, journal's header check.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from evalharness.errors import StoreError
from evalharness.records import FORMAT, Record
from evalharness.store.keys import unit_hash

if TYPE_CHECKING:
    from evalharness.contracts import Array, Mask, Words

_ZERO_OR_ONE = frozenset((0.0, 1.0))
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

    stored_nj: the rows without a last column that is 1 throughout (a mean's weights); bytes where
    all values are 0 or 1 besides.
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

        n, stored = self.stored_nj.shape
        if stored == len(self.columns.columns):
            return self.stored_nj
        rows_nk = np.ones((n, stored + 1))
        rows_nk[:, :stored] = self.stored_nj
        return rows_nk

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
        self.units, self.samples, self.shas = array("Q"), array("Q"), array("Q")
        self.clusters = array("Q")
        self.failed, self.unparsed, self.recorded = _Flags(), _Flags(), _Flags()
        self.slices: dict[str, _Flags] = {}
        self.failures: Counter[str] = Counter()
        self.sessions: set[str] = set()
        self.repeated = self.grouped = False
        self.columns = {metric.label: _Column(metric) for metric in header.metrics}

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
            self.samples.extend(self.units)
        if not self.grouped and any(line.cluster is not None for line in lines):
            self.grouped = True
            self.clusters.extend(self.samples if self.repeated else self.units)
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
        unit_n = _words(self.units)
        sample_n = _words(self.samples) if self.repeated else unit_n
        return MarkTable(
            path=self.path,
            header=self.header,
            unit_n=unit_n,
            sample_n=sample_n,
            sha_n=_words(self.shas),
            cluster_n=_words(self.clusters) if self.grouped else sample_n,
            failed_n=self.failed.mask(n),
            unparsed_n=self.unparsed.mask(n),
            live_n=~self.recorded.mask(n),
            slices={name: flags.mask(n) for name, flags in sorted(self.slices.items())},
            failures=dict(sorted(self.failures.items())),
            sessions=tuple(sorted(self.sessions)),
            clustered=self.grouped or self.repeated,
            metrics={label: column.table(n) for label, column in self.columns.items()},
        )


def _words(values: array[int]) -> Words:
    import numpy as np

    return np.frombuffer(values, dtype=np.uint64) if values else np.empty(0, dtype=np.uint64)


class _Flags:
    """Which units something is true of; takes no memory until it is true of one."""

    def __init__(self) -> None:
        self._bytes = bytearray()

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


def _numbers(code: str, values: Iterable[float] = ()) -> array[float]:
    """An array of any type code, bytes or doubles, as numbers."""
    return array(code, values)


class _Column:
    """One metric's rows while they are collected; weights of 1 are left out until one differs."""

    def __init__(self, metric: MetricColumns) -> None:
        self.metric = metric
        self.width = len(metric.columns)
        self.light = metric.kind in ("binary", "continuous", "ordered") and self.width == 2
        self.binary = self.light
        self.rows: array[float] = _numbers("B") if self.binary else _numbers("d")
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
        numbers = array("d", chain.from_iterable(rows))
        if self.light and numbers[1::2].count(1.0) < len(rows):
            self.spread_out()
        elif self.light:
            numbers = numbers[::2]
        if self.binary and not set(numbers) <= _ZERO_OR_ONE:
            self.binary = False
            self.rows = array("d", self.rows)
        self.rows.extend(_numbers("B", map(int, numbers)) if self.binary else numbers)

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

    def spread_out(self) -> None:
        """Put the weights of 1 back, once and for all."""
        self.light = self.binary = False
        self.rows = array("d", (number for value in self.rows for number in (value, 1.0)))

    def table(self, n: int) -> MetricTable:
        """The rows as arrays."""
        import numpy as np

        width = 1 if self.light else self.width
        return MetricTable(
            columns=self.metric,
            stored_nj=np.frombuffer(self.rows, dtype=self.rows.typecode).reshape(n, width)
            if n
            else np.empty((0, width)),
            best=self.best,
            scored_n=~self.unscored.mask(n),
            answered_n=~self.unanswered.mask(n),
            reasons=dict(sorted(self.reasons.items())),
        )
