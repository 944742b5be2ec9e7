"""Small files and programs that the tests of prompt programs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from evalharness.contracts import PromptProgram
from evalharness.prompts.build import build_program
from evalharness.prompts.template import TemplateProgram
from evalharness.records import Sample
from evalharness.spec.suite import FewShotSpec, PromptSpec, RagSpec

CAPITALS = [
    ("fr", "What is the capital of France?", "Paris"),
    ("de", "What is the capital of Germany?", "Berlin"),
    ("pet", "Which animal says meow?", "the cat"),
    ("sky", "Which colour is the sky on a clear day?", "blue"),
    ("sum", "How much is two and two?", "four"),
]

Write = Callable[..., Path]
Build = Callable[..., PromptProgram]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    rows = [{"id": key, "input": question, "target": answer} for key, question, answer in CAPITALS]
    return write_jsonl(tmp_path / "train.jsonl", rows)


@pytest.fixture
def plain() -> TemplateProgram:
    return TemplateProgram(PromptSpec(), where="suite.yaml")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """build(few_shot={...}, rag={...}, heldout=[...], **prompt): a program over tmp_path."""

    def make(
        *,
        few_shot: dict[str, Any] | None = None,
        rag: dict[str, Any] | None = None,
        heldout: Iterable[Sample] = (),
        **prompt: Any,
    ) -> PromptProgram:
        spec = PromptSpec(
            few_shot=None if few_shot is None else FewShotSpec(**few_shot),
            rag=None if rag is None else RagSpec(**rag),
            **prompt,
        )
        return build_program(spec, base=tmp_path, where="suite.yaml", heldout=heldout)

    return make
