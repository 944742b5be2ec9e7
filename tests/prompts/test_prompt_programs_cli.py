"""Prompt programs as a user writes them: baseline files, `run`, and `show` for what was asked."""

from __future__ import annotations

import pytest

SUITE = """
name: faq
data: {path: ../heldout.jsonl}
metrics: [f1]
"""
HELDOUT = [
    {"id": "h1", "input": "How long does a refund take?", "target": "30 days."},
    {"id": "h2", "input": "Who pays for sending it back?", "target": "We do."},
]
TRAIN = [
    {"id": "t1", "input": "When does my card arrive?", "target": "Within two weeks."},
    {"id": "t2", "input": "Can I pay by card?", "target": "Yes."},
    {"id": "t3", "input": "Where do I ask for a refund?", "target": "In the app."},
    {"id": "t4", "input": "How long does an exchange take?", "target": "10 days."},
]
MANUAL = [{"id": "refunds", "title": "Refunds", "text": "A refund is paid within 30 days."}]
ASKED = "How long does a refund take?"


@pytest.fixture
def faq(commands):
    """A suite, its training rows and documents, and a way to write a baseline beside them."""
    for name, rows in (("heldout", HELDOUT), ("train", TRAIN), ("manual", MANUAL)):
        commands.jsonl(f"{name}.jsonl", rows)
    suite = commands.suite(SUITE)

    def asked(prompt: str, *more: str) -> tuple[int, list[str], str]:
        """Exit code of the run, lines of the prompt of h1, and stderr."""
        path = commands.folder / "arms" / "mine.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"model: scripted/echo\nprompt: {prompt}\n", encoding="utf-8")
        code, _, err = commands.run("run", suite, "--model", path, "--quiet", *more)
        if code:
            return code, [], err
        (run,) = commands.out.glob("*/run.json")
        _, shown, _ = commands.run("show", run.parent, "h1")
        text = shown.split("prompt\n")[1].split("\nanswer")[0]
        return code, [line.strip() for line in text.splitlines() if line.strip()], err

    return asked


QUESTION = f"user: {ASKED}"
T1 = ["user: When does my card arrive?", "assistant: Within two weeks."]
T2 = ["user: Can I pay by card?", "assistant: Yes."]
T3 = ["user: Where do I ask for a refund?", "assistant: In the app."]
T4 = ["user: How long does an exchange take?", "assistant: 10 days."]


@pytest.mark.parametrize(
    ("prompt", "lines"),
    [
        ("{few_shot: {train: ../train.jsonl, k: 2}}", [*T1, *T2, QUESTION]),
        ("{few_shot: {train: ../train.jsonl, k: 2, select: bm25}}", [*T3, *T4, QUESTION]),
        (
            "{rag: {documents: ../manual.jsonl, k: 1}}",
            ["user: Refunds", "A refund is paid within 30 days.", ASKED],
        ),
        (
            (
                "{few_shot: {train: ../train.jsonl, k: 1, select: bm25},"
                " rag: {documents: ../manual.jsonl, k: 1}}"
            ),
            [*T4, "user: Refunds", "A refund is paid within 30 days.", ASKED],
        ),
    ],
)
def test_a_baseline_shows_its_examples_and_passages_and_show_tells_so(faq, prompt, lines):
    assert (0, lines) == faq(prompt)[:2]


def test_a_draw_by_seed_is_the_same_for_every_question_and_every_run(faq, commands):
    prompt = "{few_shot: {train: ../train.jsonl, k: 2, select: random, seed: 3}}"
    first = faq(prompt)
    assert 5 == len(first[1])
    assert first == faq(prompt)  # and the run is resumed, not made again
    assert 1 == len(list(commands.out.glob("*/run.json")))


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (
            "{few_shot: {train: ../heldout.jsonl, k: 1}}",
            ["2 held-out samples are in the training file", "take these rows out"],
        ),
        (
            "{few_shot: {train: ../trian.jsonl, k: 1}}",
            ["no such file", "mine.yaml, prompt.few_shot.train: ", "did you mean 'train.jsonl'?"],
        ),
        (
            "{rag: {documents: ../papers, k: 1}}",
            ["no such file", "mine.yaml, prompt.rag.documents: ", "starts from that file's folder"],
        ),
        (
            "{few_shot: {train: ../train.jsonl, k: 5}}",
            ["`k: 5` asks for more examples than the training file has rows: 4"],
        ),
        (
            "{few_shot: {train: ../train.jsonl, k: 2, select: embedding, encoder: ../encoder}}",
            ["no encoder at", "mine.yaml, prompt.few_shot.encoder", "`save_pretrained`"],
        ),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_asked(faq, commands, prompt, told):
    code, _, err = faq(prompt)
    assert 65 == code
    for words in told:
        assert words in err
    assert not list(commands.out.glob("*/outcomes.jsonl"))


CONVERSATION = {
    "id": "c",
    "messages": [
        {"role": "user", "content": "one?"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two?"},
        {"role": "assistant", "content": "2"},
    ],
}


@pytest.mark.parametrize(
    ("history", "lines"),
    [
        ("none", ["user: one?", "user: two?"]),
        ("gold", ["user: one?", "assistant: 1", "user: two?"]),
        ("predicted", ["user: one?", "assistant: one?", "user: two?"]),
    ],
)
def test_a_history_policy_decides_what_earlier_turns_show(commands, history, lines):
    commands.jsonl("heldout.jsonl", [CONVERSATION])
    suite = commands.suite(
        f"name: talk\ndata: {{path: ../heldout.jsonl, turns: all}}\nmetrics: [f1]\n"
        f"prompt: {{history: {history}}}\n"
    )
    code, _, err = commands.run("run", suite, "--model", "scripted/echo", "--quiet")
    assert 0 == code, err
    (run,) = commands.out.glob("*/run.json")
    _, shown, _ = commands.run("show", run.parent, "c#2")
    text = shown.split("prompt\n")[1].split("\nanswer")[0]
    assert lines == [line.strip() for line in text.splitlines() if line.strip()]
