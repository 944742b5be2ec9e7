"""Server-sent events, cut at any byte."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.sse import EventSplitter
from evalharness.clients.streams import StreamReader


def split(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    splitter = EventSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    return events + splitter.finish()


def cut(content: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(content) + 1) for place in places})
    starts = [0, *ends]
    return [content[a:b] for a, b in zip(starts, [*ends, len(content)], strict=True)]


def test_events_comments_names_and_joined_lines():
    body = (
        b"\xef\xbb\xbf: hello\n\ndata: one\n\nevent: error\ndata: two\n\n"
        b"data:three\ndata: four\nid: 7\n\nretry: 10\n\ndata\n\n"
    )
    expected = [(b"", b"one"), (b"error", b"two"), (b"", b"three\nfour"), (b"", b"")]
    assert expected == split([body])


def test_a_colon_in_the_data_belongs_to_the_data():
    assert split([b'data: {"a": "b: c"}\n\n']) == [(b"", b'{"a": "b: c"}')]


def test_an_event_without_its_last_blank_line_still_counts():
    assert split([b"data: one\n\ndata: two"]) == [(b"", b"one"), (b"", b"two")]


def test_an_empty_body_holds_no_events():
    assert split([]) == []
    assert split([b"\n\n\r\n"]) == []


line_end = st.sampled_from([b"\n", b"\r\n", b"\r"])
words = st.text(
    st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"]), max_size=12
)
events = st.lists(st.tuples(st.sampled_from(["", "error", "done"]), words), max_size=6)


@given(events, line_end, st.lists(st.integers(0, 10_000), max_size=30))
def test_where_packets_are_cut_does_not_matter(sent, end, places):
    body = b""
    for name, data in sent:
        if name:
            body += b"event: " + name.encode() + end
        body += b"data: " + data.encode() + end + b":comment" + end + end
    expected = [(name.encode(), data.encode()) for name, data in sent]
    assert expected == split(cut(body, places))
    assert expected == split([bytes([byte]) for byte in body])


@given(
    st.lists(words.filter(lambda word: "<" not in word), min_size=1, max_size=8),
    st.lists(st.integers(0, 10_000)),
)
def test_an_answer_is_the_same_however_its_bytes_arrive(tokens, places):
    chunks = [
        {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": token}}]}
        for token in tokens
    ]
    chunks.append({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    body = b"".join(
        b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n" for chunk in chunks
    )
    reader = StreamReader(200)
    for piece in cut(body + b"data: [DONE]\n\n", places):
        reader.feed(piece)
    answer = reader.answer()
    assert "".join(tokens) == answer.text
    assert answer.finish == "stop"


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_no_bytes_break_the_splitter(body, places):
    assert split(cut(body, places)) == split([body])
