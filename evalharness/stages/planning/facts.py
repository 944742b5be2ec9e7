"""facts: what `plan` finds out, as records.

Reads: nothing.  Gives: ArmPlan, JudgePlan, GatePlan, PlanFacts, CalibrationRow.
Depends on: records.
"""

from __future__ import annotations

from evalharness.records import Record


class ArmPlan(Record, frozen=True, kw_only=True):
    """What asking one arm takes.

    price_usd: None where the model's price is not known.  seconds: on the clock, by the mean
    latency of an earlier run and the connections allowed; None without such a run.
    """

    arm: str
    requests: int
    prompt_tokens: int
    answer_tokens_at_most: int
    price_usd: float | None
    seconds: float | None = None


class JudgePlan(Record, frozen=True, kw_only=True):
    """What one judge will be asked about all arms. by: its provider and model.

    price_usd: None where the model's price is not known.  bounded: whether something limits the
    length of a reply; else a usual length stands for the greatest.
    """

    judge: str
    by: str
    requests: int
    prompt_tokens: int
    answer_tokens_at_most: int
    price_usd: float | None
    bounded: bool = True


class GatePlan(Record, frozen=True, kw_only=True):
    """One deciding gate, for equal arms, on its own.

    passes_if_equal: how often it passes with the samples at hand.  n_needed: samples in all for the
    policy's power; None where `why` says that no number would do.
    decides: what the samples at hand do decide, as the gate's own number (margin, ratio, value), or
    the true gain that a superiority gate shows, at a power that suffices for all gates together;
    None where none does.  instead: repeats that would do instead of samples, in words.
    """

    gate: str
    passes_if_equal: float
    n_needed: int | None
    why: str | None
    decides: float | None
    instead: str | None


class PlanFacts(Record, frozen=True, kw_only=True):
    """The plan of a gate, sealed by the hashes of its policy and data.

    n: samples.  basis: what the power rests on.  ready_if_equal, ready_if_better: P(READY) of
    equal arms, and of a candidate better by `better_by` on every quality gate.
    n_needed: samples in all for the policy's power, None where no number would do.
    alpha: one-sided, of the last look where the policy's ledger has several.
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
