"""Suite, baseline and policy files: what they become, and how a wrong one is refused."""

from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.errors import SpecError
from evalharness.spec.read import digest, digest_parts, read_baseline, read_policy, read_suite
from evalharness.spec.suite import (
    Baseline,
    CodeSpec,
    DataSpec,
    ExtractSpec,
    FewShotSpec,
    GateSpec,
    GenerationSpec,
    HubData,
    LooksSpec,
    MetricSpec,
    Policy,
    PriceSpec,
    PromptSpec,
    RagSpec,
    Suite,
)

FULL = """\
name: support-faq
description: Short answers to support questions.
data:
  path: heldout.jsonl
  format: jsonl
  fields: {input: question, target: answer}
  turns: last
  slices: [topic]
  train: train.jsonl
  code: {style: asserts, preload: [math], prompt_is_code: true, inprocess: false, timeout_s: 2, memory_mb: 512}
prompt:
  system: Answer in one short sentence.
  template: "{{ input }}"
  history: none
  few_shot: {train: train.jsonl, k: 2, select: random, seed: 1, fields: {input: question}}
  rag: {documents: manual, k: 3, template: "{{ passages }} {{ prompt }}", chunk_words: 50}
generation: {temperature: 0.7, max_tokens: 64, top_p: 0.9, stop: ["\\n"], seed: 7, repeats: 2, logprobs: 1, response_format: {type: json_object}, extra: {top_k: 5}}
extract: {pattern: "A: (.*)$", take: last, strip: false}
metrics:
  - exact_match
  - {name: rouge_l, stemmer: true, label: rouge}
policy:
  alpha: 0.025
  power: 0.9
  min_coverage: 1
  gates:
    - {metric: rouge, test: non_inferiority, margin: 0.03, slice: topic=cards, alpha: 0.01}
    - {metric: cost_usd, test: max_ratio, ratio: 0.125, role: guardrail, recorded: allowed}
    - {metric: exact_match, test: superiority}
    - {metric: error_rate, test: at_most, value: 0, role: diagnostic}
  ledger: {candidates: 3, looks: 2, spending: pocock}
outputs: {output: solution}
"""


def test_every_key_of_a_suite_is_read(write):
    suite = read_suite(write(FULL))
    assert suite == Suite(
        name="support-faq",
        description="Short answers to support questions.",
        data=DataSpec(
            path="heldout.jsonl",
            format="jsonl",
            fields={"input": "question", "target": "answer"},
            slices=("topic",),
            train="train.jsonl",
            code=CodeSpec(
                style="asserts",
                preload=("math",),
                prompt_is_code=True,
                timeout_s=2.0,
                memory_mb=512,
            ),
        ),
        prompt=PromptSpec(
            system="Answer in one short sentence.",
            history="none",
            few_shot=FewShotSpec(
                train="train.jsonl", k=2, select="random", seed=1, fields={"input": "question"}
            ),
            rag=RagSpec(
                documents="manual", k=3, template="{{ passages }} {{ prompt }}", chunk_words=50
            ),
        ),
        generation=GenerationSpec(
            temperature=0.7,
            max_tokens=64,
            top_p=0.9,
            stop=("\n",),
            seed=7,
            repeats=2,
            logprobs=1,
            response_format={"type": "json_object"},
            extra={"top_k": 5},
        ),
        extract=ExtractSpec(pattern="A: (.*)$", take="last", strip=False),
        metrics=(
            MetricSpec(name="exact_match"),
            MetricSpec(name="rouge_l", label="rouge", options={"stemmer": True}),
        ),
        policy=Policy(
            alpha=0.025,
            power=0.9,
            min_coverage=1.0,
            gates=(
                GateSpec(
                    metric="rouge",
                    test="non_inferiority",
                    margin=0.03,
                    slice="topic=cards",
                    alpha=0.01,
                ),
                GateSpec(
                    metric="cost_usd",
                    test="max_ratio",
                    ratio=0.125,
                    role="guardrail",
                    recorded="allowed",
                ),
                GateSpec(metric="exact_match", test="superiority"),
                GateSpec(metric="error_rate", test="at_most", value=0.0, role="diagnostic"),
            ),
            ledger=LooksSpec(candidates=3, looks=2, spending="pocock"),
        ),
        outputs={"output": "solution"},
        base=suite.base,
        sha256=suite.sha256,
    )


