"""Who repeats, contradicts or leaks: samples compared by 64-bit hashes of what they say.

Reads: samples as they come by.  Gives: groups of lines.
Depends on: records; numpy, imported when groups are asked for.  Knows nothing of files.
Memory: 24 bytes a sample for each question put to it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from evalharness.records import Message, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PASSAGE_CHARACTERS: Final = 80
"""A metadata text from this length on is something to be read, not a label."""

_SPACES: Final = re.compile(r"\s+")
_EDGES: Final = " .,;:!?\"'“”‘’«»¿¡…"


def normalised(text: str) -> str:
    r"""A text as it reads aloud: one form of each letter, lower case, single spaces, bare edges.

    >>> normalised("\nHow do I  unblock my PIN?")
    'how do i unblock my pin'
    """
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip(_EDGES)


def spoken_text(sample: Sample) -> str:
    """What is asked without system messages: what a training file would have to repeat.

    Long texts in the metadata belong to the question: the same words about another article, which
    the template shows, are another question.
    """
    asked = sample.input if sample.input is not None else dialogue_text(sample.messages)
    passages = [
        text
        for text in sample.metadata.values()
        if isinstance(text, str) and len(text) >= PASSAGE_CHARACTERS
    ]
    return "\n".join((*passages, asked)) if passages else asked


def dialogue_text(messages: Sequence[Message]) -> str:
    """The contents of a conversation without its system messages, one after the other."""
    spoken = (m.content or "" for m in messages if m.role not in ("system", "developer"))
    return "\n".join(spoken)


def asked_text(sample: Sample) -> str:
    """Everything that is asked, system messages and tools too, as one text."""
    system = [m.content for m in sample.messages if m.role in ("system", "developer")]
    return orjson.dumps((system, spoken_text(sample), sample.tools)).decode()


def judged_text(sample: Sample) -> str:
    """What an answer is judged by, as one text: targets, expected calls and tests."""
    calls = [(call.name, call.arguments) for call in sample.target_tool_calls]
    tests = None if sample.code is None else sample.code.tests
    return orjson.dumps((sample.targets, calls, tests)).decode()


def hash64(text: str) -> int:
    """The first 64 bits of the text's SHA-256: the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


class Spoken:
    """What a file's rows ask, as hashes with their line numbers; 24 bytes a row."""

    def __init__(self) -> None:
        self.lines = array("Q")
        self.exact = array("Q")
        self.plain = array("Q")

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, line: int, text: str) -> None:
        """One row: its line and what it asks; a text without letters or digits counts as none."""
        plain = normalised(text)
        if plain:
            self.lines.append(line)
            self.exact.append(hash64(text.strip()))
            self.plain.append(hash64(plain))

    def shared_with(self, train: Spoken) -> Iterator[tuple[int, int, bool]]:
        """(our line, a line of `train`, whether letter by letter) for every question of both.

        Letter by letter means equal but for spaces around the text.
        """
        if not len(self) or not len(train):
            return
        import numpy as np

        ours, theirs = _array(self.plain), _array(train.plain)
        order = np.argsort(theirs, kind="stable")
        places = np.minimum(np.searchsorted(theirs, ours, sorter=order), len(theirs) - 1)
        rows = order[places]
        exact = np.isin(_array(self.exact), _array(train.exact))
        for place in np.flatnonzero(theirs[rows] == ours).tolist():
            yield self.lines[place], train.lines[int(rows[place])], bool(exact[place])


class Questions:
    """What samples ask and are judged by, as hashes with their line numbers; 24 bytes a sample."""

    def __init__(self) -> None:
        self._lines = array("Q")
        self._asked = array("Q")
        self._judged = array("Q")

    def add(self, line: int, asked: str, judged: str) -> None:
        """One sample: its line, what it asks, and what it is judged by."""
        self._lines.append(line)
        self._asked.append(hash64(asked))
        self._judged.append(hash64(judged))

    def repeated(self) -> Iterator[tuple[int, int, bool]]:
        """(first line, line, whether both are judged alike) for every question asked before."""
        if not self._lines:
            return
        import numpy as np

        asked, judged = _array(self._asked), _array(self._judged)
        order = np.argsort(asked, kind="stable")
        is_first = np.concatenate(([True], asked[order[1:]] != asked[order[:-1]]))
        starts = np.flatnonzero(is_first)
        first = np.empty_like(order)
        first[order] = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
        for place in np.sort(order[~is_first]).tolist():
            earlier = int(first[place])
            yield self._lines[earlier], self._lines[place], bool(judged[earlier] == judged[place])


def _array(values: array[int]) -> NDArray[np.uint64]:
    import numpy as np

    return np.frombuffer(values, dtype=np.uint64)
