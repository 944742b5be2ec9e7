"""From a model's answer to a program: fences and prose off, the prompt's source in front.

Reads: texts.  Gives: `extract_code`, `assemble_program`.
Depends on: the standard library.
"""

from __future__ import annotations

import re
from typing import Final

_BLOCK: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)"
    r"(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_PYTHON: Final = frozenset({"", "python", "py", "python3", "py3"})


def defines(source: str, name: str) -> bool:
    """Whether a function or class of this name is defined at the top level of a source."""
    pattern = rf"^(?:async[ \t]+def|def|class)[ \t]+{re.escape(name)}\b"
    return re.search(pattern, source, re.MULTILINE) is not None


def extract_code(answer: str, entry_point: str | None = None) -> str:
    r"""The code in an answer: of its fenced blocks, or all of it where there is no fence.

    Of several blocks the last that defines `entry_point` is taken, together with the blocks before
    it that define or import what it may need; without such a block, the first Python block.

    >>> extract_code("Sure!" + chr(10) + "```python" + chr(10) + "x = 1" + chr(10) + "```")
    'x = 1\\n'
    """
    blocks = [
        match["body"]
        for match in _BLOCK.finditer(answer.replace("\r\n", "\n"))
        if match["language"].lower() in _PYTHON
    ]
    if not blocks:
        return answer
    if entry_point is not None:
        for number in range(len(blocks) - 1, -1, -1):
            if defines(blocks[number], entry_point):
                return blocks[number]
    return blocks[0]


def assemble_program(answer: str, *, prompt: str = "", entry_point: str | None = None) -> str:
    """A whole program from an answer that is a whole function, or goes on where `prompt` ended.

    prompt: source that stands before the answer: imports, helpers, the function's head.
    An answer that defines the entry point itself stands below the prompt, whose imports and helpers
    it may need; one that does not is taken as the rest of the prompt's function.
    """
    code = extract_code(answer, entry_point)
    if not prompt:
        return code
    whole = entry_point is None or defines(code, entry_point)
    if whole:
        return f"{prompt.rstrip()}\n\n\n{code}"
    if code is answer:
        return prompt + answer
    return f"{prompt.rstrip()}\n{indented(code)}"


def indented(code: str) -> str:
    """A function's body, indented where an answer gave it without."""
    lines = code.strip("\n").split("\n")
    if lines and lines[0][:1] not in (" ", "\t"):
        lines = [f"    {line}" if line.strip() else line for line in lines]
    return "\n".join(lines) + "\n"
