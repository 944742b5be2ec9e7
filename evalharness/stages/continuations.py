"""continuations: what a suite that asks for likelihoods has scored, sample by sample.

Reads: the suite's `ask`, samples, metrics.  Gives: how often a sample is asked, and with what.
Depends on: spec, contracts, records.
"""

from __future__ import annotations

from collections.abc import Iterable

from evalharness.contracts import Client, Metric
from evalharness.errors import DataError, SpecError, UsageError
from evalharness.records import Sample
from evalharness.spec.suite import Suite

LIKELIHOODS = frozenset({"logprobs", "prompt_logprobs"})


def continuations(suite: Suite, sample: Sample) -> tuple[str, ...]:
    """The texts whose log-probabilities are asked for, by repeat; empty where answers are.

    Raises DataError for a sample that has none.
    """
    if suite.ask == "answer":
        return ()
    if suite.ask == "target":
        texts: Iterable[object] = sample.targets[:1]
        lacks = "has no target whose likelihood could be asked for"
    else:
        listed = sample.metadata.get("choices")
        texts = listed if isinstance(listed, list) else ()
        lacks = "has no `choices` whose likelihoods could be asked for"
    found = tuple(text for text in texts if isinstance(text, str) and text)
    if not found or len(found) != len(list(texts)):
        raise DataError(
            f"sample '{sample.id}' {lacks}",
            mend="give it a `target`, a text that is not empty"
            if suite.ask == "target"
            else 'give it "metadata": {"choices": ["...", "..."]}, texts that are not empty',
        )
    return found


def repeats_of(suite: Suite, sample: Sample) -> int:
    """How often a sample is asked: `generation.repeats`, or once a choice. Raises DataError."""
    return len(continuations(suite, sample)) or suite.generation.repeats


def check_scores(suite: Suite, client: Client) -> None:
    """Refuse a model that cannot say how likely a text is, where the suite asks for that.

    Raises UsageError.
    """
    able = client.capabilities.score or not client.capabilities.prompts  # a recording may hold them
    if suite.ask != "answer" and not able:
        name = f"{client.identity.provider}/{client.identity.model}"
        raise UsageError(
            f"{name} gives no likelihoods of a text that it is given",
            where=f"{suite.place}, ask: {suite.ask}",
            mend="ask hf/... or tinker/..., or a server with the client option score_by"
            " (openai/MODEL?score_by=echo&api=completions)",
        )


def check_ask(suite: Suite, metrics: Iterable[tuple[str, Metric]]) -> None:
    """Refuse what reads answers in a suite that asks for likelihoods of given texts.

    metrics: label and metric.  Raises SpecError.
    """
    if suite.ask == "answer":
        return
    place = f"{suite.place}, ask: {suite.ask}"
    if suite.generation.repeats != 1 or suite.extract is not None or suite.judges:
        raise SpecError(
            "a suite that asks for likelihoods has no repeats, no `extract` and no `judges`",
            where=place,
            mend="leave them out, or leave out `ask`",
        )
    for label, metric in metrics:
        if metric.sees != "outcomes" and not metric.needs & LIKELIHOODS:
            raise SpecError(
                f"metric '{label}' reads an answer, and this suite asks for none",
                where=place,
                mend="keep perplexity, bits_per_byte or choice_likelihood, or leave out `ask`",
            )
