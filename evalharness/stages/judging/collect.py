"""collect: what annotators sent back -> labels for a suite, how far they agree, who wins.

Reads: key.json of a pack, the returned files (JSON of the page, or the filled table as CSV).
Writes: preferences.jsonl or ratings.jsonl beside key.json.  Gives: `Collected`.
Depends on: rate, stats.agreement, stats.mean, data.
A file that cannot be trusted is refused with its line and key; nothing is read by halves.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from evalharness.data.preferences import TIE, Preference
from evalharness.data.ratings import Rating
from evalharness.errors import DataError, TooFewSamples
from evalharness.records import Record
from evalharness.stages.judging.rate import KeyItem, PackKey
from evalharness.store.files import write_atomic
from evalharness.store.runs import read_json

CHOICES = {"left": 1.0, "right": 0.0, "tie": 0.5}
"""What an annotator of pairs may say -> the left answer's share of the win."""


class Answer(Record, frozen=True, kw_only=True):
    """What was said of one item: `choice` of a pair, `score` of one answer."""

    choice: str | None = None
    score: float | None = None
    comment: str = ""


class Returned(Record, frozen=True, kw_only=True):
    """One annotator's file."""

    pack: str
    annotator: str
    answers: dict[str, Answer]


class ArmMean(Record, frozen=True, kw_only=True):
    """One arm's mean rating (or the first arm's win rate) with 95 % bounds."""

    arm: str
    value: float
    lower: float | None
    upper: float | None
    n: int


class Collected(Record, frozen=True, kw_only=True):
    """What came back. kappas: "anna-bea" -> Cohen's kappa; None where it cannot be told.

    n_items: of the pack.  counts: annotator -> items judged.  ties: of all votes.
    """

    kind: str
    scale: tuple[int, int]
    n_items: int
    counts: dict[str, int]
    alpha: float | None
    kappas: dict[str, float | None]
    means: tuple[ArmMean, ...]
    ties: int
    written: str


def collect(files: Sequence[Path], folder: Path) -> Collected:
    """Read returned files of the pack in `folder`; raises DataError, StoreError."""
    key = read_json(folder / "key.json", PackKey)
    items = {item.item: item for item in key.items}
    returned: dict[str, Returned] = {}
    for path in files:
        one = _read(path, key, items)
        if one.annotator in returned:
            raise DataError(
                f"annotator '{one.annotator}' has returned two files",
                where=f"{path}, annotator",
                mend="keep one of them, or give them two names",
            )
        returned[one.annotator] = one
    path = folder / ("preferences.jsonl" if key.kind == "preference" else "ratings.jsonl")
    labels = [
        _label(key, items[name], one.annotator, answer)
        for one in returned.values()
        for name, answer in sorted(one.answers.items())
    ]
    write_atomic(path, msgspec.json.Encoder().encode_lines(labels))
    values = {who: _values(key, one) for who, one in returned.items()}
    return Collected(
        kind=key.kind,
        scale=key.scale,
        n_items=len(items),
        counts={who: len(one.answers) for who, one in returned.items()},
        alpha=_alpha(key, values),
        kappas=_kappas(values),
        means=_means(key, items, values),
        ties=sum(
            answer.choice == TIE for one in returned.values() for answer in one.answers.values()
        ),
        written=str(path),
    )


# --- reading -----------------------------------------------------------------------------------


def _read(path: Path, key: PackKey, items: dict[str, KeyItem]) -> Returned:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", where=str(path)) from error
    if path.suffix.lower() == ".csv":
        return _from_table(content, path, key, items)
    try:
        returned = msgspec.json.decode(content, type=Returned)
    except (msgspec.DecodeError, ValueError) as error:
        raise DataError(
            f"no returned file of a rating pack: {error}",
            where=str(path),
            mend="return the file that the page's `Save` gives, or rate.csv filled in",
        ) from error
    if returned.pack != key.pack:
        raise DataError(
            f"it belongs to the pack {returned.pack}, not to {key.pack}", where=f"{path}, pack"
        )
    if not returned.annotator.strip():
        raise DataError("the annotator has no name", where=f"{path}, annotator")
    for name, answer in returned.answers.items():
        _check(name, answer, key, items, where=f"{path}, answers.{name}")
    return returned


def _from_table(content: bytes, path: Path, key: PackKey, items: dict[str, KeyItem]) -> Returned:
    """A filled table; rows without an answer are left out. The annotator is the file's name."""
    column = "choice" if key.kind == "preference" else "score"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8: {error}", where=str(path), mend="save it as UTF-8") from error
    sample = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in sample else ",")
    missing = {"item", "pack", column} - set(reader.fieldnames or ())
    if missing:
        raise DataError(
            f"the table lacks the column {', '.join(sorted(missing))}", where=f"{path}:1"
        )
    answers: dict[str, Answer] = {}
    for row in reader:
        where = f"{path}:{reader.line_num}"
        said = (row[column] or "").strip()
        if (row["pack"] or "").strip() != key.pack:
            raise DataError(
                f"the row belongs to the pack {row['pack']}, not to {key.pack}",
                where=f"{where}, pack",
            )
        if not said:
            continue
        name = (row["item"] or "").strip().lstrip("'")
        if name in answers:
            raise DataError(f"item {name} stands twice", where=f"{where}, item")
        answer = _cell(said, (row.get("comment") or "").strip(), key, where=f"{where}, {column}")
        _check(name, answer, key, items, where=f"{where}, {column}")
        answers[name] = answer
    return Returned(pack=key.pack, annotator=path.stem, answers=answers)


