"""What a suite's judges need, and the metrics that they bring.

Reads: nothing.  Gives: `check_judges`, `spread_judges`, `judged_metric`, `judge_metrics`.
Depends on: spec.suite, spec.document, errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from evalharness.errors import SpecError, did_you_mean
from evalharness.records import JsonObject
from evalharness.spec.document import where
from evalharness.spec.suite import JudgeSpec, MetricSpec, Suite

FACTUALITY: Final = {"correct": 1.0, "partly": 0.5, "wrong": 0.0}
"""What a factuality judge may say, and what it is worth."""
WORDS_VERSION: Final = "1"
"""Rises when the words of `prompts.judging` change."""
REPEAT_METRICS: Final = {"_self_agreement": "judge_self_agreement", "_noise": "judge_noise"}
"""What a judge that is asked several times brings besides."""
ABOUT_JUDGES: Final = frozenset(
    {"judge_parse_rate", "judge_agreement", "flip_rate", *REPEAT_METRICS.values()}
)
"""Metrics that tell of the judge and not of the answers: they are not split by slice."""
PAIR_METRICS: Final = {
    "": "win_rate",
    "_flip_rate": "flip_rate",
    "_length_controlled": "length_controlled_win_rate",
}
"""What stands behind a preference judge's name in the results of a pair of arms -> its metric."""


def spread_judges(raw: dict[str, Any]) -> None:  # Any: YAML, not yet checked
    """Turn `scale: 1..5` into its two numbers, in place; anything else is left to the types."""
    judges = raw.get("judges")
    for judge in judges if isinstance(judges, list) else []:
        scale = judge.get("scale") if isinstance(judge, dict) else None
        if isinstance(scale, str):
            low, dots, high = scale.partition("..")
            try:
                judge["scale"] = [float(low), float(high)] if dots else scale
            except ValueError:
                continue


def is_judged_metric(entry: object) -> bool:
    """Whether an entry of `metrics` is `{judge: NAME}`."""
    return isinstance(entry, dict) and "name" not in entry and isinstance(entry.get("judge"), str)


def judged_metric(entry: dict[str, Any]) -> dict[str, Any]:  # Any: YAML, not yet checked
    """`{judge: helpfulness}` in MetricSpec's shape, labelled by the judge's name if by no other."""
    options = {key: value for key, value in entry.items() if key != "label"}
    return {"name": "judge", "label": entry.get("label", entry["judge"]), "options": options}


def check_judges(suite: Suite, path: Path, text: str) -> None:
    """Refuse judges that cannot judge. Raises SpecError with the place."""
    names: set[str] = set()
    taken = {metric.key for metric in suite.metrics if metric.name != "judge"}
    for number, judge in enumerate(suite.judges):
        place = where(path, text, f"judges[{number}]")
        if judge.name in names or judge.name in taken:
            raise SpecError(
                f"two metrics are called '{judge.name}'", where=place, mend="rename the judge"
            )
        names.add(judge.name)
        _check_judge(judge, place)
    for number, metric in enumerate(suite.metrics):
        wanted = metric.options.get("judge")
        if metric.name in ("judge", "judge_parse_rate") and wanted not in names:
            raise SpecError(
                f"no judge is called '{wanted}'",
                where=where(path, text, f"metrics[{number}]"),
                mend=did_you_mean(str(wanted), names) or "describe it under `judges`",
            )


def _check_judge(judge: JudgeSpec, place: str) -> None:
    """One judge: somebody to ask, something to ask, a way to read the answer."""
    if not judge.name or "/" in judge.name or not judge.name.isprintable():
        raise SpecError(f"'{judge.name}' is no name for a judge", where=f"{place}.name")
    if judge.model is None and judge.human is None:
        raise SpecError(
            f"judge '{judge.name}' has neither a `model` to ask nor `human` labels",
            where=place,
            mend="e.g. `model: openai/gpt-4o-mini`, or `human: labels.jsonl`",
        )
    low, high = judge.scale
    if not low < high:
        raise SpecError(
            f"the scale runs from {low:g} to {high:g}", where=f"{place}.scale", mend="scale: 1..5"
        )
    if judge.kind == "rubric" and judge.model and not (judge.rubric or judge.template):
        raise SpecError(
            f"judge '{judge.name}' is not told what to look at",
            where=place,
            mend="add `rubric: ...` (or the whole question as `template: ...`)",
        )
    if judge.template and not (judge.parse or _asks_for_json(judge.template)):
        raise SpecError(
            f"the template of judge '{judge.name}' does not say how its verdict can be read",
            where=f"{place}.template",
            mend="let it ask for JSON with the key that docs/judges.md names, or add `parse: ...`",
        )
    _check_repeats(judge, place)


def _check_repeats(judge: JudgeSpec, place: str) -> None:
    """Repeats of a model that is asked, and words where the most frequent one counts."""
    if judge.generation.repeats != 1:
        raise SpecError(
            "a judge's repeats are its own key, no part of its decoding",
            where=f"{place}.generation.repeats",
            mend=f"write `repeats: {judge.generation.repeats}` beside `generation`",
        )
    if judge.repeats < 1 or (judge.repeats > 1 and judge.model is None):
        reason = "people are not asked again" if judge.model is None else "at least 1 is needed"
        raise SpecError(
            f"judge '{judge.name}' cannot have {judge.repeats} repeats: {reason}",
            where=f"{place}.repeats",
        )
    if judge.combine == "majority" and not (choices_of(judge) or judge.kind == "abstention"):
        raise SpecError(
            f"judge '{judge.name}' gives numbers, so no word is said by most of its repeats",
            where=f"{place}.combine",
            mend="`combine: mean`, or give the judge `choices`",
        )


