"""SQuAD normalisation: the official rules, the fast path against the plain one."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.normalize import (
    ARTICLES,
    squad_normalize,
    squad_spaced,
    squad_tokens,
    squeeze,
)

TEXTS = st.text(max_size=60) | st.text(
    alphabet=st.sampled_from("aAnthe .,-'\t\n\x00\x1c\x7f\x0b–’ſKİ"), max_size=40
)


def official(text: str) -> str:
    """The four steps of the published script, each by itself."""
    lowered = text.lower()
    unmarked = "".join(mark for mark in lowered if mark not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", unmarked).split())


@given(TEXTS)
def test_normalisation_is_the_four_official_steps(text):
    assert squad_normalize(text) == official(text)


@given(TEXTS)
def test_tokens_are_the_words_of_the_normalised_text(text):
    words = [token.decode("utf-8", "surrogatepass") for token in squad_tokens(text)]
    assert words == official(text).split()


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=80))
def test_ascii_texts_take_the_fast_path_to_the_same_tokens(text):
    assert [token.decode() for token in squad_tokens(text)] == official(text).split()


@given(TEXTS)
def test_spaced_words_are_the_tokens_and_articles(text):
    spaced = [word for word in squad_spaced(text).split() if word not in ARTICLES]
    assert spaced == squad_tokens(text)


def test_normalisation_is_not_idempotent_only_where_the_script_is_not():
    # the official script deletes marks before articles, so a second pass changes nothing more
    for text in ("A-a the", "the th-e", "An. the!", "a b"):
        once = squad_normalize(text)
        assert squad_normalize(once) == official(once)


@given(st.text(alphabet=st.sampled_from("ab c.,the"), max_size=40))
def test_normalisation_of_letters_marks_and_spaces_is_idempotent(text):
    once = squad_normalize(text)
    assert squad_normalize(once) == once


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Denver   Broncos!", "denver broncos"),
        ("U.S.A.", "usa"),
        ("24th-century", "24thcentury"),
        ("3.5", "35"),
        ("A", ""),
        ("...", ""),
        ("theater a la carte", "theater la carte"),
        ("1990–2000", "1990–2000"),
        ("“quoted”", "“quoted”"),
        ("İstanbul", "i̇stanbul"),
        ("a\x00b", "\x00b"),
    ],
)
def test_known_normal_forms(text, normal):
    assert squad_normalize(text) == normal
    assert [token.decode() for token in squad_tokens(text)] == normal.split()


def test_lone_surrogates_are_kept_apart_and_raise_nothing():
    assert squad_tokens("\ud800") != squad_tokens("\ud801")


@given(st.text(max_size=50))
def test_squeezing_twice_is_squeezing_once(text):
    assert squeeze(squeeze(text)) == squeeze(text)
