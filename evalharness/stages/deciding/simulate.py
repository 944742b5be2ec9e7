"""simulate: what a policy would say if the truth were known, on data of the same shape.

Reads: a Pairing (of real runs, a pilot, or made from assumptions), the policy.
Gives: how often each state and each gate's PASS comes up under a stated truth.
Depends on: kinds, claims, verdict's Holm rule.
Arms are made equal by swapping them cluster by cluster at random, which keeps how the data varies
and makes the true difference 0; a truth of one's own is put on top by shifting the candidate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.errors import TooFewSamples
from evalharness.records import VerdictState
from evalharness.spec.gates import RELATIVE_TESTS, threshold
from evalharness.spec.suite import GateSpec, Policy
from evalharness.stages.deciding.claims import Claim, Decision, claims_of, decide_claims
from evalharness.stages.deciding.kinds import MEAN_KINDS, codes_of, difference, one_arm, ratio
from evalharness.stages.pairing import PairedRows, Pairing, slice_mask
from evalharness.stats.multiplicity import holm
from evalharness.store.marks import MetricColumns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalharness.contracts import Array, Mask, Words

    Index = NDArray[np.intp]

UNDECIDED = Decision("INCONCLUSIVE", 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class GateShape:
    """One gate's rows on all pairs: [p, k] each, and which pairs have them."""

    gate: GateSpec
    columns: MetricColumns
    alpha: float
    baseline_pk: Array
    candidate_pk: Array
    usable_p: Mask


@dataclass(frozen=True, slots=True)
class Shape:
    """The deciding gates of a policy on one set of pairs.

    pairs: every pair, cluster by cluster.  starts_c, sizes_c: where each cluster's pairs begin
    among them, and how many they are.  clustered: whether clusters were declared or repeats made.
    """

    gates: tuple[GateShape, ...]
    pairs: Index
    starts_c: Index
    sizes_c: Index
    clustered: bool
    alpha: float

    @property
    def n(self) -> int:
        """Pairs."""
        return len(self.pairs)

    @property
    def n_clusters(self) -> int:
        """Clusters; as many as pairs where none were declared."""
        return len(self.starts_c)


@dataclass(frozen=True, slots=True)
class Simulated:
    """Shares over the draws: of each state, and of each gate's PASS and FAIL."""

    draws: int
    states: Mapping[VerdictState, float]
    passes: tuple[float, ...]
    fails: tuple[float, ...]

    @property
    def ready(self) -> float:
        """The share of READY."""
        return self.states.get("READY", 0.0)


def shape_of(pairing: Pairing, policy: Policy) -> Shape:
    """A pairing's rows for every gate of a policy that decides."""
    import numpy as np

    table = pairing.candidate
    clusters = table.cluster_n[pairing.candidate_p]
    codes = codes_of(clusters)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    gates = tuple(
        _gate_shape(pairing, gate, gate.alpha or policy.alpha)
        for gate in policy.gates
        if gate.role != "diagnostic" and gate.metric in table.metrics
    )
    return Shape(
        gates=gates,
        pairs=order,
        starts_c=starts,
        sizes_c=sizes,
        clustered=table.clustered,
        alpha=policy.alpha,
    )


def _gate_shape(pairing: Pairing, gate: GateSpec, alpha: float) -> GateShape:
    left, right = pairing.baseline.metrics[gate.metric], pairing.candidate.metrics[gate.metric]
    usable = left.scored_n[pairing.baseline_p] & right.scored_n[pairing.candidate_p]
    if gate.slice is not None:
        usable = usable & slice_mask(pairing.candidate, gate.slice)[pairing.candidate_p]
    return GateShape(
        gate=gate,
        columns=right.columns,
        alpha=alpha,
        baseline_pk=left.best_nk[pairing.baseline_p],
        candidate_pk=right.rows_nk[pairing.candidate_p],
        usable_p=usable,
    )


def boundary(gate: GateSpec, columns: MetricColumns) -> float:
    """The truth at which a gate is just not fulfilled: the worst that must rarely get READY."""
    claims = claims_of(gate, columns.direction)
    return claims[0].theta


def simulate(
    shape: Shape,
    truths: Mapping[int, float],
    *,
    n: int | None = None,
    draws: int,
    rng: np.random.Generator,
) -> Simulated:
    """Draw data sets of n pairs (as many as there are, if None) and judge each.

    truths: gate number -> the true difference, ratio or value; the others are equal arms.
    """
    import numpy as np

    states: Counter[VerdictState] = Counter()
    outcomes = np.zeros((len(shape.gates), 2))
    count = max(1, round(shape.n_clusters * (n or shape.n) / shape.n))
    for _ in range(draws):
        chosen = rng.integers(0, shape.n_clusters, size=count)
        drawn = _resample(shape, chosen, rng.random(count) < 0.5)
        decisions = [
            _decide(one, drawn, truths.get(number), rng, shape.clustered)
            for number, one in enumerate(shape.gates)
        ]
        for number, decision in enumerate(decisions):
            outcomes[number] += (decision.outcome == "PASS", decision.outcome == "FAIL")
        states[_state(shape, decisions)] += 1
    shares = outcomes / draws
    return Simulated(
        draws=draws,
        states={state: hits / draws for state, hits in states.items()},
        passes=tuple(float(share) for share in shares[:, 0]),
        fails=tuple(float(share) for share in shares[:, 1]),
    )


