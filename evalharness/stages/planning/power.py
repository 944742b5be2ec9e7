"""planning: what evidence a policy needs, before a token is spent; and what the policy is worth.

Reads: a suite, its held-out data, a pilot (earlier runs) or stated assumptions.
Gives: `PlanFacts` (requests, tokens, price ceiling, power) and `Calibration`.
Depends on: simulate, plan (the stage), clients' prices.
Power is that of the whole policy: P(READY | equal arms), which gate binds, and how many samples
would bring it to the policy's power; never taken from an observed effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.errors import UsageError
from evalharness.records import Record
from evalharness.spec.read import digest
from evalharness.spec.suite import Policy, PriceSpec, Suite
from evalharness.stages.continuations import continuations
from evalharness.stages.deciding.simulate import (
    Shape,
    Simulated,
    boundary,
    describe,
    shape_of,
    simulate,
)
from evalharness.stages.pairing import Pairing

if TYPE_CHECKING:
    import numpy as np

    from evalharness.stages.plan import Plan

DRAWS = 400
"""Simulated data sets a figure: a share of 0.8 is known to 2 points."""
SEARCH_DRAWS = 120
"""Simulated data sets a size while the needed number is looked for."""
MULTIPLES = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
MOST_PAIRS = 6000
"""Sizes beyond this are not simulated; the search says that none was found."""
CHARS_PER_TOKEN = 4.0
"""English text by OpenAI's rule of thumb; a ceiling for planning, not a bill."""
DEFAULT_ANSWER_TOKENS = 256


class ArmPlan(Record, frozen=True, kw_only=True):
    """What asking one arm takes. price_usd: None where the model's price is not known."""

    arm: str
    requests: int
    prompt_tokens: int
    answer_tokens_at_most: int
    price_usd: float | None


class JudgePlan(Record, frozen=True, kw_only=True):
    """What one judge will be asked about all arms. by: its provider and model.

    price_usd: None where the model's price is not known.
    """

    judge: str
    by: str
    requests: int
    prompt_tokens: int
    answer_tokens_at_most: int
    price_usd: float | None


class GatePlan(Record, frozen=True, kw_only=True):
    """One deciding gate: how often it passes if the arms are equal, and at this n."""

    gate: str
    passes_if_equal: float


class PlanFacts(Record, frozen=True, kw_only=True):
    """The plan of a gate, sealed by the hashes of its policy and data.

    n: samples.  basis: what the power rests on.  ready_if_equal, ready_if_better: P(READY) of
    equal arms, and of a candidate better by `better_by` on every quality gate.
    n_needed: samples for the policy's power, None where no multiple tried reaches it.
    """

    suite: str
    n: int
    arms: tuple[ArmPlan, ...]
    basis: str
    alpha: float
    power: float
    ready_if_equal: float
    ready_if_better: float
    better_by: float
    gates: tuple[GatePlan, ...]
    binding: str
    n_needed: int | None
    hashes: dict[str, str]
    judges: tuple[JudgePlan, ...] = ()
    format: int = 1

    @property
    def price_usd(self) -> float | None:
        """The most that arms and judges cost together; None where a price is not known."""
        prices = [*(arm.price_usd for arm in self.arms), *(one.price_usd for one in self.judges)]
        known = [price for price in prices if price is not None]
        return sum(known) if len(known) == len(prices) else None


class CalibrationRow(Record, frozen=True, kw_only=True):
    """What the policy says under one truth, on data of this shape."""

    truth: str
    ready: float
    not_ready: float
    inconclusive: float
    draws: int


@dataclass(frozen=True, slots=True)
class Assumed:
    """A pilot that was never run: baseline rate and how closely the arms' answers go together.

    rate: of right answers.  phi: correlation of the two arms' correctness.
    gain: of a better candidate, for the second power figure.
    """

    rate: float = 0.75
    phi: float = 0.5
    gain: float = 0.05

    def words(self) -> str:
        """For people."""
        return f"assumed: {self.rate:.0%} right answers, correlation {self.phi:g} between the arms"


def plan_arm(plan: Plan, price: PriceSpec | None) -> ArmPlan:
    """Requests and tokens of one arm; renders every prompt, which also checks the template."""
    prompt_chars = requests = 0
    for sample in plan.source:
        messages = plan.program.render(sample) if plan.program is not None else ()
        asked = plan.repeats(sample)
        prompt_chars += asked * sum(len(message.content or "") for message in messages)
        prompt_chars += sum(map(len, continuations(plan.suite, sample)))
        requests += asked
    likelihoods = plan.suite.ask != "answer"  # one token is made behind a text that is scored
    each = 1 if likelihoods else plan.generation.max_tokens or DEFAULT_ANSWER_TOKENS
    prompt_tokens = math.ceil(prompt_chars / CHARS_PER_TOKEN)
    answers = requests * each
    return ArmPlan(
        arm=plan.arm.name,
        requests=requests,
        prompt_tokens=prompt_tokens,
        answer_tokens_at_most=answers,
        price_usd=price_usd(price, prompt_tokens=prompt_tokens, answer_tokens=answers),
    )


