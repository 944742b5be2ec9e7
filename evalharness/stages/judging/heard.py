"""heard: a judge's words -> a Judgement; and which judgements are about the answers as they are.

Reads: files of human labels.  Gives: `heard`, `judgement_key`, `Hearing`, `labels_hash`.
Depends on: text.judgement, prompts.judging (for its hash), data.ratings, spec.judges.
Asks nobody: `score` stands on this file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from evalharness.data.ratings import Rating, read_ratings
from evalharness.errors import DataError
from evalharness.prompts.judging import JudgeProgram
from evalharness.records import (
    Answered,
    Completion,
    Evidence,
    Judgement,
    Outcome,
    Provenance,
    Sample,
)
from evalharness.spec.judges import choices_of, range_of
from evalharness.spec.suite import JudgeSpec, Suite
from evalharness.store.journal import EvidenceEntry
from evalharness.store.keys import sha256_of
from evalharness.text.judgement import Kind, Shape, Unreadable, read_verdict

KINDS: dict[str, Kind] = {
    "factuality": "word",
    "groundedness": "claims",
    "abstention": "flag",
    "preference": "preference",
}


def shape_of(judge: JudgeSpec) -> Shape:
    """What a judge's verdict looks like."""
    low, high = range_of(judge)
    choices = {word.lower(): score for word, score in choices_of(judge).items()}
    kind: Kind = "word" if choices else KINDS.get(judge.kind, "number")
    if judge.parse is not None and kind == "claims":
        kind = "number"  # a pattern finds one share of claims, not their list
    return Shape(kind, low, high, choices, judge.parse)


def heard(judge: JudgeSpec, who: str, sample: Sample, outcome: Outcome) -> Judgement:
    """A judge's outcome with what it says; a reply that cannot be read says why."""
    if not isinstance(outcome, Answered):
        return Judgement(judge=who, outcome=outcome)
    try:
        verdict = read_verdict(outcome.completion.text, shape_of(judge))
    except Unreadable as error:
        return Judgement(judge=who, outcome=outcome, unread=str(error))
    if judge.kind == "abstention":
        declined = bool(verdict["score"])
        verdict = {**verdict, "declined": declined}
        verdict["score"] = float(declined == should_decline(judge, sample))
    return Judgement(judge=who, outcome=outcome, parsed=verdict)


def should_decline(judge: JudgeSpec, sample: Sample) -> bool:
    """Whether declining is the right answer to a sample."""
    if judge.unanswerable is None:
        return not sample.targets
    field, given, wanted = judge.unanswerable.partition("=")
    said = sample.metadata.get(field)
    if given:
        return str(said) == wanted
    return said is True or str(said).lower() in ("true", "yes", "1")


def judgement_key(
    judge: JudgeSpec, program_sha256: str, sample: Sample, *texts: str, again: int = 0
) -> str:
    """Hash of what a judgement is about: who was asked what of which answers, for the how-manieth
    time.
    """
    about = (judge.model, program_sha256, sample.content_sha256, sample.id, texts)
    return sha256_of((*about, again) if again else about)[:32]


def answer_sha256(text: str) -> str:
    """The hash by which a label says which answer it is about."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def labels_path(suite: Suite, judge: JudgeSpec) -> Path:
    """The file of a judge's human labels."""
    return Path(suite.base) / (judge.human or "")


def labels_hash(suite: Suite) -> str:
    """sha256 over the files of human labels; raises DataError where one cannot be read."""
    parts = []
    for judge in suite.judges:
        if judge.human is not None:
            path = labels_path(suite, judge)
            try:
                parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
            except OSError as error:
                raise DataError(
                    f"cannot read the human labels of '{judge.name}': {error.strerror}",
                    where=str(path),
                    mend="`evalharness rate` makes such a file from people's answers",
                ) from error
    return sha256_of(parts)


class Hearing:
    """The evidence of a run's units: judgements of these very answers, and people's labels.

    arm: whose answers, for labels that name the arm.
    """

    def __init__(self, suite: Suite, arm: str) -> None:
        self.arm = arm
        judges = [judge for judge in suite.judges if judge.kind != "preference"]
        self._programs = {
            judge.name: (judge, JudgeProgram(judge, where=suite.base).sha256)
            for judge in judges
            if judge.model is not None
        }
        self._labels: dict[str, dict[tuple[str, int], list[Rating]]] = {}
        for judge in judges:
            if judge.human is not None:
                by_unit = self._labels.setdefault(judge.name, {})
                low, high = range_of(judge)
                for rating in read_ratings(labels_path(suite, judge), low=low, high=high):
                    by_unit.setdefault((rating.id, rating.repeat), []).append(rating)

    def of(
        self, sample: Sample, repeat: int, text: str, entries: Sequence[EvidenceEntry]
    ) -> dict[str, Evidence]:
        """What is known of one answer; judgements of an earlier version of it are left out."""
        evidence: dict[str, Evidence] = {}
        for entry in entries:
            asked = self._programs.get(entry.name)
            if asked is None and isinstance(entry.evidence, Judgement):
                continue
            if asked is None:
                evidence[entry.name] = entry.evidence
                continue
            for again in range(asked[0].repeats):
                if entry.key == judgement_key(*asked, sample, text, again=again):
                    evidence[repeat_name(entry.name, again)] = entry.evidence
        for judge, by_unit in self._labels.items():
            for rating in by_unit.get((sample.id, repeat), ()):
                if rating.is_about(self.arm, answer_sha256(text)):
                    name = f"{judge}/human/{rating.annotator}"
                    if name in evidence:  # the same answer rated twice: both opinions count
                        name = f"{name}#{len(evidence)}"
                    evidence[name] = human_judgement(rating.score, rating.annotator, rating.reason)
        return evidence


def repeat_name(name: str, again: int) -> str:
    """How metrics find a judgement that was asked for again: "helpful", "helpful@1" and so on."""
    return f"{name}@{again}" if again else name


def human_judgement(score: float, who: str, reason: str = "") -> Judgement:
    """A person's label as a judgement."""
    said = Completion(text=f"{score:g}", provenance=Provenance(source="recorded"))
    parsed = {"score": score, "reason": reason}
    return Judgement(judge=f"human/{who}", outcome=Answered(completion=said), parsed=parsed)
