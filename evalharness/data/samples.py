"""One row of a held-out file as the sample it means, or the samples of all its turns.

Reads: rows, the suite's `data` block.  Gives: `Sample`s with their content hash.
Depends on: fields, chat, identity, records, spec.suite, errors.  Knows nothing of files.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Final

import msgspec
import orjson

from evalharness.data.chat import Turn, last_turn, parse_messages, turns
from evalharness.data.fields import ABSENT, FieldMap, reach, text_of
from evalharness.data.identity import content_sha256
from evalharness.data.rows import Row, kind_of
from evalharness.errors import DataError, did_you_mean
from evalharness.records import CodeTask, JsonObject, Sample
from evalharness.spec.suite import CodeSpec, DataSpec

ID_HEX_DIGITS: Final = 16
"""Of the content hash, for a row without an id: 64 bits."""


class SampleMaker:
    """Turns rows into samples by one suite's `data` block.

    Raises SpecError for a mapping of unknown fields.
    """

    def __init__(self, spec: DataSpec) -> None:
        self._spec = spec
        self._fields = FieldMap(spec.fields)

    def samples(self, row: Row) -> list[Sample]:
        """The row's sample; with `turns: all`, one for every assistant turn.

        Raises DataError that names the row, the field and the mend.
        """
        messages = self._fields.get(row, "messages")
        if messages is not ABSENT and messages is not None:
            return self._from_chat(row, messages)
        return [self._from_input(row)]

    def _from_input(self, row: Row) -> Sample:
        asked = self._fields.get(row, "input")
        if asked is ABSENT:
            raise self._fields.missing(row, "input")
        sample = Sample(
            id="",
            input=text_of(asked, row, self._fields.name("input")),
            targets=self._targets(row),
            cluster=self._cluster(row),
            slices=self._slices(row),
            metadata=self._metadata(row),
            code=self._code(row),
        )
        return self._identified(row, sample)

    def _from_chat(self, row: Row, value: object) -> list[Sample]:
        messages = parse_messages(value, row)
        sample = Sample(
            id="",
            messages=messages,
            targets=self._targets(row),
            cluster=self._cluster(row),
            slices=self._slices(row),
            metadata=self._metadata(row),
            tools=self._tools(row),
        )
        if sample.targets:
            return [self._identified(row, self._with_given_target(row, sample))]
        if self._spec.turns == "last":
            return [self._identified(row, _of_turn(sample, last_turn(messages, row)))]
        last_turn(messages, row)  # refuses a conversation with nothing to score
        whole = self._identified(row, sample)
        cluster = whole.cluster or whole.id
        return [_hashed(_of_turn(whole, turn, cluster)) for turn in turns(messages)]

    def _with_given_target(self, row: Row, sample: Sample) -> Sample:
        """A chat row whose target stands in a field of its own: all messages are the question."""
        if sample.messages[-1].role == "assistant":
            raise DataError(
                "the row has a target and ends with an assistant message: which one is meant?",
                where=row.where,
                mend="remove one of them",
            )
        return sample

    def _identified(self, row: Row, sample: Sample) -> Sample:
        """The sample with its content hash and its id, made of that hash if the row has none."""
        digest = content_sha256(sample)
        value = self._fields.get(row, "id")
        if value is ABSENT or (value is None and "id" not in self._fields.paths):
            name = digest[:ID_HEX_DIGITS]
        else:
            name = text_of(value, row, self._fields.name("id"))
            if not name.strip():
                raise DataError("the id is empty", where=row.where, mend="leave it out or fill it")
        return msgspec.structs.replace(sample, id=name, content_sha256=digest)

    def _targets(self, row: Row) -> tuple[str, ...]:
        value = self._fields.get(row, "target")
        name = self._fields.name("target")
        if value is ABSENT:
            self._refuse_mistyped_target(row)
            return ()
        if value is None:
            return ()
        if isinstance(value, list):
            return tuple(text_of(item, row, name) for item in value)
        return (text_of(value, row, name),)

    def _refuse_mistyped_target(self, row: Row) -> None:
        """A set may have no targets at all, but `Target` or `tagret` is a slip of the pen."""
        for name in row.values:
            if _is_nearly_target(name):
                raise DataError(
                    f"the row has {name!r} and no 'target'",
                    where=row.where,
                    mend=f"rename it, or map it: data.fields: {{target: {name}}}",
                )

    def _cluster(self, row: Row) -> str | None:
        value = self._fields.get(row, "cluster")
        if value is ABSENT or value is None:
            return None
        return text_of(value, row, self._fields.name("cluster"))

    def _metadata(self, row: Row) -> JsonObject:
        """The row's metadata object and, beside it, the fields that mean nothing to us."""
        value = self._fields.get(row, "metadata")
        extras = self._fields.extras(row)
        if value is ABSENT or value is None:
            return extras
        if not isinstance(value, dict):
            raise DataError(f"metadata: expected an object, got {kind_of(value)}", where=row.where)
        return {**extras, **value} if extras else value

    def _slices(self, row: Row) -> dict[str, str]:
        found = {}
        for name in self._spec.slices:
            value = reach(row.values, name)
            if value is ABSENT:
                value = reach(row.values.get("metadata"), name)
            if value is ABSENT:
                mend = did_you_mean(name, row.values) or "every row needs the field; null is none"
                raise DataError(f"no field {name!r} to slice by", where=row.where, mend=mend)
            if value is not None:
                found[name] = text_of(value, row, name)
        return found

    def _tools(self, row: Row) -> tuple[JsonObject, ...]:
        value = self._fields.get(row, "tools")
        if value is ABSENT or value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
            raise DataError("tools: expected a list of objects", where=row.where)
        return tuple(value)

    def _code(self, row: Row) -> CodeTask | None:
        tests = self._fields.get(row, "tests")
        if tests is ABSENT:
            if self._spec.code is not None:
                raise self._fields.missing(row, "tests")
            return None
        spec = self._spec.code or CodeSpec()
        return CodeTask(
            tests=_tests_text(tests, row, spec),
            entry_point=self._optional(row, "entry_point"),
            prompt=self._optional(row, "input" if spec.prompt_is_code else "prompt") or "",
            style=spec.style,
            canonical=self._optional(row, "canonical"),
            preload=spec.preload,
        )

    def _optional(self, row: Row, role: str) -> str | None:
        value = self._fields.get(row, role)
        if value is ABSENT or value is None:
            return None
        return text_of(value, row, self._fields.name(role))


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


def _of_turn(whole: Sample, turn: Turn, cluster: str | None = None) -> Sample:
    """The conversation cut at one assistant turn, which becomes the target."""
    answer = turn.answer
    return msgspec.structs.replace(
        whole,
        id=f"{whole.id}#{turn.number}" if cluster is not None else whole.id,
        messages=turn.history,
        targets=() if answer.content is None else (answer.content,),
        target_tool_calls=answer.tool_calls,
        cluster=cluster if cluster is not None else whole.cluster,
    )


def _hashed(sample: Sample) -> Sample:
    return msgspec.structs.replace(sample, content_sha256=content_sha256(sample))
