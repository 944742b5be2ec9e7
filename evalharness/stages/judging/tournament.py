"""tournament: several runs, every two of them judged -> win rates and one rating an arm.

Reads: runs, and what `duel` reads.  Gives: `Standing`s, one a preference judge.
Depends on: duelling, kinds, stats.bradley_terry.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalharness.errors import TooFewSamples
from evalharness.records import Answered, Judgement, Record
from evalharness.spec.suite import JudgeSpec, Suite
from evalharness.stages.compare import check_pairable
from evalharness.stages.deciding.effects import absolute_effect
from evalharness.stages.deciding.kinds import plain_value
from evalharness.stages.judging.difficulty import Rate, at_equal_difficulty
from evalharness.stages.judging.duel import journal_of
from evalharness.stages.judging.duelling import Duels
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.pairing import pair
from evalharness.store.journal import EvidenceEntry, read_entries
from evalharness.store.keys import derive_seed
from evalharness.store.marks import MarkTable, MetricTable, read_marks
from evalharness.store.runs import RunFolder

if TYPE_CHECKING:
    from evalharness.clients.stack import Shared
    from evalharness.contracts import Array


class PairStanding(Record, frozen=True, kw_only=True):
    """What one judge says of two arms; rates 0..1, of the candidate.

    standard_error: sd / sqrt(n) of the pairs' shares.  ties: pairs with a share of one half.
    length_controlled: at equal length.  difficulty_controlled: the same where the difficulty of
    each question, shared by all arms that met this baseline, is told apart; from three arms on.
    """

    candidate: str
    baseline: str
    n: int
    win_rate: float | None
    lower: float | None = None
    upper: float | None = None
    standard_error: float | None = None
    ties: int = 0
    flip_rate: float | None = None
    length_controlled: float | None = None
    difficulty_controlled: float | None = None
    difficulty_lower: float | None = None
    difficulty_upper: float | None = None
    reason: str = ""


class Place(Record, frozen=True, kw_only=True):
    """One arm's rating in Elo points around 1000, with 95 % bounds."""

    arm: str
    elo: float
    lower: float
    upper: float


class Standing(Record, frozen=True, kw_only=True):
    """One judge's tournament. ratings: best first; empty where none exists, see notes.

    requests, tokens and cost_usd: of all its judgements of these pairs, in this command or an
    earlier one; cost_usd is None where no price is known.
    """

    judge: str
    by: str
    pairs: tuple[PairStanding, ...]
    ratings: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None


def tournament(
    suite: Suite,
    folders: Sequence[RunFolder],
    options: RunOptions,
    report: Report,
    *,
    shared: Shared,
) -> list[Standing]:
    """Judge every two of the runs; a Standing for each preference judge, none without.

    Raises PairingError where two runs answered different questions; else as `duel`.
    """
    judges = [judge for judge in suite.judges if judge.kind == "preference"]
    if not judges:
        return []
    duels = Duels(suite, options, report, shared=shared)
    tables = [read_marks(folder.marks_path) for folder in folders]
    names = [folder.manifest().arm for folder in folders]
    met: dict[tuple[int, int], MarkTable] = {}
    for one, other in itertools.combinations(range(len(folders)), 2):
        check_pairable(pair(tables[other], tables[one]), (names[other], names[one]))
        _, met[one, other] = duels.judged(
            (tables[other], tables[one]), (folders[other], folders[one])
        )
    seed = options.seed or 0
    journals = [journal_of(pair, options.out) for pair in itertools.combinations(folders, 2)]
    return [
        with_bill(_standing(judge, names, met, seed, duels.warnings), journals) for judge in judges
    ]


def with_bill(standing: Standing, journals: Sequence[Path]) -> Standing:
    """The standing with what its judge's words took; cached ones were paid by an earlier run."""
    told = [
        entry.evidence.outcome
        for path in journals
        if path.exists()
        for entry in read_entries(path, EvidenceEntry)
        if entry.name == standing.judge and isinstance(entry.evidence, Judgement)
    ]
    answers = [outcome.completion for outcome in told if isinstance(outcome, Answered)]
    usages = [answer.usage for answer in answers if answer.usage is not None]
    costs = [
        answer.cost_usd
        for answer in answers
        if answer.cost_usd is not None and answer.provenance.source != "cached"
    ]
    return msgspec.structs.replace(
        standing,
        requests=len(told),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cost_usd=sum(costs) if costs else None,
    )


