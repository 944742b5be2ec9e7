"""Numbers in prose: exact values, signs, and what is no number."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.numbers import numbers_in


def values(text):
    return [number.value for number in numbers_in(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He pays $1,200.50 in total.", ["2401/2"]),
        ("so #### 42", ["42"]),
        ("x = 42.0", ["42"]),
        ("Answer: 3/4", ["3/4"]),
        ("x = 1e5", ["100000"]),
        ("2.5e-3", ["1/400"]),
        ("no number", []),
        ("", []),
        ("-5 and \u22127", ["-5", "-7"]),
        ("x=-5", ["-5"]),
        ("$-5 or -$5", ["-5", "-5"]),
        ("10-20", ["10", "20"]),
        ("f(3)-2", ["3", "2"]),
        ("50% off", ["50"]),
        ("1,234,567", ["1234567"]),
        ("1,2,3", ["1", "2", "3"]),
        ("12,34", ["12", "34"]),
        (".5", ["1/2"]),
        ("The answer is 7.", ["7"]),
        ("3.", ["3"]),
        ("24th", ["24"]),
        ("1/0", []),
        ("6 / 4", ["3/2"]),
        ("1e99999", ["1", "99999"]),
        ("٣", ["3"]),
    ],
)
def test_known_numbers(text, expected):
    assert values(text) == [Fraction(value) for value in expected]


def test_a_percent_sign_is_told_and_not_divided():
    (number,) = numbers_in("about 12.5 %")
    assert (number.value, number.percent) == (Fraction(25, 2), True)


def test_a_number_knows_its_text_and_place():
    (number,) = numbers_in("so $1,200!")
    assert (number.text, number.start) == ("$1,200", 3)


def test_a_giant_run_of_digits_is_left_out_and_costs_nothing():
    assert values("9" * 100_000) == []
    assert values("9" * 100_000 + " 5") == [5]


def test_hostile_text_is_read_in_linear_time():
    for text in ("1," * 20_000, "-" * 100_000, "1e" * 20_000, "$ " * 50_000, "1/" * 20_000):
        numbers_in(text)


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_every_integer_is_read_back_with_and_without_separators(number):
    assert values(str(number)) == [number]
    assert values(f"{number:,}") == [number]


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=4))
def test_every_decimal_is_read_back_exactly(number):
    assert values(f"{number:f}") == [Fraction(number)]


@given(st.text(max_size=100))
def test_any_text_is_read_without_raising(text):
    numbers_in(text)
