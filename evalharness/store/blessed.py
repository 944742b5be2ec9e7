"""Blessed baselines: a recorded run small enough for git, `baselines/<suite>/<name>/`.

Reads and writes: baseline.json (what was asked, what came out), marks.jsonl (rows of each unit, by
id, so that a new blessing diffs line by line), answers.jsonl (the texts, as a recording has them).
Gives: `write_blessed`, `read_blessed`, and `unpack`: a run folder that reports and gates can read.
Depends on: records, results, runs, marks, journal, files.
Nothing in these files names a path of the machine that made them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from evalharness.errors import StoreError
from evalharness.records import (
    FORMAT,
    Answered,
    Completion,
    Failed,
    FailureKind,
    Finish,
    Outcome,
    Provenance,
    Record,
    Usage,
)
from evalharness.results import RunSummary, Volatile
from evalharness.store.files import write_atomic
from evalharness.store.journal import Header, OutcomeEntry, read_entries
from evalharness.store.marks import MarkHeader, MarkLine, iterate_marks
from evalharness.store.runs import Manifest, RunFolder, read_json, write_json

FILE: Final = "baseline.json"


class BlessedFile(Record, frozen=True, kw_only=True):
    """baseline.json.  extract: sha256 of the rule by which the answers were read.

    marks_sha256: of marks.jsonl, so that an edited row is noticed.
    """

    name: str
    manifest: Manifest
    summary: RunSummary
    extract: str
    marks_sha256: str
    format: int = FORMAT
    file: str = "baseline"


class AnswerLine(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One line of answers.jsonl, readable as recorded outputs too."""

    id: str
    repeat: int = 0
    output: str | None = None
    error: FailureKind | None = None
    finish_reason: Finish = "unknown"
    latency_s: float | None = None
    ttft_s: float | None = None
    cost_usd: float | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class BlessedFolder:
    """The paths of one blessed baseline, and what its manifest says."""

    path: Path
    file: BlessedFile

    @property
    def marks_path(self) -> Path:
        """marks.jsonl."""
        return self.path / "marks.jsonl"

    @property
    def answers_path(self) -> Path:
        """answers.jsonl; absent where the texts are not to be kept in git."""
        return self.path / "answers.jsonl"

    @property
    def whole(self) -> bool:
        """Whether the rows are those that were blessed."""
        return _sha256(_read(self.marks_path)) == self.file.marks_sha256


def is_blessed(path: Path) -> bool:
    """Whether a path is a blessed baseline's folder."""
    return (path / FILE).is_file()


def read_blessed(path: Path) -> BlessedFolder:
    """A blessed baseline. Raises StoreError where it is damaged."""
    return BlessedFolder(path, read_json(path / FILE, BlessedFile))


def write_blessed(run: RunFolder, place: Path, *, name: str, extract: str) -> BlessedFolder:
    """Write the manifest and the rows of a complete run. Raises StoreError, WriteError.

    place: the folder to write, `baselines/<suite>/<name>`.  Answers are written by `keep_answers`.
    """
    summary = run.summary()
    marks = _compact_marks(run.marks_path, name)
    file = BlessedFile(
        name=name,
        manifest=_without_places(run.manifest(), name),
        summary=msgspec.structs.replace(summary, run=name, arm=name, volatile=_dated(summary)),
        extract=extract,
        marks_sha256=_sha256(marks),
    )
    write_atomic(place / "marks.jsonl", marks)
    (place / "answers.jsonl").unlink(missing_ok=True)
    write_json(place / FILE, file)
    return BlessedFolder(place, file)


def keep_answers(run: RunFolder, place: Path) -> Path:
    """Write the answers themselves beside the rows, sorted by id; gives the file's path."""
    last = {
        (entry.id, entry.repeat): entry for entry in read_entries(run.outcomes_path, OutcomeEntry)
    }
    lines = [msgspec.json.encode(_answer_line(last[unit])) for unit in sorted(last)]
    path = place / "answers.jsonl"
    write_atomic(path, b"".join(line + b"\n" for line in lines))
    return path


