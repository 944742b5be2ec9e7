"""Quantiles (p50, p95 of latency): one arm exactly, two arms by the paired bootstrap.

Reads: values [n] of one arm, or of two on the same samples.  Gives: Effects.
Depends on: resample, corpus, special, inference.
Sources: David & Nagaraja (2003), ch. 7, for order statistics; simulation E of the design study for
the percentile bootstrap of a ratio (2.8-4.7 % errors at 5 %).

A quantile is the smallest value that at least a share q of the values do not exceed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evalharness.errors import TooFewSamples
from evalharness.stats.corpus import BootstrapEffect
from evalharness.stats.inference import Interval, check_alpha, check_level, two_sided
from evalharness.stats.moments import Array, Codes, as_values
from evalharness.stats.resample import DRAWS, Generator, resample_weights
from evalharness.stats.special import binomial_cdf, binomial_quantile, binomial_sf

MOST_COUNTS: Final = 200_000_000
"""Units times resamples that a quantile of a large sample may take, as long as 2,000 remain."""
TAIL_EVENTS: Final = 10
"""Values that must lie beyond a quantile before a ratio of quantiles is believed."""


def quantile_value(values: Sequence[float] | Array, q: float) -> float:
    """The q-quantile: the ceil(n q)-th smallest value."""
    array = np.sort(as_values(values))
    if len(array) == 0:
        raise TooFewSamples("a quantile of nothing")
    return float(array[_rank(len(array), q) - 1])


def _rank(n: int, q: float) -> int:
    """The 1-based rank of the q-quantile among n."""
    if not 0.0 < q < 1.0:
        raise ValueError(f"a quantile needs 0 < q < 1, got {q}")
    return min(n, max(1, math.ceil(n * q - 1e-9)))


def require_tail(n: int, q: float) -> None:
    """Raise TooFewSamples unless 10 values can be expected beyond the quantile, on either side."""
    share = min(q, 1.0 - q)
    if n * share < TAIL_EVENTS - 1e-9:
        needed = math.ceil(TAIL_EVENTS / share - 1e-9)
        raise TooFewSamples(
            f"a bound on the {100 * q:g}th percentile needs {needed} samples, got {n}",
            mend=f"add {needed - n} samples",
        )


def order_statistic_ranks(n: int, q: float, *, level: float = 0.95) -> tuple[int, int]:
    """Binomial quantiles (lower, upper) of how many of n values lie at or below the q-quantile.

    An exact interval runs from the lower-th value to the (upper + 1)-th.

    >>> order_statistic_ranks(200, 0.95)
    (184, 196)
    """
    check_level(level)
    alpha = (1.0 - level) / 2.0
    return binomial_quantile(alpha, n, q), binomial_quantile(1.0 - alpha, n, q)


@dataclass(frozen=True, slots=True, eq=False)
class OrderStatistic:
    """One arm's quantile with exact bounds, whatever the distribution; see `quantile_effect`."""

    sorted_n: Array
    q: float

    @property
    def value(self) -> float:
        """The quantile."""
        return float(self.sorted_n[_rank(len(self.sorted_n), self.q) - 1])

    @property
    def method(self) -> str:
        """Order statistics."""
        return "order-statistics"

    @property
    def n(self) -> int:
        """Values."""
        return len(self.sorted_n)

    @property
    def n_clusters(self) -> int:
        """Every value stands alone."""
        return len(self.sorted_n)

    @property
    def refusal(self) -> str | None:
        """Never: exact, and refused at once where there are too few."""
        return None

    def bounds(self, alpha: float) -> Interval:
        """The exact interval; raises TooFewSamples where n is too small for one."""
        check_alpha(alpha)
        lower, upper = order_statistic_ranks(self.n, self.q, level=1.0 - 2.0 * alpha)
        if lower < 1 or upper + 1 > self.n:
            raise TooFewSamples(
                f"{self.n} values cannot bound their {100 * self.q:g}th percentile at "
                f"alpha {alpha:g}",
                mend="add samples",
            )
        return Interval(
            float(self.sorted_n[lower - 1]),
            float(self.sorted_n[upper]),
            1.0 - 2.0 * alpha,
            self.method,
        )

    def p_greater(self, theta: float) -> float:
        """P of so few values at or below theta if it were the quantile."""
        below = int(np.searchsorted(self.sorted_n, theta, side="right"))
        return binomial_cdf(below, self.n, self.q)

    def p_less(self, theta: float) -> float:
        """P of so many values below theta if it were the quantile."""
        below = int(np.searchsorted(self.sorted_n, theta, side="left"))
        return binomial_sf(below - 1, self.n, self.q)

    def p_different(self, theta: float) -> float:
        """Twice the smaller tail."""
        return two_sided(self.p_greater(theta), self.p_less(theta))


