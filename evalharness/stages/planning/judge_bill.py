"""The judges' bill: what a suite's judges will be asked about two arms, in requests and money.

Reads: the held-out data, answers that exist already, what was judged of them.  Gives: JudgePlans.
Depends on: judging (which renders the very questions), power, clients' prices.
An answer that does not exist yet is taken to be as long as it may become; what the journal of a run
holds is not counted, since it is not asked again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from evalharness.clients.pricing import price_of
from evalharness.clients.stack import Shared
from evalharness.contracts import PromptProgram, Source
from evalharness.records import Answered
from evalharness.spec.suite import JudgeSpec, PriceSpec, Suite
from evalharness.stages.judging.bench import Bench, judge_arm, open_bench
from evalharness.stages.judging.duel import Pair, journal_of, unsaid_pairs
from evalharness.stages.judging.judge import Pending, Sources, Unit, unsaid
from evalharness.stages.options import RunOptions
from evalharness.stages.planning.arm_bill import (
    CHARS_PER_TOKEN,
    DEFAULT_ANSWER_TOKENS,
    price_usd,
)
from evalharness.stages.planning.facts import JudgePlan
from evalharness.store.journal import EvidenceEntry, JournalReader

if TYPE_CHECKING:
    from evalharness.data.recordings import Recording
    from evalharness.stages.extraction import Extractor
    from evalharness.store.runs import RunFolder


class Texts(Protocol):
    """An arm's answers, existing or foreseen."""

    def text(self, sample_id: str, repeat: int) -> str | None:
        """One answer as it is scored; None where there is none to judge."""
        ...


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Answers that nobody has given yet, each as long as it may become."""

    arm: str
    max_tokens: int

    def text(self, sample_id: str, repeat: int) -> str:
        """A stand-in; that of another arm differs."""
        told = f"{self.arm} {sample_id} {repeat} "
        return told.ljust(math.ceil(self.max_tokens * CHARS_PER_TOKEN), ".")


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answers of a recording."""

    recording: Recording
    extract: Extractor | None

    def text(self, sample_id: str, repeat: int) -> str | None:
        """The recorded answer, after `extract`."""
        found = self.recording.lookup(sample_id, repeat)
        if not isinstance(found, Answered):
            return None
        text = found.completion.text
        return self.extract(text) if self.extract else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """An arm as the judges will see it.

    program: what shows the arm its prompts, None where nothing does.  run: where it has one.
    """

    name: str
    texts: Texts
    repeats: int
    program: PromptProgram | None = None
    run: RunFolder | None = None

    def units(self, source: Source) -> Iterator[Unit]:
        """Every answer that will be judged."""
        for sample in source:
            for repeat in range(self.repeats):
                text = self.texts.text(sample.id, repeat)
                if text is not None:
                    yield Unit(sample, repeat, text)


def plan_judges(
    suite: Suite, source: Source, contestants: Sequence[Contestant], options: RunOptions
) -> list[JudgePlan]:
    """What each judge with a model will be asked; the first contestant is the baseline.

    Recorded judgements cost nothing and are left out.  Raises as opening a judge does.
    """
    plans: list[JudgePlan] = []
    for judge in suite.judges:
        if judge.model is None:
            continue
        arm = judge_arm(suite, judge, about=contestants[-1].name)
        if arm.recorded:
            continue
        bench = open_bench(suite, judge, options, Shared(), about=contestants[-1].name)
        try:
            price = arm.price or price_of(bench.identity, options.environment)
            pending = _pending(bench, source, contestants, options.out)
            plans.append(_plan(judge, bench, pending, price))
        finally:
            asyncio.run(bench.asker.close())
    return plans


def _pending(
    bench: Bench, source: Source, contestants: Sequence[Contestant], out: Path
) -> Iterator[Pending]:
    """Every question to one judge that no journal answers yet."""
    baseline, *candidates = contestants
    if bench.spec.kind == "preference":
        for candidate in candidates:
            runs = [one.run for one in (baseline, candidate) if one.run is not None]
            known = _journal(journal_of(runs, out) if len(runs) == 2 else None)
            try:
                yield from unsaid_pairs(bench, _pairs(source, candidate, baseline), known)
            finally:
                known.close()
        return
    for arm in contestants:
        known = _journal(arm.run.evidence_path if arm.run is not None else None)
        try:
            yield from unsaid(bench, arm.units(source), Sources(bench.spec, arm.program), known)
        finally:
            known.close()


def _pairs(source: Source, candidate: Contestant, baseline: Contestant) -> Iterator[Pair]:
    """Every unit of both arms."""
    for sample in source:
        for repeat in range(candidate.repeats):
            texts = [arm.texts.text(sample.id, repeat) for arm in (candidate, baseline)]
            yield Pair(sample, repeat, texts[0], texts[1])


def _journal(path: Path | None) -> JournalReader[EvidenceEntry]:
    """What was judged already; an empty journal where nothing was."""
    return JournalReader(path or Path("/nonexistent"), EvidenceEntry, name="evidence")


def _plan(
    judge: JudgeSpec, bench: Bench, pending: Iterator[Pending], price: PriceSpec | None
) -> JudgePlan:
    """Requests, tokens and the most that they can cost."""
    chars = requests = 0
    for one in pending:
        chars += sum(len(message.content or "") for message in one.request.messages)
        requests += 1
    prompt = math.ceil(chars / CHARS_PER_TOKEN)
    answers = requests * (bench.generation.max_tokens or DEFAULT_ANSWER_TOKENS)
    return JudgePlan(
        judge=judge.name,
        by=bench.who,
        requests=requests,
        prompt_tokens=prompt,
        answer_tokens_at_most=answers,
        price_usd=price_usd(price, prompt_tokens=prompt, answer_tokens=answers)
        if requests
        else 0.0,
        bounded=bench.generation.max_tokens is not None,
    )
