"""The samples that differ most are found without holding the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.facts import FLIPS_EACH_WAY, Difference, extremes, side_by_side

UNITS = st.tuples(st.sampled_from("abcdef"), st.integers(0, 2))
SIDE = st.dictionaries(UNITS, st.floats(0, 1), max_size=18)


@given(SIDE, SIDE, st.randoms())
def test_units_meet_their_like_whatever_the_order(left, right, random):
    one, other = [(u, {"m": v}) for u, v in left.items()], [(u, {"m": v}) for u, v in right.items()]
    random.shuffle(one)
    random.shuffle(other)
    met = {unit: (a["m"], b["m"]) for unit, a, b in side_by_side(one, other)}
    assert {unit: (left[unit], right[unit]) for unit in left if unit in right} == met


@given(st.lists(st.integers(-20, 20), max_size=60), st.integers(0, 60))
def test_the_extremes_of_extremes_are_those_of_all(sizes, place):
    found = [Difference(f"q{n:02}", 0, float(size), 0.0) for n, size in enumerate(sizes)]
    whole = extremes(found)
    assert whole == extremes([*extremes(found[:place]), *found[place:]])
    assert sorted(sizes)[:FLIPS_EACH_WAY] == [d.size for d in whole if d.size < 0] + [
        size for size in sorted(sizes)[:FLIPS_EACH_WAY] if size >= 0
    ]