def test_a_name_alone_is_a_suite_with_every_default(write):
    suite = read_suite(write("name: x\n"))
    assert msgspec.structs.replace(suite, base="", sha256="") == Suite(name="x")
    assert (suite.policy.alpha, suite.policy.power, suite.policy.min_coverage) == (0.05, 0.8, 0.98)
    assert suite.generation == GenerationSpec(temperature=0.0, repeats=1)
    assert suite.prompt == PromptSpec(template="{{ input }}", history="gold")


def test_relative_paths_start_from_the_files_folder(write, tmp_path):
    assert read_suite(write("name: x", "a/suite.yaml")).base == str(tmp_path / "a")
    assert read_baseline(write("model: m", "b/large.yaml")).base == str(tmp_path / "b")


def test_hub_data_is_read(write):
    suite = read_suite(write("name: x\ndata: {hf: {path: openai/gsm8k, name: main}}"))
    assert suite.data.hf == HubData(path="openai/gsm8k", name="main", split="test")


def test_every_key_of_a_baseline_is_read(write):
    text = """\
name: large
model: together/meta-llama/Llama-3.3-70B-Instruct-Turbo
description: The prompted model that we pay for today.
prompt: {few_shot: {train: ../train.jsonl}}
generation: {max_tokens: 32}
price: {prompt_usd_per_mtok: 1.04, completion_usd_per_mtok: 1.04, usd_per_hour: 3, as_of: "2026-08-01", source: price list}
options: {adapter: x}
outputs: {output: text}
"""
    baseline = read_baseline(write(text, "baselines/large.yaml"))
    assert baseline == Baseline(
        name="large",
        model="together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
        description="The prompted model that we pay for today.",
        prompt=PromptSpec(few_shot=FewShotSpec(train="../train.jsonl")),
        generation=GenerationSpec(max_tokens=32),
        price=PriceSpec(
            prompt_usd_per_mtok=1.04,
            completion_usd_per_mtok=1.04,
            usd_per_hour=3.0,
            as_of="2026-08-01",
            source="price list",
        ),
        options={"adapter": "x"},
        outputs={"output": "text"},
        base=baseline.base,
    )


def test_a_baseline_is_called_by_its_file_if_it_has_no_name(write):
    assert read_baseline(write("model: m", "prompted-70b.yaml")).name == "prompted-70b"


def test_a_policy_is_read_from_a_file_of_its_own_and_from_a_suite(write):
    gates = "gates: [{metric: f1, test: non_inferiority, max_drop: 0.02}]"
    alone = read_policy(write(f"alpha: 0.1\n{gates}", "policy.yaml"))
    inside = read_policy(write(f"name: x\npolicy:\n  alpha: 0.1\n  {gates}"))
    assert alone == inside
    assert alone.gates[0].margin == 0.02
    assert alone.alpha == 0.1


# --- forms that mean the same ------------------------------------------------------------------


def test_a_metric_is_written_as_a_name_or_as_a_mapping(write):
    short = read_suite(write("name: x\nmetrics: [f1]")).metrics
    assert short == read_suite(write("name: x\nmetrics: [{name: f1}]")).metrics
    assert short[0].key == "f1"
    labelled = read_suite(write("name: x\nmetrics: [{name: f1, label: token_f1}]")).metrics
    assert labelled[0].key == "token_f1"


def test_all_keys_beside_name_and_label_are_the_metrics_options(write):
    suite = read_suite(write("name: x\nmetrics: [{name: bleu, tokenize: zh, smooth: {k: 1}}]"))
    assert suite.metrics[0].options == {"tokenize": "zh", "smooth": {"k": 1}}


def test_max_drop_is_margin_by_another_name(write):
    gate = "name: x\npolicy: {gates: [{metric: f1, test: non_inferiority, %s: 0.02}]}"
    one, other = read_suite(write(gate % "margin")), read_suite(write(gate % "max_drop"))
    assert one == other


