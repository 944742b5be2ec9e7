"""The response cache: one answer a key, whoever else is writing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import WriteError
from evalharness.records import Completion, Provenance, Usage
from evalharness.store.cache import (
    MERGE_ABOVE,
    REFRESH_S,
    CacheEntry,
    Pruning,
    ResponseCache,
    finished_segments,
    segments,
)
from evalharness.store.cache_index import SORT_ABOVE, CacheIndex, index_name


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def answer(text: str, *, model: str = "m") -> Completion:
    return Completion(
        text=text,
        finish="stop",
        usage=Usage(prompt_tokens=1, completion_tokens=2),
        latency_s=0.25,
        served_model=model,
        provenance=Provenance(session="s", taken_at="2026-01-01T00:00:00+00:00"),
    )


@pytest.fixture
def cache(tmp_path):
    opened = ResponseCache(tmp_path / "responses")
    yield opened
    opened.close()


def test_what_was_put_is_got_whole(cache):
    cache.put(key(1), answer("Paris"))
    assert answer("Paris") == cache.get(key(1))
    assert cache.get(key(2)) is None


def test_the_newest_answer_of_a_key_is_got(cache, tmp_path):
    for text in ("one", "two"):
        cache.put(key(1), answer(text))
    assert cache.get(key(1)).text == "two"
    cache.close()
    assert ResponseCache(tmp_path / "responses").get(key(1)).text == "two"


def test_an_empty_cache_writes_nothing(tmp_path):
    cache = ResponseCache(tmp_path / "responses")
    assert cache.get(key(1)) is None
    assert not (tmp_path / "responses").exists()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.text(max_size=40)), max_size=40))
def test_a_cache_is_a_dictionary_that_survives_being_closed(tmp_path_factory, puts):
    folder = tmp_path_factory.mktemp("cache")
    cache = ResponseCache(folder)
    expected = {}
    for number, text in puts:
        clean = text.encode("utf-8", "replace").decode()
        cache.put(key(number), answer(clean))
        expected[number] = clean
    for number in range(21):
        found = cache.get(key(number))
        assert expected.get(number) == (found.text if found else None)
    cache.close()
    again = ResponseCache(folder)
    for number in range(21):
        found = again.get(key(number))
        assert expected.get(number) == (found.text if found else None)
    again.close()


def test_long_answers_are_read_whole(cache, tmp_path):
    for number, size in enumerate((1, 4_000, 5_000, 100_000)):
        cache.put(key(number), answer("x" * size))
    for number, size in enumerate((1, 4_000, 5_000, 100_000)):
        assert len(cache.get(key(number)).text) == size


def test_keys_that_share_64_bits_are_told_apart(cache):
    one, two = "ab" * 8 + "0" * 16, "ab" * 8 + "1" * 16
    assert index_name(one) == index_name(two)
    cache.put(one, answer("one"))
    cache.put(two, answer("two"))
    assert (cache.get(one).text, cache.get(two).text) == ("one", "two")
    cache.close()
    assert (cache.get(one).text, cache.get(two).text) == ("one", "two")


def test_two_caches_see_each_others_answers_after_a_moment(tmp_path):
    now = [0.0]
    one = ResponseCache(tmp_path, clock=lambda: now[0])
    two = ResponseCache(tmp_path, clock=lambda: now[0])
    one.put(key(1), answer("from one"))
    assert two.get(key(1)) is None
    now[0] += REFRESH_S + 1
    assert two.get(key(1)).text == "from one"
    one.put(key(2), answer("more"))
    now[0] += REFRESH_S + 1
    assert two.get(key(2)).text == "more"
    one.close()
    two.close()


WRITER = """
import hashlib, sys
from pathlib import Path
from evalharness.store.cache import ResponseCache
from evalharness.records import Completion
cache = ResponseCache(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    key = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    cache.put(key, Completion(text=f"{number} " * 20))
cache.close()
"""


def writer(folder, start, end) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(folder), str(start), str(end)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_processes_write_at_once_and_lose_nothing(tmp_path):
    writers = [writer(tmp_path, start, start + 2000) for start in (0, 1000)]
    assert [one.wait() for one in writers if one.communicate()] == [0, 0]
    cache = ResponseCache(tmp_path)
    assert all(cache.get(key(number)).text == f"{number} " * 20 for number in range(3000))
    assert cache.summary().entries == 4000
    cache.close()


def test_a_writer_that_is_killed_leaves_a_readable_cache(tmp_path):
    killed = writer(tmp_path, 0, 10**9)
    killed.stdout.readline()
    time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    cache = ResponseCache(tmp_path)
    entries = list(cache.entries())
    assert entries
    for number in range(0, len(entries), 10):
        assert cache.get(key(number)).text == f"{number} " * 20
    cache.close()


def test_damaged_lines_are_misses(tmp_path, cache):
    for number in range(3):
        cache.put(key(number), answer(str(number)))
    cache.close()
    path = segments(cache.folder)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\xff\xfe\n" + lines[0] + lines[1][:90] + b"\n" + lines[2][:-20])
    again = ResponseCache(cache.folder)
    assert [found.text if found else None for found in map(again.get, map(key, range(3)))] == [
        "0",
        None,
        None,
    ]
    assert again.summary().entries == 1
    again.close()


def test_what_is_kept_can_be_summed_up(cache):
    for number, model in enumerate("aab"):
        cache.put(key(number), answer("x", model=model))
    summary = cache.summary()
    assert (3, {"a": 2, "b": 1}) == (
        summary.entries,
        {share.model: share.entries for share in summary.models},
    )
    assert summary.size_bytes == sum(share.size_bytes for share in summary.models)
    assert summary.oldest <= summary.newest
    assert summary.size_bytes == sum(path.stat().st_size for path in segments(cache.folder))


def test_an_empty_cache_can_be_summed_up_and_pruned(cache):
    assert (cache.summary().entries, cache.summary().size_bytes, cache.summary().oldest) == (
        0,
        0,
        None,
    )
    assert cache.prune(Pruning()).gone == 0


def test_answers_of_a_model_or_of_old_can_be_pruned(cache):
    for number, model in enumerate("aab"):
        cache.put(key(number), answer(str(number), model=model))
    now = datetime.now(UTC)
    assert cache.prune(Pruning(before=now - timedelta(days=1))).gone == 0
    assert cache.prune(Pruning(model="a", before=now + timedelta(days=1))).gone == 2
    assert [found.text if found else None for found in map(cache.get, map(key, range(3)))] == [
        None,
        None,
        "2",
    ]
    cache.put(key(7), answer("new"))
    assert cache.prune(Pruning()).gone == 2
    assert cache.get(key(7)) is None
    assert segments(cache.folder) == []


def test_pruning_leaves_alone_what_another_process_is_writing(tmp_path):
    writing = ResponseCache(tmp_path)
    writing.put(key(1), answer("in use"))
    other = ResponseCache(tmp_path)
    assert (0, 1) == ((done := other.prune(Pruning())).gone, done.busy)
    writing.put(key(2), answer("more"))
    writing.close()
    assert other.prune(Pruning()).gone == 2
    other.close()


def test_many_segments_become_one_and_keep_the_newest_answers(tmp_path):
    for number in range(MERGE_ABOVE + 5):
        cache = ResponseCache(tmp_path)
        cache.put(key(number % 7), answer(f"{number}"))
        cache.close()
    cache = ResponseCache(tmp_path)
    assert len(finished_segments(tmp_path)) <= MERGE_ABOVE
    last = {number % 7: number for number in range(MERGE_ABOVE + 5)}
    assert {k: str(v) for k, v in last.items()} == {k: cache.get(key(k)).text for k in last}
    cache.close()


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache = ResponseCache(blocked / "responses")
    assert cache.get(key(1)) is None
    with pytest.raises(WriteError, match="EVALHARNESS_CACHE_DIR") as refused:
        cache.put(key(1), answer("x"))
    assert refused.value.exit_code == 73


def test_the_index_stays_right_across_its_sorting(tmp_path):
    path = tmp_path / "a.jsonl"
    index = CacheIndex()
    count = 2 * SORT_ABOVE + 500
    names = [key(number) for number in range(count)]
    with path.open("wb") as file:
        for name in names[: SORT_ABOVE + 100]:
            file.write(f'{{"key":"{name}"}}\n'.encode())
    index.follow([path])
    with path.open("ab") as file:
        for name in names[SORT_ABOVE + 100 :]:
            file.write(f'{{"key":"{name}"}}\n'.encode())
    index.follow([path])
    for name in names[::97]:
        assert [name] == [json.loads(line)["key"] for line in index.lines(index_name(name))]
    assert list(index.lines(index_name("0" * 32))) == []
    index.close()


@given(st.text(max_size=40))
def test_any_text_can_be_a_key(text):
    assert 0 <= index_name(text) < 2**64


def test_the_oldest_answers_go_until_the_cache_is_small_enough(tmp_path):
    lines = [
        msgspec.json.encode(
            CacheEntry(
                key=key(number), stored_at=f"2026-01-01T{number:02}:00", completion=answer("x" * 99)
            )
        )
        for number in range(10)
    ]
    (tmp_path / "20260101-1.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    cache = ResponseCache(tmp_path)
    limit = cache.summary().size_bytes // 2
    done = cache.prune(Pruning(keep_bytes=limit))
    assert cache.summary().size_bytes <= limit
    assert (5, 5) == (done.gone, done.kept)
    kept = [cache.get(key(number)) is not None for number in range(10)]
    assert [False] * 5 + [True] * 5 == kept
    assert 0 == cache.prune(Pruning(keep_bytes=limit)).gone
    assert 5 == cache.prune(Pruning(keep_bytes=0)).gone
