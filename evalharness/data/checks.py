"""Is a held-out file fit to decide by? Every fault with its line, not only the first.

Reads: the suite's `data` block, a held-out file, a training file.  Gives: `Finding`s.
Depends on: rows, samples, sources, overlap, training_rules, findings.  Knows nothing of models.
Streamed: memory grows by 60 bytes a sample.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evalharness.data.fields import FieldMap
from evalharness.data.findings import MAX_SHOWN, Finding, Findings, Severity
from evalharness.data.identity import SeenIds
from evalharness.data.lines import at
from evalharness.data.overlap import Questions, Spoken, asked_text, judged_text, spoken_text
from evalharness.data.plugins import plugin_source
from evalharness.data.rows import Row, RowFormat, iter_rows
from evalharness.data.samples import SampleMaker, is_named_by_content
from evalharness.data.sources import resolve_format, samples_of
from evalharness.data.squad import is_squad
from evalharness.data.training import check_training, train_questions
from evalharness.data.training_rules import conversation_faults
from evalharness.errors import DataError
from evalharness.records import Sample
from evalharness.spec.suite import DataSpec

__all__ = ["check_data", "check_training"]

_MOJIBAKE: Final = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u2122\u0153\u009d]")
"""UTF-8 read as Latin-1 or Windows-1252: an e with an accent turned into two letters."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_data(
    spec: DataSpec,
    *,
    base: Path,
    override: Path | None = None,
    train: Path | None = None,
    max_errors: int = MAX_SHOWN,
) -> list[Finding]:
    """Every fault of a held-out set; empty if there is none.

    base, override: as for `sources.open_source`.  train: a training file that the set must not
    overlap with; by default the one that the suite names.
    Looks for lines that cannot be read, missing fields, duplicates, contradictions, empty texts,
    wrong encodings, chat roles out of order, and samples that the training file holds too.
    Raises SpecError for a wrong mapping only: what is wrong with a file is a finding.
    """
    findings = Findings(max_errors)
    path = override if override is not None else base / (spec.path or "")
    try:
        plugged = plugin_source(str(override or spec.path or ""), base=base)
        if plugged is not None:  # its rows are its own; that it gives sound samples is all there is
            deque(plugged, maxlen=0)
            return findings.listed(plugged.where)
        rows, place = _rows(spec, path, given=override)
        check = _SampleCheck(spec, place, findings)
        for row in rows:
            check.row(row)
        check.finish()
        train_path = base / spec.train if train is None and spec.train is not None else train
        if train_path is not None:
            _check_leaks(spec, check, train_path, findings)
    except DataError as error:
        findings.refuse(error, "file", where=str(path))
    return findings.listed(str(path))


def _rows(
    spec: DataSpec, path: Path, *, given: Path | None
) -> tuple[Iterator[Row | DataError], str]:
    """The set's rows and what stands before their numbers in messages."""
    if given is None and spec.path is None:
        if spec.hf is None:
            raise DataError("the suite names no data", where="data", mend="set data.path")
        from evalharness.data.hub import hub_rows

        return hub_rows(spec.hf)
    fmt: RowFormat = resolve_format(path, spec, given=given)
    return iter_rows(path, fmt), f"{path}: item " if fmt == "json" else at(path)


