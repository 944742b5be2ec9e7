"""The plain prompt program: what a template sees, what it may not do, what earlier turns show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import SpecError
from evalharness.prompts.build import build_program
from evalharness.prompts.template import (
    TemplateProgram,
    compile_template,
    fill,
    follow_history,
    template_values,
)
from evalharness.records import Message, Sample, ToolCall
from evalharness.spec.suite import PromptSpec

USER = Message(role="user", content="Who?")
STORY = (
    Message(role="system", content="Read the story."),
    Message(role="user", content="Where is she?"),
    Message(role="assistant", content="at home"),
    Message(role="user", content="Why?"),
    Message(role="assistant", content="it rains"),
    Message(role="user", content="Since when?"),
)


def program(**prompt) -> TemplateProgram:
    return TemplateProgram(PromptSpec(**prompt), where="suites/faq/suite.yaml")


def only_text(messages: tuple[Message, ...]) -> str:
    assert len(messages) == 1
    assert messages[0].role == "user"
    return messages[0].content or ""


# --- templates ---------------------------------------------------------------------------------


def test_the_default_template_gives_the_input_as_it_is():
    sample = Sample(id="a", input="  {{ not a template }} \n")
    assert only_text(program().render(sample)) == "  {{ not a template }} \n"


@given(st.text())
def test_the_default_and_a_written_out_template_give_the_same_text(text):
    sample = Sample(id="a", input=text)
    assert only_text(program().render(sample)) == text
    assert only_text(program(template="{{ input }}{# the same #}").render(sample)) == text


def test_a_template_sees_input_id_metadata_and_each_metadata_field_by_its_name():
    sample = Sample(id="q7", input="Who?", metadata={"lang": "en", "at": {"page": 3}})
    template = "{{ id }}|{{ input }}|{{ lang }}|{{ metadata.lang }}|{{ at.page }}"
    assert only_text(program(template=template).render(sample)) == "q7|Who?|en|en|3"


def test_input_and_id_win_over_metadata_of_the_same_name():
    sample = Sample(id="q7", input="Who?", metadata={"input": "x", "id": "y", "metadata": "z"})
    values = template_values(sample)
    assert (values["input"], values["id"]) == ("Who?", "q7")
    assert values["metadata"] == sample.metadata


def test_slices_are_seen_by_name():
    sample = Sample(id="a", input="Who?", slices={"topic": "people"})
    assert only_text(program(template="{{ topic }}: {{ input }}").render(sample)) == "people: Who?"


def test_a_final_line_end_of_a_template_is_kept():
    sample = Sample(id="a", input="Who?")
    assert only_text(program(template="Q: {{ input }}\nA:\n").render(sample)) == "Q: Who?\nA:\n"


def test_markup_in_an_input_is_not_escaped():
    sample = Sample(id="a", input="<b>&amp;</b>")
    assert only_text(program(template="Q: {{ input }}").render(sample)) == "Q: <b>&amp;</b>"


def test_a_template_inside_an_input_is_text():
    sample = Sample(id="a", input="{{ 7 * 7 }}{% for x in y %}")
    assert only_text(program(template="Q: {{ input }}").render(sample)) == f"Q: {sample.input}"


@pytest.mark.parametrize("text", ["\x00", "\x07bell", "\x1b[31m", "\u202e", "\u2028", "\ud800"])
def test_control_characters_pass_through_a_template_unchanged(text):
    sample = Sample(id="a", input=text)
    assert only_text(program(template="<{{ input }}>").render(sample)) == f"<{text}>"


def test_rendering_twice_gives_equal_messages():
    sample = Sample(id="a", input="Who?", metadata={"n": 3})
    made = program(system="Be brief.", template="{{ n }} {{ input }}")
    assert made.render(sample) == made.render(sample)


# --- refusals ----------------------------------------------------------------------------------


def test_a_missing_field_is_refused_with_the_sample_and_the_known_names():
    made = program(template="{{ question }}")
    with pytest.raises(SpecError) as caught:
        made.render(Sample(id="q1", input="Who?", metadata={"query": "x"}))
    text = str(caught.value)
    assert "the template needs what the sample lacks: 'question' is undefined" in text
    assert "where: suites/faq/suite.yaml, prompt.template, sample 'q1'" in text
    assert "known here: id, input, metadata, query; map other names with `data.fields`" in text


def test_a_missing_field_of_an_object_is_refused():
    made = program(template="{{ metadata.lang }}")
    with pytest.raises(SpecError, match="lacks"):
        made.render(Sample(id="q1", input="Who?"))


def test_a_missing_field_with_a_default_is_fine():
    made = program(template="{{ hint | default('none') }}: {{ input }}")
    assert only_text(made.render(Sample(id="q1", input="Who?"))) == "none: Who?"


def test_a_missing_field_in_the_system_message_names_the_system_message():
    made = program(system="You speak {{ lang }}.")
    with pytest.raises(SpecError) as caught:
        made.render(Sample(id="q1", input="Who?"))
    assert caught.value.where == "suites/faq/suite.yaml, prompt.system, sample 'q1'"


def test_a_syntax_error_is_refused_when_the_program_is_built_with_its_line():
    with pytest.raises(SpecError) as caught:
        program(template="one\n{% if input %}\n{{ input }")
    assert "syntax error in its line 3" in caught.value.message
    assert caught.value.where == "suites/faq/suite.yaml, prompt.template"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ input['__class__'] }}",
        "{{ input | attr('__class__') }}",
        "{{ metadata.__init__.__globals__ }}",
        "{{ self.__init__.__globals__.__builtins__.open('/etc/passwd').read() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'].system('id') }}",
        "{{ (lambda: 1)() }}",
        "{{ ('%s' * 3).format.__globals__ }}",
        "{{ '{0.__class__}'.format(input) }}",
        "{{ '{0.__class__.__init__}'.format_map({'0': input}) }}",
        "{% set _ = metadata.update({'x': 1}) %}",
        "{% set _ = metadata.clear() %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(1000000000) | list | length }}",
    ],
)
def test_a_template_that_reaches_into_python_or_the_disk_is_refused(attack):
    sample = Sample(id="q1", input="Who?", metadata={"a": 1})
    with pytest.raises(SpecError):
        program(template=attack).render(sample)
    assert sample.metadata == {"a": 1}


def test_a_reach_into_python_says_what_a_template_may_use():
    with pytest.raises(SpecError) as caught:
        program(template="{{ ''.__class__.__name__ }}").render(Sample(id="q1", input="x"))
    assert caught.value.message.startswith("the template reaches for what it must not")
    assert caught.value.mend == "use the sample's own fields only"


@pytest.mark.parametrize(
    "broken",
    ["{{ input + 1 }}", "{{ 1 // 0 }}", "{{ '%d' | format(input) }}", "{{ 'x'[5:] | first }}"],
)
def test_what_a_template_cannot_compute_is_refused_with_the_sample(broken):
    with pytest.raises(SpecError) as caught:
        program(template=broken).render(Sample(id="q1", input="Who?"))
    assert "sample 'q1'" in str(caught.value)


def test_a_compiled_template_can_be_filled_by_itself():
    template = compile_template("{{ a }}-{{ b }}", where="here")
    assert fill(template, {"a": 1, "b": None}, where="here", sample_id="s") == "1-None"


# --- system messages ---------------------------------------------------------------------------


def test_the_suites_system_message_stands_first():
    assert program(system="Be brief.").render(Sample(id="a", input="Who?")) == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Who?"),
    )


def test_the_suites_system_message_is_a_template_too():
    sample = Sample(id="a", input="Who?", metadata={"lang": "French"})
    assert program(system="Answer in {{ lang }}.").render(sample)[0].content == "Answer in French."


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_rows_own_system_message_wins_over_the_suites(role):
    own = (Message(role=role, content="Own."), USER)
    assert program(system="The suite's.").render(Sample(id="a", messages=own)) == own


def test_a_conversation_without_a_system_message_gets_the_suites():
    rendered = program(system="The suite's.").render(Sample(id="a", messages=(USER,)))
    assert [turn.role for turn in rendered] == ["system", "user"]


def test_an_empty_system_message_is_sent_and_an_absent_one_is_not():
    sample = Sample(id="a", input="Who?")
    assert program(system="").render(sample)[0] == Message(role="system", content="")
    assert [turn.role for turn in program().render(sample)] == ["user"]


def test_the_template_is_not_applied_to_a_conversation():
    rendered = program(template="Q: {{ input }}").render(Sample(id="a", messages=(USER,)))
    assert rendered == (USER,)


# --- history -----------------------------------------------------------------------------------


def contents(messages) -> list[str | None]:
    return [turn.content for turn in messages]


def test_gold_history_shows_the_reference_answers():
    assert program(history="gold").render(Sample(id="a", messages=STORY)) == STORY


def test_no_history_leaves_out_every_assistant_turn():
    rendered = program(history="none").render(Sample(id="a", messages=STORY))
    assert contents(rendered) == ["Read the story.", "Where is she?", "Why?", "Since when?"]


def test_predicted_history_shows_the_models_own_answers_in_order():
    rendered = program(history="predicted").render(Sample(id="a", messages=STORY), ["here", "snow"])
    assert contents(rendered)[2::2] == ["here", "snow", *contents(STORY)[6:]]
    assert [turn.role for turn in rendered] == [turn.role for turn in STORY]


def test_predicted_history_keeps_a_reference_where_no_answer_is_given():
    rendered = program(history="predicted").render(Sample(id="a", messages=STORY), ["here"])
    assert contents(rendered)[2] == "here"
    assert contents(rendered)[4] == "it rains"


def test_gold_history_takes_no_notice_of_answers():
    rendered = program(history="gold").render(Sample(id="a", messages=STORY), ["wrong", "wrong"])
    assert rendered == STORY


def test_an_answer_in_place_of_a_tool_call_drops_the_call():
    calls = (ToolCall(name="look", arguments="{}"),)
    turns = (USER, Message(role="assistant", tool_calls=calls), USER)
    replaced = follow_history(turns, "predicted", ["seen"])
    assert replaced[1] == Message(role="assistant", content="seen")


@given(
    st.lists(st.sampled_from(["user", "assistant", "tool", "system"]), max_size=8),
    st.lists(st.text(), max_size=4),
)
def test_history_policies_never_touch_what_the_model_did_not_say(roles, answers):
    turns = tuple(Message(role=role, content=f"{n}") for n, role in enumerate(roles))
    others = [turn for turn in turns if turn.role != "assistant"]
    for policy in ("gold", "none", "predicted"):
        shown = follow_history(turns, policy, answers)
        assert [turn for turn in shown if turn.role != "assistant"] == others
        assert len(shown) == (len(others) if policy == "none" else len(turns))


# --- hashes ------------------------------------------------------------------------------------


def test_the_hash_covers_system_template_and_history():
    variants = [
        program(),
        program(system=""),
        program(system="Be brief."),
        program(template="Q: {{ input }}"),
        program(history="none"),
        program(history="predicted"),
    ]
    assert len({made.sha256 for made in variants}) == len(variants)


def test_the_hash_does_not_depend_on_the_file():
    spec = PromptSpec(system="Be brief.")
    assert TemplateProgram(spec, where="a").sha256 == TemplateProgram(spec, where="b").sha256


def test_a_plain_specification_builds_a_plain_program(tmp_path):
    made = build_program(PromptSpec(), base=tmp_path, where="suite.yaml")
    assert isinstance(made, TemplateProgram)
