"""acquaint: metrics meet the held-out set before the first answer is measured.

Reads: a Source, as often as a metric needs it.  Gives: signatures over the set, and advice.
Depends on: contracts.  Measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from evalharness.contracts import Advising, Metric, Preparing, SignedBySamples, Source
from evalharness.records import Sample

LOOKED_AT = 200
"""Samples that advice is based on, the first of the set."""


def acquaint(metrics: Sequence[Metric], source: Source | Sequence[Sample]) -> tuple[str, ...]:
    """Prepare the metrics that need the whole set, and gather what all have to say of it.

    Raises DataError for a wrong line of the set.
    """
    for metric in metrics:
        if isinstance(metric, Preparing):
            metric.prepare(source)
    samples = list(islice(source, LOOKED_AT))
    said = [
        words
        for metric in metrics
        if isinstance(metric, Advising)
        for words in metric.advice(samples)
    ]
    return tuple(dict.fromkeys(said))


def signature_over(metric: Metric, source: Source) -> str:
    """The metric's signature, with what it says of the set's samples where it has more to say."""
    if isinstance(metric, SignedBySamples):
        return f"{metric.name}|{metric.signature_of(source)}|v{metric.version}"
    return metric.signature
