"""One row of a held-out file as the sample it means, or the samples of all its turns.

Reads: rows, the suite's `data` block.  Gives: `Sample`s with their content hash.
Depends on: fields, chat, identity, records, spec.suite, errors.  Knows nothing of files.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias, cast

import msgspec
import orjson

from evalharness.data.chat import Turn, last_turn, parse_messages, turns
from evalharness.data.fields import ABSENT, EXTRAS, FieldMap, reach, text_of
from evalharness.data.identity import content_sha256
from evalharness.data.rows import Row, kind_of
from evalharness.errors import DataError, did_you_mean
from evalharness.records import CodeTask, JsonObject, Message, Sample
from evalharness.spec.suite import CodeSpec, DataSpec

Values: TypeAlias = Mapping[str, object]
"""A row's values by role, see `fields.FieldMap.read`."""

ID_HEX_DIGITS: Final = 16
"""Of the content hash, for a row without an id: 64 bits."""


class SampleMaker:
    """Turns rows into samples by one suite's `data` block.

    Raises SpecError for a mapping of unknown fields.
    """

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self._fields = FieldMap(spec.fields)

    def samples(self, row: Row) -> list[Sample]:
        """The row's sample; with `turns: all`, one for every assistant turn.

        Raises DataError that names the row, the field and the mend.
        """
        found = self._fields.read(row)
        if found.get("messages") is not None:
            return self._from_chat(row, found)
        return [self._from_input(row, found)]

    def _from_input(self, row: Row, found: Values) -> Sample:
        if "input" not in found:
            raise self._fields.missing(row, "input")
        sample = Sample(
            id=self._id(row, found) or "",
            input=text_of(found["input"], row, self._fields.name("input")),
            targets=self._targets(row, found),
            cluster=self._optional(row, found, "cluster"),
            slices=self._slices(row) if self.spec.slices else {},
            metadata=self._metadata(row, found),
            code=self._code(row, found),
        )
        return _identified(sample)

    def _from_chat(self, row: Row, found: Values) -> list[Sample]:
        messages = parse_messages(found["messages"], row)
        sample = Sample(
            id=self._id(row, found) or "",
            messages=messages,
            targets=self._targets(row, found),
            cluster=self._optional(row, found, "cluster"),
            slices=self._slices(row) if self.spec.slices else {},
            metadata=self._metadata(row, found),
            tools=_tools(row, found),
        )
        if sample.targets:
            _refuse_second_target(row, messages)
            return [_identified(sample)]
        last = last_turn(messages, row)
        if self.spec.turns == "last":
            return [_identified(_of_turn(sample, last))]
        whole = _identified(sample)
        return [_identified(_of_conversation(whole, turn)) for turn in turns(messages)]

    def _id(self, row: Row, found: Values) -> str | None:
        """The row's id, or None where the content is to give it."""
        value = found.get("id")
        if isinstance(value, str) and value.strip():
            return value
        if value is None and "id" not in self._fields.paths:
            return None
        text = text_of(value, row, self._fields.name("id"))
        if not text.strip():
            raise DataError("the id is empty", where=row.where, mend="leave it out or fill it")
        return text

    def _targets(self, row: Row, found: Values) -> tuple[str, ...]:
        value = found.get("target")
        if isinstance(value, str):
            return (value,)
        name = self._fields.name("target")
        if isinstance(value, list):
            return tuple(text_of(item, row, name) for item in value)
        if value is None:
            if "target" not in found:
                _refuse_mistyped_target(row)
            return ()
        return (text_of(value, row, name),)

    @staticmethod
    def _metadata(row: Row, found: Values) -> JsonObject:
        """The row's metadata object and, beside it, the fields that mean nothing to us."""
        value = found.get("metadata")
        extras = cast("JsonObject", found[EXTRAS])
        if value is None:
            return extras
        if not isinstance(value, dict):
            raise DataError(f"metadata: expected an object, got {kind_of(value)}", where=row.where)
        return {**extras, **value} if extras else value

    def _slices(self, row: Row) -> dict[str, str]:
        found = {}
        for name in self.spec.slices:
            value = reach(row.values, name)
            if value is ABSENT:
                value = reach(row.values.get("metadata"), name)
            if value is ABSENT:
                mend = did_you_mean(name, row.values) or "every row needs the field; null is none"
                raise DataError(f"no field {name!r} to slice by", where=row.where, mend=mend)
            if value is not None:
                found[name] = text_of(value, row, name)
        return found

    def _code(self, row: Row, found: Values) -> CodeTask | None:
        spec = self.spec.code
        if "tests" not in found:
            if spec is not None:
                raise self._fields.missing(row, "tests")
            return None
        spec = spec or CodeSpec()
        return CodeTask(
            tests=_tests_text(found["tests"], row, spec),
            entry_point=self._optional(row, found, "entry_point"),
            prompt=self._optional(row, found, "input" if spec.prompt_is_code else "prompt") or "",
            style=spec.style,
            canonical=self._optional(row, found, "canonical"),
            preload=spec.preload,
        )

    def _optional(self, row: Row, found: Values, role: str) -> str | None:
        value = found.get(role)
        if value is None or isinstance(value, str):
            return value
        return text_of(value, row, self._fields.name(role))


