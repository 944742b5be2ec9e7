"""Hub data sets through the `datasets` package: a local copy, no network."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from evalharness.data.sources import open_source
from evalharness.spec.suite import DataSpec, HubData

needs_datasets = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="the package `datasets` is not installed"
)

READ = """
import json, sys
from pathlib import Path
from evalharness.data.checks import check_data
from evalharness.data.sources import open_source
from evalharness.errors import DataError
from evalharness.spec.suite import DataSpec, HubData
fields = {"id": "qid", "input": "question", "target": "answers.text"}
for name in sys.argv[1:]:
    spec = DataSpec(hf=HubData(path=name, split="test"), fields=fields, slices=("level",))
    try:
        source = open_source(spec, base=Path(), limit=2)
        print(json.dumps([[s.id, s.input, s.targets, s.slices, s.metadata] for s in source]))
        print(len(list(open_source(spec, base=Path()))))
    except DataError as error:
        print(error.where, error.message.split(":")[0], error.mend, sep=" | ")
    print(json.dumps([[f.code, f.where] for f in check_data(spec, base=Path())]))
"""


@needs_datasets
def test_a_split_is_read_by_the_same_mapping_and_refused_offline(tmp_path, root):
    rows = [
        {"qid": i, "question": f"q{i}?", "answers": {"text": ["a", "b"]}, "level": i % 2}
        for i in range(5)
    ]
    good, twice = tmp_path / "good", tmp_path / "twice"
    for folder, content in ((good, rows), (twice, [*rows, rows[0]])):
        folder.mkdir()
        lines = "".join(json.dumps(row) + "\n" for row in content)
        (folder / "test.jsonl").write_text(lines)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}

    ran = subprocess.run(
        [sys.executable, "-c", READ, str(good), str(twice), "nobody/nothing"],
        capture_output=True,
        text=True,
        cwd=root,
        env=environment,
        check=True,
    )
    samples, n_good, none, first, refused, found, absent, offline = ran.stdout.splitlines()

    assert json.loads(samples) == [
        ["0", "q0?", ["a", "b"], {"level": "0"}, {"answers": {"text": ["a", "b"]}, "level": 0}],
        ["1", "q1?", ["a", "b"], {"level": "1"}, {"answers": {"text": ["a", "b"]}, "level": 1}],
    ]
    assert ("5", "[]") == (n_good, none)
    assert json.loads(first)[0][0] == "0"
    assert refused.startswith(f"hf:{twice}:test: row 6 | the id '0' stands in an earlier row")
    assert json.loads(found) == [["duplicate", f"hf:{twice}:test: row 6"]]
    assert absent.startswith("hf:nobody/nothing:test | the hub data set cannot be had | ")
    assert "--data PATH" in absent
    assert json.loads(offline)[0][0] == "file"


def test_a_hub_source_says_where_it_is_without_loading_anything(tmp_path):
    spec = DataSpec(hf=HubData(path="openai/gsm8k", name="main", split="train"))

    assert open_source(spec, base=tmp_path).where == "hf:openai/gsm8k/main:train"
