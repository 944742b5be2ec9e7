"""Rows -> samples: names, targets, ids, metadata, slices, code; each refusal with its mend."""

from __future__ import annotations

import json

import pytest

from evalharness.data.fields import ABSENT, FieldMap, reach
from evalharness.data.sources import open_source
from evalharness.errors import DataError, SpecError, UsageError
from evalharness.spec.suite import CodeSpec, DataSpec, HubData


def one(read, path, **spec):
    (sample,) = read(path, **spec)
    return sample


def test_every_field_of_the_contract_lands_in_the_sample(write, read):
    row = {
        "id": "q1",
        "input": "2+2?",
        "target": ["4", "four"],
        "cluster": "sums",
        "metadata": {"level": 1},
    }
    sample = one(read, write("a.jsonl", [row]))

    assert (
        sample.id,
        sample.input,
        sample.targets,
        sample.cluster,
        sample.metadata,
    ) == ("q1", "2+2?", ("4", "four"), "sums", {"level": 1})
    assert len(sample.content_sha256) == 64


@pytest.mark.parametrize("name", ["target", "targets"])
@pytest.mark.parametrize(("value", "targets"), [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ())])
def test_one_target_or_several(write, read, name, value, targets):
    assert targets == one(read, write("a.jsonl", [{"input": "x", name: value}])).targets


def test_no_target_at_all_is_a_set_for_judges(write, read):
    assert one(read, write("a.jsonl", [{"input": "x"}])).targets == ()
    assert one(read, write("a.jsonl", [{"input": "x", "target": None}])).targets == ()


@pytest.mark.parametrize("name", ["Target", "tagret", "TARGETS", "targget"])
def test_a_mistyped_target_is_refused(write, refusal, name):
    error = refusal(write("a.jsonl", [{"input": "x", name: "y"}]))

    assert f"{name!r} and no 'target'" in error.message
    assert f"{{target: {name}}}" in error.mend


@pytest.mark.parametrize(
    ("written", "text"),
    [("7", "7"), ("1.10", "1.10"), ("true", "true"), ("-0.0", "-0.0"), ("1E5", "1E5")],
)
def test_numbers_and_truth_values_are_texts_as_written(write, read, written, text):
    sample = one(read, write("a.jsonl", f'{{"input": {written}, "target": {written}}}'))

    assert (text, (text,)) == (sample.input, sample.targets)


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], None])
def test_an_input_that_is_no_text_is_refused(write, refusal, value):
    error = refusal(write("a.jsonl", [{"input": value, "target": "x"}]))

    assert "input: expected a text" in error.message
    assert error.where.endswith("a.jsonl:1")


@pytest.mark.parametrize("value", [{"a": 1}, [["a"]], [None]])
def test_a_target_that_is_no_text_is_refused(write, refusal, value):
    assert "expected a text" in refusal(write("a.jsonl", [{"input": "x", "target": value}])).message


def test_ids_compare_as_texts(write, read):
    assert one(read, write("a.jsonl", [{"id": 7, "input": "x"}])).id == "7"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_id_is_refused(write, refusal, value):
    assert "the id is empty" in refusal(write("a.jsonl", [{"id": value, "input": "x"}])).message


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_an_id_that_is_no_text_is_refused(write, refusal, value):
    assert "id: expected a text" in refusal(write("a.jsonl", [{"id": value, "input": "x"}])).message


def test_a_missing_id_is_the_content_and_never_the_position(write, read):
    rows = [{"input": "a", "target": "1"}, {"id": None, "input": "b", "target": "2"}]
    there = [sample.id for sample in read(write("a.jsonl", rows))]
    back = [sample.id for sample in read(write("b.jsonl", rows[::-1]))]

    assert there == back[::-1]
    assert [sample.content_sha256[:16] for sample in read(write("c.jsonl", rows))] == there


def test_a_mapped_id_must_be_there(write, refusal):
    error = refusal(write("a.jsonl", [{"input": "x"}]), fields={"id": "qid"})

    assert "no field 'qid', which data.fields.id names" in error.message


# --- names -------------------------------------------------------------------------------------


def test_other_names_are_mapped_and_the_rest_is_metadata(write, read):
    row = {"qid": "a", "question": "x", "answer": "y", "article": "z", "level": 3}
    sample = one(
        read,
        write("a.jsonl", [row]),
        fields={"id": "qid", "input": "question", "target": "answer", "cluster": "article"},
    )

    assert (
        sample.id,
        sample.input,
        sample.targets,
        sample.cluster,
        sample.metadata,
    ) == ("a", "x", ("y",), "z", {"level": 3})


def test_metadata_of_the_row_wins_over_its_other_columns(write, read):
    row = {"input": "x", "level": 1, "lang": "de", "metadata": {"level": 2}}

    assert one(read, write("a.jsonl", [row])).metadata == {"level": 2, "lang": "de"}


def test_one_column_may_mean_two_things(write, read):
    sample = one(read, write("a.jsonl", [{"text": "x"}]), fields={"id": "text", "input": "text"})

    assert (sample.id, sample.input) == ("x", "x")


