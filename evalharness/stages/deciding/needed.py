"""needed: what would decide an open gate, planned for equal arms: samples, repeats, tokens, money.

Reads: a measured effect, the gate, the pairing.  Gives: further units or why none helps; advice.
Depends on: effects, stats.exact_power, stats.power, stats.unseen.  Never plans from the observed
effect: an interval that is still too wide says nothing about where the truth lies.  The spread is
taken at its upper 80 % bound (Browne 1995 on pilot variances).
Sources: exact sums over the trinomial for right/wrong (Tango 1998); n = (z_a + z_b)^2 v / margin^2
with what n units may have missed for the rest; Miller (2024), eq. 9, for repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalharness.results import GateRow
from evalharness.spec.gates import threshold
from evalharness.spec.suite import GateSpec
from evalharness.stages.deciding.claims import Claim
from evalharness.stages.deciding.effects import Measured
from evalharness.stages.pairing import Pairing
from evalharness.stats.binary import PairedBinary
from evalharness.stats.mean import MeanEffect
from evalharness.stats.ratio import RatioOfMeans
from evalharness.stats.special import normal_quantile

if TYPE_CHECKING:
    from evalharness.contracts import Array
    from evalharness.stats.power import Clustering

MOST_UNITS = 10_000_000
"""Beyond this a number is no advice."""
EXACT_UNITS = 20_000
"""Right/wrong gates up to this size are planned by adding up every table."""
MOST_REPEATS = 32


def further_units(
    measured: Measured, gate: GateSpec, claims: tuple[Claim, ...], *, alpha: float, power: float
) -> tuple[int | None, str | None]:
    """(units still needed, None), or (None, why no number of units would do).

    Planned for equal arms: a true difference of 0, a true ratio of 1; for an absolute bar the
    target is half way between the bar and the best value.
    """
    total, why = units_in_all(measured, gate, claims, alpha=alpha, power=power)
    if total is None:
        return None, why
    missing = total - measured.effect.n
    if missing <= 0:
        return None, (
            "there are enough samples for equal arms: the arms differ by about the margin, "
            "and only a much larger set would tell"
        )
    return missing, None


def units_in_all(
    measured: Measured,
    gate: GateSpec,
    claims: tuple[Claim, ...],
    *,
    alpha: float,
    power: float,
    gain: float = 0.0,
) -> tuple[int | None, str | None]:
    """(units that the gate takes from the first on, None), or (None, why no number would do).

    gain: how much better than equal the candidate is planned to be, in the metric's units; for
    differences only, 0 for equal arms.
    """
    planned = _planned(gate, measured)
    if measured.form == "difference" and gain:
        planned = gain if claims[0].side == "above" else -gain
    distances = [abs(claim.theta - planned) for claim in claims]
    if not all(_holds(claim, planned) for claim in claims) or min(distances) == 0.0:
        return None, _unreachable(gate)
    if measured.unit_variance is None:
        return None, "too little data to say how many more samples are needed"
    distance = min(distances)
    if measured.form == "ratio":
        distance = abs(math.log(min(claim.theta for claim in claims)))
    total = _total(measured, claims, distance, alpha=alpha, power=power)
    if total > MOST_UNITS:
        return None, "no data set of a sensible size would decide it; widen the margin"
    return math.ceil(total), None


def _total(
    measured: Measured, claims: tuple[Claim, ...], distance: float, *, alpha: float, power: float
) -> float:
    """Units in all, by the kind of evidence; both sides of an equivalence take half the misses."""
    from evalharness.stats.exact_power import n_tango
    from evalharness.stats.power import n_bounded_mean, n_paired_mean, n_ratio

    variance = measured.unit_variance or 0.0
    aimed = power if len(claims) == 1 else (1.0 + power) / 2.0
    spread = math.sqrt(max(variance, 1e-12))
    plain = n_paired_mean(distance, spread, alpha=alpha, power=aimed)
    effect = measured.effect
    if isinstance(effect, PairedBinary) and plain <= EXACT_UNITS:
        return n_tango(distance, min(1.0, variance), alpha=alpha, power=aimed)
    if isinstance(effect, MeanEffect) and measured.bounded is not None and plain <= MOST_UNITS:
        least = -measured.bounded
        return n_bounded_mean(
            distance, spread, low=least, alpha=alpha, power=aimed, clusters=_clustering(effect)
        )
    if isinstance(effect, RatioOfMeans) and effect.means[0] > 0.0 and plain <= MOST_UNITS:
        return n_ratio(
            math.exp(distance),
            spread,
            extreme=max(1.0, effect.extremes[0] / effect.means[0]),
            alpha=alpha,
            power=aimed,
            clusters=_clustering(effect),
        )
    if measured.form == "value" and measured.bounded is not None:
        z = normal_quantile(1.0 - alpha) + normal_quantile(power)
        return max(plain, z * z / distance * min(1.0, measured.bounded) / 2.0)
    return plain


def _clustering(effect: MeanEffect | RatioOfMeans) -> Clustering | None:
    """How the units of an effect come in clusters; more of them come in the same way."""
    from evalharness.stats.power import Clustering

    if not effect.clustered:
        return None
    if isinstance(effect, RatioOfMeans):
        return Clustering(effect.n / effect.n_clusters, effect.n / effect.n_clusters)
    return Clustering(effect.n / (effect.df + 1.0), effect.n / effect.n_effective)


def _planned(gate: GateSpec, measured: Measured) -> float:
    """The truth that is planned for, in the effect's units."""
    if gate.test in ("max_ratio", "min_ratio"):
        return 1.0
    if gate.test in ("at_most", "at_least"):
        best = measured.best if measured.best is not None else 0.0
        return (threshold(gate) + best) / 2.0
    return 0.0