def _standing(
    judge: JudgeSpec,
    names: Sequence[str],
    met: dict[tuple[int, int], MarkTable],
    seed: int,
    notes: Sequence[str],
) -> Standing:
    ratings: tuple[Place, ...] = ()
    told = list(notes)
    controlled = at_equal_difficulty(judge.name, met, seed)
    try:
        ratings = _ratings(judge.name, names, met, seed)
    except TooFewSamples as error:
        told.append(error.message)
    return Standing(
        judge=judge.name,
        by=judge.model or "people",
        pairs=tuple(
            with_difficulty(
                _pair_standing(judge.name, (names[one], names[other]), table, seed),
                controlled.get((one, other)),
            )
            for (one, other), table in met.items()
        ),
        ratings=ratings,
        notes=tuple(told),
    )


def with_difficulty(standing: PairStanding, controlled: Rate | None) -> PairStanding:
    """The standing with the rate at equal length and difficulty, where there is one."""
    if controlled is None:
        return standing
    return msgspec.structs.replace(
        standing,
        difficulty_controlled=controlled.value,
        difficulty_lower=controlled.lower,
        difficulty_upper=controlled.upper,
    )


def _pair_standing(judge: str, names: tuple[str, str], table: MarkTable, seed: int) -> PairStanding:
    rate = _shares(table, judge)
    shares_n = rate.rows_nk[rate.scored_n, 0]
    n = len(shares_n)
    if n == 0:
        reason = next(iter(rate.reasons), "no pair was judged")
        return PairStanding(
            candidate=names[0], baseline=names[1], n=0, win_rate=None, reason=reason
        )
    lower = upper = None
    try:
        measured = absolute_effect(
            table, judge, slice_name=None, failures="against_candidate", seed=seed
        )
        bounds = measured.effect.bounds(0.025)
        lower, upper = bounds.lower, bounds.upper
    except TooFewSamples:
        pass
    return PairStanding(
        candidate=names[0],
        baseline=names[1],
        n=n,
        win_rate=_value_of(table.metrics[judge]),
        lower=lower,
        upper=upper,
        standard_error=float(shares_n.std(ddof=1)) / math.sqrt(n) if n > 1 else None,
        ties=int((shares_n == 0.5).sum()),
        flip_rate=_value(table.metrics.get(f"{judge}_flip_rate")),
        length_controlled=_value(table.metrics.get(f"{judge}_length_controlled")),
    )


def _shares(table: MarkTable, judge: str) -> MetricTable:
    """The judge's own shares of the win, before any correction by people."""
    return table.metrics.get(f"{judge}_uncorrected") or table.metrics[judge]


def _value_of(metric: MetricTable) -> float | None:
    """A metric's value, failures counted."""
    return plain_value(metric.columns, metric.rows_nk[metric.scored_n])


def _value(metric: MetricTable | None) -> float | None:
    if metric is None:
        return None
    return plain_value(metric.columns, metric.rows_nk[metric.answered_n])


def _ratings(
    judge: str, names: Sequence[str], met: dict[tuple[int, int], MarkTable], seed: int
) -> tuple[Place, ...]:
    """Bradley-Terry over all pairs, samples resampled whole. Raises TooFewSamples."""
    import numpy as np

    from evalharness.stats.bradley_terry import ELO_PER_LOGIT, rate_arms

    samples = np.unique(np.concatenate([table.cluster_n for table in met.values()]))
    wins_skk: Array = np.zeros((len(samples), len(names), len(names)))
    for (one, other), table in met.items():
        rate = _shares(table, judge)
        place = np.searchsorted(samples, table.cluster_n[rate.scored_n])
        share = rate.rows_nk[rate.scored_n, 0]
        np.add.at(wins_skk[:, one, other], place, share)
        np.add.at(wins_skk[:, other, one], place, 1.0 - share)
    rng = np.random.default_rng(derive_seed(seed, "bradley-terry", judge))
    rated = rate_arms(wins_skk, rng=rng)
    places = [
        Place(
            arm=name,
            elo=float(rated.elo_k[number]),
            lower=1000.0 + float(ELO_PER_LOGIT * rated.lower_k[number]),
            upper=1000.0 + float(ELO_PER_LOGIT * rated.upper_k[number]),
        )
        for number, name in enumerate(names)
    ]
    return tuple(sorted(places, key=lambda place: -place.elo))
