"""Student's t, corrected for skewness: what a bootstrap-t finds, in closed form.

Reads: a t statistic and the skewness of the units behind it.  Gives: a t statistic whose tails fit.
Depends on: the standard library.
Source: Hall (1992), "On the removal of skewness by transformation", JRSS B 54:221, eq. 2.2.

The distribution of the studentised mean of n units with skewness g is, to second order,
Phi(x) + g (2 x^2 + 1) phi(x) / (6 sqrt(n)).  Hall's cubic removes that term and is monotone, so
it can be inverted.  Over 15 shapes and n = 20..1000 its one-sided errors equal those of the
bootstrap-t within Monte-Carlo error (`tests/stats/test_calibration.py`), without draws, seeds or
a floor on p.
"""

from __future__ import annotations

import math


def hall_t(t: float, skew_term: float) -> float:
    """The corrected statistic; skew_term = skewness / sqrt(n).

    >>> hall_t(2.0, 0.0)
    2.0
    """
    a = skew_term
    return t + a * t * t / 3.0 + a * a * t**3 / 27.0 + a / 6.0


def hall_t_inverse(corrected: float, skew_term: float) -> float:
    """The t statistic with that correction."""
    a = skew_term
    if abs(a) < 1e-9:
        return corrected - a * corrected * corrected / 3.0 - a / 6.0
    return 3.0 / a * (math.cbrt(1.0 + a * (corrected - a / 6.0)) - 1.0)
