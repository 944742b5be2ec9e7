"""Documents cut into passages: a folder of texts, or a JSON Lines file.

Reads: every .txt and .md file of a folder and its subfolders, or one JSONL file whose rows hold
`text` and, if they like, `id` and `title`; plain or gzipped, UTF-8, or UTF-16 with its mark.
Gives: `Passage`s in the order of the files' paths, or of the rows.
Depends on: data.lines (when files are read), text.tokenize, errors.  Knows nothing of questions.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from evalharness.errors import DataError
from evalharness.text.tokenize import is_unspaced

TEXT_SUFFIXES: Final = (".txt", ".md", ".txt.gz", ".md.gz")
MAX_TEXT_BYTES: Final = 16 * 2**20
"""A larger file of a folder is refused: no reader wrote it."""

_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document. document: its path in the folder, or its id.  number: from 1."""

    document: str
    number: int
    text: str
    title: str | None = None

    def __str__(self) -> str:
        """The passage as a prompt shows it: its title, if any, on a line before it."""
        return self.text if self.title is None else f"{self.title}\n{self.text}"


def read_passages(path: Path, *, chunk_words: int, where: str) -> list[Passage]:
    """Every passage of a folder or a JSONL file, at least one.

    chunk_words: the most words a passage holds.  where: file and key, for errors.
    Raises DataError with the file and the line, and where there is no text at all.
    """
    if not path.is_dir():
        from evalharness.data.lines import require_named

        require_named(path, where)
    documents = _folder(path, where) if path.is_dir() else _rows(path)
    passages = [
        Passage(document, number, text, title)
        for document, title, whole in documents
        for number, text in enumerate(chunk(whole, chunk_words), start=1)
    ]
    if not passages:
        raise DataError(
            "no document holds any text",
            where=f"{where}: {path}",
            mend="a folder of .txt or .md files, or a JSONL file of rows with `text`",
        )
    return passages


def chunk(text: str, words: int) -> list[str]:
    """A text cut between words into the fewest pieces of at most `words`, of like length.

    The text inside a piece is untouched, line ends and all.  In scripts without spaces every
    character counts as a word.

    >>> chunk("one two three  four five", 3)
    ['one two', 'three  four five']
    """
    spans = list(_spans(text))
    pieces = -(-len(spans) // words)
    cuts = [len(spans) * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [text[spans[first][0] : spans[last - 1][1]] for first, last in pairwise(cuts)]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each word starts and ends."""
    for match in _WORD.finditer(text):
        start, end = match.span()
        if text.isascii():
            yield start, end
            continue
        for place in range(start, end):
            if is_unspaced(ord(text[place])):
                if start < place:
                    yield start, place
                yield place, place + 1
                start = place + 1
        if start < end:
            yield start, end


def _folder(folder: Path, where: str) -> Iterator[tuple[str, None, str]]:
    """(path inside the folder, no title, text) of every text file, hidden ones left out."""
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(root).relative_to(folder)
        found += [
            (inside / name).as_posix()
            for name in files
            if name.lower().endswith(TEXT_SUFFIXES) and not name.startswith(".")
        ]
    if not found:
        raise DataError(
            "the folder holds no .txt or .md file",
            where=f"{where}: {folder}",
            mend="turn other formats into text first",
        )
    for name in sorted(found):
        shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        yield shown, None, _text(folder / name)


def _text(path: Path) -> str:
    """A whole file as text, its line ends made plain. Raises DataError."""
    from evalharness.data.lines import READ_ERRORS, damage, open_bytes

    with open_bytes(path) as stream:
        try:
            raw = stream.read(MAX_TEXT_BYTES + 1)
        except READ_ERRORS as error:
            raise damage(path, 1, error) from error
    if len(raw) > MAX_TEXT_BYTES:
        raise DataError(
            f"a document of more than {MAX_TEXT_BYTES // 2**20} MiB is not read",
            where=str(path),
            mend="cut it into files that a person would open",
        )
    if b"\0" in raw:
        raise DataError(
            "the file holds NUL bytes: it is no text, or UTF-16 without its mark",
            where=str(path),
            mend="save it as UTF-8, or take it out of the folder",
        )
    try:
        return raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"not UTF-8: byte 0x{raw[error.start]:02x}",
            where=f"{path}:{line}",
            mend="save the file as UTF-8, e.g. `iconv -f latin1 -t utf-8`",
        ) from error


def _rows(path: Path) -> Iterator[tuple[str, str | None, str]]:
    """(id, title, text) of every row of a JSONL file; a missing id is the content's hash."""
    import orjson

    from evalharness.data.lines import Line, at, iter_lines, not_utf8

    seen: dict[str, int] = {}
    for line in iter_lines(path):
        if not isinstance(line, Line):
            raise line
        wrong = not_utf8(path, line.number, line.text)
        if wrong is not None:
            raise wrong
        if not line.text.strip():
            continue
        place = at(path, line.number)
        try:
            row = orjson.loads(line.text)
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"not valid JSON: {error}",
                where=place,
                mend="one JSON object a line; a folder of texts is given as the folder",
            ) from error
        document, title, text = _row(row, place)
        if document in seen:
            raise DataError(
                f"two documents have the id '{document}'",
                where=f"{place}, first in line {seen[document]}",
                mend="give each its own",
            )
        seen[document] = line.number
        yield document, title, text


def _row(row: Any, place: str) -> tuple[str, str | None, str]:  # Any: JSON before it is checked
    """One row's id, title and text; other keys are left alone."""
    example = 'for example {"id": "faq-1", "title": "Refunds", "text": "..."}'
    if not isinstance(row, dict):
        raise DataError("a JSON object is expected", where=place, mend=example)
    text, title, document = row.get("text"), row.get("title"), row.get("id")
    if not isinstance(text, str):
        raise DataError("a document needs a `text` that is a string", where=place, mend=example)
    if title is not None and not isinstance(title, str):
        raise DataError("`title` must be a string", where=place, mend=example)
    if document is None:
        content = f"{title or ''}\0{text}".encode("utf-8", "surrogatepass")
        document = hashlib.sha256(content).hexdigest()[:16]
    elif isinstance(document, bool) or not isinstance(document, (str, int)):
        raise DataError("`id` must be a string or a whole number", where=place, mend=example)
    return str(document), title or None, text
