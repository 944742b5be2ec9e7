"""economy: what a right answer costs, with an interval on the ratio; when a machine pays.

Reads: a Pairing.  Gives: a ComparisonRow, or None where costs or right answers are not known; the
break-even of an arm that is paid by the hour against one that is paid by token.
Depends on: pairing, kinds, stats.weighted, clients.pricing.
A cheaper model that is wrong more often may be the dearer one: what is compared is all that was
paid over all that was right, (sum of cost / sum of right answers), over pairs that both answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from evalharness.errors import TooFewSamples
from evalharness.records import Estimate
from evalharness.results import ComparisonRow, MetricSummary
from evalharness.spec.suite import PriceSpec, Suite
from evalharness.stages.deciding.kinds import codes_of
from evalharness.stages.pairing import Pairing
from evalharness.standings import BreakEvenRow
from evalharness.store.keys import derive_seed

if TYPE_CHECKING:
    from evalharness.contracts import Array, Words

COST: Final = "cost_usd"
NAME: Final = "cost_per_correct"


def cost_per_correct(
    pairing: Pairing, *, suite: Suite, names: tuple[str, str], seed: int
) -> ComparisonRow | None:
    """US dollars for each right answer of both arms, and candidate / baseline.

    names: (baseline, candidate).  Right is what the first gated binary metric says, or, without
    one, the suite's first; None where there is none, or where one arm has no price.
    """
    label = right_by(pairing, suite)
    if label is None:
        return None
    candidate, baseline, groups = _rows(pairing, label)
    if not len(candidate):
        return None
    row = ComparisonRow(
        suite=suite.name,
        baseline=names[0],
        candidate_arm=names[1],
        metric=NAME,
        slice=None,
        candidate=_each(candidate),
        baseline_value=_each(baseline),
        difference=None,
        lower=None,
        upper=None,
        level=1.0 - 2.0 * suite.policy.alpha,
        p_value=None,
        method="ratio",
        n=len(candidate),
        n_clusters=len(candidate),
        scale="usd",
        direction="lower",
        signature=f"{NAME}|{label}",
    )
    return _with_ratio(row, (candidate, baseline, groups), suite.policy.alpha, seed)


def break_even(
    suite: str, names: tuple[str, str], cost: MetricSummary | None, price: PriceSpec | None
) -> BreakEvenRow | None:
    """From how many requests an hour the candidate's machine is cheaper than the baseline's tokens.

    names: (baseline, candidate).  cost: the baseline's mean, US dollars a request.  price: the
    candidate's.  None where it is not paid by the hour, or where the mean is not known or 0;
    without bounds where the mean has none.
    """
    from evalharness.clients.pricing import break_even_of, break_even_requests_per_hour

    if cost is None or price is None or price.usd_per_hour is None:
        return None
    bounded = cost.estimate if isinstance(cost.estimate, Estimate) else None
    mean = cost.value_answered if bounded is None else bounded.value
    requests = None if mean is None else break_even_requests_per_hour(price.usd_per_hour, mean)
    if mean is None or requests is None:
        return None
    found = None if bounded is None else break_even_of(bounded, price.usd_per_hour)
    return BreakEvenRow(
        suite=suite,
        baseline=names[0],
        candidate_arm=names[1],
        usd_per_hour=price.usd_per_hour,
        usd_per_request=mean,
        requests_per_hour=requests,
        lower_per_hour=None if found is None else found.lower_per_hour,
        upper_per_hour=None if found is None else found.upper_per_hour,
        level=None if found is None else found.level,
    )


def right_by(pairing: Pairing, suite: Suite) -> str | None:
    """The binary metric that says which answers are right; None where there is none."""
    known = pairing.candidate.metrics
    if COST not in known or COST not in pairing.baseline.metrics:
        return None
    gated = [gate.metric for gate in suite.policy.gates]
    for label in [*gated, *(metric.key for metric in suite.metrics)]:
        if label in known and label in pairing.baseline.metrics:
            columns = known[label].columns
            if (columns.kind, columns.sees, columns.direction) == ("binary", "answers", "higher"):
                return label
    return None


def _rows(pairing: Pairing, label: str) -> tuple[Array, Array, Words]:
    """(cost, right) of both arms' pairs, [n, 2] each, and what is no independent evidence."""
    import numpy as np

    sides = []
    keep = np.ones(len(pairing), dtype=np.bool_)
    for table, at in (
        (pairing.candidate, pairing.candidate_p),
        (pairing.baseline, pairing.baseline_p),
    ):
        cost, right = table.metrics[COST], table.metrics[label]
        keep &= cost.answered_n[at] & right.answered_n[at] & ~table.failed_n[at]
        sides.append(np.column_stack([cost.rows_nk[at, 0], right.rows_nk[at, 0]]))
    table = pairing.candidate
    groups = (table.cluster_n if table.clustered else table.sample_n)[pairing.candidate_p]
    return sides[0][keep], sides[1][keep], groups[keep]


def _each(rows_pk: Array) -> float | None:
    """Dollars for each right answer; None where none is right."""
    cost, right = rows_pk.sum(axis=0)
    return float(cost / right) if right > 0 else None


def _with_ratio(
    row: ComparisonRow, sides: tuple[Array, Array, Words], alpha: float, seed: int
) -> ComparisonRow:
    """The row with candidate / baseline and its bounds, or with the reason why there is none."""
    import numpy as np

    from evalharness.stats.weighted import corpus_ratio_effect

    candidate, baseline, groups = sides
    if row.candidate is None or row.baseline_value is None or row.baseline_value == 0:
        reason = "no right answer, or no cost, to divide by"
        return msgspec.structs.replace(row, reason=reason)
    grouped = len(np.unique(groups)) < len(groups)
    try:
        effect = corpus_ratio_effect(
            candidate,
            baseline,
            each_right,
            rng=np.random.default_rng(derive_seed(seed, "compare", NAME)),
            clusters=codes_of(groups) if grouped else None,
        )
        bounds = effect.bounds(alpha)
    except TooFewSamples as error:
        return msgspec.structs.replace(row, reason=error.message)
    return msgspec.structs.replace(
        row,
        difference=effect.value,
        lower=bounds.lower,
        upper=bounds.upper,
        method=effect.method if "ratio" in effect.method else f"ratio, {effect.method}",
        n_clusters=effect.n_clusters,
        reason=effect.refusal,
    )


def each_right(sums: Array) -> Array:
    """Cost over right answers of sums [..., 2]; NaN where none is right."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)