def price_usd(price: PriceSpec | None, *, prompt_tokens: int, answer_tokens: int) -> float | None:
    """What tokens cost in US dollars; None where the price is not known or not whole."""
    if price is None or price.prompt_usd_per_mtok is None or price.completion_usd_per_mtok is None:
        return None
    asked = prompt_tokens * price.prompt_usd_per_mtok
    return (asked + answer_tokens * price.completion_usd_per_mtok) / 1e6


@dataclass(frozen=True, slots=True)
class Pilot:
    """Pairs to plan with, and what they rest on."""

    pairing: Pairing
    basis: str


def plan_power(
    suite: Suite,
    pilot: Pilot,
    arms: Sequence[ArmPlan],
    *,
    n: int,
    better_by: float,
    rng: np.random.Generator,
) -> PlanFacts:
    """The power of a suite's whole policy at n samples, by simulation on a pilot's shape."""
    shape = shape_of(pilot.pairing, suite.policy)
    if not shape.gates:
        raise UsageError(
            f"the pilot carries none of the metrics that the gates of '{suite.name}' judge",
            mend="score the pilot with this suite first",
        )
    equal = simulate(shape, {}, n=n, draws=DRAWS, rng=rng)
    better = simulate(shape, improved(shape, better_by), n=n, draws=DRAWS, rng=rng)
    binding = min(range(len(shape.gates)), key=lambda number: equal.passes[number])
    return PlanFacts(
        suite=suite.name,
        n=n,
        arms=tuple(arms),
        basis=pilot.basis,
        alpha=suite.policy.alpha,
        power=suite.policy.power,
        ready_if_equal=equal.ready,
        ready_if_better=better.ready,
        better_by=better_by,
        gates=tuple(
            GatePlan(gate=describe(one), passes_if_equal=share)
            for one, share in zip(shape.gates, equal.passes, strict=True)
        ),
        binding=describe(shape.gates[binding]),
        n_needed=samples_needed(shape, suite.policy, equal, n=n, rng=rng),
        hashes={"suite": suite.sha256, "policy": digest(suite.policy)},
    )


def improved(shape: Shape, gain: float) -> Mapping[int, float]:
    """Truths of a candidate that is better by `gain` on every difference gate."""
    truths: dict[int, float] = {}
    for number, one in enumerate(shape.gates):
        if one.gate.test in ("non_inferiority", "superiority"):
            truths[number] = gain if one.columns.direction == "higher" else -gain
    return truths


def samples_needed(
    shape: Shape, policy: Policy, equal: Simulated, *, n: int, rng: np.random.Generator
) -> int | None:
    """The first multiple of n at which equal arms get READY with the policy's power."""
    if equal.ready >= policy.power:
        return n
    for multiple in MULTIPLES:
        size = math.ceil(n * multiple)
        if size > MOST_PAIRS:
            return None
        if simulate(shape, {}, n=size, draws=SEARCH_DRAWS, rng=rng).ready >= policy.power:
            return size
    return None


def calibrate(
    pairing: Pairing, policy: Policy, *, draws: int, rng: np.random.Generator
) -> list[CalibrationRow]:
    """How often this policy errs on data of this very shape.

    One row for equal arms, one for each deciding gate with the truth at its boundary: the share of
    READY there is the realised false-READY rate, to be held against alpha.
    """
    shape = shape_of(pairing, policy)
    rows = [_row("equal arms", simulate(shape, {}, draws=draws, rng=rng))]
    for number, one in enumerate(shape.gates):
        truth = boundary(one.gate, one.columns)
        if one.gate.test in ("at_most", "at_least") and one.columns.kind != "binary":
            continue
        found = simulate(shape, {number: truth}, draws=draws, rng=rng)
        rows.append(_row(f"{describe(one)}: just not fulfilled", found))
    return rows


def _row(truth: str, found: Simulated) -> CalibrationRow:
    return CalibrationRow(
        truth=truth,
        ready=found.ready,
        not_ready=found.states.get("NOT_READY", 0.0),
        inconclusive=found.states.get("INCONCLUSIVE", 0.0),
        draws=found.draws,
    )
