"""ranking: several arms of one suite -> who is told apart from whom, and who is dominated.

Reads: the MarkTables of three or more arms, the policy.  Gives: Rankings and a Front.
Depends on: kinds, pairing, stats.multiplicity.
Every pair of arms is tested on the same samples; p-values take Holm's correction over the pairs,
intervals Bonferroni's, so that all of them hold at once.  An arm's rank is the range that these
tests leave open.  A failed answer counts as the worst value for either arm of a pair.
Sources: Holm (1979); Piepho (2004) for the letters; Al Mohamad, Goeman & van Zwet (2022),
"Simultaneous confidence intervals for ranks", for ranks from pairwise tests.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evalharness.errors import TooFewSamples
from evalharness.spec.suite import Policy
from evalharness.stages.deciding.integrity import same_sitting
from evalharness.stages.deciding.kinds import difference, plain_value, ratio
from evalharness.stages.pairing import PairedRows, Pairing, pair, paired_rows
from evalharness.standings import Front, FrontArm, PairRow, RankedArm, Ranking
from evalharness.stats.inference import two_sided
from evalharness.stats.multiplicity import holm
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MarkTable, MetricColumns

if TYPE_CHECKING:
    from evalharness.stats.inference import Effect

RATIO_SCALES: Final = frozenset({"usd", "seconds", "tokens"})
DIFFERENCE_TESTS: Final = frozenset({"non_inferiority", "superiority", "equivalence"})
MOST_METRICS: Final = 3
"""Metrics of answers that are ranked where no gate names one."""
MOST_ARMS: Final = 16
"""Arms beyond this are not ranked: 120 pairs are the most that a page can tell."""

Tables = Mapping[str, MarkTable]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two arms on one metric.

    effect: first against second; None where both arms have the very same values.
    """

    first: str
    second: str
    effect: Effect | None
    n: int


def stand(
    suite: str, tables: Tables, policy: Policy, *, alpha: float, seed: int
) -> tuple[tuple[Ranking, ...], Front | None]:
    """The arms on every gated metric of quality, on cost and waiting; and who is dominated.

    tables: arm -> marks over the same samples.  Nothing below three arms and above MOST_ARMS; no
    front below two axes.
    """
    if not 3 <= len(tables) <= MOST_ARMS:
        return (), None
    quality = quality_metrics(tables, policy)
    compared: dict[str, list[Compared]] = {}
    for label in (*quality, *_priced(tables, policy)):
        pairs = compare_all(tables, label, seed=seed)
        if pairs is not None:
            compared[label] = pairs
    ranked = tuple(
        _ranking(suite, tables, label, pairs, alpha) for label, pairs in compared.items()
    )
    axes = [label for label in compared if label not in quality[1:]]
    if len(axes) < 2 or axes[0] not in quality:
        return ranked, None
    return ranked, _front(suite, tables, policy, {axis: compared[axis] for axis in axes}, alpha)


def _front(
    suite: str,
    tables: Tables,
    policy: Policy,
    compared: Mapping[str, Sequence[Compared]],
    alpha: float,
) -> Front:
    """Every ordered pair of arms: does the one beat the other, after Holm over the pairs?"""
    columns = {axis: _columns(tables, axis) for axis in compared}
    margins = {axis: _margin(policy, columns[axis]) for axis in compared}
    ordered = list(itertools.permutations(tables, 2))
    p_values = [
        _p_dominates(
            [(columns[axis], _of(pairs, *two), margins[axis]) for axis, pairs in compared.items()]
        )
        for two in ordered
    ]
    adjusted = dict(zip(ordered, holm(p_values), strict=True))
    return Front(
        suite=suite,
        axes=tuple(compared),
        margins=tuple(margins.values()),
        alpha=alpha,
        arms=tuple(
            FrontArm(
                arm=arm,
                dominated_by=tuple(
                    other for other in tables if other != arm and adjusted[other, arm] < alpha
                ),
            )
            for arm in tables
        ),
    )


# --- which metrics ---------------------------------------------------------------------------


def quality_metrics(tables: Tables, policy: Policy) -> list[str]:
    """Gated metrics of answers that every arm has; the suite's first ones without gates."""
    shared = [label for label in _shared(tables) if _columns(tables, label).sees != "outcomes"]
    gated = dict.fromkeys(
        gate.metric
        for gate in policy.gates
        if gate.role != "diagnostic" and gate.test in DIFFERENCE_TESTS
    )
    chosen = [label for label in gated if label in shared]
    return chosen or shared[:MOST_METRICS]


