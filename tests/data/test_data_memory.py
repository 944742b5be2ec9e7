"""Memory does not grow with the file: 1,000 against 100,000 lines, each in its own process."""

from __future__ import annotations

import json

import pytest

from evalharness.data.identity import SeenIds

SOURCE = """
import sys
from pathlib import Path
from evalharness.data.sources import open_source
from evalharness.spec.suite import DataSpec
for sample in open_source(DataSpec(path=sys.argv[1]), base=Path()):
    pass
"""

RECORDING = """
import sys
from pathlib import Path
from evalharness.data.recordings import open_recording
recording = open_recording(Path(sys.argv[1]), fields={})
for number in range(recording.n):
    assert recording.lookup(f"q{number}") is not None
"""


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_reading_samples_takes_no_more_memory(write, peak_kib, name):
    peaks = []
    for n in (1_000, 100_000):
        if name == "a.csv":
            content = "id,input,target\n" + "".join(f"q{i},{'word ' * 8}{i},t\n" for i in range(n))
        else:
            content = "".join(
                f'{{"id": "q{i}", "input": "{"word " * 8}{i}", "target": "t"}}\n' for i in range(n)
            )
        _, peak = peak_kib(SOURCE, write(name, content))
        peaks.append(peak)

    assert peaks[1] <= 1.1 * peaks[0]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_looking_answers_up_in_order_takes_no_more_memory(write, peak_kib, name):
    peaks = []
    for n in (1_000, 100_000):
        rows = (json.dumps({"id": f"q{i}", "output": "word " * 12}) for i in range(n))
        _, peak = peak_kib(RECORDING, write(name, "\n".join(rows)))
        peaks.append(peak)

    assert peaks[1] <= 1.1 * peaks[0]


def test_a_hundred_thousand_ids_take_a_dozen_bytes_each():
    seen = SeenIds(f"sample-{number}" for number in range(100_000))
    held = sum(bucket.itemsize * len(bucket) for bucket in seen._buckets if bucket is not None)

    assert 800_000 == held
    assert not seen.add("sample-99999")
