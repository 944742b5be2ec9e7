"""compare: paired runs -> one row a metric and slice: difference, interval, test; no verdict.

Reads: a Pairing.  Gives: ComparisonRows.
Depends on: effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.errors import PairingError, TooFewSamples
from evalharness.results import ComparisonRow
from evalharness.spec.judges import ABOUT_JUDGES
from evalharness.spec.suite import Suite
from evalharness.stages.deciding.effects import Measured, bounded, paired_effect
from evalharness.stages.deciding.integrity import two_ways
from evalharness.stages.deciding.kinds import difference, plain_value
from evalharness.stages.pairing import Failures, Pairing, pair, paired_rows
from evalharness.stages.standings.economy import cost_per_correct
from evalharness.stats.multiplicity import benjamini_hochberg
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MetricColumns

MOST_SLICES = 50


def compare_tables(
    pairing: Pairing, *, suite: Suite, names: tuple[str, str], seed: int
) -> list[ComparisonRow]:
    """Every metric that both runs have, whole; those of answers by slice too; what a right answer
    costs, where costs are known.

    names: (baseline, candidate).  Raises PairingError where the runs share nothing, or asked
    different questions under the same ids.
    """
    check_pairable(pairing, names)
    labels = [label for label in pairing.candidate.metrics if label in pairing.baseline.metrics]
    metrics = pairing.candidate.metrics
    sliced = [label for label in labels if is_sliced(metrics[label].columns)]
    wanted: list[tuple[str, str | None]] = [(label, None) for label in labels]
    for name in list(pairing.candidate.slices)[:MOST_SLICES]:
        wanted += [(label, name) for label in sliced]
    rows = [
        _row(pairing, label, slice_name, suite=suite, names=names, seed=seed)
        for label, slice_name in wanted
    ]
    right = cost_per_correct(pairing, suite=suite, names=names, seed=seed)
    return adjusted(rows if right is None else [*rows, right])


def is_sliced(columns: MetricColumns) -> bool:
    """Whether a metric is told slice by slice: it tells of answers, not of calls or of judges."""
    return columns.sees != "outcomes" and columns.name not in ABOUT_JUDGES


def adjusted(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The rows with what Benjamini-Hochberg leaves of their p-values: slices and whole apart."""
    import msgspec

    told = list(rows)
    for sliced in (False, True):
        places = [
            place
            for place, row in enumerate(told)
            if row.p_value is not None and (row.slice is not None) == sliced
        ]
        q_values = benjamini_hochberg([told[place].p_value or 0.0 for place in places])
        for place, q_value in zip(places, q_values, strict=True) if len(places) > 1 else ():
            told[place] = msgspec.structs.replace(told[place], q_value=q_value)
    return told


def check_pairable(pairing: Pairing, names: tuple[str, str]) -> None:
    """Raise PairingError unless the runs answered the same questions."""
    baseline, candidate = names
    if not len(pairing):
        raise PairingError(
            f"{baseline} and {candidate} share no sample",
            where=f"{pairing.baseline.path.parent} and {pairing.candidate.path.parent}",
            mend="run both over the same held-out file",
        )
    if pairing.changed:
        raise PairingError(
            f"{pairing.changed} of {len(pairing)} samples have other content in {baseline} than "
            f"in {candidate}",
            where=f"{pairing.baseline.path.parent} and {pairing.candidate.path.parent}",
            mend="the ids are equal but the questions are not: run both over the same file",
        )


def _row(
    pairing: Pairing,
    label: str,
    slice_name: str | None,
    *,
    suite: Suite,
    names: tuple[str, str],
    seed: int,
) -> ComparisonRow:
    columns = pairing.candidate.metrics[label].columns
    other = pairing.baseline.metrics[label].columns
    alpha = suite.policy.alpha
    counted: Measured | TooFewSamples | None = None
    reason = None
    if columns.signature != other.signature:
        reason = two_ways(label, (other.signature, columns.signature), names)
    else:
        counted = bounded(_measured(pairing, label, slice_name, "against_candidate", seed), alpha)
        if isinstance(counted, TooFewSamples):
            reason = counted.message
    row = _empty_row(columns, slice_name, suite=suite, names=names, reason=reason)
    if not isinstance(counted, Measured):
        return row if counted is None else _with_values(row, pairing)
    filled = _filled(row, counted, _answered(pairing, label, slice_name, seed), alpha=alpha)
    return _with_best(filled, pairing, seed) if slice_name is None else filled


