"""Retrieval baselines: which passages a question gets, and how they stand in the prompt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import DataError, SpecError
from evalharness.prompts.passages import Passage
from evalharness.prompts.rag import Passages, Retrieval
from evalharness.prompts.template import TemplateProgram
from evalharness.records import Message, Sample
from evalharness.spec.suite import PromptSpec, RagSpec

MANUAL = {
    "refunds.md": "A refund is paid within 30 days.",
    "cards.txt": "A card arrives after two weeks. A lost card is blocked at once.",
    "fees.txt": "There is no fee for cash.",
}


@pytest.fixture
def manual(tmp_path):
    folder = tmp_path / "manual"
    folder.mkdir()
    for name, text in MANUAL.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def user_text(program, sample: Sample) -> str:
    rendered = program.render(sample)
    assert rendered[-1].role == "user"
    return rendered[-1].content


def test_the_nearest_passages_stand_before_the_question_the_best_first(build, manual):
    program = build(rag={"documents": "manual", "k": 2})
    asked = "When is my card blocked, and is there a fee?"
    text = user_text(program, Sample(id="q", input=asked))
    assert text == f"{MANUAL['cards.txt']}\n\n{MANUAL['fees.txt']}\n\n{asked}"


@pytest.mark.parametrize("k", [1, 2, 3, 50])
def test_a_prompt_holds_at_most_k_passages(build, manual, k):
    template = "{{ passages | length }}"
    program = build(rag={"documents": "manual", "k": k, "template": template})
    shown = int(user_text(program, Sample(id="q", input="is a card fee refund")))
    assert shown == min(k, 3)


def test_a_passage_that_shares_no_word_with_the_question_is_not_shown(build, manual):
    program = build(rag={"documents": "manual", "template": "[{{ passages }}] {{ prompt }}"})
    assert (
        user_text(program, Sample(id="q", input="refund?")) == f"[{MANUAL['refunds.md']}] refund?"
    )
    assert user_text(program, Sample(id="q", input="xyzzy")) == "[] xyzzy"


def test_a_template_can_leave_its_frame_out_where_nothing_is_found(build, manual):
    template = "{% if passages %}Context: {{ passages }}\n{% endif %}{{ prompt }}"
    program = build(rag={"documents": "manual", "template": template})
    assert user_text(program, Sample(id="q", input="xyzzy")) == "xyzzy"


def test_a_template_can_go_through_the_passages_one_by_one(tmp_path, build):
    rows = [
        {"id": "a", "title": "Cards", "text": "card one"},
        {"id": "b", "text": "card two and more"},
    ]
    (tmp_path / "kb.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    template = (
        "{% for p in passages %}[{{ loop.index }}] {{ p.document }}#{{ p.number }}"
        "{% if p.title %} {{ p.title }}{% endif %}: {{ p.text }}\n{% endfor %}{{ prompt }}"
    )
    program = build(rag={"documents": "kb.jsonl", "template": template})
    assert user_text(program, Sample(id="q", input="card")) == (
        "[1] a#1 Cards: card one\n[2] b#1: card two and more\ncard"
    )


def test_titles_are_searched_and_shown(tmp_path, build):
    rows = [{"id": "a", "title": "Refunds", "text": "Thirty days."}, {"id": "b", "text": "Cash."}]
    (tmp_path / "kb.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    program = build(rag={"documents": "kb.jsonl", "k": 1})
    assert (
        user_text(program, Sample(id="q", input="refunds?")) == "Refunds\nThirty days.\n\nrefunds?"
    )


def test_the_prompt_is_what_the_suites_template_made_and_the_samples_values_are_seen(build, manual):
    program = build(
        rag={
            "documents": "manual",
            "k": 1,
            "template": "{{ lang }}|{{ id }}|{{ passages }}|{{ prompt }}",
        },
        template="Q: {{ input }}",
        system="Use the manual.",
    )
    rendered = program.render(Sample(id="q", input="cash", metadata={"lang": "en"}))
    assert rendered[0] == Message(role="system", content="Use the manual.")
    assert rendered[1].content == f"en|q|{MANUAL['fees.txt']}|Q: cash"


def test_passages_and_prompt_win_over_metadata_of_the_same_name(build, manual):
    program = build(rag={"documents": "manual", "k": 1, "template": "{{ passages }}|{{ prompt }}"})
    sample = Sample(id="q", input="cash", metadata={"passages": "mine", "prompt": "mine"})
    assert user_text(program, sample) == f"{MANUAL['fees.txt']}|cash"


def test_a_template_inside_a_document_is_text(tmp_path, build):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(
        "card {{ ''.__class__ }} {% endif %}", encoding="utf-8"
    )
    program = build(rag={"documents": "docs"})
    assert (
        user_text(program, Sample(id="q", input="card"))
        == "card {{ ''.__class__ }} {% endif %}\n\ncard"
    )


def test_a_long_document_is_found_by_its_part(tmp_path, build):
    (tmp_path / "docs").mkdir()
    text = " ".join(f"word{n}" for n in range(1000))
    (tmp_path / "docs" / "a.txt").write_text(text, encoding="utf-8")
    program = build(rag={"documents": "docs", "chunk_words": 100, "template": "{{ passages }}"})
    found = user_text(program, Sample(id="q", input="word555"))
    assert found.split() == [f"word{n}" for n in range(500, 600)]


# --- conversations -----------------------------------------------------------------------------


def test_passages_go_into_the_last_user_turn_of_a_conversation(build, manual):
    turns = (
        Message(role="system", content="Own."),
        Message(role="user", content="Is there a fee for cash?"),
        Message(role="assistant", content="no"),
        Message(role="user", content="And a refund?"),
    )
    rendered = build(rag={"documents": "manual", "k": 1}).render(Sample(id="q", messages=turns))
    assert rendered[:3] == turns[:3]
    assert rendered[3].content == f"{MANUAL['refunds.md']}\n\nAnd a refund?"


def test_turns_after_the_question_stay_after_it(build, manual):
    turns = (
        Message(role="user", content="cash", name="ann"),
        Message(role="assistant", content="one moment"),
        Message(role="tool", content="{}", tool_call_id="1"),
    )
    rendered = build(rag={"documents": "manual", "k": 1}).render(Sample(id="q", messages=turns))
    assert rendered[0] == Message(role="user", content=f"{MANUAL['fees.txt']}\n\ncash", name="ann")
    assert rendered[1:] == turns[1:]


def test_the_same_passages_are_found_under_every_history_policy(build, manual):
    turns = (
        Message(role="user", content="Is there a fee?"),
        Message(role="assistant", content="no"),
        Message(role="user", content="And a refund?"),
    )
    last = {
        build(rag={"documents": "manual", "k": 1}, history=policy)
        .render(Sample(id="q", messages=turns), ["maybe"])[-1]
        .content
        for policy in ("none", "gold", "predicted")
    }
    assert last == {f"{MANUAL['refunds.md']}\n\nAnd a refund?"}


def test_a_conversation_without_a_user_turn_is_refused(build, manual):
    turns = (Message(role="system", content="Say hello."),)
    with pytest.raises(SpecError) as caught:
        build(rag={"documents": "manual"}).render(Sample(id="q", messages=turns))
    assert caught.value.message == "no user turn to find passages for"
    assert caught.value.where == "suite.yaml, prompt.rag, sample 'q'"


# --- passages and examples together ------------------------------------------------------------


def test_examples_stand_before_the_question_and_carry_no_passages(build, manual, train):
    program = build(
        rag={"documents": "manual", "k": 1},
        few_shot={"train": "train.jsonl", "k": 2},
        system="Use the manual.",
    )
    rendered = program.render(Sample(id="q", input="cash?"))
    assert [(turn.role, turn.content) for turn in rendered] == [
        ("system", "Use the manual."),
        ("user", "What is the capital of France?"),
        ("assistant", "Paris"),
        ("user", "What is the capital of Germany?"),
        ("assistant", "Berlin"),
        ("user", f"{MANUAL['fees.txt']}\n\ncash?"),
    ]
    assert program.signature == (
        "few_shot|fixed|k:2 + rag|k:1|chunk:200|bm25|method:lucene|k1:1.5|b:0.75|tok:cjk"
    )


def test_examples_are_found_by_the_question_and_not_by_its_passages(build, manual, train):
    (manual / "meow.txt").write_text("blocked animal meow animal meow says", encoding="utf-8")
    program = build(
        rag={"documents": "manual", "k": 1},
        few_shot={"train": "train.jsonl", "k": 1, "select": "bm25"},
    )
    rendered = program.render(Sample(id="q", input="two blocked"))
    assert rendered[1].content == "four"


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["k", "chunk_words"])
@pytest.mark.parametrize("number", [0, -3])
def test_numbers_below_one_are_refused(build, manual, key, number):
    with pytest.raises(SpecError, match=f"`{key}` must be at least 1, got {number}") as caught:
        build(rag={"documents": "manual", key: number})
    assert caught.value.where == f"suite.yaml, prompt.rag.{key}"
    mends = {"k": "leave `rag` out to show no passages", "chunk_words": "200 suits most texts"}
    assert caught.value.mend == mends[key]


@pytest.mark.parametrize("template", ["{{ prompt }}", "{{ passage }} {{ prompt }}", "passages", ""])
def test_a_template_that_shows_no_passages_is_refused(build, manual, template):
    with pytest.raises(SpecError, match=r"shows no `\{\{ passages \}\}`") as caught:
        build(rag={"documents": "manual", "template": template})
    assert caught.value.where == "suite.yaml, prompt.rag.template"


def test_a_template_with_a_syntax_error_is_refused(build, manual):
    with pytest.raises(SpecError, match="syntax error"):
        build(rag={"documents": "manual", "template": "{{ passages"})


def test_a_template_that_needs_what_the_sample_lacks_is_refused(build, manual):
    program = build(rag={"documents": "manual", "template": "{{ passages }} {{ langauge }}"})
    with pytest.raises(SpecError, match="'langauge' is undefined") as caught:
        program.render(Sample(id="q", input="cash", metadata={"language": "en"}))
    assert caught.value.where == "suite.yaml, prompt.rag.template, sample 'q'"


def test_a_template_cannot_reach_into_python_through_a_passage(build, manual):
    template = "{% for p in passages %}{{ p.__class__.__mro__ }}{% endfor %}"
    program = build(rag={"documents": "manual", "template": template})
    with pytest.raises(SpecError, match="reaches for what it must not"):
        program.render(Sample(id="q", input="cash"))


def test_an_absent_folder_is_refused(build):
    with pytest.raises(DataError):
        build(rag={"documents": "manual"})


# --- hash and order ----------------------------------------------------------------------------


def test_the_hash_covers_every_setting_and_every_document(tmp_path, build, manual):
    def digest(**rag):
        return build(rag={"documents": "manual", **rag}).sha256

    before = [
        digest(),
        digest(k=1),
        digest(chunk_words=3),
        digest(template="{{ passages }}\n{{ prompt }}"),
        build().sha256,
        build(rag={"documents": "manual"}, system="Be brief.").sha256,
    ]
    (manual / "fees.txt").write_text("There is a fee for cash.", encoding="utf-8")
    changed = digest()
    (manual / "fees.txt").rename(manual / "zz.txt")
    renamed = digest()
    assert len({*before, changed, renamed}) == len(before) + 2


def test_the_hash_does_not_depend_on_where_the_documents_lie(tmp_path, build, manual):
    one = build(rag={"documents": "manual"}).sha256
    manual.rename(tmp_path / "elsewhere")
    assert build(rag={"documents": "elsewhere"}).sha256 == one


@pytest.fixture(scope="module")
def retrieval(tmp_path_factory) -> Retrieval:
    folder = tmp_path_factory.mktemp("manual")
    for name, text in MANUAL.items():
        (folder / name).write_text(text, encoding="utf-8")
    plain = TemplateProgram(PromptSpec(), where="suite.yaml")
    return Retrieval(RagSpec(documents=".", k=2), plain, base=folder, where="suite.yaml")


@given(st.permutations(["refund?", "card", "fee cash", "xyzzy", "a refund and a card"]))
@settings(max_examples=20)
def test_the_passages_of_a_question_depend_on_it_alone(retrieval, order):
    found = {text: retrieval.passages_for(Sample(id=text, input=text)) for text in order}
    for text in sorted(order):
        assert retrieval.passages_for(Sample(id="again", input=text)) == found[text]


def test_documents_are_read_once_when_the_program_is_built(build, manual):
    program = build(rag={"documents": "manual", "k": 1})
    before = program.render(Sample(id="q", input="cash"))
    for path in manual.iterdir():
        path.unlink()
    assert program.render(Sample(id="q", input="cash")) == before


def test_passages_read_as_one_text_apart_by_empty_lines():
    passages = Passages([Passage("a", 1, "one", "T"), Passage("b", 2, "two")])
    assert str(passages) == "T\none\n\ntwo"
    assert str(Passages()) == ""
