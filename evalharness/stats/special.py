"""Distribution functions: normal, Student t, beta, binomial, chi-squared, Poisson tails.

Reads: scalars.  Gives: probabilities and quantiles, accurate to about 1e-13.
Depends on: roots and the standard library; scipy is the oracle in tests only
(docs/decisions/002-own-special-functions.md).
Sources: Loader (2000), "Fast and accurate computation of binomial probabilities", for the
prefactors; Didonato & Morris (1992), TOMS 708, for the incomplete beta; DLMF 8.9.2 for gamma.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from evalharness.stats.roots import find_increasing

_NORMAL: Final = NormalDist()
_LOG_2PI: Final = math.log(2.0 * math.pi)
_TINY: Final = 1e-300
_EPS: Final = 1e-16
_MAX_TERMS: Final = 200_000


# --- normal ----------------------------------------------------------------------------------


def normal_cdf(z: float) -> float:
    """P(Z <= z), accurate in the left tail.

    >>> round(normal_cdf(-1.6448536269514729), 12)
    0.05
    """
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def normal_sf(z: float) -> float:
    """P(Z > z), accurate in the right tail."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def normal_pdf(z: float) -> float:
    """The standard normal density."""
    return math.exp(-0.5 * z * z - 0.5 * _LOG_2PI)


def normal_quantile(p: float) -> float:
    """The z with P(Z <= z) = p, 0 < p < 1.

    >>> round(normal_quantile(0.975), 12)
    1.95996398454
    """
    return _NORMAL.inv_cdf(p)


# --- exact prefactors (Loader) ---------------------------------------------------------------


def _stirling_error(n: float) -> float:
    """log(n!) minus Stirling's formula; real n > 0."""
    if n <= 15.0:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - 0.5 * _LOG_2PI
    s = 1.0 / (n * n)
    series = 1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188))))
    return series / n


def _deviance(x: float, mean: float, excess: float) -> float:
    """The value of x log(x / mean) + mean - x; excess = x - mean, given for accuracy."""
    if abs(excess) < 0.1 * (x + mean):
        v = excess / (x + mean)
        total = excess * v
        term = 2.0 * x * v
        for j in range(1, 1000):
            term *= v * v
            following = total + term / (2 * j + 1)
            if following == total:
                break
            total = following
        return total
    return x * math.log(x / mean) - excess


def _binomial_density(x: float, rest: float, p: float, q: float) -> float:
    """C(n, x) p^x q^rest with n = x + rest, real x and rest; p + q = 1, both given for accuracy."""
    n = x + rest
    if p == 0.0:
        return 1.0 if x == 0.0 else 0.0
    if q == 0.0:
        return 1.0 if rest == 0.0 else 0.0
    if x == 0.0:
        return math.exp(n * math.log1p(-p) if p < 0.5 else n * math.log(q))
    if rest == 0.0:
        return math.exp(n * math.log1p(-q) if q < 0.5 else n * math.log(p))
    excess = x * q - rest * p
    log_c = (
        _stirling_error(n)
        - _stirling_error(x)
        - _stirling_error(rest)
        - _deviance(x, n * p, excess)
        - _deviance(rest, n * q, -excess)
    )
    log_f = _LOG_2PI + math.log(x) + math.log(rest / n)
    return math.exp(log_c - 0.5 * log_f)


def _poisson_density(x: float, mean: float) -> float:
    """mean^x e^-mean / Gamma(x + 1) for real x > 0, mean > 0."""
    log_ratio = -_stirling_error(x) - _deviance(x, mean, x - mean)
    return math.exp(log_ratio) / math.sqrt(2.0 * math.pi * x)


# --- beta and binomial -----------------------------------------------------------------------


