"""What n units cannot show: outcomes too rare to have been seen.

Reads: a point estimate and the least (or greatest) value a unit can have.  Gives: bounds, p-values.
Depends on: the standard library.

Anything that happens to a share s of all units goes unseen in n of them with probability
(1 - s)^n.  So a sample that shows no catastrophe still allows a share 1 - alpha^(1/n) of them, and
no bound may be narrower than that: a t interval, a bootstrap and every other method that looks
only at the data have zero width where the data have no spread.  On units that are all equal this
is the Clopper-Pearson bound at zero events.
Source: Clopper & Pearson (1934) at x = 0; used here for any bounded unit.
"""

from __future__ import annotations


def unseen_share(n: float, alpha: float) -> float:
    """The largest share of units that n units can all have missed with probability alpha.

    >>> round(unseen_share(100, 0.05), 6)
    0.029513
    """
    return float(1.0 - alpha ** (1.0 / n))


def unseen_bound(value: float, extreme: float, *, n: float, alpha: float) -> float:
    """The mean if an unseen share of the units were at `extreme`; a bound on that side."""
    return value + unseen_share(n, alpha) * (extreme - value)


def unseen_p(value: float, theta: float, extreme: float, *, n: float) -> float:
    """The probability that the units at `extreme` that would move value to theta go unseen.

    1 where theta is value, or on the other side of it: nothing unseen is needed for that.
    """
    if theta == value or (theta > value) != (extreme > value):
        return 1.0
    if value == extreme:
        return 0.0
    share = (theta - value) / (extreme - value)
    return 0.0 if share >= 1.0 else float((1.0 - share) ** n)
