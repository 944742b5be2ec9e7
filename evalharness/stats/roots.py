"""Root finding: where does a monotone function cross zero?

Reads: a function and a bracket.  Gives: the crossing, to the last bits.
Depends on: the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Callable


def find_increasing(
    miss: Callable[[float], float],
    slope: Callable[[float], float],
    *,
    low: float,
    high: float,
    start: float,
) -> float:
    """Root of an increasing function in [low, high]: Newton steps, bisection where they leave.

    miss: the function; slope: its derivative (0 where unknown: that step is a bisection).
    """
    x = min(max(start, low), high)
    previous = math.inf
    for _ in range(200):
        off = miss(x)
        if off == 0.0:
            return x
        if off > 0.0:
            high = x
        else:
            low = x
        gradient = slope(x)
        step = off / gradient if gradient > 0.0 else math.inf
        following = x - step
        slow = abs(off) > 0.5 * previous
        previous = abs(off)
        if not low < following < high or slow:
            following = 0.5 * (low + high)
        if following == x or abs(following - x) <= 4e-16 * abs(following):
            return following
        x = following
    return x


def find_crossing(
    function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-13
) -> float:
    """Where a monotone function changes sign between low and high, by bisection-guarded secants.

    The ends must have opposite signs (or be zero); tolerance is absolute, on the argument.
    Illinois steps, with a bisection whenever three of them have not halved the bracket.
    """
    f_low, f_high = function(low), function(high)
    if f_low == 0.0:
        return low
    if f_high == 0.0:
        return high
    if (f_low > 0.0) == (f_high > 0.0):
        raise ValueError(f"no crossing between {low} ({f_low}) and {high} ({f_high})")
    side, width, tries = 0, high - low, 0
    for _ in range(300):
        if abs(high - low) <= tolerance:
            break
        tries += 1
        middle = (f_high * low - f_low * high) / (f_high - f_low)
        if tries == 3 or not low < middle < high:
            middle = 0.5 * (low + high)
        f_middle = function(middle)
        if f_middle == 0.0:
            return middle
        if (f_middle > 0.0) == (f_high > 0.0):
            high, f_high = middle, f_middle
            f_low = f_low / 2 if side == 1 else f_low
            side = 1
        else:
            low, f_low = middle, f_middle
            f_high = f_high / 2 if side == -1 else f_high
            side = -1
        if tries == 3:
            tries = 0 if high - low <= 0.5 * width else 2
            width = high - low
    return 0.5 * (low + high)
