"""Run folders: what a run is, where it stands, whether it is complete.

Reads and writes: run.json first, then the journals and marks.jsonl, summary.json last.
Gives: `open_run` (new or resumed), `load_run`, `list_runs`.
Depends on: records, results, spec.suite (as data), files, keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from evalharness.contracts import Identity
from evalharness.errors import StoreError
from evalharness.records import FORMAT, Record
from evalharness.results import RunSummary, Volatile
from evalharness.spec.suite import PriceSpec, Suite
from evalharness.store.files import write_atomic
from evalharness.store.keys import sha256_of

JsonRecord = TypeVar("JsonRecord", bound=Record)


class Manifest(Record, frozen=True, kw_only=True):
    """run.json: everything that decides what is asked, written before the first question.

    data: where the samples came from.  fingerprints: sha256 by name (data, prompt, generation,
    client), equal for two runs that ask the same questions of the same model.
    notes: what was noticed while asking, for the report.  rung: the kind of step on the ladder.
    price: what the model cost when it was last asked for, None where nobody knows.
    """

    run: str
    suite: Suite
    arm: str
    identity: Identity
    data: str
    fingerprints: dict[str, str]
    seed: int = 0
    limit: int | None = None
    shard: str | None = None
    reference: str = ""
    session: str = ""
    notes: tuple[str, ...] = ()
    rung: str = ""
    price: PriceSpec | None = None
    volatile: Volatile = Volatile()
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def manifest_path(self) -> Path:
        """run.json."""
        return self.path / "run.json"

    @property
    def outcomes_path(self) -> Path:
        """outcomes.jsonl, append-only."""
        return self.path / "outcomes.jsonl"

    @property
    def evidence_path(self) -> Path:
        """evidence.jsonl, append-only."""
        return self.path / "evidence.jsonl"

    @property
    def marks_path(self) -> Path:
        """marks.jsonl; derived, may be deleted and made again."""
        return self.path / "marks.jsonl"

    @property
    def summary_path(self) -> Path:
        """summary.json; its presence means that the run is complete."""
        return self.path / "summary.json"

    @property
    def complete(self) -> bool:
        """Whether every unit was asked and scored."""
        return self.summary_path.is_file()

    def manifest(self) -> Manifest:
        """What this run is. Raises StoreError."""
        return read_json(self.manifest_path, Manifest)

    def summary(self) -> RunSummary:
        """What this run found. Raises StoreError if it is not complete."""
        if not self.complete:
            raise StoreError(
                f"run '{self.path.name}' is not complete",
                where=str(self.path),
                mend="run the command that started it again; it resumes",
            )
        return read_json(self.summary_path, RunSummary)


def read_json(path: Path, kind: type[JsonRecord]) -> JsonRecord:
    """One of our JSON files as its record. Raises StoreError with the path inside it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise StoreError(
            f"cannot read {path.name}: {error.strerror}",
            where=str(path.parent),
            mend="is this a run folder? `evalharness list runs` names those here",
        ) from error
    except msgspec.DecodeError as error:
        raise StoreError(
            f"not a {kind.__name__} of evalharness: {error}",
            where=str(path),
            mend="it was made by another version or damaged; delete the folder and run again",
        ) from error


def write_json(path: Path, record: Record) -> None:
    """Write a record as indented, key-sorted JSON, atomically. Raises WriteError."""
    encoded = msgspec.json.encode(record, order="sorted")
    write_atomic(path, msgspec.json.format(encoded, indent=1) + b"\n")


def open_run(out: Path, manifest: Manifest) -> RunFolder:
    """The folder of the run that asks exactly these questions: an earlier one, or a new one.

    manifest.run is ignored and set here: the fingerprint's first 8 digits and a sequence number.
    """
    short = fingerprint(manifest)[:8]
    number = 1
    while True:
        folder = RunFolder(out / f"{short}-{number}")
        if not folder.manifest_path.is_file():
            break
        try:
            if fingerprint(folder.manifest()) == fingerprint(manifest):
                return folder
        except StoreError:
            pass  # a foreign folder of the same name: leave it alone, take the next number
        number += 1
    named = msgspec.structs.replace(manifest, run=folder.path.name)
    write_json(folder.manifest_path, named)
    return folder


def fingerprint(manifest: Manifest) -> str:
    """sha256 of what decides the answers: equal fingerprints may share a folder."""
    return sha256_of(
        {
            "fingerprints": manifest.fingerprints,
            "identity": manifest.identity,
            "arm": manifest.arm,
            "suite": manifest.suite.name,
            "seed": manifest.seed,
            "limit": manifest.limit,
            "shard": manifest.shard,
        }
    )


def load_run(path: Path) -> RunFolder:
    """An existing run folder. Raises StoreError if it is none."""
    folder = RunFolder(path)
    folder.manifest()
    return folder


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (path / "run.json").is_file()


def list_runs(out: Path) -> list[RunFolder]:
    """Every run folder directly below `out`, by name."""
    if not out.is_dir():
        return []
    return [RunFolder(path) for path in sorted(out.iterdir()) if is_run(path)]
