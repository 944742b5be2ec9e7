"""What the stages conclude: summaries, comparisons, gates, verdicts, and the facts of a report.

Reads: nothing.  Gives: the records of summary.json, gate.json and facts.json.
Depends on: records.  Knows nothing of how they came about or how they are shown.
Same inputs, seed and lock file give equal records; what varies (time, host) stands in `Volatile`.
"""

from __future__ import annotations

from typing import Literal

from evalharness.handover import OnlinePlan
from evalharness.records import (
    FORMAT,
    Estimated,
    GateOutcome,
    GateRole,
    GateTest,
    Record,
    VerdictState,
)
from evalharness.standings import Standings


class Volatile(Record, frozen=True, kw_only=True):
    """What differs between two runs of the same work; never compared, never hashed."""

    created_at: str = ""
    wall_s: float | None = None
    host: str = ""
    python: str = ""
    version: str = ""


class MetricSummary(Record, frozen=True, kw_only=True):
    """One metric over one run (or one slice of it).

    estimate: failures counted as the metric's worst value.  value_answered: with failures left
    out, never used for a verdict.  n: units scored or failed; n_unscored: answers that the metric
    could not judge; n_unparsed: answers in which `extract` found nothing, counted as worst.
    """

    estimate: Estimated
    value_answered: float | None
    n: int
    n_failed: int
    n_unscored: int
    n_unparsed: int
    signature: str
    direction: Literal["higher", "lower"]
    scale: str
    kind: str
    reasons: dict[str, int] = {}


