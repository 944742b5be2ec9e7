"""A folder of runs at a glance: what was run, when, what came out, what is still running.

Reads: run.json, summary.json and gate.json of every folder below `out`; of an unfinished run, how
many answers its journal holds.  Gives: `History`.
Depends on: store, results.  A file that has not changed since the last look is not read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evalharness.errors import StoreError
from evalharness.results import GateFile, RunSummary
from evalharness.store.runs import Manifest, RunFolder, read_json


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run. summary is None while it is unfinished; `answered` counts journal lines then.

    touched: when its journal last grew, in seconds since the epoch.
    """

    name: str
    folder: RunFolder
    suite: str
    arm: str
    created_at: str
    summary: RunSummary | None
    answered: int = 0
    touched: float = 0.0


@dataclass(frozen=True, slots=True)
class GateEntry:
    """One gate or comparison."""

    name: str
    path: Path
    kind: Literal["gate", "compare", "run"]
    suites: tuple[str, ...]
    created_at: str
    file: GateFile


@dataclass(frozen=True, slots=True)
class History:
    """Everything below a folder, oldest first; `damaged` names what could not be read, and why."""

    runs: tuple[RunEntry, ...]
    gates: tuple[GateEntry, ...]
    damaged: tuple[tuple[str, str], ...]

    @property
    def suites(self) -> tuple[str, ...]:
        """Every suite that was run, by name."""
        return tuple(sorted({run.suite for run in self.runs}))

    def run(self, name: str) -> RunEntry | None:
        """The run of that name."""
        return next((run for run in self.runs if run.name == name), None)

    def gate(self, name: str) -> GateEntry | None:
        """The gate or comparison of that name."""
        return next((gate for gate in self.gates if gate.name == name), None)


@dataclass(slots=True)
class HistoryReader:
    """Reads a folder again and again; what did not change is remembered.

    out: the folder that holds runs, and gates below `gates/`.
    """

    out: Path
    _runs: dict[Path, tuple[tuple[int, int], RunEntry]] = field(default_factory=dict)
    _gates: dict[Path, tuple[int, GateEntry]] = field(default_factory=dict)

    def read(self) -> History:
        """What the folder holds now; a damaged folder is named, never fatal."""
        damaged: list[tuple[str, str]] = []
        runs = []
        for path in _folders(self.out, "run.json"):
            try:
                runs.append(self._run(path))
            except StoreError as error:
                damaged.append((path.name, error.message))
        gates = []
        for path in _folders(self.out / "gates", "gate.json"):
            try:
                gates.append(self._gate(path))
            except StoreError as error:
                damaged.append((path.name, error.message))
        runs.sort(key=lambda run: (run.created_at, run.name))
        gates.sort(key=lambda gate: (gate.created_at, gate.name))
        return History(tuple(runs), tuple(gates), tuple(damaged))

    def _run(self, path: Path) -> RunEntry:
        folder = RunFolder(path)
        stamp = (_changed(folder.manifest_path), _changed(folder.summary_path))
        held = self._runs.get(path)
        if held is not None and held[0] == stamp and held[1].summary is not None:
            return held[1]
        manifest = folder.manifest()
        entry = _finished(folder, manifest) if folder.complete else _unfinished(folder, manifest)
        self._runs[path] = (stamp, entry)
        return entry

    def _gate(self, path: Path) -> GateEntry:
        stamp = _changed(path / "gate.json")
        held = self._gates.get(path)
        if held is not None and held[0] == stamp:
            return held[1]
        file = read_json(path / "gate.json", GateFile)
        entry = GateEntry(
            name=path.name,
            path=path,
            kind=file.kind,
            suites=tuple(dict.fromkeys(arm.suite for arm in file.arms)),
            created_at=file.volatile.created_at,
            file=file,
        )
        self._gates[path] = (stamp, entry)
        return entry


def _folders(parent: Path, mark: str) -> Iterator[Path]:
    """Folders below `parent` that hold a file of that name, by name."""
    if parent.is_dir():
        yield from (path for path in sorted(parent.iterdir()) if (path / mark).is_file())


def _changed(path: Path) -> int:
    """When a file last changed, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _finished(folder: RunFolder, manifest: Manifest) -> RunEntry:
    summary = folder.summary()
    created = summary.volatile.created_at or manifest.volatile.created_at
    return RunEntry(
        name=folder.path.name,
        folder=folder,
        suite=summary.suite,
        arm=summary.arm,
        created_at=created,
        summary=summary,
    )


def _unfinished(folder: RunFolder, manifest: Manifest) -> RunEntry:
    path = folder.outcomes_path
    lines = 0
    if path.is_file():
        with path.open("rb") as file:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return RunEntry(
        name=folder.path.name,
        folder=folder,
        suite=manifest.suite.name,
        arm=manifest.arm,
        created_at=manifest.volatile.created_at,
        summary=None,
        answered=max(0, lines - 1),
        touched=_changed(path) / 1e9,
    )
