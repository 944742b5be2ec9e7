"""Worked examples: how many, which, in which order, and never a held-out one."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.data.sources import open_source
from evalharness.errors import DataError, SpecError
from evalharness.prompts.few_shot import FewShot, make_shot, with_shots
from evalharness.prompts.leak import fold
from evalharness.prompts.retrieval import RetrievalProgram
from evalharness.prompts.template import TemplateProgram
from evalharness.records import CodeTask, Message, Sample
from evalharness.spec.suite import DataSpec, FewShotSpec, PromptSpec

WHERE = "suite.yaml"
PLAIN = TemplateProgram(PromptSpec(), where=WHERE)
QUESTION = Sample(id="q", input="What is the capital of Spain?")


class LetterEncoder:
    """Counts letters: a real, exact encoder with no weights."""

    digest = "letters-1"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        letters = "abcdefghijklmnopqrstuvwxyz"
        counts = np.array([[text.lower().count(x) for x in letters] for text in texts], dtype=float)
        return (counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)).astype("f4")


def pairs(messages: Sequence[Message]) -> list[tuple[str | None, str | None]]:
    """(question, answer) of the worked examples before the last turn."""
    before = [turn for turn in messages[:-1] if turn.role != "system"]
    assert [turn.role for turn in before] == ["user", "assistant"] * (len(before) // 2)
    return [(a.content, b.content) for a, b in zip(before[::2], before[1::2], strict=True)]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# --- which examples ----------------------------------------------------------------------------


def test_fixed_examples_are_the_first_rows_in_their_order(build, train):
    rendered = build(few_shot={"train": "train.jsonl", "k": 2}).render(QUESTION)
    assert pairs(rendered) == [
        ("What is the capital of France?", "Paris"),
        ("What is the capital of Germany?", "Berlin"),
    ]
    assert rendered[-1] == Message(role="user", content="What is the capital of Spain?")


def test_three_examples_are_the_default(build, train):
    assert len(pairs(build(few_shot={"train": "train.jsonl"}).render(QUESTION))) == 3


def test_bm25_examples_are_the_nearest_with_the_nearest_last(build, train):
    program = build(few_shot={"train": "train.jsonl", "k": 2, "select": "bm25"})
    sample = Sample(id="q", input="Which animal, France or Germany, says meow?")
    assert pairs(program.render(sample)) == [
        ("What is the capital of France?", "Paris"),
        ("Which animal says meow?", "the cat"),
    ]


def test_bm25_with_no_word_in_common_takes_the_first_rows(build, train):
    program = build(few_shot={"train": "train.jsonl", "k": 2, "select": "bm25"})
    answers = [answer for _, answer in pairs(program.render(Sample(id="q", input="Zzz")))]
    assert answers == ["Berlin", "Paris"]


def test_embedding_examples_are_the_nearest_by_the_encoders_vectors(train):
    spec = PromptSpec(few_shot=FewShotSpec(train=str(train), k=1, select="embedding"))
    program = RetrievalProgram(spec, PLAIN, base=train.parent, where=WHERE, encoder=LetterEncoder())
    rendered = program.render(Sample(id="q", input="animal which meow says"))
    assert pairs(rendered) == [("Which animal says meow?", "the cat")]
    assert "embedding|pool:mean|sim:cosine|encoder:letters-1" in program.signature


def test_random_examples_are_the_same_for_every_question(build, train):
    program = build(few_shot={"train": "train.jsonl", "k": 3, "select": "random", "seed": 4})
    first = program.render(QUESTION)[:-1]
    assert first == program.render(Sample(id="other", input="Why?"))[:-1]
    assert len({question for question, _ in pairs((*first, first[-1]))}) == 3


def test_another_seed_draws_other_examples(build, train):
    drawn = {
        tuple(
            pairs(
                build(
                    few_shot={"train": "train.jsonl", "k": 2, "select": "random", "seed": n}
                ).render(QUESTION)
            )
        )
        for n in range(12)
    }
    assert len(drawn) > 6


def test_a_draw_does_not_depend_on_the_order_of_the_file(tmp_path, build, train):
    lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "turned.jsonl").write_text("".join(reversed(lines)), encoding="utf-8")
    options = {"k": 3, "select": "random", "seed": 1}
    one = build(few_shot={"train": "train.jsonl", **options})
    other = build(few_shot={"train": "turned.jsonl", **options})
    assert one.render(QUESTION) == other.render(QUESTION)
    assert one.sha256 == other.sha256


def test_every_row_is_drawn_about_as_often_as_any_other(build, train):
    spec = {"train": "train.jsonl", "k": 2, "select": "random"}
    counts: dict[str | None, int] = {}
    for seed in range(200):
        for _, answer in pairs(build(few_shot={**spec, "seed": seed}).render(QUESTION)):
            counts[answer] = counts.get(answer, 0) + 1
    # 400 draws over 5 rows: 80 expected, standard deviation sqrt(200 * 0.4 * 0.6) = 6.9
    assert set(counts.values()) <= set(range(52, 109))
    assert len(counts) == 5


def test_the_draw_of_a_seed_never_changes(build, train):
    program = build(few_shot={"train": "train.jsonl", "k": 3, "select": "random", "seed": 7})
    assert [answer for _, answer in pairs(program.render(QUESTION))] == ["the cat", "blue", "four"]


# --- k -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", ["fixed", "random", "bm25"])
@pytest.mark.parametrize("k", [1, 4, 5])
def test_a_prompt_holds_exactly_k_examples(build, train, select, k):
    program = build(few_shot={"train": "train.jsonl", "k": k, "select": select})
    assert len(pairs(program.render(QUESTION))) == k


@pytest.mark.parametrize("select", ["fixed", "random", "bm25"])
def test_more_examples_than_rows_are_refused(build, train, select):
    with pytest.raises(DataError) as caught:
        build(few_shot={"train": "train.jsonl", "k": 6, "select": select})
    assert str(caught.value).splitlines() == [
        "`k: 6` asks for more examples than the training file has rows: 5",
        "  where: suite.yaml, prompt.few_shot.train: train.jsonl",
        "  mend:  `k: 5` or less, or a longer file",
    ]


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_refused(build, train, k):
    with pytest.raises(SpecError, match="`k` must be at least 1") as caught:
        build(few_shot={"train": "train.jsonl", "k": k})
    assert caught.value.where == "suite.yaml, prompt.few_shot.k"


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_training_file_is_refused(tmp_path, build, content):
    (tmp_path / "train.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="no samples"):
        build(few_shot={"train": "train.jsonl"})


def test_an_absent_training_file_is_refused(build, train):
    with pytest.raises(DataError) as caught:
        build(few_shot={"train": "trian.jsonl"})
    assert "train.jsonl" in (caught.value.mend or "")


# --- settings ----------------------------------------------------------------------------------


def test_embedding_without_an_encoder_is_refused(build, train):
    with pytest.raises(SpecError, match="needs an `encoder`"):
        build(few_shot={"train": "train.jsonl", "select": "embedding"})


def test_an_encoder_that_nothing_uses_is_refused(build, train):
    with pytest.raises(SpecError, match="no use with `select: bm25`"):
        build(few_shot={"train": "train.jsonl", "select": "bm25", "encoder": "e5"})


def test_an_encoder_that_is_no_local_folder_is_refused(build, train):
    with pytest.raises(SpecError) as caught:
        build(few_shot={"train": "train.jsonl", "select": "embedding", "encoder": "e5-small"})
    assert caught.value.where == "suite.yaml, prompt.few_shot.encoder"
    assert "names of a hub are not looked up" in (caught.value.mend or "")


def test_other_field_names_are_mapped(tmp_path, build):
    write(tmp_path / "faq.jsonl", [{"q": "Who?", "a": "Ann"}])
    fields = {"input": "q", "target": "a"}
    program = build(few_shot={"train": "faq.jsonl", "k": 1, "fields": fields})
    assert pairs(program.render(QUESTION)) == [("Who?", "Ann")]


def test_a_row_without_an_answer_is_refused(tmp_path, build):
    write(tmp_path / "train.jsonl", [{"id": "a", "input": "Who?"}])
    with pytest.raises(SpecError) as caught:
        build(few_shot={"train": "train.jsonl", "k": 1})
    assert caught.value.message == "training row 'a': no target to show as the answer"
    assert caught.value.where == "suite.yaml, prompt.few_shot.train: train.jsonl"


def test_a_row_that_the_template_cannot_take_is_refused_with_the_training_file(tmp_path, build):
    write(tmp_path / "train.jsonl", [{"id": "a", "input": "Who?", "target": "Ann"}])
    with pytest.raises(SpecError) as caught:
        build(few_shot={"train": "train.jsonl", "k": 1}, template="{{ text }} {{ input }}")
    assert caught.value.message.startswith("training row 'a': the template needs")
    assert caught.value.where == "suite.yaml, prompt.few_shot.train: train.jsonl"


# --- how they are shown ------------------------------------------------------------------------


def test_examples_go_through_the_same_template_as_the_question(tmp_path, build):
    write(tmp_path / "train.jsonl", [{"input": "Who?", "target": "Ann", "lang": "en"}])
    program = build(
        few_shot={"train": "train.jsonl", "k": 1},
        template="[{{ lang }}] {{ input }}",
        system="Be brief.",
    )
    rendered = program.render(Sample(id="q", input="Why?", metadata={"lang": "fr"}))
    assert [turn.content for turn in rendered] == ["Be brief.", "[en] Who?", "Ann", "[fr] Why?"]
    assert [turn.role for turn in rendered] == ["system", "user", "assistant", "user"]


def test_a_template_inside_an_example_is_text(tmp_path, build):
    write(tmp_path / "train.jsonl", [{"input": "{{ id }}", "target": "{{ ''.__class__ }}"}])
    program = build(few_shot={"train": "train.jsonl", "k": 1}, template="Q: {{ input }}")
    assert pairs(program.render(QUESTION)) == [("Q: {{ id }}", "{{ ''.__class__ }}")]


def test_examples_stand_before_the_conversation_and_after_its_system_message(build, train):
    turns = (
        Message(role="system", content="Own."),
        Message(role="user", content="Where?"),
        Message(role="assistant", content="home"),
        Message(role="user", content="Why?"),
    )
    program = build(few_shot={"train": "train.jsonl", "k": 1}, system="The suite's.")
    rendered = program.render(Sample(id="q", messages=turns))
    assert [turn.content for turn in rendered] == [
        "Own.",
        "What is the capital of France?",
        "Paris",
        "Where?",
        "home",
        "Why?",
    ]


def test_answers_of_earlier_turns_reach_the_conversation_and_not_the_examples(build, train):
    turns = (
        Message(role="user", content="Where?"),
        Message(role="assistant", content="home"),
        Message(role="user", content="Why?"),
    )
    program = build(few_shot={"train": "train.jsonl", "k": 1}, history="predicted")
    rendered = program.render(Sample(id="q", messages=turns), ["outside"])
    assert [turn.content for turn in rendered][1:] == ["Paris", "Where?", "outside", "Why?"]


def conversation(system: str | None) -> dict[str, object]:
    turns = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "home"},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "rain"},
    ]
    head = [] if system is None else [{"role": "system", "content": system}]
    return {"id": "t", "messages": head + turns}


def test_a_training_conversation_is_shown_whole(tmp_path, build):
    write(tmp_path / "train.jsonl", [conversation(None)])
    rendered = build(few_shot={"train": "train.jsonl", "k": 1}).render(QUESTION)
    assert [turn.content for turn in rendered[:-1]] == ["Where?", "home", "Why?", "rain"]


def test_a_training_conversation_follows_the_history_policy(tmp_path, build):
    write(tmp_path / "train.jsonl", [conversation(None)])
    program = build(few_shot={"train": "train.jsonl", "k": 1}, history="none")
    assert [turn.content for turn in program.render(QUESTION)[:-1]] == ["Where?", "Why?", "rain"]


def test_an_examples_own_system_text_heads_its_first_question(tmp_path, build):
    write(tmp_path / "train.jsonl", [conversation("A story.")])
    program = build(few_shot={"train": "train.jsonl", "k": 1}, system="Be brief.")
    assert [turn.content for turn in program.render(QUESTION)[:2]] == [
        "Be brief.",
        "A story.\n\nWhere?",
    ]


def test_a_system_text_that_example_and_question_share_is_shown_once(tmp_path, build):
    write(tmp_path / "train.jsonl", [conversation("Be brief.")])
    rendered = build(few_shot={"train": "train.jsonl", "k": 1}, system="Be brief.").render(QUESTION)
    assert [turn.content for turn in rendered[:2]] == ["Be brief.", "Where?"]


def test_an_example_that_does_not_open_with_a_user_shows_its_system_text_as_one():
    shot = make_shot(
        Sample(
            id="t",
            messages=(
                Message(role="system", content="A story."),
                Message(role="assistant", content="Hello."),
                Message(role="user", content="Where?"),
            ),
            targets=("home",),
        ),
        PLAIN,
    )
    shown = with_shots((Message(role="user", content="Why?"),), [shot])
    assert [(turn.role, turn.content) for turn in shown] == [
        ("user", "A story."),
        ("assistant", "Hello."),
        ("user", "Where?"),
        ("assistant", "home"),
        ("user", "Why?"),
    ]


def test_the_first_of_several_targets_is_the_answer():
    shot = make_shot(Sample(id="t", input="Who?", targets=("Ann", "Anna")), PLAIN)
    assert shot.turns[-1] == Message(role="assistant", content="Ann")


def test_a_code_task_answers_with_its_reference_program():
    task = CodeTask(tests="assert f() == 1", canonical="def f(): return 1")
    shot = make_shot(Sample(id="t", input="Write f.", code=task), PLAIN)
    assert shot.turns[-1].content == "def f(): return 1"
    with pytest.raises(SpecError):
        make_shot(Sample(id="t", input="Write f.", code=CodeTask(tests="assert f()")), PLAIN)


# --- leaks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", ["fixed", "random", "bm25"])
def test_a_held_out_question_in_the_training_file_is_refused(build, train, select):
    heldout = [QUESTION, Sample(id="h", input="how much is TWO and two")]
    with pytest.raises(DataError) as caught:
        build(few_shot={"train": "train.jsonl", "k": 1, "select": select}, heldout=heldout)
    assert "'sum' = held-out 'h'" in caught.value.message
    assert caught.value.exit_code == 65


def test_the_held_out_file_as_training_file_is_refused(build, train):
    heldout = list(open_source(DataSpec(path=str(train)), base=train.parent))
    with pytest.raises(DataError, match="5 held-out samples are in the training file"):
        build(few_shot={"train": "train.jsonl", "k": 1}, heldout=heldout)


def test_a_sample_of_the_training_file_is_refused_when_it_is_asked(build, train):
    program = build(few_shot={"train": "train.jsonl", "k": 1})
    with pytest.raises(DataError, match="same question"):
        program.render(Sample(id="new", input="What is the capital of france"))


def test_rows_are_checked_even_where_they_would_not_be_shown(build, train):
    heldout = [Sample(id="sum", input="Something else")]
    with pytest.raises(DataError, match="same id"):
        build(few_shot={"train": "train.jsonl", "k": 1, "select": "fixed"}, heldout=heldout)


QUESTIONS = st.lists(
    st.lists(st.sampled_from(["card", "pin", "fee", "Card?"]), min_size=1, max_size=3).map(
        " ".join
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


@given(train=QUESTIONS, heldout=QUESTIONS, select=st.sampled_from(["fixed", "random", "bm25"]))
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_no_prompt_shows_a_held_out_question_but_its_own(tmp_path, train, heldout, select):
    path = tmp_path / "train.jsonl"
    write(path, [{"id": f"t{n}", "input": text, "target": "x"} for n, text in enumerate(train)])
    asked = [Sample(id=f"h{n}", input=text) for n, text in enumerate(heldout)]
    spec = PromptSpec(few_shot=FewShotSpec(train=path.name, k=1, select=select))
    hidden = {fold(text) for text in heldout}
    try:
        program = RetrievalProgram(spec, PLAIN, base=tmp_path, where=WHERE, heldout=asked)
    except DataError:
        assert hidden & {fold(text) for text in train}
        return
    for sample in asked:
        shown = [fold(turn.content or "") for turn in program.render(sample)[:-1]]
        assert hidden.isdisjoint(shown)


@pytest.mark.shared
@pytest.mark.parametrize("select", ["fixed", "random", "bm25"])
def test_banking77_is_refused_with_the_rows_that_its_two_files_share(shared_data, select):
    folder = shared_data / "banking77"
    fields = {"input": "text", "target": "category"}
    heldout = open_source(DataSpec(path="test.csv.gz", fields=fields), base=folder)
    spec = FewShotSpec(train="train.csv.gz", fields=fields, k=3, select=select)
    with pytest.raises(DataError) as caught:
        FewShot(spec, PLAIN, base=folder, where=WHERE, heldout=heldout)
    # 6 pairs are equal but for case and outer space, 4 more but for space and final marks inside.
    assert caught.value.message.startswith("10 held-out samples are in the training file")
    train = open_source(DataSpec(path="train.csv.gz", fields=fields), base=folder)
    asked = {text.input.strip().lower(): text.id for text in heldout}
    same = [(row.id, asked.get(row.input.strip().lower())) for row in train]
    found = [pair for pair in same if pair[1] is not None]
    assert json.loads((folder / "expected.json").read_text())[
        "train_test_exact_text_overlap"
    ] == len(found)
    for row_id, heldout_id in found:
        assert f"'{row_id}' = held-out '{heldout_id}'" in caught.value.message


@pytest.mark.shared
def test_banking77_without_the_shared_rows_is_served(shared_data, tmp_path):
    folder = shared_data / "banking77"
    fields = {"input": "text", "target": "category"}
    heldout = list(open_source(DataSpec(path="test.csv.gz", fields=fields), base=folder))
    hidden = {fold(sample.input) for sample in heldout}
    train = [
        {"input": row.input, "target": row.targets[0]}
        for row in open_source(DataSpec(path="train.csv.gz", fields=fields), base=folder)
        if fold(row.input) not in hidden
    ]
    assert len(train) == 10003 - 10
    with gzip.open(tmp_path / "train.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in train)
    spec = FewShotSpec(train="train.jsonl.gz", k=3, select="bm25")
    chooser = FewShot(spec, PLAIN, base=tmp_path, where=WHERE, heldout=heldout)
    some = heldout[::40]
    right = sum(chooser.shots_for(s)[-1].turns[-1].content == s.targets[0] for s in some)
    # 77 intents: the nearest row alone names the right one far more often than 1 time in 77.
    assert right / len(some) > 0.6
    for sample in some:
        shots = chooser.shots_for(sample)
        assert len(shots) == 3
        assert hidden.isdisjoint(fold(shot.query) for shot in shots)


# --- the hash ----------------------------------------------------------------------------------


def test_the_hash_covers_every_setting_and_every_row(tmp_path, build, train):
    rows = [json.loads(line) for line in train.read_text(encoding="utf-8").splitlines()]
    write(tmp_path / "answer.jsonl", [{**rows[0], "target": "Lyon"}, *rows[1:]])
    write(tmp_path / "order.jsonl", rows[::-1])
    programs = [
        build(few_shot={"train": "train.jsonl", "k": 2}),
        build(few_shot={"train": "train.jsonl", "k": 1}),
        build(few_shot={"train": "answer.jsonl", "k": 2}),
        build(few_shot={"train": "order.jsonl", "k": 2}),
        build(few_shot={"train": "train.jsonl", "k": 2, "select": "bm25"}),
        build(few_shot={"train": "train.jsonl", "k": 2, "select": "random"}),
        build(few_shot={"train": "train.jsonl", "k": 2, "select": "random", "seed": 1}),
        build(few_shot={"train": "train.jsonl", "k": 2}, system="Be brief."),
        build(few_shot={"train": "train.jsonl", "k": 2}, template="Q: {{ input }}"),
        build(),
    ]
    assert len({program.sha256 for program in programs}) == len(programs)


def test_the_hash_covers_the_encoder(train):
    spec = PromptSpec(few_shot=FewShotSpec(train=str(train), k=1, select="embedding"))
    other = LetterEncoder()
    other.digest = "letters-2"
    made = [
        RetrievalProgram(spec, PLAIN, base=train.parent, where=WHERE, encoder=encoder).sha256
        for encoder in (LetterEncoder(), other)
    ]
    assert made[0] != made[1]


def test_the_hash_does_not_depend_on_where_the_files_lie(tmp_path, build, train):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "rows.jsonl").write_bytes(train.read_bytes())
    one = build(few_shot={"train": "train.jsonl", "select": "bm25"})
    other = build(few_shot={"train": "copy/rows.jsonl", "select": "bm25"})
    assert one.sha256 == other.sha256


def test_a_seed_that_draws_nothing_is_no_part_of_the_hash(build, train):
    one = build(few_shot={"train": "train.jsonl", "k": 2, "seed": 1})
    assert one.sha256 == build(few_shot={"train": "train.jsonl", "k": 2, "seed": 2}).sha256


def test_the_order_of_the_questions_does_not_matter(build, train):
    program = build(few_shot={"train": "train.jsonl", "k": 2, "select": "bm25"})
    samples = [
        Sample(id=f"q{n}", input=f"{word}, anyone?") for n, word in enumerate(("sky", "two", "cat"))
    ]
    forwards = [program.render(sample) for sample in samples]
    backwards = [program.render(sample) for sample in reversed(samples)]
    assert forwards == backwards[::-1]


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from evalharness.prompts.build import build_program
from evalharness.records import Sample
from evalharness.spec.suite import FewShotSpec, PromptSpec
for select in ("random", "bm25"):
    spec = PromptSpec(few_shot=FewShotSpec(train="train.jsonl", k=3, select=select, seed=5))
    program = build_program(spec, base=Path(sys.argv[1]), where="suite.yaml")
    print(program.sha256, program.render(Sample(id="q", input="Which colour says two?")))
"""


def test_the_seed_of_pythons_hashes_changes_neither_prompt_nor_hash(train):
    outputs = {
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, str(train.parent)],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
