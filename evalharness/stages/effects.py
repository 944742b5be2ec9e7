"""effects: rows of a metric -> one piece of evidence, by the metric's kind.

Reads: aligned rows of two arms, or one arm's.  Gives: `Measured` effects.
Depends on: stats (one file a kind, imported when a metric of that kind comes up), pairing, catalog.

| kind | difference | ratio | one arm |
|---|---|---|---|
| binary | Tango's score interval | log-ratio of means | Clopper-Pearson |
| binary in clusters or repeats, continuous | cautious t (see stats.mean) | log-ratio of means | t |
| count, corpus | paired bootstrap of sums | the same, of the ratio | bootstrap |
| ordered, refit | paired bootstrap of weights | the same, of the ratio | order statistics |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalharness.catalog import make_metric
from evalharness.errors import TooFewSamples
from evalharness.stages.pairing import Failures, PairedRows, Pairing, arm_rows, paired_rows
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MarkTable, MetricColumns

if TYPE_CHECKING:
    import numpy as np

    from evalharness.contracts import Array, Metric, Words
    from evalharness.stats.inference import Effect
    from evalharness.stats.moments import Codes

Form = Literal["difference", "ratio", "value"]
MEAN_KINDS = frozenset({"binary", "continuous"})
WEIGHTED_KINDS = frozenset({"ordered", "refit"})
ONE_SIGMA = 0.15865525393145707
"""The one-sided alpha whose bounds lie one standard error away (for a normal estimate)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An effect with what planning needs.

    candidate, baseline: each arm's own value (baseline None for one arm).
    unit_variance: upper 80 % bound of the variance that one unit contributes to the effect (of its
    logarithm for a ratio), None where it cannot be told.
    best: the best value of the metric.  bounded: the width of its range.
    wins, losses, ties: units on which the candidate's row is better, worse, equal.
    """

    effect: Effect
    form: Form
    candidate: float | None
    baseline: float | None
    unit_variance: float | None
    best: float | None
    bounded: float | None
    wins: int | None = None
    losses: int | None = None
    ties: int | None = None


def paired_effect(
    pairing: Pairing,
    label: str,
    *,
    slice_name: str | None,
    failures: Failures,
    form: Literal["difference", "ratio"],
    seed: int,
) -> Measured:
    """Candidate against baseline on one metric. Raises TooFewSamples where nothing can be said."""
    columns = pairing.candidate.metrics[label].columns
    rows = paired_rows(pairing, label, slice_name=slice_name, failures=failures)
    if len(rows) == 0:
        raise TooFewSamples(f"no pair has a value of {label} in both arms")
    rng_seed = derive_seed(seed, "compare", label, slice_name or "")
    effect = (
        _difference(columns, rows, rng_seed)
        if form == "difference"
        else _ratio(columns, rows, rng_seed)
    )
    wins, losses, ties = _counts(columns, rows)
    return Measured(
        effect=effect,
        form=form,
        candidate=plain_value(columns, rows.candidate_pk),
        baseline=plain_value(columns, rows.baseline_pk),
        unit_variance=_unit_variance(effect, form),
        best=columns.high if columns.direction == "higher" else columns.low,
        bounded=_width(columns),
        wins=wins,
        losses=losses,
        ties=ties,
    )


def absolute_effect(
    table: MarkTable, label: str, *, slice_name: str | None, failures: Failures, seed: int
) -> Measured:
    """One arm's value of one metric. Raises TooFewSamples where nothing can be said."""
    columns = table.metrics[label].columns
    rows, clusters, _ = arm_rows(table, label, slice_name=slice_name, failures=failures)
    if len(rows) == 0:
        raise TooFewSamples(f"no sample has a value of {label}")
    seed = derive_seed(seed, "estimate", label, slice_name or "")
    codes = _codes(clusters) if table.clustered and not columns.independent else None
    effect = _one_arm(columns, rows, codes, seed)
    return Measured(
        effect=effect,
        form="value",
        candidate=plain_value(columns, rows),
        baseline=None,
        unit_variance=_unit_variance(effect, "value"),
        best=columns.high if columns.direction == "higher" else columns.low,
        bounded=_width(columns),
    )


def plain_value(columns: MetricColumns, rows_nk: Array) -> float | None:
    """The metric's value on rows, by its own reduction; None where they do not determine it."""
    import numpy as np

    if len(rows_nk) == 0:
        return None
    if columns.kind in MEAN_KINDS:
        return float(rows_nk[:, 0].sum() / rows_nk[:, 1].sum())
    metric = _metric(columns)
    if columns.kind in WEIGHTED_KINDS:
        value = float(metric.reduce_weighted(rows_nk, np.ones((1, len(rows_nk))))[0])
    else:
        value = float(metric.reduce(rows_nk.sum(axis=0)))
    return value if np.isfinite(value) else None


def _metric(columns: MetricColumns) -> Metric:
    return make_metric(columns.name, dict(columns.options), where="marks.jsonl")


def _width(columns: MetricColumns) -> float | None:
    if columns.low is None or columns.high is None:
        return None
    return columns.high - columns.low


def _codes(clusters: Words) -> Codes:
    from evalharness.stats.moments import cluster_codes

    return cluster_codes(clusters)


def _pair_codes(columns: MetricColumns, rows: PairedRows) -> Codes | None:
    """Which pairs belong together; None where each stands alone."""
    return _codes(rows.cluster_p) if rows.clustered and not columns.independent else None


def _means(rows_pk: Array) -> Array:
    return rows_pk[:, 0] / rows_pk[:, 1]


