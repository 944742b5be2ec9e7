"""WMT23 BLEU and chrF, SummEval, REALSumm and XSum ROUGE, to 1e-9, through the command line."""

from __future__ import annotations

import gzip
import json

import pytest

WMT = """
name: wmt
metrics: [{{name: bleu, tokenize: "{tokenize}"}}, chrf]
"""
ROUGE = """
name: summaries
metrics:
  - {name: rouge_1, stemmer: true}
  - {name: rouge_2, stemmer: true}
  - {name: rouge_l, stemmer: true}
"""
NAMES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return file.read().removesuffix("\n").split("\n")


def jsonl(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(("pair", "tokenize"), [("de-en", "13a"), ("en-zh", "zh")])
def test_bleu_and_chrf_equal_the_published_scores(commands, shared_data, expected, pair, tokenize):
    figures = expected("wmt23")["pairs"][pair]["systems"]
    folder = shared_data / "wmt23"
    samples = [
        {"id": str(n), "input": source, "target": reference}
        for n, (source, reference) in enumerate(
            zip(lines(folder / f"{pair}.src.gz"), lines(folder / f"{pair}.refA.gz"), strict=True)
        )
    ]
    data = commands.jsonl("data.jsonl", samples)
    suite = commands.suite(WMT.format(tokenize=tokenize))
    seen = 0
    for path in sorted(folder.glob(f"{pair}.hyp.*.gz"))[:: 1 if pair == "de-en" else 2]:
        system = path.name.split(".hyp.")[1].removesuffix(".gz")
        rows = [{"id": str(n), "output": text} for n, text in enumerate(lines(path))]
        recording = commands.jsonl(f"{system}.jsonl", rows)
        metrics = commands.json("score", suite, recording, "--data", data)["metrics"]
        assert figures[system]["bleu"] == pytest.approx(metrics["bleu"]["value"], abs=1e-9), system
        assert figures[system]["chrf"] == pytest.approx(metrics["chrf"]["value"], abs=1e-9), system
        for part in figures[system]["bleu_sig"].split("|"):
            assert part.split(":")[1] in metrics["bleu"]["signature"], part
        seen += 1
    assert seen >= 3


@pytest.mark.parametrize("name", ["summeval", "realsumm"])
def test_rouge_of_every_system_equals_the_reference(commands, shared_data, expected, name):
    folder = shared_data / name
    docs = jsonl(folder / "docs.jsonl.gz")
    data = commands.jsonl(
        "data.jsonl",
        [{"id": d["doc_id"], "input": d["source"], "target": d["reference"]} for d in docs],
    )
    systems: dict[str, list[dict]] = {}
    for row in jsonl(folder / "outputs.jsonl.gz"):
        answer = {"id": row["doc_id"], "output": row["summary"]}
        systems.setdefault(row["system"], []).append(answer)
    suite = commands.suite(ROUGE)
    figures = expected(name)["systems"]
    assert set(figures) == set(systems)
    for system, rows in systems.items():
        recording = commands.jsonl("system.jsonl", rows)
        metrics = commands.json("score", suite, recording, "--data", data)["metrics"]
        for ours, theirs in NAMES.items():
            value = metrics[ours]["value"]
            assert figures[system][theirs] == pytest.approx(value, abs=1e-9), (system, ours)


@pytest.mark.parametrize("system", ["lead", "ptgen", "convs2s"])
def test_xsum_rouge_equals_the_reference_over_aligned_plain_lines(
    commands, shared_data, expected, system
):
    folder = shared_data / "xsum"
    figures = expected("xsum")["systems"][system]
    gold = lines(folder / "gold.txt.gz")[: figures["n"]]
    data = commands.jsonl(
        "data.jsonl", [{"id": f"d{n}", "input": "", "target": t} for n, t in enumerate(gold)]
    )
    answers = commands.folder / f"{system}.txt"
    answers.write_text("\n".join(lines(folder / f"{system}.txt.gz")[: figures["n"]]) + "\n")
    metrics = commands.json("score", commands.suite(ROUGE), answers, "--data", data)["metrics"]
    for ours, theirs in NAMES.items():
        assert figures[theirs] == pytest.approx(metrics[ours]["value"], abs=1e-9), ours
