"""One sample of one run, whole: what was asked, answered and marked.

Reads: the held-out data, outcomes.jsonl, marks.jsonl.  Gives: `look_up`.
Depends on: plan's reading of the data, prompts, store.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalharness.contracts import PromptProgram
from evalharness.data.sources import open_source
from evalharness.prompts.build import build_program
from evalharness.records import Answered, Judgement, Message, Outcome, Record, Sample
from evalharness.stages.arms import resolve
from evalharness.stages.continuations import repeats_of
from evalharness.stages.plan import conversation_id
from evalharness.store.journal import EvidenceEntry, JournalReader, OutcomeEntry
from evalharness.store.marks import MarkLine, iterate_marks
from evalharness.store.runs import Manifest, RunFolder


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
    before: list[Sample] = []
    sample = None
    for found in source:
        if found.id == sample_id:
            sample = found
            break
        if before and conversation_id(before[0]) != conversation_id(found):
            before = []
        before.append(found)
    if sample is None:
        return None
    program = _program(manifest)
    marks = {
        line.repeat: line
        for line in (iterate_marks(run.marks_path) if run.marks_path.exists() else ())
        if isinstance(line, MarkLine) and line.id == sample_id
    }
    journal = JournalReader(run.outcomes_path, OutcomeEntry, name="outcomes")
    evidence = JournalReader(run.evidence_path, EvidenceEntry, name="evidence")
    units: list[SeenUnit] = []
    for repeat in range(repeats_of(suite, sample)):
        tries = journal.find(sample_id, repeat)
        if tries:
            outcome = tries[-1].outcome
            units.append(
                SeenUnit(
                    repeat=repeat,
                    outcome=outcome,
                    marks=marks.get(repeat),
                    judgements=_judgements(evidence.find(sample_id, repeat)),
                )
            )
    own = [one for one in before if conversation_id(one) == conversation_id(sample)]
    messages = program.render(sample, _answers(journal, own))
    journal.close()
    evidence.close()
    return SeenSample(sample=sample, messages=messages, units=tuple(units))


def _judgements(entries: Sequence[EvidenceEntry]) -> dict[str, Judgement]:
    """Every judgement by its judge, numbered where a judge spoke several times of this answer."""
    latest = {
        (entry.name, entry.key): entry.evidence
        for entry in entries
        if isinstance(entry.evidence, Judgement)
    }
    found: dict[str, Judgement] = {}
    for (name, _), judgement in latest.items():
        times = sum(known.partition(" #")[0] == name for known in found)
        found[f"{name} #{times + 1}" if times else name] = judgement
    return found


def _program(manifest: Manifest) -> PromptProgram:
    """The prompt program that the run was asked by: its baseline's own, or the suite's.

    Raises UsageError where the baseline is gone, SpecError, DataError.
    """
    suite = manifest.suite
    arm = resolve(manifest.reference, suite=suite.name) if manifest.reference else None
    if arm is not None and arm.prompt is not None and arm.base is not None:
        return build_program(arm.prompt, base=arm.base, where=arm.where)
    place = str(Path(suite.base) / "suite.yaml")
    return build_program(suite.prompt, base=Path(suite.base), where=place)


def _answers(journal: JournalReader[OutcomeEntry], earlier: Sequence[Sample]) -> list[str]:
    """What the model itself said to the earlier turns, for a history of its own answers."""
    answers: list[str] = []
    for sample in earlier:
        tries = journal.find(sample.id, 0)
        if tries and isinstance(tries[-1].outcome, Answered):
            answers.append(tries[-1].outcome.completion.text)
    return answers