def test_a_byte_order_mark_is_taken_off(write):
    assert read_suite(write(b"\xef\xbb\xbfname: x\n")).name == "x"


def test_json_is_yaml(write):
    assert read_suite(write('{"name": "x", "metrics": ["f1"]}')).metrics[0].name == "f1"


def test_whole_numbers_stand_for_fractions(write):
    suite = read_suite(write("name: x\ngeneration: {temperature: 1}"))
    assert suite.generation.temperature == 1.0


def test_null_takes_a_default_back(write):
    suite = read_suite(write("name: x\ngeneration: {temperature: null}\nextract: ~"))
    assert suite.generation.temperature is None
    assert suite.extract is None


def test_anchors_and_merges_work(write):
    text = """\
name: x
policy:
  gates:
    - &strict {metric: f1, test: non_inferiority, margin: 0.01}
    - {<<: *strict, metric: exact_match}
"""
    gates = read_suite(write(text)).policy.gates
    assert [(gate.metric, gate.margin) for gate in gates] == [("f1", 0.01), ("exact_match", 0.01)]


# --- refusals ----------------------------------------------------------------------------------


def line_and_path(error: SpecError) -> str:
    """ "3, policy.gates[0].margin" of "/tmp/.../suite.yaml:3, policy.gates[0].margin"."""
    return (error.where or "").partition("suite.yaml")[2].lstrip(":")


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        ("name: x\ngenration: {}", "2, genration", "did you mean 'generation'?"),
        ("name: x\nmetric: [f1]", "2, metric", "did you mean 'metrics'?"),
        ("name: x\ndata:\n  pth: a", "3, data.pth", "did you mean 'path'?"),
        ("name: x\ndata: {hf: {splt: a, path: b}}", "2, data.hf.splt", "did you mean 'split'?"),
        ("name: x\ndata: {code: {stile: check}}", "2, data.code.stile", "did you mean 'style'?"),
        (
            "name: x\nprompt:\n  few_shot:\n    trian: a",
            "4, prompt.few_shot.trian",
            "did you mean 'train'?",
        ),
        ("name: x\nextract: {patern: a}", "2, extract.patern", "did you mean 'pattern'?"),
        ("name: x\ngeneration: {temp: 1}", "2, generation.temp", None),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one(
    refused, text, place, mend
):
    error = refused(text)
    key = place.rpartition(".")[2].rpartition(" ")[2]
    assert error.message == f"unknown key '{key}'"
    assert line_and_path(error) == place
    assert error.mend.startswith(mend or "known here: temperature")
    assert "known here: " in error.mend


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("name: 3", "expected `str`, got `int`", "1, name"),
        ("name: yes", "expected `str`, got `bool`", "1, name"),
        ("name: x\nmetrics: f1", "expected `array`, got `str`", "2, metrics"),
        ("name: x\ndata: a.jsonl", "expected `object`, got `str`", "2, data"),
        ("name: x\npolicy: [f1]", "expected `object`, got `array`", "2, policy"),
        (
            'name: x\npolicy:\n  alpha: "0.05"',
            "expected `float`, got `str`",
            "3, policy.alpha",
        ),
        ("name: x\npolicy: {alpha: 1e-3}", "expected `float`, got `str`", "2, policy.alpha"),
        (
            "name: x\nprompt: {few_shot: {train: a, k: 2.5}}",
            "expected `int`, got `float`",
            "2, prompt.few_shot.k",
        ),
        ("name: x\npolicy: {gates: [f1]}", "expected `object`, got `str`", "2, policy.gates[0]"),
        (
            "name: x\npolicy: {gates: {f1: 1}}",
            "expected `array`, got `object`",
            "2, policy.gates",
        ),
        (
            "name: x\nmetrics: [f1, {name: em, label: 3}]",
            "expected `str | null`, got `int`",
            "2, metrics[1].label",
        ),
        ("name: x\nprompt: {history: golden}", "invalid enum value 'golden'", "2, prompt.history"),
        (
            "name: x\npolicy: {gates: [{metric: f1, test: noninferiority, margin: 1}]}",
            "invalid enum value 'noninferiority'",
            "2, policy.gates[0].test",
        ),
        (
            "name: x\npolicy:\n  gates:\n    - {test: at_most, value: 1}",
            "object missing required field `metric`",
            "4, policy.gates[0]",
        ),
        ("metrics: [f1]", "object missing required field `name`", ""),
        (
            "name: x\nprompt: {rag: {k: 3}}",
            "object missing required field `documents`",
            "2, prompt.rag",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_its_line(refused, text, message, place):
    error = refused(text)
    assert error.message == message
    assert line_and_path(error) == place
    assert error.mend


@pytest.mark.parametrize("entry", ["3", "null", "[f1]", "{f1: {}}", "{name: 3}", "{label: f1}"])
def test_a_metric_without_a_name_is_refused_with_an_example(refused, entry):
    error = refused(f"name: x\nmetrics:\n  - f1\n  - {entry}")
    assert error.message.startswith("a metric is a name or a mapping with a `name`, got ")
    assert line_and_path(error) == "4, metrics[1]"
    assert error.mend == "for example `- f1` or `- {name: rouge_l, stemmer: true}`"


def test_two_metrics_of_one_name_are_refused(refused):
    error = refused("name: x\nmetrics:\n  - f1\n  - {name: f1, average: macro}")
    assert error.message == "two metrics are called 'f1'"
    assert (line_and_path(error), error.mend) == ("4, metrics[1]", "give one of them a `label`")


def test_two_metrics_of_one_name_are_fine_with_a_label(write):
    suite = read_suite(write("name: x\nmetrics: [f1, {name: f1, label: macro, average: macro}]"))
    assert [metric.key for metric in suite.metrics] == ["f1", "macro"]


def test_margin_and_max_drop_together_are_refused(refused):
    gate = "{metric: f1, test: non_inferiority, margin: 0.1, max_drop: 0.1}"
    error = refused(f"name: x\npolicy:\n  gates:\n    - {gate}")
    assert error.message == "`margin` and its alias `max_drop` are both given"
    assert line_and_path(error) == "4, policy.gates[0]"


def test_two_data_sources_are_refused(refused):
    error = refused("name: x\ndata: {path: a, hf: {path: b}}")
    assert error.message == "both `data.path` and `data.hf` are given"
    assert line_and_path(error) == "2, data"


@pytest.mark.parametrize("repeats", [0, -1])
def test_fewer_repeats_than_one_are_refused(refused, repeats):
    error = refused(f"name: x\ngeneration: {{repeats: {repeats}}}")
    assert error.message == f"repeats must be at least 1, got {repeats}"
    assert line_and_path(error) == "2, generation.repeats"


@pytest.mark.parametrize(
    ("key", "value", "fine"),
    [
        ("alpha", 0, False),
        ("alpha", 0.0001, True),
        ("alpha", 0.49, True),
        ("alpha", 0.5, False),
        ("alpha", -0.1, False),
        ("power", 0, False),
        ("power", 0.99, True),
        ("power", 1, False),
        ("min_coverage", 0, True),
        ("min_coverage", 1, True),
        ("min_coverage", 1.01, False),
        ("min_coverage", -0.01, False),
    ],
)
def test_policy_numbers_must_lie_where_they_mean_something(write, key, value, fine):
    path = write(f"name: x\npolicy:\n  {key}: {value}")
    if fine:
        assert getattr(read_suite(path).policy, key) == value
        return
    with pytest.raises(SpecError, match=f"`{key}` must lie between") as caught:
        read_suite(path)
    assert line_and_path(caught.value) == f"3, policy.{key}"


def test_a_gate_without_its_margin_is_refused_with_its_line(refused):
    error = refused("name: x\npolicy:\n  gates:\n    - {metric: f1, test: non_inferiority}")
    assert error.message == "the gate on 'f1' lacks its `margin`: a missing one is never taken as 0"
    assert line_and_path(error) == "4, policy.gates[0]"
    assert error.mend == "add `margin: ...`, the largest difference that would not matter to you"


# --- files that are no specification -----------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "~", "42", "f1", "- a\n- b"])
def test_what_is_no_mapping_is_refused(refused, text):
    assert refused(text).message == "a mapping of keys is expected"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: x\nname: y", 2),
        ("name: x\npolicy:\n  alpha: 0.1\n  power: 0.9\n  alpha: 0.2", 5),
        ("name: x\nmetrics:\n  - {name: f1, label: a,\n     label: b}", 4),
    ],
)
def test_a_key_given_twice_is_refused_with_its_line(refused, text, line):
    error = refused(text)
    assert error.message.endswith("is given twice")
    assert line_and_path(error) == str(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: [a", 2),
        ("name: a: b", 1),
        ('name: "abc', 1),
        ("name: x\ndata:\n  path: a\n fields: b", 4),
        ("name: x\n\tdata: y", 2),
        ("name: x\n---\nname: y", 2),
        ("name: *nobody", 1),
    ],
)
def test_a_syntax_error_is_refused_with_its_line(refused, text, line):
    error = refused(text)
    assert error.message != "not valid YAML: cannot be read as YAML"
    assert line_and_path(error).split(",")[0] == str(line)
    assert error.mend


