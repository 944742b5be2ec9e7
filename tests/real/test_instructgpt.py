"""InstructGPT: tuned 1.3B and 6B models against prompted 175B, every figure and honest verdicts."""

from __future__ import annotations

import csv
import gzip

import pytest

csv.field_size_limit(1 << 30)

SQUAD = """
name: instructgpt-squadv2
metrics: [{name: squad_em, label: em}, f1]
policy:
  gates:
    - {metric: f1, role: primary, test: non_inferiority, margin: 0.05}
"""
TLDR = """
name: instructgpt-tldr
metrics:
  - {name: rouge_1, stemmer: true}
  - {name: rouge_2, stemmer: true}
  - {name: rouge_l, stemmer: true}
policy:
  gates:
    - {metric: rouge_l, role: primary, test: non_inferiority, margin: 0.05}
"""


def rows(shared_data, name):
    with gzip.open(shared_data / f"instructgpt/{name}.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def arms(found):
    """Arm name -> its rows, in file order: every arm answers the same prompts in one order."""
    grouped: dict[str, list[dict]] = {}
    for row in found:
        prompt = row.get("prompt_type")
        name = f"{row['model_type']}/{prompt}" if prompt else row["model_type"]
        grouped.setdefault(name, []).append(row)
    return grouped


def first_line(text):
    return text.strip().split("\n")[0].strip()


def write_arms(commands, grouped, answer):
    """A recording for each arm; rows are matched by what is asked, whatever the prompt type."""
    paths = {}
    for name, found in grouped.items():
        answers = [{"id": str(n), "output": answer(row["sample"])} for n, row in enumerate(found)]
        paths[name] = commands.jsonl(name.replace("/", "_") + ".jsonl", answers)
    return paths


def heldout(commands, found, split, name="heldout"):
    samples = [
        {"id": str(n), "input": row["context"], "target": split(row["ref_text"])}
        for n, row in enumerate(found)
    ]
    return commands.jsonl(f"{name}.jsonl", samples)


def test_every_squad_figure_equals_the_reference(commands, shared_data, expected):
    figures = expected("instructgpt")["tasks"]["squadv2"]
    grouped = arms(rows(shared_data, "squadv2"))
    suite = commands.suite(SQUAD)
    assert set(figures) == set(grouped)
    for name, path in write_arms(commands, grouped, first_line).items():
        data = heldout(commands, grouped[name], lambda text: text.split("|"))
        metrics = commands.json("score", suite, path, "--data", data)["metrics"]
        assert figures[name]["em"] == pytest.approx(metrics["em"]["value"], abs=1e-9), name
        assert figures[name]["f1"] == pytest.approx(metrics["f1"]["value"], abs=1e-9), name


def test_every_tldr_figure_equals_the_reference(commands, shared_data, expected):
    figures = expected("instructgpt")["tasks"]["tldr"]
    grouped = arms(rows(shared_data, "tldr"))
    suite = commands.suite(TLDR)
    for name, path in write_arms(commands, grouped, lambda text: text).items():
        data = heldout(commands, grouped[name], lambda text: [text])
        metrics = commands.json("score", suite, path, "--data", data)["metrics"]
        for ours, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
            value = metrics[ours]["value"]
            assert figures[name][theirs] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("candidate", ["sft-xl", "sft-6b", "ppo-ptx-6b"])
def test_a_tuned_small_model_against_the_prompted_large_one_is_judged_honestly(
    commands, shared_data, candidate
):
    grouped = arms(rows(shared_data, "tldr"))
    asked = {row["context"] for row in grouped["gpt-175b"]}
    assert asked == {row["context"] for row in grouped[candidate]}
    order = {row["context"]: n for n, row in enumerate(grouped["gpt-175b"])}
    aligned = {
        name: sorted(grouped[name], key=lambda row: order[row["context"]])
        for name in ("gpt-175b", candidate)
    }
    paths = write_arms(commands, aligned, lambda text: text)
    data = heldout(commands, aligned["gpt-175b"], lambda text: [text])
    arguments = ["gate", commands.suite(TLDR), "--data", data, "--reports", "none"]
    arguments += ["--candidate", paths[candidate], "--baseline", paths["gpt-175b"], "--exit-zero"]
    facts = commands.json(*arguments)
    (gate,) = facts["gates"]
    assert facts["verdict"] in ("READY", "NOT_READY", "INCONCLUSIVE")
    assert gate["lower"] < gate["difference"] < gate["upper"]
    if gate["outcome"] == "INCONCLUSIVE":
        assert gate["n_more"] or gate["reason"]
