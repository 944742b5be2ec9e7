"""A run is blessed into git, gates without its provider, and says so when it is stale."""

from __future__ import annotations

import json

import pytest

SUITE = """
name: greetings
data: {path: heldout.jsonl}
prompt: {system: Be brief., template: "{{ input }}"}
metrics: [exact_match]
policy:
  gates:
    - {metric: exact_match, role: primary, test: non_inferiority, margin: 0.05}
    - {metric: error_rate, role: guardrail, test: at_most, value: 0.05}
"""
ROWS = [{"id": f"q{n:03}", "input": f"What is {n}?", "target": f"n{n}"} for n in range(120)]


def answers(right: int) -> list[dict]:
    return [
        {"id": row["id"], "output": row["target"] if n < right else "no"}
        for n, row in enumerate(ROWS)
    ]


@pytest.fixture
def blessed(commands, monkeypatch):
    """A suite whose baseline run is blessed as `prod`; the recording it came from is gone."""
    monkeypatch.chdir(commands.folder)
    commands.suite(SUITE, "greetings")
    (commands.folder / "greetings" / "heldout.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in ROWS)
    )
    recording = commands.jsonl("old.jsonl", answers(100))
    commands.jsonl("new.jsonl", answers(120))
    run = commands.json("run", "greetings", "--model", recording)
    name = run["run"]
    code, _, err = commands.run("bless", name, "--as", "prod")
    assert code == 0, err
    recording.unlink()
    return commands


def gate(commands, expect=0):
    return commands.json(
        "gate", "greetings", "--candidate", "new.jsonl", "--baseline", "prod", expect=expect
    )


def place(commands):
    return commands.folder / "baselines" / "greetings" / "prod"


def rewrite(commands, old, new):
    path = commands.folder / "greetings" / "suite.yaml"
    path.write_text(path.read_text().replace(old, new))


def test_a_gate_against_it_needs_nothing_but_the_folder(blessed):
    facts = gate(blessed)
    assert "READY" == facts["verdict"]
    assert {"prod"} == {row["baseline"] for row in facts["gates"]}
    assert pytest.approx(100 / 120) == facts["gates"][0]["baseline_value"]
    again = gate(blessed)
    assert facts["gates"] == again["gates"]


def test_a_comparison_and_its_reports_show_the_blessed_answers(blessed):
    code, out, err = blessed.run("compare", "prod", "new.jsonl", "--suite", "greetings")
    assert code == 0, err
    assert "prod" in out
    gate(blessed)
    (folder,) = [
        path for path in (blessed.out / "gates").iterdir() if (path / "facts.json").exists()
    ]
    flips = json.loads((folder / "facts.json").read_text())["flips"]
    assert {"no"} == {flip["baseline_text"] for flip in flips}


def test_what_is_written_names_no_place_of_this_machine(blessed):
    files = sorted(path.name for path in place(blessed).iterdir())
    assert ["answers.jsonl", "baseline.json", "marks.jsonl"] == files
    for path in place(blessed).iterdir():
        assert str(blessed.folder) not in path.read_text()
    assert json.loads((place(blessed) / "baseline.json").read_text())["format"] == 1


def test_blessing_again_changes_only_the_lines_that_changed(blessed):
    before = (place(blessed) / "marks.jsonl").read_text().splitlines()
    recording = blessed.jsonl("old.jsonl", list(reversed(answers(101))))
    run = blessed.json("run", "greetings", "--model", recording)
    name = run["run"]
    assert 0 == blessed.run("bless", name, "--as", "prod")[0]
    after = (place(blessed) / "marks.jsonl").read_text().splitlines()
    assert [100] == [
        n - 1 for n, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1
    ]


def test_without_the_texts_the_verdict_is_the_same(blessed):
    facts = gate(blessed)
    (place(blessed) / "answers.jsonl").unlink()
    assert facts["gates"] == gate(blessed)["gates"]


