"""Every question is asked once: resumed, retried where it says nothing, chained, sharded."""

from __future__ import annotations

import json

import pytest

from evalharness.records import Answered, Failed
from evalharness.store.journal import OutcomeEntry, read_entries

SUITE = """
name: words
data: {path: data.jsonl}
generation: {repeats: REPEATS, temperature: 0.7, seed: 3}
metrics: [exact_match]
"""


@pytest.fixture
def words(commands):
    commands.suite(SUITE.replace("REPEATS", "1"))
    rows = [{"id": f"q{n}", "input": f"say {n}", "target": f"say {n}"} for n in range(40)]
    commands.jsonl("suite/data.jsonl", rows)
    return commands


def journal(commands, name="*"):
    (path,) = commands.out.glob(f"{name}/outcomes.jsonl")
    return list(read_entries(path, OutcomeEntry))


def run(commands, *more, repeats=1):
    suite = commands.suite(SUITE.replace("REPEATS", str(repeats)))
    return commands.json("run", suite, *more)


def test_every_sample_and_repeat_has_exactly_one_outcome(words):
    facts = run(words, "--model", "scripted/echo", repeats=3)
    entries = journal(words)
    assert {(f"q{n}", r) for n in range(40) for r in range(3)} == {
        (e.id, e.repeat) for e in entries
    }
    assert len(entries) == 120 == facts["n"]
    assert facts["metrics"]["exact_match"]["value"] == 1.0


def test_a_second_run_asks_nothing(words):
    run(words, "--model", "scripted/echo")
    before = journal(words)
    run(words, "--model", "scripted/echo")
    assert before == journal(words)


def test_a_torn_journal_is_finished_without_asking_twice(words):
    run(words, "--model", "scripted/echo")
    (path,) = words.out.glob("*/outcomes.jsonl")
    whole = path.read_bytes()
    for cut in (len(whole) // 3, len(whole) - 5, 10, 0):
        path.write_bytes(whole[:cut])
        path.with_name("summary.json").unlink()
        facts = run(words, "--model", "scripted/echo")
        ids = [entry.id for entry in journal(words)]
        assert len(ids) == len(set(ids)) == 40
        assert facts["metrics"]["exact_match"]["value"] == 1.0


def test_a_resumed_run_asks_passing_failures_again_and_lasting_ones_not(words):
    run(words, "--model", "scripted/echo")
    (path,) = words.out.glob("*/outcomes.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for number, kind in ((1, "timeout"), (2, "bad_request")):
        entry = json.loads(lines[number])
        entry["outcome"] = {"outcome": "failed", "kind": kind}
        lines[number] = json.dumps(entry).encode() + b"\n"
    path.write_bytes(b"".join(lines))
    path.with_name("summary.json").unlink()
    facts = run(words, "--model", "scripted/echo")
    assert facts["failures"] == {"bad_request": 1}
    assert len(journal(words)) == 41


def test_shards_are_disjoint_and_complete(words):
    seen: list[str] = []
    for k in (1, 2, 3):
        facts = run(words, "--model", "scripted/echo", "--shard", f"{k}/3")
        seen += [entry.id for entry in journal(words, facts["run"])]
    assert sorted(seen) == sorted(f"q{n}" for n in range(40))


def test_a_limit_takes_the_first_samples(words):
    facts = run(words, "--model", "scripted/echo", "--limit", "7")
    assert [f"q{n}" for n in range(7)] == [entry.id for entry in journal(words, facts["run"])]


def test_a_failing_model_fails_every_sample_and_none_is_scored_in_silence(words):
    facts = run(words, "--model", "scripted/fail?kind=overload")
    assert facts["n_failed"] == facts["n"] == 40
    assert facts["metrics"]["exact_match"]["value"] == 0.0
    assert facts["metrics"]["exact_match"]["value_answered"] is None
    assert facts["metrics"]["error_rate"]["value"] == 1.0


CHAT = """
name: talk
data: {path: talk.jsonl, turns: all}
prompt: {history: HISTORY}
metrics: [exact_match]
"""


@pytest.mark.parametrize(("history", "value"), [("gold", 1.0), ("predicted", 1.0), ("none", 1.0)])
def test_conversations_are_asked_turn_by_turn(commands, history, value):
    talk = [
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "one"},
        {"role": "user", "content": "two"}, {"role": "assistant", "content": "two"},
    ]  # fmt: skip
    suite = commands.suite(CHAT.replace("HISTORY", history))
    commands.jsonl("suite/talk.jsonl", [{"id": f"t{n}", "messages": talk} for n in range(3)])
    facts = commands.json("run", suite, "--model", "scripted/echo")
    assert facts["n"] == 6
    assert facts["metrics"]["exact_match"]["value"] == value
    ids = {entry.id for entry in journal(commands)}
    assert ids == {f"t{n}#{turn}" for n in range(3) for turn in (1, 2)}


def test_after_a_failed_turn_a_predicted_history_ends(commands):
    suite = commands.suite(CHAT.replace("HISTORY", "predicted"))
    talk = [
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "one"},
        {"role": "user", "content": "two"}, {"role": "assistant", "content": "two"},
    ]  # fmt: skip
    commands.jsonl("suite/talk.jsonl", [{"id": "t", "messages": talk}])
    script = commands.folder / "script.yaml"
    script.write_text("{one: {fail: refusal}, two: two}")
    facts = commands.json("run", suite, "--model", f"scripted/{script}")
    assert facts["failures"] == {"previous_turn": 1, "refusal": 1}
    first, second = sorted(journal(commands), key=lambda entry: entry.id)
    assert isinstance(first.outcome, Failed)
    assert second.outcome == Failed(kind="previous_turn")