def _asks_for_json(template: str) -> bool:
    return '"' in template and ":" in template


def range_of(judge: JudgeSpec) -> tuple[float, float]:
    """The least and the greatest score that a judge can give."""
    if judge.choices:
        return min(judge.choices.values()), max(judge.choices.values())
    return judge.scale if judge.kind == "rubric" else (0.0, 1.0)


def choices_of(judge: JudgeSpec) -> dict[str, float]:
    """The words that a judge may answer with, empty where it gives a number."""
    if judge.choices or judge.kind != "factuality":
        return judge.choices
    return FACTUALITY


def judge_sha256(judge: JudgeSpec) -> str:
    """sha256 of everything that moves what a judge says once: its words, model and parameters.

    How often it is asked is no part of it: the first of three judgements is the one of one.
    """
    plain = msgspec.structs.replace(judge, name="", human=None, allow_self_judging=False)
    said = msgspec.to_builtins(plain)
    del said["repeats"], said["combine"]
    if not said["model_sha256"]:
        del said["model_sha256"]
    digest = hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:8]
    return hashlib.sha256(msgspec.json.encode((digest, WORDS_VERSION))).hexdigest()


def repeat_options(judge: JudgeSpec) -> JsonObject:
    """How a judge's repeats become one score, where there are several."""
    if judge.repeats == 1:
        return {}
    return {"combine": f"{judge.combine} of {judge.repeats}"}


def judge_metrics(suite: Suite) -> Iterator[MetricSpec]:
    """The metrics that judges of single answers bring, beyond those that the suite lists."""
    listed = {metric.key for metric in suite.metrics}
    for judge in suite.judges:
        if judge.kind == "preference":
            continue
        options = judge_options(judge)
        how_often = {"judge": judge.name, **repeat_options(judge)}
        corrected = judge.human is not None and judge.model is not None
        main = "judge_corrected" if corrected else "judge"
        brought = [(judge.name, main, options)]
        if corrected:
            brought.append((f"{judge.name}_uncorrected", "judge", options))
            brought.append((f"{judge.name}_agreement", "judge_agreement", how_often))
        if judge.model is not None:
            brought.append((f"{judge.name}_parse_rate", "judge_parse_rate", how_often))
        brought += [(judge.name + ending, name, how_often) for ending, name in repeated(judge)]
        for label, name, given in brought:
            if label not in listed:
                yield MetricSpec(name=name, options=given, label=label)


def repeated(judge: JudgeSpec) -> list[tuple[str, str]]:
    """Endings and metrics that repeats bring; nobody can tell the noise of a vote by words."""
    if judge.repeats == 1:
        return []
    metrics = list(REPEAT_METRICS.items())
    return metrics[:1] if judge.combine == "majority" else metrics


def judge_options(judge: JudgeSpec) -> JsonObject:
    """The options of a judge's metric: what a reader of its rows must know."""
    low, high = range_of(judge)
    return {
        "judge": judge.name,
        "low": low,
        "high": high,
        "by": judge.model or "people",
        "asked": judge_sha256(judge)[:8],
        **repeat_options(judge),
    }


def completed(metric: MetricSpec, suite: Suite) -> MetricSpec:
    """A listed `{judge: NAME}` with what its judge says of itself; any other metric as it is."""
    if metric.name != "judge":
        return metric
    judge = next(judge for judge in suite.judges if judge.name == metric.options["judge"])
    given = {**judge_options(judge), **metric.options}
    if judge.human is not None and judge.model is not None:
        return msgspec.structs.replace(metric, name="judge_corrected", options=given)
    return msgspec.structs.replace(metric, options=given)


def pair_labels(suite: Suite) -> set[str]:
    """Names of results that a pair of arms has, and no arm alone."""
    return {
        judge.name + ending
        for judge in suite.judges
        if judge.kind == "preference"
        for ending in (*PAIR_METRICS, "_uncorrected", "_agreement", *REPEAT_METRICS)
    }


def pair_metrics(judge: JudgeSpec) -> Iterator[MetricSpec]:
    """The metrics that a preference judge brings; people are not asked in two orders."""
    options: JsonObject = {
        "judge": judge.name,
        "by": judge.model or "people",
        "asked": judge_sha256(judge)[:8],
        **repeat_options(judge),
    }
    how_often: JsonObject = {"judge": judge.name, **repeat_options(judge)}
    for ending, name in PAIR_METRICS.items():
        if judge.model is not None or name != "flip_rate":
            yield MetricSpec(name=name, options=options, label=judge.name + ending)
    if judge.model is not None and judge.human is not None:
        yield MetricSpec(name="win_rate_corrected", options=options, label=judge.name)
        yield MetricSpec(name="win_rate", options=options, label=f"{judge.name}_uncorrected")
        yield MetricSpec(name="judge_agreement", options=how_often, label=f"{judge.name}_agreement")
    for ending, name in repeated(judge):
        yield MetricSpec(name=name, options=how_often, label=judge.name + ending)
