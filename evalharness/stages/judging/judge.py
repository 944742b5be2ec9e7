"""judge: what the suite's judges say of a run's answers, gathered once and journalled.

Reads: the held-out data, outcomes.jsonl.  Writes: evidence.jsonl.
Depends on: generate (judgements are a second plan through the same stage, so they are cached,
resumed and priced like every other question), prompts.judging, text.judgement, store.journal.
A judgement is kept with the hash of what was judged (judge, question, answer): a changed answer or
rubric is judged again, an unchanged one never twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from evalharness.clients.stack import Shared
from evalharness.contracts import PromptProgram, Source
from evalharness.errors import SpecError
from evalharness.prompts.judging import Judged
from evalharness.records import Answered, Judgement, Outcome, Request, Sample
from evalharness.spec.suite import JudgeSpec, Suite
from evalharness.stages.arms import Arm, resolve
from evalharness.stages.extraction import Extractor, build_extractor
from evalharness.stages.generate import Chain, ask_all, is_passing
from evalharness.stages.judging.bench import Bench, judge_place, open_bench
from evalharness.stages.judging.heard import heard, judgement_key
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.plan import program_of, sampling_of
from evalharness.store.journal import EvidenceEntry, JournalReader, JournalWriter, OutcomeEntry
from evalharness.store.keys import request_key
from evalharness.store.runs import Manifest, RunFolder


def gather_judgements(
    suite: Suite,
    source: Source,
    folder: RunFolder,
    options: RunOptions,
    report: Report,
    *,
    shared: Shared,
) -> bool:
    """Ask what the judges of single answers have not said yet; gives whether all is said.

    Raises SpecError, UsageError, DataError, ClientError, BudgetExceeded; what was judged before
    stays journalled.
    """
    judges = [j for j in suite.judges if j.kind != "preference" and j.model is not None]
    if not judges:
        return True
    if options.judging == "stored":
        return False
    _check_unanswerable(suite, judges, source)
    answers = Answers(suite, source, folder)
    try:
        done = [_ask(judge, answers, options, shared, report) for judge in judges]
    finally:
        answers.close()
    return all(done)


def _check_unanswerable(suite: Suite, judges: Sequence[JudgeSpec], source: Source) -> None:
    """Refuse a field that no sample has: every question would silently count as answerable."""
    for judge in judges:
        field = (judge.unanswerable or "").partition("=")[0]
        if field and not any(field in sample.metadata for sample in source):
            raise SpecError(
                f"no sample has the field '{field}' that tells where declining is right",
                where=f"{judge_place(suite, judge)}, unanswerable",
                mend="name a field of the data, or `field=value`",
            )


@dataclass(frozen=True, slots=True)
class Unit:
    """One answer to be judged."""

    sample: Sample
    repeat: int
    text: str


class Answers:
    """The answers of a run that can be judged: those that came and from which `extract` took."""

    def __init__(self, suite: Suite, source: Source, folder: RunFolder) -> None:
        self.suite, self.source, self.folder = suite, source, folder
        self.manifest: Manifest = folder.manifest()
        where = suite.place
        self._extract: Extractor | None = build_extractor(suite.extract, where=where)
        self._outcomes = JournalReader(folder.outcomes_path, OutcomeEntry, name="outcomes")

    def units(self) -> Iterator[Unit]:
        """Every such answer, in the order of the data."""
        for sample in self.source:
            for repeat in range(self.manifest.suite.generation.repeats):
                text = self.text(sample.id, repeat)
                if text is not None:
                    yield Unit(sample, repeat, text)

    def text(self, sample_id: str, repeat: int) -> str | None:
        """One answer's text as it is scored; None where there is none."""
        found = self._outcomes.find(sample_id, repeat)
        if not found or not isinstance(found[-1].outcome, Answered):
            return None
        text = found[-1].outcome.completion.text
        return self._extract(text) if self._extract else text

    def close(self) -> None:
        """Close the journal."""
        self._outcomes.close()


@dataclass(slots=True)
class Pending:
    """One question to a judge, and the evidence that its answer will be.

    unit_repeat: of the answer that is judged; a pair is asked about twice.
    """

    request: Request
    sample: Sample
    name: str
    key: str
    unit_repeat: int


@dataclass(slots=True)
class JudgeQuestions:
    """What one judge is still to be asked, as `generate.Questions` and as its Book.

    Rendered when it is asked; `waiting` holds only what is in flight.
    """

    bench: Bench
    pending: Iterator[Pending]
    writer: JournalWriter[EvidenceEntry]
    name: str
    by_id: bool = False
    waiting: dict[tuple[str, int], Pending] = field(default_factory=dict)
    again: int = 0

    def requests_by_id(self) -> Iterator[Request]:
        """Judges are asked with words; nothing is asked by id."""
        return iter(())

    def chains(self) -> Iterator[Chain]:
        """Every question alone."""
        for one in self.pending:
            self.waiting[one.request.sample_id, one.request.repeat] = one
            yield one.request.repeat, (one.sample,)

    def request(self, sample: Sample, repeat: int, answers: Sequence[str] = ()) -> Request:  # noqa: ARG002
        """The question that `chains` has announced."""
        return self.waiting[sample.id, repeat].request

    def kept(self, sample_id: str, repeat: int) -> Outcome | None:  # noqa: ARG002
        """None: what is journalled was not announced."""
        return None

    def write(self, entries: list[OutcomeEntry]) -> None:
        """Journal judgements, each with what was read in the judge's words."""
        told: list[EvidenceEntry] = []
        for entry in entries:
            one = self.waiting.pop((entry.id, entry.repeat))
            self.again += is_passing(entry.outcome)
            judgement = heard(self.bench.spec, self.bench.who, one.sample, entry.outcome)
            told.append(
                EvidenceEntry(
                    id=entry.id,
                    name=one.name,
                    evidence=judgement,
                    key=one.key,
                    repeat=one.unit_repeat,
                )
            )
        self.writer.append_many(told)