def test_repeats_are_sent_different_seeds(words):
    from evalharness.spec.suite import GenerationSpec
    from evalharness.stages.plan import sampling_of

    seeds = {sampling_of(GenerationSpec(seed=3), 3, repeat).seed for repeat in range(50)}
    assert len(seeds) == 50
    assert 3 in seeds
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert sampling_of(GenerationSpec(), 0, 0).seed is None


def test_answers_carry_where_they_come_from(words):
    run(words, "--model", "scripted/echo")
    for entry in journal(words):
        assert isinstance(entry.outcome, Answered)
        assert entry.outcome.completion.provenance.source in ("live", "recorded")


def test_a_recording_of_other_inputs_is_a_mismatch_and_never_scored(words):
    import hashlib

    def recorded(text):
        return hashlib.sha256(text.encode()).hexdigest()

    rows = [
        {"id": f"q{n}", "output": f"say {n}", "input_sha256": recorded(f"say {n or 99}")}
        for n in range(40)
    ]
    suite = words.suite(SUITE.replace("REPEATS", "1"))
    facts = words.json("score", suite, words.jsonl("recorded.jsonl", rows))
    assert facts["failures"] == {"mismatch": 1}
    assert facts["metrics"]["exact_match"]["value_answered"] == 1.0


def test_a_recording_needs_no_examples_that_its_model_was_shown(commands):
    suite = commands.suite(
        SUITE.replace("REPEATS", "1")
        + "prompt: {few_shot: {train: absent-train.jsonl, k: 2, select: bm25}}\n"
    )
    rows = [{"id": f"q{n}", "input": f"say {n}", "target": f"say {n}"} for n in range(4)]
    commands.jsonl("suite/data.jsonl", rows)
    recording = commands.jsonl("o.jsonl", [{"id": f"q{n}", "output": f"say {n}"} for n in range(4)])
    facts = commands.json("score", suite, recording)
    assert facts["metrics"]["exact_match"]["value"] == 1.0
    (manifest,) = commands.out.glob("*/run.json")
    assert json.loads(manifest.read_bytes())["fingerprints"]["prompt"] == ""


def test_shards_of_a_recording_are_disjoint_and_complete(words):
    answers = [{"id": f"q{n}", "output": f"say {n}"} for n in range(40)]
    recording = words.jsonl("o.jsonl", answers)
    seen: list[str] = []
    for k in (1, 2, 3):
        facts = run(words, "--model", recording, "--shard", f"{k}/3")
        assert facts["n_failed"] == 0
        seen += [entry.id for entry in journal(words, facts["run"])]
    assert sorted(seen) == sorted(f"q{n}" for n in range(40))


def test_a_torn_journal_of_a_recording_is_finished_without_taking_twice(words):
    recording = words.jsonl("o.jsonl", [{"id": f"q{n}", "output": f"say {n}"} for n in range(40)])
    run(words, "--model", recording)
    (path,) = words.out.glob("*/outcomes.jsonl")
    path.write_bytes(path.read_bytes()[:1500])
    path.with_name("summary.json").unlink()
    run(words, "--model", recording)
    ids = [entry.id for entry in journal(words)]
    assert len(ids) == len(set(ids)) == 40
