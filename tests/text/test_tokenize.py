"""Tokenisers: the ASCII one against rouge-score, the others by what they must keep apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.tokenize import (
    SPACERS,
    ascii_words,
    dropped_share,
    is_unspaced,
    tokens,
)

ODD = st.text(
    alphabet=st.sampled_from("aB9 .,\n\t_ßİKﬀéσΣ我かア한กह\u0301\u200b\ud800"), max_size=40
)
TEXTS = st.text(max_size=60) | ODD


@given(TEXTS)
def test_ascii_words_are_rouge_scores_tokens(text):
    tokenize = pytest.importorskip("rouge_score.tokenize")
    expected = tokenize.tokenize(text, None)
    assert expected == [word.decode() for word in ascii_words(text).split()]


@pytest.mark.parametrize("name", sorted(SPACERS))
@given(text=TEXTS)
def test_tokens_of_the_lines_are_the_tokens_of_the_text(name, text):
    spaced = SPACERS[name](text)
    lines = spaced.split(b"\n") if isinstance(spaced, bytes) else spaced.split("\n")
    assert [token for line in lines for token in line.split()] == list(tokens(text, name))


@pytest.mark.parametrize("name", sorted(set(SPACERS) - {"space"}))
@given(text=TEXTS)
def test_line_ends_survive_spacing(name, text):
    spaced = SPACERS[name](text)
    newline = b"\n" if isinstance(spaced, bytes) else "\n"
    assert spaced.count(newline) == text.count("\n")


@given(TEXTS)
def test_unicode_tokens_hold_letters_marks_and_digits_only(text):
    for token in tokens(text, "unicode"):
        assert all(unicodedata.category(character)[0] in "LMN" for character in token)


@given(TEXTS)
def test_characters_are_the_unicode_words_letter_by_letter(text):
    assert list(tokens(text, "character")) == list("".join(tokens(text, "unicode")))


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=60))
def test_cjk_and_unicode_agree_on_ascii(text):
    assert tokens(text, "cjk") == tokens(text, "unicode")


@given(st.text(alphabet=st.sampled_from("abcXYZ019 ,.-!?\n"), max_size=60))
def test_ascii_and_unicode_agree_on_plain_english(text):
    assert [word.decode() for word in tokens(text, "ascii")] == list(tokens(text, "unicode"))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ascii", "café naïve", [b"caf", b"na", b"ve"]),
        ("ascii", "我爱北京", []),
        ("ascii", "\u212a kelvin", [b"k", b"kelvin"]),
        ("unicode", "Café, naïve!", ["café", "naïve"]),
        ("unicode", "cafe\u0301", ["café"]),
        ("unicode", "हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("unicode", "我爱北京", ["我爱北京"]),
        ("cjk", "我爱 Beijing 2024", ["我", "爱", "beijing", "2024"]),
        ("cjk", "한국어 문장", ["한국어", "문장"]),
        ("cjk", "東京タワーへ", ["東", "京", "タ", "ワ", "ー", "へ"]),
        ("character", "Ab 9", ["a", "b", "9"]),
        ("space", "Is it? Yes.", ["Is", "it?", "Yes."]),
    ],
)
def test_known_tokens(name, text, expected):
    assert list(tokens(text, name)) == expected


def test_an_unknown_tokeniser_is_a_key_error():
    with pytest.raises(KeyError):
        tokens("x", "klingon")


def test_latin_and_hangul_are_spaced_and_ideographs_are_not():
    assert not is_unspaced(ord("a"))
    assert not is_unspaced(ord("한"))
    assert is_unspaced(ord("我"))
    assert is_unspaced(ord("ก"))


@given(TEXTS)
def test_dropped_share_is_a_share(text):
    assert 0 <= dropped_share(text) <= 1


def test_dropped_share_counts_what_the_ascii_tokeniser_throws_away():
    assert dropped_share("") == 0
    assert dropped_share("plain") == 0
    assert dropped_share("我爱北京") == 1
