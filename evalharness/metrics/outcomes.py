"""Outcome metrics: how asking went, failures included.

Reads: Asked records.  Gives: rows (value, 1).
Depends on: base.  Latency, cost and tokens of a failure are unknown, not zero: such a sample is
unscored, and `error_rate` counts it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from evalharness.contracts import MetricKind, Scale
from evalharness.metrics.base import Judged, OutcomeMetric, QuantileMetric
from evalharness.records import Asked, Completion, Failed, Sample, Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array

_NO_LATENCY: Final = Unscored(reason="the answer's latency is not recorded")
_NO_TTFT: Final = Unscored(reason="the time to the first token is not recorded")
_NO_COST: Final = Unscored(reason="the answer's cost is not known")
_NO_USAGE: Final = Unscored(reason="the answer's tokens are not recorded")
_NO_FINISH: Final = Unscored(reason="why the answer ended is not recorded")

REFUSAL_OPENINGS: Final = (
    "i'm sorry, but i can",
    "i'm sorry, but i'm",
    "i'm sorry, i can",
    "i am sorry, but i can",
    "sorry, but i can",
    "sorry, i can't",
    "i cannot help with",
    "i can't help with",
    "i cannot assist",
    "i can't assist",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i am not able to",
    "i cannot provide",
    "i can't provide",
    "i won't be able to",
    "as an ai language model, i can",
    "as an ai, i can",
)
"""How refusals in prose begin; compared after lower-casing and straightening apostrophes."""


def failed(outcome: Failed) -> Unscored:
    """The judgement of a failure, where a failure has no number."""
    return Unscored(reason=f"no answer: {outcome.kind}")


class _Rate(OutcomeMetric):
    """A share of outcomes: 0 is best, 1 is worst."""

    kind: MetricKind = "binary"


class ErrorRate(_Rate):
    """The share of requests without an answer, of whatever kind of failure."""

    name = "error_rate"
    independent = True  # a request fails on the wire, whatever content it shares with others

    def value(self, asked: Asked) -> Judged:
        """1 for a failure."""
        return 1.0 if isinstance(asked.outcome, Failed) else 0.0

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Asked
        """1 for every failure; every run is scored by this metric, so it costs little."""
        return [1.0 if isinstance(asked.outcome, Failed) else 0.0 for asked in items]


class UnparsedRate(_Rate):
    """The share of answers in which `extract` found nothing."""

    name = "unparsed_rate"

    def value(self, asked: Asked) -> Judged:
        """1 where nothing was found; unscored for a failure."""
        if isinstance(asked.outcome, Failed):
            return failed(asked.outcome)
        return 1.0 if asked.unparsed else 0.0


class TruncationRate(_Rate):
    """The share of answers that ended at the token limit."""

    name = "truncation_rate"

    def value(self, asked: Asked) -> Judged:
        """1 for `finish: length`; unscored for a failure and where the reason is unknown."""
        if isinstance(asked.outcome, Failed):
            return failed(asked.outcome)
        finish = asked.outcome.completion.finish
        if finish == "unknown":
            return _NO_FINISH
        return 1.0 if finish == "length" else 0.0


class RefusalRate(_Rate):
    """The share of requests that the model or the provider's filter refused.

    Counted: failures by refusal or content filter, answers that a filter ended, and answers that
    begin with one of REFUSAL_OPENINGS (English).
    """

    name = "refusal_rate"

    def value(self, asked: Asked) -> Judged:
        """1 for a refusal; unscored for other failures."""
        if isinstance(asked.outcome, Failed):
            refused = asked.outcome.kind in ("refusal", "content_filter")
            return 1.0 if refused else failed(asked.outcome)
        completion = asked.outcome.completion
        if completion.finish == "filtered":
            return 1.0
        opening = completion.text[:200].lstrip().replace("\u2019", "'").lower()
        return 1.0 if opening.startswith(REFUSAL_OPENINGS) else 0.0


def latency_s(completion: Completion) -> Judged:
    """Seconds from the request to the whole answer."""
    return _NO_LATENCY if completion.latency_s is None else completion.latency_s


def ttft_s(completion: Completion) -> Judged:
    """Seconds from the request to the first token."""
    return _NO_TTFT if completion.ttft_s is None else completion.ttft_s


class _Amount(OutcomeMetric):
    """A mean of what answers took: time, money, tokens.

    most: what takes longer, or more, counts as that much: a deadline, a limit of tokens.  A ratio
    of such means has a bound on what no sample has shown; without it one is assumed.
    """

    def __init__(self, *, most: float | None = None) -> None:
        if most is not None and not (isinstance(most, (int, float)) and 0.0 < most < math.inf):
            raise ValueError(f"most must be a number above 0; got {most!r}")
        super().__init__(*(() if most is None else (f"most:{most:g}",)))
        self.range = (0.0, None if most is None else float(most))

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:  # noqa: ARG002
        """None: a failure took no known time; `error_rate` counts it."""
        return None

    def amount(self, completion: Completion) -> Judged:
        """What one answer took."""
        raise NotImplementedError

    def value(self, asked: Asked) -> Judged:
        """What an answer took; unscored for a failure."""
        if isinstance(asked.outcome, Failed):
            return failed(asked.outcome)
        amount = self.amount(asked.outcome.completion)
        most = self.range[1]
        return amount if most is None or isinstance(amount, Unscored) else min(amount, most)


class LatencyMean(_Amount):
    """Mean seconds from the request to the whole answer."""

    name = "latency_mean_s"
    scale: Scale = "seconds"

    def amount(self, completion: Completion) -> Judged:
        """Seconds."""
        return latency_s(completion)


class CostUsd(_Amount):
    """Mean US dollars a request."""

    name = "cost_usd"
    scale: Scale = "usd"

    def amount(self, completion: Completion) -> Judged:
        """US dollars."""
        return _NO_COST if completion.cost_usd is None else completion.cost_usd


class PromptTokens(_Amount):
    """Mean tokens of the prompt, as billed."""

    name = "prompt_tokens"
    scale: Scale = "tokens"

    def amount(self, completion: Completion) -> Judged:
        """Tokens."""
        return _NO_USAGE if completion.usage is None else float(completion.usage.prompt_tokens)


class CompletionTokens(_Amount):
    """Mean tokens of the answer, as billed."""

    name = "completion_tokens"
    scale: Scale = "tokens"

    def amount(self, completion: Completion) -> Judged:
        """Tokens."""
        return _NO_USAGE if completion.usage is None else float(completion.usage.completion_tokens)


class _Latency(QuantileMetric):
    """A quantile of the latency."""

    scale: Scale = "seconds"

    def value(self, asked: Asked) -> Judged:
        """Seconds; unscored for a failure."""
        if isinstance(asked.outcome, Failed):
            return failed(asked.outcome)
        return latency_s(asked.outcome.completion)


class LatencyP50(_Latency):
    """Median seconds from the request to the whole answer."""

    name = "latency_p50_s"
    quantile = 0.5


class LatencyP95(_Latency):
    """95th percentile of seconds from the request to the whole answer."""

    name = "latency_p95_s"
    quantile = 0.95


class LatencyP99(_Latency):
    """99th percentile of seconds from the request to the whole answer."""

    name = "latency_p99_s"
    quantile = 0.99


class _Ttft(QuantileMetric):
    """A quantile of the time to the first token."""

    scale: Scale = "seconds"

    def value(self, asked: Asked) -> Judged:
        """Seconds; unscored for a failure."""
        if isinstance(asked.outcome, Failed):
            return failed(asked.outcome)
        return ttft_s(asked.outcome.completion)


class TtftP50(_Ttft):
    """Median seconds from the request to the first token."""

    name = "ttft_p50_s"
    quantile = 0.5


class TtftP95(_Ttft):
    """95th percentile of seconds from the request to the first token."""

    name = "ttft_p95_s"
    quantile = 0.95