class _SampleCheck:
    """What is known of the rows so far."""

    def __init__(self, spec: DataSpec, place: str, findings: Findings) -> None:
        self.place = place
        self.spoken = Spoken()
        self._where = place.removesuffix(" item ").removesuffix(":")
        self._findings = findings
        self._maker = SampleMaker(spec)
        self._fields = FieldMap(spec.fields)
        self._seen = SeenIds()
        self._ids = Questions()
        self._content_ids = Questions()
        self._questions = Questions()
        self._n_rows = 0
        self._n_samples = 0
        self._n_unjudged = 0

    def row(self, row: Row | DataError) -> None:
        """Look at one row, broken or not."""
        self._n_rows += 1
        if isinstance(row, DataError):
            self._findings.refuse(row, "line", where=self.place)
            return
        try:
            samples = list(samples_of(row, self._maker))
        except DataError as error:
            self._findings.refuse(error, "field", where=row.where)
            return
        if samples[0].messages:
            values = self._fields.read(row)
            messages = values.get("messages")
            if isinstance(messages, list) and "target" in values and samples[0].targets:
                # the row keeps the last answer beside the conversation
                messages = [*messages, {"role": "assistant", "content": samples[0].targets[0]}]
            for fault in conversation_faults(messages):
                self._add("warning", fault.code, row.number, fault.message, fault.mend)
        for sample in samples:
            self._sample(row, sample)

    def _sample(self, row: Row, sample: Sample) -> None:
        self._n_samples += 1
        number = row.number
        if is_squad(row.values):  # an article has hundreds of questions: count those
            self.place, number = f"{self._where}: question ", self._n_samples
        is_new = self._seen.add(sample.id)
        ids = self._content_ids if is_named_by_content(sample) else self._ids
        ids.add(number, sample.id, "")
        spoken = spoken_text(sample)
        system = any(message.content for message in sample.messages)
        if not spoken.strip() and not system:
            self._add("error", "empty", number, "the input is empty", "fill it or remove it")
        if any(not target.strip() for target in sample.targets):
            mend = "a question without an answer has no target: leave it out or write null"
            self._add("warning", "empty", number, "a target is empty", mend)
        self._text(number, "input", spoken)
        self._text(number, "target", "\n".join(sample.targets))
        impossible = sample.metadata.get("is_impossible") is True
        judged = sample.targets or sample.code or sample.target_tool_calls or impossible
        self._n_unjudged += not judged
        if is_new:
            self._questions.add(number, asked_text(sample), judged_text(sample))
        self.spoken.add(number, spoken)

    def _text(self, number: int, name: str, text: str) -> None:
        """Signs of a wrong encoding."""
        if "\ufffd" in text:
            said = f"{name}: a character was lost (U+FFFD)"
            self._add("warning", "encoding", number, said, "save the original as UTF-8")
        elif _MOJIBAKE.search(text):
            said = f"{name}: looks like UTF-8 that was read as Latin-1"
            self._add("warning", "encoding", number, said, "read the original as UTF-8")
        elif _CONTROL.search(text):
            said = f"{name}: holds control characters"
            self._add("warning", "encoding", number, said, "take them out")

    def finish(self) -> None:
        """Look at what only all rows together show."""
        if not self._n_rows:
            raise DataError(
                "the file holds no samples", where=self._where, mend="check how it was written"
            )
        for first, line, _ in self._ids.repeated():
            said = f"has the same id as {self.place}{first}"
            self._add("error", "duplicate", line, said, "give every sample its own id")
        for first, line, _ in self._content_ids.repeated():
            said = f"is the same sample as {self.place}{first}, and neither has an id"
            self._add("error", "duplicate", line, said, "remove one of them")
        for first, line, alike in self._questions.repeated():
            if alike:
                said = f"asks and expects the same as {self.place}{first}"
                mend = "remove one, or give both the same cluster: they are no separate evidence"
                self._add("warning", "duplicate", line, said, mend)
            else:
                said = f"asks the same as {self.place}{first} and expects something else"
                mend = "no model can get both right: give every acceptable answer as targets"
                self._add("warning", "contradiction", line, said, mend)
        if self._n_unjudged:
            self._findings.add(
                Finding(
                    severity="warning",
                    code="targets",
                    where=self._where,
                    message=f"{self._n_unjudged} of {self._n_samples} samples have no target",
                    mend="map it, e.g. data.fields: {target: answer}; a judge needs none",
                )
            )

    def _add(self, severity: Severity, code: str, number: int, message: str, mend: str) -> None:
        where = f"{self.place}{number}"
        found = Finding(severity=severity, code=code, where=where, message=message, mend=mend)
        self._findings.add(found)


def _check_leaks(spec: DataSpec, check: _SampleCheck, train: Path, findings: Findings) -> None:
    """Samples whose question the training file holds, letter by letter or nearly."""
    asked, place = train_questions(train, spec, findings)
    for line, train_line, exact in check.spoken.shared_with(asked):
        how = "" if exact else ", up to case, spacing and end marks"
        findings.add(
            Finding(
                severity="error" if exact else "warning",
                code="leak",
                where=f"{check.place}{line}",
                message=f"the input stands in the training file{how}: {place}{train_line}",
                mend="remove it from one of them: it was not held out",
            )
        )
