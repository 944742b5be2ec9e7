"""Code tables: equal words have equal codes, and the memories change nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text import codes as codes_module
from evalharness.text.codes import CodeTable, TooManyTokens, code_table, squad_table
from evalharness.text.normalize import squad_tokens
from evalharness.text.porter import stem
from evalharness.text.tokenize import SPACERS, spaced_words, tokens

WORDS = st.lists(
    st.sampled_from(["a", "b", "The", "the", "running", "runs", "x9", "é"]), max_size=12
)
TEXTS = WORDS.map(" ".join)


@pytest.mark.parametrize("name", sorted(SPACERS))
@given(first=TEXTS, second=TEXTS)
def test_codes_are_equal_exactly_where_tokens_are(name, first, second):
    table = CodeTable(SPACERS[name])
    a, b = table.encode(first), table.encode(second)
    tokens_a, tokens_b = tokens(first, name), tokens(second, name)
    assert len(a) == len(tokens_a)
    for i, one in enumerate(tokens_a):
        for j, other in enumerate(tokens_b):
            assert (one == other) == (a[i] == b[j])


@given(TEXTS)
def test_stemmed_codes_are_the_codes_of_stems(text):
    table = code_table("ascii", stemmed=True)
    table.begin()
    words = [word.decode() for word in tokens(text, "ascii")]
    stems = " ".join(stem(word) if len(word) > 3 else word for word in words)
    unfolded = CodeTable(spaced_words)
    shapes = [unfolded.encode(stems), table.encode(text)]
    assert [shape.index(code) for shape in shapes[:1] for code in shape] == [
        shape.index(code) for shape in shapes[1:] for code in shape
    ]


@given(TEXTS)
def test_articles_have_no_code_in_the_squad_table(text):
    table = squad_table()
    table.begin()
    assert len(table.encode(text)) == len(squad_tokens(text))


@given(st.text(alphabet="ab \n", max_size=30))
def test_codes_of_lines_joined_are_the_codes_of_the_text(text):
    table = CodeTable(SPACERS["ascii"])
    lines = table.encode_lines(text)
    assert "".join(lines) == table.encode(text)
    assert len(lines) == text.count("\n") + 1


def test_remembered_texts_have_the_codes_of_fresh_ones():
    table = CodeTable(spaced_words)
    first = table.encode("one two three")
    assert table.encode("one two three") == first
    table.forget_texts()
    assert table.encode("one two three") == first


def test_a_new_generation_begins_when_the_vocabulary_is_full():
    table = CodeTable(spaced_words)
    table.encode(" ".join(map(str, range(codes_module.MAX_TOKENS + 2))))
    assert table.encode("fresh") == chr(codes_module.MAX_TOKENS + 3)
    table.begin()
    assert table.encode("fresh") == chr(1)


def test_texts_kept_are_bounded_in_number_and_length():
    table = CodeTable(spaced_words)
    for place in range(codes_module.MAX_KEPT_LENGTH // codes_module.KEPT_OVERHEAD + 10):
        table.encode(f"text {place % 7} {place}")
    assert len(table._texts) <= codes_module.MAX_KEPT_LENGTH // codes_module.KEPT_OVERHEAD
    giant = "x y " * codes_module.MAX_KEPT_LENGTH
    assert len(table.encode(giant)) == 2 * codes_module.MAX_KEPT_LENGTH
    assert giant not in table._texts


def test_lines_kept_are_bounded_too():
    table = CodeTable(spaced_words)
    for place in range(codes_module.MAX_KEPT_LENGTH // codes_module.KEPT_OVERHEAD + 10):
        table.encode_lines(f"text\n{place}")
    table.encode_lines("y\n" * codes_module.MAX_KEPT_LENGTH)
    assert len(table._lines) <= codes_module.MAX_KEPT_LENGTH // codes_module.KEPT_OVERHEAD


def test_codes_skip_the_surrogates_and_can_be_encoded():
    table = CodeTable(spaced_words)
    codes = table.encode(" ".join(map(str, range(0xD900))))
    assert len(set(codes)) == 0xD900
    assert len(codes.encode("utf-32-le")) == 4 * 0xD900


def test_more_words_than_code_points_are_refused():
    table = CodeTable(spaced_words)
    table._codes._given = dict.fromkeys(map(str, range(0x10FFFF - 0x800)), "x")
    assert table.encode("5") == "x"
    with pytest.raises(TooManyTokens, match="1,100,000"):
        table.encode("one word more")


LONG = st.text(alphabet="abcdefgh", min_size=9, max_size=20)
SHORT = st.text(alphabet="ab", min_size=1, max_size=3)


@given(st.lists(st.lists(st.one_of(SHORT, LONG), max_size=30).map(" ".join), max_size=12))
def test_many_texts_encoded_together_have_the_codes_of_each_alone(texts):
    together, alone = CodeTable(SPACERS["ascii"]), CodeTable(SPACERS["ascii"])
    padded = [f"{text} {'filler ' * 150}" for text in texts]  # past FEW_CHARACTERS: by arrays
    for _ in range(2):  # new words, then known ones
        codes = together.encode_all(padded)
        together.forget_texts()
        words = [word for text in padded for word in tokens(text, "ascii")]
        one_by_one = "".join(alone.encode(word.decode()) for word in words)
        assert len("".join(codes)) == len(one_by_one)
        assert len(set(zip("".join(codes), one_by_one, strict=True))) == len(set(one_by_one))
        assert [len(tokens(text, "ascii")) for text in padded] == list(map(len, codes))


def test_more_words_than_slots_keep_their_own_codes():
    table = CodeTable(SPACERS["ascii"])
    text = " ".join(f"word{number}" for number in range(100_000))
    first = table.encode(text)
    assert len(set(first)) == 100_000
    table.forget_texts()
    assert table.encode(text) == first


def test_words_that_differ_past_a_nul_or_past_sixteen_bytes_differ():
    table = squad_table()
    table.forget_all()
    filler = "word " * 300
    long = "x" * 16
    pairs = [("a\0", "a\0\0"), (long, f"{long}y"), (f"{long}y", f"{long}z"), ("y\0", "y")]
    for one, other in pairs:
        first, second = table.encode_all([filler + one, filler + other])
        assert first[-1] != second[-1]


def test_tables_are_shared_by_name():
    assert code_table("ascii") is code_table("ascii")
    assert code_table("ascii") is not code_table("ascii", stemmed=True)
    with pytest.raises(KeyError):
        code_table("klingon")
