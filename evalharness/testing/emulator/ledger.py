"""What an emulator counts: requests, bills, load; and which request meets which fault.

Reads: requests as they come.  Gives: Ledger.  Depends on: plan, faults, models.
The fingerprint of a request is the hash of its body, so that a retry is known as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import FAULTS, Fault
from evalharness.testing.emulator.models import digest
from evalharness.testing.emulator.plan import LatencyPlan, LimitPlan, Plan


@dataclass(slots=True)
class Account:
    """One distinct request: how often it was asked, answered and billed."""

    hits: int = 0
    answered: int = 0
    billed: int = 0


@dataclass(slots=True)
class Bucket:
    """Tokens of one key's bucket, and when they were last filled up."""

    tokens: float
    filled_at: float
    rate_per_s: float


@dataclass(slots=True)
class Ledger:
    """Everything counted since the plan was set."""

    plan: Plan
    requests: int = 0
    answered: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    billed_requests: int = 0
    billed_prompt_tokens: int = 0
    billed_completion_tokens: int = 0
    throttled: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    by_model: dict[str, int] = field(default_factory=dict)
    idempotency_keys: set[str] = field(default_factory=set)
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def enter(self, fingerprint: str, model: str, idempotency_key: str) -> int:
        """Count a request; gives how often it was asked, this time included."""
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self.by_model[model] = self.by_model.get(model, 0) + 1
        if idempotency_key:
            self.idempotency_keys.add(idempotency_key)
        account = self.accounts.setdefault(fingerprint, Account())
        account.hits += 1
        return account.hits

    def bill(self, fingerprint: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count a request as billed."""
        self.accounts[fingerprint].billed += 1
        self.billed_requests += 1
        self.billed_prompt_tokens += prompt_tokens
        self.billed_completion_tokens += completion_tokens

    def answer(self, fingerprint: str) -> None:
        """Count a request as answered."""
        self.accounts[fingerprint].answered += 1
        self.answered += 1

    def refused_for_load(self, key: str, now_s: float) -> float | None:
        """Seconds until the key's bucket has a token again; None where there is one now."""
        limits = self.plan.limits
        if limits.rate_per_s is None:
            return None
        bucket = self.buckets.get(key)
        if bucket is None:
            bucket = self.buckets[key] = Bucket(limits.burst, now_s, limits.rate_per_s)
        filled = bucket.tokens + (now_s - bucket.filled_at) * bucket.rate_per_s
        bucket.tokens = min(max(limits.burst, bucket.rate_per_s), filled)
        bucket.filled_at = now_s
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            bucket.rate_per_s *= limits.dynamic
            return None
        self.throttled += 1
        return (1.0 - bucket.tokens) / bucket.rate_per_s

    def snapshot(self, *, connections: int) -> JsonObject:
        """All counts, as JSON."""
        return {
            "requests": self.requests,
            "answered": self.answered,
            "distinct": len(self.accounts),
            "asked_again": sum(max(0, account.hits - 1) for account in self.accounts.values()),
            "answered_twice": sum(account.answered > 1 for account in self.accounts.values()),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "billed_requests": self.billed_requests,
            "billed_prompt_tokens": self.billed_prompt_tokens,
            "billed_completion_tokens": self.billed_completion_tokens,
            "throttled": self.throttled,
            "faults": self.faults,
            "by_model": self.by_model,
            "idempotency_keys": len(self.idempotency_keys),
            "connections": connections,
        }


def fault_for(plan: Plan, model: str, fingerprint: str, last: str, hit: int) -> Fault | None:
    """The fault that this asking of a request meets: by the model's suffix, then by the rules."""
    suffix = model.partition("#")[2]
    if suffix:
        named = dict(part.partition("=")[::2] for part in suffix.split(";"))
        fault = FAULTS.get(named.get("fault", ""))
        times = named.get("n")
        return fault if fault and (times is None or hit <= int(times)) else None
    for number, rule in enumerate(plan.rules):
        if rule.match not in last or rule.model not in (None, model):
            continue
        luck = unit(f"{plan.seed}:{number}:{fingerprint}")
        if luck < rule.share and (rule.times is None or hit <= rule.times):
            chosen = int(unit(f"{plan.seed}:{number}:which:{fingerprint}") * len(rule.faults))
            return FAULTS[rule.faults[chosen]]
    return None


def ttft_s(latency: LatencyPlan, seed: int, number: int, of_model: int) -> float:
    """Seconds until the first token of the `number`-th request."""
    luck = unit(f"{seed}:latency:{number}")
    if latency.model == "lognormal":
        drawn = math.exp(latency.mu + latency.sigma * NormalDist().inv_cdf(max(luck, 1e-12)))
    elif latency.model == "bimodal":
        drawn = latency.slow_s if luck < latency.p_slow else latency.ttft_s
    elif latency.model == "trace" and latency.trace:
        drawn = latency.trace[number % len(latency.trace)]
    else:
        drawn = latency.ttft_s
    return drawn + (latency.warmup_s if of_model <= latency.warmup else 0.0)


def over_capacity(limits: LimitPlan, in_flight: int) -> bool:
    """Whether one more request is over the cap."""
    return limits.max_in_flight is not None and in_flight > limits.max_in_flight


def unit(name: str) -> float:
    """A number in [0, 1) from a name."""
    return int(digest(name)[:16], 16) / 2**64
