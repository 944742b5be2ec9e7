"""JSON formats: does the answer parse, and does it fit a schema?

Reads: answers.  Gives: rows (0 or 1, 1).
Depends on: base, timed_regex, text; jsonschema for json_schema.  Nothing is fetched: a schema that
refers to another document is refused when it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from evalharness.contracts import MetricKind, Need
from evalharness.metrics.base import ItemMetric, Judged, choice, flag, yes_no
from evalharness.metrics.timed_regex import LIMIT_S, TimedPattern
from evalharness.records import Item, JsonObject, Unscored
from evalharness.text.fences import without_fence
from evalharness.text.json_text import (
    NotJson,
    canonical_json,
    parse_json,
    parse_strict_json,
)

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_DRAFTS: Final = {
    "2020-12": "Draft202012Validator",
    "2019-09": "Draft201909Validator",
    "7": "Draft7Validator",
    "6": "Draft6Validator",
    "4": "Draft4Validator",
}
_TOO_SLOW: Final = Unscored(
    reason=f"a pattern of the schema took longer than {LIMIT_S:g} s on this answer"
)


class JsonValid(ItemMetric):
    """1 where the whole answer is JSON.

    fence: `keep` (default): a fenced block is no JSON; `strip`: one fence around all is taken off.
    strict: false (default): as Python's json parses, NaN and repeated keys pass; true: RFC 8259.

    >>> from evalharness.testing import score_texts
    >>> score_texts(JsonValid(), ['{"a": 1}', "{'a': 1}"], [[], []])
    0.5
    """

    name = "json_valid"
    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset()

    def __init__(self, *, fence: str = "keep", strict: bool = False) -> None:
        self.fence = choice("fence", fence, ("keep", "strip"))
        self.strict = yes_no("strict", strict)
        super().__init__(f"fence:{self.fence}", f"strict:{flag(self.strict)}")

    def value(self, item: Item) -> Judged:
        """1 or 0."""
        try:
            self.parsed(item.text)
        except NotJson:
            return 0.0
        return 1.0

    def parsed(self, text: str) -> Any:  # Any: whatever the JSON holds
        """The answer's value. Raises NotJson."""
        if self.fence == "strip":
            text = without_fence(text)
        return parse_strict_json(text) if self.strict else parse_json(text)


class JsonSchemaMatch(JsonValid):
    """1 where the answer is JSON that fits a JSON Schema; 0 where it is neither.

    schema: the schema itself.  draft: `2020-12` (default), `2019-09`, `7`, `6` or `4`.
    fence, strict: as for json_valid.  `format` is not checked, as the specification has it.
    Raises ValueError for a schema that is none.

    >>> from evalharness.testing import score_texts
    >>> schema = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}
    >>> score_texts(JsonSchemaMatch(schema=schema), ['{"age": 3.0}', '{"age": true}'], [[], []])
    0.5
    """

    name = "json_schema"

    def __init__(
        self,
        *,
        schema: JsonObject,
        draft: str = "2020-12",
        fence: str = "keep",
        strict: bool = False,
    ) -> None:
        super().__init__(fence=fence, strict=strict)
        import hashlib

        self.draft = choice("draft", draft, tuple(_DRAFTS))
        self.schema = schema
        written = json.dumps(schema, sort_keys=True)
        digest = hashlib.sha256(written.encode()).hexdigest()[:12]
        self._validator()  # refuse a wrong schema now
        self.signature = self.signature.replace(
            self.name, f"{self.name}|schema:{digest}|draft:{self.draft}", 1
        )

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where a pattern of the schema is too slow or a reference leads out."""
        try:
            value = self.parsed(item.text)
        except NotJson:
            return 0.0
        from referencing.exceptions import Unresolvable

        try:
            return 1.0 if self._validator().is_valid(value) else 0.0
        except TimeoutError:
            return _TOO_SLOW
        except RecursionError:
            return 0.0
        except Unresolvable as error:
            return Unscored(reason=f"the schema refers to what is not in it: {error}")

    def _validator(self) -> Validator:
        """A validator of the schema. Raises ValueError for a wrong schema."""
        import jsonschema
        from jsonschema.exceptions import SchemaError
        from referencing import Registry

        base = getattr(jsonschema, _DRAFTS[self.draft])
        try:
            base.check_schema(self.schema)
        except SchemaError as error:
            where = "/".join(map(str, error.absolute_path)) or "its root"
            raise ValueError(f"schema: {error.message} (at {where})") from error
        extended = jsonschema.validators.extend(base, _RULES)  # type: ignore[no-untyped-call]
        validator: Validator = extended(self.schema, registry=Registry())
        return validator


def _pattern(
    _validator: Validator, pattern: str, value: object, _schema: object
) -> Iterator[Exception]:
    """The keyword `pattern`, with a time limit."""
    if isinstance(value, str) and TimedPattern(pattern).search(value) is None:
        yield _mismatch(f"{value[:40]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Validator, patterns: Mapping[str, object], value: object, _schema: object
) -> Iterator[Exception]:
    """The keyword `patternProperties`, with a time limit."""
    if not isinstance(value, dict):
        return
    for pattern, schema in patterns.items():
        timed = TimedPattern(pattern)
        for key, inner in value.items():
            if timed.search(key) is not None:
                yield from validator.descend(inner, schema, path=key, schema_path=pattern)  # type: ignore[attr-defined]


def _unique_items(
    _validator: Validator, unique: object, value: object, _schema: object
) -> Iterator[Exception]:
    """The keyword `uniqueItems`, in linear time."""
    if unique and isinstance(value, list):
        written = [canonical_json(one) for one in value]
        if len(set(written)) != len(written):
            yield _mismatch("items repeat")


def _mismatch(message: str) -> Exception:
    """A failed keyword, as jsonschema has it."""
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)


_RULES: Final[dict[str, Callable[..., Iterator[Exception]]]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}