def _difference(columns: MetricColumns, rows: PairedRows, seed: int) -> Effect:
    """Candidate - baseline."""
    codes = _pair_codes(columns, rows)
    if columns.kind == "binary" and codes is None and not rows.repeated:
        from evalharness.stats.binary import PairedBinary, paired_table

        table = paired_table(_means(rows.candidate_pk), _means(rows.baseline_pk))
        return PairedBinary(gain=table.gain, loss=table.loss, n=table.n)
    if columns.kind in MEAN_KINDS:
        from evalharness.stats.mean import mean_effect

        width = _width(columns)
        return mean_effect(
            _means(rows.candidate_pk) - _means(rows.baseline_pk),
            low=None if width is None else -width,
            high=width,
            clusters=codes,
        )
    if columns.kind in WEIGHTED_KINDS:
        return _weighted(columns, rows, codes, seed, form="difference")
    from evalharness.stats.corpus import paired_corpus_effect

    return paired_corpus_effect(
        rows.candidate_pk,
        rows.baseline_pk,
        _metric(columns).reduce,
        rng=_generator(seed),
        clusters=codes,
        value_range=(columns.low, columns.high),
    )


def _ratio(columns: MetricColumns, rows: PairedRows, seed: int) -> Effect:
    """Candidate / baseline."""
    codes = _pair_codes(columns, rows)
    if columns.kind in MEAN_KINDS:
        from evalharness.stats.ratio import ratio_effect

        return ratio_effect(_means(rows.candidate_pk), _means(rows.baseline_pk), clusters=codes)
    if columns.kind in WEIGHTED_KINDS:
        return _weighted(columns, rows, codes, seed, form="ratio")
    from evalharness.stats.weighted import corpus_ratio_effect

    return corpus_ratio_effect(
        rows.candidate_pk,
        rows.baseline_pk,
        _metric(columns).reduce,
        rng=_generator(seed),
        clusters=codes,
    )


def _weighted(
    columns: MetricColumns,
    rows: PairedRows,
    codes: Codes | None,
    seed: int,
    *,
    form: Literal["difference", "ratio"],
) -> Effect:
    """Metrics that are no function of sums, both arms under the same resamples."""
    from evalharness.stats.quantile import quantile_ratio_effect, require_tail
    from evalharness.stats.weighted import paired_weighted_effect

    metric = _metric(columns)
    quantile = getattr(metric, "quantile", None)
    if quantile is not None and form == "ratio":
        return quantile_ratio_effect(
            _means(rows.candidate_pk),
            _means(rows.baseline_pk),
            quantile,
            rng=_generator(seed),
            clusters=codes,
        )
    if quantile is not None:
        require_tail(len(rows), quantile)
    return paired_weighted_effect(
        rows.candidate_pk,
        rows.baseline_pk,
        metric.reduce_weighted,
        rng=_generator(seed),
        clusters=codes,
        form=form,
    )


def _one_arm(columns: MetricColumns, rows_nk: Array, codes: Codes | None, seed: int) -> Effect:
    """One arm's value."""
    if columns.kind == "binary" and codes is None:
        from evalharness.stats.intervals import proportion_of

        return proportion_of(_means(rows_nk))
    if columns.kind in MEAN_KINDS:
        from evalharness.stats.mean import mean_effect

        return mean_effect(_means(rows_nk), low=columns.low, high=columns.high, clusters=codes)
    if columns.kind in WEIGHTED_KINDS:
        return _one_arm_weighted(columns, rows_nk, codes, seed)
    from evalharness.stats.corpus import corpus_effect

    return corpus_effect(
        rows_nk,
        _metric(columns).reduce,
        rng=_generator(seed),
        clusters=codes,
        value_range=(columns.low, columns.high),
    )


def _one_arm_weighted(
    columns: MetricColumns, rows_nk: Array, codes: Codes | None, seed: int
) -> Effect:
    """A quantile by its order statistics, anything else by weights."""
    metric = _metric(columns)
    quantile = getattr(metric, "quantile", None)
    if quantile is not None:
        from evalharness.stats.quantile import quantile_effect

        return quantile_effect(_means(rows_nk), quantile, rng=_generator(seed), clusters=codes)
    from evalharness.stats.weighted import weighted_effect

    return weighted_effect(
        rows_nk,
        metric.reduce_weighted,
        rng=_generator(seed),
        clusters=codes,
        value_range=(columns.low, columns.high),
    )


def _generator(seed: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(seed)


def _unit_variance(effect: Effect, form: Form) -> float | None:
    """Upper 80 % bound of the variance of one unit, for planning; None where it cannot be told."""
    from evalharness.stats.binary import PairedBinary
    from evalharness.stats.intervals import Proportion, wilson_interval

    if isinstance(effect, PairedBinary):
        return wilson_interval(effect.gain + effect.loss, effect.n, level=0.6).upper
    if isinstance(effect, Proportion):
        rate = min(0.5, wilson_interval(effect.successes, effect.n, level=0.6).upper)
        return rate * (1.0 - rate)
    bounds = effect.bounds(ONE_SIGMA)
    if form == "ratio":
        if bounds.lower <= 0.0:
            return None
        half = (math.log(bounds.upper) - math.log(bounds.lower)) / 2.0
    else:
        half = bounds.width / 2.0
    inflated = 1.0 + 0.84 * math.sqrt(2.0 / max(1, effect.n_clusters - 1))
    return half * half * effect.n * inflated


def _counts(columns: MetricColumns, rows: PairedRows) -> tuple[int | None, int | None, int | None]:
    """Units on which the candidate is better, worse, equal."""
    if columns.kind not in MEAN_KINDS:
        return None, None, None
    difference = _means(rows.candidate_pk) - _means(rows.baseline_pk)
    up, down = int((difference > 0).sum()), int((difference < 0).sum())
    wins, losses = (up, down) if columns.direction == "higher" else (down, up)
    return wins, losses, len(rows) - up - down
