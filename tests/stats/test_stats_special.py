"""Our distribution functions against scipy's, over the parameters that the room uses and beyond."""

from __future__ import annotations

import importlib
import math
import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special as scipy_special
from scipy import stats as scipy_stats

import evalharness.stats
from evalharness.stats import roots, special

shapes = st.floats(-1.0, 5.0).map(lambda e: 10.0**e)
levels = st.floats(1e-6, 1.0 - 1e-6)
counts = st.integers(1, 200_000)


@given(shapes, shapes, st.floats(-4.0, 4.0))
@settings(max_examples=100, deadline=None)
def test_beta_tails_equal_scipy(a, b, sigmas):
    mean = a / (a + b)
    sd = math.sqrt(mean * (1.0 - mean) / (a + b + 1.0))
    x = min(max(mean + sigmas * sd, 1e-12), 1.0 - 1e-12)
    assert special.beta_cdf(x, a, b) == pytest.approx(scipy_special.betainc(a, b, x), rel=2e-12)
    assert special.beta_sf(x, a, b) == pytest.approx(scipy_special.betaincc(a, b, x), rel=2e-12)


@given(st.floats(-0.5, 5.0).map(lambda e: 10.0**e), shapes, levels)
@settings(max_examples=100, deadline=None)
def test_beta_quantile_is_where_the_distribution_reaches_p(a, b, p):
    x = special.beta_quantile(p, a, b)
    last_place = 2.3e-16 * max(x, 1e-300)
    slack = 1e-13 + 2.0 * last_place * min(1e12, scipy_stats.beta.pdf(x, a, b))
    assert abs(special.beta_cdf(x, a, b) - p) <= slack


@given(st.floats(0.0, 6.0).map(lambda e: 10.0**e), st.floats(-30.0, 30.0))
@settings(max_examples=100, deadline=None)
def test_t_tail_equals_scipy(df, t):
    # scipy 1.17 itself is off by up to 2e-11 near t = 0 (see the Cauchy test below)
    slack = 2e-11 if abs(t) < 0.01 else 1e-300
    assert special.t_sf(t, df) == pytest.approx(scipy_stats.t.sf(t, df), rel=1e-12, abs=slack)
    assert special.t_cdf(t, df) == pytest.approx(scipy_stats.t.cdf(t, df), rel=1e-12, abs=slack)


@given(st.floats(-1e6, 1e6))
@settings(max_examples=50, deadline=None)
def test_t_with_one_degree_of_freedom_is_cauchys(t):
    assert special.t_cdf(t, 1.0) == pytest.approx(0.5 + math.atan(t) / math.pi, abs=1e-15)


