"""What BLEU, chrF and TER share: sacrebleu's statistics, extracted once a segment.

Reads: answers and references.  Gives: rows of sacrebleu's segment statistics.
Depends on: base; sacrebleu, imported when a metric is made.

References stand by sample here; sacrebleu wants streams (all first references, all second ones),
a layout in which a mistake is silent, so nothing of it can be seen from outside this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evalharness.contracts import MetricKind, Rows, Scale
from evalharness.metrics.base import NO_TARGET, RowMetric
from evalharness.records import Sample

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric

    from evalharness.contracts import Array


class SacrebleuRows(RowMetric):
    """A corpus metric whose rows are sacrebleu's segment statistics.

    engine: the configured sacrebleu metric.  options: sacrebleu's signature without the number of
    references, which is the samples' and not the metric's; `signature_of` has it.
    """

    kind: MetricKind = "corpus"
    scale: Scale = "points"
    range: tuple[float | None, float | None] = (0.0, 100.0)

    def __init__(self, engine: SacrebleuMetric) -> None:
        self.engine = engine
        super().__init__(sacrebleu_signature(engine, 1).removeprefix("nrefs:1|"))

    def signature_of(self, samples: Iterable[Sample]) -> str:
        """Sacrebleu's own signature for these samples, `nrefs` included ("var" if they differ)."""
        counts = {len(sample.targets) for sample in samples if sample.targets}
        return sacrebleu_signature(self.engine, counts.pop() if len(counts) == 1 else -1)

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """One row of statistics a segment, [n, k]."""
        rows_nk = np.zeros((len(items), len(self.columns)))
        scored_n = np.ones(len(items), dtype=np.bool_)
        reasons: dict[int, str] = {}
        for index, item in enumerate(items):
            if item.sample.targets:
                rows_nk[index] = self.statistics(item.text, item.sample.targets)
            else:
                scored_n[index] = False
                reasons[index] = NO_TARGET.reason
        self.forget()
        return Rows(rows_nk, scored_n, reasons)

    def statistics(self, text: str, targets: Sequence[str]) -> Sequence[float]:
        """One segment's statistics by sacrebleu's own code."""
        engine = self.engine
        prepare = engine._preprocess_segment  # noqa: SLF001  (sacrebleu has no public row interface)
        information = engine._extract_reference_info(  # noqa: SLF001
            [prepare(target) for target in targets]
        )
        statistics: Sequence[float] = engine._compute_segment_statistics(  # noqa: SLF001
            prepare(text), information
        )
        return statistics

    def forget(self) -> None:
        """Empty sacrebleu's tokeniser caches, which keep 65,536 texts each for ever."""
        tokenizer = getattr(self.engine, "tokenizer", None)
        for step in (tokenizer, getattr(tokenizer, "_post_tokenizer", None)):
            clear = getattr(vars(type(step)).get("__call__"), "cache_clear", None)
            if clear is not None:
                clear()

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b] under weights [b, n]."""
        return self.reduce(weights_bn @ rows_nk)

    def reduce(self, sums: Array) -> Array:
        """Values [...] from sums [..., k]."""
        raise NotImplementedError

    def bounds(self, samples: Sequence[Sample]) -> tuple[Array, Array] | None:
        """Worst: an empty answer. Best: the first reference as the answer."""
        worst_nk = np.zeros((len(samples), len(self.columns)))
        best_nk = np.zeros_like(worst_nk)
        for index, sample in enumerate(samples):
            if sample.targets:
                worst_nk[index] = self.statistics("", sample.targets)
                best_nk[index] = self.statistics(sample.targets[0], sample.targets)
        self.forget()
        return worst_nk, best_nk


def sacrebleu_signature(engine: SacrebleuMetric, references: int) -> str:
    """Sacrebleu's signature of a configured metric for a number of references (-1: they differ)."""
    before = getattr(engine, "num_refs", None)
    engine.num_refs = references
    try:
        return str(engine.get_signature())
    finally:
        engine.num_refs = before


def elementwise(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A function of one float over arrays, one by one.

    numpy's own exp and log differ from the C library's in the last bit on some machines, and with
    it from sacrebleu's numbers; resampled sums are few enough for this to cost nothing.
    """
    over = np.frompyfunc(function, 1, 1)

    def apply(values: Array) -> Array:
        """The reduction as an array of floats."""
        return np.asarray(over(values), dtype=np.float64)

    return apply
