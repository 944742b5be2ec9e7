"""From an answer to what is scored: a pattern, a place in its JSON, a number, a block of code.

Reads: nothing.  Gives: `build_extractor`: text -> the part that counts, None if there is none.
Depends on: spec.suite, text, errors.  Time-limited: a pattern that hangs finds nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from evalharness.errors import SpecError
from evalharness.spec.suite import ExtractSpec

Extractor: TypeAlias = Callable[[str], str | None]

PATTERN_TIMEOUT_S: Final = 1.0
NUMBER: Final = re.compile(r"[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
FENCE: Final = re.compile(r"```[^\n]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)


def build_extractor(spec: ExtractSpec | None, *, where: str) -> Extractor | None:
    """The function that a suite's `extract` describes; None where it says nothing.

    where: file, for errors.  Raises SpecError for more than one rule or a bad pattern.
    """
    if spec is None:
        return None
    rules: dict[str, Callable[[], Extractor]] = {}
    if spec.pattern is not None:
        rules["pattern"] = lambda: by_pattern(spec.pattern or "", spec.take, where=where)
    if spec.json_path is not None:
        rules["json_path"] = lambda: by_json_path(spec.json_path or "")
    if spec.number is not None:
        rules["number"] = lambda: by_number(spec.number or "last")
    if spec.code:
        rules["code"] = lambda: fenced_code
    if len(rules) != 1:
        raise SpecError(
            f"`extract` takes exactly one rule, got {', '.join(rules) or 'none'}",
            where=f"{where}, extract",
            mend="one of `pattern`, `json_path`, `number`, `code`",
        )
    extract = next(iter(rules.values()))()
    return stripped(extract) if spec.strip and not spec.code else extract


def stripped(extract: Extractor) -> Extractor:
    """The same rule, with white space around what it finds taken off."""

    def find(text: str) -> str | None:
        """What the function extracts, without outer blanks."""
        found = extract(text)
        return None if found is None else found.strip()

    return find


def by_pattern(pattern: str, take: str, *, where: str) -> Extractor:
    """The first group (or the whole) of the first or last match of a regular expression."""
    import regex

    try:
        compiled = regex.compile(pattern, regex.MULTILINE)
    except regex.error as error:
        raise SpecError(
            f"`extract.pattern` is no regular expression: {error}",
            where=f"{where}, extract.pattern",
        ) from error

    def find(text: str) -> str | None:
        """The first or last match, or None; None too when the pattern takes too long."""
        found = None
        try:
            for match in compiled.finditer(text, timeout=PATTERN_TIMEOUT_S):
                found = match.group(1) if compiled.groups else match.group(0)
                if take == "first":
                    break
        except TimeoutError:
            return None
        return found

    return find


def by_json_path(path: str) -> Extractor:
    """The value at a dotted path of the answer's JSON, texts as they are, others as JSON."""
    steps = [step for step in re.split(r"[.\[\]]+", path.removeprefix("$")) if step]

    def find(text: str) -> str | None:
        """The value at the steps of the answer's JSON, as text, or None."""
        fenced = FENCE.search(text)
        try:
            value = json.loads(fenced.group(1) if fenced else text)
        except (ValueError, RecursionError):
            return None
        for step in steps:
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.lstrip("-").isdigit():
                index = int(step)
                if not -len(value) <= index < len(value):
                    return None
                value = value[index]
            else:
                return None
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return find


def by_number(which: str) -> Extractor:
    """The first or last number in the text, thousands separators taken out."""

    def find(text: str) -> str | None:
        """The first or last number, without thousands separators, or None."""
        found = None
        for match in NUMBER.finditer(text):
            found = match.group(0)
            if which == "first":
                break
        return None if found is None else found.replace(",", "")

    return find


def fenced_code(text: str) -> str | None:
    """The last fenced block, else the whole text."""
    blocks = FENCE.findall(text)
    return blocks[-1] if blocks else text
