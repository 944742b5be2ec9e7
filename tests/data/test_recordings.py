"""Recorded outputs in every form: found by id and repeat, refused with line and mend."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.recordings import open_recording
from evalharness.errors import DataError
from evalharness.records import Answered, Completion, Failed, Provenance

TEXTS = {"q1": "Paris", "q2": "two\nlines, ü", "q3": ""}


def text(recording, sample_id, repeat=0):
    outcome = recording.lookup(sample_id, repeat)
    return outcome.completion.text if isinstance(outcome, Answered) else outcome


def opened(path, ids=None, **fields):
    return open_recording(path, fields=fields, ids=ids)


def refused(path, ids=None, **fields):
    with pytest.raises(DataError) as caught:
        open_recording(path, fields=fields, ids=ids)
    return caught.value


def as_csv(rows, columns, delimiter=","):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([columns, *rows])
    return out.getvalue()


LINES = "".join(json.dumps({"id": i, "output": t}) + "\n" for i, t in TEXTS.items())
FORMS = {
    "a.jsonl": LINES,
    "crlf.jsonl": LINES.replace("\n", "\r\n"),
    "cut.jsonl": LINES.removesuffix("\n"),
    "blank.jsonl": "\n" + LINES.replace("\n", "\n\n"),
    "bom.jsonl": "\ufeff" + LINES,
    "list.json": json.dumps([{"id": i, "output": t} for i, t in TEXTS.items()], indent=2),
    "object.json": json.dumps(TEXTS),
    "pretty.json": json.dumps(TEXTS, indent=2),
    "entries.json": json.dumps({i: {"output": t} for i, t in TEXTS.items()}, indent=2),
    "a.csv": as_csv(TEXTS.items(), ("id", "output")),
    "bom.csv": "\ufeff" + as_csv(((t, "x", i) for i, t in TEXTS.items()), ("output", "more", "id")),
    "a.tsv": as_csv(TEXTS.items(), ("id", "output"), delimiter="\t"),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_form_gives_the_same_answers(write, name, suffix):
    with opened(write(name + suffix, FORMS[name])) as recording:
        assert TEXTS == {name: text(recording, name) for name in TEXTS}
        assert TEXTS == {name: text(recording, name) for name in reversed(TEXTS)}
        assert recording.lookup("q4") is None
        assert recording.lookup("q1", 1) is None
        assert 3 == recording.n


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read(write, encoding):
    mark = codecs.BOM_UTF16_LE if encoding.endswith("le") else codecs.BOM_UTF16_BE
    with opened(write("a.jsonl", mark + LINES.encode(encoding))) as recording:
        assert text(recording, "q2") == TEXTS["q2"]


def test_plain_lines_are_aligned_with_the_data(write):
    path = write("hyp.txt", "one\n\nthree\u2028still\r\n")
    with opened(path, ids=["a", "b", "c"]) as recording:
        assert ["one", "", "three\u2028still"] == [text(recording, name) for name in "abc"]
        assert [] == recording.extra_ids("abc")
        assert recording.lookup("d") is None


def test_an_unknown_suffix_is_plain_lines(write):
    with opened(write("de-en.hyp.gz", "x\ny\n"), ids=["1", "2"]) as recording:
        assert "y" == text(recording, "2")


@pytest.mark.parametrize(
    ("content", "ids", "said"),
    [
        ("a\nb\nc\n", "ab", "the recording has 3 lines, the data has 2 samples"),
        ("a\nb\n", "abcde", "the recording has 2 lines, the data has 5 samples"),
        ("", "ab", "the recording has 0 lines, the data has 2 samples"),
    ],
)
def test_plain_lines_that_are_not_aligned_are_refused(write, content, ids, said):
    assert said == refused(write("a.txt", content), ids=list(ids)).message


def test_plain_lines_without_ids_are_refused(write):
    assert "JSON Lines" in refused(write("a.txt", "x\n")).mend


# --- what an entry may say ---------------------------------------------------------------------


def test_everything_that_is_known_of_an_answer_is_kept(write):
    entry = {
        "id": "q1",
        "output": "Paris",
        "latency_s": 0.5,
        "ttft_s": 0.1,
        "cost_usd": 0.002,
        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
        "finish_reason": "stop",
        "logprobs": [{"token": "Paris", "logprob": -0.1, "top": {"Paris": -0.1, "Rome": -2}}],
        "input_sha256": "ab",
        "served_model": "m-1",
        "session": "monday",
        "taken_at": "2024-01-01T00:00:00Z",
        "comment": {"anything": [1]},
    }
    with opened(write("a.jsonl", [entry])) as recording:
        completion = recording.lookup("q1").completion

        assert (0.5, 0.1, 0.002, "stop", "m-1") == (
            completion.latency_s,
            completion.ttft_s,
            completion.cost_usd,
            completion.finish,
            completion.served_model,
        )
        assert (7, 1) == (completion.usage.prompt_tokens, completion.usage.completion_tokens)
        assert {"Paris": -0.1, "Rome": -2.0} == completion.logprobs[0].top
        assert Provenance(source="recorded", session="monday", taken_at="2024-01-01T00:00:00Z") == (
            completion.provenance
        )
        assert "ab" == recording.input_sha256("q1")
        assert recording.input_sha256("q2") is None


def test_what_is_not_said_is_unknown(write):
    with opened(write("a.jsonl", [{"id": "q1", "output": "x"}])) as recording:
        assert Answered(
            completion=Completion(text="x", provenance=Provenance(source="recorded"))
        ) == (recording.lookup("q1"))
        assert recording.input_sha256("q1") is None


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("EOS", "stop"),
        ("end_turn", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("tool_calls", "tool"),
        ("content_filter", "filtered"),
        ("who knows", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_ends_are_named_alike(write, reason, finish):
    with opened(
        write("a.jsonl", [{"id": "1", "output": "x", "finish_reason": reason}])
    ) as recording:
        assert finish == recording.lookup("1").completion.finish


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        ("timeout", Failed(kind="timeout")),
        ("it broke", Failed(kind="unknown", detail="it broke")),
        ({"type": "throttle", "message": "slow down"}, Failed(kind="throttle", detail="slow down")),
        (True, Failed(kind="unknown", detail="recorded as an error")),
        ({"kind": "refusal"}, Failed(kind="refusal", detail="refusal")),
        ({"code": "x", "message": "m"}, Failed(kind="unknown", detail="m")),
    ],
)
def test_an_error_is_a_failure_of_its_kind(write, error, failed):
    rows = [{"id": "1", "error": error}, {"id": "2", "output": "half an ans", "error": error}]
    with opened(write("a.jsonl", rows)) as recording:
        assert failed == recording.lookup("1")
        assert failed == recording.lookup("2")
        assert failed == recording.lookup("1", 4)


@pytest.mark.parametrize("error", [None, "", {}, False])
def test_no_error_is_no_failure(write, error):
    with opened(write("a.jsonl", [{"id": "1", "output": "x", "error": error}])) as recording:
        assert "x" == text(recording, "1")


def test_null_is_a_failure_and_an_empty_text_an_answer(write):
    rows = [
        {"id": "1", "output": None},
        {"id": "2", "output": ""},
        {"id": "3", "output": None, "finish_reason": "content_filter"},
        {"id": "4", "outputs": ["x", None]},
    ]
    with opened(write("a.jsonl", rows)) as recording:
        assert "empty" == recording.lookup("1").kind
        assert "" == text(recording, "2")
        assert "content_filter" == recording.lookup("3").kind
        assert ["x", "empty"] == [text(recording, "4", 0), recording.lookup("4", 1).kind]


def test_tool_calls_without_text_are_an_answer(write):
    calls = [{"id": "c", "function": {"name": "find", "arguments": "{}"}}]
    with opened(write("a.jsonl", [{"id": "1", "output": None, "tool_calls": calls}])) as recording:
        completion = recording.lookup("1").completion

    assert ("", "find") == (completion.text, completion.tool_calls[0].name)


@pytest.mark.parametrize(
    "written", [7, 1.5, True, False, 12345678901234567890123456789012345678901234567890]
)
def test_an_answer_that_is_a_number_is_its_text(write, written):
    with opened(write("a.jsonl", [{"id": "1", "output": written}])) as recording:
        assert json.dumps(written) == text(recording, "1")


def test_a_number_keeps_its_digits(write):
    with opened(write("a.jsonl", '{"id": 1.10, "output": 72.00}\n')) as recording:
        assert "72.00" == text(recording, "1.10")
    with opened(write("a.json", '{"1": 72.00}')) as recording:
        assert "72.00" == text(recording, "1")


def test_a_nan_beside_the_answer_does_no_harm(write):
    line = '{"id": "1", "output": NaN, "score": NaN, "nested": {"a": [-Infinity]}}\n'
    with opened(write("a.jsonl", line)) as recording:
        assert text(recording, "1") == "NaN"
    with opened(write("b.jsonl", line), output="nested.a.0") as recording:
        assert text(recording, "1") == "-Infinity"


@pytest.mark.parametrize(
    "logprobs",
    [
        [{"token": "a", "logprob": -1.0}, {"token": "b", "logprob": -2.0}],
        {
            "content": [
                {"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "c", "logprob": -3}]},
                {"token": "b", "logprob": -2.0},
            ]
        },
        {"tokens": ["<s>", "a", "b"], "token_logprobs": [None, -1.0, -2.0]},
    ],
)
def test_log_probabilities_come_in_three_forms(write, logprobs):
    with opened(write("a.jsonl", [{"id": "1", "output": "ab", "logprobs": logprobs}])) as recording:
        tokens = recording.lookup("1").completion.logprobs

    assert [("a", -1.0), ("b", -2.0)] == [(token.token, token.logprob) for token in tokens]


# --- repeats -----------------------------------------------------------------------------------


def test_repeats_in_one_entry(write):
    rows = [
        {"id": "a", "outputs": ["x", "y"], "latency_s": [0.1, 0.2], "cost_usd": 1.0},
        {"id": "b", "output": ["z"], "finish_reason": ["stop"]},
    ]
    with opened(write("a.jsonl", rows)) as recording:
        assert ["x", "y", None] == [text(recording, "a", repeat) for repeat in range(3)]
        assert [0.1, 0.2] == [recording.lookup("a", r).completion.latency_s for r in range(2)]
        assert [1.0, 1.0] == [recording.lookup("a", r).completion.cost_usd for r in range(2)]
        assert ["z", None] == [text(recording, "b", repeat) for repeat in range(2)]
        assert 2 == recording.n


def test_repeats_on_lines_of_their_own(write):
    rows = [{"id": name, "repeat": r, "output": f"{name}{r}"} for r in range(3) for name in "ab"]
    with opened(write("a.jsonl", rows)) as recording:
        for name in "ba":
            assert [f"{name}{r}" for r in range(3)] == [text(recording, name, r) for r in range(3)]
        assert recording.lookup("a", 3) is None


def test_a_line_without_repeat_is_the_first(write):
    rows = [{"id": "a", "output": "x"}, {"id": "a", "repeat": 1, "output": "y"}]
    with opened(write("a.jsonl", rows)) as recording:
        assert ["x", "y"] == [text(recording, "a", 0), text(recording, "a", 1)]


def test_entries_of_one_and_of_all_repeats_may_mix(write):
    rows = [
        {"id": "a", "outputs": ["x", "y"]},
        {"id": "b", "output": "z"},
        {"id": "c", "error": "timeout"},
        {"id": "d", "repeat": 0, "output": "v"},
        {"id": "d", "repeat": 1, "output": "w"},
    ]
    with opened(write("a.jsonl", rows)) as recording:
        assert ["v", "w"] == [text(recording, "d", r) for r in range(2)]
        assert ["x", "y"] == [text(recording, "a", r) for r in range(2)]
        assert ["z", None] == [text(recording, "b", r) for r in range(2)]
        assert ["timeout"] * 2 == [recording.lookup("c", r).kind for r in range(2)]


def test_repeats_as_lists_of_a_json_object(write):
    with opened(write("a.json", '{"a": ["x", "y"], "b": null}')) as recording:
        assert ["x", "y", None] == [text(recording, "a", r) for r in range(3)]
        assert "empty" == recording.lookup("b").kind


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "a", "output": "x"}, {"id": "b", "output": "x"}, {"id": "a", "output": "y"}],
        [
            {"id": "a", "repeat": 1, "output": "x"},
            {"id": "b", "output": "x"},
            {"id": "a", "repeat": 1, "output": "y"},
        ],
        [
            {"id": "a", "outputs": ["x"]},
            {"id": "b", "outputs": ["x"]},
            {"id": "a", "outputs": ["y"]},
        ],
        [{"id": "a", "outputs": ["x"]}, {"id": "b", "output": "x"}, {"id": "a", "output": "y"}],
        [
            {"id": "a", "repeat": 2, "output": "x"},
            {"id": "b", "output": "x"},
            {"id": "a", "outputs": ["y"]},
        ],
        [{"id": "a", "error": "timeout"}, {"id": "b", "output": "x"}, {"id": "a", "output": "y"}],
        [{"id": 7, "output": "x"}, {"id": "b", "output": "x"}, {"id": "7", "output": "y"}],
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_answer_given_twice_is_refused_with_both_lines(write, rows, suffix):
    error = refused(write(f"a.jsonl{suffix}", rows))

    assert f"the id '{rows[0]['id']}' is answered on line 1 and on line 3" == error.message
    assert error.where.endswith(":3")
    assert "outputs" in error.mend


def test_many_answers_given_twice_are_refused_at_once(write):
    """A file of samples one a line, not mapped to repeats: every id stands in it twice."""
    rows = [{"id": f"q{i % 20_000}", "output": "x"} for i in range(40_000)]

    assert "'q0' is answered on line 1 and on line 20001" in refused(write("a.jsonl", rows)).message


def test_an_answer_given_twice_in_a_table_or_list_is_refused(write):
    assert (
        "line 2 and on line 5" in refused(write("a.csv", 'id,output\na,"x\ny"\nb,z\na,w\n')).message
    )
    assert (
        "'a'"
        in refused(
            write("a.json", '[{"id": "a", "output": "x"}, {"id": "a", "output": "y"}]')
        ).message
    )
    assert (
        "the key 'a' stands in the object twice"
        == refused(write("b.json", '{"a": "x", "b": {"a": 1, "output": "y"}, "a": "y"}')).message
    )


# --- names -------------------------------------------------------------------------------------


def test_other_names_are_mapped(write):
    rows = [{"task_id": "a", "completion": "x", "output": "not this", "time": 2.0}]
    with opened(
        write("a.jsonl", rows), id="task_id", output="completion", latency_s="time"
    ) as recording:
        assert ("x", 2.0) == (text(recording, "a"), recording.lookup("a").completion.latency_s)


def test_dots_reach_into_entries(write):
    rows = [
        {"doc": {"id": "a"}, "choices": [{"message": {"content": "x"}, "finish_reason": "length"}]}
    ]
    fields = {
        "id": "doc.id",
        "output": "choices.0.message.content",
        "finish_reason": "choices.0.finish_reason",
    }
    with open_recording(write("a.jsonl", rows), fields=fields) as recording:
        assert ("x", "length") == (text(recording, "a"), recording.lookup("a").completion.finish)


def test_one_field_may_mean_two_things_and_take_the_name_of_another(write):
    rows = [{"session": "a", "id": "x"}, {"session": "b", "id": "y"}]
    with opened(write("a.jsonl", rows), id="session", output="session") as recording:
        assert ["a", "b"] == [text(recording, "a"), text(recording, "b")]
        assert recording.lookup("a").completion.provenance.session == ""
    with opened(write("b.jsonl", rows), id="session", output="id") as recording:
        assert ["x", "y"] == [text(recording, "a"), text(recording, "b")]


def test_columns_of_a_table_are_mapped(write):
    path = write("a.csv", "qid,answer,seconds,why\na,x,0.5,\nb,,,timeout\nc,,,\n")
    with opened(path, id="qid", output="answer", latency_s="seconds", error="why") as recording:
        assert ("x", 0.5) == (text(recording, "a"), recording.lookup("a").completion.latency_s)
        assert Failed(kind="timeout") == recording.lookup("b")
        assert "" == text(recording, "c")


def test_a_name_of_ours_that_does_not_exist_is_refused(write):
    error = refused(write("a.jsonl", LINES), ouput="x")

    assert ("unknown field 'ouput'", "did you mean 'output'?") == (error.message, error.mend)
    assert "unknown field" in refused(write("a.json", json.dumps(TEXTS)), ouput="x").message


@pytest.mark.parametrize(
    ("row", "fields", "said", "mend"),
    [
        ({"task_id": "a", "output": "x"}, {}, "no 'id'", "map it: --fields id=task_id"),
        ({"id": "a", "completion": "x"}, {}, "no 'output'", "map it: --fields output=completion"),
        ({"id": "a", "ouput": "x"}, {}, "no 'output'", "did you mean 'ouput'?"),
        ({"id": "a", "foo": "x"}, {}, "no 'output'", "the entry has: id, foo"),
        (
            {"id": "a", "solution": "x"},
            {"output": "soluton"},
            "no 'soluton'",
            "did you mean 'solution'?",
        ),
        ({"id": "a", "s": "x"}, {"output": "a.b"}, "no 'a.b'", "the entry has: id, s"),
        ({"id": "a", "latency_s": 1}, {}, "no 'output'", "the entry has: id, latency_s"),
    ],
)
def test_an_entry_without_id_or_output_names_what_it_has(write, row, fields, said, mend):
    error = refused(write("a.jsonl", [{**row, **dict.fromkeys((), "y")}]), **fields)

    assert said in error.message
    assert error.mend == mend
    assert error.where.endswith("a.jsonl:1")


@pytest.mark.parametrize(
    ("header", "mend"),
    [
        ("task,output", "--fields id=COLUMN"),
        ("id,outptu", "did you mean 'outptu'?; --fields output=COLUMN"),
    ],
)
def test_a_table_without_id_or_output_is_refused(write, header, mend):
    error = refused(write("a.csv", f"{header}\na,b\n"))

    assert error.mend.endswith(mend)
    assert error.where.endswith("a.csv:1")


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{"id": "a", "output": {"text": "x"}}', "not a recorded answer"),
        ('{"id": ["a"], "output": "x"}', "not a recorded answer"),
        ('{"id": "a", "output": "x", "latency_s": "fast"}', "latency_s"),
        ('{"id": "a", "output": "x", "latency_s": -1}', "latency_s is negative: -1"),
        ('{"id": "a", "output": "x", "cost_usd": -0.1}', "cost_usd is negative"),
        ('{"id": "a", "output": "x", "ttft_s": NaN}', "ttft_s"),
        (
            '{"id": "a", "outputs": ["x", "y"], "latency_s": [1]}',
            "latency_s has 1 numbers for 2 answers",
        ),
        ('{"id": "a", "outputs": ["x", 7]}', "not a recorded answer"),
        ('{"id": "a", "repeat": -1, "output": "x"}', "repeat is -1"),
        ('{"id": "a", "output": "x", "usage": {"prompt_tokens": 1}}', "completion_tokens"),
        (
            '{"id": "a", "output": "x", "usage": {"prompt_tokens": -1, "completion_tokens": 1}}',
            "negative",
        ),
        ('{"id": "a", "output": "x", "logprobs": [{"token": "x"}]}', "logprobs cannot be read"),
        ('{"id": "a", "output": "x", "logprobs": 7}', "logprobs cannot be read"),
        ('{"id": "a", "output": "x", "logprobs": ["x"]}', "logprobs cannot be read"),
        ('{"id": "a", "output": "x", "tool_calls": [{}]}', "no function name"),
        ('{"id": "a", "output"', "not JSON"),
        ('["a", "x"]', "expected a JSON object"),
        ('{"id": "a", "output": "\\ud83d"}', "not JSON"),
    ],
)
def test_a_wrong_entry_names_its_line(write, entry, said):
    error = refused(write("a.jsonl", f'{{"id": "first", "output": "x"}}\n\n{entry}\n'))

    assert said in error.message
    assert error.where.endswith("a.jsonl:3")


def test_a_wrong_entry_of_a_list_names_its_item(write):
    error = refused(write("a.json", '[{"id": "a", "output": "x"}, {"id": "b"}]'))
    assert error.where.endswith("a.json: item 2")
    for wrong in ('{"output": {}}', "{}", '{"latency_s": 1}'):
        error = refused(write("b.json", f'{{"a": "x", "b": {wrong}}}'))
        assert error.where.endswith("b.json: item 2")


@pytest.mark.parametrize(
    ("content", "said", "line"),
    [
        ("id,output,latency_s\na,x,0.5\nb,y,fast\n", "latency_s", 3),
        ("id,output\na,x\n,y\n", "the id is empty", 3),
        ("id,output\na,x\nb\n", "the row has 1 fields", 3),
        ('id,output\na,x\nb,"y\n', "never closed", 3),
    ],
)
def test_a_wrong_row_of_a_table_names_its_line(write, content, said, line):
    error = refused(write("a.csv", content))

    assert said in error.message
    assert error.where.endswith(f"a.csv:{line}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", ""),
        ("a.jsonl", "\n"),
        ("a.json", "{}"),
        ("a.json", "[]"),
        ("a.csv", "id,output\n"),
    ],
)
def test_an_empty_recording_is_refused(write, name, content):
    assert "the recording is empty" == refused(write(name, content)).message


def test_a_missing_recording_names_the_nearest(write):
    path = write("answers.jsonl", LINES)

    assert "did you mean 'answers.jsonl'?" == refused(path.parent / "answer.jsonl").mend


def test_a_cut_gzip_recording_is_refused(write):
    packed = gzip.compress(LINES.encode() * 1)
    path = write("a.jsonl", packed[:-12])

    assert "cut short or damaged" in refused(path).message


def test_another_encoding_is_refused_with_its_line(write):
    path = write("a.jsonl", LINES.encode() + '{"id": "q9", "output": "naïve"}'.encode("latin-1"))
    error = refused(path)

    assert "not UTF-8" in error.message
    assert error.where == f"{path}:4"


# --- around the answers ------------------------------------------------------------------------


def test_ids_that_the_data_lacks_are_reported_in_order(write):
    rows = [{"id": name, "repeat": r, "output": "x"} for name in "dacb" for r in range(2)]
    with opened(write("a.jsonl", rows)) as recording:
        assert ["d", "b"] == recording.extra_ids(["a", "c", "e"])
        assert [] == recording.extra_ids("abcd")


def test_the_file_is_hashed_as_it_lies_on_disk(write):
    path = write("a.jsonl.gz", LINES)
    with opened(path) as recording:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == recording.sha256


def test_closing_twice_is_fine(write):
    recording = opened(write("a.jsonl.gz", LINES))
    recording.close()
    recording.close()


def test_answers_are_found_in_any_order(write):
    rows = [{"id": f"q{i}", "output": f"{i} " + "x" * (i * 37 % 3000)} for i in range(2000)]
    order = [row["id"] for row in rows]
    with opened(write("a.jsonl", rows)) as recording:
        expected = {row["id"]: row["output"] for row in rows}
        for _ in range(2):
            assert expected == {name: text(recording, name) for name in order}
            random.Random(3).shuffle(order)
        assert all(recording.lookup(f"p{i}") is None for i in range(2000))


name = st.text(min_size=1, max_size=8).filter(lambda t: t.isprintable() and t.strip())
answer = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30)


@settings(deadline=None)
@given(st.dictionaries(name, answer, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_any_answers_read_back_from_any_form(tmp_path_factory, answers, shuffle):
    folder = tmp_path_factory.mktemp("forms")
    rows = list(answers.items())
    (folder / "a.jsonl").write_text(
        "".join(json.dumps({"id": i, "output": t}) + "\n" for i, t in rows)
    )
    (folder / "a.json").write_text(json.dumps(answers))
    (folder / "l.json").write_text(json.dumps([{"output": t, "id": i} for i, t in rows]))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("id", "output"), *rows])
    (folder / "a.csv").write_bytes(out.getvalue().encode())
    shuffle.shuffle(rows)

    for form in ("a.jsonl", "a.json", "l.json", "a.csv"):
        with opened(folder / form) as recording:
            assert answers == {sample_id: text(recording, sample_id) for sample_id, _ in rows}


@settings(deadline=None)
@given(st.data())
def test_a_recording_cut_at_any_byte_is_refused_or_a_prefix(tmp_path_factory, data):
    rows = [{"id": f"q{i}", "output": "naïve " * i} for i in range(8)]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    cut = data.draw(st.integers(1, len(content)))
    path = tmp_path_factory.mktemp("cut") / "a.jsonl"
    path.write_bytes(content[:cut])

    whole = content[:cut].split(b"\n")
    n = len([line for line in whole if line.endswith(b"}")])
    if whole[-1] and not whole[-1].endswith(b"}"):
        assert refused(path).where == f"{path}:{len(whole)}"
        return
    with opened(path) as recording:
        assert n == recording.n
        assert [row["output"] for row in rows[:n]] == [
            text(recording, row["id"]) for row in rows[:n]
        ]
