"""rate: runs -> a blinded pack of answers for people, in random order.

Reads: one or two runs, the held-out data.  Gives: `Pack` (what annotators see) and `PackKey` (which
answer is whose, never given away).
Depends on: plan (the held-out data), judge (answers as they are scored), heard (their hashes).
Which answers are drawn, in which order and on which side depends on the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from evalharness.errors import DataError, UsageError
from evalharness.prompts.judging import question_of
from evalharness.records import FORMAT, Record, Sample
from evalharness.stages.judging.heard import answer_sha256
from evalharness.stages.judging.judge import Answers
from evalharness.stages.options import RunOptions
from evalharness.stages.plan import heldout
from evalharness.store.keys import sha256_of
from evalharness.store.runs import RunFolder

if TYPE_CHECKING:
    import numpy as np

Kind: TypeAlias = Literal["preference", "rating"]


class PackItem(Record, frozen=True, kw_only=True):
    """One thing to judge: a question and one or two answers, left first. item: "001" and so on.

    shown: what else an annotator needs, e.g. {"article": "..."}.
    """

    item: str
    question: str
    answers: tuple[str, ...]
    shown: dict[str, str] = {}


Shown: TypeAlias = tuple[Sample, "KeyItem", tuple[str, ...]]
"""What was asked, whose answers are shown, and their texts."""
REFERENCE: Final = "reference"
"""Of `show`: the reference answers."""


class Pack(Record, frozen=True, kw_only=True):
    """What an annotator sees. scale: of a rating, least and greatest score."""

    pack: str
    kind: Kind
    items: tuple[PackItem, ...]
    scale: tuple[int, int] = (1, 5)


class KeyItem(Record, frozen=True, kw_only=True):
    """Whose answers an item shows: arms and hashes, left first.

    For ratings the one answer's hash, and every arm that gave this very answer.
    """

    item: str
    id: str
    repeat: int
    arms: tuple[str, ...]
    answers: tuple[str, ...]


class PackKey(Record, frozen=True, kw_only=True):
    """key.json: kept by whoever made the pack. n_equal: pairs left out because both are equal."""

    pack: str
    kind: Kind
    suite: str
    arms: tuple[str, ...]
    items: tuple[KeyItem, ...]
    scale: tuple[int, int] = (1, 5)
    n_equal: int = 0
    format: int = FORMAT


def make_pack(
    runs: Sequence[RunFolder],
    options: RunOptions,
    *,
    kind: Kind,
    scale: tuple[int, int],
    show: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Pack, PackKey]:
    """A pack of two runs' answers side by side, or of one or two runs' answers one by one.

    options.limit: items at most, drawn at random.  show: fields of the data that stand beside the
    question, and `reference`.
    Raises UsageError for runs of two suites and for a field that no sample has, DataError where
    there is nothing to show.
    """
    manifests = [run.manifest() for run in runs]
    if len({manifest.suite.name for manifest in manifests}) > 1:
        raise UsageError("the runs are of different suites, so their answers cannot be compared")
    shown = list(_pairs(runs, options) if kind == "preference" else _singles(runs, options))
    different = [one for one in shown if len(set(one[1].answers)) == len(one[1].answers)]
    if not different:
        raise DataError("there is no answer to show", where=", ".join(str(r.path) for r in runs))
    different.sort(key=lambda one: (one[1].id, one[1].repeat, *sorted(one[1].answers)))
    order = rng.permutation(len(different))[: options.limit]  # whichever run is named first
    digits = max(3, len(str(len(order))))
    items, keys = [], []
    for number, place in enumerate(order, start=1):
        sample, key, texts = different[place]
        sides = rng.permutation(len(texts))
        name = str(number).zfill(digits)
        items.append(
            PackItem(
                item=name,
                question=question_of(sample),
                answers=tuple(texts[side] for side in sides),
                shown=_beside(sample, show),
            )
        )
        arms = key.arms if kind == "rating" else tuple(key.arms[side] for side in sides)
        answers = tuple(key.answers[side] for side in sides)
        keys.append(KeyItem(item=name, id=key.id, repeat=key.repeat, arms=arms, answers=answers))
    absent = [field for field in show if not any(field in item.shown for item in items)]
    if absent:
        raise UsageError(
            f"no answer's sample has the field '{absent[0]}' to be shown",
            where="--show",
            mend=f"a field of the data beside input and target, or `{REFERENCE}`",
        )
    pack = sha256_of([(key.item, key.id, key.answers) for key in keys])[:12]
    return Pack(pack=pack, kind=kind, items=tuple(items), scale=scale), PackKey(
        pack=pack,
        kind=kind,
        suite=manifests[0].suite.name,
        arms=tuple(manifest.arm for manifest in manifests),
        items=tuple(keys),
        scale=scale,
        n_equal=len(shown) - len(different),
    )


def _pairs(runs: Sequence[RunFolder], options: RunOptions) -> Iterator[Shown]:
    """Both runs' answers to every unit that both answered."""
    one, other = (_answers(run, options) for run in runs)
    arms = (one.manifest.arm, other.manifest.arm)
    try:
        for unit in one.units():
            text = other.text(unit.sample.id, unit.repeat)
            if text is not None:
                texts = (unit.text, text)
                hashes = tuple(answer_sha256(text) for text in texts)
                key = KeyItem(
                    item="", id=unit.sample.id, repeat=unit.repeat, arms=arms, answers=hashes
                )
                yield unit.sample, key, texts
    finally:
        one.close()
        other.close()


def _singles(runs: Sequence[RunFolder], options: RunOptions) -> Iterator[Shown]:
    """Every answer of every run, alone; what both runs say alike is shown once, for both."""
    found: dict[tuple[str, int, str], tuple[Sample, list[str], str]] = {}
    for run in runs:
        answers = _answers(run, options)
        try:
            for unit in answers.units():
                name = (unit.sample.id, unit.repeat, answer_sha256(unit.text))
                _, arms, _ = found.setdefault(name, (unit.sample, [], unit.text))
                arms.append(answers.manifest.arm)
        finally:
            answers.close()
    for (sample_id, repeat, sha256), (sample, arms, text) in found.items():
        key = KeyItem(item="", id=sample_id, repeat=repeat, arms=tuple(arms), answers=(sha256,))
        yield sample, key, (text,)


def _beside(sample: Sample, show: Sequence[str]) -> dict[str, str]:
    """What stands beside the question, by its name."""
    known = {**sample.metadata, **sample.slices}
    if sample.targets:
        known[REFERENCE] = "\n".join(sample.targets)
    return {field: str(known[field]) for field in show if field in known}


def _answers(run: RunFolder, options: RunOptions) -> Answers:
    """A run's answers over the data that it was asked about."""
    manifest = run.manifest()
    data = Path(manifest.data)
    given = options.data or (data if data.is_file() else None)
    source = heldout(manifest.suite, replace(options, data=given, limit=None))
    return Answers(manifest.suite, source, run)