def test_python_objects_are_never_made(refused, tmp_path):
    target = tmp_path / "made"
    refused(f"name: !!python/object/apply:os.mkdir ['{target}']")
    assert not target.exists()


@pytest.mark.parametrize("text", [b"name: caf\xe9", "name: x".encode("utf-16"), b"\xff\xfe\x00"])
def test_another_encoding_is_refused(refused, text):
    error = refused(text)
    assert "is not UTF-8 text" in error.message
    assert error.mend == "save the file as UTF-8"


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(SpecError, match="cannot read") as caught:
            read_suite(path)
        assert str(path) in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_read_permission_is_refused(write):
    path = write("name: x")
    path.chmod(0)
    with pytest.raises(SpecError, match="cannot read"):
        read_suite(path)


# --- hashes ------------------------------------------------------------------------------------


def test_the_hash_is_of_what_a_suite_says_and_not_of_its_file(write):
    one = read_suite(write("name: x\nmetrics: [f1]\n"))
    other = read_suite(
        write("# moved\n{metrics: [{name: f1}], name: 'x', data: {}}", "b/suite.yaml")
    )
    assert one.sha256 == other.sha256
    assert one.base != other.base


def test_the_hash_covers_every_key(write):
    lines = FULL.splitlines(keepends=True)
    changed = [
        FULL.replace("0.03", "0.04"),
        FULL.replace("stemmer: true", "stemmer: false"),
        FULL.replace("k: 2", "k: 3"),
        FULL.replace("seed: 7", "seed: 8"),
        "".join(line for line in lines if not line.startswith("extract")),
        FULL,
    ]
    assert len({read_suite(write(text)).sha256 for text in changed}) == len(changed)


def test_a_baselines_hash_leaves_its_folder_out(write):
    one = read_baseline(write("model: m\nname: n", "a/x.yaml"))
    assert digest(one) == digest(read_baseline(write("model: m\nname: n", "b/y.yaml")))


@given(st.lists(st.none() | st.text()), st.lists(st.none() | st.text()))
def test_digests_of_parts_tell_lists_apart(left, right):
    assert (digest_parts(*left) == digest_parts(*right)) == (left == right)


# --- any text at all ---------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        "name",
        "data",
        "path",
        "hf",
        "metrics",
        "policy",
        "gates",
        "metric",
        "test",
        "margin",
        "prompt",
        "few_shot",
        "k",
        "generation",
        "seed",
        "alpha",
        "extract",
        "label",
        "max_drop",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | KEYS | st.text("ab: -[]{}#'\"\n", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("read", [read_suite, read_baseline, read_policy])
@given(value=st.dictionaries(KEYS, VALUES, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_mapping_of_plain_values_is_read_or_refused(read_or_refused, tmp_path, read, value):
    path = tmp_path / "any.yaml"
    path.write_bytes(msgspec.json.encode(value))
    read_or_refused(read, path)