def test_a_default_name_that_is_mapped_to_another_role_is_not_read_twice(write, read):
    row = {"input": "the source", "target": "x", "prompt": "the question"}
    sample = one(read, write("a.jsonl", [row]), fields={"input": "prompt", "cluster": "input"})

    assert (sample.input, sample.cluster) == ("the question", "the source")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [10, {"c": "x"}]}),
        ("a.b.0", 10),
        ("a.b.1.c", "x"),
        ("a.b.5", ABSENT),
        ("a.z", ABSENT),
        ("list.text", ["p", "q"]),
        ("list.other", ABSENT),
        ("dotted.name", 1),
        ("a.b.0.c", ABSENT),
    ],
)
def test_dots_reach_into_objects_and_lists(path, value):
    values = {
        "a": {"b": [10, {"c": "x"}]},
        "list": [{"text": "p"}, {"text": "q"}],
        "dotted.name": 1,
    }
    assert value == reach(values, path)


def test_nested_answers_are_targets(write, read):
    row = {"id": "1", "question": "x", "answers": {"text": ["a", "b"], "answer_start": [1, 2]}}
    fields = {"input": "question", "target": "answers.text"}

    assert one(read, write("a.jsonl", [row]), fields=fields).targets == ("a", "b")


def test_a_name_of_ours_that_does_not_exist_is_refused():
    with pytest.raises(SpecError, match="unknown field 'imput'") as caught:
        FieldMap({"imput": "question"})
    assert caught.value.mend == "did you mean 'input'?"
    assert caught.value.where == "data.fields.imput"


def test_a_mapped_field_that_the_row_lacks_names_the_nearest(write, refusal):
    path = write("a.jsonl", [{"question": "x"}, {"qestion": "x"}])
    error = refusal(path, fields={"input": "question"})

    assert (f"{path}:2", "did you mean 'qestion'?") == (error.where, error.mend)


@pytest.mark.parametrize(
    ("row", "mend"),
    [
        ({"question": "x", "target": "y"}, "map it: data.fields: {input: question}"),
        ({"prompt": "x", "completion": "y"}, "map it: data.fields: {input: prompt}"),
        ({"inputs": "x", "target": "y"}, "did you mean 'inputs'?"),
        ({"foo": "x", "bar": "y"}, "the row has: foo, bar"),
    ],
)
def test_a_row_without_input_names_what_it_could_be(write, refusal, row, mend):
    error = refusal(write("a.jsonl", [row]))

    assert ("the row has no 'input'", mend) == (error.message, error.mend)


def test_a_csv_column_that_is_absent_is_refused_on_its_first_row(write, refusal):
    error = refusal(
        write("a.csv", "text,label\nx,y\n"), fields={"input": "text", "target": "lable"}
    )

    assert error.mend == "did you mean 'label'?"
    assert error.where.endswith("a.csv:2")


def test_metadata_that_is_no_object_is_refused(write, refusal):
    assert (
        refusal(write("a.jsonl", [{"input": "x", "metadata": "y"}])).message
    ) == "metadata: expected an object, got a text"


# --- slices ------------------------------------------------------------------------------------


def test_slices_come_from_columns_metadata_and_deeper(write, read):
    row = {
        "input": "x",
        "lang": "de",
        "metadata": {"level": 3, "of": {"kind": "sum"}},
        "none": None,
    }
    sample = one(
        read, write("a.jsonl", [row]), slices=("lang", "level", "of.kind", "metadata.level", "none")
    )

    assert sample.slices == {"lang": "de", "level": "3", "of.kind": "sum", "metadata.level": "3"}


def test_a_slice_field_that_is_absent_is_refused(write, refusal):
    error = refusal(write("a.jsonl", [{"input": "x", "language": "de"}]), slices=("langage",))

    assert (
        error.message,
        error.mend,
    ) == ("no field 'langage' to slice by", "did you mean 'language'?")


# --- code --------------------------------------------------------------------------------------

TASK = {
    "id": "t/0",
    "input": "def one():\n",
    "tests": "def check(candidate):\n    assert candidate() == 1",
    "entry_point": "one",
}


def test_a_row_with_tests_is_a_code_task(write, read):
    code = one(read, write("a.jsonl", [TASK])).code

    assert ("check", "one", TASK["tests"], "", None, ()) == (
        code.style,
        code.entry_point,
        code.tests,
        code.prompt,
        code.canonical,
        code.preload,
    )


def test_the_code_block_of_the_suite_says_style_and_preload(write, read):
    row = {**TASK, "canonical": "    return 1", "tests": ["assert one() == 1", "assert one() < 2"]}
    code = one(
        read,
        write("a.jsonl", [row]),
        code=CodeSpec(style="asserts", preload=("numpy",), prompt_is_code=True),
    ).code

    assert code.tests == "assert one() == 1\nassert one() < 2"
    assert (
        code.preload,
        code.prompt,
        code.canonical,
    ) == (("numpy",), "def one():\n", "    return 1")


