"""English stems: Porter's algorithm with the extensions that nltk and rouge-score use.

Reads: lower-case words.  Gives: their stems, equal to nltk 3.10's PorterStemmer in its default
mode (NLTK_EXTENSIONS).
Depends on: the standard library.  Knows nothing of tokenisers.
Source: Porter (1980), An algorithm for suffix stripping, Program 14(3), 130-137.  The extensions:
twelve irregular words; -ies and -ied of four letters end in -ie; y becomes i after a consonant
only; -bli, -fulli and -logi in step 2; -alli is tried first and its result goes through step 2
again; two letters vowel-consonant count as short.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

from evalharness.text.tokenize import Token


class _Rule(NamedTuple):
    """If a word ends in `suffix` and the measure of what is before it is above `above`."""

    suffix: str
    ending: str
    above: int


_IRREGULAR: Final = {
    "sky": "sky",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "innings": "inning",
    "inning": "inning",
    "outings": "outing",
    "outing": "outing",
    "cannings": "canning",
    "canning": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}

_STEP_1A: Final = tuple(
    _Rule(*rule, -1) for rule in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", ""))
)
_STEP_2: Final = tuple(
    _Rule(*rule, 0)
    for rule in (
        ("ational", "ate"),
        ("tional", "tion"),
        ("enci", "ence"),
        ("anci", "ance"),
        ("izer", "ize"),
        ("bli", "ble"),
        ("alli", "al"),
        ("entli", "ent"),
        ("eli", "e"),
        ("ousli", "ous"),
        ("ization", "ize"),
        ("ation", "ate"),
        ("ator", "ate"),
        ("alism", "al"),
        ("iveness", "ive"),
        ("fulness", "ful"),
        ("ousness", "ous"),
        ("aliti", "al"),
        ("iviti", "ive"),
        ("biliti", "ble"),
        ("fulli", "ful"),
    )
)
_STEP_3: Final = tuple(
    _Rule(*rule, 0)
    for rule in (
        ("icate", "ic"),
        ("ative", ""),
        ("alize", "al"),
        ("iciti", "ic"),
        ("ical", "ic"),
        ("ful", ""),
        ("ness", ""),
    )
)
# In this order: the first suffix that matches decides, so -ement comes before -ment and -ent.
# fmt: off
_STEP_4: Final = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
)
# fmt: on


def stem_token(token: Token) -> Token:
    """The stem of a token, for words of more than three letters as rouge-score has it.

    A token of another length comes back as it is; bytes (ASCII) stay bytes.
    """
    if len(token) <= 3:
        return token
    if isinstance(token, bytes):
        return stem(token.decode("ascii")).encode("ascii")
    return stem(token)


def stem(word: str) -> str:
    """The Porter stem of a lower-case word; words of one or two letters are their own stem.

    >>> [stem(word) for word in ("running", "flies", "relational", "happy")]
    ['run', 'fli', 'relat', 'happi']
    """
    irregular = _IRREGULAR.get(word)
    if irregular is not None:
        return irregular
    if len(word) <= 2:
        return word
    word = _plural(word)
    word = _past_or_gerund(word)
    if word.endswith("y") and len(word) > 2 and _consonants(word[:-1])[-1]:
        word = f"{word[:-1]}i"
    word = _derivation(word)
    word = _apply(word, _STEP_3)
    word = _long_suffix(word)
    return _tidy(word)


def _consonants(word: str) -> list[bool]:
    """Per letter: is it a consonant?  A y is one at the start and after a vowel."""
    flags: list[bool] = []
    before = False
    for letter in word:
        before = (not before) if letter == "y" else letter not in "aeiou"
        flags.append(before)
    return flags


def _measure(word: str) -> int:
    """Porter's m: how often a vowel is followed by a consonant."""
    flags = _consonants(word)
    return sum(not first and second for first, second in itertools.pairwise(flags))


def _is_short(word: str) -> bool:
    """Porter's *o: ends consonant-vowel-consonant (not w, x, y), or is vowel-consonant."""
    flags = _consonants(word)
    if len(word) == 2:
        return flags == [False, True]
    return flags[-3:] == [True, False, True] and word[-1] not in "wxy"


def _apply(word: str, rules: Sequence[_Rule]) -> str:
    """The word after the first rule whose suffix it has, whether or not that rule applies."""
    for suffix, ending, above in rules:
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            return base + ending if above < 0 or _measure(base) > above else word
    return word


def _plural(word: str) -> str:
    """Step 1a: caresses, ponies, cats."""
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _apply(word, _STEP_1A)


def _past_or_gerund(word: str) -> str:
    """Step 1b: agreed, plastered, motoring; then the stem gets its e or loses its double letter."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    base = word.removesuffix("ed") if word.endswith("ed") else word.removesuffix("ing")
    if base == word or all(_consonants(base)):
        return word
    if base.endswith(("at", "bl", "iz")):
        return f"{base}e"
    if len(base) >= 2 and base[-1] == base[-2] and _consonants(base)[-1]:
        return base if base[-1] in "lsz" else base[:-1]
    return f"{base}e" if _measure(base) == 1 and _is_short(base) else base


def _derivation(word: str) -> str:
    """Step 2: relational, digitizer, hopefulness."""
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _derivation(word[:-2])
    if word.endswith("logi"):
        # The l counts with the base here, so that short ones like geo- and theo- are stemmed too.
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _apply(word, _STEP_2)


def _long_suffix(word: str) -> str:
    """Step 4: revival, adjustable, adoption."""
    for suffix in _STEP_4:
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            applies = _measure(base) > 1 and (suffix != "ion" or base[-1] in "st")
            return base if applies else word
    return word


def _tidy(word: str) -> str:
    """Step 5: a last e, and a double l."""
    if word.endswith("e"):
        base = word[:-1]
        measure = _measure(base)
        if measure > 1 or (measure == 1 and not _is_short(base)):
            word = base
    if word.endswith("ll") and _measure(word[:-1]) > 1:
        word = word[:-1]
    return word
