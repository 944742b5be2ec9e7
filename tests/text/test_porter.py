"""Stems: equal to nltk's PorterStemmer in its default mode, over everything that could differ."""

from __future__ import annotations

import gzip
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.porter import stem, stem_token

SUFFIXES = (
    "ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism iveness "
    "fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance "
    "ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize ed ing ies "
    "ied s ss sses eed y e ll at bl iz"
)
ENDINGS = SUFFIXES.split()


@pytest.fixture(scope="module")
def nltk_stem():
    porter = pytest.importorskip("nltk.stem.porter")
    return porter.PorterStemmer().stem


def made_up_words(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        body = "".join(rng.choices("aeiouybcdlstwxz", k=rng.randint(0, 5)))
        yield body + rng.choice(ENDINGS) + rng.choice(["", "", rng.choice(ENDINGS)])


def test_stems_of_made_up_words_equal_nltks(nltk_stem):
    words = {*made_up_words(1, 12_000)}
    assert {word: nltk_stem(word) for word in words} == {word: stem(word) for word in words}


@pytest.mark.slow
def test_stems_of_a_great_many_made_up_words_equal_nltks(nltk_stem):
    words = {*made_up_words(2, 600_000)}
    assert [word for word in words if nltk_stem(word) != stem(word)] == []


def test_stems_of_real_words_equal_nltks(nltk_stem, shared_data):
    text = gzip.decompress((shared_data / "xsum" / "gold.txt.gz").read_bytes()).decode()
    words = set(re.findall("[a-z0-9]+", text.lower()))
    assert len(words) > 19_000
    some = sorted(words)[::3]
    assert [word for word in some if nltk_stem(word) != stem(word)] == []


@given(st.text(alphabet="aeiouybstlngd19", max_size=12))
def test_stems_of_random_letters_equal_nltks(word):
    porter = pytest.importorskip("nltk.stem.porter")
    assert porter.PorterStemmer().stem(word) == stem(word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("ties", "tie"),
        ("dies", "die"),
        ("died", "die"),
        ("spied", "spi"),
        ("feed", "feed"),
        ("agreed", "agre"),
        ("bled", "bled"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("happy", "happi"),
        ("enjoy", "enjoy"),
        ("sky", "sky"),
        ("news", "news"),
        ("geologi", "geolog"),
        ("radically", "radic"),
        ("controll", "control"),
        ("roll", "roll"),
        ("a", "a"),
        ("", ""),
        ("yyyyyyyy", "yyyyyyyi"),
    ],
)
def test_known_stems(word, expected, nltk_stem):
    assert nltk_stem(word) == expected
    assert stem(word) == expected


def test_a_very_long_word_neither_recurses_nor_hangs():
    assert len(stem("y" * 50_000)) == 50_000
    assert stem("alli" * 5_000)


def test_only_tokens_of_more_than_three_letters_are_stemmed():
    assert stem_token("ran") == "ran"
    assert stem_token("dies") == "die"
    assert stem_token(b"dies") == b"die"
    assert stem_token("ies") == "ies"
