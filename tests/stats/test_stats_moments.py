"""Sums by pieces: the same to the last bit as sums of whole arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.stats.moments import PIECE, skewness, skewness_of, sum_of, sum_of_squares

LENGTHS = st.one_of(
    st.integers(0, 300),
    st.integers(PIECE - 9, PIECE + 9),
    st.integers(2 * PIECE - 20, 2 * PIECE + 20),
    st.integers(0, 9 * PIECE),
)


@given(LENGTHS, st.integers(0, 2**32), st.sampled_from([1e-3, 1.0, 1e9]))
@settings(max_examples=60, deadline=None)
def test_a_sum_by_pieces_equals_numpys_sum_to_the_last_bit(n, seed, scale):
    rng = np.random.default_rng(seed)
    values, others = scale * rng.normal(size=n), rng.lognormal(size=n)
    strided = np.column_stack([values, others])[:, 0]
    assert float((values - others).sum()) == sum_of(np.subtract, values, others)
    assert float((values**2).sum()) == sum_of_squares(lambda some: some, strided)


@pytest.mark.parametrize("n", [2, 1000, 100_000])
def test_a_skewness_by_pieces_equals_that_of_the_whole(n):
    rng = np.random.default_rng(n)
    values, weights = rng.lognormal(size=n), rng.random(n)
    centred = values * weights - (values * weights).mean()
    whole = float((centred**3).mean() / float((centred**2).mean()) ** 1.5)
    assert whole == skewness(values * weights) == skewness_of(np.multiply, values, weights)


def test_equal_values_have_no_skewness():
    assert 0.0 == skewness(np.full(3 * PIECE, 0.1)) == skewness(np.empty(0))
