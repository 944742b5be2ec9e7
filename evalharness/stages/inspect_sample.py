"""One sample of one run, whole: what was asked, answered and marked.

Reads: the held-out data, outcomes.jsonl, marks.jsonl.  Gives: `look_up`.
Depends on: plan's reading of the data, prompts, store.
"""

from __future__ import annotations

from pathlib import Path

from evalharness.data.sources import open_source
from evalharness.prompts.build import build_program
from evalharness.records import Judgement, Message, Outcome, Record, Sample
from evalharness.stages.arms import resolve
from evalharness.store.journal import EvidenceEntry, JournalReader, OutcomeEntry
from evalharness.store.marks import MarkLine, iterate_marks
from evalharness.store.runs import RunFolder


class SeenUnit(Record, frozen=True, kw_only=True):
    """One try at a sample: what came back, how it was marked, and what judges said (by name)."""

    repeat: int
    outcome: Outcome
    marks: MarkLine | None
    judgements: dict[str, Judgement] = {}


class SeenSample(Record, frozen=True, kw_only=True):
    """A sample with its rendered prompt and every try at it."""

    sample: Sample
    messages: tuple[Message, ...]
    units: tuple[SeenUnit, ...]


def look_up(run: RunFolder, sample_id: str) -> SeenSample | None:
    """Everything known of one sample; None if the data has no such id."""
    manifest = run.manifest()
    suite = manifest.suite
    data = Path(manifest.data)
    source = open_source(
        suite.data, base=Path(suite.base), override=data if data.is_file() else None
    )
    sample = next((found for found in source if found.id == sample_id), None)
    if sample is None:
        return None
    arm = resolve(manifest.reference, suite=suite.name) if manifest.reference else None
    program = build_program(
        (arm.prompt if arm else None) or suite.prompt, base=Path(suite.base), where=suite.name
    )
    marks = {
        line.repeat: line
        for line in (iterate_marks(run.marks_path) if run.marks_path.exists() else ())
        if isinstance(line, MarkLine) and line.id == sample_id
    }
    journal = JournalReader(run.outcomes_path, OutcomeEntry, name="outcomes")
    evidence = JournalReader(run.evidence_path, EvidenceEntry, name="evidence")
    units: list[SeenUnit] = []
    for repeat in range(suite.generation.repeats):
        found = journal.find(sample_id, repeat)
        if found:
            outcome = found[-1].outcome
            units.append(
                SeenUnit(
                    repeat=repeat,
                    outcome=outcome,
                    marks=marks.get(repeat),
                    judgements={
                        entry.name: entry.evidence
                        for entry in evidence.find(sample_id, repeat)
                        if isinstance(entry.evidence, Judgement)
                    },
                )
            )
    journal.close()
    evidence.close()
    return SeenSample(sample=sample, messages=program.render(sample), units=tuple(units))