def test_setup_source_stands_before_the_answer(write, read):
    row = {**TASK, "setup": "import math"}

    assert (
        one(read, write("a.jsonl", [row]), fields={"prompt": "setup"}).code.prompt == "import math"
    )


def test_pairs_of_stdin_and_stdout_stay_json(write, read):
    row = {**TASK, "tests": [["1\n", "2\n"]]}
    code = one(read, write("a.jsonl", [row]), code=CodeSpec(style="stdio")).code

    assert json.loads(code.tests) == [["1\n", "2\n"]]


def test_a_list_of_tests_in_the_wrong_style_is_refused(write, refusal):
    error = refusal(write("a.jsonl", [{**TASK, "tests": ["assert True"]}]))

    assert error.mend == "data.code.style: asserts"


def test_a_code_suite_whose_row_lacks_tests_is_refused(write, refusal):
    row = {"id": "a", "input": "x", "test": "assert True"}
    error = refusal(write("a.jsonl", [row]), code=CodeSpec())

    assert (
        error.message,
        error.mend,
    ) == ("the row has no 'tests'", "map it: data.fields: {tests: test}")


# --- sources -----------------------------------------------------------------------------------


def source(path, **kwargs):
    return open_source(DataSpec(path=str(path)), base=path.parent, **kwargs)


def test_a_source_can_be_read_twice(write):
    held_out = source(write("a.jsonl", [{"id": str(i), "input": "x"} for i in range(5)]))

    assert list(held_out) == list(held_out)
    assert held_out.where.endswith("a.jsonl")


def test_a_limit_takes_the_first(write):
    path = write("a.jsonl", [{"id": str(i), "input": "x"} for i in range(5)])

    assert [sample.id for sample in source(path, limit=2)] == ["0", "1"]
    assert len(list(source(path, limit=50))) == 5
    with pytest.raises(UsageError, match="at least 1"):
        source(path, limit=0)


def test_a_path_is_taken_from_the_suite_and_data_as_it_is(write):
    path = write("a.jsonl", [{"id": "suite", "input": "x"}])
    other = write("b.csv", "id,input\noverride,x\n")
    spec = DataSpec(path="a.jsonl", format="jsonl")

    assert [s.id for s in open_source(spec, base=path.parent)] == ["suite"]
    assert [s.id for s in open_source(spec, base=path.parent, override=other)] == ["override"]


def test_data_stands_in_for_a_hub_set(write):
    path = write("a.jsonl", [{"id": "local", "input": "x"}])
    spec = DataSpec(hf=HubData(path="openai/gsm8k"))

    assert [s.id for s in open_source(spec, base=path.parent, override=path)] == ["local"]


def test_the_suite_may_say_the_format_of_an_odd_name(write):
    path = write("heldout.data", '{"id": "a", "input": "x"}\n')

    assert len(list(open_source(DataSpec(path=str(path), format="jsonl"), base=path.parent))) == 1
    with pytest.raises(DataError, match=r"the format of 'heldout\.data' is unknown"):
        open_source(DataSpec(path=str(path)), base=path.parent)


def test_a_suite_without_data_is_refused(tmp_path):
    with pytest.raises(DataError, match="names no data"):
        open_source(DataSpec(), base=tmp_path)


def test_a_missing_file_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        open_source(DataSpec(path="absent.jsonl"), base=tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", ""), ("a.jsonl", "\n\n"), ("a.csv", "id,input\n"), ("a.json", "[]")],
)
def test_a_file_without_samples_is_refused(write, refusal, name, content):
    assert refusal(write(name, content)).message == "the file holds no samples"


def test_two_equal_ids_are_refused_with_both_lines(write, refusal):
    rows = [{"id": str(i), "input": "x"} for i in range(50)]
    path = write("a.jsonl", [*rows, {"id": "17", "input": "other"}])
    error = refusal(path)

    assert error.message == "line 18 and line 51 have the same id '17'"
    assert f"{path}:51" == error.where


def test_two_equal_rows_without_ids_are_refused_with_both_lines(write, refusal):
    row = {"input": "x", "target": "y"}
    error = refusal(write("a.jsonl", [row, {"input": "z"}, row]))

    assert error.message == "line 1 and line 3 are the same sample, without an id"


def test_duplicates_across_forms_of_an_id_are_seen(write, refusal):
    assert (
        "'7'"
        in refusal(write("a.jsonl", [{"id": 7, "input": "x"}, {"id": "7", "input": "y"}])).message
    )


def test_a_broken_line_stops_the_stream_after_the_good_ones(write):
    path = write("a.jsonl", '{"id": "a", "input": "x"}\n{"id": "b", "input"\n')
    samples = iter(source(path))

    assert next(samples).id == "a"
    with pytest.raises(DataError) as caught:
        next(samples)
    assert caught.value.where == f"{path}:2"


def test_plain_lines_are_inputs(write, read):
    assert [sample.input for sample in read(write("a.txt", "one\ntwo\n"))] == ["one", "two"]