@dataclass(frozen=True, slots=True)
class _Sampled:
    """Pairs drawn, the draw that each belongs to, and whether its arms are swapped."""

    pairs: Index
    labels: Words
    swapped: Mask


def _resample(shape: Shape, chosen: Index, swapped: Mask) -> _Sampled:
    import numpy as np

    sizes = shape.sizes_c[chosen]
    ends = np.cumsum(sizes)
    within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
    return _Sampled(
        pairs=shape.pairs[np.repeat(shape.starts_c[chosen], sizes) + within],
        labels=np.repeat(np.arange(len(chosen), dtype=np.uint64), sizes),
        swapped=np.repeat(swapped, sizes),
    )


def _decide(
    one: GateShape,
    drawn: _Sampled,
    truth: float | None,
    rng: np.random.Generator,
    clustered: bool,  # noqa: FBT001 - a property of the data
) -> Decision:
    import numpy as np

    keep = one.usable_p[drawn.pairs]
    pairs, swapped = drawn.pairs[keep], drawn.swapped[keep][:, None]
    if len(pairs) == 0:
        return UNDECIDED
    candidate = np.where(swapped, one.baseline_pk[pairs], one.candidate_pk[pairs])
    baseline = np.where(swapped, one.candidate_pk[pairs], one.baseline_pk[pairs])
    claims = claims_of(one.gate, one.columns.direction)
    if truth is not None:
        if one.columns.kind in MEAN_KINDS:
            candidate = shifted(one, candidate, baseline, truth, rng)
        else:
            claims = _moved(claims, truth, ratios=one.gate.test in ("max_ratio", "min_ratio"))
    rows = PairedRows(
        baseline_pk=baseline,
        candidate_pk=candidate,
        cluster_p=drawn.labels[keep],
        clustered=clustered,
        repeated=False,
        left_out=0,
        wanted=len(pairs),
    )
    seed = int(rng.integers(1 << 62))
    try:
        if one.gate.test not in RELATIVE_TESTS:
            codes = None
            if clustered and not one.columns.independent:
                codes = codes_of(rows.cluster_p)
            effect = one_arm(one.columns, candidate, codes, seed)
        elif one.gate.test in ("max_ratio", "min_ratio"):
            effect = ratio(one.columns, rows, seed)
        else:
            effect = difference(one.columns, rows, seed)
        return decide_claims(effect, claims, one.alpha)
    except TooFewSamples:
        return UNDECIDED


def _moved(claims: tuple[Claim, ...], truth: float, *, ratios: bool) -> tuple[Claim, ...]:
    """Equal arms held against claims moved by the truth: the same question, for kinds whose rows
    cannot be shifted.
    """
    return tuple(
        Claim(claim.side, claim.theta / truth if ratios else claim.theta - truth)
        for claim in claims
    )


def shifted(
    one: GateShape, candidate: Array, baseline: Array, truth: float, rng: np.random.Generator
) -> Array:
    """The candidate's rows, moved so that the gate's number is `truth` on average.

    Right/wrong rows are flipped at random; bounded scores are drawn towards an end of their range,
    so that they stay inside it; others are moved or scaled.
    """
    import numpy as np

    values = candidate[:, 0] / candidate[:, 1]
    mean, other = float(values.mean()), float((baseline[:, 0] / baseline[:, 1]).mean())
    test = one.gate.test
    if test in ("max_ratio", "min_ratio"):
        target = truth * other
    elif test in ("at_most", "at_least"):
        target = truth
    else:
        target = mean + truth
    low, high = one.columns.low, one.columns.high
    if one.columns.kind == "binary":
        target = min(1.0, max(0.0, target))
        if target <= mean:
            lost = 1.0 - target / mean if mean > 0.0 else 0.0
            moved = np.where(rng.random(len(values)) < lost, 0.0, values)
        else:
            gained = (target - mean) / (1.0 - mean)
            moved = np.where(rng.random(len(values)) < gained, 1.0, values)
    elif target < mean and low is not None and mean > low:
        moved = low + (values - low) * max(0.0, (target - low) / (mean - low))
    elif target > mean and high is not None and mean < high:
        moved = high - (high - values) * max(0.0, (high - target) / (high - mean))
    else:
        moved = values + (target - mean)
    return np.column_stack([moved * candidate[:, 1], candidate[:, 1]])


def _state(shape: Shape, decisions: Sequence[Decision]) -> VerdictState:
    """The verdict's rule on decisions; see `verdict.verdict`."""
    scaled = [
        min(1.0, decision.p_fail * shape.alpha / one.alpha)
        for one, decision in zip(shape.gates, decisions, strict=True)
    ]
    for adjusted, decision in zip(holm(scaled), decisions, strict=True):
        if decision.outcome == "FAIL" and adjusted < shape.alpha:
            return "NOT_READY"
    if all(decision.outcome == "PASS" for decision in decisions):
        return "READY"
    return "INCONCLUSIVE"


def describe(one: GateShape) -> str:
    """A gate in words, for tables."""
    within = f" in {one.gate.slice}" if one.gate.slice else ""
    return f"{one.gate.metric}{within} {one.gate.test} {threshold(one.gate):g}"
