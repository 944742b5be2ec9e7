"""What one arm did, in words: its metrics, its failures, what it took.

Reads: ArmFacts and MetricSummary.  Gives: short plain strings in one medium.
Depends on: results, wording, numbers, clean.  Knows nothing of layouts and computes no statistic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalharness.records import FAILURE_KINDS, Estimate, Estimated
from evalharness.report import clean, numbers
from evalharness.report.numbers import Medium
from evalharness.report.wording import Reading, answered_line, name_of
from evalharness.results import ArmFacts, Facts, MetricSummary, Spent

COUNTED = {
    "candidate": "counted against the candidate",
    "baseline": "counted in the baseline's favour",
    "arm": "counted as the worst value",
}
"""How a failure counts, by the arm's role (the rule is the design's, section 2.5)."""


def by_slice(
    arm: ArmFacts, gated: Sequence[str] = ()
) -> list[tuple[str | None, dict[str, MetricSummary]]]:
    """The arm's metrics over everything (None), then by slice in order of name; see `in_order`."""
    parts: list[tuple[str | None, dict[str, MetricSummary]]] = [(None, arm.summary.metrics)]
    parts += sorted(arm.summary.slices.items())
    return [
        (slice_, {name: metrics[name] for name in in_order(metrics, gated)})
        for slice_, metrics in parts
    ]


def gated_metrics(facts: Facts) -> list[str]:
    """The metrics of the gates, in the policy's order, the deciding ones first."""
    ordered = sorted(facts.gates, key=lambda row: row.role == "diagnostic")
    return list(dict.fromkeys(row.metric for row in ordered))


def failed_lines(facts: Facts) -> list[tuple[str, str]]:
    """(what, how many) for every arm with failures, and what leaving them out would say.

    The arm is named where there are several; a report without failures gives no line.
    """
    hurt = [arm for arm in facts.arms if arm.summary.n_failed]
    lines = []
    for arm in hurt:
        name = f"failed, {clean.one_line(arm.name)}" if len(facts.arms) > 1 else "failed"
        told = f"{numbers.share(arm.summary.n_failed, arm.summary.n)}, {COUNTED[arm.role]}"
        lines.append((name, f"{told} ({kinds_words(arm.summary.failures)})"))
    told = answered_line(facts)
    if lines and told:
        name, last = lines[-1]
        lines[-1] = (name, f"{last}; {told}")
    return lines


def kinds_words(failures: Mapping[str, int]) -> str:
    """Failures by kind, most frequent first.

    >>> kinds_words({"timeout": 1, "throttle": 2})
    'throttle 2, timeout 1'
    """
    ordered = sorted(failures.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{clean.one_line(kind)} {numbers.count(number)}" for kind, number in ordered)


def kind_meaning(kind: str) -> str:
    """What a failure's kind means, in words."""
    return FAILURE_KINDS.get(kind, kind)


def read_metric(name: str, metric: MetricSummary, slice_: str | None, medium: Medium) -> Reading:
    """One metric of one arm as words."""
    point, interval = estimate_words(metric.estimate, metric.scale, medium)
    return Reading(
        label=name_of(name, metric.scale, slice_),
        values=point,
        point=interval,
        interval="",
        outcome="",
        requirement=f"n {numbers.count(metric.n)}",
        note=unscored_words(metric),
    )


def estimate_words(estimate: Estimated, scale: str, medium: Medium) -> tuple[str, str]:
    """(value, interval) of an estimate; the reason stands where the value would."""
    if not isinstance(estimate, Estimate):
        return numbers.UNDETERMINED, f"({clean.one_line(estimate.reason)})"
    half = (estimate.upper - estimate.lower) / 2
    bounds = (estimate.value, estimate.lower, estimate.upper)
    places = numbers.decimals(bounds, scale, medium, half_width=half)
    low, high = (numbers.value(bound, scale, medium, places=places) for bound in bounds[1:])
    return numbers.value(estimate.value, scale, medium, places=places), f"[{low}, {high}]"


def unscored_words(metric: MetricSummary) -> str:
    """Answers that a metric could not judge, or found nothing in, with the reasons."""
    parts = []
    if metric.n_unparsed:
        parts.append(f"nothing extracted from {numbers.share(metric.n_unparsed, metric.n)}")
    if metric.n_unscored:
        why = ", ".join(
            f"{clean.one_line(reason)}: {numbers.count(number)}"
            for reason, number in sorted(metric.reasons.items())
        )
        told = f"not scored: {numbers.count(metric.n_unscored)}"
        parts.append(f"{told} ({why})" if why else told)
    return "; ".join(parts)


def spent_line(arm: ArmFacts) -> str:
    """What an arm took: requests by kind, tokens, money where a price is known."""
    spent = arm.summary.spent
    parts = [
        f"{numbers.count(number)} {kind}"
        for kind, number in (
            ("live", spent.requests_live),
            ("cached", spent.requests_cached),
            ("recorded", spent.requests_recorded),
        )
        if number
    ]
    requests = f"requests {', '.join(parts)}" if parts else "no requests"
    tokens = f"tokens {spent.prompt_tokens:,} in, {spent.completion_tokens:,} out"
    price = "price unknown"
    if spent.cost_low_usd is not None:
        price = numbers.money_range(spent.cost_low_usd, spent.cost_high_usd)
    return f"{requests}; {tokens}; {price}{_judges_words(spent)}"


def _judges_words(spent: Spent) -> str:
    """What judging took, if anybody judged."""
    if not spent.judge_requests:
        return ""
    tokens = f"tokens {spent.judge_prompt_tokens:,} in, {spent.judge_completion_tokens:,} out"
    words = f"; judges: requests {numbers.count(spent.judge_requests)}, {tokens}"
    if spent.judge_cost_usd is None:
        return words
    return f"{words}, {numbers.money_range(spent.judge_cost_usd, spent.judge_cost_usd)}"


def answered_words(metric: MetricSummary, medium: Medium) -> str:
    """What leaving failures out would say, or what was measured where no bound is known."""
    if metric.value_answered is None:
        return ""
    told = numbers.value(metric.value_answered, metric.scale, medium)
    if not isinstance(metric.estimate, Estimate):
        return f"measured {told}"
    if told == numbers.value(metric.estimate.value, metric.scale, medium):
        return ""
    return f"{told} with failures left out"


def in_order(metrics: Mapping[str, MetricSummary], gated: Sequence[str]) -> list[str]:
    """Metrics as people ask for them: gated ones, quality, then cost, time, tokens and the rest."""
    rank = {"fraction": 0, "points": 0, "plain": 0, "usd": 1, "seconds": 2, "tokens": 3, "count": 4}
    place = {name: index for index, name in reversed(list(enumerate(gated)))}

    def key(name: str) -> tuple[int, int, bool]:
        """Sort key: gated metrics first, then by scale and direction."""
        metric = metrics[name]
        lower = metric.direction == "lower"
        return place.get(name, len(gated)), rank.get(metric.scale, 5), lower

    return sorted(metrics, key=key)
