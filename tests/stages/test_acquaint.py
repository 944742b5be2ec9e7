"""Metrics meet the whole set before they measure: what they learn stands in marks and summary."""

from __future__ import annotations

import json

SUITE = """
name: words
data: {path: d.jsonl}
metrics: [rouge_1, bleu]
policy: {gates: [{metric: error_rate, test: at_most, value: 0.1}]}
"""


def scored(commands, rows):
    """The header of marks.jsonl and the summary of answers that equal the first target."""
    data = [{"id": str(n), "input": "?", "target": row} for n, row in enumerate(rows)]
    said = commands.jsonl("o.jsonl", [{"id": x["id"], "output": x["target"][0]} for x in data])
    suite = commands.suite(SUITE)
    heldout = commands.jsonl("d.jsonl", data)
    code, _, error = commands.run("score", suite.parent, said, "--data", heldout)
    assert code == 0, error
    (folder,) = (path for path in commands.out.iterdir() if (path / "marks.jsonl").exists())
    header = json.loads((folder / "marks.jsonl").read_text().splitlines()[0])
    return header, json.loads((folder / "summary.json").read_text())


def test_a_metric_that_throws_most_of_the_text_away_says_so_in_the_summary(commands):
    _, summary = scored(commands, [["我爱北京"], ["plain words"]])
    assert [one for one in summary["warnings"] if "tokenizer: unicode" in one]
    assert "1 of 2 references" in " ".join(summary["warnings"])


def test_the_signature_of_bleu_says_how_many_references_the_samples_have(commands):
    header, summary = scored(commands, [["a b c d e", "a b c d f"], ["f g h i j", "k"]])
    (bleu,) = (one for one in header["metrics"] if one["label"] == "bleu")
    assert "bleu|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0|v1" == bleu["signature"]
    assert bleu["signature"] == summary["metrics"]["bleu"]["signature"]
    assert not summary["warnings"]
