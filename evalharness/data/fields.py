"""Which field of a row means what: our names -> theirs, with dots reaching into objects.

Reads: `data.fields` of a suite, rows.  Gives: values and texts, or a DataError with the mend.
Depends on: rows, errors.  Knows nothing of samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from evalharness.data.rows import Row, kind_of
from evalharness.errors import DataError, SpecError, did_you_mean

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id",),
    "input": ("input",),
    "target": ("target", "targets"),
    "cluster": ("cluster",),
    "metadata": ("metadata",),
    "messages": ("messages",),
    "tools": ("tools",),
    "tests": ("tests",),
    "entry_point": ("entry_point",),
    "canonical": ("canonical",),
    "prompt": ("prompt",),
}
"""What a row can hold, and the names that it is looked for under unless `fields` maps it."""

_OTHER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("_id", "qid", "uid", "task_id", "question_id", "example_id", "idx"),
    "input": (
        "question",
        "prompt",
        "text",
        "instruction",
        "query",
        "problem",
        "document",
        "source",
    ),
    "target": ("answer", "answers", "completion", "label", "output", "reference", "response"),
    "tests": ("test", "test_list"),
    "messages": ("conversations", "conversation", "dialog", "dialogue", "turns"),
}
"""Names that others give the same thing: proposed in a refusal, never taken without a word."""


EXTRAS: Final = "extras"
"""Under this name `FieldMap.read` gives the other fields: metadata for templates and slices."""

_MAX_SHAPES: Final = 256
"""Rows of one file have few sets of columns; a file with more costs time, never memory."""


class Absent:
    """The type of ABSENT: a row does not have the field; null is a value like others."""


ABSENT: Final = Absent()


class _Shape(NamedTuple):
    """Rows with the same columns: which of them hold what."""

    columns: tuple[tuple[str, str], ...]
    extras: tuple[str, ...]


class FieldMap:
    """The mapping of one suite, ready to be asked.

    Raises SpecError for a name of ours that does not exist.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.paths: dict[str, str] = {}
        for name, path in fields.items():
            role = "target" if name == "targets" else name
            if role not in ROLES:
                raise SpecError(
                    f"unknown field {name!r}",
                    where=f"data.fields.{name}",
                    mend=did_you_mean(name, ROLES) or f"one of {', '.join(ROLES)}",
                )
            self.paths[role] = path
        self._shapes: dict[tuple[str, ...], _Shape] = {}

    def read(self, row: Row) -> dict[str, object]:
        """The row's values by role, as far as it has them; under EXTRAS what means nothing to us.

        Raises DataError if a mapped field is absent.
        """
        values = row.values
        key = tuple(values)
        shape = self._shapes.get(key) or self._shaped(key)
        found = {role: values[column] for role, column in shape.columns}
        found[EXTRAS] = {name: values[name] for name in shape.extras} if shape.extras else {}
        for role, path in self.paths.items():
            if role not in found:
                value = reach(values, path)
                if value is ABSENT:
                    raise self._unmapped(row, role, path)
                found[role] = value
        return found

    def _shaped(self, names: tuple[str, ...]) -> _Shape:
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        columns = {role: path for role, path in self.paths.items() if path in names}
        mapped = set(columns.values())
        for role, ours in ROLES.items():
            free = [name for name in ours if name in names and name not in mapped]
            if role not in self.paths and free:
                columns[role] = free[0]
        taken = set(columns.values())
        extras = tuple(name for name in names if name not in taken)
        shape = self._shapes[names] = _Shape(tuple(columns.items()), extras)
        return shape

    def _unmapped(self, row: Row, role: str, path: str) -> DataError:
        return DataError(
            f"no field {path!r}, which data.fields.{role} names",
            where=row.where,
            mend=did_you_mean(path, row.values) or f"the row has: {listed(row.values)}",
        )

    def name(self, role: str) -> str:
        """The field's name for messages: theirs if mapped, else ours."""
        return self.paths.get(role, role)

    def missing(self, row: Row, role: str) -> DataError:
        """The refusal of a row that lacks what it must have, with the nearest name as mend."""
        others = _OTHER_NAMES.get(role, ())
        candidates = [name for name in others if name in row.values]
        if candidates:
            mend = f"map it: data.fields: {{{role}: {candidates[0]}}}"
        else:
            mend = did_you_mean(role, row.values) or f"the row has: {listed(row.values)}"
        return DataError(f"the row has no {role!r}", where=row.where, mend=mend)


def reach(values: object, path: str) -> object:
    """The value at a dotted path, or ABSENT.

    A name reaches into an object, a number into a list, and a name on a list gathers that field
    of every item.  A field whose own name holds dots is found first.

    >>> reach({"answers": [{"text": "a"}, {"text": "b"}]}, "answers.text")
    ['a', 'b']
    """
    if isinstance(values, dict) and path in values:
        return values[path]
    head, _, rest = path.partition(".")
    if isinstance(values, dict):
        value = values.get(head, ABSENT)
    elif isinstance(values, list) and head.isdecimal():
        value = values[int(head)] if int(head) < len(values) else ABSENT
    elif isinstance(values, list):
        gathered = [reach(item, path) for item in values]
        return ABSENT if ABSENT in gathered else gathered
    else:
        return ABSENT
    return reach(value, rest) if rest and value is not ABSENT else value


def listed(names: Iterable[str]) -> str:
    """Names for a message, the first eight of them."""
    shown = list(names)
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")


def text_of(value: object, row: Row, name: str) -> str:
    """A text, or a number or truth value as the file writes it.

    Raises DataError for null, lists and objects.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return row.literal(value)
    raise DataError(f"{name}: expected a text, got {kind_of(value)}", where=row.where)
