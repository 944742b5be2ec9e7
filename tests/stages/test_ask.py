"""`ask: target` and `ask: choices`: likelihoods of given texts, through the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from evalharness.cli.main import main
from evalharness.spec.read import digest, read_suite
from evalharness.store.journal import JournalReader, OutcomeEntry
from evalharness.store.runs import list_runs
from evalharness.testing.emulator import Plan, serve
from evalharness.testing.emulator.models import logprob, tokenise

QUESTIONS = [
    {"id": "a", "input": "two and two", "target": "four",
     "metadata": {"choices": [" three", " four", " five or six"]}},
    {"id": "b", "input": "the sky is", "target": "B", "metadata": {"choices": [" green", " blue"]}},
    {"id": "c", "input": "the sea is", "target": "wet", "metadata": {"choices": [" dry", " wet"]}},
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with serve() as emulator:
        yield emulator


@pytest.fixture
def asked(server, tmp_path, monkeypatch, capsys):
    """Write a suite, run a verb over it, and give (exit code, stdout as JSON or stderr)."""
    server.set_plan(Plan())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)

    def run(ask, *metrics, rows=QUESTIONS, extra="", model=""):
        Path("d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        Path("suite.yaml").write_text(
            f"name: s\ndata: {{path: d.jsonl}}\nask: {ask}\nmetrics: [{', '.join(metrics)}]\n{extra}"
        )
        model = model or "openai/echo?score_by=echo&api=completions"
        code = main(["run", "suite.yaml", "--model", model, "--quiet", "--json", "--no-cache"])
        shown = capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else shown.err

    return run


def likelihood(question: str, text: str) -> float:
    """What the emulator says of a text behind a question."""
    before, total = "", 0.0
    for token in tokenise(question + text):
        if len(before) >= len(question):
            total += logprob(token, before)
        before += token
    return total


def test_every_choice_is_scored_as_a_continuation_and_the_likeliest_is_compared(asked, server):
    code, found = asked("choices", "choice_likelihood")
    rights = []
    for row, right in zip(QUESTIONS, (1, 1, 1), strict=True):
        choices = row["metadata"]["choices"]
        best = max(range(len(choices)), key=lambda r: likelihood(row["input"], choices[r]))
        rights.append(best == right)
    value = found["metrics"]["choice_likelihood"]["value"]
    assert (0, pytest.approx(sum(rights) / 3)) == (code, value)
    assert 7 == server.state()["requests"]


def test_the_journal_holds_each_choice_with_its_own_tokens(asked):
    asked("choices", "choice_likelihood")
    (folder,) = list_runs(Path("runs"))
    reader = JournalReader(folder.outcomes_path, OutcomeEntry, name="outcomes")
    for row in QUESTIONS:
        for repeat, choice in enumerate(row["metadata"]["choices"]):
            completion = reader.find(row["id"], repeat)[-1].outcome.completion
            said = "".join(token.token for token in completion.logprobs)
            total = math.fsum(token.logprob for token in completion.logprobs)
            assert (choice, choice) == (completion.text, said)
            assert pytest.approx(likelihood(row["input"], choice)) == total
    reader.close()


def test_the_perplexity_of_references_is_that_of_their_tokens(asked):
    rows = [{**row, "target": row["metadata"]["choices"][0]} for row in QUESTIONS]
    _, found = asked("target", "perplexity", rows=rows)
    total = math.fsum(likelihood(row["input"], row["target"]) for row in rows)
    tokens = sum(len(tokenise(row["target"])) for row in rows)
    assert pytest.approx(math.exp(-total / tokens)) == found["metrics"]["perplexity"]["value"]


def test_what_was_asked_is_not_asked_again(asked, server):
    first = asked("choices", "choice_likelihood")
    assert (first, 7) == (asked("choices", "choice_likelihood"), server.state()["requests"])


def test_a_metric_that_reads_answers_is_refused(asked, server):
    code, said = asked("target", "perplexity", "exact_match")
    assert 65 == code
    assert "metric 'exact_match' reads an answer, and this suite asks for none" in said
    assert 0 == server.state()["requests"]


def test_repeats_and_extract_are_refused_where_no_answer_is_asked_for(asked):
    for extra in ("generation: {repeats: 2}\n", "extract: {number: last}\n"):
        code, said = asked("choices", "choice_likelihood", extra=extra)
        assert (65, True) == (code, "no repeats, no `extract`" in said)


@pytest.mark.parametrize(
    ("ask", "row", "words"),
    [
        ("choices", {"id": "x", "input": "?", "target": "a"}, "sample 'x' has no `choices`"),
        ("choices", {**QUESTIONS[0], "metadata": {"choices": ["a", 4]}}, "'a' has no `choices`"),
        ("target", {"id": "y", "input": "?"}, "sample 'y' has no target"),
        ("target", {"id": "z", "input": "?", "target": ""}, "sample 'z' has no target"),
    ],
)
def test_a_sample_without_the_text_is_refused_before_anything_is_asked(
    asked, server, ask, row, words
):
    metric = "choice_likelihood" if ask == "choices" else "perplexity"
    code, said = asked(ask, metric, rows=[*QUESTIONS, row] if row["id"] != "a" else [row])
    assert (65, True, 0) == (code, words in said, server.state()["requests"])


def test_a_client_without_likelihoods_says_what_would_give_them(asked):
    code, said = asked("choices", "choice_likelihood", model="openai/echo")
    assert (64, True) == (code, "?score_by=echo&api=completions" in said)


def test_recorded_likelihoods_of_choices_need_no_repeats(asked):
    rows = [{"id": row["id"], "outputs": row["metadata"]["choices"]} for row in QUESTIONS]
    Path("out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, found = asked("choices", "choice_likelihood", model="out.jsonl")
    assert (0, 0) == (code, found["n_failed"])


def test_a_suite_that_asks_for_answers_keeps_its_hash(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text("name: s\n")
    plain = read_suite(path)
    path.write_text("name: s\nask: answer\n")
    assert digest(plain) == digest(read_suite(path))
    path.write_text("name: s\nask: target\n")
    assert digest(plain) != digest(read_suite(path))
