"""Files that no one would write by mistake alone: loops, excess, odd kinds, numbers that lie."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.errors import SpecError, UsageError
from evalharness.spec.gates import check_gate
from evalharness.spec.locate import find_suite
from evalharness.spec.read import read_baseline, read_policy, read_suite
from evalharness.spec.suite import GateSpec


def line_of(error: SpecError) -> int:
    return int((error.where or "").rpartition(":")[2].partition(",")[0])


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", ".NaN", "+.Inf"])
@pytest.mark.parametrize(
    "key",
    [
        "policy: {gates: [{metric: f1, test: non_inferiority, margin: %s}]}",
        "policy: {gates: [{metric: f1, test: max_ratio, ratio: %s}]}",
        "policy: {gates: [{metric: f1, test: at_most, value: %s}]}",
        "policy: {gates: [{metric: f1, test: superiority, min_gain: %s}]}",
        "generation: {temperature: %s}",
        "metrics: [{name: f1, beta: %s}]",
    ],
)
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(refused, key, number):
    error = refused(f"name: x\n{key % number}")
    assert error.message == f"{number} is no number to decide by"
    assert line_of(error) == 2


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("test", "key"),
    [("non_inferiority", "margin"), ("max_ratio", "ratio"), ("at_least", "value")],
)
def test_a_gate_made_by_a_program_must_be_finite_too(test, key, number):
    with pytest.raises(SpecError, match="must be a finite number"):
        check_gate(GateSpec(metric="f1", test=test, **{key: number}), "here")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1: x", 1),
        ("name: x\n~: y", 2),
        ("name: x\nyes: y", 2),
        ("name: x\n2024-01-01: y", 2),
        ("? [a, b]\n: 3", 1),
        ("? {a: b}\n: 3", 1),
        ("name: x\nmetrics: [{name: f1, 3: 4}]", 2),
        ("name: x\ngeneration:\n  extra: {1: 2}", 3),
    ],
)
def test_a_key_that_is_no_text_is_refused_with_its_line(refused, text, line):
    error = refused(text)
    assert error.message == "a key must be a text"
    assert line_of(error) == line
    assert error.mend == "put quotes around it"


@pytest.mark.parametrize(
    "value",
    ["2024-01-01", "!!binary aGk=", "!!set {a}", "!!omap [a: 1]", "!foo x", "!!timestamp x"],
)
def test_kinds_that_no_key_takes_are_refused_wherever_they_stand(refused, value):
    for text in (f"name: {value}", f"name: x\nmetrics: [{{name: f1, day: {value}}}]"):
        assert "is nothing that a key takes" in refused(text).message


@pytest.mark.parametrize(
    "value", ["!!int x", "!!float abc", "!!bool maybe", "!!int ''", "!!float ''"]
)
def test_a_value_that_is_not_what_its_tag_says_is_refused(refused, value):
    assert refused(f"name: {value}").message.startswith("a value cannot be read")


@pytest.mark.parametrize("number", ["1:30", "010", "-007", "1:30.5"])
def test_numbers_to_the_base_of_60_and_8_are_refused(refused, number):
    error = refused(f"name: x\ngeneration: {{seed: {number}}}")
    assert error.message == f"{number} is read by YAML to the base of 60 or 8"


def test_a_whole_number_beyond_64_bits_is_refused(refused):
    for digits in (20, 400, 5000):
        error = refused(f"name: x\nmetrics: [{{name: f1, k: {'9' * digits}}}]")
        assert error.message == f"a whole number of {digits} digits"


@pytest.mark.parametrize(
    "text",
    ["a: &x [*x]", "name: x\nmetrics: [&a {name: f1, a: *a}]", "&a {name: x, data: {b: [1, *a]}}"],
)
def test_an_anchor_that_holds_itself_is_refused(refused, text):
    assert refused(text).message == "an anchor holds itself"


def test_aliases_of_aliases_are_refused_before_they_unfold(refused):
    lines = [
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]" for n in range(20)
    ]
    error = refused("a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(lines))
    assert error.message == "more than 100000 values"
    assert line_of(error) == 6


READ = """
import sys
from pathlib import Path
from evalharness.errors import SpecError
from evalharness.spec.read import read_suite
try:
    read_suite(Path(sys.argv[1]))
except SpecError as error:
    print(error.message)
