"""Every suite file is one that the strict reader takes, and every data file is what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from written_suites import ALL, ROOT, SUITES, WRITTEN, field, rows, spec

from evalharness.catalog import make_metric
from evalharness.spec.read import read_baseline, read_suite

PARTS = ("heldout.jsonl", "train.jsonl")


@pytest.mark.parametrize("name", ALL)
def test_a_suite_is_read_without_complaint(name):
    suite = read_suite(SUITES / name / "suite.yaml")
    assert suite.name == name
    assert suite.description
    assert suite.metrics
    assert any(gate.role == "primary" for gate in suite.policy.gates)


@pytest.mark.parametrize("name", ALL)
def test_every_suite_bounds_its_failures(name):
    gates = read_suite(SUITES / name / "suite.yaml").policy.gates
    assert any(gate.metric == "error_rate" and gate.test == "at_most" for gate in gates)


@pytest.mark.parametrize("name", ALL)
def test_a_readme_says_where_it_comes_from_and_what_it_cannot_show(name):
    text = (SUITES / name / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    for part in ("Origin", "Licence", "## The policy, and why", "## What it cannot show"):
        assert part in text, part


@pytest.mark.parametrize("name", WRITTEN)
def test_ids_are_unique_and_no_sample_stands_in_both_files(name):
    parts = [rows(SUITES / name / part) for part in PARTS if (SUITES / name / part).exists()]
    ids = Counter(row["id"] for part in parts for row in part)
    assert all(count == 1 for count in ids.values())
    if len(parts) == 2:
        clusters = [{row[field(name, "cluster")] for row in part} for part in parts]
        assert not clusters[0] & clusters[1]


@pytest.mark.parametrize("name", WRITTEN)
def test_the_readme_gives_the_sizes_of_the_files(name):
    text = (SUITES / name / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    heldout = rows(SUITES / name / "heldout.jsonl")
    assert re.search(rf"\| Held out \| {len(heldout)}\b", text)
    clusters = len({row[field(name, "cluster")] for row in heldout})
    assert re.search(rf"\| Held out \|[^|]*\b{clusters}\b", text)
    if (SUITES / name / "train.jsonl").exists():
        assert re.search(rf"\| Train \| {len(rows(SUITES / name / 'train.jsonl'))}\b", text)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_row_carries_its_slices(name):
    for row in rows(SUITES / name / "heldout.jsonl"):
        for part in spec(name)["data"].get("slices", []):
            assert (row.get("metadata") or {}).get(part) or row.get(part)


@pytest.mark.parametrize(
    "name", [name for name in WRITTEN if (SUITES / name / "generate.py").exists()]
)
def test_a_generator_writes_the_shipped_files(name, tmp_path):
    kept = shutil.ignore_patterns("*.jsonl", "__pycache__")
    shutil.copytree(SUITES / name, tmp_path, ignore=kept, dirs_exist_ok=True)
    subprocess.run([sys.executable, str(tmp_path / "generate.py")], check=True, timeout=120)
    for part in PARTS:
        if (SUITES / name / part).exists():
            assert (SUITES / name / part).read_bytes() == (tmp_path / part).read_bytes()


@pytest.mark.parametrize("path", sorted((ROOT / "baselines").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_named_baseline_points_at_a_recording_of_its_whole_suite(path):
    baseline = read_baseline(path)
    assert baseline.name == path.stem
    assert baseline.description
    recording = path.parent / baseline.model
    suite = recording.parent.name
    expected = {row["id"] for row in rows(SUITES / suite / "heldout.jsonl")}
    recorded = [row["id"] for row in rows(recording)]
    assert expected == set(recorded)
    assert len(recorded) == len(set(recorded))


def test_nothing_shipped_names_a_path_of_a_machine():
    for folder in ("suites", "baselines", "examples"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {".md", ".yaml", ".py", ".json", ".jsonl"}:
                assert not re.search(r"/(work|root|opt|tmp|home)/", path.read_text("utf-8")), path


WITH_TRAIN = [name for name in WRITTEN if (SUITES / name / "train.jsonl").exists()]


def test_chat_rows_are_made_from_the_train_files_as_they_are(tmp_path):
    kept = shutil.ignore_patterns("heldout.jsonl", "*.chat.jsonl", "__pycache__")
    shutil.copytree(SUITES, tmp_path, ignore=kept, dirs_exist_ok=True)
    command = [sys.executable, str(tmp_path / "make_chat.py")]
    subprocess.run(command, check=True, timeout=120, cwd=ROOT)
    for name in WITH_TRAIN:
        shipped = (SUITES / name / "train.chat.jsonl").read_bytes()
        assert shipped == (tmp_path / name / "train.chat.jsonl").read_bytes()


@pytest.mark.parametrize("name", WITH_TRAIN)
def test_a_chat_row_asks_as_the_suite_asks_and_ends_with_the_answer(name):
    suite = read_suite(SUITES / name / "suite.yaml")
    chats = rows(SUITES / name / "train.chat.jsonl")
    assert len(chats) == len(rows(SUITES / name / "train.jsonl"))
    for chat in chats:
        roles = [message["role"] for message in chat["messages"]]
        assert roles[-2:] == ["user", "assistant"]
        assert (roles[0] == "system") == (suite.prompt.system is not None)
        assert all(message["content"].strip() for message in chat["messages"])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_suite_of_ours_passes_its_own_validation(name):
    command = [sys.executable, "-m", "evalharness", "validate", name]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALL)
def test_every_metric_of_a_suite_can_be_made_with_its_options(name):
    suite = read_suite(SUITES / name / "suite.yaml")
    made = {metric.key: make_metric(metric.name, metric.options) for metric in suite.metrics}
    for gate in suite.policy.gates:
        assert gate.metric in made or make_metric(gate.metric, {})
