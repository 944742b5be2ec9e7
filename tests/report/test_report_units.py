"""Unit by unit: from real run folders to spreads, differences and samples."""

from __future__ import annotations

import math

import msgspec
import pytest

from evalharness.records import Answered, Completion, Failed, Usage
from evalharness.report.facts import build_facts
from evalharness.report.html import render_html
from evalharness.report.units import add_units, kept_units, mark_lines, quantiles_of
from evalharness.store.journal import OutcomeEntry, read_entries
from evalharness.store.runs import RunFolder


@pytest.fixture(scope="module")
def gated(tmp_path_factory, root):
    """A gate over the shipped recordings of real models, made by the stages themselves."""
    from evalharness.api import gate
    from evalharness.stages.options import RunOptions

    out = tmp_path_factory.mktemp("runs")
    gate(
        "facts", candidate="facts-undertrained", baseline="facts-tuned", options=RunOptions(out=out)
    )
    (folder,) = (out / "gates").iterdir()
    return folder, out


@pytest.fixture(scope="module")
def facts(gated):
    folder, out = gated
    return add_units(build_facts(folder, out=out), folder, out=out)


def test_every_unit_is_listed_with_both_answers(facts):
    assert len(facts.samples) == facts.n_samples == facts.verdict.n_paired
    for sample in facts.samples:
        assert set(sample.answers) == {"facts-tuned", "facts-undertrained"}
        assert sample.input
        assert sample.targets


def test_the_mean_of_the_listed_values_is_the_metric(facts):
    for arm in facts.arms:
        values = [sample.answers[arm.name].values["f1"] for sample in facts.samples]
        assert math.fsum(values) / len(values) == pytest.approx(
            arm.summary.metrics["f1"].value_answered, abs=1e-12
        )


def test_the_answers_are_those_of_the_journal(facts, gated):
    _, out = gated
    for arm in facts.arms:
        run = RunFolder(out / arm.summary.run)
        texts = {
            entry.id: entry.outcome.completion.text
            for entry in read_entries(run.outcomes_path, OutcomeEntry)
        }
        shown = {sample.id: sample.answers[arm.name].text for sample in facts.samples}
        assert shown == texts


def test_a_spread_holds_the_percentiles_of_its_metric(facts):
    for arm in facts.arms:
        latency = next(spread for spread in arm.spreads if spread.name == "latency_s")
        assert latency.n == 360
        assert len(latency.quantiles) == 101
        assert list(latency.quantiles) == sorted(latency.quantiles)
        measured = arm.summary.metrics["latency_p95_s"].value_answered
        assert latency.quantiles[95] == pytest.approx(measured, rel=1e-5)


def test_paired_differences_agree_with_the_comparison(facts):
    rows = {row.metric: row for row in facts.comparisons if row.slice is None}
    names = [paired.spread.name for paired in facts.differences]
    assert {"exact_match", "f1"} <= set(names)
    for paired in facts.differences:
        row = rows[paired.spread.name]
        if row.difference is None:
            continue  # all values equal: the statistics refuse, the differences are still shown
        assert paired.spread.n == row.n
        assert paired.spread.quantiles[0] <= row.difference <= paired.spread.quantiles[-1]


def test_a_run_folder_has_units_too(facts, gated):
    _, out = gated
    folder = out / facts.arms[0].summary.run
    alone = add_units(build_facts(folder, out=out), folder, out=out)
    assert len(alone.samples) == 360
    assert alone.differences == ()
    assert alone.arms[0].spreads


def test_the_page_of_real_runs_holds_every_sample(facts):
    page = render_html(facts)
    assert page.count("gegin-home") >= 1
    assert 'id="s-data"' in page


def test_of_too_many_units_every_reader_keeps_the_same_ones(facts, gated):
    _, out = gated
    runs = [RunFolder(out / arm.summary.run) for arm in facts.arms]
    kept, total = kept_units(runs, most=50)
    again, _ = kept_units(runs[::-1], most=50)
    assert total == 360
    assert len(kept) == 50
    assert kept == again


def test_a_failed_unit_shows_its_kind_and_no_value(facts, gated, tmp_path):
    """A recording with a gap, gated for real."""
    from evalharness.api import gate
    from evalharness.stages.options import RunOptions

    _, out = gated
    run = RunFolder(out / facts.arms[0].summary.run)
    lines = [
        {"id": entry.id, "output": entry.outcome.completion.text}
        for entry in read_entries(run.outcomes_path, OutcomeEntry)
    ]
    gap = tmp_path / "gap.jsonl"
    gap.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines[3:]))
    gate(
        "facts",
        candidate=str(gap),
        baseline="facts-tuned",
        options=RunOptions(out=tmp_path / "runs"),
    )
    (folder,) = (tmp_path / "runs" / "gates").iterdir()
    found = add_units(build_facts(folder, out=tmp_path / "runs"), folder, out=tmp_path / "runs")
    missing = [
        sample
        for sample in found.samples
        for name, answer in sample.answers.items()
        if answer.failed == "missing"
    ]
    assert len(missing) == 3
    arm = next(arm.name for arm in found.arms if arm.role == "candidate")
    assert all(sample.answers[arm].values == {} for sample in missing)


def test_quantiles_are_those_of_numpy():
    import numpy as np

    values = np.random.default_rng(7).lognormal(size=997)
    found = quantiles_of(values)
    assert found[50] == pytest.approx(float(np.median(values)), rel=1e-5)
    assert found[0] == pytest.approx(values.min(), rel=1e-5)
    assert found[-1] == pytest.approx(values.max(), rel=1e-5)


def test_marks_are_read_without_their_header(gated, facts):
    _, out = gated
    run = RunFolder(out / facts.arms[0].summary.run)
    assert len(list(mark_lines(run))) == 360


def test_an_outcome_becomes_an_answer_with_what_is_known_of_it():
    from evalharness.report.units import _answer

    completion = Completion(
        text="x",
        finish="stop",
        latency_s=0.5,
        cost_usd=0.01,
        usage=Usage(prompt_tokens=1, completion_tokens=2),
    )
    assert _answer(Answered(completion=completion)).latency_s == 0.5
    assert _answer(Failed(kind="timeout")).failed == "timeout"
