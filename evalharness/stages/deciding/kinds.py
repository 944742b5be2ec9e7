"""kinds: a metric's rows -> an Effect, by the metric's kind.

Reads: aligned rows of two arms, or one arm's rows.  Gives: `difference`, `ratio`, `one_arm`.
Depends on: stats (one file a kind, imported when a metric of that kind comes up), catalog.

| kind | difference | ratio | one arm |
|---|---|---|---|
| binary | Tango's score interval | log-ratio of means | Clopper-Pearson |
| mixed clusters, continuous | cautious t (see stats.mean) | log-ratio of means | t |
| count, corpus | paired bootstrap of sums | the same, of the ratio | bootstrap |
| ordered, refit | paired bootstrap of weights | the same, of the ratio | order statistics |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalharness.catalog import make_metric
from evalharness.stages.pairing import PairedRows
from evalharness.store.marks import MetricColumns

if TYPE_CHECKING:
    import numpy as np

    from evalharness.contracts import Array, Metric, Words
    from evalharness.stats.inference import Effect
    from evalharness.stats.moments import Codes

MEAN_KINDS = frozenset({"binary", "continuous"})
WEIGHTED_KINDS = frozenset({"ordered", "refit"})


def plain_value(columns: MetricColumns, rows_nk: Array) -> float | None:
    """The metric's value on rows, by its own reduction; None where they do not determine it."""
    import numpy as np

    if len(rows_nk) == 0:
        return None
    if columns.kind in MEAN_KINDS:
        return float(rows_nk[:, 0].sum() / rows_nk[:, 1].sum())
    metric = metric_of(columns)
    if columns.kind in WEIGHTED_KINDS:
        value = float(metric.reduce_weighted(rows_nk, np.broadcast_to(1.0, (1, len(rows_nk))))[0])
    else:
        value = float(metric.reduce(rows_nk.sum(axis=0)))
    return value if np.isfinite(value) else None


def metric_of(columns: MetricColumns) -> Metric:
    """The metric that made the rows."""
    return make_metric(columns.name, dict(columns.options), where="marks.jsonl")


def width_of(columns: MetricColumns) -> float | None:
    """The width of the metric's range, None where it is unbounded."""
    if columns.low is None or columns.high is None:
        return None
    return columns.high - columns.low


def codes_of(clusters: Words) -> Codes:
    """Clusters numbered 0..G-1."""
    from evalharness.stats.moments import cluster_codes

    return cluster_codes(clusters)


def _pair_codes(columns: MetricColumns, rows: PairedRows) -> Codes | None:
    """Which pairs belong together; None where each stands alone."""
    return codes_of(rows.cluster_p) if rows.clustered and not columns.independent else None


def means(rows_pk: Array) -> Array:
    """Each row's own value, for kinds whose rows are (value, weight); a view where all weigh 1."""
    values, weights = rows_pk[:, 0], rows_pk[:, 1]
    return values if (weights == 1.0).all() else values / weights


def _are_marks(*rows: Array) -> bool:
    """Whether all values are 0 or 1: no means over repeats that differ."""
    return all(bool(((values == 0.0) | (values == 1.0)).all()) for values in map(means, rows))


def difference(columns: MetricColumns, rows: PairedRows, seed: int) -> Effect:
    """Candidate - baseline."""
    codes = _pair_codes(columns, rows)
    if columns.kind == "binary" and _are_marks(rows.candidate_pk, rows.baseline_pk):
        from evalharness.stats.marks import paired_marks_effect

        return paired_marks_effect(
            means(rows.candidate_pk), means(rows.baseline_pk), clusters=codes
        )
    if columns.kind in MEAN_KINDS:
        from evalharness.stats.mean import mean_effect

        width = width_of(columns)
        return mean_effect(
            means(rows.candidate_pk) - means(rows.baseline_pk),
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
        metric_of(columns).reduce,
        rng=_generator(seed),
        clusters=codes,
        value_range=(columns.low, columns.high),
    )


def ratio(columns: MetricColumns, rows: PairedRows, seed: int) -> Effect:
    """Candidate / baseline."""
    codes = _pair_codes(columns, rows)
    if columns.kind in MEAN_KINDS:
        from evalharness.stats.ratio import UNSEEN_FACTOR, UNSEEN_STALL, ratio_effect

        return ratio_effect(
            means(rows.candidate_pk),
            means(rows.baseline_pk),
            clusters=codes,
            unseen=UNSEEN_STALL if columns.scale == "seconds" else UNSEEN_FACTOR,
            most=columns.high,
        )
    if columns.kind in WEIGHTED_KINDS:
        return _weighted(columns, rows, codes, seed, form="ratio")
    from evalharness.stats.weighted import corpus_ratio_effect

    return corpus_ratio_effect(
        rows.candidate_pk,
        rows.baseline_pk,
        metric_of(columns).reduce,
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

    metric = metric_of(columns)
    quantile = getattr(metric, "quantile", None)
    if quantile is not None and form == "ratio":
        return quantile_ratio_effect(
            means(rows.candidate_pk),
            means(rows.baseline_pk),
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


def one_arm(columns: MetricColumns, rows_nk: Array, codes: Codes | None, seed: int) -> Effect:
    """One arm's value."""
    if columns.kind == "binary" and _are_marks(rows_nk):
        from evalharness.stats.marks import marks_effect

        return marks_effect(means(rows_nk), clusters=codes)
    if columns.kind in MEAN_KINDS:
        from evalharness.stats.mean import mean_effect

        return mean_effect(means(rows_nk), low=columns.low, high=columns.high, clusters=codes)
    if columns.kind in WEIGHTED_KINDS:
        return _one_arm_weighted(columns, rows_nk, codes, seed)
    from evalharness.stats.corpus import corpus_effect

    return corpus_effect(
        rows_nk,
        metric_of(columns).reduce,
        rng=_generator(seed),
        clusters=codes,
        value_range=(columns.low, columns.high),
    )


def _one_arm_weighted(
    columns: MetricColumns, rows_nk: Array, codes: Codes | None, seed: int
) -> Effect:
    """A quantile by its order statistics, anything else by weights."""
    metric = metric_of(columns)
    quantile = getattr(metric, "quantile", None)
    if quantile is not None:
        from evalharness.stats.quantile import quantile_effect

        return quantile_effect(means(rows_nk), quantile, rng=_generator(seed), clusters=codes)
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
