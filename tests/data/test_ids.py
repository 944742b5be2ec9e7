"""The ids of a set, had without its samples, are those of its samples."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.sources import ids_of, open_source
from evalharness.errors import DataError
from evalharness.spec.suite import DataSpec

IDS = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.none(), st.floats(0, 1))
CHAT = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


def opened(folder, rows, *, limit=None, **spec):
    path = folder / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_source(DataSpec(path=str(path), **spec), base=folder, limit=limit)


def outcome(values):
    """The ids, or the refusal's message."""
    try:
        return list(values())
    except DataError as error:
        return error.message


@given(st.lists(IDS, min_size=1, max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_ids_are_those_of_the_samples_or_refused_alike(tmp_path_factory, ids, left_out):
    folder = tmp_path_factory.mktemp("ids")
    rows = [{"id": one, "input": f"question {n}"} for n, one in enumerate(ids)]
    if left_out:
        del rows[-1]["id"]
    source = opened(folder, rows)
    expected = outcome(lambda: [sample.id for sample in source])
    found = outcome(lambda: ids_of(source))
    assert expected == found or "same id" in expected


@pytest.mark.parametrize("turns", ["last", "all"])
def test_ids_of_chat_rows_are_those_of_their_turns(tmp_path, turns):
    rows = [{"id": "a", "messages": CHAT}, {"id": "b", "messages": CHAT + CHAT}]
    source = opened(tmp_path, rows, turns=turns)
    assert [sample.id for sample in source] == list(ids_of(source))


def test_ids_of_a_mapped_field_are_taken_from_there(tmp_path):
    rows = [{"id": "wrong", "name": f"n{n}", "input": "a"} for n in range(3)]
    source = opened(tmp_path, rows, fields={"id": "name"})
    assert ["n0", "n1", "n2"] == list(ids_of(source))


def test_an_article_of_squad_gives_the_ids_of_its_questions(tmp_path):
    answers = [{"text": "x", "answer_start": 0}]
    questions = [{"id": f"q{n}", "question": "w?", "answers": answers} for n in (1, 2)]
    rows = [{"id": "article", "title": "t", "paragraphs": [{"context": "x", "qas": questions}]}]
    assert ["q1", "q2"] == list(ids_of(opened(tmp_path, rows)))


def test_a_limit_holds_for_ids_too(tmp_path):
    rows = [{"id": f"q{n}", "input": "a"} for n in range(9)]
    assert ["q0", "q1"] == list(ids_of(opened(tmp_path, rows, limit=2)))


def test_a_line_that_is_no_json_is_named(tmp_path):
    source = opened(tmp_path, [{"id": "a", "input": "b"}])
    source.path.write_text('{"id": "a", "input": "b"}\n\n{"id": \n')
    with pytest.raises(DataError) as caught:
        list(ids_of(source))
    assert caught.value.where.endswith(":3")


def test_a_source_that_cannot_list_its_ids_is_iterated():
    from evalharness.records import Sample

    class Plain:
        where = "here"

        def __iter__(self):
            return iter([Sample(id="a"), Sample(id="b")])

    assert ["a", "b"] == list(ids_of(Plain()))