def _holds(claim: Claim, truth: float) -> bool:
    return truth > claim.theta if claim.side == "above" else truth < claim.theta


def _unreachable(gate: GateSpec) -> str:
    if gate.test in ("max_ratio", "min_ratio"):
        return f"equal arms never reach a ratio of {threshold(gate):g}; more samples do not help"
    if gate.test == "superiority":
        return "equal arms never pass a superiority gate; only a better candidate does"
    return "the bar is the best value there is; no sample size shows that it is kept"


# --- what that takes -------------------------------------------------------------------------


def advice(
    pairing: Pairing, gate: GateSpec, missing: int, *, alpha: float, power: float
) -> tuple[str, ...]:
    """Where to add them, what they take, and whether repeats would do instead."""
    told = [] if gate.slice is None else [f"all of them in the slice {gate.slice}"]
    told += _price(pairing, missing)
    repeats = repeats_instead(pairing, gate, alpha=alpha, power=power)
    if repeats is not None:
        told.append(repeats)
    return tuple(told)


def beyond_this_set(rows: Sequence[GateRow]) -> list[GateRow]:
    """The rows of runs over the whole set: what needs more samples is not reachable with it."""
    import msgspec

    told = "not reachable with this data set: every sample in it was used"
    return [
        msgspec.structs.replace(row, advice=(told, *row.advice)) if row.n_more else row
        for row in rows
    ]


def _price(pairing: Pairing, missing: int) -> list[str]:
    """Tokens and dollars of so many more units in both arms, where they are known."""
    tables = (pairing.baseline, pairing.candidate)
    parts = []
    for labels, form in (
        (("prompt_tokens", "completion_tokens"), "about {:,.0f} tokens"),
        (("cost_usd",), "about ${:,.2f}"),
    ):
        means = [
            float(metric.rows_nk[metric.answered_n, 0].mean())
            for table in tables
            for label in labels
            if (metric := table.metrics.get(label)) is not None and metric.answered_n.any()
        ]
        if len(means) == len(tables) * len(labels):
            parts.append(form.format(missing * sum(means)))
    return [f"they take {' and '.join(parts)} over both arms"] if parts else []


def repeats_instead(pairing: Pairing, gate: GateSpec, *, alpha: float, power: float) -> str | None:
    """How many repeats of the present samples would decide it, or that none would."""
    if gate.test != "non_inferiority" or gate.margin is None:
        return None
    spreads = repeat_spreads(pairing, gate.metric)
    if spreads is None:
        return None
    between, within, samples = spreads
    z = normal_quantile(1.0 - alpha) + normal_quantile(power)
    room = samples * gate.margin**2 / (z * z) - between
    if room <= 0.0:
        return "more repeats of the present samples would not decide it: the samples differ"
    repeats = math.ceil(within / room)
    if repeats > MOST_REPEATS:
        return "more repeats of the present samples would hardly help"
    return f"or {repeats} repeats of each present sample instead of more samples"


def repeat_spreads(pairing: Pairing, label: str) -> tuple[float, float, int] | None:
    """(variance between samples, within one repeat, samples) of the paired difference.

    None without repeats.  The variance between is what is left of the means' own after the share
    of the repeats is taken off (Miller 2024), at least 0.
    """
    import numpy as np

    left, right = pairing.baseline.metrics[label], pairing.candidate.metrics[label]
    at_left, at_right = pairing.baseline_p, pairing.candidate_p
    keep = left.scored_n[at_left] & right.scored_n[at_right]
    if right.columns.kind not in ("binary", "continuous") or right.columns.sees == "groups":
        return None
    ours = _values(right.rows_nk[at_right[keep]])
    gains = ours - _values(left.best_nk[at_left[keep]])
    _, member, counts = np.unique(
        pairing.candidate.sample_n[at_right[keep]], return_inverse=True, return_counts=True
    )
    repeats = int(counts.min()) if len(counts) else 0
    if repeats < 2 or len(counts) < 2:
        return None
    means = np.bincount(member, weights=gains) / counts
    within = float(((gains - means[member]) ** 2).sum() / (counts - 1).sum())
    between = max(0.0, float(means.var(ddof=1)) - within / float(counts.mean()))
    return between, within, len(counts)


def _values(rows_nk: Array) -> Array:
    return rows_nk[:, 0] / rows_nk[:, 1]
