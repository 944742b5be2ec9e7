"""effects: one gate's or comparison's evidence, with what planning needs.

Reads: a Pairing, or one arm's MarkTable.  Gives: `Measured` effects.
Depends on: kinds (rows -> Effect), pairing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalharness.errors import TooFewSamples
from evalharness.spec.gates import RELATIVE_TESTS
from evalharness.spec.suite import GateSpec
from evalharness.stages.deciding.kinds import (
    MEAN_KINDS,
    codes_of,
    difference,
    means,
    one_arm,
    plain_value,
    ratio,
    width_of,
)
from evalharness.stages.pairing import Failures, PairedRows, Pairing, arm_rows, paired_rows
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MarkTable, MetricColumns

if TYPE_CHECKING:
    from evalharness.stats.inference import Effect

Form = Literal["difference", "ratio", "value"]
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
        difference(columns, rows, rng_seed)
        if form == "difference"
        else ratio(columns, rows, rng_seed)
    )
    wins, losses, ties = _counts(columns, rows)
    return Measured(
        effect=effect,
        form=form,
        candidate=plain_value(columns, rows.candidate_pk),
        baseline=plain_value(columns, rows.baseline_pk),
        unit_variance=_unit_variance(effect, form),
        best=columns.high if columns.direction == "higher" else columns.low,
        bounded=width_of(columns),
        wins=wins,
        losses=losses,
        ties=ties,
    )


def gate_effect(
    pairing: Pairing, gate: GateSpec, failures: Failures, seed: int
) -> Measured | TooFewSamples:
    """What a gate is judged on: a difference, a ratio, or the candidate's own value; or why not."""
    label, within = gate.metric, gate.slice
    try:
        if gate.test in RELATIVE_TESTS:
            form: Literal["difference", "ratio"] = (
                "ratio" if gate.test in ("max_ratio", "min_ratio") else "difference"
            )
            return paired_effect(
                pairing, label, slice_name=within, failures=failures, form=form, seed=seed
            )
        return absolute_effect(
            pairing.candidate, label, slice_name=within, failures=failures, seed=seed
        )
    except TooFewSamples as error:
        return error


Points = tuple[float | None, float | None, float | None]
"""The candidate's value, the baseline's, and what the gate speaks of; None where undetermined."""


def points(pairing: Pairing, gate: GateSpec, failures: Failures) -> Points:
    """The values that a gate speaks of, where no interval can be given for them."""
    label, within = gate.metric, gate.slice
    columns = pairing.candidate.metrics[label].columns
    if gate.test not in RELATIVE_TESTS:
        rows, _ = arm_rows(pairing.candidate, label, slice_name=within, failures=failures)
        value = plain_value(columns, rows)
        return value, None, value
    pairs = paired_rows(pairing, label, slice_name=within, failures=failures)
    candidate = plain_value(columns, pairs.candidate_pk)
    baseline = plain_value(columns, pairs.baseline_pk)
    if candidate is None or baseline is None:
        return candidate, baseline, None
    if gate.test not in ("max_ratio", "min_ratio"):
        return candidate, baseline, candidate - baseline
    return candidate, baseline, candidate / baseline if baseline > 0.0 else None


def bounded(measured: Measured | TooFewSamples, alpha: float) -> Measured | TooFewSamples:
    """The evidence, or why no bound exists at this alpha (one call of two hours among fifty)."""
    if isinstance(measured, Measured):
        try:
            measured.effect.bounds(alpha)
        except TooFewSamples as error:
            return error
    return measured


def absolute_effect(
    table: MarkTable, label: str, *, slice_name: str | None, failures: Failures, seed: int
) -> Measured:
    """One arm's value of one metric. Raises TooFewSamples where nothing can be said."""
    columns = table.metrics[label].columns
    rows, clusters = arm_rows(table, label, slice_name=slice_name, failures=failures)
    if len(rows) == 0:
        raise TooFewSamples(f"no sample has a value of {label}")
    seed = derive_seed(seed, "estimate", label, slice_name or "")
    codes = None if clusters is None or columns.independent else codes_of(clusters)
    value = plain_value(columns, rows)
    effect = one_arm(columns, rows, codes, seed)
    return Measured(
        effect=effect,
        form="value",
        candidate=value,
        baseline=None,
        unit_variance=_unit_variance(effect, "value"),
        best=columns.high if columns.direction == "higher" else columns.low,
        bounded=width_of(columns),
    )


def _unit_variance(effect: Effect, form: Form) -> float | None:
    """Upper 80 % bound of the variance of one unit, for planning; None where it cannot be told."""
    from evalharness.stats.binary import PairedBinary
    from evalharness.stats.intervals import Proportion, wilson_interval
    from evalharness.stats.mean import MeanEffect
    from evalharness.stats.unseen import unseen_share

    if isinstance(effect, PairedBinary):
        return wilson_interval(effect.gain + effect.loss, effect.n, level=0.6).upper
    if isinstance(effect, Proportion):
        within = wilson_interval(effect.successes, effect.n, level=0.6)
        rate = min(max(0.5, within.lower), within.upper)
        return rate * (1.0 - rate)
    if isinstance(effect, MeanEffect):
        inflated = 1.0 + 0.84 * math.sqrt(2.0 / max(1, effect.n_clusters - 1))
        width = (effect.high or 0.0) - (effect.low or 0.0)
        unseen = unseen_share(effect.n_effective, 0.2) * width * width / effect.n_effective
        return max(effect.se_jackknife**2 * inflated, unseen) * effect.n
    try:
        bounds = effect.bounds(ONE_SIGMA)
    except TooFewSamples:
        return None
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
    gained = means(rows.candidate_pk) - means(rows.baseline_pk)
    up, down = int((gained > 0).sum()), int((gained < 0).sum())
    wins, losses = (up, down) if columns.direction == "higher" else (down, up)
    return wins, losses, len(rows) - up - down
