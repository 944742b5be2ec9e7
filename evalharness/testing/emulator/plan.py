"""What an emulator is told to do: answers, faults, latency, limits.

Reads: JSON of POST /__plan.  Gives: Plan and its parts.
Depends on: records, the fault catalogue.
"""

from __future__ import annotations

from typing import Literal

from evalharness.records import JsonObject, Record


class FaultRule(Record, frozen=True, kw_only=True):
    """Which requests meet which fault.

    faults: names from `faults.FAULTS`; a request meets one of them, by its hash.
    share: of the distinct requests, 0..1.  times: on how many askings of such a request, from the
    first; None means every time.
    match: only requests whose last message holds this text.  model: only this model.
    """

    faults: tuple[str, ...]
    share: float = 1.0
    times: int | None = 1
    match: str = ""
    model: str | None = None


class LatencyPlan(Record, frozen=True, kw_only=True):
    """How long answers take, in seconds, drawn by hash of (seed, number of the request).

    model: `const` takes ttft_s; `lognormal` exp(mu + sigma z); `bimodal` slow_s for p_slow of the
    requests, else ttft_s; `trace` the values in turn.
    per_token_s: between tokens of a stream, and added up for a whole answer.
    warmup: so many first requests of a model take warmup_s more.
    """

    model: Literal["const", "lognormal", "bimodal", "trace"] = "const"
    ttft_s: float = 0.0
    mu: float = -1.0
    sigma: float = 0.5
    p_slow: float = 0.05
    slow_s: float = 1.0
    trace: tuple[float, ...] = ()
    per_token_s: float = 0.0
    warmup: int = 0
    warmup_s: float = 0.0


class LimitPlan(Record, frozen=True, kw_only=True):
    """When the emulator refuses for load.

    rate_per_s, burst: a token bucket for each key, 429 when empty.  max_in_flight: 503 above it.
    dynamic: the rate grows by this factor for each answer and the bucket with it (1.0 = fixed).
    """

    rate_per_s: float | None = None
    burst: float = 1.0
    max_in_flight: int | None = None
    dynamic: float = 1.0


class Plan(Record, frozen=True, kw_only=True):
    """Everything an emulator is told.

    keys: accepted API keys; empty accepts all.  models: known names; empty knows all.
    answers: last user message -> gold answer, for `gold@p` models.
    programs: model name -> how it answers (`gold@0.9`), where the name does not say so itself.
    dialect: whose habits the answers have (finish reasons, shape of /v1/models).
    retry_after_s: what throttles ask for where their name does not say it.
    job_polls: how often a batch or fine-tuning job is looked at before it is finished.
    job_end: how it ends.  job_price_usd: what a fine-tuning job costs, None where no estimate is
    given.  file_end: what becomes of an uploaded training file.
    """

    seed: int = 0
    keys: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    answers: dict[str, str] = {}
    programs: dict[str, str] = {}
    rules: tuple[FaultRule, ...] = ()
    latency: LatencyPlan = LatencyPlan()
    limits: LimitPlan = LimitPlan()
    dialect: Literal["openai", "together", "vllm"] = "openai"
    hang_s: float = 30.0
    trickle_s: float = 0.05
    job_polls: int = 2
    job_end: str = "completed"
    job_price_usd: float | None = 4.2
    file_end: str = "COMPLETED"
    extra: JsonObject = {}
