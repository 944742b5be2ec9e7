"""The parts under a recording: positions by id and repeat, spans of bytes, and how they are kept."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.data.findings import Finding, Findings
from evalharness.data.jsontext import loads, number_literals
from evalharness.data.overlap import Questions
from evalharness.data.recording_index import WHOLE, EntryIndex
from evalharness.data.stored import MemoryStored, store
from evalharness.errors import DataError

entry = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([WHOLE, 0, 1, 2]))


def indexed(entries):
    index = EntryIndex()
    for position, (name, repeat) in enumerate(entries):
        index.add(name, repeat, 10 * position)
    index.finish(10 * len(entries))
    return index


# --- positions ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(entry, unique=True, max_size=20), st.randoms(use_true_random=False))
def test_every_entry_is_found_in_any_order(entries, shuffle):
    index = indexed(entries)
    order = list(enumerate(entries))
    shuffle.shuffle(order)

    assert len(index) == len(entries)
    for position, (name, repeat) in order:
        assert list(index.positions(name, repeat)) == [position]
        assert index.span(position) == (10 * position, 10 * position + 10)
    assert list(index.positions("absent", 0)) == []
    assert index.n_whole == sum(repeat == WHOLE for _, repeat in entries)


@given(st.lists(entry, unique=True, min_size=1, max_size=20))
def test_entries_asked_for_in_file_order_are_near(entries):
    index = indexed(entries)

    for position, (name, repeat) in enumerate(entries):
        assert index.near(name, repeat) == position
        assert index.near(name, repeat) == position  # the same again, as repeats of one entry are
    assert index.near("absent", 0) is None


def test_a_search_brings_the_near_place_along():
    index = indexed([(name, 0) for name in "abcdef"])

    assert index.near("d", 0) is None
    assert list(index.positions("d", 0)) == [3]
    assert index.near("e", 0) == 4


@settings(deadline=None)
@given(st.lists(entry, max_size=14))
def test_suspects_are_exactly_the_entries_that_say_the_same(entries):
    found = set(indexed(entries).suspects())
    later = {second for _, second in found}

    for position, (name, repeat) in enumerate(entries):
        earlier = entries[:position]
        repeated = (name, repeat) in earlier
        clashes = any(
            name == other and WHOLE in (repeat, taken) and repeat != taken
            for other, taken in earlier
        )
        if repeated:
            assert position in later
        if clashes:
            assert any(entries[a][0] == entries[b][0] == name for a, b in found)
    for first, second in found:
        assert first < second
        assert entries[first][0] == entries[second][0]
        assert entries[first][1] == entries[second][1] or WHOLE in (
            entries[first][1],
            entries[second][1],
        )


# --- bytes -------------------------------------------------------------------------------------


def held(content: bytes, tmp_path, form):
    if form == "memory":
        return MemoryStored(content)
    path = tmp_path / "a.jsonl"
    if form == "gzip":
        path.write_bytes(gzip.compress(content))
    elif form == "marked":
        path.write_bytes(b"\xef\xbb\xbf" + content)
    else:
        path.write_bytes(content)
    return store(path)


@pytest.mark.parametrize("form", ["memory", "plain", "gzip", "marked"])
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_span_is_read_from_any_place(tmp_path_factory, form, data):
    content = bytes(range(32, 127)) * 2000
    stored = held(content, tmp_path_factory.mktemp("stored"), form)
    spans = data.draw(
        st.lists(st.tuples(st.integers(0, len(content)), st.integers(0, 70_000)), max_size=8)
    )

    assert stored.size() == len(content)
    for start, length in spans:
        end = min(start + length, len(content))
        assert stored.read(start, end) == content[start:end]
        following = min(end + 100, len(content))
        assert stored.read(end, following) == content[end:following]
    with stored.stream() as stream:
        assert stream.read() == content
    stored.close()
    stored.close()


def test_reading_ahead_follows_the_file_order(tmp_path):
    content = os.urandom(300_000)
    stored = held(content, tmp_path, "plain")
    place = 0
    while place < len(content):
        assert stored.read(place, place + 700) == content[place : place + 700]
        place += 700
    assert stored.read(0, 700) == content[:700]
    stored.close()


def test_an_unpacked_copy_leaves_no_file_behind(tmp_path, root):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "a", "output": "x"}\n' * 1))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from evalharness.data.recordings import open_recording\n"
        "recording = open_recording(Path(sys.argv[1]), fields={})\n"
        "assert recording.lookup('a') is not None\n"
        "os._exit(0)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=root,
        env={**os.environ, "TMPDIR": str(scratch)},
        check=True,
    )

    assert list(scratch.iterdir()) == []


def test_a_recording_is_given_up_with_its_last_user(tmp_path):
    open_before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(20):
        stored = held(b"x", tmp_path, "gzip")
        del stored
    if open_before is not None:
        assert len(os.listdir("/proc/self/fd")) <= open_before


def test_reading_samples_loads_no_heavy_package(tmp_path, root):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "input": "x", "target": "y"}\n')
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from evalharness.data.sources import open_source\n"
        "from evalharness.spec.suite import DataSpec\n"
        "list(open_source(DataSpec(path=sys.argv[1]), base=Path()))\n"
        "print(sorted({'numpy', 'datasets', 'yaml', 'aiohttp', 'jinja2'} & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == "[]\n"


# --- comparing samples -------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=12))
def test_repeated_questions_are_those_of_a_plain_comparison(pairs):
    questions = Questions()
    for line, (asked, judged) in enumerate(pairs, start=1):
        questions.add(line, asked, judged)

    plain = []
    first_at = {}
    for line, (asked, judged) in enumerate(pairs, start=1):
        if asked in first_at:
            first, expected = first_at[asked]
            plain.append((first, line, expected == judged))
        else:
            first_at[asked] = (line, judged)
    assert list(questions.repeated()) == plain


def finding(code, message="m", severity="error"):
    return Finding(severity=severity, code=code, where="f:1", message=message)


def test_findings_keep_their_order_and_count_what_is_too_much():
    findings = Findings(2)
    for number in range(4):
        findings.add(finding("line", str(number)))
    findings.add(finding("line", "w", "warning"))
    findings.add(finding("leak", "x"))
    listed = findings.listed("f")

    assert [f.message for f in listed[:-1]] == ["0", "1", "w", "x"]
    assert listed[-1].message == "2 more of this kind are not shown (4 in all)"
    assert (listed[-1].severity, listed[-1].code) == ("error", "line")


@pytest.mark.parametrize(("where", "shown"), [("a:7", "a:7"), (None, "file")])
def test_a_refusal_becomes_a_finding_with_a_place(where, shown):
    findings = Findings(5)
    findings.refuse(DataError("what", where=where, mend="how"), "line", where="file")

    assert findings.listed("file") == [
        Finding(severity="error", code="line", where=shown, message="what", mend="how")
    ]


# --- JSON --------------------------------------------------------------------------------------


json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_value)
def test_values_are_the_same_with_and_without_a_nan_beside_them(value):
    import orjson

    text = orjson.dumps(value)
    assert loads(text) == value
    assert loads(b'{"nan": NaN, "value": ' + text + b"}") == {"nan": "NaN", "value": value}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_every_number_has_its_literal(numbers):
    text = ("[" + ", ".join(f"{number:.17g}" for number in numbers) + "]").encode()
    literals = number_literals(text)

    assert all(float(literals[number]) == number for number in numbers)
    assert number_literals(b"{broken") == {}
