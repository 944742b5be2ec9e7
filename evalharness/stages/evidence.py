"""evidence: what metrics need beyond the answer, gathered once and journalled.

Reads: the held-out data, outcomes.jsonl.  Writes: evidence.jsonl.
Depends on: sandbox (for programs), text.code, store.journal.
Program executions are kept with the hash of the program: a changed extraction runs it again, an
unchanged one never runs twice.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.contracts import Source
from evalharness.records import Answered, CodeTask, Execution
from evalharness.spec.suite import CodeSpec, Suite
from evalharness.stages.options import Progress, Report
from evalharness.stages.score import suite_metrics
from evalharness.store.journal import EvidenceEntry, JournalReader, JournalWriter, OutcomeEntry
from evalharness.store.runs import RunFolder

EXECUTION = "execution"
BATCH = 256


@dataclass(frozen=True, slots=True)
class Program:
    """One answer's program, ready to run against its sample's tests."""

    sample_id: str
    repeat: int
    source: str
    task: CodeTask

    @property
    def sha256(self) -> str:
        """Of the program's source."""
        return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()


def gather_evidence(
    suite: Suite, source: Source, folder: RunFolder, report: Report, *, repeats: int
) -> None:
    """Run the programs that metrics need and the journal lacks.

    Raises SandboxError where no sandbox works; what was gathered before is kept.
    """
    if not needs_execution(suite):
        return
    from evalharness.stages.running import run_programs

    spec = suite.data.code or CodeSpec()
    known = JournalReader(folder.evidence_path, EvidenceEntry, name="evidence")
    missing = (
        program
        for program in _programs(source, folder, repeats=repeats)
        if not _is_known(known, program)
    )
    arm = folder.manifest().arm
    done = 0
    with JournalWriter[EvidenceEntry](folder.evidence_path, name="evidence") as journal:
        while batch := list(itertools.islice(missing, BATCH)):
            for program, execution in zip(batch, run_programs(batch, spec), strict=True):
                journal.append(
                    EvidenceEntry(
                        id=program.sample_id,
                        name=EXECUTION,
                        evidence=execution,
                        key=program.sha256[:32],
                        repeat=program.repeat,
                    )
                )
                done += 1
            report(Progress(stage="evidence", arm=arm, done=done))
    known.close()


def needs_execution(suite: Suite) -> bool:
    """Whether a metric of the suite reads executions."""
    return any("execution" in named.metric.needs for named in suite_metrics(suite))


def _programs(source: Source, folder: RunFolder, *, repeats: int) -> Iterator[Program]:
    """The program of every answered unit that has a code task."""
    from evalharness.text.code import assemble

    outcomes = JournalReader(folder.outcomes_path, OutcomeEntry, name="outcomes")
    for sample in source:
        if sample.code is None:
            continue
        for repeat in range(repeats):
            found = outcomes.find(sample.id, repeat)
            if found and isinstance(found[-1].outcome, Answered):
                text = found[-1].outcome.completion.text
                yield Program(sample.id, repeat, assemble(text, sample.code), sample.code)
    outcomes.close()


def _is_known(journal: JournalReader[EvidenceEntry], program: Program) -> bool:
    """Whether this very program was run; an infrastructure error does not count as run."""
    for entry in journal.find(program.sample_id, program.repeat):
        found = entry.evidence
        if (
            entry.name == EXECUTION
            and isinstance(found, Execution)
            and found.program_sha256 == program.sha256
            and found.status != "infra_error"
        ):
            return True
    return False
