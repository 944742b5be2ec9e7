"""Programs out of answers: fences, prose, completions and whole functions."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.code import assemble, assemble_program, defines, extract, extract_code

CODE = "def add(a, b):\n    return a + b\n"
PROMPT = (
    'from typing import List\n\n\ndef add(a: int, b: int) -> int:\n    """Add two numbers."""\n'
)


def runs(program: str) -> int:
    space: dict = {}
    exec(compile(program, "answer", "exec"), space)
    return space["add"](2, 3)


@pytest.mark.parametrize("language", ["python", "py", "Python", "", "python3"])
def test_a_fenced_block_is_taken_without_its_fence(language):
    answer = f"Here you are:\n\n```{language}\n{CODE}```\nIt adds."
    assert (CODE, "fence") == extract(answer)


def test_tildes_and_longer_fences_are_fences():
    assert CODE == extract_code(f"~~~python\n{CODE}~~~")
    assert CODE == extract_code(f"````python\n{CODE}````")


def test_a_fence_that_never_ends_still_holds_code():
    assert (CODE, "open fence") == extract(f"```python\n{CODE}")


def test_windows_line_ends_do_not_hide_a_fence():
    answer = f"```python\n{CODE}```".replace("\n", "\r\n")
    assert CODE == extract_code(answer)


def test_the_last_block_that_defines_the_entry_point_is_taken():
    answer = (
        f"```python\ndef sub(a, b): ...\n```\nno:\n```python\n{CODE}```\n```python\nadd(1, 2)\n```"
    )
    assert CODE == extract_code(answer, "add")


def test_without_an_entry_point_the_first_block_is_taken():
    assert "a = 1\n" == extract_code("```python\na = 1\n```\n```python\nb = 2\n```")


def test_blocks_of_other_languages_are_passed_over():
    assert CODE == extract_code(f"```bash\npip install x\n```\n```python\n{CODE}```")


def test_sentences_around_bare_code_are_left_out():
    answer = f"Sure, here is the function you asked for:\n\n{CODE}\nThis function adds two numbers."
    assert (CODE, "prose") == extract(answer)


def test_bare_code_is_taken_as_it_is():
    assert (CODE, "whole") == extract(CODE)


def test_code_before_the_first_definition_is_kept():
    answer = f"LIMIT = 3\n{CODE}"
    assert (answer, "whole") == extract(answer)


def test_a_completion_goes_on_where_the_prompt_ended():
    program = assemble("    return a + b\n", prompt=PROMPT, entry_point="add")
    assert "completion" == program.form
    assert PROMPT + "    return a + b\n" == program.source
    assert 5 == runs(program.source)


def test_a_fenced_body_without_indentation_is_indented():
    program = assemble("```python\nreturn a + b\n```", prompt=PROMPT, entry_point="add")
    assert 5 == runs(program.source)


def test_a_whole_function_stands_below_the_prompt_whose_imports_it_needs():
    answer = "```python\ndef add(a: int, b: int) -> int:\n    held: List[int] = [a, b]\n    return sum(held)\n```"
    program = assemble(answer, prompt=PROMPT, entry_point="add")
    assert "function" == program.form
    assert 5 == runs(program.source)


def test_a_prompt_that_is_a_bare_head_can_be_followed_by_a_whole_function():
    assert 5 == runs(assemble_program(CODE, prompt="def add(a, b):\n", entry_point="add"))


def test_without_a_prompt_the_code_is_the_program():
    program = assemble(f"```\n{CODE}```", entry_point="add")
    assert (CODE, "program") == (program.source, program.form)


def test_what_was_extracted_is_kept_beside_the_program():
    program = assemble(f"Sure!\n```python\n{CODE}```", prompt=PROMPT, entry_point="add")
    assert (CODE, "fence") == program.extracted


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def add(a): ...", True),
        ("async def add(a): ...", True),
        ("class add: ...", True),
        ("  def add(a): ...", False),
        ("def adder(a): ...", False),
        ("# def add(a)", False),
    ],
)
def test_a_name_is_defined_only_at_the_top_level(source, found):
    assert found is defines(source, "add")


@given(st.text())
def test_any_text_gives_some_program_and_no_error(answer):
    program = assemble(answer, prompt=PROMPT, entry_point="add")
    assert (
        program.extracted.code in answer.replace("\r\n", "\n") + "\n"
        or program.extracted.code == answer
    )


@given(st.text(alphabet=st.characters(exclude_characters="`~\r", codec="utf-8")))
def test_what_stands_in_a_fence_comes_out_as_it_went_in(body):
    assert body + "\n" == extract_code(f"Words.\n```python\n{body}\n```\nMore words.")


@pytest.mark.parametrize("unit", ["Aa ", "`" * 3 + "\n", "A" * 50 + " ", "def f\n", "~~~ \n"])
def test_extraction_takes_time_proportional_to_the_answer(unit):
    started = time.process_time()
    extract(unit * 20_000 + "!", "add")
    assert 2.0 > time.process_time() - started
