"""The metric pages: one each, with every option and the real signature, and examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import evalharness.metrics
import evalharness.text
from evalharness.catalog import ENCODER_METRICS, METRICS, REFERENCES, load, make_metric

REQUIRED = {
    "json_schema": {"schema": {"type": "object"}},
    "headers": {"headers": ["Term"]},
    "length": {"max": 5},
    "format_ok": {"length": {"max": 60}, "forbid": ["(?i)as an ai"]},
    "language": {"language": "en"},
}
NAMES = sorted(METRICS)
HEADINGS = ["Formula", "Source", "Options", "What it gives", "Known disagreements", "Example"]
FLAGS = doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def pages(root):
    return root / "docs" / "metrics"


@pytest.mark.parametrize("name", NAMES)
def test_a_metrics_page_has_every_part_and_its_example_runs(name, pages):
    page = pages / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert [line[3:] for line in text.split("\n") if line.startswith("## ")] == HEADINGS
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(example, {}, name, str(page), 0)
    assert len(test.examples) >= 3
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test).failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_metrics_page_names_every_option_and_the_signature(name, pages):
    text = (pages / f"{name}.md").read_text(encoding="utf-8")
    if name in ENCODER_METRICS:  # their signature holds the digest of an encoder
        assert f"`{name}|enc:" in text
    else:
        metric = make_metric(name, REQUIRED.get(name, {}))
        assert f"Signature: `{metric.signature}`" in text
    options = {
        parameter.name
        for table in (METRICS, REFERENCES)
        if name in table
        for parameter in inspect.signature(load(name, "metric", table)).parameters.values()
        if parameter.kind is not parameter.VAR_POSITIONAL
    } | ({"impl"} if name in REFERENCES else set())
    listed = [line.split("`")[1] for line in text.split("\n") if line.startswith("| `")]
    assert sorted(options) == sorted(listed)


def test_the_index_links_every_page(pages):
    index = (pages / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"[{name}]({name}.md)" not in index] == []


def modules(package):
    return [f"{package.__name__}.{one.name}" for one in pkgutil.iter_modules(package.__path__)]


OURS = [
    name
    for name in [*modules(evalharness.metrics), *modules(evalharness.text)]
    if name.rsplit(".", 1)[1] not in {"bertscore", "similarity", "hf_evaluate", "code"}
]


@pytest.mark.parametrize("name", OURS)
def test_the_examples_of_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0
