"""Which training rows count as held-out samples, and which do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import DataError
from evalharness.prompts.asked import (
    Asked,
    asked,
    last_user_turn,
    opening,
    query_of,
    shown,
    system_text,
)
from evalharness.prompts.leak import EXCERPT, SHOWN, TrainingRows, excerpt, fold
from evalharness.prompts.template import TemplateProgram
from evalharness.records import Message, Sample
from evalharness.spec.suite import PromptSpec

PLAIN = TemplateProgram(PromptSpec(), where="suite.yaml")


def chat(sample_id: str, *turns: str, system: str | None = None) -> Sample:
    """User and assistant in turn, the user first."""
    head = () if system is None else (Message(role="system", content=system),)
    roles = ("user", "assistant")
    said = (Message(role=roles[n % 2], content=turn) for n, turn in enumerate(turns))
    return Sample(id=sample_id, messages=(*head, *said))


def rows(*samples: Sample, plain: TemplateProgram = PLAIN) -> TrainingRows:
    table = TrainingRows(train="train.jsonl", where="suite.yaml, prompt.few_shot.train")
    for sample in samples:
        table.add(sample.id, shown(sample, plain))
    return table


# --- what a sample asks ------------------------------------------------------------------------


def test_a_plain_input_asks_what_the_template_makes_of_it():
    plain = TemplateProgram(PromptSpec(template="{{ text }}\nQ: {{ input }}"), where="suite.yaml")
    sample = Sample(id="a", input="Who?", metadata={"text": "Ann came."})
    assert asked(sample, plain) == Asked(None, "Ann came.\nQ: Who?")
    assert query_of(sample, plain) == "Who?"


def test_a_sample_without_an_input_is_looked_up_by_its_prompt():
    plain = TemplateProgram(PromptSpec(template="{{ a }} or {{ b }}?"), where="suite.yaml")
    sample = Sample(id="a", metadata={"a": "tea", "b": "milk"})
    assert query_of(sample, plain) == "tea or milk?"


def test_a_conversation_asks_all_its_user_turns_and_is_looked_up_by_the_last():
    sample = chat("a", "Where?", "home", "Why?", system="Story.")
    assert asked(sample, PLAIN) == Asked("Story.", "Where?\n\nWhy?")
    assert query_of(sample, PLAIN) == "Why?"


def test_a_training_conversation_shows_every_question_it_answers():
    sample = chat("a", "Where?", "home", "Why?", system="Story.")
    assert shown(sample, PLAIN) == [Asked("Story.", "Where?"), Asked("Story.", "Where?\n\nWhy?")]


def test_a_conversation_without_user_turns_asks_nothing():
    sample = Sample(id="a", messages=(Message(role="assistant", content="Hello."),))
    assert asked(sample, PLAIN).question == ""
    assert query_of(sample, PLAIN) == ""
    assert shown(sample, PLAIN) == []


def test_system_messages_are_one_text_and_none_is_not_an_empty_one():
    turns = (
        Message(role="system", content="A"),
        Message(role="developer", content="B"),
        Message(role="user", content="C"),
    )
    assert system_text(turns) == "A\n\nB"
    assert system_text(turns[2:]) is None
    assert system_text((Message(role="system"),)) == ""
    assert (opening(turns), opening(turns[2:]), opening(turns[:2])) == (2, 0, 2)


def test_the_turn_to_answer_is_the_last_that_a_user_wrote():
    turns = chat("a", "one", "two", "three", "four").messages
    assert last_user_turn(turns) == 2
    assert last_user_turn(turns[1:2]) is None
    assert last_user_turn((Message(role="user"), *turns[:1], Message(role="user"))) == 1


# --- comparing texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Where is my card?", "where is my card"),
        ("Where is my card?", "  Where\tis\nmy card ?! "),
        ("Caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("How much\u00a0is it", "How much is it"),
    ],
)
def test_these_ask_the_same(left, right):
    assert fold(left) == fold(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("2 + 3 = ?", "2 - 3 = ?"),
        ("-5 + 1", "5 + 1"),
        ("What is 5²?", "What is 52?"),
        ("a.b", "ab"),
        ("the cat", "cat"),
        ("?", "!"),
    ],
)
def test_these_do_not_ask_the_same(left, right):
    assert fold(left) != fold(right)


@given(st.text())
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=80))
def test_an_excerpt_is_one_short_line(text):
    line = excerpt(text)
    assert len(line) <= EXCERPT + 2
    assert len(line.splitlines()) <= 1


def test_a_long_excerpt_is_cut_to_its_length_with_a_mark():
    assert excerpt("x" * EXCERPT) == '"' + "x" * EXCERPT + '"'
    assert excerpt("x" * (EXCERPT + 1)) == '"' + "x" * (EXCERPT - 1) + '…"'


# --- leaks -------------------------------------------------------------------------------------


def test_rows_of_other_ids_and_questions_are_no_leak():
    table = rows(Sample(id="a", input="Who?"), chat("b", "Where?"))
    table.refuse_leaks([Sample(id="c", input="When?"), chat("d", "Why?")], PLAIN)


def test_an_equal_id_is_a_leak_whatever_the_question():
    table = rows(Sample(id="a", input="Who?"))
    assert table.leak(Sample(id="a", input="When?"), PLAIN) == "'a' (same id: \"When?\")"
    assert table.leak(Sample(id="a", input="WHO"), PLAIN) == "'a' (same id and question: \"WHO\")"


def test_an_equal_question_is_a_leak_whatever_the_id():
    table = rows(Sample(id="t1", input="Who  IS it"))
    leak = table.leak(Sample(id="h1", input="Who is it?"), PLAIN)
    assert leak == "'t1' = held-out 'h1' (same question: \"Who is it?\")"


def test_a_question_about_another_text_is_no_leak():
    plain = TemplateProgram(PromptSpec(template="{{ text }}\n{{ input }}"), where="suite.yaml")
    table = rows(Sample(id="t", input="Who?", metadata={"text": "Ann came."}), plain=plain)
    same = Sample(id="h", input="Who?", metadata={"text": "Ann came."})
    other = Sample(id="h", input="Who?", metadata={"text": "Bob left."})
    assert table.leak(same, plain) is not None
    assert table.leak(other, plain) is None


def test_a_turn_of_a_training_conversation_is_a_leak_by_its_id():
    assert rows(chat("talk", "Where?")).leak(chat("talk#2", "Since when?"), PLAIN) is not None
    assert rows(Sample(id="issue", input="x")).leak(Sample(id="issue#5", input="y"), PLAIN) is None


def test_an_earlier_turn_of_a_training_conversation_is_a_leak():
    table = rows(chat("t", "Where?", "home", "Why?", "rain", "Since when?", system="Story."))
    assert table.leak(chat("h#1", "where", system="Story."), PLAIN) is not None
    assert table.leak(chat("h#2", "Where?", "outside", "why?", system="Story."), PLAIN) is not None
    assert table.leak(chat("h#2", "Why?", system="Story."), PLAIN) is None


@pytest.mark.parametrize(
    ("train", "heldout", "leaks"),
    [
        ("Text one.", "Text one.", True),
        ("Text one.", "text  one", True),
        ("Text one.", "Text two.", False),
        ("Text one.", None, True),
        (None, "Text one.", True),
        (None, None, True),
    ],
)
def test_own_system_texts_tell_questions_apart_only_where_both_have_one(train, heldout, leaks):
    table = rows(chat("t", "Summarise it.", system=train))
    found = table.leak(chat("h", "Summarise it.", system=heldout), PLAIN)
    assert (found is not None) == leaks


def test_a_plain_row_and_a_conversation_that_ask_the_same_are_a_leak():
    assert rows(Sample(id="t", input="Who?")).leak(chat("h", "Who?"), PLAIN) is not None


def test_rows_without_a_question_are_compared_by_id_alone():
    table = rows(Sample(id="t", input="   "))
    assert table.leak(Sample(id="h", input=""), PLAIN) is None
    assert table.leak(Sample(id="t", input=""), PLAIN) is not None


def test_the_refusal_names_the_pairs_the_file_and_the_mend():
    table = rows(Sample(id="t1", input="Who?"), Sample(id="t2", input="When?"))
    heldout = [Sample(id="h1", input="When?"), Sample(id="h2", input="Why?")]
    with pytest.raises(DataError) as caught:
        table.refuse_leaks(heldout, PLAIN)
    pair = "'t2' = held-out 'h1' (same question: \"When?\")"
    assert str(caught.value).splitlines() == [
        f"1 held-out sample is in the training file, whose answers the prompt would show: {pair}",
        "  where: suite.yaml, prompt.few_shot.train: train.jsonl",
        "  mend:  take these rows out of the training file; a row's id must be its own in both",
    ]


def test_the_refusal_counts_the_pairs_that_it_does_not_name():
    samples = [Sample(id=f"{n}", input=f"Question {n}?") for n in range(SHOWN + 7)]
    with pytest.raises(DataError) as caught:
        rows(*samples).refuse_leaks(samples, PLAIN)
    assert caught.value.message.startswith(f"{SHOWN + 7} held-out samples are in")
    assert caught.value.message.endswith(", and 7 more")
    assert f"'{SHOWN - 1}'" in caught.value.message
    assert f"'{SHOWN}'" not in caught.value.message


TEXTS = st.text(st.sampled_from("ab ?"), max_size=4)


@given(st.lists(TEXTS, max_size=6), st.lists(TEXTS, max_size=6))
def test_a_leak_is_found_exactly_where_a_pairwise_look_finds_one(train, heldout):
    table = rows(*(Sample(id=f"t{n}", input=text) for n, text in enumerate(train)))
    folded = {fold(text) for text in train} - {""}
    for n, text in enumerate(heldout):
        found = table.leak(Sample(id=f"h{n}", input=text), PLAIN)
        assert (found is not None) == (fold(text) in folded)
