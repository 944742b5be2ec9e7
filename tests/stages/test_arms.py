"""What `--model M` means, tried in the order of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.errors import UsageError
from evalharness.stages.arms import distinct, resolve


def test_a_file_wins_over_a_name_and_a_name_over_a_provider(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines/big.yaml").write_text("model: openai/some-70b\n")
    assert resolve("big").provider == "openai"
    assert resolve("big").model == "some-70b"
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "output": "x"}\n')
    arm = resolve("answers.jsonl")
    assert (arm.provider, arm.model, arm.name) == ("replay", "answers.jsonl", "answers")


def test_a_baseline_may_point_to_a_recording_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines/recorded.jsonl").write_text('{"id": "a", "output": "x"}\n')
    (tmp_path / "baselines/mine.yaml").write_text(
        "model: recorded.jsonl\noutputs: {output: text}\n"
    )
    arm = resolve("mine")
    assert arm.recorded
    assert arm.outputs == {"output": "text"}


def test_local_weights_of_a_baseline_start_from_its_own_folder(tmp_path, monkeypatch):
    (tmp_path / "arms").mkdir()
    (tmp_path / "weights/base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "weights")
    path = tmp_path / "arms/tuned.yaml"
    path.write_text("model: hf/../weights/base\noptions: {adapter: ../weights/lora}\n")
    arm = resolve(str(path))
    assert str(tmp_path / "weights/base") == arm.model
    assert {"adapter": str(tmp_path / "weights/lora")} == arm.options
    path.write_text("model: hf/../weights/base?adapter=../weights/lora\n")
    assert arm.options == resolve(str(path)).options


def test_local_weights_may_be_a_name_of_the_hub_or_start_from_the_working_folder(tmp_path):
    path = tmp_path / "tuned.yaml"
    path.write_text("model: hf/someone/some-model\noptions: {adapter: runs/lora}\n")
    arm = resolve(str(path))
    assert ("someone/some-model", {"adapter": "runs/lora"}) == (arm.model, arm.options)


def test_a_suites_own_recordings_are_found_by_their_short_name():
    assert resolve("tuned", suite="facts").recorded
    assert resolve("facts/tuned").recorded


@pytest.mark.parametrize(
    ("reference", "provider", "model"),
    [
        (
            "together/meta-llama/Llama-3.2-3B-Instruct",
            "together",
            "meta-llama/Llama-3.2-3B-Instruct",
        ),
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("scripted/echo", "scripted", "echo"),
        ("hf/weights/base?adapter=weights/lora", "hf", "weights/base?adapter=weights/lora"),
    ],
)
def test_a_provider_and_its_model(reference, provider, model):
    arm = resolve(reference)
    assert (arm.provider, arm.model) == (provider, model)


@pytest.mark.parametrize("reference", ["nothing", "openay/gpt", "outputs.pdf", "openai/"])
def test_a_reference_that_means_nothing_says_what_would(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        resolve(reference)
    assert error.value.mend


def test_equal_names_are_told_apart():
    arms = [resolve("scripted/echo")] * 3
    assert [arm.name for arm in distinct(arms)] == ["echo", "echo-2", "echo-3"]


def test_a_trained_baseline_finds_its_rows_from_its_own_folder(tmp_path, monkeypatch):
    folder = tmp_path / "baselines"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"id": "a", "input": "x", "target": "y"}\n')
    (folder / "most.yaml").write_text("name: most\nmodel: majority/train.jsonl\n")
    monkeypatch.chdir(tmp_path)
    arm = resolve("baselines/most.yaml")
    assert ("majority", str(folder / "train.jsonl")) == (
        arm.provider,
        str(Path(arm.model).resolve()),
    )
    (folder / "train.jsonl").rename(tmp_path / "train.jsonl")
    assert "train.jsonl" == resolve("baselines/most.yaml").model