def invalid_codes(commands) -> set[str]:
    return {reason["code"] for reason in gate(commands, expect=3)["invalid"]}


def test_other_sample_content_makes_it_invalid(blessed):
    path = blessed.folder / "greetings" / "heldout.jsonl"
    path.write_text(path.read_text().replace("What is 7?", "What was 7?"))
    assert "content" in invalid_codes(blessed)


def test_another_metric_signature_makes_it_invalid(blessed):
    rewrite(blessed, "[exact_match]", "[{name: exact_match, ignore_case: true}]")
    facts = gate(blessed, expect=3)
    assert {"signature"} == {reason["code"] for reason in facts["invalid"]}
    assert "computed in two ways" in facts["invalid"][0]["message"]


def test_a_metric_that_it_was_not_scored_with_makes_it_invalid(blessed):
    rewrite(blessed, "{metric: exact_match", "{metric: f1")
    rewrite(blessed, "[exact_match]", "[exact_match, f1]")
    assert "metric" in invalid_codes(blessed)


def test_another_extraction_makes_it_invalid(blessed):
    rewrite(blessed, "metrics:", 'extract: {pattern: "(.*)"}\nmetrics:')
    assert "stale_extract" in invalid_codes(blessed)


def test_an_edited_row_makes_it_invalid(blessed):
    path = place(blessed) / "marks.jsonl"
    path.write_text(path.read_text().replace('"exact_match":[0.0', '"exact_match":[1.0', 1))
    assert "edited" in invalid_codes(blessed)


def test_its_own_prompt_and_decoding_changed_make_it_invalid(commands, monkeypatch):
    monkeypatch.chdir(commands.folder)
    commands.suite(SUITE, "greetings")
    (commands.folder / "greetings" / "heldout.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in ROWS)
    )
    (commands.folder / "baselines").mkdir()
    yaml = commands.folder / "baselines" / "prompted.yaml"
    yaml.write_text('model: scripted/echo\nprompt: {template: "{{ input }}"}\n')
    commands.jsonl("new.jsonl", answers(120))
    run = commands.json("run", "greetings", "--model", "prompted")
    name = run["run"]
    assert 0 == commands.run("bless", name)[0]
    asked = ("gate", "greetings", "--candidate", "new.jsonl", "--baseline", "greetings/prompted")
    assert "READY" == commands.json(*asked)["verdict"]
    yaml.write_text('model: scripted/echo\nprompt: {template: "{{ input }} Please."}\n')
    codes = {reason["code"] for reason in commands.json(*asked, expect=3)["invalid"]}
    assert {"stale_prompt"} == codes
    yaml.write_text(
        'model: scripted/echo\nprompt: {template: "{{ input }}"}\ngeneration: {temperature: 0.7}\n'
    )
    codes = {reason["code"] for reason in commands.json(*asked, expect=3)["invalid"]}
    assert {"stale_generation"} == codes


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bless", "nothing"], "no run"),
        (["bless", "RUN", "--as", "../prod"], "no name"),
    ],
)
def test_what_cannot_be_blessed_is_refused(blessed, arguments, told):
    run = next(path.name for path in blessed.out.iterdir() if (path / "run.json").exists())
    code, _, err = blessed.run(*[run if word == "RUN" else word for word in arguments])
    assert 64 == code
    assert told in err


def test_a_part_of_a_run_is_no_baseline(blessed):
    run = blessed.json("run", "greetings", "--model", "new.jsonl", "--limit", "10")
    name = run["run"]
    code, _, err = blessed.run("bless", name)
    assert 3 == code
    assert "only a part" in err


def test_a_baseline_of_another_suite_is_a_usage_error(blessed):
    code, _, err = blessed.run(
        "gate", "facts", "--candidate", "tuned", "--baseline", place(blessed)
    )
    assert 64 == code
    assert "blessed for the suite 'greetings'" in err
