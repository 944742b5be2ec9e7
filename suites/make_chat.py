"""The train splits of our suites as chat rows, which fine-tuning services take.

Reads: suite.yaml and train.jsonl of every suite that has both.  Gives: train.chat.jsonl there.
Depends on: evalharness (the suite's own prompt program writes the messages, so that tuning and
evaluation ask in the same words).

    python suites/make_chat.py
"""

# ruff: noqa: INP001 - a command beside the suites, no package
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evalharness.data.sources import open_source
from evalharness.prompts.build import build_program
from evalharness.records import Sample
from evalharness.spec.read import read_suite

SUITES = Path(__file__).resolve().parent


def answer_of(sample: Sample) -> str:
    """What the tuned model is to say: the first target, or a program in a code fence."""
    if sample.code is not None:
        return f"```python\n{(sample.code.canonical or '').strip()}\n```"
    return sample.targets[0]


def chat_rows(folder: Path) -> Iterator[str]:
    """One conversation a train sample, as JSON."""
    suite = read_suite(folder / "suite.yaml")
    data = msgspec.structs.replace(suite.data, path="train.jsonl")
    program = build_program(suite.prompt, base=folder, where=suite.name)
    for sample in open_source(data, base=folder):
        messages = [
            {"role": message.role, "content": message.content} for message in program.render(sample)
        ]
        messages.append({"role": "assistant", "content": answer_of(sample)})
        yield json.dumps({"messages": messages}, ensure_ascii=False)


def main() -> None:
    """Write every file."""
    for train in sorted(SUITES.glob("*/train.jsonl")):
        text = "".join(f"{row}\n" for row in chat_rows(train.parent))
        train.with_name("train.chat.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
