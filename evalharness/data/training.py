"""Training files: are they what a fine-tuning service takes, and what do they ask?

Reads: JSON Lines or CSV in one of the training formats, or rows in the suite's own mapping.
Gives: `Finding`s, and the questions for the leak check.
Depends on: rows, samples, overlap, training_rules, findings.  Knows nothing of held-out sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from evalharness.data.chat import parse_messages, turns
from evalharness.data.findings import MAX_SHOWN, Finding, Findings
from evalharness.data.lines import at, require_file
from evalharness.data.overlap import Questions, Spoken, dialogue_text, spoken_text
from evalharness.data.rows import Row, RowFormat, format_of, iter_rows
from evalharness.data.samples import SampleMaker
from evalharness.data.training_rules import (
    FORMATS,
    Fault,
    format_of_row,
    has_training_column,
    row_faults,
    unknown_format,
)
from evalharness.errors import DataError
from evalharness.records import JsonObject
from evalharness.spec.suite import DataSpec

FEW_ROWS: Final = 10
"""OpenAI's service asks for at least this many rows; Together's for one."""


def check_training(
    path: Path, *, spec: DataSpec | None = None, max_errors: int = MAX_SHOWN
) -> list[Finding]:
    """Every fault of a fine-tuning file; empty if there is none.

    Each row is a conversation, a prompt and completion, a text, or a preference pair, and all rows
    of a file are of one format.  Equal rows, and equal questions with other answers, are warnings.
    spec: the suite's mapping; the lines of a file that it reads are only checked to be readable.
    What is wrong is a finding, never raised.
    """
    findings = Findings(max_errors)
    try:
        fmt = _format(path)
        check = _TrainingCheck(path, findings, is_own=_is_own_form(path, fmt, spec))
        for row in iter_rows(path, fmt):
            check.row(row)
        check.finish()
    except DataError as error:
        findings.refuse(error, "file", where=str(path))
    return findings.listed(str(path))


def _is_own_form(path: Path, fmt: RowFormat, spec: DataSpec | None) -> bool:
    """Whether the first readable row is in a form of the user's own and not a service's.

    Where the suite's mapping is known, it says so; else a row without any column of a training
    format is given the benefit of the doubt.
    """
    for row in iter_rows(path, fmt):
        if isinstance(row, Row):
            if format_of_row(row.values) == "conversation":
                return False
            try:
                return any(s.targets for s in SampleMaker(spec or DataSpec()).samples(row))
            except DataError:
                return spec is None and not has_training_column(row.values)
    return False


def train_questions(path: Path, spec: DataSpec, findings: Findings) -> tuple[Spoken, str]:
    """What the training file asks, and what stands before its line numbers in messages.

    Rows are read by the suite's mapping, else as a training format; of a conversation every
    assistant turn counts.  Rows that are neither become findings.
    Raises DataError for a file that cannot be read.
    """
    maker = SampleMaker(DataSpec(fields=spec.fields, turns="all"))
    fmt = _format(path)
    spoken = Spoken()
    for row in iter_rows(path, fmt):
        if isinstance(row, DataError):
            findings.refuse(row, "line", where=str(path))
            continue
        try:
            for text in _asked(row, maker):
                spoken.add(row.number, text)
        except DataError as error:
            findings.refuse(error, "field", where=row.where)
    return spoken, _place(path, fmt)


def _asked(row: Row, maker: SampleMaker) -> Iterator[str]:
    """Every question that a training row teaches the answer to. Raises DataError."""
    values = row.values
    fmt = format_of_row(values)
    try:
        yield from [spoken_text(sample) for sample in maker.samples(row)]
    except DataError:
        if fmt == "instruction" and isinstance(values["prompt"], str):
            yield values["prompt"]
        elif fmt == "preference" and isinstance(values["input"], dict):
            yield dialogue_text(parse_messages(values["input"].get("messages"), row))
        elif fmt == "conversation":
            for turn in turns(parse_messages(values["messages"], row)):
                yield dialogue_text(turn.history)
        elif fmt == "text" and isinstance(values["text"], str):
            yield values["text"]
        else:
            raise


class _TrainingCheck:
    """What is known of the rows so far."""

    def __init__(self, path: Path, findings: Findings, *, is_own: bool) -> None:
        self._path = path
        self._is_own = is_own
        self._findings = findings
        self._format: tuple[str, int] | None = None
        self._n_rows = 0
        self._questions = Questions()

    def row(self, row: Row | DataError) -> None:
        """Look at one row, broken or not."""
        self._n_rows += 1
        if isinstance(row, DataError):
            self._findings.refuse(row, "line", where=str(self._path))
            return
        if self._is_own:
            return
        fmt = format_of_row(row.values)
        if fmt is None:
            self._fault(row, unknown_format(row.values))
            return
        if self._format is None:
            self._format = (fmt, row.number)
        elif self._format[0] != fmt:
            first, number = self._format
            said = f"a {fmt} row, while line {number} is a {first} row"
            self._fault(row, Fault("format", said, "one training format a file"))
            return
        for fault in row_faults(row.values, fmt):
            self._fault(row, fault)
        self._questions.add(row.number, *_lesson(row.values, fmt))

    def finish(self) -> None:
        """Look at what only all rows together show."""
        if not self._n_rows:
            raise DataError("the file holds no rows", where=str(self._path))
        if self._is_own:
            said = "the rows are in the harness's own form, which no fine-tuning service takes"
            self._warn("format", said, "to upload it, write {messages} or {prompt, completion}")
            return
        if self._n_rows < FEW_ROWS:
            said = f"{self._n_rows} rows, fewer than {FEW_ROWS}"
            self._warn("file", said, "OpenAI's service takes no fewer; Together's does")
        for first, line, alike in self._questions.repeated():
            where = at(self._path, first)
            if alike:
                said, mend, code = f"the same row as {where}", "remove one of them", "duplicate"
            else:
                said = f"asks the same as {where} and is answered otherwise"
                mend, code = "keep the answer that the model is to learn", "contradiction"
            found = Finding(
                severity="warning", code=code, where=at(self._path, line), message=said, mend=mend
            )
            self._findings.add(found)

    def _warn(self, code: str, message: str, mend: str) -> None:
        where = str(self._path)
        self._findings.add(
            Finding(severity="warning", code=code, where=where, message=message, mend=mend)
        )

    def _fault(self, row: Row, fault: Fault) -> None:
        self._findings.add(
            Finding(
                severity=fault.severity,
                code=fault.code,
                where=row.where,
                message=fault.message,
                mend=fault.mend,
            )
        )


def _lesson(values: JsonObject, fmt: str) -> tuple[str, str]:
    """What a row asks and what it teaches to answer, as two texts."""
    asked: object = values[FORMATS[fmt][0]]
    taught: object = [values[column] for column in FORMATS[fmt][1:]]
    if fmt == "conversation" and isinstance(asked, list):
        asked, taught = asked[:-1], asked[-1:]
    return _canonical(asked), _canonical(taught)


def _canonical(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _format(path: Path) -> RowFormat:
    """JSON Lines unless the name says another. Raises DataError for a file that is absent."""
    require_file(path)
    return format_of(path) or "jsonl"


def _place(path: Path, fmt: RowFormat) -> str:
    return f"{path}: item " if fmt == "json" else at(path)
