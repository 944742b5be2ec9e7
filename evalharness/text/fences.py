"""Code fences around an answer: taking them off.

Reads: texts.  Gives: texts.
Depends on: the standard library.
"""

from __future__ import annotations

import re
from typing import Final

_FENCED: Final = re.compile(r"\A\s*(`{3,}|~{3,})[^\n`]*\n(.*?)\n?[ \t]*\1[ \t]*\s*\Z", re.DOTALL)


def without_fence(text: str) -> str:
    """The inside of a text that is one fenced block and nothing else; any other text as it is.

    >>> without_fence('```json' + chr(10) + '{"a": 1}' + chr(10) + '```')
    '{"a": 1}'
    >>> without_fence("no fence")
    'no fence'
    """
    fenced = _FENCED.match(text)
    return fenced[2] if fenced else text
