"""What a sample is, as hashes: two samples that ask and judge the same have the same content hash.

Reads: samples and files.  Gives: hexadecimal SHA-256.
Depends on: records.  Knows nothing of file formats.

The hash covers input, messages, targets, code task, tools and the calls that are expected, in
canonical bytes: a JSON array in this order, UTF-8, object keys sorted, no spaces.  It leaves out
id, cluster, slices and metadata: relabelling a set does not change what is measured.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson

from evalharness.records import CodeTask, Message, Sample, ToolCall

_VERSION: Final = "sample-1"
"""Rises when the canonical form changes; old hashes then match no new one."""

_MASK: Final = 2**64 - 1
_BUCKET_BITS: Final = 10


def content_sha256(sample: Sample) -> str:
    """SHA-256 of what is asked and judged; not of id, cluster, slices or metadata.

    >>> content_sha256(Sample(id="a", input="2+2?", targets=("4",)))[:16]
    '918b309a4c10953c'
    """
    asked_and_judged = (
        _VERSION,
        sample.input,
        [_message(message) for message in sample.messages] if sample.messages else (),
        sample.targets,
        _code(sample.code) if sample.code is not None else None,
        sample.tools,
        [_call(call) for call in sample.target_tool_calls] if sample.target_tool_calls else (),
    )
    return hashlib.sha256(orjson.dumps(asked_and_judged, option=orjson.OPT_SORT_KEYS)).hexdigest()


def input_sha256(sample: Sample) -> str:
    """SHA-256 of what is asked, for recordings that say which input they answered.

    A text input is hashed as its UTF-8 bytes, so that anyone can make the hash with any tool:
    `hashlib.sha256(text.encode()).hexdigest()`.  A conversation is hashed as the canonical JSON of
    [role, content, tool calls, tool call id, name] lists.
    """
    if sample.input is not None:
        return hashlib.sha256(sample.input.encode()).hexdigest()
    return hashlib.sha256(orjson.dumps([_message(m) for m in sample.messages])).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes as they lie on disk. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _message(message: Message) -> list[object]:
    calls = [_call(call) for call in message.tool_calls]
    return [message.role, message.content, calls, message.tool_call_id, message.name]


def _call(call: ToolCall) -> list[str]:
    return [call.name, call.arguments, call.id]


def _code(task: CodeTask) -> list[object]:
    return [task.tests, task.entry_point, task.prompt, task.style, task.canonical, task.preload]


class SeenIds:
    """Which ids have come by, in under 20 bytes each: sorted 64-bit hashes in buckets.

    Two different ids share a hash once in 3e7 sets of a million ids; whoever acts on `add` giving
    False looks at the ids themselves first.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._buckets: list[array[int] | None] = [None] * (1 << _BUCKET_BITS)
        self._is_empty = True
        for sample_id in ids:
            self.add(sample_id)

    def add(self, sample_id: str) -> bool:
        """Remember the id; False if it (or one with its hash) was there already."""
        self._is_empty = False
        digest = hash(sample_id) & _MASK
        position = digest >> (64 - _BUCKET_BITS)
        bucket = self._buckets[position]
        if bucket is None:
            self._buckets[position] = array("Q", (digest,))
            return True
        place = bisect_left(bucket, digest)
        if place < len(bucket) and bucket[place] == digest:
            return False
        bucket.insert(place, digest)
        return True

    def __bool__(self) -> bool:
        return not self._is_empty