def quantile_effect(
    values: Sequence[float] | Array,
    q: float,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    draws: int | None = None,
) -> OrderStatistic | BootstrapEffect:
    """One arm's q-quantile: exact without clusters, by the cluster bootstrap with them.

    draws: resamples; None lets the size of the sample decide (2,000 to 10,000).
    Raises TooFewSamples unless 10 values can be expected beyond it.
    """
    array = as_values(values)
    if clusters is None:
        require_tail(len(array), q)
        return OrderStatistic(np.sort(array), q)
    n_clusters = int(clusters.max()) + 1 if len(clusters) else 0
    require_tail(n_clusters, q)
    draws = draws or _enough_draws(len(array))
    blocks = resample_weights(len(array), draws=draws, rng=rng, clusters=clusters)
    values_b = np.concatenate([weighted_quantiles(array, block, q) for block in blocks])
    return _percentile_effect(quantile_value(array, q), values_b, n=(len(array), n_clusters))


def quantile_ratio_effect(
    candidate: Sequence[float] | Array,
    baseline: Sequence[float] | Array,
    q: float,
    *,
    rng: Generator,
    clusters: Codes | None = None,
    draws: int | None = None,
) -> BootstrapEffect:
    """Candidate's q-quantile / baseline's, both arms on the same resamples.

    candidate, baseline: positive values (seconds) [n] of the same samples.
    draws: resamples; None lets the size of the sample decide (2,000 to 10,000).
    Raises TooFewSamples unless 10 values can be expected beyond the quantile (p95: 200 samples)
    and every value is positive.
    """
    c, b = as_values(candidate, what="candidate"), as_values(baseline, what="baseline")
    if len(c) != len(b):
        raise ValueError(f"pairs need equal lengths, got {len(c)} and {len(b)}")
    if len(c) and min(float(c.min()), float(b.min())) <= 0.0:
        raise TooFewSamples("a ratio of quantiles needs positive values, and some are not")
    n_clusters = len(c) if clusters is None else int(clusters.max()) + 1
    require_tail(n_clusters, q)
    draws = draws or _enough_draws(len(c))
    parts = [
        weighted_quantiles(c, block, q) / weighted_quantiles(b, block, q)
        for block in resample_weights(len(c), draws=draws, rng=rng, clusters=clusters)
    ]
    value = quantile_value(c, q) / quantile_value(b, q)
    return _percentile_effect(value, np.concatenate(parts), n=(len(c), n_clusters))


def _enough_draws(n: int) -> int:
    """10,000 resamples, or fewer for more than 20,000 units, down to 2,000."""
    return max(2000, min(DRAWS, MOST_COUNTS // max(1, n)))


def _percentile_effect(value: float, values_b: Array, *, n: tuple[int, int]) -> BootstrapEffect:
    """A bootstrap effect that may be constant.

    Where the values around a quantile are all equal its exact bounds are equal too: what may have
    gone unseen is less than the tail beyond it.
    """
    return BootstrapEffect(
        value=value,
        sorted_b=np.sort(values_b),
        n_undefined=0,
        n=n[0],
        n_clusters=n[1],
        method="bootstrap",
        low=None,
        high=None,
        refusal=None,
    )


def weighted_quantiles(values: Array, weights_bn: Array, q: float) -> Array:
    """The q-quantile of values [n] under each of b weightings [b, n]; no values are gathered.

    Looks at the top values only, as far down as the tail beyond the quantile can reach.
    """
    n = len(values)
    order = np.argsort(values)[::-1]
    totals = weights_bn.sum(axis=1)
    room = totals * (1.0 - q) + 1e-9
    expected = n * (1.0 - q)
    reach = min(n, int(expected + 8.0 * math.sqrt(expected) + 16.0))
    while True:
        above = np.cumsum(weights_bn[:, order[:reach]], axis=1)
        if reach == n or bool((above[:, -1] > room).all()):
            break
        reach = min(n, 2 * reach)
    position = np.argmax(above > room[:, None], axis=1)
    quantiles: Array = values[order[position]]
    return quantiles
