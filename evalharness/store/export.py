"""Tables of plain values as CSV, JSON lines or Parquet, and the table of a run's units.

Reads: marks.jsonl and outcomes.jsonl.  Gives: rows, and bytes.
Depends on: records, marks, journal, errors; pyarrow for Parquet alone (extra `report`).
None stands for what is not there: an empty cell in CSV, null elsewhere.
Sources: RFC 4180 (CSV); OWASP, "CSV injection"; jsonlines.org.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from evalharness.errors import MissingExtra
from evalharness.records import Answered, Outcome
from evalharness.store.journal import JournalReader, OutcomeEntry
from evalharness.store.marks import MarkHeader, MarkLine, iterate_marks
from evalharness.store.runs import RunFolder

Value: TypeAlias = "str | int | float | None"
Row: TypeAlias = "dict[str, Value]"
Form: TypeAlias = Literal["csv", "jsonl", "parquet"]

UNIT_COLUMNS: Final = (
    "suite",
    "arm",
    "id",
    "repeat",
    "cluster",
    "failed",
    "unparsed",
    "output",
    "finish",
    "latency_s",
    "ttft_s",
    "cost_usd",
    "prompt_tokens",
    "completion_tokens",
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
SURROGATES: Final = re.compile("[\ud800-\udfff]")


def unit_rows(run: RunFolder) -> Iterator[Row]:
    """One row a unit: UNIT_COLUMNS, then `slice.NAME`, then each metric that has a value a unit.

    A unit's value is its row's first column over its second (a mean of 1); metrics of corpus kind
    have none.  A failed unit holds the worst that could have been, as the verdict counts it.
    Raises StoreError.
    """
    lines = iterate_marks(run.marks_path)
    header = next(lines, None)
    if not isinstance(header, MarkHeader):
        return
    labels = [m.label for m in header.metrics if len(m.columns) == 2 and m.kind != "corpus"]
    slices = _slice_names(run)
    journal = JournalReader(run.outcomes_path, OutcomeEntry, name="outcomes")
    try:
        for line in lines:
            if isinstance(line, MarkLine):
                found = journal.find(line.id, line.repeat)
                row: Row = {
                    "suite": header.suite,
                    "arm": header.arm,
                    "id": line.id,
                    "repeat": line.repeat,
                    "cluster": line.cluster,
                    "failed": line.failed,
                    "unparsed": int(line.unparsed),
                    **_answer(found[-1].outcome if found else None),
                    **{f"slice.{name}": line.slices.get(name) for name in slices},
                }
                yield row | {label: _value(line.rows.get(label)) for label in labels}
    finally:
        journal.close()


def columns_of(rows: Sequence[Mapping[str, Value]]) -> list[str]:
    """The columns of some rows, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def encode_rows(rows: Sequence[Row], form: Form, *, columns: Sequence[str] = ()) -> bytes:
    """Rows as bytes of one file. Raises MissingExtra where Parquet needs pyarrow.

    columns: their order, also of an empty table; as they appear in the rows if left out.
    """
    names = list(columns) or columns_of(rows)
    if form == "csv":
        return _csv(rows, names)
    if form == "jsonl":
        return _jsonl(rows, names)
    return _parquet(rows, names)


def _slice_names(run: RunFolder) -> list[str]:
    """Every slice's name, sorted; a unit may lack some."""
    lines = (line for line in iterate_marks(run.marks_path) if isinstance(line, MarkLine))
    return sorted({name for line in lines for name in line.slices})


def _answer(outcome: Outcome | None) -> Row:
    answer = outcome.completion if isinstance(outcome, Answered) else None
    usage = answer.usage if answer else None
    return {
        "output": answer.text if answer else None,
        "finish": answer.finish if answer else None,
        "latency_s": answer.latency_s if answer else None,
        "ttft_s": answer.ttft_s if answer else None,
        "cost_usd": answer.cost_usd if answer else None,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
    }


def _value(row: Sequence[float] | None) -> float | None:
    return row[0] / row[1] if row and row[1] else None


def _csv(rows: Iterable[Row], names: Sequence[str]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return _utf8(file.getvalue())


def _cell(value: Value) -> str:
    """A cell that no spreadsheet takes for a formula; numbers with all their digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return repr(value)


def _jsonl(rows: Iterable[Row], names: Sequence[str]) -> bytes:
    plain = ({name: row.get(name) for name in names} for row in rows)
    return _utf8("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain))


def _parquet(rows: Sequence[Row], names: Sequence[str]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("pyarrow", extra="report", needed_for="Parquet") from error
    arrays: dict[str, Any] = {name: _column(pa, rows, name) for name in names}  # Any: arrow arrays
    file = io.BytesIO()
    pq.write_table(pa.table(arrays), file)
    return file.getvalue()


def _column(pa: Any, rows: Sequence[Row], name: str) -> Any:  # Any: pyarrow and its array
    """One column: whole numbers, numbers or text, by what it holds; text where it holds nothing."""
    values = [row.get(name) for row in rows]
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, bool}:
        return pa.array(values, type=pa.int64())
    if kinds and kinds <= {int, bool, float}:
        return pa.array(values, type=pa.float64())
    return pa.array(
        [None if value is None else SURROGATES.sub("\ufffd", str(value)) for value in values],
        type=pa.string(),
    )


def _utf8(text: str) -> bytes:
    return SURROGATES.sub("\ufffd", text).encode()
