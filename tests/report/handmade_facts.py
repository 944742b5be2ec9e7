"""Facts built by hand for the tests of reports: every verdict state, a run and a comparison.

The numbers are made up and say so; they are chosen so that each rule of reading them is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evalharness.handover import OnlineGate, OnlinePlan
from evalharness.online.plan import looks_of
from evalharness.records import EXIT_CODES, Estimate, GateOutcome, Undetermined, VerdictState
from evalharness.results import (
    AnswerFacts,
    ArmFacts,
    ComparisonRow,
    Facts,
    Flip,
    GateRow,
    Invalid,
    MetricSummary,
    PairedSpread,
    PowerCurve,
    Reliability,
    RunSummary,
    SampleFacts,
    Spent,
    Spread,
    VerdictFacts,
    Volatile,
)
from evalharness.standings import (
    BreakEvenRow,
    ClaimPart,
    Front,
    FrontArm,
    JointClaim,
    Ladder,
    RankedArm,
    Ranking,
    Rung,
    Standings,
)

SUITE = "contract-summary"
N = 812


def estimate(value: float, half: float, *, n: int = N) -> Estimate:
    return Estimate(
        value=value,
        lower=value - half,
        upper=value + half,
        level=0.95,
        method="wilson",
        n=n,
        n_clusters=n,
    )


def metric(value: float | None, half: float = 0.02, **changes: Any) -> MetricSummary:
    base = MetricSummary(
        estimate=Undetermined(reason="no answer was scored")
        if value is None
        else estimate(value, half),
        value_answered=value,
        n=N,
        n_failed=0,
        n_unscored=0,
        n_unparsed=0,
        signature="rouge_l|stemmer:yes|v1",
        direction="higher",
        scale="fraction",
        kind="continuous",
    )
    return msgspec.structs.replace(base, **changes)


def summary(arm: str, metrics: dict[str, MetricSummary], **changes: Any) -> RunSummary:
    base = RunSummary(
        run=f"run-{arm}",
        suite=SUITE,
        arm=arm,
        model={"provider": "replay", "model": arm, "base_url": ""},
        n=N,
        n_samples=N,
        n_failed=0,
        failures={},
        metrics=metrics,
        slices={},
        spent=Spent(
            prompt_tokens=120_400, completion_tokens=40_210, requests_recorded=N, attempts=N
        ),
        fingerprints={"suite": "5f" * 32, "data": "c0" * 32},
    )
    return msgspec.structs.replace(base, **changes)


def candidate_arm() -> ArmFacts:
    metrics = {
        "rouge_l": metric(0.412, 0.018, value_answered=0.4135, n_failed=3),
        "format_ok": metric(0.931, 0.017, kind="binary", n_failed=3, n_unparsed=4),
        "cost_usd": metric(
            0.00021,
            0.000004,
            scale="usd",
            direction="lower",
            n_unscored=3,
            reasons={"no price is known": 3},
        ),
        "latency_p95_s": metric(1.31, 0.09, scale="seconds", direction="lower", kind="ordered"),
    }
    slices = {
        "lang=de": {"rouge_l": metric(0.388, 0.041, n=203)},
        "lang=en": {"rouge_l": metric(0.420, 0.021, n=609)},
    }
    return ArmFacts(
        name="ft-3b",
        role="candidate",
        rung="fine-tuned",
        summary=summary(
            "ft-3b",
            metrics,
            slices=slices,
            n_failed=3,
            failures={"timeout": 2, "malformed": 1},
            spent=Spent(
                prompt_tokens=120_400,
                completion_tokens=40_210,
                requests_live=810,
                requests_cached=2,
                attempts=815,
                cost_low_usd=0.1701,
                cost_high_usd=0.1712,
            ),
        ),
    )


def baseline_arm() -> ArmFacts:
    metrics = {
        "rouge_l": metric(0.398, 0.018),
        "format_ok": metric(0.955, 0.014, kind="binary"),
        "cost_usd": metric(0.00174, 0.00002, scale="usd", direction="lower"),
        "latency_p95_s": metric(2.84, 0.2, scale="seconds", direction="lower", kind="ordered"),
    }
    slices = {
        "lang=de": {"rouge_l": metric(0.391, 0.040, n=203)},
        "lang=en": {"rouge_l": metric(0.400, 0.021, n=609)},
    }
    return ArmFacts(
        name="prompted-70b",
        role="baseline",
        rung="prompted",
        summary=summary("prompted-70b", metrics, slices=slices),
    )


def gate(metric_: str, outcome: GateOutcome, **changes: Any) -> GateRow:
    base = GateRow(
        suite=SUITE,
        baseline="prompted-70b",
        candidate_arm="ft-3b",
        metric=metric_,
        slice=None,
        role="primary",
        test="non_inferiority",
        outcome=outcome,
        candidate=0.412,
        baseline_value=0.398,
        difference=0.014,
        lower=0.003,
        upper=0.025,
        threshold=-0.01,
        alpha=0.05,
        p_value=0.0001,
        p_fail=0.999,
        method="paired bootstrap-t",
        n=N,
        n_clusters=118,
        n_more=None,
        outcome_answered=outcome,
        scale="fraction",
        direction="higher",
        signature="rouge_l|stemmer:yes|v1",
    )
    return msgspec.structs.replace(base, **changes)


def rouge_gate() -> GateRow:
    return gate("rouge_l", "PASS")


def format_gate(outcome: GateOutcome = "FAIL", **changes: Any) -> GateRow:
    values: dict[str, Any] = {
        "candidate": 0.931,
        "baseline_value": 0.955,
        "difference": -0.024,
        "lower": -0.036,
        "upper": -0.012,
        "p_value": 0.998,
        "p_fail": 0.002,
        "method": "tango",
        "signature": "format_ok|v1",
    }
    return gate("format_ok", outcome, **(values | changes))


def cost_gate() -> GateRow:
    return gate(
        "cost_usd",
        "PASS",
        test="max_ratio",
        candidate=0.00021,
        baseline_value=0.00174,
        difference=0.1207,
        lower=0.1163,
        upper=0.1235,
        threshold=0.125,
        scale="usd",
        direction="lower",
        method="paired bootstrap of the ratio",
        signature="cost_usd|v1",
    )


def latency_gate() -> GateRow:
    return gate(
        "latency_p95_s",
        "PASS",
        test="max_ratio",
        candidate=1.31,
        baseline_value=2.84,
        difference=0.461,
        lower=0.41,
        upper=0.52,
        threshold=1.2,
        scale="seconds",
        direction="lower",
        method="index bootstrap",
        role="guardrail",
        signature="latency_p95_s|v1",
    )


def errors_gate() -> GateRow:
    return gate(
        "error_rate",
        "PASS",
        test="at_most",
        candidate=0.00369,
        baseline_value=None,
        difference=0.00369,
        lower=0.001,
        upper=0.0095,
        threshold=0.02,
        role="guardrail",
        direction="lower",
        method="clopper-pearson",
        signature="error_rate|v1",
    )


def slice_gate() -> GateRow:
    return gate(
        "rouge_l",
        "INCONCLUSIVE",
        slice="lang=de",
        candidate=0.388,
        baseline_value=0.391,
        difference=-0.003,
        lower=-0.031,
        upper=0.025,
        n=203,
        n_clusters=31,
        n_more=1240,
        role="guardrail",
    )


def undetermined_gate() -> GateRow:
    return gate(
        "latency_p95_s",
        "INCONCLUSIVE",
        test="max_ratio",
        candidate=None,
        baseline_value=2.84,
        difference=None,
        lower=None,
        upper=None,
        threshold=1.2,
        scale="seconds",
        direction="lower",
        p_value=None,
        p_fail=None,
        outcome_answered=None,
        role="diagnostic",
        reason="the answers were not taken in the same sitting",
    )


def comparison(metric_: str = "rouge_l", **changes: Any) -> ComparisonRow:
    base = ComparisonRow(
        suite=SUITE,
        baseline="prompted-70b",
        candidate_arm="ft-3b",
        metric=metric_,
        slice=None,
        candidate=0.412,
        baseline_value=0.398,
        difference=0.014,
        lower=0.001,
        upper=0.027,
        level=0.95,
        p_value=0.0312,
        method="paired bootstrap-t",
        n=N,
        n_clusters=118,
        difference_answered=0.0151,
        wins=431,
        losses=352,
        ties=29,
        scale="fraction",
        direction="higher",
        signature="rouge_l|stemmer:yes|v1",
    )
    return msgspec.structs.replace(base, **changes)


def comparisons() -> tuple[ComparisonRow, ...]:
    return (
        comparison(),
        comparison(
            "format_ok",
            candidate=0.931,
            baseline_value=0.955,
            difference=-0.024,
            lower=-0.038,
            upper=-0.010,
            p_value=0.0008,
            wins=11,
            losses=30,
            ties=771,
            method="tango",
            signature="format_ok|v1",
        ),
        comparison(
            "cost_usd",
            candidate=0.00021,
            baseline_value=0.00174,
            difference=0.1207,
            lower=0.1155,
            upper=0.1240,
            p_value=1e-12,
            wins=None,
            losses=None,
            ties=None,
            scale="usd",
            direction="lower",
            method="ratio of means, bootstrap",
            difference_answered=None,
            signature="cost_usd|v1",
        ),
    )


def flip(**changes: Any) -> Flip:
    base = Flip(
        suite=SUITE,
        baseline="prompted-70b",
        candidate_arm="ft-3b",
        metric="rouge_l",
        sample_id="q-0041",
        repeat=0,
        candidate_value=0.21,
        baseline_value=0.83,
        input="Summarise clause 7 under the heading Termination.",
        targets=("- either party may terminate with 30 days' written notice",),
        candidate_text="- the contract ends after 30 days",
        baseline_text="- either party may terminate on 30 days' written notice",
        slices={"lang": "en"},
    )
    return msgspec.structs.replace(base, **changes)


def verdict(state: VerdictState, *why: str, **changes: Any) -> VerdictFacts:
    base = VerdictFacts(state=state, exit_code=EXIT_CODES[state], alpha=0.05, n_paired=N, why=why)
    return msgspec.structs.replace(base, **changes)


def facts(state: VerdictState, gates: Sequence[GateRow], *why: str, **changes: Any) -> Facts:
    base = Facts(
        kind="gate",
        title=f"{SUITE}: ft-3b vs prompted-70b",
        verdict=verdict(state, *why),
        arms=(candidate_arm(), baseline_arm()),
        gates=tuple(gates),
        comparisons=comparisons(),
        flips=(
            flip(),
            flip(
                sample_id="q-0007",
                candidate_value=0.91,
                baseline_value=0.40,
                candidate_text="- liability is capped at fees paid in 12 months",
                baseline_text="- liability is limited",
            ),
        ),
        reproduce="evalharness gate contract-summary --candidate ft-3b --baseline prompted-70b",
        hashes={"policy": "ab" * 32, "data": "c0" * 32, "suite": "5f" * 32},
        volatile=Volatile(
            created_at="2026-01-02T03:04:05Z",
            wall_s=12.5,
            host="ci",
            python="3.11.4",
            version="0.1.0",
        ),
    )
    return msgspec.structs.replace(base, **changes)


def online() -> OnlinePlan:
    """The A/B test of the ready candidate, at four looks."""
    return OnlinePlan(
        candidate="ft-3b",
        control="prompted-70b",
        share=0.1,
        alpha=0.05,
        power=0.8,
        spending="obrien_fleming",
        harm_spending="pocock",
        inflation=1.0289,
        n_total=16_492,
        n_candidate=1_650,
        binding="rouge_l non_inferiority",
        gates=(
            OnlineGate(
                suite=SUITE,
                metric="rouge_l",
                role="primary",
                test="non_inferiority",
                threshold=-0.01,
                seen="labels",
                n_total=16_492,
                planned="equal arms",
                scale="fraction",
            ),
            OnlineGate(
                suite=SUITE,
                metric="cost_usd",
                role="primary",
                test="max_ratio",
                threshold=0.125,
                seen="logs",
                n_total=None,
                planned="the offline bound",
                note="the held-out data do not say how this varies",
                scale="usd",
            ),
        ),
        looks=tuple(looks_of(16_492, (0.25, 0.5, 0.75, 1.0), alpha=0.05)),
        srm_alarm=0.01,
        srm_final=0.001,
        least_days=7,
    )


def ready() -> Facts:
    found = facts(
        "READY",
        [
            rouge_gate(),
            format_gate("PASS", candidate=0.96, difference=0.005, lower=-0.004, upper=0.014),
            cost_gate(),
            latency_gate(),
            errors_gate(),
        ],
        "every gate passed against prompted-70b",
    )
    return msgspec.structs.replace(found, online=online())


def not_ready() -> Facts:
    return facts(
        "NOT_READY",
        [rouge_gate(), format_gate(), cost_gate(), latency_gate(), errors_gate()],
        "format_ok is worse by at least 0.012, the suite allows 0.010",
    )


def inconclusive() -> Facts:
    return facts(
        "INCONCLUSIVE",
        [rouge_gate(), slice_gate(), cost_gate(), undetermined_gate()],
        "rouge_l [lang=de] may lose up to 0.031, the suite allows 0.010",
        warnings=("duplicate answers: 14 of 812 candidate answers are identical",),
    )


def invalid() -> Facts:
    return facts(
        "INVALID",
        [],
        "the candidate answered 10 of 812 samples",
        invalid=(
            Invalid(
                code="coverage",
                message="coverage of ft-3b is 0.012, the policy asks for 0.980",
                suite=SUITE,
                arm="ft-3b",
            ),
        ),
        comparisons=(),
        flips=(),
    )


def run() -> Facts:
    return Facts(
        kind="run",
        title=f"{SUITE}: ft-3b, 812 units",
        verdict=None,
        arms=(candidate_arm(),),
        reproduce="evalharness run contract-summary --model ft-3b",
        hashes={"suite": "5f" * 32},
    )


def compare() -> Facts:
    return msgspec.structs.replace(
        not_ready(),
        kind="compare",
        verdict=None,
        gates=(),
        reproduce="evalharness compare prompted-70b ft-3b",
    )


def quantiles(low: float, middle: float, high: float) -> tuple[float, ...]:
    """101 rising numbers: a long tail to the right, made without a generator."""
    return tuple(
        round(
            low + (middle - low) * 2 * s
            if s <= 0.5
            else middle + (high - middle) * ((s - 0.5) * 2) ** 4,
            6,
        )
        for s in (i / 100 for i in range(101))
    )


def sample(number: int) -> SampleFacts:
    words = ("terminate", "liability", "notice", "renewal", "fees", "audit")
    word = words[number % 6]
    ours = AnswerFacts(
        text=f"- the {word} clause applies after {10 + number % 60} days",
        values={
            "rouge_l": round(0.2 + (number * 37 % 80) / 100, 2),
            "format_ok": float(number % 9 != 0),
        },
        latency_s=round(0.4 + (number * 13 % 100) / 100, 3),
        cost_usd=0.00021,
        finish="stop",
        unparsed=number % 9 == 0,
    )
    theirs = AnswerFacts(
        text=f"- the {word} clause applies within {10 + number % 50} calendar days",
        values={"rouge_l": round(0.2 + (number * 53 % 80) / 100, 2), "format_ok": 1.0},
        latency_s=round(1.1 + (number * 17 % 100) / 100, 3),
        cost_usd=0.00174,
        finish="stop",
    )
    failed = number in (12, 70, 111)
    return SampleFacts(
        id=f"q-{number:04d}",
        suite=SUITE,
        input=f"Summarise clause {number} under the heading {word.title()}.",
        targets=(f"- {word}: {10 + number % 55} days",),
        slices={"lang": "de" if number % 4 == 0 else "en"},
        answers={
            "ft-3b": AnswerFacts(failed="timeout") if failed else ours,
            "prompted-70b": theirs,
        },
    )


def full() -> Facts:
    """A gate with everything that a report can show: spreads, differences, samples, power."""
    facts = not_ready()
    ours, theirs = facts.arms
    ours = msgspec.structs.replace(
        ours,
        spreads=(
            Spread(name="latency_s", scale="seconds", n=809, quantiles=quantiles(0.21, 0.62, 2.4)),
            Spread(
                name="completion_tokens", scale="tokens", n=809, quantiles=quantiles(12, 48, 128)
            ),
        ),
    )
    theirs = msgspec.structs.replace(
        theirs,
        spreads=(
            Spread(name="latency_s", scale="seconds", n=812, quantiles=quantiles(0.8, 1.7, 5.9)),
            Spread(
                name="completion_tokens", scale="tokens", n=812, quantiles=quantiles(15, 61, 220)
            ),
        ),
    )
    rag = msgspec.structs.replace(
        baseline_arm(),
        name="rag-8b",
        rung="rag",
        summary=summary(
            "rag-8b",
            {
                "rouge_l": metric(0.371, 0.018),
                "format_ok": metric(0.902, 0.02, kind="binary"),
                "cost_usd": metric(0.00062, 0.00001, scale="usd", direction="lower"),
                "latency_p95_s": metric(
                    1.94, 0.11, scale="seconds", direction="lower", kind="ordered"
                ),
            },
        ),
        spreads=(
            Spread(name="latency_s", scale="seconds", n=812, quantiles=quantiles(0.5, 1.1, 3.1)),
        ),
    )
    gains = tuple(
        round(-0.5 + 1.05 * (i / 100) ** 1.0 + 0.35 * ((i / 100) - 0.5) ** 3, 6) for i in range(101)
    )
    return msgspec.structs.replace(
        facts,
        arms=(ours, theirs, rag),
        differences=(
            PairedSpread(
                suite=SUITE,
                baseline="prompted-70b",
                candidate_arm="ft-3b",
                spread=Spread(name="rouge_l", scale="fraction", n=N, quantiles=gains),
            ),
        ),
        samples=tuple(sample(number) for number in range(1, 181)),
        n_samples=N,
        power=(
            PowerCurve(
                suite=SUITE,
                baseline="prompted-70b",
                metric="rouge_l",
                n=N,
                ns=(50, 100, 200, 400, 800, 1600, 3200),
                chances=(0.08, 0.15, 0.28, 0.5, 0.79, 0.97, 1.0),
            ),
        ),
        reliability=(
            Reliability(
                suite=SUITE,
                arm="ft-3b",
                metric="ece",
                counts=(112, 300, 400),
                probabilities=(0.21, 0.62, 0.94),
                frequencies=(0.25, 0.55, 0.81),
            ),
        ),
        warnings=("duplicate answers: 14 of 812 candidate answers are identical",),
    )


def standings() -> Standings:
    """Three arms of which two cannot be told apart, one dominated, one rung the cheapest."""
    ranked = (("ft-3b", 1, 2, "a"), ("prompted-70b", 1, 2, "a"), ("rag-8b", 3, 3, "b"))
    return Standings(
        claims=(
            JointClaim(
                suite=SUITE,
                baseline="prompted-70b",
                candidate_arm="ft-3b",
                alpha=0.05,
                outcome="PASS",
                p_value=0.004,
                parts=(
                    ClaimPart(
                        metric="rouge_l",
                        test="non_inferiority",
                        threshold=-0.03,
                        bound=-0.012,
                        outcome="PASS",
                        scale="fraction",
                    ),
                    ClaimPart(
                        metric="cost_usd",
                        test="max_ratio",
                        threshold=0.15,
                        bound=0.142,
                        outcome="PASS",
                        scale="usd",
                        direction="lower",
                    ),
                ),
            ),
        ),
        rankings=(
            Ranking(
                suite=SUITE,
                metric="rouge_l",
                scale="fraction",
                direction="higher",
                alpha=0.05,
                n=N,
                ratio=False,
                arms=tuple(
                    RankedArm(arm=arm, value=0.4, best_rank=best, worst_rank=worst, letters=letter)
                    for arm, best, worst, letter in ranked
                ),
                pairs=(),
            ),
        ),
        fronts=(
            Front(
                suite=SUITE,
                axes=("rouge_l", "cost_usd"),
                margins=(0.03, 1.0),
                alpha=0.05,
                arms=(
                    FrontArm(arm="ft-3b"),
                    FrontArm(arm="prompted-70b", dominated_by=("ft-3b",)),
                    FrontArm(arm="rag-8b", dominated_by=("ft-3b",)),
                ),
            ),
        ),
        ladder=Ladder(
            reference="prompted-70b",
            alpha=0.05,
            answer="ft-3b",
            rungs=(
                Rung(arm="ft-3b", role="candidate", outcome="PASS", p_value=0.008, price_usd=2e-4),
                Rung(arm="rag-8b", role="baseline", outcome="FAIL", p_value=1.0, price_usd=6e-4),
            ),
        ),
        break_evens=(
            BreakEvenRow(
                suite=SUITE,
                baseline="prompted-70b",
                candidate_arm="ft-3b",
                usd_per_hour=1.49,
                usd_per_request=0.00174,
                requests_per_hour=856.3,
                lower_per_hour=812.2,
                upper_per_hour=905.8,
                level=0.9,
            ),
        ),
    )


def several() -> Facts:
    """A gate against three baselines: one lost, one undecided, one passed; no price is known."""
    facts = full()
    rows: list[GateRow] = []
    pairs: list[ComparisonRow] = []
    flips: list[Flip] = []
    for baseline, quality in (
        ("prompted-70b", format_gate()),
        (
            "rag-8b",
            format_gate("INCONCLUSIVE", difference=-0.008, lower=-0.02, upper=0.004, n_more=2400),
        ),
        ("base-3b", format_gate("PASS", difference=0.2, lower=0.17, upper=0.23)),
    ):
        rows += [
            msgspec.structs.replace(row, baseline=baseline)
            for row in (rouge_gate(), quality, errors_gate())
        ]
        pairs += [msgspec.structs.replace(row, baseline=baseline) for row in comparisons()]
        flips += [msgspec.structs.replace(row, baseline=baseline) for row in facts.flips]
    base = msgspec.structs.replace(facts.arms[2], name="base-3b", rung="base")
    arms = []
    for arm in (*facts.arms, base):
        metrics = {name: found for name, found in arm.summary.metrics.items() if name != "cost_usd"}
        changed = msgspec.structs.replace(arm.summary, arm=arm.name, metrics=metrics)
        arms.append(msgspec.structs.replace(arm, summary=changed))
    return msgspec.structs.replace(
        facts,
        title=f"{SUITE}: ft-3b vs prompted-70b, rag-8b, base-3b",
        arms=tuple(arms),
        standings=standings(),
        gates=tuple(rows),
        comparisons=tuple(pairs),
        flips=tuple(flips),
        samples=(),
        n_samples=None,
        power=(),
        reliability=(),
    )


EVERY = {
    "ready": ready,
    "not_ready": not_ready,
    "inconclusive": inconclusive,
    "invalid": invalid,
    "run": run,
    "compare": compare,
    "full": full,
    "several": several,
}
