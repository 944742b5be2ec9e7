"""What a judge's words mean, and when they mean nothing."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.judgement import Shape, Unreadable, read_verdict

RUBRIC = Shape("number", 1, 5)
WORDS = Shape("word", choices={"correct": 1.0, "partly": 0.5, "wrong": 0.0})
CLAIMS, FLAG, PAIR = Shape("claims"), Shape("flag"), Shape("preference")


@pytest.mark.parametrize(
    ("text", "shape", "score"),
    [
        ('{"score": 4}', RUBRIC, 4),
        ('{"score": "4"}', RUBRIC, 4),
        ('```json\n{"reason": "x", "score": 2.5}\n```', RUBRIC, 2.5),
        ('The answer says {"score": 5}. I say {"score": 1}', RUBRIC, 1),
        ('{"score": 3} {"note": "done"}', RUBRIC, 3),
        ('{broken {"score": 3}', RUBRIC, 3),
        ('{"verdict": "Partly."}', WORDS, 0.5),
        ('{"claims": []}', CLAIMS, 1),
        ('{"claims": [{"supported": true}, {"supported": false}]}', CLAIMS, 0.5),
        ('{"declined": true}', FLAG, 1),
        ('{"declined": "no"}', FLAG, 0),
        ('{"better": "A"}', PAIR, 1),
        ('{"better": "b"}', PAIR, 0),
        ('{"better": "tie"}', PAIR, 0.5),
        ("Score: 2\nFinal score: 4", Shape("number", 1, 5, pattern=r"score: (\d)"), 4),
        ("[[B]]", Shape("preference", pattern=r"\[\[(A|B|tie)\]\]"), 0),
    ],
)
def test_a_verdict_is_read(text, shape, score):
    assert score == read_verdict(text, shape)["score"]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("", RUBRIC),
        ("I would give it a 4.", RUBRIC),
        ('{"score": 6}', RUBRIC),
        ('{"score": 0}', RUBRIC),
        ('{"score": true}', RUBRIC),
        ('{"score": null}', RUBRIC),
        ('{"score": NaN}', RUBRIC),
        ('{"score": "4/5"}', RUBRIC),
        ('{"verdict": "perhaps"}', WORDS),
        ('{"claims": "none"}', CLAIMS),
        ('{"claims": [{"claim": "x"}]}', CLAIMS),
        ('{"claims": [{"claim": "x", "supported": "yes"}]}', CLAIMS),
        ('{"declined": "perhaps"}', FLAG),
        ('{"better": "both"}', PAIR),
        ("no number", Shape("number", 1, 5, pattern=r"score: (\d)")),
    ],
)
def test_nothing_is_guessed(text, shape):
    with pytest.raises(Unreadable):
        read_verdict(text, shape)


@given(st.text(), st.sampled_from([RUBRIC, WORDS, CLAIMS, FLAG, PAIR]))
def test_any_text_is_read_or_refused(text, shape):
    try:
        verdict = read_verdict(text, shape)
    except Unreadable:
        return
    assert shape.low <= verdict["score"] <= shape.high or not shape.choices


@given(st.text(alphabet='{}"score: 1', max_size=60), st.integers(1, 5))
def test_what_stands_before_the_verdict_does_not_change_it(before, score):
    told = json.dumps({"reason": "r", "score": score})
    assert score == read_verdict(f"{before}\n{told}", RUBRIC)["score"] or before.count("{")


@pytest.mark.parametrize("text", ["{" * 100_000, '{"score":' * 50_000, "[" * 100_000 + "{"])
def test_a_hostile_reply_is_refused_soon(text):
    began = time.process_time()
    with pytest.raises(Unreadable):
        read_verdict(text, RUBRIC)
    assert time.process_time() - began < 10
