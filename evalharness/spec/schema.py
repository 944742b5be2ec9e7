"""JSON Schemas of what users write: suite, baseline and policy files, for editors and checks.

Reads: the records of `spec.suite`, the names in `catalog`.  Gives: schemas (2020-12).
Depends on: spec.suite, spec.gates, catalog.
They describe the YAML as `spec.read` takes it: a metric is a name or a mapping with its options
beside the name, `max_drop` stands for `margin`, and fields that reading fills in are unknown.
"""

from __future__ import annotations

from typing import Final

import msgspec

from evalharness.catalog import METRICS
from evalharness.records import FORMAT, JsonObject
from evalharness.spec.gates import TEST_KEYS
from evalharness.spec.suite import Baseline, Policy, Suite

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ADDRESS: Final = "https://evalharness.readthedocs.io/schemas"
KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "suite": Suite,
    "baseline": Baseline,
    "policy": Policy,
}
FILLED_IN: Final = ("base", "file", "sha256", "model_sha256")
"""Fields that reading sets; a file may not."""


def spec_schema(kind: str) -> JsonObject:
    """The JSON Schema of a file of this kind: "suite", "baseline" or "policy".

    Raises KeyError for another kind.

    >>> spec_schema("suite")["required"]
    ['name']
    """
    made = msgspec.json.schema(KINDS[kind])
    definitions: JsonObject = made["$defs"]
    for definition in definitions.values():
        for name in FILLED_IN:
            definition["properties"].pop(name, None)
    if "MetricSpec" in definitions:
        definitions["MetricSpec"] = _metric()
    if "JudgeSpec" in definitions:
        _as_scales_are_written(definitions["JudgeSpec"])
    if "GateSpec" in definitions:
        _as_gates_are_written(definitions["GateSpec"])
    root: JsonObject = definitions.pop(KINDS[kind].__name__)
    if kind == "baseline":  # its name is the file's where none is given
        root["required"] = [name for name in root["required"] if name != "name"]
    return {
        "$schema": DIALECT,
        "$id": f"{ADDRESS}/{kind}-{FORMAT}.json",
        **root,
        "title": f"a {kind} file of evalharness",
        "$defs": definitions,
    }


def _metric() -> JsonObject:
    """A name alone, or a mapping with `name`, `label` and the metric's own options."""
    name = {"anyOf": [{"enum": sorted(METRICS)}, {"type": "string", "minLength": 1}]}
    return {
        "title": "MetricSpec",
        "description": "A metric by name, or a mapping with its options; or a judge's.",
        "anyOf": [
            name,
            {
                "type": "object",
                "properties": {"name": name, "label": {"type": "string"}},
                "required": ["name"],
            },
            {
                "type": "object",
                "properties": {"judge": {"type": "string"}, "label": {"type": "string"}},
                "required": ["judge"],
                "additionalProperties": False,
            },
        ],
    }


def _as_scales_are_written(judge: JsonObject) -> None:
    """Add `1..5` beside the two numbers, in place."""
    scale = judge["properties"]["scale"]
    default = scale.pop("default", None)
    text = {"type": "string", "pattern": r"^\s*[-+0-9.eE]+\.\.[-+0-9.eE]+\s*$"}
    judge["properties"]["scale"] = {"anyOf": [scale, text], "default": default}


def _as_gates_are_written(gate: JsonObject) -> None:
    """Add the alias `max_drop` and each test's own number, in place; another test's is refused."""
    gate["properties"]["max_drop"] = gate["properties"]["margin"]
    numbers = {"margin", "max_drop", *(key for key, _ in TEST_KEYS.values())}
    rules: list[JsonObject] = []
    for test, (key, needed) in TEST_KEYS.items():
        names = ("margin", "max_drop") if key == "margin" else (key,)
        one_of = {"oneOf": [_given(name) for name in names]}
        refused = {name: {"type": "null"} for name in sorted(numbers - set(names))}
        then: JsonObject = {"properties": refused, **(one_of if needed else {})}
        chosen = {"properties": {"test": {"const": test}}, "required": ["test"]}
        rules.append({"if": chosen, "then": then})
    gate["allOf"] = rules


def _given(name: str) -> JsonObject:
    """A number under this key."""
    return {"properties": {name: {"type": "number"}}, "required": [name]}
