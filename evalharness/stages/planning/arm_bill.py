"""arm_bill: what asking one arm takes, in requests, tokens and money; asks nothing.

Reads: an arm's Plan, its price.  Gives: ArmPlan.
Depends on: plan (the stage), continuations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evalharness.spec.suite import PriceSpec
from evalharness.stages.continuations import continuations
from evalharness.stages.planning.facts import ArmPlan

if TYPE_CHECKING:
    from evalharness.stages.plan import Plan

CHARS_PER_TOKEN = 4.0
"""English text by OpenAI's rule of thumb; a ceiling for planning, not a bill."""
DEFAULT_ANSWER_TOKENS = 256


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