def _ask(
    judge: JudgeSpec, answers: Answers, options: RunOptions, shared: Shared, report: Report
) -> bool:
    """Ask one judge what it has not said yet."""
    arm = answers.manifest.arm
    bench = open_bench(answers.suite, judge, options, shared, about=arm)
    known = JournalReader(answers.folder.evidence_path, EvidenceEntry, name="evidence")
    try:
        source_of = Sources(judge, shown_program(judge, answers))
        pending = unsaid(bench, answers.units(), source_of, known)
        path = answers.folder.evidence_path
        return ask_bench(bench, pending, path, report, name=f"{arm}, {judge.name}")
    finally:
        known.close()


def ask_bench(
    bench: Bench, pending: Iterator[Pending], path: Path, report: Report, *, name: str
) -> bool:
    """Ask a judge and journal what it says; gives whether nothing is to be asked again."""
    with JournalWriter[EvidenceEntry](path, name="evidence") as writer:
        questions = JudgeQuestions(bench, pending, writer, name)

        async def ask() -> None:
            """Ask all, then close the connection."""
            try:
                await ask_all(questions, bench.asker, questions, report, stage="evidence")
            finally:
                await bench.asker.close()

        asyncio.run(ask())
    return questions.again == 0


def unsaid(
    bench: Bench, units: Iterable[Unit], sources: Sources, known: JournalReader[EvidenceEntry]
) -> Iterator[Pending]:
    """The questions about these answers that the journal does not answer yet."""
    judge = bench.spec
    for unit in units:
        said = known.find(unit.sample.id, unit.repeat)
        for again, key in unsaid_keys(bench, unit.sample, (unit.text,), said):
            judged = Judged(unit.sample, (unit.text,), sources.of(unit.sample))
            request = question(bench, judged, unit.repeat, again)
            yield Pending(request, unit.sample, name=judge.name, key=key, unit_repeat=unit.repeat)


def unsaid_keys(
    bench: Bench, sample: Sample, texts: tuple[str, ...], said: Sequence[EvidenceEntry]
) -> Iterator[tuple[int, str]]:
    """(how-manieth time, key) of the judgements of these texts that were not given yet."""
    judge = bench.spec
    for again in range(judge.repeats):
        key = judgement_key(judge, bench.program.sha256, sample, *texts, again=again)
        if not is_said(said, judge.name, key):
            yield again, key


def question(bench: Bench, judged: Judged, place: int, again: int) -> Request:
    """One question, rendered; a repeat has a seed of its own.

    place: of the unit (and the order) among the sample's.  again: the how-manieth repeat.
    """
    messages = bench.program.render(judged)
    generation = bench.generation
    if again and generation.seed is None:
        generation = msgspec.structs.replace(generation, seed=0)
    sampling = sampling_of(generation, generation.seed or 0, again)
    return Request(
        key=request_key(bench.identity, messages, sampling, repeat=again, tools=()),
        sample_id=judged.sample.id,
        repeat=place * bench.spec.repeats + again,
        messages=messages,
        sampling=sampling,
    )


def is_said(entries: Sequence[EvidenceEntry], name: str, key: str) -> bool:
    """Whether a judge has spoken of this very answer; a failure that passes does not count."""
    found = [entry for entry in entries if entry.name == name and entry.key == key]
    if not found or not isinstance(found[-1].evidence, Judgement):
        return False
    return not is_passing(found[-1].evidence.outcome)


def shown_program(judge: JudgeSpec, answers: Answers) -> PromptProgram | None:
    """What showed the arm its prompts, where the judge holds answers against them."""
    if judge.kind != "groundedness" or judge.source != "prompt":
        return None
    manifest = answers.manifest
    arm = resolve(manifest.reference, suite=manifest.suite.name)
    asked = Arm(name=arm.name, reference="", prompt=arm.prompt, base=arm.base)
    return program_of(answers.suite, asked, answers.source, "prompts")


class Sources:
    """What a groundedness judge holds an answer against.

    program: what showed the arm its prompts, for `source: prompt`; None for any other source.
    """

    def __init__(self, judge: JudgeSpec, program: PromptProgram | None) -> None:
        self.judge = judge
        self._program = program

    def of(self, sample: Sample) -> str | None:
        """The source's text; None for judges that need none. Raises SpecError if absent."""
        judge = self.judge
        if self._program is not None:
            return "\n".join(turn.content or "" for turn in self._program.render(sample))
        found = sample.metadata.get(judge.source)
        if judge.kind != "groundedness" and found is None:
            return None
        if found is None:
            raise SpecError(
                f"sample '{sample.id}' has no field '{judge.source}' to hold its answer against",
                where=f"judges, '{judge.name}', source",
                mend="name the field that holds the source, or `source: prompt` for what was asked",
            )
        return found if isinstance(found, str) else "\n".join(map(str, found))