def _cell(said: str, comment: str, key: PackKey, *, where: str) -> Answer:
    if key.kind == "preference":
        return Answer(choice=said.lower(), comment=comment)
    try:
        return Answer(score=float(said.replace(",", ".")), comment=comment)
    except ValueError as error:
        raise DataError(f"'{said}' is no number", where=where) from error


def _check(
    name: str, answer: Answer, key: PackKey, items: dict[str, KeyItem], *, where: str
) -> None:
    """Refuse an unknown item and an answer that was not offered."""
    if name not in items:
        raise DataError(f"the pack has no item '{name}'", where=where)
    if key.kind == "preference":
        if answer.choice not in CHOICES:
            raise DataError(
                f"'{answer.choice}' is no choice", where=where, mend="left, right or tie"
            )
        return
    low, high = key.scale
    if answer.score is None or not (math.isfinite(answer.score) and low <= answer.score <= high):
        raise DataError(f"{answer.score} is no score from {low} to {high}", where=where)


# --- what it says ------------------------------------------------------------------------------


def _label(key: PackKey, item: KeyItem, who: str, answer: Answer) -> Preference | Rating:
    """An answer as a line of the file that a suite's `human` names."""
    if key.kind == "preference":
        better = TIE if answer.choice == TIE else item.answers[answer.choice == "right"]
        return Preference(
            id=item.id,
            repeat=item.repeat,
            annotator=who,
            better=better,
            answers=(item.answers[0], item.answers[1]),
            reason=answer.comment,
        )
    return Rating(
        id=item.id,
        repeat=item.repeat,
        annotator=who,
        score=float(answer.score or 0.0),
        answer_sha256=item.answers[0],
        reason=answer.comment,
    )


def _values(key: PackKey, returned: Returned) -> dict[str, float]:
    """Item -> the score, or the first arm's share of the win."""
    if key.kind == "rating":
        return {name: float(answer.score or 0.0) for name, answer in returned.answers.items()}
    left_is_first = {item.item: item.arms[0] == key.arms[0] for item in key.items}
    values = {}
    for name, answer in returned.answers.items():
        share = CHOICES[answer.choice or TIE]
        values[name] = share if left_is_first[name] else 1.0 - share
    return values


def _alpha(key: PackKey, values: dict[str, dict[str, float]]) -> float | None:
    """Krippendorff's alpha of all annotators; None where it cannot be told."""
    from evalharness.stats.agreement import krippendorff_alpha

    names = [item.item for item in key.items]
    try:
        return krippendorff_alpha(
            [[said.get(name) for name in names] for said in values.values()],
            level="nominal" if key.kind == "preference" else "interval",
        )
    except TooFewSamples:
        return None


def _kappas(values: dict[str, dict[str, float]]) -> dict[str, float | None]:
    """Cohen's kappa of every two annotators on what both judged."""
    from evalharness.stats.agreement import cohen_kappa

    kappas: dict[str, float | None] = {}
    for one, other in itertools.combinations(values, 2):
        both = sorted(values[one].keys() & values[other].keys())
        try:
            kappas[f"{one}-{other}"] = cohen_kappa(
                [values[one][name] for name in both], [values[other][name] for name in both]
            )
        except TooFewSamples:
            kappas[f"{one}-{other}"] = None
    return kappas


def _means(
    key: PackKey, items: dict[str, KeyItem], values: dict[str, dict[str, float]]
) -> tuple[ArmMean, ...]:
    """The first arm's win rate, or every arm's mean rating; annotators of an item are averaged."""
    by_arm: dict[str, list[float]] = {}
    for name, item in items.items():
        said = [told[name] for told in values.values() if name in told]
        if said:
            for arm in key.arms[:1] if key.kind == "preference" else item.arms:
                by_arm.setdefault(arm, []).append(fmean(said))
    low, high = (0.0, 1.0) if key.kind == "preference" else map(float, key.scale)
    return tuple(_mean(arm, scores, low, high) for arm, scores in sorted(by_arm.items()))


def _mean(arm: str, scores: list[float], low: float, high: float) -> ArmMean:
    from evalharness.stats.mean import mean_effect

    lower = upper = None
    try:
        bounds = mean_effect(scores, low=low, high=high).bounds(0.025)
        lower, upper = bounds.lower, bounds.upper
    except TooFewSamples:
        pass
    return ArmMean(arm=arm, value=fmean(scores), lower=lower, upper=upper, n=len(scores))