def _beta_fraction(a: float, b: float, x: float, y: float) -> float:
    """The factor r of I_x(a, b) = x^a y^b / B(a, b) * r, for x at most its mean a / (a + b).

    Didonato & Morris (1992), eq. 9.1: stable near the mean, where simpler fractions cancel.
    """
    offset = 1.0 + (a - (a + b) * x if a <= b else (a + b) * y - b)
    c0, c1 = b / a, 1.0 + 1.0 / a
    p, s = 1.0, a + 1.0
    a_before, b_before, a_now, b_now = 0.0, 1.0, 1.0, offset / c1
    r = c1 / offset
    for n in range(1, _MAX_TERMS):
        t = n / a
        w = n * (b - n) * x
        e = a / s
        alpha = p * (p + c0) * e * e * (w * x)
        beta = n + w / s + (t + 1.0) / (c1 + t + t) * (offset + n * (y + 1.0))
        p = t + 1.0
        s += 2.0
        a_before, a_now = a_now, alpha * a_before + beta * a_now
        b_before, b_now = b_now, alpha * b_before + beta * b_now
        following = a_now / b_now
        if abs(following - r) <= _EPS * following:
            return following
        a_before, b_before, a_now, b_now = a_before / b_now, b_before / b_now, following, 1.0
        r = following
    return r


def _beta_tail(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """(I_x(a, b), 1 - I_x(a, b)) with y = 1 - x given for accuracy; the smaller one is accurate."""
    if x <= 0.0:
        return 0.0, 1.0
    if y <= 0.0:
        return 1.0, 0.0
    front = a * b / (a + b) * _binomial_density(a, b, x, y)
    below = a - (a + b) * x if a <= b else (a + b) * y - b
    if below >= 0.0:
        low = min(1.0, front * _beta_fraction(a, b, x, y))
        return low, 1.0 - low
    high = min(1.0, front * _beta_fraction(b, a, y, x))
    return 1.0 - high, high


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta I_x(a, b); a, b > 0, x in [0, 1].

    >>> round(beta_cdf(0.3, 2, 3), 12)
    0.3483
    """
    return _beta_tail(a, b, x, 1.0 - x)[0]


def beta_sf(x: float, a: float, b: float) -> float:
    """1 - I_x(a, b), accurate where it is small."""
    return _beta_tail(a, b, x, 1.0 - x)[1]


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p.

    >>> round(beta_quantile(0.05, 100, 1), 6)
    0.970487
    """
    if not 0.0 < p < 1.0:
        return 0.0 if p <= 0.0 else 1.0
    if a == 1.0:
        return -math.expm1(math.log1p(-p) / b)
    if b == 1.0:
        return math.exp(math.log(p) / a)
    if beta_cdf(0.5, a, b) < p:  # solve for the smaller of x and 1 - x: floats are dense there
        return 1.0 - _beta_quantile_below(1.0 - p, p, b, a)
    return _beta_quantile_below(p, 1.0 - p, a, b)


def _beta_quantile_below(p: float, q: float, a: float, b: float) -> float:
    """Quantile by safeguarded Newton; p + q = 1, and the smaller of the two is matched."""

    def miss(x: float) -> float:
        """Distance from p, on the side where it is accurate."""
        low, high = _beta_tail(a, b, x, 1.0 - x)
        return low - p if p <= q else q - high

    def slope(x: float) -> float:
        """The density."""
        if not 0.0 < x < 1.0:
            return 0.0
        density = a * b / (a + b) * _binomial_density(a, b, x, 1.0 - x)
        return density / (x * (1.0 - x))

    return find_increasing(miss, slope, low=0.0, high=0.5, start=min(0.5, a / (a + b)))


def binomial_pmf(k: int, n: int, p: float) -> float:
    """P(X = k) for X ~ Binomial(n, p)."""
    if k < 0 or k > n:
        return 0.0
    return _binomial_density(float(k), float(n - k), p, 1.0 - p)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p), accurate in the left tail."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return _beta_tail(n - k, k + 1.0, 1.0 - p, p)[0]


def binomial_sf(k: int, n: int, p: float) -> float:
    """P(X > k) for X ~ Binomial(n, p), accurate in the right tail."""
    if k < 0:
        return 1.0
    if k >= n:
        return 0.0
    return _beta_tail(k + 1.0, n - k, p, 1.0 - p)[0]


