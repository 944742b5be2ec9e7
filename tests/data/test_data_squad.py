"""SQuAD's JSON of both versions: references, no-answer, clusters, what is refused."""

from __future__ import annotations

import json

import pytest

CONTEXT = "Normandy lies in France."


def article(*qas, title="Normans", context=CONTEXT):
    return {"title": title, "paragraphs": [{"context": context, "qas": list(qas)}]}


def qa(name, *answers, **more):
    return {
        "id": name,
        "question": f"{name}?",
        "answers": [{"text": text, "answer_start": 0} for text in answers],
        **more,
    }


def document(*articles, version="v2.0"):
    return json.dumps({"version": version, "data": list(articles)})


def test_references_are_distinct_and_in_order(write, read):
    path = write("dev.json", document(article(qa("a", "France", "in France", "France"))))
    (sample,) = read(path)

    assert (sample.id, sample.input, sample.targets) == ("a", "a?", ("France", "in France"))
    assert sample.metadata == {"title": "Normans", "context": CONTEXT}
    assert sample.slices == {}


def test_a_question_without_answer_has_no_targets_and_says_so(write, read):
    plausible = {"plausible_answers": [{"text": "Spain", "answer_start": 0}]}
    path = write(
        "dev.json",
        document(
            article(
                qa("a", "France", is_impossible=False), qa("b", is_impossible=True, **plausible)
            )
        ),
    )
    has, no = read(path)

    assert [has.targets, no.targets] == [("France",), ()]
    assert [has.slices["answerable"], no.slices["answerable"]] == ["has", "no"]
    assert [has.metadata["is_impossible"], no.metadata["is_impossible"]] == [False, True]


def test_the_cluster_is_the_paragraph_of_the_article(write, read):
    two = {
        "title": "T",
        "paragraphs": [
            {"context": "c", "qas": [qa("a", "x"), qa("b", "x")]},
            {"context": "d", "qas": [qa("c", "x")]},
        ],
    }
    untitled = {"paragraphs": [{"context": "e", "qas": [qa("d", "x")]}]}

    assert [sample.cluster for sample in read(write("dev.json", document(two, untitled)))] == [
        "T/0",
        "T/0",
        "T/1",
        "article 2/0",
    ]


def test_the_format_may_be_said(write, read):
    path = write("dev.data", document(article(qa("a", "x"))))

    assert [sample.id for sample in read(path, format="squad")] == ["a"]


def test_fields_of_the_question_slice(write, read):
    path = write("dev.json", document(article(qa("a", "x", kind="who", is_impossible=False))))

    assert (read(path, slices=("kind", "title", "answerable"))[0].slices) == {
        "kind": "who",
        "title": "Normans",
        "answerable": "has",
    }


def test_a_slice_that_no_question_has_is_refused(write, refusal):
    path = write("dev.json", document(article(qa("a", "x"))))

    assert refusal(path, slices=("kind",)).message == "no field 'kind' to slice by"


@pytest.mark.parametrize(
    ("content", "said", "place"),
    [
        ([{"paragraphs": 7}], "no list of objects under 'paragraphs'", "item 1"),
        ([{"paragraphs": [{"qas": []}]}], "no 'context'", "item 1, paragraph 1"),
        ([{"paragraphs": [{"context": "c"}]}], "no list of objects under 'qas'", "paragraph 1"),
        ([article({"question": "x"})], "no 'id' or no 'question'", "paragraph 1, question 1"),
        ([article(qa("a", "x"), {"id": "b"})], "no 'id' or no 'question'", "question 2"),
        ([article(qa("a", 7), qa("b", None))], "expected a text", "question 2"),
    ],
)
def test_what_is_missing_is_named_by_article_paragraph_and_question(
    write, refusal, content, said, place
):
    error = refusal(write("dev.json", document(*content)))

    assert said in error.message
    assert error.where.endswith(place)


def test_two_questions_with_one_id_are_refused(write, refusal):
    path = write("dev.json", document(article(qa("a", "x")), article(qa("a", "y"), title="U")))

    assert refusal(path).message == "item 1 and item 2 have the same id 'a'"


def test_two_questions_with_one_id_in_one_article_are_refused(write, refusal):
    path = write("dev.json", document(article(qa("a", "x"), qa("a", "y"))))

    assert "have the same id 'a'" in refusal(path).message