@given(st.floats(0.0, 6.0).map(lambda e: 10.0**e), levels)
@settings(max_examples=100, deadline=None)
def test_t_quantile_equals_scipy(df, p):
    expected = scipy_stats.t.ppf(p, df)
    assert special.t_quantile(p, df) == pytest.approx(expected, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("df", [1.0, 2.5, 9.0, 80.0, 2000.0])
@pytest.mark.parametrize("shift", [0.0, 0.7, 2.5])
@pytest.mark.parametrize("t", [-1.0, 1.7, 3.0])
def test_noncentral_t_tail_equals_scipy(df, shift, t):
    assert special.t_sf_noncentral(t, df, shift) == pytest.approx(
        scipy_stats.nct.sf(t, df, shift) if shift else scipy_stats.t.sf(t, df), abs=1e-9
    )


@given(counts, st.floats(1e-6, 1.0 - 1e-6), st.floats(0.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_binomial_equals_scipy(n, p, share):
    k = int(share * n)
    for ours, theirs in (
        (special.binomial_pmf(k, n, p), scipy_stats.binom.pmf(k, n, p)),
        (special.binomial_cdf(k, n, p), scipy_stats.binom.cdf(k, n, p)),
        (special.binomial_sf(k, n, p), scipy_stats.binom.sf(k, n, p)),
    ):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-13)


@given(st.integers(1, 5000), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_binomial_quantile_is_the_first_count_that_reaches_p(n, p, level):
    k = special.binomial_quantile(level, n, p)
    assert special.binomial_cdf(k, n, p) >= level * (1.0 - 1e-12)
    assert special.binomial_cdf(k - 1, n, p) < level


@given(st.floats(-0.5, 4.0).map(lambda e: 10.0**e), st.floats(0.01, 4.0))
@settings(max_examples=100, deadline=None)
def test_chi2_tail_equals_scipy(df, factor):
    x = df * factor
    assert special.chi2_sf(x, df) == pytest.approx(
        scipy_stats.chi2.sf(x, df), rel=1e-11, abs=1e-300
    )


@given(levels)
@settings(max_examples=50, deadline=None)
def test_normal_quantile_inverts_the_distribution(p):
    assert special.normal_cdf(special.normal_quantile(p)) == pytest.approx(p, rel=1e-12)


def test_normal_tails_are_accurate_far_out():
    assert special.normal_sf(20.0) == pytest.approx(scipy_stats.norm.sf(20.0), rel=1e-12)
    assert special.normal_cdf(-20.0) == pytest.approx(scipy_stats.norm.cdf(-20.0), rel=1e-12)
    assert special.normal_pdf(1.0) == pytest.approx(scipy_stats.norm.pdf(1.0), rel=1e-14)


def test_edges_of_distributions_are_exact():
    assert special.beta_cdf(0.0, 2.0, 3.0) == 0.0
    assert special.beta_cdf(1.0, 2.0, 3.0) == 1.0
    assert special.beta_quantile(0.0, 2.0, 3.0) == 0.0
    assert special.beta_quantile(1.0, 2.0, 3.0) == 1.0
    assert special.binomial_pmf(0, 5, 0.0) == 1.0
    assert special.binomial_pmf(5, 5, 1.0) == 1.0
    assert special.binomial_pmf(6, 5, 0.5) == 0.0
    assert special.binomial_cdf(-1, 5, 0.5) == 0.0
    assert special.binomial_sf(5, 5, 0.5) == 0.0
    assert special.gamma_sf(2.0, 0.0) == 1.0
    assert special.t_quantile(0.5, 3.0) == 0.0


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1])
def test_t_quantile_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="0 < p < 1"):
        special.t_quantile(p, 5.0)


@given(st.floats(-5.0, 5.0), st.floats(0.1, 20.0))
@settings(max_examples=50, deadline=None)
def test_find_crossing_finds_the_root_of_a_steep_function(root, steep):
    found = roots.find_crossing(lambda x: math.tanh(steep * (x - root)) ** 3, -6.0, 6.5)
    assert found == pytest.approx(root, abs=1e-4 / steep)


def test_find_crossing_returns_an_end_that_is_a_root():
    assert roots.find_crossing(lambda x: x, 0.0, 1.0) == 0.0
    assert roots.find_crossing(lambda x: x - 1.0, 0.0, 1.0) == 1.0


def test_find_crossing_refuses_a_bracket_without_a_root():
    with pytest.raises(ValueError, match="no crossing"):
        roots.find_crossing(lambda x: x + 2.0, 0.0, 1.0)


def test_find_increasing_needs_no_slope():
    found = roots.find_increasing(lambda x: x**3 - 2.0, lambda x: 0.0, low=0.0, high=2.0, start=1.0)
    assert found == pytest.approx(2.0 ** (1.0 / 3.0), rel=1e-14)


MODULES = [module.name for module in pkgutil.iter_modules(evalharness.stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    import doctest

    module = importlib.import_module(f"evalharness.stats.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_room_needs_neither_scipy_nor_any_other_room():
    import subprocess
    import sys

    imports = "; ".join(f"import evalharness.stats.{name}" for name in MODULES)
    code = (
        f"import sys; {imports}; "
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('evalharness.')}; "
        "print(sorted(rooms - {'stats'}), 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['errors'] False"
