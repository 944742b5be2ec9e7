"""JUnit, JSON, GitHub and writing to disk."""

from __future__ import annotations

import json
import re
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import handmade_facts as made
import jsonschema
import msgspec
import pytest

from evalharness.errors import DataError, UsageError, WriteError
from evalharness.report import github, jsonfile, junit, markdown
from evalharness.report.contract_json import contract_json
from evalharness.report.html import render_html
from evalharness.report.write import FORMATS, write_reports
from evalharness.results import Facts

KINDS = list(made.EVERY)
TEXT_FORMATS = [name for name in FORMATS if name not in {"svg", "png"}]
DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("kind", KINDS)
def test_the_markdown_report_is_the_golden_one(kind, golden):
    golden(f"markdown/{kind}.md", markdown.render_markdown(made.EVERY[kind]()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_junit_report_is_the_golden_one(kind, golden):
    golden(f"junit/{kind}.xml", junit.render_junit(made.EVERY[kind]()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_the_golden_one(kind, golden):
    page = render_html(made.EVERY[kind]())
    own = r"<(style|script)>.*?</\1>|<meta http-equiv.*?>"
    golden(f"html/{kind}.html", re.sub(own, "", page, flags=re.DOTALL))


@pytest.mark.parametrize("kind", KINDS)
def test_the_contract_json_is_the_golden_one(kind, golden):
    golden(f"json/{kind}.json", contract_json(made.EVERY[kind](), {"html": "report.html"}) + "\n")


@pytest.mark.parametrize("kind", KINDS)
def test_the_github_texts_are_the_golden_ones(kind, golden):
    facts = made.EVERY[kind]()
    golden(f"github/{kind}-comment.md", github.render_comment(facts))
    golden(f"github/{kind}-annotations.txt", github.render_annotations(facts))


# --- facts.json ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_facts_round_trip(kind):
    facts = made.EVERY[kind]()
    data = jsonfile.encode_facts(facts)
    assert facts == jsonfile.decode_facts(data)
    assert data == jsonfile.encode_facts(jsonfile.decode_facts(data))


@pytest.mark.parametrize("kind", KINDS)
def test_facts_keep_their_schema(kind):
    schema = jsonfile.facts_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(jsonfile.encode_facts(made.EVERY[kind]())), schema)


def test_the_schema_refuses_an_unknown_key():
    plain = json.loads(jsonfile.encode_facts(made.ready())) | {"surprise": 1}
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(plain, jsonfile.facts_schema())


def test_the_schema_in_the_docs_is_the_one_the_code_makes(updating):
    path = DOCS / "facts.schema.json"
    if updating:
        path.write_bytes(jsonfile.encode_schema())
    assert path.read_bytes() == jsonfile.encode_schema()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_hold_is_refused_with_its_path(wrong):
    rows = (made.rouge_gate(), made.gate("f1", "PASS", upper=wrong))
    facts = msgspec.structs.replace(made.ready(), gates=rows)
    with pytest.raises(DataError) as caught:
        jsonfile.encode_facts(facts)
    assert caught.value.where == "facts.gates[1].upper"
    with pytest.raises(DataError):
        contract_json(facts, {})


def test_metrics_keep_the_order_of_the_suite_and_records_a_line_of_their_own():
    data = jsonfile.encode_facts(made.ready())
    plain = json.loads(data)
    assert next(iter(plain["arms"][0]["summary"]["metrics"])) == "rouge_l"
    lines = data.decode().splitlines()
    assert sum('"outcome": ' in line for line in lines) == len(plain["gates"])


def test_bytes_that_are_no_facts_are_refused_with_the_path():
    with pytest.raises(DataError, match="Expected `object`") as caught:
        jsonfile.decode_facts(b"[]", where="runs/x/facts.json")
    assert caught.value.where == "runs/x/facts.json"
    with pytest.raises(DataError, match="unknown field"):
        jsonfile.decode_facts(b'{"kind": "run", "surprise": 1}')


# --- the contract's --json -------------------------------------------------------------------


def test_the_gate_document_has_the_keys_of_the_contract():
    told = json.loads(contract_json(made.not_ready(), {"html": "r.html"}))
    assert {
        "verdict",
        "exit_code",
        "alpha",
        "n_paired",
        "gates",
        "invalid",
        "reports",
    } <= told.keys()
    wanted = {
        "suite",
        "baseline",
        "metric",
        "slice",
        "role",
        "test",
        "outcome",
        "candidate",
        "baseline_value",
        "difference",
        "lower",
        "upper",
        "threshold",
        "p_value",
        "method",
        "n",
        "n_more",
    }
    assert all(wanted <= row.keys() for row in told["gates"])
    assert told["verdict"] == "NOT_READY"
    assert told["exit_code"] == 1


def test_the_run_document_has_the_keys_of_the_contract():
    told = json.loads(contract_json(made.run(), {}))
    assert {"suite", "run", "n", "n_failed", "metrics", "slices"} <= told.keys()
    wanted = {"value", "value_answered", "lower", "upper", "level", "n", "signature"}
    assert all(wanted <= metric.keys() for metric in told["metrics"].values())


def test_the_comparison_document_has_no_verdict_and_no_outcome():
    told = json.loads(contract_json(made.compare(), {}))
    assert "verdict" not in told
    assert all("outcome" not in row for row in told["comparisons"])


def test_several_runs_are_a_list():
    facts = made.run()
    two = msgspec.structs.replace(facts, arms=facts.arms * 2)
    assert len(json.loads(contract_json(two, {}))["runs"]) == 2


# --- JUnit -----------------------------------------------------------------------------------


def cases(facts, **options):
    root = ET.fromstring(junit.render_junit(facts, **options))
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        for kind in ("failures", "errors", "skipped"):
            one = {"failures": "failure", "errors": "error", "skipped": "skipped"}[kind]
            assert int(suite.get(kind)) == len(suite.findall(f"testcase/{one}"))
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        assert all(case.get("name") and case.get("classname") for case in suite)
    return list(root.iter("testcase"))


def kind_of(case):
    return next((child.tag for child in case if child.tag != "system-out"), "passed")


def test_a_failed_gate_is_a_failure():
    kinds = {case.get("name"): kind_of(case) for case in cases(made.not_ready())}
    assert kinds["format_ok non_inferiority"] == "failure"
    assert list(kinds.values()).count("failure") == 1


def test_an_undecided_gate_stops_the_build_unless_asked_otherwise():
    name = "rouge_l [lang=de] non_inferiority"
    strict = {case.get("name"): kind_of(case) for case in cases(made.inconclusive())}
    lax = {
        case.get("name"): kind_of(case)
        for case in cases(made.inconclusive(), undecided=junit.Undecided.SKIPPED)
    }
    assert (strict[name], lax[name]) == ("failure", "skipped")


def test_a_diagnostic_gate_never_fails_a_build():
    kinds = [kind_of(case) for case in cases(made.inconclusive()) if "latency" in case.get("name")]
    assert kinds == ["skipped"]


def test_invalid_evidence_is_an_error_and_passes_nothing():
    facts = msgspec.structs.replace(made.invalid(), gates=(made.rouge_gate(),))
    assert sorted(kind_of(case) for case in cases(facts)) == ["error", "skipped"]


def test_two_gates_on_one_metric_have_names_of_their_own():
    rows = (made.rouge_gate(), made.slice_gate(), made.gate("rouge_l", "PASS", test="at_least"))
    names = [case.get("name") for case in cases(msgspec.structs.replace(made.ready(), gates=rows))]
    assert len(set(names)) == 3


# --- GitHub ----------------------------------------------------------------------------------


def test_the_comment_of_the_next_commit_is_found_again():
    facts = made.ready()
    renamed = msgspec.structs.replace(
        facts,
        gates=tuple(msgspec.structs.replace(row, candidate_arm="ft-3b-2") for row in facts.gates),
    )
    other = msgspec.structs.replace(
        facts, gates=tuple(msgspec.structs.replace(row, baseline="rag") for row in facts.gates)
    )
    assert github.comment_marker(facts) == github.comment_marker(renamed)
    assert github.comment_marker(facts) != github.comment_marker(other)


def test_a_report_too_long_for_a_step_summary_gives_its_head():
    flips = tuple(made.flip(sample_id=f"q{n}", input="word " * 12_000) for n in range(20))
    long = msgspec.structs.replace(
        made.not_ready(), flips=flips, hashes={f"h{n}": "x" * 600 for n in range(2000)}
    )
    told = github.render_step_summary(long)
    assert len(told.encode()) <= github.SUMMARY_BYTES
    assert "NOT READY" in told.splitlines()[0]


def test_ready_is_a_notice_and_everything_else_an_error():
    levels = {
        state: github.render_annotations(made.EVERY[state]()).split(" ")[0]
        for state in ("ready", "not_ready", "inconclusive", "invalid")
    }
    assert levels == {
        "ready": "::notice",
        "not_ready": "::error",
        "inconclusive": "::error",
        "invalid": "::error",
    }


# --- writing ---------------------------------------------------------------------------------


def test_the_usual_reports_are_written_and_named(tmp_path):
    written = write_reports(made.ready(), tmp_path / "deep" / "folder")
    assert {name: path.name for name, path in written.items()} == {
        "html": "report.html",
        "md": "report.md",
        "json": "facts.json",
        "junit": "junit.xml",
    }
    assert sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir()) == sorted(
        path.name for path in written.values()
    )
    assert stat.S_IMODE(written["json"].stat().st_mode) == 0o644


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_facts_give_the_same_bytes_in_every_format(kind, tmp_path):
    first = write_reports(made.EVERY[kind](), tmp_path / "a", TEXT_FORMATS)
    second = write_reports(made.EVERY[kind](), tmp_path / "b", TEXT_FORMATS)
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def test_the_reports_of_facts_read_back_are_the_same(tmp_path):
    written = write_reports(made.not_ready(), tmp_path)
    again = jsonfile.decode_facts(written["json"].read_bytes())
    assert render_html(again) == written["html"].read_text()
    assert isinstance(again, Facts)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="unknown report format 'htlm'") as caught:
        write_reports(made.ready(), tmp_path / "x", ["json", "htlm"])
    assert "html" in caught.value.mend
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError) as caught:
        write_reports(made.ready(), tmp_path / "file" / "sub")
    assert caught.value.exit_code == 73


def test_a_full_disk_leaves_the_old_report_whole(tmp_path):
    import resource
    import signal

    write_reports(made.ready(), tmp_path, ["json"])
    old = (tmp_path / "facts.json").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(WriteError):
            write_reports(made.full(), tmp_path, ["json"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "facts.json").read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["facts.json"]
