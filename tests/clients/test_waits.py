"""How long servers ask us to wait, in all the ways they say it."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.waits import asked_wait_s, duration_s, reset_s, retry_after_s

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after-ms": "150", "retry-after": "1"}, 0.15),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"x-ratelimit-reset": "0.4"}, 0.4),
        ({"x-ratelimit-reset": "6m0s"}, 360.0),
        ({"x-ratelimit-reset": str(NOW + 12)}, 12.0),
        ({"x-ratelimit-reset": str(int((NOW + 12) * 1000))}, 12.0),
        ({"x-ratelimit-reset": str(NOW - 12)}, 0.0),
        ({"retry-after": "2", "x-ratelimit-reset": "9"}, 2.0),
        ({"retry-after": "soon", "x-ratelimit-reset": "9"}, 9.0),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360.0),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "5"}, None),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "90ms",
                "x-ratelimit-remaining-tokens": "0",
            },
            1.0,
        ),
    ],
)
def test_the_wait_that_headers_ask_for(headers, wait_s):
    found = asked_wait_s(headers, now_epoch_s=NOW)
    assert wait_s == (None if found is None else pytest.approx(found, abs=1e-3))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20ms", 0.02),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("1.5m", 90.0),
        ("1d", 86400),
    ],
)
def test_durations_with_units(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5", "ms", "1s2h", "about 5s", "-1s"])
def test_what_is_no_duration_is_none(text):
    assert duration_s(text) is None


@given(st.integers(0, 10**8))
def test_whole_seconds_are_taken_as_they_are(seconds):
    assert retry_after_s(str(seconds), now_epoch_s=NOW) == seconds


@given(st.floats(0, 1e6, allow_nan=False))
def test_fractions_of_a_second_are_taken_as_they_are(seconds):
    assert retry_after_s(repr(seconds), now_epoch_s=NOW) == seconds


@given(st.integers(-(10**6), 10**6))
def test_a_date_is_the_time_until_then_and_never_negative(ahead_s):
    date = formatdate(NOW + ahead_s, usegmt=True)
    assert retry_after_s(date, now_epoch_s=NOW) == pytest.approx(max(0, ahead_s), abs=1)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "retry-after",
                "retry-after-ms",
                "x-ratelimit-reset",
                "x-ratelimit-reset-requests",
                "x-ratelimit-remaining-requests",
            ]
        ),
        st.one_of(st.text(max_size=30), st.floats().map(str), st.integers().map(str)),
    )
)
def test_no_header_can_break_it_or_ask_for_less_than_nothing(headers):
    wait_s = asked_wait_s(headers, now_epoch_s=NOW)
    assert wait_s is None or wait_s >= 0


@given(st.floats(0, 1e9, exclude_max=True))
def test_a_reset_below_an_epoch_is_a_length_of_time(seconds):
    assert reset_s(repr(seconds), now_epoch_s=NOW) == seconds
