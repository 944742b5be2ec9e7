"""Log-probabilities in every shape, and the part that is the continuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.calls import CallFacts
from evalharness.clients.logprobs import continuation_part, read_logprobs, scored_prompt
from evalharness.errors import Permanent, Transient

FACTS = CallFacts(status=200)


def test_both_shapes_say_the_same():
    chat = {
        "content": [
            {"token": "Pa", "logprob": -0.1, "top_logprobs": [{"token": "Lo", "logprob": -2.0}]},
            {"token": "ris", "logprob": -0.2, "top_logprobs": []},
        ]
    }
    older = {
        "tokens": ["Pa", "ris"],
        "token_logprobs": [-0.1, -0.2],
        "top_logprobs": [{"Lo": -2.0}, None],
    }
    assert read_logprobs(chat) == read_logprobs(older)
    assert read_logprobs(chat)[0].top == {"Lo": -2.0}


@pytest.mark.parametrize("nothing", [None, [], "x", {}, {"tokens": ["a"]}, {"content": None}])
def test_no_logprobs_are_none(nothing):
    assert read_logprobs(nothing) is None


def test_the_first_token_of_a_prompt_has_none():
    found = read_logprobs({"tokens": ["a", "b"], "token_logprobs": [None, -1.0]})
    assert [token.token for token in found] == ["b"]


def test_numbers_that_are_not_finite_are_left_out():
    found = read_logprobs({"tokens": ["a", "b"], "token_logprobs": [float("-inf"), -1]})
    assert [(token.token, token.logprob) for token in found] == [("b", -1.0)]


PROMPT = [("2", None), ("+", -1.0), ("2=", -2.0), ("4", -0.5)]


def test_an_echo_drops_the_token_that_was_generated_behind_it():
    tokens = [token for token, _ in PROMPT] + ["!"]
    numbers = [number for _, number in PROMPT] + [-9.0]
    body = {"choices": [{"text": "", "logprobs": {"tokens": tokens, "token_logprobs": numbers}}]}
    assert scored_prompt(body, facts=FACTS) == PROMPT


def test_together_keeps_the_prompt_apart():
    tokens, numbers = zip(*PROMPT, strict=True)
    echoed = {"tokens": list(tokens), "token_logprobs": list(numbers)}
    assert scored_prompt({"prompt": [{"logprobs": echoed}], "choices": [{}]}, facts=FACTS) == PROMPT


def test_vllm_lists_the_prompt_by_position():
    listed = [None, *({"17": {"logprob": n, "decoded_token": t}} for t, n in PROMPT[1:])]
    for body in ({"choices": [{"prompt_logprobs": listed}]}, {"prompt_logprobs": listed}):
        assert [("", None), *PROMPT[1:]] == scored_prompt(body, facts=FACTS)


@pytest.mark.parametrize("body", [{}, {"choices": [{}]}, {"choices": [{"logprobs": {}}]}])
def test_a_response_without_the_prompts_logprobs_is_malformed(body):
    with pytest.raises(Transient) as failed:
        scored_prompt(body, facts=FACTS)
    assert failed.value.kind == "malformed"


def test_the_continuation_is_found_at_the_end():
    assert [token.token for token in continuation_part(PROMPT, "4", facts=FACTS)] == ["4"]


def test_a_template_may_trim_the_continuation():
    assert [token.token for token in continuation_part(PROMPT, " 4\n", facts=FACTS)] == ["4"]


def test_a_token_across_the_border_belongs_to_the_continuation():
    assert [token.token for token in continuation_part(PROMPT, "=4", facts=FACTS)] == ["2=", "4"]


def test_what_a_template_adds_behind_the_continuation_is_left_out():
    tokens = [*PROMPT, ("<|im_end|>", -0.1)]
    assert [token.token for token in continuation_part(tokens, "4", facts=FACTS)] == ["4"]


@pytest.mark.parametrize("continuation", ["5", ""])
def test_a_continuation_that_is_not_there_is_refused(continuation):
    with pytest.raises(Permanent) as refused:
        continuation_part(PROMPT, continuation, facts=FACTS)
    assert refused.value.kind == "unsupported"


tokens = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=3), st.floats(-9, 0)), min_size=2, max_size=8
)


@given(tokens, st.data())
def test_whole_tokens_of_the_continuation_give_their_own_logprobs(pairs, data):
    start = data.draw(st.integers(1, len(pairs) - 1))
    continuation = "".join(token for token, _ in pairs[start:])
    found = continuation_part(pairs, continuation, facts=FACTS)
    assert pairs[start:] == [(token.token, token.logprob) for token in found]
