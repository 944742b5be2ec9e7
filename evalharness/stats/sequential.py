"""Looking more than once: group-sequential bounds and how alpha is spent over looks.

Reads: information fractions, alpha, a spending function.  Gives: critical z by look, powers, costs.
Depends on: special, roots, numpy.
Sources: Lan & DeMets (1983); O'Brien & Fleming (1979); Pocock (1977); Armitage, McPherson & Rowe
(1969) for the recursion; Jennison & Turnbull (2000), ch. 19.  R's rpact is the oracle (6e-8).

One-sided throughout: a look is crossed when z_k >= c_k.  Look k of a gate is judged at
`Look.nominal_alpha`, the one-sided alpha that belongs to c_k.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from evalharness.stats.inference import check_alpha
from evalharness.stats.moments import Array
from evalharness.stats.roots import find_crossing
from evalharness.stats.special import normal_quantile, normal_sf

Spending: TypeAlias = Literal["obrien_fleming", "pocock"]
_NODES: Final = 160
_FAR: Final = 9.0
_erfc: Final = np.frompyfunc(math.erfc, 1, 1)


class Look(NamedTuple):
    """One look: information so far (0..1), critical z, alpha of that z, alpha spent so far."""

    information: float
    critical_z: float
    nominal_alpha: float
    spent: float


def spent_alpha(spending: Spending, alpha: float, information: float) -> float:
    """Alpha spent up to an information fraction (all of it at 1 and beyond).

    obrien_fleming: 2 - 2 Phi(z_{alpha/2} / sqrt(t)): little early.  pocock: alpha ln(1 + (e-1) t).
    """
    t = min(1.0, max(0.0, information))
    if t == 0.0:
        return 0.0
    if spending == "obrien_fleming":
        return min(alpha, 2.0 * normal_sf(normal_quantile(1.0 - alpha / 2.0) / math.sqrt(t)))
    if spending == "pocock":
        return min(alpha, alpha * math.log1p((math.e - 1.0) * t))
    raise ValueError(f"unknown spending function {spending!r}")


def lan_demets(
    information: Sequence[float], *, alpha: float = 0.05, spending: Spending = "obrien_fleming"
) -> list[Look]:
    """Critical values of looks at these information fractions (increasing, in (0, 1]).

    Looks may be unequal or late; past 1 nothing is left to spend.

    >>> [round(look.critical_z, 4) for look in lan_demets([0.25, 0.5, 0.75, 1.0])]
    [3.7496, 2.5399, 2.0161, 1.7202]
    """
    check_alpha(alpha)
    _check_information(information)
    looks: list[Look] = []
    density: _Density | None = None
    spent = 0.0
    for t in information:
        target = spent_alpha(spending, alpha, t)
        z = _critical(density, t, target - spent)
        looks.append(Look(t, z, normal_sf(z), target))
        density = _advance(density, t, z, drift=0.0)
        spent = target
    return looks


def obrien_fleming(looks: int, *, alpha: float = 0.025) -> list[float]:
    """Classical O'Brien-Fleming critical values at equally spaced looks: c / sqrt(t_k)."""
    return _shaped(looks, alpha, lambda c, t: c / math.sqrt(t))


def pocock(looks: int, *, alpha: float = 0.025) -> list[float]:
    """Classical Pocock critical values at equally spaced looks: the same c at each."""
    return _shaped(looks, alpha, lambda c, _: c)


def crossing_probabilities(
    information: Sequence[float], critical_z: Sequence[float], *, drift: float = 0.0
) -> list[float]:
    """P(first crossing at look k) where z_k has mean drift * sqrt(t_k)."""
    _check_information(information)
    density: _Density | None = None
    crossed = []
    for t, z in zip(information, critical_z, strict=True):
        crossed.append(_crossing(density, t, z, drift))
        density = _advance(density, t, z, drift=drift)
    return crossed


