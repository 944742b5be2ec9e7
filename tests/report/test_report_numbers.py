"""Numbers as people read them."""

from __future__ import annotations

import doctest
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report import arms, clean, diff, markdown, numbers, svg, wording
from evalharness.report.numbers import Medium

SCALES = ("fraction", "points", "seconds", "usd", "tokens", "count", "plain")
scales = st.sampled_from(SCALES)
media = st.sampled_from(list(Medium))
finite = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


@pytest.mark.parametrize("module", [arms, clean, diff, markdown, numbers, svg, wording])
def test_the_examples_in_the_docstrings_run(module):
    result = doctest.testmod(module)
    assert result.failed == 0


@pytest.mark.parametrize(
    ("number", "scale", "medium", "told"),
    [
        (0.412, "fraction", Medium.TERMINAL, "0.412"),
        (0.412, "fraction", Medium.PAGE, "41.2 %"),
        (34.2167, "points", Medium.TERMINAL, "34.2"),
        (0.00174, "usd", Medium.TERMINAL, "$1.74"),
        (0.0000021, "usd", Medium.PAGE, "$0.0021"),
        (2.5, "usd", Medium.PAGE, "$2,500"),
        (1.314, "seconds", Medium.TERMINAL, "1.31 s"),
        (0.08312, "seconds", Medium.TERMINAL, "0.0831 s"),
        (128.4, "seconds", Medium.PAGE, "128 s"),
        (1534.2, "tokens", Medium.PAGE, "1,534"),
        (41.25, "tokens", Medium.PAGE, "41.2"),
        (12.0, "count", Medium.PAGE, "12"),
        (None, "fraction", Medium.PAGE, "undetermined"),
    ],
)
def test_a_value_reads_by_its_scale_and_medium(number, scale, medium, told):
    assert told == numbers.value(number, scale, medium)


def test_a_fraction_that_is_nearly_one_does_not_print_as_one():
    assert numbers.value(0.99996, "fraction", Medium.TERMINAL) == "0.99996"
    assert numbers.value(1.0, "fraction", Medium.TERMINAL) == "1.000"


def test_a_fraction_that_is_nearly_zero_does_not_print_as_zero():
    assert numbers.value(0.00004, "fraction", Medium.PAGE) == "0.004 %"
    assert numbers.value(0.0, "fraction", Medium.PAGE) == "0.0 %"


def test_a_wide_interval_takes_a_digit_away():
    wide = numbers.decimals([0.4], "fraction", Medium.TERMINAL, half_width=0.25)
    narrow = numbers.decimals([0.4], "fraction", Medium.TERMINAL, half_width=0.02)
    assert (wide, narrow) == (2, 3)


def test_a_change_has_a_sign_and_never_a_negative_zero():
    assert numbers.change(-0.00001, "fraction", Medium.TERMINAL) == "+0.000"
    assert numbers.change(-0.014, "fraction", Medium.PAGE) == "-1.4 pp"
    assert numbers.change(-0.0005, "usd", Medium.PAGE) == "-$0.50"


def test_a_bound_never_prints_like_the_threshold_it_missed():
    places = numbers.apart(-0.02996, -0.03, "fraction", Medium.TERMINAL, least=3)
    assert places == 5
    assert f"{-0.02996:.{places}f}" != f"{-0.03:.{places}f}"


@given(finite, finite, scales, media)
def test_two_numbers_apart_print_differently_up_to_the_last_decimal(first, second, scale, medium):
    places = numbers.apart(first, second, scale, medium, least=1)
    one, two = numbers.shown(first, scale, medium), numbers.shown(second, scale, medium)
    if f"{one:.{numbers.MOST_DECIMALS}f}" != f"{two:.{numbers.MOST_DECIMALS}f}":
        assert f"{one:.{places}f}" != f"{two:.{places}f}"


@given(finite, scales, media)
def test_a_value_reads_back_to_within_its_last_digit(number, scale, medium):
    told = numbers.value(number, scale, medium)
    digits = re.sub(r"[^0-9.+-]", "", told)
    places = len(digits.partition(".")[2])
    assert math.isclose(
        float(digits), numbers.shown(number, scale, medium), abs_tol=0.51 * 10**-places
    )


@given(finite, scales, media)
def test_a_change_reads_back_with_its_sign(number, scale, medium):
    digits = re.sub(r"[^0-9.+-]", "", numbers.change(number, scale, medium))
    assert digits[0] in "+-"
    assert float(digits) == 0 or (float(digits) > 0) == (number > 0)


@pytest.mark.parametrize(
    ("ratio", "told"),
    [(8.31, "8.3x"), (1.043, "1.04x"), (12.6, "13x"), (0.1207, "0.12x"), (1234.0, "1,234x")],
)
def test_a_ratio_is_a_multiple_with_two_digits(ratio, told):
    assert told == numbers.times(ratio)


def test_a_p_value_is_never_a_bare_zero():
    assert numbers.p_value(0.0) == "<0.001"
    assert numbers.p_value(1.0) == "1.000"


def test_a_share_of_nothing_has_no_percent():
    assert numbers.share(0, 0) == "0 of 0"


def test_a_range_of_money_shows_two_numbers_that_differ():
    assert numbers.money_range(0.17, None) == "$0.17"
    assert numbers.money_range(1.0, 2.5) == "$1.00 to $2.50"