def unpack(blessed: BlessedFolder, out: Path) -> RunFolder:
    """The baseline as a complete run folder below `out`; made once for what it holds.

    Raises StoreError where a file is damaged, WriteError.
    """
    marks = _read(blessed.marks_path)
    answers = _read(blessed.answers_path) if blessed.answers_path.is_file() else b""
    identity = _sha256(msgspec.json.encode(blessed.file, order="sorted") + marks + answers)
    folder = RunFolder(out / f"{identity[:8]}-blessed")
    if folder.complete:
        return folder
    name = folder.path.name
    header = Header(format=FORMAT, file="outcomes")
    outcomes = [msgspec.json.encode(_entry(line)) for line in _answer_lines(blessed, answers)]
    write_atomic(
        folder.outcomes_path,
        b"".join(line + b"\n" for line in [msgspec.json.encode(header), *outcomes]),
    )
    write_atomic(folder.marks_path, marks)
    write_json(folder.manifest_path, msgspec.structs.replace(blessed.file.manifest, run=name))
    write_json(folder.summary_path, msgspec.structs.replace(blessed.file.summary, run=name))
    return folder


def _compact_marks(path: Path, name: str) -> bytes:
    """The rows sorted by id, as recorded answers: times of another sitting are not of this one."""
    lines = iterate_marks(path)
    header = next(lines, None)
    if not isinstance(header, MarkHeader):
        raise StoreError("an empty marks file", where=str(path))
    found = [
        msgspec.structs.replace(line, live=False, session="")
        for line in lines
        if isinstance(line, MarkLine)
    ]
    found.sort(key=lambda line: (line.id, line.repeat))
    encoder = msgspec.json.Encoder()
    head = encoder.encode(msgspec.structs.replace(header, arm=name))
    return head + b"\n" + encoder.encode_lines(found)


def _without_places(manifest: Manifest, name: str) -> Manifest:
    """The manifest without paths and names of the machine."""
    reference = manifest.reference
    return msgspec.structs.replace(
        manifest,
        run=name,
        arm=name,
        suite=msgspec.structs.replace(manifest.suite, base=""),
        data=Path(manifest.data).name if Path(manifest.data).is_absolute() else manifest.data,
        reference=Path(reference).name if Path(reference).is_absolute() else reference,
        session="",
        volatile=Volatile(),
    )


def _dated(summary: RunSummary) -> Volatile:
    return Volatile(created_at=summary.volatile.created_at, version=summary.volatile.version)


def _answer_line(entry: OutcomeEntry) -> AnswerLine:
    if isinstance(entry.outcome, Failed):
        return AnswerLine(id=entry.id, repeat=entry.repeat, error=entry.outcome.kind)
    answer = entry.outcome.completion
    return AnswerLine(
        id=entry.id,
        repeat=entry.repeat,
        output=answer.text,
        finish_reason=answer.finish,
        latency_s=answer.latency_s,
        ttft_s=answer.ttft_s,
        cost_usd=answer.cost_usd,
        usage=answer.usage,
    )


def _answer_lines(blessed: BlessedFolder, answers: bytes) -> list[AnswerLine]:
    decoder = msgspec.json.Decoder(AnswerLine)
    try:
        return [decoder.decode(line) for line in answers.splitlines() if line.strip()]
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"not the answers of a blessed baseline: {error}",
            where=str(blessed.answers_path),
            mend="bless the run again, or delete the file to go without the texts",
        ) from error


def _entry(line: AnswerLine) -> OutcomeEntry:
    outcome: Outcome
    if line.output is None:
        outcome = Failed(kind=line.error or "missing")
    else:
        outcome = Answered(
            completion=Completion(
                text=line.output,
                finish=line.finish_reason,
                usage=line.usage,
                latency_s=line.latency_s,
                ttft_s=line.ttft_s,
                cost_usd=line.cost_usd,
                provenance=Provenance(source="recorded"),
            )
        )
    return OutcomeEntry(id=line.id, key="", outcome=outcome, repeat=line.repeat)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"cannot read {path.name} of a blessed baseline: {error.strerror}",
            where=str(path.parent),
            mend="bless the run again: `evalharness bless RUN`",
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