def inflation(
    information: Sequence[float],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    spending: Spending = "obrien_fleming",
) -> float:
    """How many times the fixed sample size the looks may cost for the same power.

    >>> round(inflation([0.25, 0.5, 0.75, 1.0]), 4)
    1.0289
    """
    critical = [look.critical_z for look in lan_demets(information, alpha=alpha, spending=spending)]
    fixed = normal_quantile(1.0 - alpha) + normal_quantile(power)
    drift = find_crossing(
        lambda d: sum(crossing_probabilities(information, critical, drift=d)) - power,
        0.9 * fixed,
        2.0 * fixed,
        tolerance=1e-10,
    )
    return (drift / fixed) ** 2


def expected_information(
    information: Sequence[float], critical_z: Sequence[float], *, drift: float
) -> float:
    """Mean information used when stopping at the first crossing, as a fraction of the whole."""
    crossed = crossing_probabilities(information, critical_z, drift=drift)
    used = sum(p * t for p, t in zip(crossed, information, strict=True))
    return used + (1.0 - sum(crossed)) * information[-1]


# --- the recursion ---------------------------------------------------------------------------


class _Density(NamedTuple):
    """Where the process is, not having crossed: nodes and weights times density, at time t."""

    t: float
    nodes: Array
    mass: Array


def _sf(z: Array) -> Array:
    """Normal upper tails of an array."""
    return 0.5 * np.asarray(_erfc(z / math.sqrt(2.0)), dtype=np.float64)


def _crossing(before: _Density | None, t: float, z: float, drift: float) -> float:
    """P(not crossed before, z_t >= z)."""
    level = z * math.sqrt(t)
    if before is None:
        return normal_sf((level - drift * t) / math.sqrt(t))
    step = t - before.t
    return float(before.mass @ _sf((level - before.nodes - drift * step) / math.sqrt(step)))


def _critical(before: _Density | None, t: float, alpha: float) -> float:
    """The z that leaves `alpha` to cross at this look; a z never reached where alpha is 0."""
    if alpha <= 1e-15:
        return _FAR
    if before is None:
        return -normal_quantile(alpha)
    return find_crossing(lambda z: _crossing(before, t, z, 0.0) - alpha, -_FAR, _FAR)


@functools.cache
def _gauss_legendre() -> tuple[Array, Array]:
    """Nodes and weights on [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _advance(before: _Density | None, t: float, z: float, *, drift: float) -> _Density:
    """The density of the process at time t below its critical value, on Gauss-Legendre nodes."""
    start, weights = _gauss_legendre()
    low = drift * t - _FAR * math.sqrt(t)
    high = max(low + 1e-9, min(z * math.sqrt(t), drift * t + _FAR * math.sqrt(t)))
    nodes = 0.5 * (high - low) * start + 0.5 * (high + low)
    weights = 0.5 * (high - low) * weights
    if before is None:
        density = np.exp(-0.5 * (nodes - drift * t) ** 2 / t) / math.sqrt(2.0 * math.pi * t)
    else:
        step = t - before.t
        gaps = nodes[:, None] - before.nodes[None, :] - drift * step
        kernel = np.exp(-0.5 * gaps**2 / step) / math.sqrt(2.0 * math.pi * step)
        density = kernel @ before.mass
    return _Density(t, nodes, density * weights)


def _shaped(looks: int, alpha: float, shape: Callable[[float, float], float]) -> list[float]:
    """Critical values of a given shape whose crossings sum to alpha."""
    check_alpha(alpha)
    information = [(k + 1) / looks for k in range(looks)]

    def total(c: float) -> float:
        """Alpha spent in all with this constant, less the alpha there is."""
        return sum(crossing_probabilities(information, [shape(c, t) for t in information])) - alpha

    c = find_crossing(total, 0.5, 8.0, tolerance=1e-11)
    return [shape(c, t) for t in information]


def _check_information(information: Sequence[float]) -> None:
    grown = [0.0, *information]
    steps = [after - before for before, after in itertools.pairwise(grown)]
    if not steps or min(steps) <= 0.0 or grown[-1] > 1.0 + 1e-12:
        raise ValueError(f"information fractions must increase within (0, 1], got {information}")
