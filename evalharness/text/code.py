"""From a model's answer to a program: fences and prose off, the prompt's source in front.

Reads: texts.  Gives: `extract`, `assemble`, and what each of them found, kept beside the program.
Depends on: the standard library.  Foreign text is only matched here, never parsed or run.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias

How: TypeAlias = Literal["fence", "open fence", "whole", "prose"]
Form: TypeAlias = Literal["program", "function", "completion"]

_FENCE: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)"
    r"(?P<end>^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_PYTHON: Final = frozenset({"", "python", "py", "python3", "py3"})

# A line at the left margin that begins a program, and the first word of one that is a sentence.
_BEGINS: Final = re.compile(
    r"^(?:def|class|async[ \t]+def|import|from|@)[ \t(]?[\w.]", re.MULTILINE
)
_FIRST_WORD: Final = re.compile(r"(?:[-*>] |#{1,4} |\d{1,3}\. )?[A-Z][\w'’]*,?[ .:!]")
_NEVER_IN_PROSE: Final = frozenset("=({[")


class Extracted(NamedTuple):
    """The code found in an answer, and how: in a fence, in one that never ends, as the whole
    answer, or between sentences.
    """

    code: str
    how: How


class Program(NamedTuple):
    """A program ready to run, the code that was extracted for it, and what that code was.

    form: a `program` of its own, the `function` that the prompt describes, or a `completion` that
    goes on where the prompt ended.
    """

    source: str
    extracted: Extracted
    form: Form


def defines(source: str, name: str) -> bool:
    """Whether a function or class of this name is defined at the top level of a source."""
    pattern = rf"^(?:async[ \t]+def|def|class)[ \t]+{re.escape(name)}\b"
    return re.search(pattern, source, re.MULTILINE) is not None


def extract(answer: str, entry_point: str | None = None) -> Extracted:
    r"""The code in an answer, and how it was found.

    Of several fenced blocks in Python the last that defines `entry_point` is taken; without one,
    the first.  Without a fence, sentences before the first line of code and after the last are
    left out; an answer that begins with neither is taken as it is.

    >>> extract("Sure!" + chr(10) + "```python" + chr(10) + "x = 1" + chr(10) + "```")
    Extracted(code='x = 1\n', how='fence')
    """
    text = answer.replace("\r\n", "\n")
    blocks = [m for m in _FENCE.finditer(text) if m["language"].lower() in _PYTHON]
    if not blocks:
        return _without_prose(answer)
    chosen = blocks[0]
    if entry_point is not None:
        chosen = next((m for m in reversed(blocks) if defines(m["body"], entry_point)), chosen)
    return Extracted(chosen["body"], "fence" if chosen["end"] else "open fence")


def _without_prose(answer: str) -> Extracted:
    first = _BEGINS.search(answer)
    if first is None:
        return Extracted(answer, "whole")
    before = answer[: first.start()]
    if before.strip() and not _is_prose(before):
        return Extracted(answer, "whole")
    lines = answer[first.start() :].split("\n")
    end = len(lines)
    while end > 1 and (not lines[end - 1].strip() or _is_sentence(lines[end - 1])):
        end -= 1
    code = "\n".join(lines[:end]) + "\n"
    if not before.strip() and not "".join(lines[end:]).strip():
        return Extracted(answer, "whole")
    return Extracted(code, "prose")


def _is_prose(text: str) -> bool:
    """Whether every line is a sentence: indented lines and assignments are not."""
    lines = [line for line in text.split("\n") if line.strip()]
    return all(map(_is_sentence, lines))


def _is_sentence(line: str) -> bool:
    """Whether a line can only be words: in time proportional to its length, whatever it holds."""
    return _FIRST_WORD.match(line) is not None and _NEVER_IN_PROSE.isdisjoint(line)


def extract_code(answer: str, entry_point: str | None = None) -> str:
    """The code in an answer, see `extract`."""
    return extract(answer, entry_point).code


def assemble(answer: str, *, prompt: str = "", entry_point: str | None = None) -> Program:
    """A whole program from an answer that is a whole function, or goes on where `prompt` ended.

    prompt: source that stands before the answer: imports, helpers, the function's head.
    An answer that defines the entry point itself stands below the prompt, whose imports and helpers
    it may need; one that does not is taken as the rest of the prompt's function.
    """
    found = extract(answer, entry_point)
    if not prompt:
        return Program(found.code, found, "program")
    if entry_point is None or defines(found.code, entry_point):
        return Program(f"{_closed(prompt)}\n\n\n{found.code}", found, "function")
    if found.how == "whole":
        return Program(prompt + found.code, found, "completion")
    return Program(f"{prompt.rstrip()}\n{indented(found.code)}", found, "completion")


def assemble_program(answer: str, *, prompt: str = "", entry_point: str | None = None) -> str:
    """The source of `assemble`."""
    return assemble(answer, prompt=prompt, entry_point=entry_point).source


def _closed(prompt: str) -> str:
    """A prompt that other code can follow: a head without any body gets one."""
    text = prompt.rstrip()
    last = text.rpartition("\n")[2]
    if not text.endswith(":") or last.lstrip().startswith("#"):
        return text
    return f"{text}\n{last[: len(last) - len(last.lstrip())]}    pass"


def indented(code: str) -> str:
    """A function's body, indented where an answer gave it without."""
    lines = code.strip("\n").split("\n")
    if lines and lines[0][:1] not in (" ", "\t"):
        lines = [f"    {line}" if line.strip() else line for line in lines]
    return "\n".join(lines) + "\n"