def binomial_quantile(probability: float, n: int, p: float) -> int:
    """The smallest k with P(X <= k) >= probability."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(middle, n, p) >= probability * (1.0 - 64 * _EPS):
            high = middle
        else:
            low = middle
    return high


# --- Student t -------------------------------------------------------------------------------


def t_sf(t: float, df: float) -> float:
    """P(T > t) for Student's t with df > 0 degrees of freedom.

    >>> round(t_sf(2.0, 10), 10)
    0.0366940174
    """
    square = t * t
    x, y = df / (df + square), square / (df + square)
    tail = 0.5 * _beta_tail(0.5 * df, 0.5, x, y)[0]
    return tail if t >= 0.0 else 1.0 - tail


def t_cdf(t: float, df: float) -> float:
    """P(T <= t), accurate in the left tail."""
    return t_sf(-t, df)


def t_pdf(t: float, df: float) -> float:
    """The density of Student's t."""
    log_front = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df)
    return math.exp(
        log_front - 0.5 * math.log(df * math.pi) - 0.5 * (df + 1.0) * math.log1p(t * t / df)
    )


def t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p, 0 < p < 1.

    >>> round(t_quantile(0.95, 9), 10)
    1.8331129327
    """
    if not 0.0 < p < 1.0:
        raise ValueError(f"a t quantile needs 0 < p < 1, got {p}")
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -_t_upper(p, df)
    return _t_upper(1.0 - p, df)


def _t_upper(tail: float, df: float) -> float:
    """The t > 0 with P(T > t) = tail < 1/2."""
    z = -normal_quantile(tail)
    start = z + (z**3 + z) / (4.0 * df)
    high = max(2.0 * start, 10.0)
    while t_sf(high, df) > tail:
        high *= 8.0
    return find_increasing(
        lambda t: tail - t_sf(t, df), lambda t: t_pdf(t, df), low=0.0, high=high, start=start
    )


def t_sf_noncentral(t: float, df: float, shift: float) -> float:
    """P(T > t) for the non-central t: (Z + shift) / sqrt(chi2 / df).

    Integrates P(Z > t s - shift) over the density of s = sqrt(chi2 / df), by the trapezoid rule in
    log s, which converges exponentially; accurate to 1e-12 for df >= 1.
    """
    half = 0.5 * df
    log_front = math.log(2.0) + half * math.log(half) - math.lgamma(half)
    reach = 12.0 / math.sqrt(2.0 * df)
    low, high = -reach - 37.0 / df, math.log1p(reach)
    steps = 800
    width = (high - low) / steps
    total = 0.0
    for i in range(steps + 1):
        log_s = low + i * width
        s = math.exp(log_s)
        total += math.exp(log_front + df * log_s - half * s * s) * normal_sf(t * s - shift)
    return min(1.0, width * total)


# --- chi-squared -----------------------------------------------------------------------------


def gamma_sf(a: float, x: float) -> float:
    """The regularised upper incomplete gamma Q(a, x); a > 0, x >= 0."""
    if x <= 0.0:
        return 1.0
    if x < a + 1.0:
        term = total = 1.0 / a
        for j in range(1, _MAX_TERMS):
            term *= x / (a + j)
            total += term
            if term < total * _EPS:
                break
        return 1.0 - total * a * _poisson_density(a, x)
    b = x + 1.0 - a
    c, d = 1.0 / _TINY, 1.0 / b
    h = d
    for j in range(1, _MAX_TERMS):
        numerator = -j * (j - a)
        b += 2.0
        d = numerator * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + numerator / c
        c = c if abs(c) > _TINY else _TINY
        h *= d * c
        if abs(d * c - 1.0) < _EPS * 4:
            break
    return h * a * _poisson_density(a, x)


def chi2_sf(x: float, df: float) -> float:
    """P(X > x) for chi-squared with df degrees of freedom.

    >>> round(chi2_sf(3.841458820694124, 1), 12)
    0.05
    """
    if df == 1.0:
        return math.erfc(math.sqrt(max(x, 0.0) / 2.0))
    return gamma_sf(0.5 * df, 0.5 * x)