"""


@pytest.mark.parametrize("piece", ["[", "{a: ", "- "])
def test_a_deeply_nested_file_does_not_end_the_process(write, piece):
    path = write(piece * 300_000)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "nested deeper than 50\n")


@pytest.mark.parametrize("text", ['name: "\x00"', "name: \x07", "name: x\x7f"])
def test_control_characters_are_named_as_the_fault(refused, text):
    assert "control characters are not allowed" in refused(text).message


@pytest.mark.parametrize("key", ["base", "file", "sha256"])
def test_fields_that_reading_fills_in_cannot_be_written(refused, key):
    error = refused(f"name: x\n{key}: /etc")
    assert error.message == f"unknown key '{key}'"
    assert key not in (error.mend or "")
    assert refused("name: x\nfoo: 1").mend == (
        "known here: name, data, description, prompt, ask, generation, extract, metrics, judges, policy, outputs"
    )


def test_a_mistyped_key_of_a_gate_is_answered_with_the_nearest(refused):
    gate = "{metrc: f1, test: at_most, value: 1}"
    mend = refused(f"name: x\npolicy: {{gates: [{gate}]}}").mend
    assert mend.startswith("did you mean 'metric'? known here: metric, test, role, margin,")


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (
            "policy: {gates: [{metric: f1, test: noninferiority, margin: 1}]}",
            "did you mean 'non_inferiority'?",
        ),
        (
            "policy: {gates: [{metric: f1, test: at_most, value: 1, role: main}]}",
            "one of: primary, guardrail, diagnostic",
        ),
        ("prompt: {few_shot: {train: a, select: knn}}", "one of: fixed, random, bm25, embedding"),
        ("data: {format: josnl}", "did you mean 'jsonl'?"),
    ],
)
def test_a_word_that_is_not_among_the_known_ones_is_answered_with_them(refused, text, mend):
    assert refused(f"name: x\n{text}").mend == mend


@pytest.mark.parametrize("key", ["alpha", "power", "min_coverage"])
def test_a_policy_file_is_held_to_the_same_numbers_as_a_suite(refused, key):
    error = refused(f"{key}: 1.5", read_policy, "policy.yaml")
    assert error.message.startswith(f"`{key}` must lie between")
    assert (error.where or "").endswith(f"policy.yaml:1, {key}")


def test_a_policy_read_out_of_a_suite_names_the_suites_lines(refused):
    text = "name: x\npolicy:\n  gates:\n    - {metric: f1, tset: at_most, value: 1}"
    error = refused(text, read_policy)
    assert (error.where or "").endswith("suite.yaml:4, policy.gates[0].tset")


@pytest.mark.parametrize("read", [read_suite, read_baseline, read_policy])
@given(text=st.text("ab:-[]{}&*!?|>%@`'\"#,\n\t .0123~<=\\", max_size=60))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
def test_no_text_raises_anything_but_a_refusal(read_or_refused, tmp_path, read, text):
    path = tmp_path / "any.yaml"
    path.write_text(text, encoding="utf-8")
    read_or_refused(read, path)


@given(raw=st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_raise_anything_but_a_refusal(read_or_refused, tmp_path, raw):
    path = tmp_path / "any.yaml"
    path.write_bytes(raw)
    read_or_refused(read_suite, path)


def test_a_name_longer_than_any_file_system_takes_is_refused():
    with pytest.raises(UsageError, match="no suite"):
        find_suite("x" * 5000)


def test_a_template_without_quotes_is_refused_with_its_line(refused):
    assert line_of(refused("name: x\nprompt:\n  template: {{ input }}")) == 3


FULL = """\
name: support-faq
data: {path: heldout.jsonl, fields: {input: question}, slices: [topic]}
prompt:
  template: "{{ input }}"
  few_shot: {train: train.jsonl, k: 2, select: random}
generation: {temperature: 0.7, stop: ["\\n"], seed: 7}
metrics:
  - exact_match
  - {name: rouge_l, stemmer: true, label: rouge}
policy:
  alpha: 0.025
  gates:
    - {metric: rouge, test: non_inferiority, max_drop: 0.03, slice: topic=cards}
    - {metric: cost_usd, test: max_ratio, ratio: 0.125, role: guardrail}
"""


@pytest.mark.parametrize("read", [read_suite, read_baseline, read_policy])
@given(
    position=st.integers(0, len(FULL)),
    cut=st.integers(0, 9),
    extra=st.text("ab:-[]{}&'\"\n ", max_size=4),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_suite_with_any_slip_of_the_pen_is_read_or_refused(
    read_or_refused, tmp_path, read, position, cut, extra
):
    path = tmp_path / "slip.yaml"
    path.write_text(FULL[:position] + extra + FULL[position + cut :], encoding="utf-8")
    read_or_refused(read, path)


@given(text=st.text("abn:x,-[]{} \n\"'#|>%@`?!~.0123", max_size=40))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
def test_any_line_of_yaml_is_read_or_refused(read_or_refused, tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_text(f"name: {text}", encoding="utf-8")
    read_or_refused(read_suite, path)