def _priced(tables: Tables, policy: Policy) -> list[str]:
    """Cost, and waiting as the policy measures it, where all arms have them comparably."""
    shared = _shared(tables)
    gated = [gate for gate in policy.gates if gate.metric in shared]
    allowed = {gate.metric for gate in gated if gate.recorded == "allowed"}
    waits = [g.metric for g in gated if _columns(tables, g.metric).scale == "seconds"]
    waiting = (*waits, "latency_mean_s")[:1]
    names = [name for name in ("cost_usd", *waiting) if name in shared]
    return [name for name in names if name in allowed or _comparable(tables)]


def _comparable(tables: Tables) -> bool:
    """Whether all answers were taken in one sitting."""
    arms = list(tables.values())
    return all(same_sitting(pair(arms[0], arm), relative=True) is None for arm in arms[1:])


def _shared(tables: Tables) -> list[str]:
    """Metrics that every arm has, computed in one way, in the first arm's order."""
    first, *others = tables.values()
    return [
        label
        for label, metric in first.metrics.items()
        if metric.scored_n.any()
        and all(
            label in other.metrics
            and other.metrics[label].columns.signature == metric.columns.signature
            and other.metrics[label].scored_n.any()
            for other in others
        )
    ]


def _columns(tables: Tables, label: str) -> MetricColumns:
    return next(iter(tables.values())).metrics[label].columns


# --- all pairs -------------------------------------------------------------------------------


def compare_all(tables: Tables, label: str, *, seed: int) -> list[Compared] | None:
    """Every pair of arms on one metric; None where one of them cannot be compared."""
    columns = _columns(tables, label)
    found = []
    for first, second in itertools.combinations(tables, 2):
        rows = both_worst(tables[first], tables[second], label)
        if len(rows) == 0:
            return None
        if (rows.candidate_pk == rows.baseline_pk).all():
            found.append(Compared(first, second, None, len(rows)))
            continue
        own = derive_seed(seed, "ranking", label)
        as_ratio = columns.scale in RATIO_SCALES
        try:
            effect = (ratio if as_ratio else difference)(columns, rows, own)
            effect.bounds(0.05)
        except TooFewSamples:
            return None
        found.append(Compared(first, second, effect, len(rows)))
    return found


def both_worst(first: MarkTable, second: MarkTable, label: str) -> PairedRows:
    """Aligned rows in which a failure of either arm counts as its worst value.

    first takes the candidate's place.
    """
    ours = _rows(pair(second, first), label)
    theirs = _rows(pair(first, second), label)
    return PairedRows(
        baseline_pk=theirs.candidate_pk,
        candidate_pk=ours.candidate_pk,
        cluster_p=ours.cluster_p,
        clustered=ours.clustered,
        repeated=ours.repeated,
        left_out=ours.left_out,
        wanted=ours.wanted,
    )


def _rows(pairing: Pairing, label: str) -> PairedRows:
    return paired_rows(pairing, label, slice_name=None, failures="against_candidate")


def _ranking(
    suite: str, tables: Tables, label: str, compared: Sequence[Compared], alpha: float
) -> Ranking:
    columns = _columns(tables, label)
    same = 1.0 if columns.scale in RATIO_SCALES else 0.0
    adjusted = holm([_p_different(one.effect, same) for one in compared])
    apart = {
        frozenset((one.first, one.second)): p < alpha
        for one, p in zip(compared, adjusted, strict=True)
    }
    values = {arm: _value(tables, arm, label) for arm in tables}
    sign = -1.0 if columns.direction == "higher" else 1.0
    order = sorted(tables, key=lambda arm: (values[arm] is None, sign * (values[arm] or 0.0)))
    letters = letters_of(order, apart)
    return Ranking(
        suite=suite,
        metric=label,
        scale=columns.scale,
        direction=columns.direction,
        alpha=alpha,
        n=min(one.n for one in compared),
        ratio=columns.scale in RATIO_SCALES,
        arms=tuple(
            RankedArm(
                arm=arm,
                value=values[arm],
                best_rank=1 + _beaten(arm, order[: order.index(arm)], apart),
                worst_rank=len(order) - _beaten(arm, order[order.index(arm) + 1 :], apart),
                letters=letters[arm],
            )
            for arm in order
        ),
        pairs=tuple(
            _pair_row(one, p, alpha / len(compared), same)
            for one, p in zip(compared, adjusted, strict=True)
        ),
    )


def _value(tables: Tables, arm: str, label: str) -> float | None:
    """An arm's own value, failures as worst."""
    metric = tables[arm].metrics[label]
    return plain_value(metric.columns, metric.rows_nk[metric.scored_n])


