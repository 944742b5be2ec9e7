"""evidence: what metrics need beyond the answer, gathered once and journalled.

Reads: the held-out data, outcomes.jsonl.  Writes: evidence.jsonl.
Depends on: sandbox (for programs), text.code, store.journal.
An execution is kept with the hash of its program: a changed extraction runs it again, an unchanged
one never runs twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.contracts import Source
from evalharness.records import Answered, Execution, Sample
from evalharness.sandbox.jobs import Job, Limits, Mode
from evalharness.spec.suite import CodeSpec, Suite
from evalharness.stages.options import Progress, Report
from evalharness.stages.score import suite_metrics
from evalharness.store.journal import EvidenceEntry, JournalReader, JournalWriter, OutcomeEntry
from evalharness.store.runs import RunFolder

EXECUTION = "execution"
REPORT_EVERY = 20


@dataclass(frozen=True, slots=True)
class Program:
    """One answer's program, ready to run against its sample's tests."""

    repeat: int
    job: Job


def gather_evidence(
    suite: Suite, source: Source, folder: RunFolder, report: Report, *, repeats: int
) -> None:
    """Run the programs that metrics need and the journal lacks.

    Raises SandboxError where no sandbox works; what was gathered before is kept.
    """
    if not needs_execution(suite):
        return
    spec = suite.data.code or CodeSpec()
    known = JournalReader(folder.evidence_path, EvidenceEntry, name="evidence")
    missing = (
        program
        for program in _programs(source, folder, spec, repeats=repeats)
        if not _is_known(known, program)
    )
    try:
        with JournalWriter[EvidenceEntry](folder.evidence_path, name="evidence") as journal:
            _run_all(missing, spec, journal, report, arm=folder.manifest().arm)
    finally:
        known.close()


def needs_execution(suite: Suite) -> bool:
    """Whether a metric of the suite reads executions."""
    return any("execution" in named.metric.needs for named in suite_metrics(suite))


def _run_all(
    programs: Iterator[Program],
    spec: CodeSpec,
    journal: JournalWriter[EvidenceEntry],
    report: Report,
    *,
    arm: str,
) -> None:
    """Run programs in the sandbox and journal each execution as it is known."""
    from evalharness.sandbox import Sandbox

    taken: deque[Program] = deque()
    done = 0

    def jobs() -> Iterator[Job]:
        """The programs to run, noted as they are taken."""
        for program in programs:
            taken.append(program)
            yield program.job

    with Sandbox(limits=limits_of(spec)) as box:
        for execution in box.run_many(jobs()):
            program = taken.popleft()
            journal.append(
                EvidenceEntry(
                    id=program.job.task,
                    name=EXECUTION,
                    evidence=execution,
                    key=execution.program_sha256[:32],
                    repeat=program.repeat,
                )
            )
            done += 1
            if done % REPORT_EVERY == 0:
                report(Progress(stage="evidence", arm=arm, done=done))


def limits_of(spec: CodeSpec) -> Limits:
    """What one program of a suite may use."""
    return Limits(wall_s=spec.timeout_s, memory_bytes=spec.memory_mb << 20)


def _programs(
    source: Source, folder: RunFolder, spec: CodeSpec, *, repeats: int
) -> Iterator[Program]:
    """The program of every answered unit that has a code task."""
    outcomes = JournalReader(folder.outcomes_path, OutcomeEntry, name="outcomes")
    mode = Mode.IN_PROCESS if spec.inprocess else Mode.SPLIT
    try:
        for sample in source:
            for repeat in range(repeats):
                found = outcomes.find(sample.id, repeat)
                if found and isinstance(found[-1].outcome, Answered):
                    job = program_job(sample, found[-1].outcome.completion.text, mode)
                    if job is not None:
                        yield Program(repeat, job)
    finally:
        outcomes.close()


def program_job(sample: Sample, answer: str, mode: Mode) -> Job | None:
    """The job of one answer; None where the sample is no code task."""
    from evalharness.text.code import assemble_program

    if sample.code is None:
        return None
    program = assemble_program(
        answer, prompt=sample.code.prompt, entry_point=sample.code.entry_point
    )
    return Job(task=sample.id, program=program, code=sample.code, mode=mode)


def _is_known(journal: JournalReader[EvidenceEntry], program: Program) -> bool:
    """Whether this very program was run; an infrastructure error does not count as run."""
    wanted = program.job.program_sha256()
    for entry in journal.find(program.job.task, program.repeat):
        found = entry.evidence
        if (
            entry.name == EXECUTION
            and isinstance(found, Execution)
            and found.program_sha256 == wanted
            and found.status != "infra_error"
        ):
            return True
    return False
