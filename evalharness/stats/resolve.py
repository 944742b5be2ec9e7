"""Just enough resamples: add some while a decision hangs on Monte-Carlo error, then stop.

Reads: a BootstrapEffect and a way to draw more values.  Gives: a BootstrapEffect.
Depends on: corpus, numpy.
Source: Besag & Clifford (1991) in spirit; the rule (3 standard errors) is stats' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from evalharness.stats.corpus import BootstrapEffect
from evalharness.stats.moments import Array

STANDARD_ERRORS: Final = 3.0
"""A p-value is settled when it is this many Monte-Carlo standard errors away from alpha."""
MOST_DRAWS: Final = 200_000


def is_resolved(effect: BootstrapEffect, theta: float, alpha: float) -> bool:
    """Whether neither p-value at theta is within 3 Monte-Carlo errors of alpha."""
    return all(
        abs(p - alpha) > STANDARD_ERRORS * effect.monte_carlo_error(alpha)
        for p in (effect.p_greater(theta), effect.p_less(theta))
    )


def until_resolved(
    effect: BootstrapEffect,
    more: Callable[[int], Array],
    *,
    theta: float,
    alpha: float,
    most: int = MOST_DRAWS,
) -> BootstrapEffect:
    """The effect with as many resamples as the decision at (theta, alpha) needs.

    more(draws): values [draws] under further resamples, from a generator of their own.
    Start with few draws (1,000): most decisions need no more.  Doubles up to `most` in all.
    """
    while not is_resolved(effect, theta, alpha) and effect.draws < most:
        values = more(min(effect.draws, most - effect.draws))
        finite = values[np.isfinite(values)]
        effect = replace(
            effect,
            sorted_b=np.sort(np.concatenate([effect.sorted_b, finite])),
            n_undefined=effect.n_undefined + len(values) - len(finite),
        )
    return effect
