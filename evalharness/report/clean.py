r"""Text that models and users wrote, made safe to show: what is invisible becomes visible.

Reads: any str, lone surrogates and control characters included.  Gives: str that encodes to UTF-8
and moves no cursor, rings no bell and turns no writing direction.
Depends on: the standard library.  Escaping for one format (HTML, Markdown, XML) is that
renderer's own work; this is what all of them need first.
Sources: Unicode 15.1, ch. 23 (control codes, bidirectional controls, noncharacters);
CVE-2021-42574 on reordered text.
"""

from __future__ import annotations

import re
import unicodedata

_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?")


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\u2039U+{code:04X}\u203a"


def visible(text: str) -> str:
    r"""The text with every invisible or active character drawn as a sign of its own.

    Line feeds and tabs stay; carriage returns become line feeds.  Letters of every script, emoji
    and their joiners stay.

    >>> visible("a\x1b[31mb\u202ec")
    'a␛[31mb‹U+202E›c'
    """
    return _SUSPECT.sub(_picture, _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    r"""`visible`, on one line: line feeds as ⏎, tabs and runs of blanks as one blank.

    >>> one_line("two\n lines\there")
    'two ⏎ lines here'
    """
    return " ".join(visible(text).replace("\n", " \u23ce ").split())


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of the text; what is left out is counted, never hidden.

    >>> cut("abcdefghij", 4)
    'abcd … [6 more characters]'
    """
    if len(text) <= limit:
        return text
    return f"{text[:limit]} \u2026 [{len(text) - limit:,} more characters]"


def width(text: str) -> int:
    """Columns that the text takes in a terminal: wide letters count two, marks none.

    >>> width("日本a")
    5
    """
    if text.isascii():
        return len(text)
    return sum(_columns(letter) for letter in text)


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or letter == "\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def clip(text: str, columns: int) -> str:
    """The text cut to so many terminal columns, ending in … where something was left out.

    >>> clip("a-very-long-name", 8)
    'a-very-…'
    """
    if width(text) <= columns:
        return text
    kept = ""
    taken = 0
    for letter in text:
        taken += _columns(letter)
        if taken > columns - 1:
            break
        kept += letter
    return kept + "\u2026"
