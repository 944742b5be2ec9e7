"""The `contract-summary` suite: references keep the format, and say what the contract says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from written_suites import SUITES, rows

from evalharness.catalog import make_metric
from evalharness.data.sources import open_source
from evalharness.records import Completion, Item, Sample
from evalharness.spec.read import read_suite

HEADERS = ["Parties", "Money", "Duration", "Exit", "Risk", "Watch out"]


@pytest.fixture(scope="module")
def heldout():
    return rows(SUITES / "contract-summary/heldout.jsonl")


@pytest.fixture(scope="module")
def everything(heldout):
    return heldout + rows(SUITES / "contract-summary/train.jsonl")


@pytest.fixture(scope="module")
def pattern():
    suite = read_suite(SUITES / "contract-summary/suite.yaml")
    (metric,) = [metric for metric in suite.metrics if metric.key == "format_ok"]
    return re.compile(metric.options["pattern"])


def test_every_reference_keeps_the_format(everything, pattern):
    assert all(pattern.fullmatch(row["summary"]) for row in everything)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("## Exit", "## Ending"),
        lambda text: text.replace("## Money\n", ""),
        lambda text: "Here is the summary:\n" + text,
        lambda text: text + "\n\nLet me know if you need more.",
        lambda text: text.replace("- ", "* "),
        lambda text: text.replace("- For breach", "- For breach" + " and so on" * 8),
        lambda text: text.replace("## Risk", "## Watch out", 1),
        lambda text: text + "\n- One more." * 4,
        lambda text: "",
    ],
)
def test_a_broken_format_is_seen(heldout, pattern, spoil):
    assert pattern.fullmatch(spoil(heldout[0]["summary"])) is None


def test_the_pattern_takes_no_time_on_hostile_text(pattern):
    hostile = "## Parties\n" + "- a b c d e f g\n" * 4 + "## Money\n" + "- " + "x " * 20_000
    assert pattern.fullmatch(hostile) is None
    assert pattern.fullmatch("- " * 50_000) is None


def test_headers_stand_once_and_in_order(everything):
    for row in everything:
        assert re.findall(r"^## (.+)$", row["summary"], re.MULTILINE) == HEADERS


def test_numbers_and_names_of_a_summary_stand_in_its_contract(everything):
    for row in everything:
        contract = row["contract"]
        for number in re.findall(r"\d[\d,.]*\d|\d", row["summary"]):
            assert number in contract, (row["id"], number)
        for name in re.findall(r"^- \w+: (.+)$", row["summary"].split("## Money")[0], re.MULTILINE):
            assert name in contract, (row["id"], name)


def test_the_traps_slice_says_whether_there_is_something_to_watch(everything):
    for row in everything:
        nothing = row["summary"].endswith("## Watch out\n- Nothing unusual.")
        assert row["metadata"]["traps"] == ("none" if nothing else "some")


def test_documents_of_a_matter_share_their_parties_and_differ(heldout):
    matters = {}
    for row in heldout:
        matters.setdefault(row["matter"], []).append(row)
    for found in matters.values():
        assert len(found) == 3
        parties = {row["summary"].split("## Money")[0] for row in found}
        assert len(parties) == 1
        assert len({row["contract"] for row in found}) == 3


def test_no_company_stands_in_both_files(heldout, everything):
    def companies(rows_):
        return {
            name
            for row in rows_
            for name in re.findall(r"^- \w+: (.+)$", row["summary"].split("##")[1], re.MULTILINE)
        }

    assert not companies(heldout) & companies(everything[len(heldout) :])


def test_contracts_have_no_open_brace_and_a_readable_length(everything):
    for row in everything:
        assert not re.search(r"[{}]", row["contract"] + row["summary"])
        assert 120 <= len(row["contract"].split()) <= 450


def test_the_rule_program_writes_the_shipped_recordings(root, tmp_path):
    suite, baseline = tmp_path / "suites/contract-summary", tmp_path / "baselines/contract-summary"
    suite.mkdir(parents=True)
    baseline.mkdir(parents=True)
    heldout = SUITES / "contract-summary/heldout.jsonl"
    (suite / "heldout.jsonl").write_bytes(heldout.read_bytes())
    script = baseline / "summarise_by_rule.py"
    shipped = root / "baselines/contract-summary"
    script.write_bytes((shipped / "summarise_by_rule.py").read_bytes())
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)
    for name in ("first-sentences.jsonl", "copied-clauses.jsonl"):
        assert (shipped / name).read_bytes() == (baseline / name).read_bytes()


def test_the_rule_baselines_keep_or_break_the_format_as_their_readme_says(root, pattern):
    for arm, kept in (("first-sentences", 0), ("copied-clauses", 360)):
        found = rows(root / f"baselines/contract-summary/{arm}.jsonl")
        assert sum(bool(pattern.fullmatch(row["output"])) for row in found) == kept


def test_the_readme_states_the_rouge_of_the_recordings(root):
    suite = read_suite(SUITES / "contract-summary/suite.yaml")
    samples = list(open_source(suite.data, base=SUITES / "contract-summary"))
    text = (root / "baselines/contract-summary/README.md").read_text(encoding="utf-8")
    for arm in ("first-sentences", "copied-clauses"):
        found = rows(root / f"baselines/contract-summary/{arm}.jsonl")
        outputs = {row["id"]: row["output"] for row in found}
        items = [
            Item(
                sample=sample,
                completion=Completion(text=outputs[sample.id]),
                text=outputs[sample.id],
            )
            for sample in samples
        ]
        means = {
            spec.key: f"{float(metric.reduce(metric.measure(items).rows_nk.sum(axis=0))):.3f}"
            for spec in suite.metrics
            for metric in (make_metric(spec.name, spec.options),)
        }
        row = [means[key] for key in ("rouge_1", "rouge_2", "rouge_lsum", "format_ok")]
        assert f"| {' | '.join(row)} |" in text


def kept_rules(text):
    """The format metrics of the suite that a summary keeps."""
    suite = read_suite(SUITES / "contract-summary/suite.yaml")
    sample = Sample(id="s", input="x", targets=("x",), content_sha256="0" * 64)
    item = Item(sample=sample, completion=Completion(text=text), text=text)
    return {
        spec.key
        for spec in suite.metrics
        if spec.key in {"format_ok", "headers", "bullets", "length"}
        and make_metric(spec.name, spec.options).measure([item]).rows_nk[0, 0] == 1.0
    }


ALL_RULES = {"format_ok", "headers", "bullets", "length"}


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (lambda text: text, set()),
        (lambda text: text.replace("## Exit", "## Ending"), {"headers", "bullets"}),
        (lambda text: text.replace("- For breach", "- For breach" + " and so on" * 8), {"bullets"}),
        (lambda text: text + "\n- One more." * 4, {"bullets"}),
        (lambda text: "Here is the summary:\n" + text, {"bullets"}),
        (lambda text: text.replace("## Exit", "**Exit:**"), set()),
        (lambda text: "", {"headers", "bullets", "length"}),
        (lambda text: text + "\n- Again." * 20, {"bullets", "length"}),
    ],
)
def test_the_single_rules_say_what_a_broken_format_broke(heldout, spoil, broken):
    kept = heldout[0]["summary"]
    text = spoil(kept)
    assert ALL_RULES - kept_rules(text) == broken | ({"format_ok"} if text != kept else set())


def test_whoever_keeps_the_whole_format_keeps_every_single_rule(everything):
    for row in everything[::7]:
        assert kept_rules(row["summary"]) == ALL_RULES
