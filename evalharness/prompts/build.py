"""PromptSpec -> the program that carries it out.

Depends on: the programs, imported only when a specification asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from evalharness.contracts import PromptProgram
from evalharness.prompts.template import TemplateProgram
from evalharness.records import Sample
from evalharness.spec.suite import PromptSpec


def build_program(
    spec: PromptSpec, *, base: Path, where: str, heldout: Iterable[Sample] = ()
) -> PromptProgram:
    """The prompt program of a suite or baseline.

    base: the folder that relative paths start from.  where: the file, for errors.
    heldout: the samples that will be asked, which few-shot examples must not contain.
    Raises SpecError; DataError where an example or document file is wrong.
    """
    plain = TemplateProgram(spec, where=where)
    if spec.few_shot is None and spec.rag is None:
        return plain
    from evalharness.prompts.retrieval import RetrievalProgram

    return RetrievalProgram(spec, plain, base=base, where=where, heldout=heldout)