class Spent(Record, frozen=True, kw_only=True):
    """Tokens and money of one run; cached answers were paid by an earlier run.

    cost_low_usd and cost_high_usd differ where it is unknown whether an attempt was billed; None
    where no price is known.  judge_*: what judging the answers took, apart from the arm's own;
    judge_requests: judgements that were asked for in this or an earlier run.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests_live: int = 0
    requests_cached: int = 0
    requests_recorded: int = 0
    attempts: int = 0
    cost_low_usd: float | None = None
    cost_high_usd: float | None = None
    judge_requests: int = 0
    judge_prompt_tokens: int = 0
    judge_completion_tokens: int = 0
    judge_cost_usd: float | None = None


class RunSummary(Record, frozen=True, kw_only=True):
    """summary.json: one arm over one suite, complete.

    n: units asked for (samples x repeats, or turns).  failures: kind -> count.
    metrics: by label.  slices: "name=value" -> metrics by label.
    fingerprints: sha256 of suite, data, prompt program, client, metrics.
    """

    run: str
    suite: str
    arm: str
    model: dict[str, str]
    n: int
    n_samples: int
    n_failed: int
    failures: dict[str, int]
    metrics: dict[str, MetricSummary]
    slices: dict[str, dict[str, MetricSummary]]
    spent: Spent
    fingerprints: dict[str, str]
    warnings: tuple[str, ...] = ()
    volatile: Volatile = Volatile()
    format: int = FORMAT


class ComparisonRow(Record, frozen=True, kw_only=True):
    """One metric of candidate against baseline on the same units.

    difference, lower, upper: candidate - baseline in the metric's own units (candidate / baseline
    where method says ratio), bounds two-sided at `level`; None where undetermined (see reason).
    p_value: two-sided, of no difference.  n: paired units; n_clusters: independent groups.
    difference_answered: with the failures of either arm left out.  best_difference, best_upper:
    with every failure counted the other way round, the candidate's as best and the baseline's as
    worst; the truth lies between these and difference, lower.  None where nothing failed.
    q_value: p_value after Benjamini-Hochberg over the rows like it (slices, or whole metrics).
    """

    suite: str
    baseline: str
    candidate_arm: str
    metric: str
    slice: str | None
    candidate: float | None
    baseline_value: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    level: float
    p_value: float | None
    method: str
    n: int
    n_clusters: int
    difference_answered: float | None = None
    best_difference: float | None = None
    best_upper: float | None = None
    q_value: float | None = None
    wins: int | None = None
    losses: int | None = None
    ties: int | None = None
    scale: str = "plain"
    direction: Literal["higher", "lower"] = "higher"
    signature: str = ""
    reason: str | None = None


class GateRow(Record, frozen=True, kw_only=True):
    """One gate against one baseline, judged.

    lower, upper: one-sided bounds at alpha each, in the units of `threshold`.
    difference: the point estimate in the same units (difference, ratio, or the candidate's value).
    n_more: further units that would decide it if the arms are equal; None where decided or not
    reachable, `reason` then says why.
    outcome_answered: what the gate would say with failures left out; shown, never used.
    advice: where further units belong, what they take, whether repeats would do instead.
    """

    suite: str
    baseline: str
    candidate_arm: str
    metric: str
    slice: str | None
    role: GateRole
    test: GateTest
    outcome: GateOutcome
    candidate: float | None
    baseline_value: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    threshold: float
    alpha: float
    p_value: float | None
    p_fail: float | None
    method: str
    n: int
    n_clusters: int
    n_more: int | None
    outcome_answered: GateOutcome | None = None
    advice: tuple[str, ...] = ()
    scale: str = "plain"
    direction: Literal["higher", "lower"] = "higher"
    signature: str = ""
    reason: str | None = None


class Invalid(Record, frozen=True, kw_only=True):
    """A reason why the evidence cannot be used; code is stable, message is for people."""

    code: str
    message: str
    suite: str = ""
    arm: str = ""


class VerdictFacts(Record, frozen=True, kw_only=True):
    """The answer. why: plain sentences, the decisive one first. alpha: one-sided."""

    state: VerdictState
    exit_code: int
    alpha: float
    n_paired: int
    why: tuple[str, ...]
    stamps: tuple[str, ...] = ()


class GateArm(Record, frozen=True, kw_only=True):
    """Which run took which part in a comparison. run: its folder's name below --out."""

    suite: str
    name: str
    role: Literal["candidate", "baseline", "arm"]
    run: str


class GateFile(Record, frozen=True, kw_only=True):
    """gate.json (or a comparison that was kept): what was compared and what came out.

    hashes: policy and data of every suite, by "suite.policy" and "suite.data".
    """

    gate: str
    kind: Literal["gate", "compare", "run"]
    arms: tuple[GateArm, ...]
    verdict: VerdictFacts | None = None
    gates: tuple[GateRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    standings: Standings = Standings()
    online: OnlinePlan | None = None
    power: tuple[PowerCurve, ...] = ()
    invalid: tuple[Invalid, ...] = ()
    warnings: tuple[str, ...] = ()
    hashes: dict[str, str] = {}
    reproduce: str = ""
    volatile: Volatile = Volatile()
    format: int = FORMAT


class Spread(Record, frozen=True, kw_only=True):
    """How a quantity is spread over units, as its quantiles: small, and exact where it matters.

    name: "latency_s", "ttft_s", "cost_usd", "completion_tokens", or a metric.  n: units known.
    quantiles: the values at evenly spaced shares 0, 1/(m-1), ... 1 of the units, rising; 101 of
    them give percentiles.
    """

    name: str
    scale: str
    n: int
    quantiles: tuple[float, ...]


class ArmFacts(Record, frozen=True, kw_only=True):
    """One arm as the report shows it.

    spreads: latency, time to first token, tokens, cost of the answered units, where known.
    """

    name: str
    role: Literal["candidate", "baseline", "arm"]
    summary: RunSummary
    rung: str = ""
    spreads: tuple[Spread, ...] = ()


class Flip(Record, frozen=True, kw_only=True):
    """A unit on which the two arms differ most, with both answers, for reading side by side."""

    suite: str
    baseline: str
    candidate_arm: str
    metric: str
    sample_id: str
    repeat: int
    candidate_value: float
    baseline_value: float
    input: str
    targets: tuple[str, ...]
    candidate_text: str
    baseline_text: str
    slices: dict[str, str] = {}


class PairedSpread(Record, frozen=True, kw_only=True):
    """How candidate - baseline is spread over the paired units of one metric."""

    suite: str
    baseline: str
    candidate_arm: str
    spread: Spread


class AnswerFacts(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One arm's answer to one unit; `failed` is the kind of a failure, `text` is empty then.

    values: metric -> this unit's own value, where the metric has one.
    """

    text: str = ""
    values: dict[str, float] = {}
    failed: str | None = None
    unparsed: bool = False
    finish: str = ""
    latency_s: float | None = None
    cost_usd: float | None = None


class SampleFacts(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One unit with every arm's answer, for filtering, sorting and searching in the report.

    answers: arm name -> answer; an arm that was not asked is absent.
    """

    id: str
    repeat: int = 0
    suite: str = ""
    input: str = ""
    targets: tuple[str, ...] = ()
    slices: dict[str, str] = {}
    answers: dict[str, AnswerFacts] = {}


class PowerCurve(Record, frozen=True, kw_only=True):
    """P(PASS) of one gate against the number of samples, if the arms are equal.

    ns: rising counts of samples.  chances: P(PASS) at each, 0..1.
    """

    suite: str
    baseline: str
    metric: str
    slice: str | None = None
    n: int
    ns: tuple[int, ...]
    chances: tuple[float, ...]


class Reliability(Record, frozen=True, kw_only=True):
    """What an arm's probabilities were worth, by bins that hold something; all of equal length.

    counts: answers.  probabilities: their mean, 0..1.  frequencies: how often it was so, 0..1.
    """

    suite: str
    arm: str
    metric: str
    counts: tuple[int, ...]
    probabilities: tuple[float, ...]
    frequencies: tuple[float, ...]


class Facts(Record, frozen=True, kw_only=True):
    """facts.json: everything a report shows, and nothing that it would have to compute.

    reproduce: the command that made it.  hashes: policy, data, suite, prompts by name.
    n_samples: units in the data where `samples` holds only some of them.
    """

    kind: Literal["run", "compare", "gate"]
    title: str
    verdict: VerdictFacts | None
    arms: tuple[ArmFacts, ...]
    gates: tuple[GateRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    standings: Standings = Standings()
    online: OnlinePlan | None = None
    flips: tuple[Flip, ...] = ()
    invalid: tuple[Invalid, ...] = ()
    warnings: tuple[str, ...] = ()
    reproduce: str = ""
    hashes: dict[str, str] = {}
    differences: tuple[PairedSpread, ...] = ()
    samples: tuple[SampleFacts, ...] = ()
    n_samples: int | None = None
    power: tuple[PowerCurve, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    volatile: Volatile = Volatile()
    format: int = FORMAT