def _beaten(arm: str, others: Sequence[str], apart: Mapping[frozenset[str], bool]) -> int:
    """How many of these are told apart from the arm."""
    return sum(apart[frozenset((arm, other))] for other in others)


def _p_different(effect: Effect | None, same: float) -> float:
    if effect is None or effect.refusal is not None:
        return 1.0
    return two_sided(effect.p_greater(same), effect.p_less(same))


def _pair_row(one: Compared, p_value: float, alpha: float, same: float) -> PairRow:
    if one.effect is None:
        return PairRow(
            first=one.first,
            second=one.second,
            difference=same,
            lower=same,
            upper=same,
            p_value=1.0,
        )
    bounds = one.effect.bounds(alpha / 2.0)
    return PairRow(
        first=one.first,
        second=one.second,
        difference=one.effect.value,
        lower=bounds.lower,
        upper=bounds.upper,
        p_value=p_value,
    )


def letters_of(order: Sequence[str], apart: Mapping[frozenset[str], bool]) -> dict[str, str]:
    """Compact letters: two arms share one exactly where they are not told apart.

    order: the arms, best first.  One letter a largest set of arms that are not told apart.

    >>> letters_of("xyz", {frozenset("xy"): False, frozenset("yz"): False, frozenset("xz"): True})
    {'x': 'a', 'y': 'ab', 'z': 'b'}
    """
    tied = {
        arm: {other for other in order if other != arm and not apart[frozenset((arm, other))]}
        for arm in order
    }
    sets = sorted(
        _largest(set(), set(order), set(), tied),
        key=lambda members: sorted(order.index(arm) for arm in members),
    )
    names = [*string.ascii_lowercase, *(f"({number})" for number in range(27, 27 + len(sets)))]
    return {
        arm: "".join(name for name, members in zip(names, sets, strict=False) if arm in members)
        for arm in order
    }


def _largest(
    chosen: set[str], open_: set[str], closed: set[str], tied: Mapping[str, set[str]]
) -> list[frozenset[str]]:
    """All largest sets of arms in which every two are tied (Bron & Kerbosch 1973)."""
    if not open_ and not closed:
        return [frozenset(chosen)]
    found: list[frozenset[str]] = []
    for arm in sorted(open_):
        found += _largest(chosen | {arm}, open_ & tied[arm], closed & tied[arm], tied)
        open_ = open_ - {arm}
        closed = closed | {arm}
    return found


# --- dominance -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """A pair's effect, and whether it is turned round: (second, first) was asked for."""

    effect: Effect | None
    turned: bool


def _of(compared: Sequence[Compared], better: str, worse: str) -> _Seen:
    for one in compared:
        if (one.first, one.second) == (better, worse):
            return _Seen(one.effect, turned=False)
        if (one.second, one.first) == (better, worse):
            return _Seen(one.effect, turned=True)
    raise KeyError((better, worse))


def _margin(policy: Policy, columns: MetricColumns) -> float:
    """What counts as no worse on an axis, by the policy; nothing by default."""
    for gate in policy.gates:
        if gate.metric != columns.label or gate.slice is not None:
            continue
        if gate.test == "non_inferiority" and gate.margin is not None:
            return gate.margin
        if gate.test == "max_ratio" and gate.ratio is not None and gate.ratio > 1.0:
            return gate.ratio
    return 1.0 if columns.scale in RATIO_SCALES else 0.0


def _p_dominates(axes: Sequence[tuple[MetricColumns, _Seen, float]]) -> float:
    """P of "not dominated": some axis is worse, or none is better (intersection-union)."""
    worse: list[float] = []
    better: list[float] = []
    for columns, seen, margin in axes:
        if seen.effect is None:
            continue  # the very same values: no worse for certain, and not better
        if seen.effect.refusal is not None:
            return 1.0
        same = 1.0 if columns.scale in RATIO_SCALES else 0.0
        worse.append(_p_beyond(columns, seen, margin))
        better.append(_p_beyond(columns, seen, same))
    if not better:
        return 1.0
    return max(*worse, min(1.0, len(better) * min(better)))


def _p_beyond(columns: MetricColumns, seen: _Seen, margin: float) -> float:
    """P of "the better arm is worse than the margin allows" on one axis."""
    effect = seen.effect
    if effect is None:
        return 1.0
    if columns.scale in RATIO_SCALES:  # less is better
        return effect.p_greater(1.0 / margin) if seen.turned else effect.p_less(margin)
    higher = (columns.direction == "higher") != seen.turned
    return effect.p_greater(-margin) if higher else effect.p_less(margin)