def _tools(row: Row, found: Values) -> tuple[JsonObject, ...]:
    value = found.get("tools")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise DataError("tools: expected a list of objects", where=row.where)
    return tuple(value)


def _refuse_second_target(row: Row, messages: tuple[Message, ...]) -> None:
    """A chat row whose target stands in a field of its own ends with the question."""
    if messages[-1].role == "assistant":
        raise DataError(
            "the row has a target and ends with an assistant message: which one is meant?",
            where=row.where,
            mend="remove one of them",
        )


def _refuse_mistyped_target(row: Row) -> None:
    """A set may have no targets at all, but `Target` or `tagret` is a slip of the pen."""
    for name in row.values:
        if _is_nearly_target(name):
            raise DataError(
                f"the row has {name!r} and no 'target'",
                where=row.where,
                mend=f"rename it, or map it: data.fields: {{target: {name}}}",
            )


@lru_cache(maxsize=256)
def _is_nearly_target(name: str) -> bool:
    near = difflib.get_close_matches(name.lower(), ["target", "targets"], n=1, cutoff=0.8)
    return bool(near)


def _tests_text(tests: object, row: Row, spec: CodeSpec) -> str:
    """Tests as one text: assert lines are joined, pairs of stdin and stdout stay JSON."""
    if spec.style == "stdio" and isinstance(tests, (list, dict)):
        return orjson.dumps(tests).decode()
    if isinstance(tests, list):
        if spec.style != "asserts":
            raise DataError(
                f"tests is a list, which the style {spec.style!r} does not take",
                where=row.where,
                mend="data.code.style: asserts",
            )
        return "\n".join(text_of(line, row, "tests") for line in tests)
    return text_of(tests, row, "tests")


def is_named_by_content(sample: Sample) -> bool:
    """Whether the row had no id, so that the sample's id is its content hash."""
    return sample.id == sample.content_sha256[:ID_HEX_DIGITS]


def _of_turn(whole: Sample, turn: Turn) -> Sample:
    """The conversation cut at one assistant turn, which becomes the target."""
    answer = turn.answer
    return msgspec.structs.replace(
        whole,
        messages=turn.history,
        targets=() if answer.content is None else (answer.content,),
        target_tool_calls=answer.tool_calls,
    )


def _of_conversation(whole: Sample, turn: Turn) -> Sample:
    """One turn of several: its id is "id#turn" and its cluster the conversation."""
    return msgspec.structs.replace(
        _of_turn(whole, turn), id=f"{whole.id}#{turn.number}", cluster=whole.cluster or whole.id
    )


def _identified(sample: Sample) -> Sample:
    """The sample with its content hash, which is also its id where it has none."""
    digest = content_sha256(sample)
    if not sample.id:
        return msgspec.structs.replace(sample, id=digest[:ID_HEX_DIGITS], content_sha256=digest)
    msgspec.structs.force_setattr(sample, "content_sha256", digest)  # nobody else has it yet
    return sample
