"""What a statistical answer looks like: intervals, p-values, and effects that can be questioned.

Reads: nothing.  Gives: Interval, Significance, Estimated, the Effect protocol, and argument checks.
Depends on: errors.  Knows nothing of any particular test.

An `Effect` is a finished piece of evidence: it can be asked for one-sided bounds at any alpha and
for a p-value at any threshold, and the two always agree:
`bounds(alpha).lower > theta` exactly when `p_greater(theta) < alpha` (up to rounding).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from evalharness.errors import TooFewSamples

HALF = 0.5


def _finite(owner: str, **numbers: float) -> None:
    """Refuse what is not a number: no NaN and no infinity leaves this room."""
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{owner}.{name} must be finite, got {number}")


@dataclass(frozen=True, slots=True)
class Interval:
    """Two bounds; each holds alone at one-sided level 1 - (1 - level) / 2.

    lower <= upper, both finite, in the units of what they bound.  level: two-sided, in (0, 1).
    method: the interval's name, e.g. "tango".
    """

    lower: float
    upper: float
    level: float
    method: str

    def __post_init__(self) -> None:
        _finite("Interval", lower=self.lower, upper=self.upper, level=self.level)
        if self.lower > self.upper:
            raise ValueError(f"Interval: lower {self.lower} > upper {self.upper} ({self.method})")

    @property
    def width(self) -> float:
        """The distance between the bounds."""
        return self.upper - self.lower

    def rounded(self, digits: int) -> tuple[float, float]:
        """Both bounds, rounded, for reading and for examples."""
        return round(self.lower, digits) + 0.0, round(self.upper, digits) + 0.0


@dataclass(frozen=True, slots=True)
class Significance:
    """A p-value in [0, 1], the statistic it belongs to, and the test's name."""

    p_value: float
    statistic: float
    method: str

    def __post_init__(self) -> None:
        _finite("Significance", p_value=self.p_value, statistic=self.statistic)
        if not 0.0 <= self.p_value <= 1.0:
            raise ValueError(f"Significance.p_value must lie in [0, 1], got {self.p_value}")


@dataclass(frozen=True, slots=True)
class Estimated:
    """A point estimate with its two-sided interval.

    n: units; n_clusters: independent groups, equal to n where there are no clusters.
    """

    value: float
    lower: float
    upper: float
    level: float
    method: str
    n: int
    n_clusters: int

    def __post_init__(self) -> None:
        _finite("Estimated", value=self.value, lower=self.lower, upper=self.upper)


class Effect(Protocol):
    """Evidence on one number (a difference, a ratio, a rate), ready to be asked.

    value: the point estimate.  method: how bounds come about.  n: units that were compared;
    n_clusters: independent groups among them.
    refusal: why this evidence may be shown but must not decide a gate; None where it may.
    """

    @property
    def value(self) -> float:
        """The point estimate."""
        ...

    @property
    def method(self) -> str:
        """The name of the interval."""
        ...

    @property
    def n(self) -> int:
        """Units compared."""
        ...

    @property
    def n_clusters(self) -> int:
        """Independent groups."""
        ...

    @property
    def refusal(self) -> str | None:
        """Why it must not decide a gate, if so."""
        ...

    def bounds(self, alpha: float) -> Interval:
        """A lower and an upper bound, each one-sided at `alpha`; level = 1 - 2 alpha."""
        ...

    def p_greater(self, theta: float) -> float:
        """Evidence that the truth lies above theta: p of H0 `truth <= theta`."""
        ...

    def p_less(self, theta: float) -> float:
        """Evidence that the truth lies below theta: p of H0 `truth >= theta`."""
        ...

    def p_different(self, theta: float) -> float:
        """Two-sided p of `truth == theta`."""
        ...


def two_sided(p_greater: float, p_less: float) -> float:
    """Twice the smaller tail, at most 1."""
    return min(1.0, 2.0 * min(p_greater, p_less))


def check_alpha(alpha: float) -> None:
    """Raise ValueError unless 0 < alpha < 0.5: a one-sided error rate."""
    if not 0.0 < alpha < HALF:
        raise ValueError(f"alpha is a one-sided error rate in (0, 0.5), got {alpha}")


def check_level(level: float) -> None:
    """Raise ValueError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is a two-sided confidence in (0, 1), got {level}")


def check_counts(successes: float, n: float) -> None:
    """Raise TooFewSamples if n is 0 and ValueError unless 0 <= successes <= n."""
    if n == 0:
        raise TooFewSamples("a rate of nothing: n is 0", mend="add samples")
    if not 0 <= successes <= n:
        raise ValueError(f"need 0 <= successes <= n, got {successes} of {n}")


def require(n: int, least: int, *, what: str, unit: str = "samples") -> None:
    """Raise TooFewSamples, saying what is missing, unless n >= least."""
    if n < least:
        raise TooFewSamples(
            f"{what} needs at least {least} {unit}, got {n}", mend=f"add {least - n} {unit}"
        )
