"""The schemas of suite, baseline and policy files agree with what the program reads."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from evalharness.cli.main import main
from evalharness.errors import SpecError
from evalharness.spec.read import read_baseline, read_policy, read_suite
from evalharness.spec.schema import KINDS, spec_schema

ROOT = Path(__file__).resolve().parents[2]
SUITES = sorted(ROOT.glob("suites/*/suite.yaml"))
BASELINES = sorted(ROOT.glob("baselines/**/*.yaml"))
READERS = {"suite": read_suite, "baseline": read_baseline, "policy": read_policy}


def accepts(kind: str, document: object) -> bool:
    return jsonschema.Draft202012Validator(spec_schema(kind)).is_valid(document)


def suite_with_gate(**gate: object) -> dict:
    return {"name": "s", "policy": {"gates": [{"metric": "f1", **gate}]}}


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.parent.name)
def test_every_shipped_suite_is_valid(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), spec_schema("suite"))


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_every_shipped_baseline_is_valid(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), spec_schema("baseline"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.parent.name)
def test_every_shipped_policy_is_valid_in_a_file_of_its_own(path):
    jsonschema.validate(yaml.safe_load(path.read_text())["policy"], spec_schema("policy"))


@pytest.mark.parametrize("kind", [*KINDS, "facts"])
def test_the_command_prints_a_schema_that_is_one_and_docs_holds_it(kind, capsys):
    assert 0 == main(["schema", kind])
    printed = capsys.readouterr().out
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))
    assert (ROOT / "docs" / f"{kind}.schema.json").read_text() == printed


def test_a_kind_that_has_no_schema_is_a_usage_error(capsys):
    assert 64 == main(["schema", "verdict"])


GOOD = {
    "suite": [
        {"name": "s"},
        {"name": "s", "metrics": ["f1", {"name": "rouge_l", "stemmer": True, "label": "r"}]},
        {"name": "s", "metrics": ["a_plugin_metric"]},
        suite_with_gate(test="non_inferiority", margin=0.03),
        suite_with_gate(test="non_inferiority", max_drop=0.03),
        suite_with_gate(test="superiority"),
        suite_with_gate(test="max_ratio", ratio=1),
        suite_with_gate(test="at_most", value=0.02, role="guardrail", slice="lang=de"),
    ],
    "baseline": [{"model": "openai/gpt-4o-mini"}, {"name": "b", "model": "a.jsonl", "prompt": {}}],
    "policy": [{}, {"alpha": 0.01, "gates": [{"metric": "f1", "test": "at_least", "value": 0.5}]}],
}
BAD = {
    "suite": [
        {},
        {"name": 3},
        {"name": "s", "sha256": "00"},
        {"name": "s", "base": "here"},
        {"name": "s", "metric": ["f1"]},
        {"name": "s", "metrics": [{"stemmer": True}]},
        {"name": "s", "metrics": [3]},
        suite_with_gate(test="non_inferiority"),
        suite_with_gate(test="non_inferiority", ratio=0.5),
        suite_with_gate(test="non_inferiority", margin=0.1, max_drop=0.1),
        suite_with_gate(test="superiority", margin=0.1),
        suite_with_gate(test="max_ratio"),
        suite_with_gate(test="better"),
        suite_with_gate(test="at_most", value="2 %"),
    ],
    "baseline": [{"name": "b"}, {"model": "m", "base": "x"}, {"model": "m", "promt": {}}],
    "policy": [{"alpha": "small"}, {"gates": [{"test": "at_most", "value": 1}]}],
}


@pytest.mark.parametrize(
    ("kind", "document"), [(kind, document) for kind in GOOD for document in GOOD[kind]]
)
def test_what_the_program_reads_the_schema_accepts(kind, document, tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text(yaml.safe_dump(document))
    READERS[kind](path)
    assert accepts(kind, document)


@pytest.mark.parametrize(
    ("kind", "document"), [(kind, document) for kind in BAD for document in BAD[kind]]
)
def test_what_the_program_refuses_the_schema_refuses(kind, document, tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(SpecError):
        READERS[kind](path)
    assert not accepts(kind, document)


def test_an_editor_finds_the_built_in_metrics_and_the_meaning_of_a_block():
    schema = spec_schema("suite")
    names = schema["$defs"]["MetricSpec"]["anyOf"][0]["anyOf"][0]["enum"]
    assert {"f1", "rouge_l", "cost_usd"} <= set(names)
    assert "prompt" in schema["properties"]
    assert "held-out" in schema["description"]
