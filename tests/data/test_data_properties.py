"""Any sample written as JSON Lines or CSV reads back; a file cut anywhere is a prefix or refused."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.sources import open_source
from evalharness.errors import DataError
from evalharness.spec.suite import DataSpec

name = st.text("ab\u00e9\U0001f600 #,\"'\\", min_size=1, max_size=5).filter(str.strip)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
value = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | text | st.lists(text, max_size=2)
row = st.fixed_dictionaries(
    {"input": text, "target": text | st.lists(text, max_size=3)},
    optional={
        "cluster": name,
        "metadata": st.dictionaries(st.sampled_from(["a", "b"]), value, max_size=2),
    },
)


def read(path):
    return list(open_source(DataSpec(path=str(path)), base=path.parent))


@settings(deadline=None)
@given(st.dictionaries(name, row, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_any_sample_reads_back_from_json_lines(tmp_path_factory, rows, end):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    lines = [json.dumps({"id": i, **r}, ensure_ascii=len(i) % 2 == 0) for i, r in rows.items()]
    path.write_bytes(end.join(lines).encode())

    samples = read(path)
    assert list(rows) == [sample.id for sample in samples]
    for sample, wanted in zip(samples, rows.values(), strict=True):
        target = wanted["target"]
        assert (
            wanted["input"],
            tuple(target) if isinstance(target, list) else (target,),
            wanted.get("cluster"),
            wanted.get("metadata", {}),
        ) == (sample.input, sample.targets, sample.cluster, sample.metadata)


@settings(deadline=None)
@given(st.dictionaries(name, st.tuples(text, text, name), min_size=1, max_size=6))
def test_any_sample_reads_back_from_a_table(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("id", "input", "target", "cluster", "level"))
    writer.writerows((i, *cells, "3") for i, cells in rows.items())
    path.write_bytes(out.getvalue().encode())

    assert [(i, a, (b,), c, {"level": "3"}) for i, (a, b, c) in rows.items()] == [
        (s.id, s.input, s.targets, s.cluster, s.metadata) for s in read(path)
    ]


@settings(deadline=None)
@given(st.dictionaries(name, row, min_size=1, max_size=6))
def test_the_form_of_the_file_does_not_change_the_samples(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("forms")
    listed = [{"id": i, **r} for i, r in rows.items()]
    (folder / "a.json").write_text(json.dumps(listed, indent=1))
    (folder / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in listed))
    (folder / "b.jsonl").write_bytes(
        ("\ufeff" + "".join(json.dumps(r) + "\r\n" for r in listed)).encode("utf-16-le")
    )

    assert read(folder / "a.json") == read(folder / "a.jsonl") == read(folder / "b.jsonl")


@settings(deadline=None)
@given(st.data(), st.sampled_from(["a.jsonl", "a.csv", "a.json"]))
def test_a_file_cut_at_any_byte_is_refused_or_a_prefix(tmp_path_factory, data, form):
    rows = [
        {"id": f"q{i}", "input": 'naïve, "quoted"\n' * (i % 3), "target": "😀" * i}
        for i in range(6)
    ]
    out = io.StringIO(newline="")
    if form == "a.csv":
        writer = csv.DictWriter(out, ("id", "input", "target"))
        writer.writeheader()
        writer.writerows(rows)
    elif form == "a.json":
        json.dump(rows, out, ensure_ascii=False)
    else:
        out.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    whole = out.getvalue().encode()
    path = tmp_path_factory.mktemp("cut") / form
    path.write_bytes(whole)
    complete = read(path)
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])

    taken, refused = [], None
    try:
        taken.extend(open_source(DataSpec(path=str(path)), base=path.parent))
    except DataError as error:
        refused = error
    if refused is None and form == "a.csv" and taken:
        # A table cut inside the last field cannot be told from a whole one.
        assert complete[: len(taken) - 1] == taken[:-1]
        assert complete[len(taken) - 1].targets[0].startswith(taken[-1].targets[0])
    elif refused is None:
        assert complete[: len(taken)] == taken
    else:
        assert refused.where
        assert refused.mend


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_was_read_before_a_broken_line_was_whole(write, form):
    good = (
        '{"id": "a", "input": "x", "target": "y"}\n'
        if form == "jsonl"
        else "id,input,target\na,x,y\n"
    )
    path = write(f"a.{form}", good + ("{" if form == "jsonl" else "b"))
    samples = iter(open_source(DataSpec(path=str(path)), base=path.parent))

    assert "a" == next(samples).id
    with pytest.raises(DataError):
        next(samples)