def _with_best(row: ComparisonRow, pairing: Pairing, seed: int) -> ComparisonRow:
    """The row with the other extreme of its failures: candidate's best, baseline's worst."""
    import msgspec

    if row.difference_answered is None:
        return row
    columns = pairing.candidate.metrics[row.metric].columns
    turned = paired_rows(
        pair(pairing.candidate, pairing.baseline),
        row.metric,
        slice_name=None,
        failures="against_candidate",
    )
    best = replace(turned, baseline_pk=turned.candidate_pk, candidate_pk=turned.baseline_pk)
    try:
        effect = difference(columns, best, derive_seed(seed, "compare", row.metric, ""))
        upper = effect.bounds((1.0 - row.level) / 2.0).upper
    except TooFewSamples:
        return row
    return msgspec.structs.replace(row, best_difference=effect.value, best_upper=upper)


def _with_values(row: ComparisonRow, pairing: Pairing) -> ComparisonRow:
    """Both arms' values where no interval can be given."""
    import msgspec

    rows = paired_rows(pairing, row.metric, slice_name=row.slice, failures="against_candidate")
    columns = pairing.candidate.metrics[row.metric].columns
    return msgspec.structs.replace(
        row,
        candidate=plain_value(columns, rows.candidate_pk),
        baseline_value=plain_value(columns, rows.baseline_pk),
        n=len(rows),
    )


def _filled(
    row: ComparisonRow, measured: Measured, answered: float | None, *, alpha: float
) -> ComparisonRow:
    import msgspec

    effect = measured.effect
    bounds = effect.bounds(alpha)
    return msgspec.structs.replace(
        row,
        candidate=measured.candidate,
        baseline_value=measured.baseline,
        difference=effect.value,
        lower=bounds.lower,
        upper=bounds.upper,
        p_value=effect.p_different(0.0),
        method=effect.method,
        n=effect.n,
        n_clusters=effect.n_clusters,
        difference_answered=answered,
        wins=measured.wins,
        losses=measured.losses,
        ties=measured.ties,
        reason=effect.refusal,
    )


def _empty_row(
    columns: MetricColumns,
    slice_name: str | None,
    *,
    suite: Suite,
    names: tuple[str, str],
    reason: str | None,
) -> ComparisonRow:
    return ComparisonRow(
        suite=suite.name,
        baseline=names[0],
        candidate_arm=names[1],
        metric=columns.label,
        slice=slice_name,
        candidate=None,
        baseline_value=None,
        difference=None,
        lower=None,
        upper=None,
        level=1.0 - 2.0 * suite.policy.alpha,
        p_value=None,
        method="none",
        n=0,
        n_clusters=0,
        scale=columns.scale,
        direction=columns.direction,
        signature=columns.signature,
        reason=reason,
    )


def _measured(
    pairing: Pairing, label: str, slice_name: str | None, failures: Failures, seed: int
) -> Measured | TooFewSamples:
    try:
        return paired_effect(
            pairing,
            label,
            slice_name=slice_name,
            failures=failures,
            form="difference",
            seed=seed,
        )
    except TooFewSamples as error:
        return error


def _answered(pairing: Pairing, label: str, slice_name: str | None, seed: int) -> float | None:
    """The difference with the failures of either arm left out; None where nothing failed."""
    if not pairing.baseline.failed_n.any() and not pairing.candidate.failed_n.any():
        return None
    measured = _measured(pairing, label, slice_name, "left_out", seed)
    return measured.effect.value if isinstance(measured, Measured) else None
