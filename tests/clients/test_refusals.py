"""HTTP refusals: what they are, by number and by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.refusals import refusal, words_of
from evalharness.errors import ClientError, Fatal, Permanent, Transient


def said(message: str, **more: str) -> dict:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        (429, said("Rate limit reached"), "throttle", Transient),
        (429, "", "throttle", Transient),
        (429, said("Rate limit for model x is not supported for tokens"), "throttle", Transient),
        (429, said("You exceeded your current quota"), "auth", Fatal),
        (503, said("over capacity"), "overload", Transient),
        (500, "<html>oops</html>", "overload", Transient),
        (502, "<html>Bad Gateway</html>", "overload", Transient),
        (529, said("Overloaded"), "overload", Transient),
        (504, "", "timeout", Transient),
        (408, "", "timeout", Transient),
        (409, said("lock"), "overload", Transient),
        (425, "", "overload", Transient),
        (501, "", "unsupported", Permanent),
        (400, said("temperature must be below 2"), "bad_request", Permanent),
        (422, {"detail": "not a number"}, "bad_request", Permanent),
        (400, said("This model's maximum context length is 4096 tokens"), "context_overflow", Permanent),
        (400, said("x", code="context_length_exceeded"), "context_overflow", Permanent),
        (403, said("sum of inputs tokens and max_new_tokens must be <= 4097"), "context_overflow", Permanent),
        (413, "", "context_overflow", Permanent),
        (400, said("prompt is too long: 9000 tokens"), "context_overflow", Permanent),
        (400, said("x", code="content_policy_violation"), "content_filter", Permanent),
        (403, said("Your input was flagged by moderation"), "content_filter", Permanent),
        (401, said("Incorrect API key provided"), "auth", Fatal),
        (403, said("no access"), "auth", Fatal),
        (402, said("Payment required"), "auth", Fatal),
        (400, said("insufficient funds"), "auth", Fatal),
        (404, said("The model `x` does not exist"), "bad_request", Fatal),
        (404, "not found", "bad_request", Fatal),
        (400, said("Unable to access model x"), "bad_request", Fatal),
        (405, "", "bad_request", Fatal),
        (400, said("Unsupported parameter: 'max_tokens'"), "bad_request", Fatal),
        (308, "", "bad_request", Fatal),
        (301, "", "bad_request", Fatal),
        (407, "", "auth", Fatal),
    ],
)  # fmt: skip
def test_a_refusal_is_told_by_number_and_word(status, body, kind, error):
    found = refusal(status, {}, body, now_epoch_s=0.0)
    assert (kind, True) == (found.kind, isinstance(found, error))
    if error is Permanent:
        assert not isinstance(found, Fatal)


def test_a_refusal_was_not_billed_but_a_gateway_timeout_may_have_been():
    assert refusal(429, {}, "", now_epoch_s=0.0).facts.billed == "no"
    assert refusal(504, {}, "", now_epoch_s=0.0).facts.billed == "unknown"


def test_the_wait_that_was_asked_for_comes_with_the_refusal():
    found = refusal(429, {"retry-after": "7"}, "", now_epoch_s=0.0)
    assert found.retry_after_s == 7.0


def test_every_stop_says_how_to_mend_it():
    for status in (401, 402, 403, 404, 308):
        assert refusal(status, {}, said("no"), now_epoch_s=0.0).mend


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (said("slow down", type="limit", code="r1"), "slow down limit r1"),
        ({"error": "nope"}, "nope"),
        ({"message": "nope"}, "nope"),
        ({"detail": "nope"}, "nope"),
        ("<html><b>Bad</b>\n Gateway</html>", "Bad Gateway"),
        ({**said("no"), "error_type": "dynamic_request_limited"}, "no dynamic_request_limited"),
    ],
)
def test_the_words_of_a_refusal_stand_on_one_line(body, words):
    assert words_of(body) == words


@given(
    st.integers(300, 599),
    st.one_of(
        st.text(max_size=200),
        st.dictionaries(st.sampled_from(["error", "message", "code"]), st.text() | st.none()),
        st.lists(st.integers(), max_size=3),
    ),
)
def test_every_refusal_is_a_client_error_of_a_known_kind(status, body):
    found = refusal(status, {}, body, now_epoch_s=0.0)
    assert isinstance(found, ClientError)
    assert len(found.message) <= 300


@given(st.integers(500, 599).filter(lambda status: status != 501), st.text(max_size=60))
def test_a_server_error_is_always_worth_another_try(status, text):
    assert isinstance(refusal(status, {}, text, now_epoch_s=0.0), Transient)
